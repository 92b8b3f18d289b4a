CREATE PROCEDURE platform.ensure_application_role(IN role_name name)
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = role_name) THEN
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL; -- another database of this cluster made it in the meantime
        END;
    END IF;

    IF NOT pg_has_role('mentorbase_app', role_name, 'MEMBER') THEN
        BEGIN
            EXECUTE format('GRANT %I TO mentorbase_app', role_name);
        EXCEPTION
            WHEN unique_violation THEN
                NULL; -- granted by another database in the meantime
        END;
    END IF;
END
$$;

COMMENT ON PROCEDURE platform.ensure_application_role(name) IS -- noqa: LT01
'Makes the application role of one service if the cluster lacks it, and makes mentorbase_app a member. Called by migrations as the deploying login, which needs CREATEROLE unless a DBA made the role before.';

CREATE FUNCTION platform.is_application(application name)
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT coalesce(bool_or(NOT r.rolsuper AND pg_has_role(r.oid, application, 'USAGE')), false)
FROM pg_catalog.pg_roles AS r
WHERE r.rolname IN (session_user, current_setting('role'))
$$;

COMMENT ON FUNCTION platform.is_application(name) IS
'Whether the session works with the rights of this application role (as itself, or as a login that is a member). Looks at the session''s login and at SET ROLE, either of which suffices; not at current_user, which is the owner inside SECURITY DEFINER code.';

CREATE FUNCTION platform.is_bulk_load(application name)
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT coalesce(current_setting('mentorbase.bulk_load', true), '') = 'on' AND NOT platform.is_application(application)
$$;

COMMENT ON FUNCTION platform.is_bulk_load(name) IS
'Whether the session loads many rows at once (SET mentorbase.bulk_load = on) and does not work as this application role, which cannot ask for that. Guards then skip what needs one lock a row.';

CREATE FUNCTION platform.current_actor(application name)
RETURNS platform.actor
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    setting text := nullif(current_setting('mentorbase.actor', true), '');
BEGIN
    IF setting ~ '^[1-9][0-9]{0,17}$' THEN
        RETURN ROW('user', setting)::platform.actor;
    ELSIF setting ~ '^admin:[1-9][0-9]{0,17}$' THEN
        RETURN ROW('admin', substr(setting, 7))::platform.actor;
    ELSIF setting = 'system' THEN
        RETURN ROW('system', NULL)::platform.actor;
    ELSIF setting IS NOT NULL THEN
        RAISE EXCEPTION 'the setting mentorbase.actor names no actor' USING
            ERRCODE = 'MB001',
            HINT = 'Set it to a user id, to admin:<user id>, or to system.';
    ELSIF platform.is_application(application) THEN
        RAISE EXCEPTION 'an application must say who acts' USING
            ERRCODE = 'MB001',
            HINT = 'Pass actor_id, or SET LOCAL mentorbase.actor to a user id, admin:<user id> or system.';
    END IF;
    RETURN ROW('admin', NULL)::platform.actor;
END
$$;

COMMENT ON FUNCTION platform.current_actor(name) IS
'Who acts in this transaction, from the setting mentorbase.actor: a user id, admin:<user id>, or system. Without it a database role that edits by hand counts as an administrator without a user id, and the given application role is refused (MB001).';

CREATE FUNCTION platform.require_actor()
RETURNS trigger
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM platform.current_actor(TG_TABLE_SCHEMA || '_app');
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION platform.require_actor() IS
'Statement trigger of tables that hold people''s data: refuses an application of the table''s service that does not say who acts (MB001).';

CREATE FUNCTION platform.set_updated_at()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION platform.set_updated_at() IS 'Row trigger: stamps updated_at with the start of the transaction.';

CREATE TRIGGER settings_set_updated_at
BEFORE UPDATE ON platform.settings
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

