-- The foreign keys of quests, for new rows; the next migration checks the rows that are there.
-- depends: links.0023.teaching_app quests.0001.init

SET LOCAL ROLE mentorbase_owner;
SET LOCAL lock_timeout = '5s';

-- The bot's people and the children who play are users.
ALTER TABLE quests.users
ADD CONSTRAINT users_id_fkey FOREIGN KEY (id)
REFERENCES auth.users (id) ON DELETE RESTRICT NOT VALID;

ALTER TABLE quests.child_privacy_settings
ADD CONSTRAINT child_privacy_settings_child_id_fkey FOREIGN KEY (child_id)
REFERENCES auth.users (id) ON DELETE RESTRICT NOT VALID;

COMMENT ON CONSTRAINT users_id_fkey ON quests.users IS 'id is the id of a user.';
COMMENT ON CONSTRAINT child_privacy_settings_child_id_fkey ON quests.child_privacy_settings IS
'child_id is the id of a user.';
