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

CREATE FUNCTION platform.refuse_change()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '% of %.% is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME USING
        ERRCODE = 'MB006',
        HINT = 'The rows of this table are kept.';
END
$$;

COMMENT ON FUNCTION platform.refuse_change() IS
'Statement trigger that refuses what it is attached to for every role (MB006): UPDATE, DELETE and TRUNCATE of append-only tables, TRUNCATE of tables with a history.';

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
