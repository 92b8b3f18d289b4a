-- What every column holds of people, and what follows from it: one person's export and erasure.
-- depends: platform.0022.refusals

SET LOCAL ROLE mentorbase_owner;

CREATE TYPE platform.column_class AS ENUM (
    'none', 'identifier', 'contact', 'personal', 'words', 'secret', 'record'
);

COMMENT ON TYPE platform.column_class IS
'What a column holds of a person: none (nothing by itself), identifier (names somebody), contact (how somebody is reached), personal (what somebody is, has or did), words (what somebody wrote), secret (a token), record (copies of other columns, in an audit log).';

CREATE TYPE platform.erasure AS ENUM ('keep', 'clear', 'replace', 'delete');

COMMENT ON TYPE platform.erasure IS
'What erasing a person does with a column of their rows: keep it, clear it (NULL), replace it (by column_inventory.replacement), or delete the row.';

CREATE TYPE platform.person AS (
    user_id bigint,
    telegram_id bigint,
    email text,
    bot_mentor_id bigint,
    bot_student_id bigint,
    tutor_id text,
    student_id text,
    pseudonym bigint
);

COMMENT ON TYPE platform.person IS
'One person by the names that services know them by; NULL: not known by that. p in the conditions of column_inventory.';
COMMENT ON COLUMN platform.person.user_id IS 'auth.users.id.';
COMMENT ON COLUMN platform.person.telegram_id IS 'The Telegram account.';
COMMENT ON COLUMN platform.person.email IS 'The e-mail address that the GetCourse bot and tutormax know, in small letters.';
COMMENT ON COLUMN platform.person.bot_mentor_id IS 'getcourse.mentor_ids.id.';
COMMENT ON COLUMN platform.person.bot_student_id IS 'getcourse.student_ids.id.';
COMMENT ON COLUMN platform.person.tutor_id IS 'tutormax.tutors.tutor_id.';
COMMENT ON COLUMN platform.person.student_id IS 'tutormax.students.student_id.';
COMMENT ON COLUMN platform.person.pseudonym IS
'The number that takes the place of telegram_id: from 2251799813685248 (2^51) on, where Telegram has no accounts.';

-- What every column of every table holds of people. Each service has its rows in its own inventory.sql.
CREATE TABLE platform.column_inventory (
    schema_name text                  NOT NULL,
    table_name  text                  NOT NULL,
    column_name text                  NOT NULL,
    class       platform.column_class NOT NULL,
    found_by    text,
    erasure     platform.erasure      NOT NULL DEFAULT 'keep',
    replacement text,
    step        integer               NOT NULL DEFAULT 5,

    CONSTRAINT column_inventory_pkey PRIMARY KEY (schema_name, table_name, column_name),
    CONSTRAINT column_inventory_found_by_check CHECK (
        found_by IS NOT NULL OR (erasure = 'keep' AND class NOT IN ('contact', 'personal', 'words'))
    ),
    CONSTRAINT column_inventory_replacement_check CHECK ((erasure = 'replace') = (replacement IS NOT NULL)),
    CONSTRAINT column_inventory_step_check CHECK (step >= 1 AND step <= 9)
);

COMMENT ON TABLE platform.column_inventory IS
'Every column of every table: what it holds of a person, whose it is, and what erasing that person does. Drives export_person() and erase_person(). Reference data, changed by migrations only.';
COMMENT ON COLUMN platform.column_inventory.schema_name IS 'The service''s schema.';
COMMENT ON COLUMN platform.column_inventory.table_name IS 'The table; a partitioned one as a whole.';
COMMENT ON COLUMN platform.column_inventory.column_name IS 'The column.';
COMMENT ON COLUMN platform.column_inventory.class IS 'What it holds of a person.';
COMMENT ON COLUMN platform.column_inventory.found_by IS
'Of whom: an SQL condition on the row t and the person p (platform.person), true where the value is that person''s. NULL: nobody''s, or not found by this column.';
COMMENT ON COLUMN platform.column_inventory.erasure IS 'What erasing that person does with it.';
COMMENT ON COLUMN platform.column_inventory.replacement IS
'What takes its place: an SQL expression over t and p. Set exactly where erasure is replace.';
COMMENT ON COLUMN platform.column_inventory.step IS
'When in an erasure, lower first: rows that refer to others before those, and what a person is found by last.';
COMMENT ON CONSTRAINT column_inventory_pkey ON platform.column_inventory IS 'One row a column.';
COMMENT ON CONSTRAINT column_inventory_found_by_check ON platform.column_inventory IS
'What is somebody''s, or is erased, says whose it is.';
COMMENT ON CONSTRAINT column_inventory_replacement_check ON platform.column_inventory IS
'replacement is set exactly where erasure is replace.';
COMMENT ON CONSTRAINT column_inventory_step_check ON platform.column_inventory IS 'step is 1 to 9.';

