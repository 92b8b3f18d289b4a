-- A checked constraint need not be unchecked: links.0019.calendar drops it.
SET LOCAL ROLE mentorbase_owner;
