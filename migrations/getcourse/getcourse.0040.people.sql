-- What is whose, and what ends when somebody is erased.
-- depends: getcourse.0002.pages platform.0023.people

SET LOCAL ROLE mentorbase_owner;

CREATE FUNCTION getcourse.known_as(person platform.person)
RETURNS platform.person
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    person.email := coalesce(
        person.email,
        (
            SELECT lower(m.email)
            FROM getcourse.mentors AS m
            WHERE m.telegram_id = person.telegram_id
            ORDER BY m.valid_from DESC
            LIMIT 1
        )
    );
    person.bot_mentor_id := coalesce(
        (SELECT k.id FROM getcourse.mentor_ids AS k WHERE k.email = person.email),
        (SELECT max(m.id) FROM getcourse.mentors AS m WHERE m.telegram_id = person.telegram_id)
    );
    person.bot_student_id := (SELECT k.id FROM getcourse.student_ids AS k WHERE k.email = person.email);
    RETURN person;
END
$$;

COMMENT ON FUNCTION getcourse.known_as(platform.person) IS
'A person as the bot knows them: the e-mail address of whoever has a Telegram account, and which mentor and student has that address. For platform.find_person().';

CREATE FUNCTION getcourse.end_person(person platform.person)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    version record;
    ended   bigint := 0;
BEGIN
    FOR version IN
        SELECT v.id
        FROM getcourse.mapping AS v
        WHERE v.is_open AND (v.mentor_id = person.bot_mentor_id OR v.student_id = person.bot_student_id)
        ORDER BY v.id
    LOOP
        PERFORM getcourse.close_mapping(version.id);
        ended := ended + 1;
    END LOOP;
    FOR version IN SELECT v.id FROM getcourse.mentors AS v WHERE v.is_open AND v.id = person.bot_mentor_id LOOP
        PERFORM getcourse.close_mentor(version.id);
        ended := ended + 1;
    END LOOP;
    FOR version IN SELECT v.id FROM getcourse.students AS v WHERE v.is_open AND v.id = person.bot_student_id LOOP
        PERFORM getcourse.close_student(version.id);
        ended := ended + 1;
    END LOOP;
    RETURN ended;
END
$$;

COMMENT ON FUNCTION getcourse.end_person(platform.person) IS
'Ends the open versions of a person as mentor and student, and of their mappings; returns how many. For platform.erase_person().';

-- What says nothing of a person by itself.
INSERT INTO platform.column_inventory (schema_name, table_name, column_name, class)
SELECT 'getcourse' AS schema_name, i.table_name, unnest(string_to_array(i.columns, ' ')) AS column_name, 'none' AS class
FROM (
    VALUES
    (
        'audit_log',
        'id table_name operation secret_columns actor_kind db_login db_role transaction_id occurred_at '
        'scrubbed_at'
    ),
    ('settings', 'name value unit meaning created_at updated_at'),
    ('webhook_transitions', 'id from_status to_status meaning'),
    ('notification_transitions', 'id from_status to_status meaning'),
    ('bot_pauses', 'bot paused_until created_at updated_at'),
    ('mentor_ids', 'created_at'),
    ('student_ids', 'created_at'),
    ('mentors', 'version_id valid_from valid_to is_open created_at updated_at'),
    ('students', 'version_id valid_from valid_to is_open created_at updated_at'),
    ('training_ids', 'training_id created_at'),
    ('lesson_ids', 'lesson_id created_at'),
    ('trainings', 'version_id training_id title is_active valid_from valid_to is_open created_at updated_at'),
    ('lessons', 'version_id lesson_id training_id title position valid_from valid_to is_open created_at updated_at'),
    ('mapping_ids', 'id training_id created_at'),
    ('mapping', 'version_id id training_id valid_from valid_to is_open created_at updated_at'),
    ('webhook_keys', 'source dedupe_key event_id')
) AS i (table_name, columns);

