SET LOCAL ROLE mentorbase_owner;

DROP TRIGGER publications_notify_subscribers ON mentoring.publications;
DROP FUNCTION links.notify_subscribers();
ALTER TABLE notifications.user_notification_settings DROP CONSTRAINT user_notification_settings_telegram_id_fkey;
