SET LOCAL ROLE mentorbase_owner;

ALTER TABLE mentoring.publications DROP CONSTRAINT publications_mentor_id_fkey;
