-- Views for people: what the documents ask of this service, with names beside ids; none reads a whole table to show a page.
-- depends: getcourse.0002.pages

SET LOCAL ROLE mentorbase_owner;

CREATE OR REPLACE VIEW getcourse.v_active_mappings AS
SELECT
    p.id,
    p.training_id,
    t.title AS training_title,
    p.student_id,
    s.getcourse_user_id AS student_getcourse_user_id,
    s.email AS student_email,
    s.first_name AS student_first_name,
    s.last_name AS student_last_name,
    p.mentor_id,
    m.email AS mentor_email,
    m.first_name AS mentor_first_name,
    m.last_name AS mentor_last_name,
    m.telegram_id AS mentor_telegram_id,
    p.valid_from,
    p.valid_to
FROM getcourse.mapping AS p
CROSS JOIN
    LATERAL (
        SELECT x.getcourse_user_id, x.email, x.first_name, x.last_name FROM getcourse.students AS x
        WHERE x.id = p.student_id AND x.valid_from <= now() AND x.valid_to > now()
        LIMIT 1
    ) AS s
CROSS JOIN
    LATERAL (
        SELECT x.email, x.first_name, x.last_name, x.telegram_id FROM getcourse.mentors AS x
        WHERE x.id = p.mentor_id AND x.valid_from <= now() AND x.valid_to > now()
        LIMIT 1
    ) AS m
CROSS JOIN
    LATERAL (
        SELECT x.title FROM getcourse.trainings AS x
        WHERE x.training_id = p.training_id AND x.valid_from <= now() AND x.valid_to > now()
        LIMIT 1
    ) AS t
WHERE p.valid_from <= now() AND p.valid_to > now();

CREATE VIEW getcourse.v_mapping_versions AS
SELECT
    p.version_id,
    p.id AS mapping_id,
    p.training_id,
    t.title AS training_title,
    p.student_id,
    s.name AS student_name,
    p.mentor_id,
    m.name AS mentor_name,
    p.valid_from,
    p.valid_to,
    p.is_open,
    p.valid_from <= now() AND p.valid_to > now() AS is_active
FROM getcourse.mapping AS p
LEFT JOIN LATERAL (
    SELECT x.title FROM getcourse.trainings AS x
    WHERE x.training_id = p.training_id
    ORDER BY x.valid_from DESC
    LIMIT 1
) AS t ON true
LEFT JOIN LATERAL (
    SELECT nullif(concat_ws(' ', x.first_name, x.last_name), '') AS name FROM getcourse.students AS x
    WHERE x.id = p.student_id
    ORDER BY x.valid_from DESC
    LIMIT 1
) AS s ON true
LEFT JOIN LATERAL (
    SELECT nullif(concat_ws(' ', x.first_name, x.last_name), '') AS name FROM getcourse.mentors AS x
    WHERE x.id = p.mentor_id
    ORDER BY x.valid_from DESC
    LIMIT 1
) AS m ON true;

COMMENT ON VIEW getcourse.v_mapping_versions IS
'Who mentored which student in which training and when: every version, ended ones too, with the names of the latest versions.';
COMMENT ON COLUMN getcourse.v_mapping_versions.version_id IS 'The version (mapping.version_id).';
COMMENT ON COLUMN getcourse.v_mapping_versions.mapping_id IS
'The pair of student and training, the same in each version.';
COMMENT ON COLUMN getcourse.v_mapping_versions.training_id IS 'The training.';
COMMENT ON COLUMN getcourse.v_mapping_versions.training_title IS 'What the training is called.';
COMMENT ON COLUMN getcourse.v_mapping_versions.student_id IS 'The student.';
COMMENT ON COLUMN getcourse.v_mapping_versions.student_name IS
'What the student is called; NULL: not known. Personal data.';
COMMENT ON COLUMN getcourse.v_mapping_versions.mentor_id IS 'The mentor.';
COMMENT ON COLUMN getcourse.v_mapping_versions.mentor_name IS
'What the mentor is called; NULL: not known. Personal data.';
COMMENT ON COLUMN getcourse.v_mapping_versions.valid_from IS 'From when this held; included.';
COMMENT ON COLUMN getcourse.v_mapping_versions.valid_to IS
'Until when, not included; 9999-12-31 00:00 UTC: until further notice.';
COMMENT ON COLUMN getcourse.v_mapping_versions.is_open IS 'Whether it holds until further notice.';
COMMENT ON COLUMN getcourse.v_mapping_versions.is_active IS 'Whether it holds now.';

