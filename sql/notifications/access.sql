GRANT USAGE ON SCHEMA notifications, platform TO notifications_app;
GRANT EXECUTE ON FUNCTION
platform.current_actor(name), platform.is_application(name), platform.is_timezone(text),
notifications.enqueue(bigint, text, notifications.channel, jsonb, text, text, timestamptz),
notifications.enqueue_many(bigint[], text, notifications.channel, jsonb, text, text[], timestamptz),
notifications.claim(notifications.channel, integer, interval, bigint, timestamptz, bigint),
notifications.begin_attempt(bigint, uuid, interval),
notifications.finish(bigint, uuid, notifications.outcome, text, interval, text),
notifications.recover(notifications.channel, timestamptz, integer),
notifications.replay(bigint),
notifications.replay_dead(notifications.channel, integer),
notifications.mark_reachable(bigint, notifications.channel),
notifications.save_settings(bigint, notifications.channel, text, boolean, time, time, text, bigint),
notifications.save_template(text, text, notifications.channel, text, bigint)
TO notifications_app;

-- Steps are taken by the functions above.
GRANT SELECT ON
notifications.settings, notifications.notifications, notifications.notification_transitions,
notifications.notification_logs, notifications.channel_pauses, notifications.unreachable_recipients
TO notifications_app;

GRANT SELECT, INSERT (code, language_code, channel, body), UPDATE (body)
ON notifications.notification_templates TO notifications_app;
GRANT SELECT, DELETE,
INSERT (telegram_id, notification_type, channel, is_enabled, quiet_from, quiet_to, timezone),
UPDATE (is_enabled, quiet_from, quiet_to, timezone)
ON notifications.user_notification_settings TO notifications_app;

GRANT USAGE ON SCHEMA notifications TO mentorbase_reader;
GRANT USAGE ON TYPE notifications.channel, notifications.notification_status TO mentorbase_reader;
GRANT SELECT ON
notifications.v_notifications, notifications.v_notification_backlog, notifications.v_notification_logs,
notifications.v_audit_log
TO mentorbase_reader;

GRANT SELECT ON
notifications.v_queues, notifications.v_user_notification_settings, notifications.v_unreachable_recipients,
notifications.v_notification_templates
TO mentorbase_reader;
