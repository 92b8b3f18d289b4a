-- Foreign keys of blocks, for new rows; the next migration checks the rows that are there.
-- depends: links.0004.validate_bookings mentoring.0003.blocks

SET LOCAL ROLE mentorbase_owner;
SET LOCAL lock_timeout = '5s';

ALTER TABLE mentoring.blocks
ADD CONSTRAINT blocks_blocker_id_fkey FOREIGN KEY (blocker_id)
REFERENCES auth.users (id) ON DELETE CASCADE NOT VALID,
ADD CONSTRAINT blocks_blocked_id_fkey FOREIGN KEY (blocked_id)
REFERENCES auth.users (id) ON DELETE CASCADE NOT VALID;

COMMENT ON CONSTRAINT blocks_blocker_id_fkey ON mentoring.blocks IS 'blocker_id is the id of a user.';
COMMENT ON CONSTRAINT blocks_blocked_id_fkey ON mentoring.blocks IS 'blocked_id is the id of a user.';
