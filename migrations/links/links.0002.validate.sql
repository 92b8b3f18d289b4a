-- Checks the rows that were there before the foreign keys, without blocking writers.
-- depends: links.0001.init

SET LOCAL ROLE mentorbase_owner;

ALTER TABLE mentoring.user_profiles VALIDATE CONSTRAINT user_profiles_user_id_fkey;
ALTER TABLE mentoring.mentor_mentee VALIDATE CONSTRAINT mentor_mentee_mentor_id_fkey;
ALTER TABLE mentoring.mentor_mentee VALIDATE CONSTRAINT mentor_mentee_mentee_id_fkey;
