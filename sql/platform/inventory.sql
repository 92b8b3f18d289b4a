-- What says nothing of a person by itself.
INSERT INTO platform.column_inventory (schema_name, table_name, column_name, class)
SELECT 'platform' AS schema_name, i.table_name, unnest(string_to_array(i.columns, ' ')) AS column_name, 'none' AS class
FROM (
    VALUES
    ('refusals', 'sqlstate name meaning'),
    ('settings', 'name value unit meaning created_at updated_at'),
    ('column_inventory', 'schema_name table_name column_name class found_by erasure replacement step'),
    ('erasures', 'id changed actor_kind db_login db_role occurred_at')
) AS i (table_name, columns);

-- Whose the rest is, and what erasing them does.
INSERT INTO platform.column_inventory (
    schema_name, table_name, column_name, class, found_by, erasure, replacement, step
) VALUES
('platform', 'erasures', 'user_id', 'identifier', 't.user_id = p.user_id', 'keep', NULL, 5),
('platform', 'erasures', 'actor_id', 'identifier', 't.actor_id = p.user_id', 'keep', NULL, 5);
