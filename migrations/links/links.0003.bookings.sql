-- Foreign keys of subjects and bookings, for new rows; the next migration checks the rows that are there.
-- depends: links.0002.validate mentoring.0002.bookings

SET LOCAL ROLE mentorbase_owner;
SET LOCAL lock_timeout = '5s';

ALTER TABLE mentoring.subjects
ADD CONSTRAINT subjects_user_id_fkey FOREIGN KEY (user_id)
REFERENCES auth.users (id) ON DELETE RESTRICT NOT VALID;

ALTER TABLE mentoring.subject_schedule
ADD CONSTRAINT subject_schedule_user_id_fkey FOREIGN KEY (user_id)
REFERENCES auth.users (id) ON DELETE RESTRICT NOT VALID;

COMMENT ON CONSTRAINT subjects_user_id_fkey ON mentoring.subjects IS 'user_id is the id of a user.';
COMMENT ON CONSTRAINT subject_schedule_user_id_fkey ON mentoring.subject_schedule IS 'user_id is the id of a user.';
