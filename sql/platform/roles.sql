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