-- That somebody was erased; nothing of whom.
CREATE TABLE platform.erasures (
    id          bigint              GENERATED ALWAYS AS IDENTITY,
    user_id     bigint,
    changed     jsonb               NOT NULL,
    actor_kind  platform.actor_kind NOT NULL,
    actor_id    bigint,
    db_login    text                NOT NULL,
    db_role     text,
    occurred_at timestamptz         NOT NULL DEFAULT now(),

    CONSTRAINT erasures_pkey PRIMARY KEY (id)
);

COMMENT ON TABLE platform.erasures IS
'One row an erasure that found something, written by erase_person(). Append-only. After a restore from a backup that is older than a row, that person is to be erased again.';
COMMENT ON COLUMN platform.erasures.id IS 'Order of the erasures.';
COMMENT ON COLUMN platform.erasures.user_id IS
'Who was erased (auth.users.id, whose row names nobody any more); NULL where they were known by something else.';
COMMENT ON COLUMN platform.erasures.changed IS 'How many rows were changed or deleted, by table.';
COMMENT ON COLUMN platform.erasures.actor_kind IS 'As what the actor did it: user, admin or system.';
COMMENT ON COLUMN platform.erasures.actor_id IS
'Who did it (auth.users.id); NULL for the system and for a database role without an actor.';
COMMENT ON COLUMN platform.erasures.db_login IS 'The database login of the session.';
COMMENT ON COLUMN platform.erasures.db_role IS 'The role the session had set (SET ROLE), if any.';
COMMENT ON COLUMN platform.erasures.occurred_at IS 'When: the start of the transaction.';
COMMENT ON CONSTRAINT erasures_pkey ON platform.erasures IS 'One row an erasure.';

CREATE TRIGGER erasures_refuse_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON platform.erasures
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE FUNCTION platform.renamed_key(row_key jsonb, telegram_id bigint, pseudonym bigint)
RETURNS jsonb
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT jsonb_object_agg(
    k.key,
    CASE WHEN k.key LIKE '%telegram_id' AND k.value = to_jsonb(telegram_id) THEN to_jsonb(pseudonym) ELSE k.value END
)
FROM jsonb_each(row_key) AS k
$$;

COMMENT ON FUNCTION platform.renamed_key(jsonb, bigint, bigint) IS
'The key of a row in an audit log, with the pseudonym where it names this Telegram account.';

CREATE FUNCTION platform.find_person(person platform.person)
RETURNS platform.person
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- reads what only the owner reads
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    service   name;
    is_there  boolean := false;
    source    record;
BEGIN
    person.email := lower(person.email);
    -- In this order auth comes first: it knows who has which Telegram account.
    FOR service IN
        SELECT n.nspname
        FROM pg_proc AS f
        INNER JOIN pg_namespace AS n ON f.pronamespace = n.oid
        WHERE f.proname = 'known_as' AND f.proowner = 'mentorbase_owner'::regrole
            AND f.proargtypes[0] = 'platform.person'::regtype
        ORDER BY n.nspname
    LOOP
        EXECUTE format('SELECT (k).* FROM %I.known_as($1) AS k', service) INTO person USING person;
    END LOOP;
    person.pseudonym := CASE
        WHEN person.telegram_id >= 2251799813685248 THEN person.telegram_id
        ELSE 4503599627370495 - floor(random() * 2251799813685248)::bigint
    END;

    FOR source IN
        SELECT i.schema_name, i.table_name, string_agg(DISTINCT format('(%s)', i.found_by), ' OR ') AS condition
        FROM platform.column_inventory AS i
        WHERE i.found_by IS NOT NULL AND i.table_name <> 'audit_log'
        GROUP BY i.schema_name, i.table_name
        ORDER BY i.schema_name, i.table_name
    LOOP
        EXIT WHEN is_there;
        EXECUTE format(
            'SELECT EXISTS (SELECT FROM %I.%I AS t, (SELECT ($1).*) AS p WHERE %s)',
            source.schema_name, source.table_name, source.condition
        ) INTO is_there USING person;
    END LOOP;
    IF NOT is_there THEN
        RAISE EXCEPTION 'nobody is known by that here' USING
            ERRCODE = 'MB004',
            HINT = 'Give their user id, or what else a service knows them by; who was erased is known by the user id only.';
    END IF;
    RETURN person;
