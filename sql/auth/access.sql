GRANT USAGE ON SCHEMA auth, platform TO auth_app;
GRANT EXECUTE ON FUNCTION
platform.current_actor(name), platform.is_application(name), platform.is_timezone(text) TO auth_app;

GRANT SELECT ON auth.users TO auth_app;
GRANT INSERT (telegram_id, role, username, first_name, last_name, language_code, timezone)
ON auth.users TO auth_app;
GRANT UPDATE (telegram_id, role, username, first_name, last_name, language_code, timezone, is_active)
ON auth.users TO auth_app;
GRANT SELECT, INSERT (user_id, kind, sealed, lookup_hash), UPDATE (sealed, lookup_hash), DELETE
ON auth.user_contacts TO auth_app;

GRANT USAGE ON SCHEMA auth TO mentorbase_reader;
GRANT SELECT ON auth.v_audit_log TO mentorbase_reader;

GRANT USAGE ON TYPE auth.user_role TO mentorbase_reader;
GRANT SELECT ON auth.v_users TO mentorbase_reader;
