-- Views for people: what the documents ask of this service, with names beside ids; none reads a whole table to show a page.
-- depends: notifications.0003.own_settings

SET LOCAL ROLE mentorbase_owner;

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

GRANT SELECT ON
notifications.v_queues, notifications.v_user_notification_settings, notifications.v_unreachable_recipients,
notifications.v_notification_templates
TO mentorbase_reader;
