-- Checks the rows that were there before the foreign keys, without blocking writers.
-- depends: links.0005.blocks

SET LOCAL ROLE mentorbase_owner;

ALTER TABLE mentoring.blocks VALIDATE CONSTRAINT blocks_blocker_id_fkey;
ALTER TABLE mentoring.blocks VALIDATE CONSTRAINT blocks_blocked_id_fkey;
