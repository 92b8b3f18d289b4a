SET LOCAL ROLE mentorbase_owner;

DROP VIEW notifications.v_notification_templates;
DROP VIEW notifications.v_unreachable_recipients;
DROP VIEW notifications.v_user_notification_settings;
DROP VIEW notifications.v_queues;
