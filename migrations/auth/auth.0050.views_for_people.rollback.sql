SET LOCAL ROLE mentorbase_owner;

DROP VIEW auth.v_users;
REVOKE USAGE ON TYPE auth.user_role FROM mentorbase_reader;
