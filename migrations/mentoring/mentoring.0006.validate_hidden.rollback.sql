-- A checked constraint need not be unchecked: mentoring.0005.remove drops it.
SET LOCAL ROLE mentorbase_owner;
