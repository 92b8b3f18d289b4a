-- Audit logs are kept for so long, and no longer.
-- depends: platform.0005.audit

SET LOCAL ROLE mentorbase_owner;

-- Limits of what all services share, as rows rather than literals.
CREATE TABLE platform.settings (
    name       text        NOT NULL,
    value      bigint      NOT NULL,
    unit       text        NOT NULL,
    meaning    text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT settings_pkey PRIMARY KEY (name),
    CONSTRAINT settings_value_check CHECK (value BETWEEN 0 AND 36500),
    CONSTRAINT settings_unit_check CHECK (unit = 'days')
);

COMMENT ON TABLE platform.settings IS
'Limits of what all services share, one a row. The owner changes values; names are fixed, because functions read them.';
COMMENT ON COLUMN platform.settings.name IS 'The limit.';
COMMENT ON COLUMN platform.settings.value IS 'Its value, counted in unit.';
COMMENT ON COLUMN platform.settings.unit IS 'What the value counts: days.';
COMMENT ON COLUMN platform.settings.meaning IS 'What it limits.';
COMMENT ON COLUMN platform.settings.created_at IS 'When the row was made.';
COMMENT ON COLUMN platform.settings.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT settings_pkey ON platform.settings IS 'One row a limit.';
COMMENT ON CONSTRAINT settings_value_check ON platform.settings IS 'A limit''s value is 0 to 36500.';
COMMENT ON CONSTRAINT settings_unit_check ON platform.settings IS 'A limit counts days, as the functions read it.';

INSERT INTO platform.settings (name, value, unit, meaning) VALUES
('audit_retention', 3650, 'days', 'How long audit logs are kept; a month is dropped once all of it is older.');

CREATE TRIGGER settings_set_updated_at
BEFORE UPDATE ON platform.settings
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

DROP FUNCTION platform.drop_months(name, name, interval);

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
        made := CASE WHEN dry_run THEN '{}' ELSE platform.make_months(schema_name, 'audit_log') END;
        dropped := platform.drop_months(schema_name, 'audit_log', keep, dry_run);
        RETURN NEXT;
    END LOOP;
END
$$;

COMMENT ON FUNCTION platform.maintain_audit_logs(boolean) IS
'Makes the months ahead of every audit log, and drops those that are older than the setting audit_retention; one row a schema with the names. With dry_run nothing is made or dropped, and the row says what would be dropped. For the owner, daily or monthly.';
