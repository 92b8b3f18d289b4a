-- The foreign key of publications, for new rows; the next migration checks the rows that are there.
-- depends: links.0006.validate_blocks mentoring.0007.publications

SET LOCAL ROLE mentorbase_owner;
SET LOCAL lock_timeout = '5s';

ALTER TABLE mentoring.publications
ADD CONSTRAINT publications_mentor_id_fkey FOREIGN KEY (mentor_id)
REFERENCES auth.users (id) ON DELETE RESTRICT NOT VALID;

COMMENT ON CONSTRAINT publications_mentor_id_fkey ON mentoring.publications IS 'mentor_id is the id of a user.';