CREATE VIEW getcourse.v_webhook_events AS
SELECT
    e.id,
    e.source,
    e.event_date,
    e.user_id,
    s.student_id,
    s.student_name,
    e.answer_id,
    e.answer_training_id,
    t.training_title,
    e.answer_lesson_id,
    l.lesson_title,
    e.answer_status,
    e.status,
    e.processed,
    e.processed_at,
    e.attempts,
    e.next_attempt_at,
    e.error_message,
    e.duplicates,
    e.created_at
FROM getcourse.webhook_events AS e
LEFT JOIN LATERAL (
    SELECT
        x.id AS student_id,
        nullif(concat_ws(' ', x.first_name, x.last_name), '') AS student_name
    FROM getcourse.students AS x
    WHERE x.getcourse_user_id = e.user_id
    ORDER BY x.valid_from DESC
    LIMIT 1
) AS s ON true
LEFT JOIN LATERAL (
    SELECT x.title AS training_title FROM getcourse.trainings AS x
    WHERE x.training_id = e.answer_training_id
    ORDER BY x.valid_from DESC
    LIMIT 1
) AS t ON true
LEFT JOIN LATERAL (
    SELECT x.title AS lesson_title FROM getcourse.lessons AS x
    WHERE x.lesson_id = e.answer_lesson_id
    ORDER BY x.valid_from DESC
    LIMIT 1
) AS l ON true;

COMMENT ON VIEW getcourse.v_webhook_events IS
'Every webhook, done or not, with the names of student, training and lesson: all but what the student wrote and their e-mail address.';
COMMENT ON COLUMN getcourse.v_webhook_events.id IS 'The event.';
COMMENT ON COLUMN getcourse.v_webhook_events.source IS 'Where it came from.';
COMMENT ON COLUMN getcourse.v_webhook_events.event_date IS 'When it happened.';
COMMENT ON COLUMN getcourse.v_webhook_events.user_id IS 'The student in GetCourse.';
COMMENT ON COLUMN getcourse.v_webhook_events.student_id IS
'The student (v_active_students.id); NULL: none has this user_id.';
COMMENT ON COLUMN getcourse.v_webhook_events.student_name IS
'What the student is called; NULL: not known. Personal data.';
COMMENT ON COLUMN getcourse.v_webhook_events.answer_id IS 'The answer that it is about.';
COMMENT ON COLUMN getcourse.v_webhook_events.answer_training_id IS 'The training of the answer.';
COMMENT ON COLUMN getcourse.v_webhook_events.training_title IS 'What the training is called.';
COMMENT ON COLUMN getcourse.v_webhook_events.answer_lesson_id IS 'The lesson of the answer.';
COMMENT ON COLUMN getcourse.v_webhook_events.lesson_title IS 'What the lesson is called.';
COMMENT ON COLUMN getcourse.v_webhook_events.answer_status IS 'Where the answer stands.';
COMMENT ON COLUMN getcourse.v_webhook_events.status IS
'Where it stands: received, processing, processed, retry or dead.';
COMMENT ON COLUMN getcourse.v_webhook_events.processed IS 'Whether the bot is done with it.';
COMMENT ON COLUMN getcourse.v_webhook_events.processed_at IS 'When it was.';
COMMENT ON COLUMN getcourse.v_webhook_events.attempts IS 'How often it was claimed since it came in or was replayed.';
COMMENT ON COLUMN getcourse.v_webhook_events.next_attempt_at IS 'When it is or was due again; NULL: at once.';
COMMENT ON COLUMN getcourse.v_webhook_events.error_message IS 'Why the last attempt did not succeed.';
COMMENT ON COLUMN getcourse.v_webhook_events.duplicates IS 'How often the same came in again.';
COMMENT ON COLUMN getcourse.v_webhook_events.created_at IS 'When it came in.';

