SET LOCAL ROLE mentorbase_owner;

DROP FUNCTION platform.maintain_audit_logs(boolean);
DROP FUNCTION platform.drop_months(name, name, interval, boolean);

CREATE FUNCTION platform.drop_months(in_schema name, in_table name, keep interval)
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
        EXECUTE format('DROP TABLE %I.%I', in_schema, leaf);
        dropped := dropped || leaf::text;
    END LOOP;
    RETURN dropped;
END
$$;

COMMENT ON FUNCTION platform.drop_months(name, name, interval) IS
'Drops the monthly partitions all of whose rows are older than this, and returns their names. For the owner.';

DROP TABLE platform.settings;