CREATE FUNCTION platform.refuse_change()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP <> 'TRUNCATE' AND current_setting('mentorbase.maintenance', true) = TG_TABLE_SCHEMA THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '% of %.% is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME USING
        ERRCODE = 'MB006',
        HINT = 'The rows of this table are kept.';
END
$$;

COMMENT ON FUNCTION platform.refuse_change() IS
'Statement trigger that refuses what it is attached to for every role (MB006): UPDATE, DELETE and TRUNCATE of append-only tables, TRUNCATE of tables with a history. But for TRUNCATE it lets the owner''s functions pass that erase and move rows: they set mentorbase.maintenance to the schema they work in. The setting alone helps nobody, for only the owner has the privilege.';

CREATE FUNCTION platform.is_timezone(zone text)
RETURNS boolean
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE -- a subtransaction
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- AT TIME ZONE also takes abbreviations and POSIX rules, which do not name a place, in any case: hence the form.
    IF zone !~ '^(UTC|Etc/(UTC|GMT([+-][0-9]{1,2})?)|[A-Z][a-z]+(/[A-Z][A-Za-z_-]+)+)$' THEN
        RETURN false;
    END IF;
    PERFORM now() AT TIME ZONE zone;
    RETURN true;
EXCEPTION
    WHEN invalid_parameter_value THEN
        RETURN false;
END
$$;

COMMENT ON FUNCTION platform.is_timezone(text) IS
'Whether the text is an IANA time zone that this server knows, such as UTC or Europe/Berlin. For CHECK constraints.';

CREATE FUNCTION platform.pick(document jsonb, columns text[])
RETURNS jsonb
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT jsonb_object_agg(c.name, document -> c.name) FROM unnest(columns) AS c (name)
$$;

COMMENT ON FUNCTION platform.pick(jsonb, text[]) IS
'These columns of a row that is given as a JSON document; NULL where none are asked for.';

CREATE FUNCTION platform.audit()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write an audit log itself
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC' -- of the recorded times
AS $$
DECLARE
    actor       platform.actor := platform.current_actor(TG_TABLE_SCHEMA || '_app');
    keys        text[] := string_to_array(TG_ARGV[0], ',');
    secrets     text[] := string_to_array(coalesce(TG_ARGV[1], ''), ',');
    bookkeeping text[] := ARRAY['version', 'updated_at'];
    old_row     jsonb;
    new_row     jsonb;
    changed     text[];
    hidden      text[] := ARRAY[]::text[];
BEGIN
    IF TG_OP = 'UPDATE' THEN
        old_row := to_jsonb(OLD);
        new_row := to_jsonb(NEW);
        changed := ARRAY(
            SELECT o.key
            FROM jsonb_each(old_row) AS o
            WHERE o.value <> new_row -> o.key AND o.key <> ALL (bookkeeping)
        );
        IF changed = '{}' THEN
            RETURN NULL;
        END IF;
        IF changed && secrets THEN
            hidden := ARRAY(SELECT c.name FROM unnest(changed) AS c (name) WHERE c.name = ANY (secrets));
            changed := ARRAY(SELECT c.name FROM unnest(changed) AS c (name) WHERE c.name <> ALL (secrets));
        END IF;
        EXECUTE format(
            'INSERT INTO %I.audit_log (table_name, row_key, operation, old_values, new_values, secret_columns,'
            ' actor_kind, actor_id, db_login, db_role) VALUES ($1, $2, ''update'', $3, $4, $5, $6, $7, $8, $9)',
            TG_TABLE_SCHEMA
        ) USING
            TG_TABLE_NAME, platform.pick(new_row, keys),
            platform.pick(old_row, changed), platform.pick(new_row, changed), hidden,
            actor.kind, actor.id, session_user::text, nullif(current_setting('role'), 'none');
    ELSE
        EXECUTE format(
            'INSERT INTO %I.audit_log (table_name, row_key, operation, %I, secret_columns,'
            ' actor_kind, actor_id, db_login, db_role)'
            ' SELECT $1, platform.pick(r.document, $2), $3, r.document - $4 - $5,'
            ' ARRAY(SELECT s.name FROM unnest($4) AS s (name) WHERE r.document -> s.name <> ''null''),'
            ' $6, $7, $8, $9'
            ' FROM (SELECT to_jsonb(c) AS document FROM changed_rows AS c) AS r',
            TG_TABLE_SCHEMA, CASE TG_OP WHEN 'INSERT' THEN 'new_values' ELSE 'old_values' END
        ) USING
            TG_TABLE_NAME, keys, lower(TG_OP)::platform.audit_operation, secrets, bookkeeping,
            actor.kind, actor.id, session_user::text, nullif(current_setting('role'), 'none');
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION platform.audit() IS
'Trigger that records each change of a row in the audit_log of the table''s own schema: row trigger of UPDATE, statement trigger of INSERT and DELETE with the transition table changed_rows, so that a bulk load is recorded by one statement. First argument: the key columns, with commas between; second: columns that are secret, which are recorded as changed, without their values. version and updated_at are not recorded.';

