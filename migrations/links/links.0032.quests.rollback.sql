SET LOCAL ROLE mentorbase_owner;

ALTER TABLE quests.child_privacy_settings DROP CONSTRAINT child_privacy_settings_child_id_fkey;
ALTER TABLE quests.users DROP CONSTRAINT users_id_fkey;
