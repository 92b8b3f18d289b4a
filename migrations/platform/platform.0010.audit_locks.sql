-- Months are made one at a time and no writer is refused meanwhile; erasing rows takes one plan and misses none that moves.
-- depends: platform.0006.maintenance

SET LOCAL ROLE mentorbase_owner;

DROP FUNCTION platform.scrub(name, name, jsonb);

CREATE OR REPLACE FUNCTION platform.make_months(in_schema name, in_table name, months_ahead integer DEFAULT 3)
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

CREATE OR REPLACE FUNCTION platform.drop_months(
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

CREATE OR REPLACE FUNCTION platform.maintain_audit_logs(dry_run boolean DEFAULT false)
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