END
$$;

COMMENT ON FUNCTION platform.find_person(platform.person) IS
'The same person with every name that this database knows them by: each service that knows one by another has a function known_as(platform.person). Finds a pseudonym too. For the owner. Refusals: MB004.';

CREATE FUNCTION platform.export_person(person platform.person)
RETURNS TABLE (schema_name text, table_name text, document jsonb)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- reads what only the owner reads
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC' -- of the times in documents
SET bytea_output = 'hex'
AS $$
#variable_conflict use_column -- the columns of the result are assigned as they are
DECLARE
    source record;
BEGIN
    person := platform.find_person(person);
    FOR source IN
        SELECT
            g.schema_name, g.table_name,
            string_agg(format('(%s)', g.found_by), ' OR ' ORDER BY g.found_by)
                FILTER (WHERE g.found_by IS NOT NULL) AS condition,
            string_agg(
                CASE
                    WHEN g.found_by IS NULL THEN format('jsonb_build_object(%s)', g.columns)
                    ELSE format('CASE WHEN %s THEN jsonb_build_object(%s) ELSE ''{}'' END', g.found_by, g.columns)
                END,
                ' || ' ORDER BY g.found_by
            ) AS shown
        FROM (
            SELECT
                i.schema_name, i.table_name, i.found_by,
                string_agg(format('%L, t.%I', i.column_name, i.column_name), ', ' ORDER BY i.column_name) AS columns
            FROM platform.column_inventory AS i
            WHERE (i.class = 'none' OR i.found_by IS NOT NULL) AND i.class NOT IN ('secret', 'record')
            GROUP BY i.schema_name, i.table_name, i.found_by
        ) AS g
        GROUP BY g.schema_name, g.table_name
        HAVING bool_or(g.found_by IS NOT NULL)
        ORDER BY g.schema_name, g.table_name
    LOOP
        RETURN QUERY EXECUTE format(
            'SELECT %L::text, %L::text, %s FROM %I.%I AS t, (SELECT ($1).*) AS p WHERE %s',
            source.schema_name, source.table_name, source.shown, source.schema_name, source.table_name,
            source.condition
        ) USING person;
    END LOOP;
END
$$;

COMMENT ON FUNCTION platform.export_person(platform.person) IS
'Every row that holds something of the person, by table, as a JSON document: their own columns, and those that are nobody''s; nothing of anybody else, no secrets, no audit logs. Ciphertexts as \x... For the owner. Refusals: MB004.';

CREATE FUNCTION platform.scrub_person(in_schema name, person platform.person)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- nobody else may change an audit log
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source   record;
    row_keys jsonb[];
    scrubbed bigint := 0;
