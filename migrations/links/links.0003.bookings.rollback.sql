SET LOCAL ROLE mentorbase_owner;

ALTER TABLE mentoring.subject_schedule DROP CONSTRAINT subject_schedule_user_id_fkey;
ALTER TABLE mentoring.subjects DROP CONSTRAINT subjects_user_id_fkey;
