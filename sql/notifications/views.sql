CREATE VIEW notifications.v_notifications AS
SELECT
    n.id AS notification_id,
    n.recipient_telegram_id,
    n.template_code,
    n.channel,
    n.status,
    n.duplicates,
    n.attempts,
    n.not_before,
    n.next_attempt_at,
    n.lease_until,
    n.last_error,
    n.sent_at,
    n.created_at,
    n.updated_at
FROM notifications.notifications AS n;

COMMENT ON VIEW notifications.v_notifications IS 'Notifications for analysts: all but what they say.';
COMMENT ON COLUMN notifications.v_notifications.notification_id IS 'Number of the notification.';
COMMENT ON COLUMN notifications.v_notifications.recipient_telegram_id IS 'For whom, as Telegram knows them.';
COMMENT ON COLUMN notifications.v_notifications.template_code IS 'What kind of notification it is.';
COMMENT ON COLUMN notifications.v_notifications.channel IS 'The way it takes.';
COMMENT ON COLUMN notifications.v_notifications.status IS 'Where it stands.';
COMMENT ON COLUMN notifications.v_notifications.duplicates IS 'How often the same was queued again.';
COMMENT ON COLUMN notifications.v_notifications.attempts IS 'How many attempts have begun since it was queued or replayed.';
COMMENT ON COLUMN notifications.v_notifications.not_before IS 'The instant before which it was asked not to be sent.';
COMMENT ON COLUMN notifications.v_notifications.next_attempt_at IS 'While waiting: when it is due. Later: when it was.';
COMMENT ON COLUMN notifications.v_notifications.lease_until IS 'Until when it is its worker''s.';
COMMENT ON COLUMN notifications.v_notifications.last_error IS 'Why the last attempt did not succeed or it was cancelled.';
COMMENT ON COLUMN notifications.v_notifications.sent_at IS 'When it was recorded as sent.';
COMMENT ON COLUMN notifications.v_notifications.created_at IS 'When it was queued.';
COMMENT ON COLUMN notifications.v_notifications.updated_at IS 'When its status last changed.';

CREATE VIEW notifications.v_notification_backlog AS
SELECT
    n.channel,
    n.status,
    count(*) AS notifications,
    sum(n.duplicates)::bigint AS duplicates,
    min(n.created_at) AS oldest_created_at,
    max(n.updated_at) AS latest_step_at
FROM notifications.notifications AS n
GROUP BY n.channel, n.status;

COMMENT ON VIEW notifications.v_notification_backlog IS
'How many notifications stand where, by channel; every notification is counted once. With the duplicates these are all that were ever queued. Reads the whole table.';
COMMENT ON COLUMN notifications.v_notification_backlog.channel IS 'The way they take.';
COMMENT ON COLUMN notifications.v_notification_backlog.status IS 'Where they stand.';
COMMENT ON COLUMN notifications.v_notification_backlog.notifications IS 'How many there are.';
COMMENT ON COLUMN notifications.v_notification_backlog.duplicates IS 'How often the same were queued again.';
COMMENT ON COLUMN notifications.v_notification_backlog.oldest_created_at IS 'When the oldest of them was queued.';
COMMENT ON COLUMN notifications.v_notification_backlog.latest_step_at IS 'When the last of them came to stand there.';

CREATE VIEW notifications.v_notification_logs AS
SELECT
    l.id AS step_id,
    l.notification_id,
    l.recipient_telegram_id,
    l.channel,
    l.from_status,
    l.to_status,
    l.attempt,
    l.error,
    l.occurred_at
FROM notifications.notification_logs AS l;

