-- Checks the rows that were there before the foreign key, without blocking writers.
-- depends: links.0030.tutormax

SET LOCAL ROLE mentorbase_owner;

ALTER TABLE tutormax.interventions VALIDATE CONSTRAINT interventions_assigned_to_fkey;
