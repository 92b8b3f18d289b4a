SET LOCAL ROLE mentorbase_owner;

DROP FUNCTION links.user_profile(bigint, integer);
DROP FUNCTION links.create_lesson(bigint, bigint, bigint[], text, timestamptz, timestamptz, bigint, text);

COMMENT ON SCHEMA links IS
'What joins services that share a database: functions that know two of them. Holds no data, and is for no role but the owner.';

REVOKE USAGE ON SCHEMA links FROM links_app;
