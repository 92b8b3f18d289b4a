-- What is whose.
-- depends: notifications.0003.own_settings platform.0023.people

SET LOCAL ROLE mentorbase_owner;

-- What says nothing of a person by itself.
INSERT INTO platform.column_inventory (schema_name, table_name, column_name, class)
SELECT 'notifications' AS schema_name, i.table_name, unnest(string_to_array(i.columns, ' ')) AS column_name, 'none' AS class
FROM (
    VALUES
    (
        'audit_log',
        'id table_name operation secret_columns actor_kind db_login db_role transaction_id occurred_at '
        'scrubbed_at'
    ),
    ('settings', 'name value unit meaning created_at updated_at'),
    ('notification_transitions', 'id from_status to_status meaning'),
    ('channel_pauses', 'channel paused_until created_at updated_at'),
    ('notification_templates', 'id code language_code channel body created_at updated_at'),
    ('notification_logs', 'id notification_id channel from_status to_status attempt db_login occurred_at')
) AS i (table_name, columns);

-- Whose the rest is, and what erasing them does.
INSERT INTO platform.column_inventory (
    schema_name, table_name, column_name, class, found_by, erasure, replacement, step
) VALUES
('notifications', 'audit_log', 'old_values', 'record', NULL, 'keep', NULL, 5),
('notifications', 'audit_log', 'new_values', 'record', NULL, 'keep', NULL, 5),
(
    'notifications', 'audit_log', 'row_key', 'record',
    't.row_key <> platform.renamed_key(t.row_key, p.telegram_id, p.pseudonym)',
    'replace', 'platform.renamed_key(t.row_key, p.telegram_id, p.pseudonym)', 7
),
('notifications', 'audit_log', 'actor_id', 'identifier', 't.actor_id = p.telegram_id', 'replace', 'p.pseudonym', 7),
(
    'notifications', 'notifications', 'recipient_telegram_id', 'identifier',
    't.recipient_telegram_id = p.telegram_id',
    'delete', NULL, 5
),
(
    'notifications', 'notifications', 'external_id', 'identifier',
    't.recipient_telegram_id = p.telegram_id',
    'delete', NULL, 5
),
('notifications', 'notifications', 'payload', 'words', 't.recipient_telegram_id = p.telegram_id', 'delete', NULL, 5),
('notifications', 'notifications', 'body', 'words', 't.recipient_telegram_id = p.telegram_id', 'delete', NULL, 5),
(
    'notifications', 'notifications', 'last_error', 'words',
    't.recipient_telegram_id = p.telegram_id',
    'delete', NULL, 5
),
(
    'notifications', 'notifications', 'lease_token', 'secret',
    't.recipient_telegram_id = p.telegram_id',
    'delete', NULL, 5
),
('notifications', 'notifications', 'id', 'none', 't.recipient_telegram_id = p.telegram_id', 'delete', NULL, 5),
(
    'notifications', 'notifications', 'template_code', 'none',
    't.recipient_telegram_id = p.telegram_id',
    'delete', NULL, 5
),
('notifications', 'notifications', 'channel', 'none', 't.recipient_telegram_id = p.telegram_id', 'delete', NULL, 5),
('notifications', 'notifications', 'dedupe_key', 'none', 't.recipient_telegram_id = p.telegram_id', 'delete', NULL, 5),
('notifications', 'notifications', 'duplicates', 'none', 't.recipient_telegram_id = p.telegram_id', 'delete', NULL, 5),
('notifications', 'notifications', 'not_before', 'none', 't.recipient_telegram_id = p.telegram_id', 'delete', NULL, 5),
('notifications', 'notifications', 'status', 'none', 't.recipient_telegram_id = p.telegram_id', 'delete', NULL, 5),
('notifications', 'notifications', 'attempts', 'none', 't.recipient_telegram_id = p.telegram_id', 'delete', NULL, 5),
(
    'notifications', 'notifications', 'next_attempt_at', 'none',
    't.recipient_telegram_id = p.telegram_id',
    'delete', NULL, 5
),
(
    'notifications', 'notifications', 'lease_until', 'none',
    't.recipient_telegram_id = p.telegram_id',
    'delete', NULL, 5
),
('notifications', 'notifications', 'sent_at', 'none', 't.recipient_telegram_id = p.telegram_id', 'delete', NULL, 5),
('notifications', 'notifications', 'created_at', 'none', 't.recipient_telegram_id = p.telegram_id', 'delete', NULL, 5),
('notifications', 'notifications', 'updated_at', 'none', 't.recipient_telegram_id = p.telegram_id', 'delete', NULL, 5),
(
    'notifications', 'notification_logs', 'recipient_telegram_id', 'identifier',
    't.recipient_telegram_id = p.telegram_id',
    'replace', 'p.pseudonym', 7
),
('notifications', 'notification_logs', 'error', 'words', 't.recipient_telegram_id = p.telegram_id', 'clear', NULL, 5),
(
    'notifications', 'unreachable_recipients', 'recipient_telegram_id', 'identifier',
    't.recipient_telegram_id = p.telegram_id',
    'delete', NULL, 5
),
(
    'notifications', 'unreachable_recipients', 'channel', 'personal',
    't.recipient_telegram_id = p.telegram_id',
    'delete', NULL, 5
),
(
    'notifications', 'unreachable_recipients', 'created_at', 'none',
    't.recipient_telegram_id = p.telegram_id',
    'delete', NULL, 5
),
(
    'notifications', 'user_notification_settings', 'telegram_id', 'identifier',
    't.telegram_id = p.telegram_id',
    'delete', NULL, 5
),
(
    'notifications', 'user_notification_settings', 'is_enabled', 'personal',
    't.telegram_id = p.telegram_id',
    'delete', NULL, 5
),
(
    'notifications', 'user_notification_settings', 'quiet_from', 'personal',
    't.telegram_id = p.telegram_id',
    'delete', NULL, 5
),
(
    'notifications', 'user_notification_settings', 'quiet_to', 'personal',
    't.telegram_id = p.telegram_id',
    'delete', NULL, 5
),
(
    'notifications', 'user_notification_settings', 'timezone', 'personal',
    't.telegram_id = p.telegram_id',
    'delete', NULL, 5
),
(
    'notifications', 'user_notification_settings', 'notification_type', 'none',
    't.telegram_id = p.telegram_id',
    'delete', NULL, 5
),
('notifications', 'user_notification_settings', 'channel', 'none', 't.telegram_id = p.telegram_id', 'delete', NULL, 5),
(
    'notifications', 'user_notification_settings', 'created_at', 'none',
    't.telegram_id = p.telegram_id',
    'delete', NULL, 5
),
(
    'notifications', 'user_notification_settings', 'updated_at', 'none',
    't.telegram_id = p.telegram_id',
    'delete', NULL, 5
);
