-- Checks the rows that were there before the foreign key, without blocking writers.
-- depends: links.0015.notifications

SET LOCAL ROLE mentorbase_owner;

ALTER TABLE notifications.user_notification_settings
VALIDATE CONSTRAINT user_notification_settings_telegram_id_fkey;