BEGIN
    FOR source IN
        SELECT
            i.table_name,
            string_agg(DISTINCT format('(%s)', i.found_by), ' OR ') AS condition,
            min(split_part(encode(g.tgargs, 'escape'), '\000', 1)) AS key_columns
        FROM platform.column_inventory AS i
        INNER JOIN pg_trigger AS g
            ON g.tgrelid = format('%I.%I', i.schema_name, i.table_name)::regclass
            AND g.tgfoid = 'platform.audit()'::regprocedure
        WHERE i.schema_name = in_schema AND i.erasure <> 'keep'
        GROUP BY i.table_name
        ORDER BY i.table_name
    LOOP
        -- Rows that are there, and those that an audit log remembers.
        EXECUTE format(
            'SELECT array_agg(k.row_key) FROM ('
            'SELECT platform.pick(to_jsonb(t), $2) AS row_key FROM %1$I.%2$I AS t, (SELECT ($1).*) AS p WHERE %3$s'
            ' UNION '
            'SELECT a.row_key FROM %1$I.audit_log AS a'
            ' CROSS JOIN LATERAL (VALUES (a.old_values), (a.new_values)) AS v (row_values)'
            ' CROSS JOIN LATERAL jsonb_populate_record(NULL::%1$I.%2$I, v.row_values || a.row_key) AS t'
            ' CROSS JOIN (SELECT ($1).*) AS p'
            ' WHERE a.table_name = $3 AND a.operation <> ''scrub'' AND (%3$s)'
            ') AS k WHERE EXISTS ('
            'SELECT FROM %1$I.audit_log AS a'
            ' WHERE a.table_name = $3 AND a.row_key = k.row_key AND a.operation <> ''scrub'' AND a.scrubbed_at IS NULL'
            ')',
            in_schema, source.table_name, source.condition
        ) INTO row_keys USING person, string_to_array(source.key_columns, ','), source.table_name;
        IF row_keys IS NOT NULL THEN
            scrubbed := scrubbed + platform.scrub_rows(in_schema, source.table_name, row_keys);
        END IF;
    END LOOP;
    RETURN scrubbed;
END
$$;

COMMENT ON FUNCTION platform.scrub_person(name, platform.person) IS
'Erases the values that a schema''s audit log keeps of the rows of which erasing this person changes something, rows that are gone included. Returns how many rows of the log it erased. For the owner.';

CREATE FUNCTION platform.erase_person(person platform.person)
RETURNS TABLE (schema_name text, table_name text, what text, changed bigint)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- goes past every guard
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    caller         platform.actor := platform.current_actor('mentorbase_app');
    caller_actor   text := current_setting('mentorbase.actor', true);
    caller_reason  text := current_setting('mentorbase.reason', true);
    caller_setting text := current_setting('mentorbase.maintenance', true);
    service        name;
    task           record;
    guarded        regclass;
    guarded_tables regclass[] := ARRAY[]::regclass[];
    is_there       boolean;
    counts         jsonb := '{}';
