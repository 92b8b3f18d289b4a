-- A checked constraint need not be unchecked: links.0001.init drops it.
SET LOCAL ROLE mentorbase_owner;
