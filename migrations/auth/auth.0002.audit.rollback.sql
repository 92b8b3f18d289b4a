SET LOCAL ROLE mentorbase_owner;

DROP TRIGGER users_audit_insert ON auth.users;
DROP TRIGGER users_audit_update ON auth.users;
DROP TRIGGER users_audit_delete ON auth.users;
DROP VIEW auth.v_audit_log;
DROP TABLE auth.audit_log;
REVOKE USAGE ON SCHEMA auth FROM mentorbase_reader;
