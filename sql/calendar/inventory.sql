-- What says nothing of a person by itself.
INSERT INTO platform.column_inventory (schema_name, table_name, column_name, class)
SELECT 'calendar' AS schema_name, i.table_name, unnest(string_to_array(i.columns, ' ')) AS column_name, 'none' AS class
FROM (
    VALUES
    (
        'audit_log',
        'id table_name operation secret_columns actor_kind db_login db_role transaction_id occurred_at '
        'scrubbed_at'
    ),
    ('lesson_transitions', 'id from_status to_status actor_kind'),
    ('lessons', 'id group_id starts_at ends_at status occupies rescheduled_from created_at updated_at'),
    ('lesson_participants', 'lesson_id starts_at ends_at occupies created_at updated_at'),
    ('lesson_attendance', 'lesson_id created_at updated_at'),
    ('lesson_history', 'lesson_id id from_status to_status actor_kind db_login db_role occurred_at')
) AS i (table_name, columns);

-- Whose the rest is, and what erasing them does.
INSERT INTO platform.column_inventory (
    schema_name, table_name, column_name, class, found_by, erasure, replacement, step
) VALUES
('calendar', 'audit_log', 'old_values', 'record', NULL, 'keep', NULL, 5),
('calendar', 'audit_log', 'new_values', 'record', NULL, 'keep', NULL, 5),
(
    'calendar', 'audit_log', 'row_key', 'record',
    't.row_key <> platform.renamed_key(t.row_key, p.telegram_id, p.pseudonym)',
    'replace', 'platform.renamed_key(t.row_key, p.telegram_id, p.pseudonym)', 7
),
('calendar', 'audit_log', 'actor_id', 'identifier', 't.actor_id = p.telegram_id', 'replace', 'p.pseudonym', 7),
(
    'calendar', 'lessons', 'teacher_telegram_id', 'identifier',
    't.teacher_telegram_id = p.telegram_id',
    'replace', 'p.pseudonym', 7
),
('calendar', 'lessons', 'title', 'words', 't.teacher_telegram_id = p.telegram_id', 'replace', '''Erased''', 5),
(
    'calendar', 'lesson_participants', 'student_telegram_id', 'identifier',
    't.student_telegram_id = p.telegram_id',
    'replace', 'p.pseudonym', 7
),
(
    'calendar', 'lesson_attendance', 'student_telegram_id', 'identifier',
    't.student_telegram_id = p.telegram_id',
    'replace', 'p.pseudonym', 8
),
('calendar', 'lesson_attendance', 'status', 'personal', 't.student_telegram_id = p.telegram_id', 'keep', NULL, 5),
(
    'calendar', 'lesson_attendance', 'marked_by', 'identifier',
    't.marked_by = p.telegram_id',
    'replace', 'p.pseudonym', 7
),
(
    'calendar', 'lesson_history', 'teacher_telegram_id', 'identifier',
    't.teacher_telegram_id = p.telegram_id',
    'replace', 'p.pseudonym', 7
),
('calendar', 'lesson_history', 'actor_id', 'identifier', 't.actor_id = p.telegram_id', 'replace', 'p.pseudonym', 7),
('calendar', 'lesson_history', 'reason', 'words', 't.actor_id = p.telegram_id', 'clear', NULL, 5),
(
    'calendar', 'teacher_schedules', 'teacher_telegram_id', 'identifier',
    't.teacher_telegram_id = p.telegram_id',
    'delete', NULL, 5
),
('calendar', 'teacher_schedules', 'weekday', 'personal', 't.teacher_telegram_id = p.telegram_id', 'delete', NULL, 5),
(
    'calendar', 'teacher_schedules', 'starts_local', 'personal',
    't.teacher_telegram_id = p.telegram_id',
    'delete', NULL, 5
),
(
    'calendar', 'teacher_schedules', 'ends_local', 'personal',
    't.teacher_telegram_id = p.telegram_id',
    'delete', NULL, 5
),
('calendar', 'teacher_schedules', 'timezone', 'personal', 't.teacher_telegram_id = p.telegram_id', 'delete', NULL, 5),
(
    'calendar', 'teacher_schedules', 'valid_from', 'personal',
    't.teacher_telegram_id = p.telegram_id',
    'delete', NULL, 5
),
('calendar', 'teacher_schedules', 'valid_to', 'personal', 't.teacher_telegram_id = p.telegram_id', 'delete', NULL, 5),
('calendar', 'teacher_schedules', 'id', 'none', 't.teacher_telegram_id = p.telegram_id', 'delete', NULL, 5),
('calendar', 'teacher_schedules', 'created_at', 'none', 't.teacher_telegram_id = p.telegram_id', 'delete', NULL, 5),
('calendar', 'teacher_schedules', 'updated_at', 'none', 't.teacher_telegram_id = p.telegram_id', 'delete', NULL, 5),
(
    'calendar', 'teacher_unavailable', 'teacher_telegram_id', 'identifier',
    't.teacher_telegram_id = p.telegram_id',
    'delete', NULL, 5
),
(
    'calendar', 'teacher_unavailable', 'starts_at', 'personal',
    't.teacher_telegram_id = p.telegram_id',
    'delete', NULL, 5
),
('calendar', 'teacher_unavailable', 'ends_at', 'personal', 't.teacher_telegram_id = p.telegram_id', 'delete', NULL, 5),
('calendar', 'teacher_unavailable', 'id', 'none', 't.teacher_telegram_id = p.telegram_id', 'delete', NULL, 5),
('calendar', 'teacher_unavailable', 'created_at', 'none', 't.teacher_telegram_id = p.telegram_id', 'delete', NULL, 5),
('calendar', 'teacher_unavailable', 'updated_at', 'none', 't.teacher_telegram_id = p.telegram_id', 'delete', NULL, 5);
