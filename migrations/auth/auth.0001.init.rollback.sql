SET LOCAL ROLE mentorbase_owner;

DROP TABLE auth.users;
DROP FUNCTION auth.guard_users();
DROP TYPE auth.user_role;
DROP SCHEMA auth;

REVOKE EXECUTE ON FUNCTION
platform.current_actor(name), platform.is_application(name), platform.is_timezone(text) FROM auth_app;
REVOKE USAGE ON SCHEMA platform FROM auth_app;
