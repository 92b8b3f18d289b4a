SET LOCAL ROLE mentorbase_owner;

ALTER TABLE tutormax.interventions DROP CONSTRAINT interventions_assigned_to_fkey;
