-- Interventions are assigned to users, for new rows; the next migration checks the rows that are there.
-- depends: links.0020.validate_calendar tutormax.0001.init

SET LOCAL ROLE mentorbase_owner;
SET LOCAL lock_timeout = '5s';

-- Who keeps tutors is a user.
ALTER TABLE tutormax.interventions
ADD CONSTRAINT interventions_assigned_to_fkey FOREIGN KEY (assigned_to)
REFERENCES auth.users (id) ON DELETE RESTRICT NOT VALID;

COMMENT ON CONSTRAINT interventions_assigned_to_fkey ON tutormax.interventions IS 'assigned_to is the id of a user.';