CREATE FUNCTION platform.make_months(in_schema name, in_table name, months_ahead integer DEFAULT 3)
RETURNS text[]
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- whoever calls it, the partitions belong to the owner
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC' -- months are those of UTC
AS $$
DECLARE
    parent         regclass := format('%I.%I', in_schema, in_table)::regclass;
    default_leaf   regclass;
    time_column    name;
    present        text;
    month          timestamptz;
    leaf           text;
    guard          record;
    made           text[] := ARRAY[]::text[];
    caller_setting text := current_setting('mentorbase.maintenance', true);
BEGIN
    SELECT p.partdefid, a.attname INTO default_leaf, time_column
    FROM pg_partitioned_table AS p
    INNER JOIN pg_class AS c ON c.oid = p.partrelid AND pg_has_role(c.relowner, 'MEMBER')
    INNER JOIN pg_attribute AS a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
    WHERE p.partrelid = parent AND p.partdefid <> 0;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% is not a table of the owner''s with a partition for each month and a DEFAULT one', parent USING
            ERRCODE = 'MB007',
            HINT = 'Name a table such as audit_log.';
    END IF;

    -- One at a time. Writers go on, unless the present month is missing: PostgreSQL refuses a row (23514) that is on its
    -- way into the DEFAULT partition while its month is attached, so then they wait before they look for a partition.
    present := format('%I.%I', in_schema, in_table || to_char(now(), '"_y"YYYY"m"MM'));
    EXECUTE format(
        'LOCK TABLE ONLY %s IN %s MODE', parent,
        CASE WHEN to_regclass(present) IS NULL THEN 'SHARE ROW EXCLUSIVE' ELSE 'SHARE UPDATE EXCLUSIVE' END
    );

    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', in_schema);
    FOR month IN EXECUTE format(
        'SELECT generate_series(date_trunc(''month'', now()), now() + make_interval(months => $1), ''1 month'')'
        ' UNION SELECT date_trunc(''month'', d.%I) FROM %s AS d ORDER BY 1',
        time_column, default_leaf
    ) USING months_ahead
    LOOP
        leaf := format('%s_y%sm%s', in_table, to_char(month, 'YYYY'), to_char(month, 'MM'));
        CONTINUE WHEN to_regclass(format('%I.%I', in_schema, leaf)) IS NOT NULL;

        -- Made beside, filled, and then attached: PARTITION OF would wait for every writer of the table.
        EXECUTE format('CREATE TABLE %I.%I (LIKE %s INCLUDING ALL EXCLUDING IDENTITY)', in_schema, leaf, parent);
        EXECUTE format('COMMENT ON TABLE %I.%I IS %L', in_schema, leaf,
            format('%s of %s UTC.', in_table, to_char(month, 'YYYY-MM')));
        EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', default_leaf);
        EXECUTE format(
            'WITH moved AS (DELETE FROM %s WHERE %I >= $1 AND %I < $2 RETURNING *) INSERT INTO %I.%I SELECT * FROM moved',
            default_leaf, time_column, time_column, in_schema, leaf
        ) USING month, month + interval '1 month';
        EXECUTE format(
            'ALTER TABLE %s ATTACH PARTITION %I.%I FOR VALUES FROM (%L) TO (%L)',
            parent, in_schema, leaf, month, month + interval '1 month'
        );
        -- Statement triggers of a partitioned table do not guard its partitions.
        FOR guard IN
            SELECT pg_get_triggerdef(t.oid) AS definition
            FROM pg_trigger AS t
            WHERE t.tgrelid = default_leaf AND NOT t.tgisinternal AND t.tgtype & 1 = 0
        LOOP
            EXECUTE replace(guard.definition, format(' ON %s ', default_leaf), format(' ON %I.%I ', in_schema, leaf));
        END LOOP;
        made := made || leaf;
    END LOOP;
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_setting, ''));
    RETURN made;
