-- A checked constraint need not be unchecked: links.0005.blocks drops it.
SET LOCAL ROLE mentorbase_owner;