CREATE VIEW getcourse.v_notifications AS
SELECT
    n.id,
    n.mentor_id,
    (
        SELECT nullif(concat_ws(' ', x.first_name, x.last_name), '') FROM getcourse.mentors AS x
        WHERE x.id = n.mentor_id
        ORDER BY x.valid_from DESC
        LIMIT 1
    ) AS mentor_name,
    n.type,
    n.status,
    n.webhook_event_id,
    n.attempts,
    n.next_attempt_at,
    n.last_error,
    n.duplicates,
    n.sent_at,
    n.created_at
FROM getcourse.notifications AS n;

COMMENT ON VIEW getcourse.v_notifications IS 'Every notification of a mentor, sent or not: all but what it says.';
COMMENT ON COLUMN getcourse.v_notifications.id IS 'The notification.';
COMMENT ON COLUMN getcourse.v_notifications.mentor_id IS 'For whom.';
COMMENT ON COLUMN getcourse.v_notifications.mentor_name IS 'What the mentor is called; NULL: not known. Personal data.';
COMMENT ON COLUMN getcourse.v_notifications.type IS 'What kind of notification it is.';
COMMENT ON COLUMN getcourse.v_notifications.status IS
'Where it stands; sent, cancelled, dead and uncertain ones are done.';
COMMENT ON COLUMN getcourse.v_notifications.webhook_event_id IS 'The webhook that it is about (v_webhook_events.id).';
COMMENT ON COLUMN getcourse.v_notifications.attempts IS 'How many attempts have begun.';
COMMENT ON COLUMN getcourse.v_notifications.next_attempt_at IS 'When it is or was due; NULL: at once.';
COMMENT ON COLUMN getcourse.v_notifications.last_error IS 'Why the last attempt did not succeed.';
COMMENT ON COLUMN getcourse.v_notifications.duplicates IS 'How often the same was queued again.';
COMMENT ON COLUMN getcourse.v_notifications.sent_at IS 'When it was sent; NULL: it was not.';
COMMENT ON COLUMN getcourse.v_notifications.created_at IS 'When it was queued.';

CREATE VIEW getcourse.v_unreachable_mentors AS
SELECT
    (
        SELECT x.id FROM getcourse.mentors AS x
        WHERE x.telegram_id = u.telegram_id
        ORDER BY x.valid_from DESC
        LIMIT 1
    ) AS mentor_id,
    (
        SELECT nullif(concat_ws(' ', x.first_name, x.last_name), '') FROM getcourse.mentors AS x
        WHERE x.telegram_id = u.telegram_id
        ORDER BY x.valid_from DESC
        LIMIT 1
    ) AS mentor_name,
    u.telegram_id,
    u.created_at AS unreachable_since
FROM getcourse.unreachable_mentors AS u;

COMMENT ON VIEW getcourse.v_unreachable_mentors IS
'Whom the bot does not reach, because they blocked it; mark_reachable() takes a mentor off.';
COMMENT ON COLUMN getcourse.v_unreachable_mentors.mentor_id IS 'The mentor with this account now or last; NULL: none.';
COMMENT ON COLUMN getcourse.v_unreachable_mentors.mentor_name IS
'What the mentor is called; NULL: not known. Personal data.';
COMMENT ON COLUMN getcourse.v_unreachable_mentors.telegram_id IS 'The Telegram account.';
COMMENT ON COLUMN getcourse.v_unreachable_mentors.unreachable_since IS 'Since when.';

GRANT SELECT ON
getcourse.v_mapping_versions, getcourse.v_webhook_events, getcourse.v_notifications, getcourse.v_unreachable_mentors
TO mentorbase_reader;