END
$$;

COMMENT ON FUNCTION platform.make_months(name, name, integer) IS
'Makes the partitions of a table that is partitioned by month: the present month, so many months ahead, and whichever months the DEFAULT partition has rows of, which move. Returns the names of those made; those that exist stay. A month that nobody made in time loses nothing: its rows wait in the DEFAULT partition. For the owner, monthly; it waits for whoever reads or writes the DEFAULT partition only. One at a time; writers wait for it only where the present month is missing. Refusals: MB007.';

CREATE FUNCTION platform.drop_months(
    in_schema name, in_table name, keep interval, dry_run boolean DEFAULT false
)
RETURNS text[]
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- whoever calls it, the partitions belong to the owner
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC' -- months are those of UTC
AS $$
DECLARE
    leaf    name;
    dropped text[] := ARRAY[]::text[];
BEGIN
    IF keep < interval '0' THEN
        RAISE EXCEPTION 'months to come are not dropped' USING
            ERRCODE = 'MB007',
            HINT = 'Give how long months are kept.';
    END IF;
    FOR leaf IN
        SELECT c.relname
        FROM pg_inherits AS i
        INNER JOIN pg_class AS c ON i.inhrelid = c.oid
        WHERE i.inhparent = format('%I.%I', in_schema, in_table)::regclass
            AND c.relname ~ '_y[0-9]{4}m[0-9]{2}$'
            AND to_date(right(c.relname, 8), '"y"YYYY"m"MM')::timestamptz + interval '1 month' <= now() - keep
        ORDER BY c.relname
    LOOP
        IF NOT dry_run THEN
            EXECUTE format('DROP TABLE %I.%I', in_schema, leaf);
        END IF;
        dropped := dropped || leaf::text;
    END LOOP;
    RETURN dropped;
END
$$;

COMMENT ON FUNCTION platform.drop_months(name, name, interval, boolean) IS
'Drops the monthly partitions all of whose rows are older than this, and returns their names; with dry_run it only returns them. For the owner.';

CREATE FUNCTION platform.scrub_rows(in_schema name, of_table name, of_keys jsonb[], with_actor boolean DEFAULT false)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- nobody else may change an audit log
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor          platform.actor := platform.current_actor(in_schema || '_app');
    caller_setting text := current_setting('mentorbase.maintenance', true);
    scrubbed       bigint;