-- Whose the rest is, and what erasing them does.
INSERT INTO platform.column_inventory (
    schema_name, table_name, column_name, class, found_by, erasure, replacement, step
) VALUES
('getcourse', 'audit_log', 'old_values', 'record', NULL, 'keep', NULL, 5),
('getcourse', 'audit_log', 'new_values', 'record', NULL, 'keep', NULL, 5),
(
    'getcourse', 'audit_log', 'row_key', 'record',
    't.row_key <> platform.renamed_key(t.row_key, p.telegram_id, p.pseudonym)',
    'replace', 'platform.renamed_key(t.row_key, p.telegram_id, p.pseudonym)', 7
),
('getcourse', 'audit_log', 'actor_id', 'identifier', 't.actor_id = p.telegram_id', 'replace', 'p.pseudonym', 7),
('getcourse', 'mentor_ids', 'id', 'identifier', 't.id = p.bot_mentor_id', 'keep', NULL, 5),
('getcourse', 'mentor_ids', 'email', 'contact', 't.id = p.bot_mentor_id', 'clear', NULL, 9),
('getcourse', 'student_ids', 'id', 'identifier', 't.id = p.bot_student_id', 'keep', NULL, 5),
('getcourse', 'student_ids', 'email', 'contact', 't.id = p.bot_student_id', 'clear', NULL, 9),
('getcourse', 'mentors', 'id', 'identifier', 't.id = p.bot_mentor_id', 'keep', NULL, 5),
(
    'getcourse', 'mentors', 'email', 'contact',
    't.id = p.bot_mentor_id',
    'replace', 'format(''mentor-%s@erased.invalid'', t.id)', 9
),
('getcourse', 'mentors', 'first_name', 'personal', 't.id = p.bot_mentor_id', 'clear', NULL, 5),
('getcourse', 'mentors', 'last_name', 'personal', 't.id = p.bot_mentor_id', 'clear', NULL, 5),
('getcourse', 'mentors', 'telegram_id', 'identifier', 't.id = p.bot_mentor_id', 'clear', NULL, 9),
('getcourse', 'students', 'id', 'identifier', 't.id = p.bot_student_id', 'keep', NULL, 5),
('getcourse', 'students', 'getcourse_user_id', 'identifier', 't.id = p.bot_student_id', 'clear', NULL, 9),
(
    'getcourse', 'students', 'email', 'contact',
    't.id = p.bot_student_id',
    'replace', 'format(''student-%s@erased.invalid'', t.id)', 9
),
('getcourse', 'students', 'first_name', 'personal', 't.id = p.bot_student_id', 'clear', NULL, 5),
('getcourse', 'students', 'last_name', 'personal', 't.id = p.bot_student_id', 'clear', NULL, 5),
('getcourse', 'mapping_ids', 'student_id', 'identifier', 't.student_id = p.bot_student_id', 'keep', NULL, 5),
('getcourse', 'mapping', 'student_id', 'identifier', 't.student_id = p.bot_student_id', 'keep', NULL, 5),
('getcourse', 'mapping', 'mentor_id', 'identifier', 't.mentor_id = p.bot_mentor_id', 'keep', NULL, 5),
('getcourse', 'notifications', 'mentor_id', 'identifier', 't.mentor_id = p.bot_mentor_id', 'delete', NULL, 4),
(
    'getcourse', 'notifications', 'recipient_telegram_id', 'identifier',
    't.mentor_id = p.bot_mentor_id',
    'delete', NULL, 4
),
(
    'getcourse', 'notifications', 'telegram_message_id', 'identifier',
    't.mentor_id = p.bot_mentor_id',
    'delete', NULL, 4
),
('getcourse', 'notifications', 'message_hash', 'secret', 't.mentor_id = p.bot_mentor_id', 'delete', NULL, 4),
('getcourse', 'notifications', 'lease_token', 'secret', 't.mentor_id = p.bot_mentor_id', 'delete', NULL, 4),
('getcourse', 'notifications', 'id', 'none', 't.mentor_id = p.bot_mentor_id', 'delete', NULL, 4),
('getcourse', 'notifications', 'type', 'none', 't.mentor_id = p.bot_mentor_id', 'delete', NULL, 4),
('getcourse', 'notifications', 'webhook_event_id', 'none', 't.mentor_id = p.bot_mentor_id', 'delete', NULL, 4),
('getcourse', 'notifications', 'duplicates', 'none', 't.mentor_id = p.bot_mentor_id', 'delete', NULL, 4),
('getcourse', 'notifications', 'status', 'none', 't.mentor_id = p.bot_mentor_id', 'delete', NULL, 4),
('getcourse', 'notifications', 'attempts', 'none', 't.mentor_id = p.bot_mentor_id', 'delete', NULL, 4),
('getcourse', 'notifications', 'next_attempt_at', 'none', 't.mentor_id = p.bot_mentor_id', 'delete', NULL, 4),
('getcourse', 'notifications', 'lease_until', 'none', 't.mentor_id = p.bot_mentor_id', 'delete', NULL, 4),
('getcourse', 'notifications', 'sent_at', 'none', 't.mentor_id = p.bot_mentor_id', 'delete', NULL, 4),
('getcourse', 'notifications', 'created_at', 'none', 't.mentor_id = p.bot_mentor_id', 'delete', NULL, 4),
('getcourse', 'notifications', 'updated_at', 'none', 't.mentor_id = p.bot_mentor_id', 'delete', NULL, 4),
(
    'getcourse', 'notifications', 'message', 'words',
    't.webhook_event_id IN (SELECT w.id FROM getcourse.webhook_events AS w WHERE lower(w.user_email) = p.email) OR (t.webhook_event_id IS NULL AND t.mentor_id = p.bot_mentor_id)',
    'delete', NULL, 4
),
(
    'getcourse', 'notifications', 'last_error', 'words',
    't.webhook_event_id IN (SELECT w.id FROM getcourse.webhook_events AS w WHERE lower(w.user_email) = p.email) OR (t.webhook_event_id IS NULL AND t.mentor_id = p.bot_mentor_id)',
    'delete', NULL, 4
),
('getcourse', 'webhook_events', 'user_id', 'identifier', 'lower(t.user_email) = p.email', 'delete', NULL, 5),
('getcourse', 'webhook_events', 'answer_id', 'identifier', 'lower(t.user_email) = p.email', 'delete', NULL, 5),
('getcourse', 'webhook_events', 'dedupe_key', 'identifier', 'lower(t.user_email) = p.email', 'delete', NULL, 5),
('getcourse', 'webhook_events', 'user_email', 'contact', 'lower(t.user_email) = p.email', 'delete', NULL, 5),
('getcourse', 'webhook_events', 'answer_text', 'words', 'lower(t.user_email) = p.email', 'delete', NULL, 5),
('getcourse', 'webhook_events', 'raw_payload', 'words', 'lower(t.user_email) = p.email', 'delete', NULL, 5),
('getcourse', 'webhook_events', 'error_message', 'words', 'lower(t.user_email) = p.email', 'delete', NULL, 5),
('getcourse', 'webhook_events', 'lease_token', 'secret', 'lower(t.user_email) = p.email', 'delete', NULL, 5),
('getcourse', 'webhook_events', 'id', 'none', 'lower(t.user_email) = p.email', 'delete', NULL, 5),
('getcourse', 'webhook_events', 'source', 'none', 'lower(t.user_email) = p.email', 'delete', NULL, 5),
('getcourse', 'webhook_events', 'event_date', 'none', 'lower(t.user_email) = p.email', 'delete', NULL, 5),
('getcourse', 'webhook_events', 'answer_training_id', 'none', 'lower(t.user_email) = p.email', 'delete', NULL, 5),
('getcourse', 'webhook_events', 'answer_lesson_id', 'none', 'lower(t.user_email) = p.email', 'delete', NULL, 5),
('getcourse', 'webhook_events', 'answer_status', 'none', 'lower(t.user_email) = p.email', 'delete', NULL, 5),
('getcourse', 'webhook_events', 'duplicates', 'none', 'lower(t.user_email) = p.email', 'delete', NULL, 5),
('getcourse', 'webhook_events', 'status', 'none', 'lower(t.user_email) = p.email', 'delete', NULL, 5),
('getcourse', 'webhook_events', 'processed', 'none', 'lower(t.user_email) = p.email', 'delete', NULL, 5),
('getcourse', 'webhook_events', 'processed_at', 'none', 'lower(t.user_email) = p.email', 'delete', NULL, 5),
('getcourse', 'webhook_events', 'attempts', 'none', 'lower(t.user_email) = p.email', 'delete', NULL, 5),
('getcourse', 'webhook_events', 'next_attempt_at', 'none', 'lower(t.user_email) = p.email', 'delete', NULL, 5),
('getcourse', 'webhook_events', 'lease_until', 'none', 'lower(t.user_email) = p.email', 'delete', NULL, 5),
('getcourse', 'webhook_events', 'created_at', 'none', 'lower(t.user_email) = p.email', 'delete', NULL, 5),
('getcourse', 'webhook_events', 'updated_at', 'none', 'lower(t.user_email) = p.email', 'delete', NULL, 5),
('getcourse', 'webhook_quarantine', 'raw_text', 'words', 'strpos(lower(t.raw_text), p.email) > 0', 'delete', NULL, 5),
('getcourse', 'webhook_quarantine', 'detail', 'words', 'strpos(lower(t.raw_text), p.email) > 0', 'delete', NULL, 5),
('getcourse', 'webhook_quarantine', 'id', 'none', 'strpos(lower(t.raw_text), p.email) > 0', 'delete', NULL, 5),
('getcourse', 'webhook_quarantine', 'source', 'none', 'strpos(lower(t.raw_text), p.email) > 0', 'delete', NULL, 5),
('getcourse', 'webhook_quarantine', 'reason', 'none', 'strpos(lower(t.raw_text), p.email) > 0', 'delete', NULL, 5),
('getcourse', 'webhook_quarantine', 'raw_hash', 'none', 'strpos(lower(t.raw_text), p.email) > 0', 'delete', NULL, 5),
('getcourse', 'webhook_quarantine', 'duplicates', 'none', 'strpos(lower(t.raw_text), p.email) > 0', 'delete', NULL, 5),
('getcourse', 'webhook_quarantine', 'created_at', 'none', 'strpos(lower(t.raw_text), p.email) > 0', 'delete', NULL, 5),
('getcourse', 'webhook_quarantine', 'updated_at', 'none', 'strpos(lower(t.raw_text), p.email) > 0', 'delete', NULL, 5),
('getcourse', 'webhook_staging', 'body', 'words', 'strpos(lower(t.body), p.email) > 0', 'delete', NULL, 5),
('getcourse', 'webhook_staging', 'id', 'none', 'strpos(lower(t.body), p.email) > 0', 'delete', NULL, 5),
('getcourse', 'webhook_staging', 'source', 'none', 'strpos(lower(t.body), p.email) > 0', 'delete', NULL, 5),
('getcourse', 'webhook_staging', 'created_at', 'none', 'strpos(lower(t.body), p.email) > 0', 'delete', NULL, 5),
('getcourse', 'unreachable_mentors', 'telegram_id', 'identifier', 't.telegram_id = p.telegram_id', 'delete', NULL, 5),
('getcourse', 'unreachable_mentors', 'created_at', 'none', 't.telegram_id = p.telegram_id', 'delete', NULL, 5),
(
    'getcourse', 'application_logs', 'message', 'words',
    'strpos(lower(concat_ws('' '', t.message, t.context)), p.email) > 0',
    'delete', NULL, 5
),
(
    'getcourse', 'application_logs', 'context', 'words',
    'strpos(lower(concat_ws('' '', t.message, t.context)), p.email) > 0',
    'delete', NULL, 5
),
(
    'getcourse', 'application_logs', 'id', 'none',
    'strpos(lower(concat_ws('' '', t.message, t.context)), p.email) > 0',
    'delete', NULL, 5
),
(
    'getcourse', 'application_logs', 'level', 'none',
    'strpos(lower(concat_ws('' '', t.message, t.context)), p.email) > 0',
    'delete', NULL, 5
),
(
    'getcourse', 'application_logs', 'logger', 'none',
    'strpos(lower(concat_ws('' '', t.message, t.context)), p.email) > 0',
    'delete', NULL, 5
),
(
    'getcourse', 'application_logs', 'created_at', 'none',
    'strpos(lower(concat_ws('' '', t.message, t.context)), p.email) > 0',
    'delete', NULL, 5
),
(
    'getcourse', 'error_logs', 'message', 'words',
    'strpos(lower(concat_ws('' '', t.message, t.traceback, t.context)), p.email) > 0',
    'delete', NULL, 5
),
(
    'getcourse', 'error_logs', 'traceback', 'words',
    'strpos(lower(concat_ws('' '', t.message, t.traceback, t.context)), p.email) > 0',
    'delete', NULL, 5
),
(
    'getcourse', 'error_logs', 'context', 'words',
    'strpos(lower(concat_ws('' '', t.message, t.traceback, t.context)), p.email) > 0',
    'delete', NULL, 5
),
(
    'getcourse', 'error_logs', 'id', 'none',
    'strpos(lower(concat_ws('' '', t.message, t.traceback, t.context)), p.email) > 0',
    'delete', NULL, 5
),
(
    'getcourse', 'error_logs', 'error_type', 'none',
    'strpos(lower(concat_ws('' '', t.message, t.traceback, t.context)), p.email) > 0',
    'delete', NULL, 5
),
(
    'getcourse', 'error_logs', 'created_at', 'none',
    'strpos(lower(concat_ws('' '', t.message, t.traceback, t.context)), p.email) > 0',
    'delete', NULL, 5
);