COMMENT ON VIEW notifications.v_notification_logs IS
'How notifications fared, for analysts: all but the database logins. Filter by occurred_at.';
COMMENT ON COLUMN notifications.v_notification_logs.step_id IS 'Order of the steps.';
COMMENT ON COLUMN notifications.v_notification_logs.notification_id IS 'Number of the notification.';
COMMENT ON COLUMN notifications.v_notification_logs.recipient_telegram_id IS 'For whom it was, as Telegram knows them.';
COMMENT ON COLUMN notifications.v_notification_logs.channel IS 'The way it takes.';
COMMENT ON COLUMN notifications.v_notification_logs.from_status IS 'Status before.';
COMMENT ON COLUMN notifications.v_notification_logs.to_status IS 'Status after.';
COMMENT ON COLUMN notifications.v_notification_logs.attempt IS 'How many attempts had begun.';
COMMENT ON COLUMN notifications.v_notification_logs.error IS 'Why, where it did not succeed.';
COMMENT ON COLUMN notifications.v_notification_logs.occurred_at IS 'When the step was taken.';

CREATE VIEW notifications.v_queues AS
SELECT
    c.channel,
    (
        SELECT count(*) FROM notifications.notifications AS n
        WHERE n.channel = c.channel AND n.status = 'pending'
    )
    + (
        SELECT count(*) FROM notifications.notifications AS n
        WHERE n.channel = c.channel AND n.status = 'waiting'
    ) AS backlog,
    (
        SELECT count(*) FROM notifications.notifications AS n
        WHERE n.channel = c.channel AND n.status IN ('processing', 'sending')
    ) AS in_work,
    least(
        (
            SELECT min(n.created_at) FROM notifications.notifications AS n
            WHERE n.channel = c.channel AND n.status = 'pending'
        ),
        (
            SELECT min(n.created_at) FROM notifications.notifications AS n
            WHERE n.channel = c.channel AND n.status = 'waiting'
        )
    ) AS oldest_waiting_since,
    (
        SELECT count(*) FROM notifications.notifications AS n
        WHERE n.channel = c.channel AND n.status IN ('dead', 'uncertain') AND n.status = 'dead'
    ) AS dead,
    (
        SELECT count(*) FROM notifications.notifications AS n
        WHERE n.channel = c.channel AND n.status IN ('dead', 'uncertain') AND n.status = 'uncertain'
    ) AS uncertain,
    (
        SELECT h.paused_until FROM notifications.channel_pauses AS h
        WHERE h.channel = c.channel AND h.paused_until > now()
    ) AS paused_until
FROM unnest(enum_range(NULL::notifications.channel)) AS c (channel);

COMMENT ON VIEW notifications.v_queues IS
'How the queue stands, one row a channel, for alarms: reads what is open or stuck, and nothing of what is done.';
COMMENT ON COLUMN notifications.v_queues.channel IS 'The way that notifications take.';
COMMENT ON COLUMN notifications.v_queues.backlog IS 'How many wait for a worker, at once or at a later time.';
COMMENT ON COLUMN notifications.v_queues.in_work IS 'How many a worker has.';
COMMENT ON COLUMN notifications.v_queues.oldest_waiting_since IS
'When the oldest of those that wait was queued; NULL: none waits.';
COMMENT ON COLUMN notifications.v_queues.dead IS 'How many were given up.';
COMMENT ON COLUMN notifications.v_queues.uncertain IS 'Of how many nobody knows whether they arrived.';
COMMENT ON COLUMN notifications.v_queues.paused_until IS
'Until when the channel rests, as it asked for (429); NULL: it does not.';

CREATE VIEW notifications.v_user_notification_settings AS
SELECT
    s.telegram_id,
    s.notification_type,
    s.channel,
    s.is_enabled,
    s.quiet_from,
    s.quiet_to,
    s.timezone,
    s.updated_at
FROM notifications.user_notification_settings AS s;

COMMENT ON VIEW notifications.v_user_notification_settings IS 'What people want to hear and when, for support.';
COMMENT ON COLUMN notifications.v_user_notification_settings.telegram_id IS 'The person (auth.users.telegram_id).';
COMMENT ON COLUMN notifications.v_user_notification_settings.notification_type IS
'A template''s code, or all for every type without a row of its own.';
COMMENT ON COLUMN notifications.v_user_notification_settings.channel IS 'The way that it is about.';
COMMENT ON COLUMN notifications.v_user_notification_settings.is_enabled IS 'Whether the person wants these.';
COMMENT ON COLUMN notifications.v_user_notification_settings.quiet_from IS
'Begin of the hours in which nothing is sent, local time; NULL: as in the row of type all, or none.';
COMMENT ON COLUMN notifications.v_user_notification_settings.quiet_to IS
'End of those hours, local time, not included; before quiet_from it is the next day''s.';
COMMENT ON COLUMN notifications.v_user_notification_settings.timezone IS 'IANA time zone of the quiet hours.';
COMMENT ON COLUMN notifications.v_user_notification_settings.updated_at IS 'When the row last changed.';