BEGIN
    person := platform.find_person(person);
    SET LOCAL mentorbase.actor = 'system';
    SET LOCAL mentorbase.reason = 'the account was erased';

    -- What lives on is ended by the rules: statuses, histories, seats that come free.
    what := 'ended';
    table_name := '';
    FOR service IN
        SELECT n.nspname
        FROM pg_proc AS f
        INNER JOIN pg_namespace AS n ON f.pronamespace = n.oid
        WHERE f.proname = 'end_person' AND f.proowner = 'mentorbase_owner'::regrole
            AND f.proargtypes[0] = 'platform.person'::regtype
        ORDER BY n.nspname
    LOOP
        EXECUTE format('SELECT %I.end_person($1)', service) INTO changed USING person;
        schema_name := service;
        IF changed > 0 THEN
            counts := counts || jsonb_build_object(service, changed);
            RETURN NEXT;
        END IF;
    END LOOP;

    -- The audit logs while their tables still tell which rows are meant.
    what := 'scrubbed';
    table_name := 'audit_log';
    FOR schema_name IN
        SELECT DISTINCT i.schema_name
        FROM platform.column_inventory AS i
        WHERE i.table_name = 'audit_log'
        ORDER BY i.schema_name
    LOOP
        changed := platform.scrub_person(schema_name::name, person);
        IF changed > 0 THEN
            counts := counts || jsonb_build_object(schema_name || '.audit_log', changed);
            RETURN NEXT;
        END IF;
    END LOOP;

    -- No guard, history or audit of what follows: they would refuse it, or keep what is erased. Writers of these tables
    -- wait until the end of the transaction; tables without anything of the person are not touched.
    FOR task IN
        SELECT i.schema_name, i.table_name, string_agg(DISTINCT format('(%s)', i.found_by), ' OR ') AS condition
        FROM platform.column_inventory AS i
        WHERE i.erasure <> 'keep'
        GROUP BY i.schema_name, i.table_name
        ORDER BY i.schema_name, i.table_name
    LOOP
        guarded := format('%I.%I', task.schema_name, task.table_name)::regclass;
        CONTINUE WHEN NOT EXISTS (
            SELECT FROM pg_trigger AS g
            WHERE g.tgrelid = guarded AND NOT g.tgisinternal AND g.tgfoid <> 'platform.refuse_change()'::regprocedure
        );
        EXECUTE format('SELECT EXISTS (SELECT FROM %s AS t, (SELECT ($1).*) AS p WHERE %s)', guarded, task.condition)
        INTO is_there USING person;
        IF is_there THEN
            EXECUTE format('ALTER TABLE %s DISABLE TRIGGER USER', guarded);
            guarded_tables := guarded_tables || guarded;
        END IF;
    END LOOP;

    what := 'erased';
    FOR task IN
        SELECT
            i.schema_name, i.table_name, i.found_by, i.erasure = 'delete' AS deletes,
            string_agg(format('%I = %s', i.column_name, coalesce(i.replacement, 'NULL')), ', ') AS changes,
            string_agg(
                format('t.%I IS DISTINCT FROM (%s)', i.column_name, coalesce(i.replacement, 'NULL')), ' OR '
            ) AS differs,
            EXISTS (
                SELECT FROM platform.column_inventory AS c
                WHERE c.schema_name = i.schema_name AND c.table_name = i.table_name AND c.column_name = 'updated_at'
            ) AS is_stamped
        FROM platform.column_inventory AS i
        WHERE i.erasure <> 'keep'
        GROUP BY i.step, i.schema_name, i.table_name, i.found_by, i.erasure = 'delete'
        ORDER BY i.step, i.schema_name, i.table_name, i.found_by
    LOOP
        EXECUTE format('SET LOCAL mentorbase.maintenance = %L', task.schema_name);
        IF task.deletes THEN
            EXECUTE format(
                'DELETE FROM %I.%I AS t USING (SELECT ($1).*) AS p WHERE %s',
                task.schema_name, task.table_name, task.found_by
            ) USING person;
        ELSE
            EXECUTE format(
                'UPDATE %I.%I AS t SET %s FROM (SELECT ($1).*) AS p WHERE (%s) AND (%s)',
                task.schema_name, task.table_name,
                task.changes || CASE WHEN task.is_stamped THEN ', updated_at = now()' ELSE '' END,
                task.found_by, task.differs
            ) USING person;
        END IF;
        GET DIAGNOSTICS changed = ROW_COUNT;
        IF changed > 0 THEN
            schema_name := task.schema_name;
            table_name := task.table_name;
            what := CASE WHEN task.deletes THEN 'deleted' ELSE 'erased' END;
            counts := counts || jsonb_build_object(
                format('%s.%s', schema_name, table_name),
                changed + coalesce((counts ->> format('%s.%s', schema_name, table_name))::bigint, 0)
            );
            RETURN NEXT;
        END IF;
    END LOOP;

    FOREACH guarded IN ARRAY guarded_tables LOOP
        EXECUTE format('ALTER TABLE %s ENABLE TRIGGER USER', guarded);
    END LOOP;
    IF counts <> '{}' THEN
        INSERT INTO platform.erasures (user_id, changed, actor_kind, actor_id, db_login, db_role)
        VALUES (person.user_id, counts, caller.kind, caller.id, session_user, nullif(current_setting('role'), 'none'));
    END IF;
    EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_setting, ''));
END
$$;

COMMENT ON FUNCTION platform.erase_person(platform.person) IS
'Erases a person by column_inventory, all or nothing: what lives on is ended by the rules (each service''s end_person(platform.person)), audit logs are scrubbed, rows are deleted or name nobody any more. Says what was done to how many rows of each table, and leaves a row in erasures if there was anything. Can be run again; finds nothing then. To see what it would do, roll it back. For the owner. Refusals: MB004.';

REVOKE ALL ON TYPE platform.column_class, platform.erasure, platform.person FROM PUBLIC;

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
