-- Checks the rows that were there before, without blocking writers.
-- depends: mentoring.0005.remove

SET LOCAL ROLE mentorbase_owner;

ALTER TABLE mentoring.mentor_mentee VALIDATE CONSTRAINT mentor_mentee_hidden_by_mentor_at_check;
ALTER TABLE mentoring.mentor_mentee VALIDATE CONSTRAINT mentor_mentee_hidden_by_mentee_at_check;
