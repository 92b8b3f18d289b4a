-- A checked constraint need not be unchecked: links.0009.teaching drops it.
SET LOCAL ROLE mentorbase_owner;
