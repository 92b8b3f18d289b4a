SET LOCAL ROLE mentorbase_owner;

ALTER TABLE mentoring.blocks
DROP CONSTRAINT blocks_blocker_id_fkey,
DROP CONSTRAINT blocks_blocked_id_fkey;
