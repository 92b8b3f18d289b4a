-- Checks the rows that were there before the foreign keys, without blocking writers.
-- depends: links.0003.bookings

SET LOCAL ROLE mentorbase_owner;

ALTER TABLE mentoring.subjects VALIDATE CONSTRAINT subjects_user_id_fkey;
ALTER TABLE mentoring.subject_schedule VALIDATE CONSTRAINT subject_schedule_user_id_fkey;
