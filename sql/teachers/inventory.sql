-- What says nothing of a person by itself.
INSERT INTO platform.column_inventory (schema_name, table_name, column_name, class)
SELECT 'teachers' AS schema_name, i.table_name, unnest(string_to_array(i.columns, ' ')) AS column_name, 'none' AS class
FROM (
    VALUES
    (
        'audit_log',
        'id table_name operation secret_columns actor_kind db_login db_role transaction_id occurred_at '
        'scrubbed_at'
    ),
    ('teachers', 'created_at updated_at')
) AS i (table_name, columns);

-- Whose the rest is, and what erasing them does.
INSERT INTO platform.column_inventory (
    schema_name, table_name, column_name, class, found_by, erasure, replacement, step
) VALUES
('teachers', 'audit_log', 'old_values', 'record', NULL, 'keep', NULL, 5),
('teachers', 'audit_log', 'new_values', 'record', NULL, 'keep', NULL, 5),
(
    'teachers', 'audit_log', 'row_key', 'record',
    't.row_key <> platform.renamed_key(t.row_key, p.telegram_id, p.pseudonym)',
    'replace', 'platform.renamed_key(t.row_key, p.telegram_id, p.pseudonym)', 7
),
('teachers', 'audit_log', 'actor_id', 'identifier', 't.actor_id = p.telegram_id', 'replace', 'p.pseudonym', 7),
('teachers', 'teachers', 'telegram_id', 'identifier', 't.telegram_id = p.telegram_id', 'replace', 'p.pseudonym', 7),
('teachers', 'teachers', 'specialization', 'words', 't.telegram_id = p.telegram_id', 'clear', NULL, 5),
('teachers', 'teachers', 'bio', 'words', 't.telegram_id = p.telegram_id', 'clear', NULL, 5),
('teachers', 'teachers', 'rate', 'personal', 't.telegram_id = p.telegram_id', 'clear', NULL, 5),
('teachers', 'teachers', 'rate_currency', 'personal', 't.telegram_id = p.telegram_id', 'clear', NULL, 5),
('teachers', 'teachers', 'timezone', 'personal', 't.telegram_id = p.telegram_id', 'replace', '''UTC''', 5),
('teachers', 'teachers', 'is_active', 'personal', 't.telegram_id = p.telegram_id', 'replace', 'false', 5),
(
    'teachers', 'teacher_languages', 'teacher_telegram_id', 'identifier',
    't.teacher_telegram_id = p.telegram_id',
    'delete', NULL, 5
),
('teachers', 'teacher_languages', 'language', 'personal', 't.teacher_telegram_id = p.telegram_id', 'delete', NULL, 5),
('teachers', 'teacher_languages', 'level', 'personal', 't.teacher_telegram_id = p.telegram_id', 'delete', NULL, 5),
('teachers', 'teacher_languages', 'is_native', 'personal', 't.teacher_telegram_id = p.telegram_id', 'delete', NULL, 5),
('teachers', 'teacher_languages', 'created_at', 'none', 't.teacher_telegram_id = p.telegram_id', 'delete', NULL, 5),
('teachers', 'teacher_languages', 'updated_at', 'none', 't.teacher_telegram_id = p.telegram_id', 'delete', NULL, 5);
