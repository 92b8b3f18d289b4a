-- PUBLIC has nothing: neither of what exists nor of what the owner creates later.
REVOKE ALL ON TYPE
platform.actor_kind, platform.actor, platform.audit_operation, platform.cefr_level, platform.column_class,
platform.erasure, platform.person FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA platform FROM PUBLIC;

-- EXECUTE for PUBLIC is a built-in default, so only a global (not a per-schema) default privilege takes it away.
ALTER DEFAULT PRIVILEGES FOR ROLE mentorbase_owner REVOKE EXECUTE ON ROUTINES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE mentorbase_owner REVOKE USAGE ON TYPES FROM PUBLIC;

GRANT USAGE ON SCHEMA platform TO mentorbase_reader;
GRANT USAGE ON TYPE platform.actor_kind, platform.audit_operation, platform.cefr_level TO mentorbase_reader;
