-- A person writes their own settings only.
-- depends: notifications.0002.lessons platform.0008.teaching

SET LOCAL ROLE mentorbase_owner;

CREATE TRIGGER user_notification_settings_guard
BEFORE INSERT OR UPDATE OR DELETE ON notifications.user_notification_settings
FOR EACH ROW EXECUTE FUNCTION platform.guard_own('telegram_id');

COMMENT ON FUNCTION notifications.save_settings(
    bigint, notifications.channel, text, boolean, time, time, text, bigint
) IS
'Writes a person''s settings of one channel and type (all: every type without a row of its own) and returns them. actor_id: who acts, a Telegram id (NULL: the transaction''s actor). Refusals: MB001, MB002, and the constraints of user_notification_settings.';
