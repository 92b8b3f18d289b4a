-- Roles belong to the cluster and stay; only what they may do in this database goes.
SET LOCAL ROLE mentorbase_owner;

ALTER DEFAULT PRIVILEGES FOR ROLE mentorbase_owner GRANT USAGE ON TYPES TO PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE mentorbase_owner GRANT EXECUTE ON ROUTINES TO PUBLIC;

DROP FUNCTION platform.is_timezone(text);
DROP FUNCTION platform.refuse_change();
DROP FUNCTION platform.set_updated_at();
DROP FUNCTION platform.require_actor();
DROP FUNCTION platform.current_actor(name);
DROP FUNCTION platform.is_application(name);
DROP PROCEDURE platform.ensure_application_role(name);
DROP TABLE platform.refusals;
DROP TYPE platform.actor;
DROP TYPE platform.actor_kind;
DROP SCHEMA platform;

RESET ROLE;

DO $$
BEGIN
    EXECUTE format('REVOKE CREATE ON DATABASE %I FROM mentorbase_owner', current_database());
END
$$;
