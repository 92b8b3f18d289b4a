-- A checked constraint need not be unchecked: links.0007.publications drops it.
SET LOCAL ROLE mentorbase_owner;