CREATE VIEW notifications.v_unreachable_recipients AS
SELECT
    r.recipient_telegram_id,
    r.channel,
    r.created_at AS unreachable_since
FROM notifications.unreachable_recipients AS r;

COMMENT ON VIEW notifications.v_unreachable_recipients IS
'Whom which channel does not reach, for support; mark_reachable() takes a person off.';
COMMENT ON COLUMN notifications.v_unreachable_recipients.recipient_telegram_id IS 'The person, as Telegram knows them.';
COMMENT ON COLUMN notifications.v_unreachable_recipients.channel IS 'The way that does not reach them.';
COMMENT ON COLUMN notifications.v_unreachable_recipients.unreachable_since IS 'Since when.';

CREATE VIEW notifications.v_notification_templates AS
SELECT
    t.id AS template_id,
    t.code,
    t.language_code,
    t.channel,
    t.body,
    t.updated_at
FROM notifications.notification_templates AS t;

COMMENT ON VIEW notifications.v_notification_templates IS
'What people are told, before their own values are filled in.';
COMMENT ON COLUMN notifications.v_notification_templates.template_id IS 'Row number, without meaning.';
COMMENT ON COLUMN notifications.v_notification_templates.code IS
'What kind of notification it is, such as publication.';
COMMENT ON COLUMN notifications.v_notification_templates.language_code IS 'Language of body, a BCP 47 tag.';
COMMENT ON COLUMN notifications.v_notification_templates.channel IS 'The way it is written for.';
COMMENT ON COLUMN notifications.v_notification_templates.body IS 'The text; {title} stands for the value title.';
COMMENT ON COLUMN notifications.v_notification_templates.updated_at IS 'When it last changed.';

CREATE VIEW notifications.v_audit_log AS
SELECT
    a.id AS change_id,
    a.table_name,
    a.row_key,
    a.operation,
    coalesce(
        (
            SELECT array_agg(c.name ORDER BY c.name)
            FROM (
                SELECT k.name
                FROM jsonb_object_keys(coalesce(a.new_values, a.old_values)) AS k (name)
                WHERE a.operation = 'update'
                UNION ALL
                SELECT s.name FROM unnest(a.secret_columns) AS s (name)
            ) AS c
        ),
        '{}'
    ) AS changed_columns,
    a.actor_kind,
    a.actor_id,
    a.transaction_id,
    a.occurred_at
FROM notifications.audit_log AS a;

COMMENT ON VIEW notifications.v_audit_log IS
'Who changed which row of this schema and when, for analysts: all but the values and the database logins. Filter by occurred_at.';
COMMENT ON COLUMN notifications.v_audit_log.change_id IS 'Order of the changes.';
COMMENT ON COLUMN notifications.v_audit_log.table_name IS 'The table whose row changed.';
COMMENT ON COLUMN notifications.v_audit_log.row_key IS 'The row: its key columns and their values.';
COMMENT ON COLUMN notifications.v_audit_log.operation IS 'insert, update, delete, or scrub for an erasure of values from the log.';
COMMENT ON COLUMN notifications.v_audit_log.changed_columns IS
'What an update changed, and which secret columns an insert or delete had filled.';
COMMENT ON COLUMN notifications.v_audit_log.actor_kind IS 'As what the actor did it: user, admin or system.';
COMMENT ON COLUMN notifications.v_audit_log.actor_id IS
'Who did it (auth.users.id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN notifications.v_audit_log.transaction_id IS 'The transaction, the same for all that it changed.';
COMMENT ON COLUMN notifications.v_audit_log.occurred_at IS 'When: the start of the transaction.';
