-- A checked constraint need not be unchecked: links.0032.quests drops it.
SET LOCAL ROLE mentorbase_owner;