BEGIN
    IF to_regclass(format('%I.%I', in_schema, of_table)) IS NULL THEN
        RAISE EXCEPTION 'there is no such table' USING
            ERRCODE = 'MB004',
            DETAIL = format('table=%s.%s', in_schema, of_table),
            HINT = 'Name the schema and the table as its audit_log does.';
    END IF;
    -- What make_months() moves at this moment would be missed: the plan would not know the new partition.
    EXECUTE format('LOCK TABLE ONLY %I.audit_log IN SHARE UPDATE EXCLUSIVE MODE', in_schema);
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', in_schema);
    EXECUTE format(
        'WITH erased AS ('
        'UPDATE %1$I.audit_log SET old_values = NULL, new_values = NULL, scrubbed_at = now(),'
        ' actor_id = CASE WHEN NOT $3 THEN actor_id END'
        ' WHERE table_name = $1 AND row_key = ANY ($2) AND operation <> ''scrub'''
        ' AND (scrubbed_at IS NULL OR ($3 AND actor_id IS NOT NULL)) RETURNING row_key'
        '), recorded AS ('
        'INSERT INTO %1$I.audit_log'
        ' (table_name, row_key, operation, new_values, actor_kind, actor_id, db_login, db_role)'
        ' SELECT $1, k.key, ''scrub'', jsonb_build_object(''scrubbed'', count(e.row_key)), $4, $5, $6, $7'
        ' FROM unnest($2) AS k (key) LEFT JOIN erased AS e ON e.row_key = k.key GROUP BY k.key'
        ') SELECT count(*) FROM erased',
        in_schema
    ) INTO scrubbed USING
        of_table::text, of_keys, with_actor, -- a name would be compared in another collation than the index has
        actor.kind, actor.id, session_user::text, nullif(current_setting('role'), 'none');
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_setting, ''));
    RETURN scrubbed;
END
$$;

COMMENT ON FUNCTION platform.scrub_rows(name, name, jsonb[], boolean) IS
'Erases the values that a schema''s audit log keeps of these rows, given by table and keys such as {"id": 7}, and with_actor also who changed them: that and when they changed stays. Records itself, a row each, and returns how many rows it erased. For the owner. Refusals: MB001, MB004.';

CREATE FUNCTION platform.scrub(in_schema name, of_table name, of_key jsonb, with_actor boolean DEFAULT false)
RETURNS bigint
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT platform.scrub_rows(in_schema, of_table, ARRAY[of_key], with_actor)
$$;

COMMENT ON FUNCTION platform.scrub(name, name, jsonb, boolean) IS
'As platform.scrub_rows, of one row. For the owner, when somebody asks to be forgotten.';

CREATE FUNCTION platform.maintain_audit_logs(dry_run boolean DEFAULT false)
RETURNS TABLE (schema_name name, made text[], dropped text[])
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    keep interval;
BEGIN
    SELECT make_interval(days => s.value::integer) INTO STRICT keep
    FROM platform.settings AS s
    WHERE s.name = 'audit_retention';

    FOR schema_name IN
        SELECT n.nspname
        FROM pg_class AS c
        INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
        WHERE c.relname = 'audit_log' AND c.relkind = 'p' AND c.relowner = 'mentorbase_owner'::regrole
        ORDER BY n.nspname
    LOOP
        dropped := platform.drop_months(schema_name, 'audit_log', keep, dry_run);
        made := CASE WHEN dry_run THEN '{}' ELSE platform.make_months(schema_name, 'audit_log') END;
        RETURN NEXT;
    END LOOP;
END
$$;

COMMENT ON FUNCTION platform.maintain_audit_logs(boolean) IS
'Makes the months ahead of every audit log, and drops those that are older than the setting audit_retention; one row a schema with the names. With dry_run nothing is made or dropped, and the row says what would be dropped. For the owner, daily or monthly.';

CREATE FUNCTION platform.backoff(attempt integer, first_wait interval, longest_wait interval)
RETURNS interval
LANGUAGE sql
VOLATILE
PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT least(first_wait * (2.0 ^ least(attempt - 1, 30))::double precision, longest_wait) * (0.5 + random() / 2)
$$;

COMMENT ON FUNCTION platform.backoff(integer, interval, interval) IS
'How long a queue waits after so many failed attempts: first_wait, doubled with each further one up to longest_wait, of which a random part between a half and the whole, so that what failed together does not come back together.';

