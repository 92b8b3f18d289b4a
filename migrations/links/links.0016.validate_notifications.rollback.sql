-- A checked constraint need not be unchecked: links.0015.notifications drops it.
SET LOCAL ROLE mentorbase_owner;
