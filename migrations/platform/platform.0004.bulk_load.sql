-- A bulk load says so, and guards skip what needs one lock a row.
-- depends: platform.0003.blocked

SET LOCAL ROLE mentorbase_owner;

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