CREATE FUNCTION platform.guard_own()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor  platform.actor := platform.current_actor(TG_TABLE_SCHEMA || '_app');
    before bigint := CASE WHEN TG_OP <> 'INSERT' THEN (to_jsonb(OLD) ->> TG_ARGV[0])::bigint END;
    after  bigint := CASE WHEN TG_OP <> 'DELETE' THEN (to_jsonb(NEW) ->> TG_ARGV[0])::bigint END;
BEGIN
    IF actor.kind = 'user' AND (actor.id <> coalesce(before, after) OR actor.id <> coalesce(after, before)) THEN
        RAISE EXCEPTION 'a row of %.% is written by its own person', TG_TABLE_SCHEMA, TG_TABLE_NAME USING
            ERRCODE = 'MB002',
            DETAIL = format('%s=%s', TG_ARGV[0], coalesce(before, after)),
            HINT = 'Act as that person, as an administrator or as the system.';
    END IF;
    RETURN coalesce(NEW, OLD);
END
$$;

COMMENT ON FUNCTION platform.guard_own() IS
'Row trigger of tables whose rows belong to one person each: only that person, an administrator or the system writes them (MB002). The argument is the column that names the person.';

CREATE FUNCTION platform.allowed_steps(in_schema name, in_table name, subject text, present text)
RETURNS text
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    steps text;
BEGIN
    EXECUTE format(
        'SELECT string_agg(format(''%%s (%%s)'', s.to_status, s.actors), '', '' ORDER BY s.to_status)'
        ' FROM ('
        'SELECT t.to_status, string_agg(t.actor_kind::text, '', '' ORDER BY t.actor_kind) AS actors'
        ' FROM %I.%I AS t WHERE t.from_status::text IS NOT DISTINCT FROM $1 GROUP BY t.to_status'
        ') AS s',
        in_schema, in_table || '_transitions'
    ) INTO steps USING present;
    RETURN format(
        'From %s %s may go to: %s.', coalesce(present, 'nothing'), subject, coalesce(steps, 'nowhere, it has ended')
    );
END
$$;

COMMENT ON FUNCTION platform.allowed_steps(name, name, text, text) IS
'What may follow a status by the table of transitions that belongs to this table, and who may do it, in words: the HINT of a refusal. The third argument is what the rows are called, such as a group; the fourth the present status, NULL for how it may begin.';

CREATE FUNCTION platform.refuse_step(
    in_schema name, in_table name, subject text, from_status text, to_status text, actor_is text, detail text
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    permitted text;
BEGIN
    EXECUTE format(
        'SELECT string_agg(t.actor_kind::text, '', '' ORDER BY t.actor_kind) FROM %I.%I AS t'
        ' WHERE t.from_status::text IS NOT DISTINCT FROM $1 AND t.to_status::text = $2',
        in_schema, in_table || '_transitions'
    ) INTO permitted USING from_status, to_status;

    IF permitted IS NULL THEN
        RAISE EXCEPTION '% cannot go from % to %', subject, coalesce(from_status, 'nothing'),
            coalesce(to_status, 'nothing')
            USING
                ERRCODE = 'MB003',
                DETAIL = detail,
                HINT = platform.allowed_steps(in_schema, in_table, subject, from_status);
    END IF;
    RAISE EXCEPTION '% goes from % to % only by: %', subject, coalesce(from_status, 'nothing'), to_status, permitted
        USING
            ERRCODE = 'MB002',
            DETAIL = format('%s, actor_is=%s', detail, coalesce(actor_is, 'outsider')),
            HINT = platform.allowed_steps(in_schema, in_table, subject, from_status);
END
$$;

COMMENT ON FUNCTION platform.refuse_step(name, name, text, text, text, text, text) IS
'Says why a guard refuses a step: the table of transitions that belongs to this table does not list it (MB003), or not for what the actor is to the row (MB002). The last argument is the DETAIL. Always raises.';

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
