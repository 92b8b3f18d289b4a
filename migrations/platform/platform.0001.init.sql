-- Roles, who acts, the list of refusals, shared trigger functions.

-- Roles belong to the cluster, not to a database: made if absent, never dropped.
-- Runs as the login that deploys: either it may create roles (CREATEROLE), or a DBA has made them before.
-- All are NOLOGIN groups; a deployment grants them to its logins.

DO $$
DECLARE
    role_name name;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['mentorbase_owner', 'mentorbase_app', 'mentorbase_reader']::name[]
    LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = role_name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN
                    NULL; -- another database of this cluster made it in the meantime
            END;
        END IF;
    END LOOP;

    -- The deploying login must be able to become the owner. From PostgreSQL 16 on the creator of a role
    -- administers it without being able to become it, so that has to be asked for by its own name there.
    IF NOT pg_has_role(
        current_user, 'mentorbase_owner',
        CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END
    ) THEN
        EXECUTE format('GRANT mentorbase_owner TO %I', current_user);
    END IF;

    IF NOT has_database_privilege('mentorbase_owner', current_database(), 'CREATE') THEN
        EXECUTE format('GRANT CREATE ON DATABASE %I TO mentorbase_owner', current_database());
        -- Without the grant option PostgreSQL only warns.
        IF NOT has_database_privilege('mentorbase_owner', current_database(), 'CREATE') THEN
            RAISE EXCEPTION 'mentorbase_owner may not create schemas in this database' USING
                ERRCODE = 'insufficient_privilege',
                HINT = 'Deploy as the owner of the database, or have GRANT CREATE ON DATABASE ... TO mentorbase_owner done.';
        END IF;
    END IF;
END
$$;

SET LOCAL ROLE mentorbase_owner;

-- What every service shares. No service's data lives here.
CREATE SCHEMA platform;

COMMENT ON SCHEMA platform IS
'What every service shares: who is acting, how refusals are named, small trigger functions. Holds no service data.';

CREATE TYPE platform.actor_kind AS ENUM ('user', 'admin', 'system');

COMMENT ON TYPE platform.actor_kind IS
'As what somebody acts: user (a person, for themselves), admin (a person or a database role, with an administrator''s rights), system (a job without a person).';

CREATE TYPE platform.actor AS (
    kind platform.actor_kind,
    id bigint
);

COMMENT ON TYPE platform.actor IS 'Who is acting in this transaction, as platform.current_actor() reads it.';
COMMENT ON COLUMN platform.actor.kind IS 'As what they act: user, admin or system.';
COMMENT ON COLUMN platform.actor.id IS
'The acting person (auth.users.id); NULL for the system and for a database role that edits by hand.';

-- The one list of business refusals. mentorbase.errors has one exception class for each row.
CREATE TABLE platform.refusals (
    sqlstate text NOT NULL,
    name     text NOT NULL,
    meaning  text NOT NULL,

    CONSTRAINT refusals_pkey PRIMARY KEY (sqlstate),
    CONSTRAINT refusals_name_key UNIQUE (name),
    CONSTRAINT refusals_sqlstate_check CHECK (sqlstate ~ '^MB[0-9]{3}$')
);

COMMENT ON TABLE platform.refusals IS
'Every business refusal of this database: class MB of SQLSTATE, 0xx for all services, 1xx for mentoring. Reference data, changed by migrations only. The DETAIL of a refusal is a list of key=value pairs, its HINT the way out.';
COMMENT ON COLUMN platform.refusals.sqlstate IS 'The SQLSTATE that clients receive.';
COMMENT ON COLUMN platform.refusals.name IS 'Short name; the Python exception is the same in CamelCase.';
COMMENT ON COLUMN platform.refusals.meaning IS 'When it is raised.';
COMMENT ON CONSTRAINT refusals_pkey ON platform.refusals IS 'One row a SQLSTATE.';
COMMENT ON CONSTRAINT refusals_name_key ON platform.refusals IS 'A refusal''s name is unique.';
COMMENT ON CONSTRAINT refusals_sqlstate_check ON platform.refusals IS 'A refusal''s SQLSTATE is MB and three digits.';

INSERT INTO platform.refusals (sqlstate, name, meaning) VALUES
('MB001', 'actor_required', 'An application writes without saying who acts, or says it in a form that nobody understands.'),
('MB002', 'not_permitted', 'The step exists, but not for this actor.'),
('MB003', 'transition_refused', 'The life cycle has no such step from the present status, or not yet.'),
('MB004', 'not_found', 'There is no row with this key.'),
('MB005', 'stale_version', 'The row was changed since it was read.'),
('MB006', 'read_only', 'The column or row is kept by the database and cannot be changed by hand.'),
('MB007', 'invalid_argument', 'An argument is outside what is allowed.'),
('MB101', 'capacity_reached', 'The mentor has no free place.'),
('MB102', 'mentor_unavailable', 'The mentor takes no new requests.'),
('MB103', 'cooling_down', 'A request of this pair was rejected a short time ago.'),
('MB104', 'relationship_exists', 'The pair already has a relationship that is pending, active or paused.');

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

-- PUBLIC has nothing: neither of what exists nor of what the owner creates later.
REVOKE ALL ON TYPE platform.actor_kind, platform.actor FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA platform FROM PUBLIC;

-- EXECUTE for PUBLIC is a built-in default, so only a global (not a per-schema) default privilege takes it away.
ALTER DEFAULT PRIVILEGES FOR ROLE mentorbase_owner REVOKE EXECUTE ON ROUTINES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE mentorbase_owner REVOKE USAGE ON TYPES FROM PUBLIC;
