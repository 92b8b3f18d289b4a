SET LOCAL ROLE mentorbase_owner;

ALTER TABLE mentoring.mentor_mentee
DROP CONSTRAINT mentor_mentee_mentor_id_fkey,
DROP CONSTRAINT mentor_mentee_mentee_id_fkey;

ALTER TABLE mentoring.user_profiles
DROP CONSTRAINT user_profiles_user_id_fkey;
