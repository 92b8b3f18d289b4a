-- Checks the rows that were there before the foreign key, without blocking writers.
-- depends: links.0007.publications

SET LOCAL ROLE mentorbase_owner;

ALTER TABLE mentoring.publications VALIDATE CONSTRAINT publications_mentor_id_fkey;
