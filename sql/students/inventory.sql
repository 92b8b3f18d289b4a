-- What says nothing of a person by itself.
INSERT INTO platform.column_inventory (schema_name, table_name, column_name, class)
SELECT 'students' AS schema_name, i.table_name, unnest(string_to_array(i.columns, ' ')) AS column_name, 'none' AS class
FROM (
    VALUES
    (
        'audit_log',
        'id table_name operation secret_columns actor_kind db_login db_role transaction_id occurred_at '
        'scrubbed_at'
    ),
    ('group_enrollments_transitions', 'id from_status to_status actor_kind'),
    ('students', 'created_at updated_at'),
    ('group_enrollments', 'id group_id membership_id status enrolled_at ended_at created_at updated_at'),
    (
        'group_enrollments_history',
        'enrollment_id group_id id from_status to_status actor_kind db_login db_role occurred_at'
    )
) AS i (table_name, columns);

-- Whose the rest is, and what erasing them does.
INSERT INTO platform.column_inventory (
    schema_name, table_name, column_name, class, found_by, erasure, replacement, step
) VALUES
('students', 'audit_log', 'old_values', 'record', NULL, 'keep', NULL, 5),
('students', 'audit_log', 'new_values', 'record', NULL, 'keep', NULL, 5),
(
    'students', 'audit_log', 'row_key', 'record',
    't.row_key <> platform.renamed_key(t.row_key, p.telegram_id, p.pseudonym)',
    'replace', 'platform.renamed_key(t.row_key, p.telegram_id, p.pseudonym)', 7
),
('students', 'audit_log', 'actor_id', 'identifier', 't.actor_id = p.telegram_id', 'replace', 'p.pseudonym', 7),
('students', 'students', 'telegram_id', 'identifier', 't.telegram_id = p.telegram_id', 'replace', 'p.pseudonym', 7),
('students', 'students', 'learning_goals', 'words', 't.telegram_id = p.telegram_id', 'clear', NULL, 5),
('students', 'students', 'timezone', 'personal', 't.telegram_id = p.telegram_id', 'replace', '''UTC''', 5),
('students', 'students', 'is_active', 'personal', 't.telegram_id = p.telegram_id', 'replace', 'false', 5),
(
    'students', 'student_languages', 'student_telegram_id', 'identifier',
    't.student_telegram_id = p.telegram_id',
    'delete', NULL, 5
),
('students', 'student_languages', 'language', 'personal', 't.student_telegram_id = p.telegram_id', 'delete', NULL, 5),
(
    'students', 'student_languages', 'current_level', 'personal',
    't.student_telegram_id = p.telegram_id',
    'delete', NULL, 5
),
(
    'students', 'student_languages', 'target_level', 'personal',
    't.student_telegram_id = p.telegram_id',
    'delete', NULL, 5
),
('students', 'student_languages', 'created_at', 'none', 't.student_telegram_id = p.telegram_id', 'delete', NULL, 5),
('students', 'student_languages', 'updated_at', 'none', 't.student_telegram_id = p.telegram_id', 'delete', NULL, 5),
(
    'students', 'group_enrollments', 'student_telegram_id', 'identifier',
    't.student_telegram_id = p.telegram_id',
    'replace', 'p.pseudonym', 7
),
('students', 'group_enrollments', 'progress', 'personal', 't.student_telegram_id = p.telegram_id', 'keep', NULL, 5),
(
    'students', 'group_enrollments_history', 'student_telegram_id', 'identifier',
    't.student_telegram_id = p.telegram_id',
    'replace', 'p.pseudonym', 7
),
(
    'students', 'group_enrollments_history', 'actor_id', 'identifier',
    't.actor_id = p.telegram_id',
    'replace', 'p.pseudonym', 7
),
('students', 'group_enrollments_history', 'reason', 'words', 't.actor_id = p.telegram_id', 'clear', NULL, 5);
