-- A checked constraint need not be unchecked: links.0021.lessons drops it.
SET LOCAL ROLE mentorbase_owner;
