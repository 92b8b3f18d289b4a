-- Checks the rows that were there before the foreign keys, without blocking writers.
-- depends: links.0032.quests

SET LOCAL ROLE mentorbase_owner;

ALTER TABLE quests.users VALIDATE CONSTRAINT users_id_fkey;
ALTER TABLE quests.child_privacy_settings VALIDATE CONSTRAINT child_privacy_settings_child_id_fkey;
