SET LOCAL ROLE mentorbase_owner;

DROP TRIGGER user_notification_settings_guard ON notifications.user_notification_settings;

COMMENT ON FUNCTION notifications.save_settings(
    bigint, notifications.channel, text, boolean, time, time, text, bigint
) IS
'Writes a person''s settings of one channel and type (all: every type without a row of its own) and returns them. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, and the constraints of user_notification_settings.';
