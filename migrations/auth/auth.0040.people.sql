-- What is whose, and under which names.
-- depends: auth.0004.contacts platform.0023.people

SET LOCAL ROLE mentorbase_owner;

CREATE FUNCTION auth.known_as(person platform.person)
RETURNS platform.person
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known record;
BEGIN
    SELECT u.id, u.telegram_id INTO known
    FROM auth.users AS u
    WHERE u.id = person.user_id OR (person.user_id IS NULL AND u.telegram_id = person.telegram_id);
    IF FOUND THEN
        person.user_id := known.id;
        person.telegram_id := known.telegram_id;
    END IF;
    RETURN person;
END
$$;

COMMENT ON FUNCTION auth.known_as(platform.person) IS
'A person as users knows them: the id of whoever has a Telegram account, the account of whoever has an id. For platform.find_person().';

-- What says nothing of a person by itself.
INSERT INTO platform.column_inventory (schema_name, table_name, column_name, class)
SELECT 'auth' AS schema_name, i.table_name, unnest(string_to_array(i.columns, ' ')) AS column_name, 'none' AS class
FROM (
    VALUES
    (
        'audit_log',
        'id table_name operation secret_columns actor_kind db_login db_role transaction_id occurred_at '
        'scrubbed_at'
    ),
    ('users', 'role created_at updated_at')
) AS i (table_name, columns);

-- Whose the rest is, and what erasing them does.
INSERT INTO platform.column_inventory (
    schema_name, table_name, column_name, class, found_by, erasure, replacement, step
) VALUES
('auth', 'audit_log', 'old_values', 'record', NULL, 'keep', NULL, 5),
('auth', 'audit_log', 'new_values', 'record', NULL, 'keep', NULL, 5),
('auth', 'audit_log', 'row_key', 'record', NULL, 'keep', NULL, 5),
('auth', 'audit_log', 'actor_id', 'identifier', 't.actor_id = p.user_id', 'keep', NULL, 5),
('auth', 'users', 'id', 'identifier', 't.id = p.user_id', 'keep', NULL, 5),
(
    'auth', 'users', 'telegram_id', 'identifier',
    't.id = p.user_id',
    'replace', 'CASE WHEN t.telegram_id IS NOT NULL THEN p.pseudonym END', 6
),
('auth', 'users', 'username', 'personal', 't.id = p.user_id', 'clear', NULL, 5),
('auth', 'users', 'last_name', 'personal', 't.id = p.user_id', 'clear', NULL, 5),
('auth', 'users', 'first_name', 'personal', 't.id = p.user_id', 'replace', '''Erased''', 5),
('auth', 'users', 'language_code', 'personal', 't.id = p.user_id', 'replace', '''en''', 5),
('auth', 'users', 'timezone', 'personal', 't.id = p.user_id', 'replace', '''UTC''', 5),
('auth', 'users', 'is_active', 'personal', 't.id = p.user_id', 'replace', 'false', 5),
('auth', 'user_contacts', 'id', 'none', 't.user_id = p.user_id', 'delete', NULL, 5),
('auth', 'user_contacts', 'kind', 'none', 't.user_id = p.user_id', 'delete', NULL, 5),
('auth', 'user_contacts', 'key_id', 'none', 't.user_id = p.user_id', 'delete', NULL, 5),
('auth', 'user_contacts', 'created_at', 'none', 't.user_id = p.user_id', 'delete', NULL, 5),
('auth', 'user_contacts', 'updated_at', 'none', 't.user_id = p.user_id', 'delete', NULL, 5),
('auth', 'user_contacts', 'user_id', 'identifier', 't.user_id = p.user_id', 'delete', NULL, 5),
('auth', 'user_contacts', 'sealed', 'contact', 't.user_id = p.user_id', 'delete', NULL, 5),
('auth', 'user_contacts', 'lookup_hash', 'secret', 't.user_id = p.user_id', 'delete', NULL, 5);
