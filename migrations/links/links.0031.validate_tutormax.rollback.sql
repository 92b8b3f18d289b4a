-- A checked constraint need not be unchecked: links.0030.tutormax drops it.
SET LOCAL ROLE mentorbase_owner;
