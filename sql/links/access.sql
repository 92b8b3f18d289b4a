GRANT SELECT ON teachers.groups TO teachers_app;

GRANT USAGE ON SCHEMA links TO links_app;
GRANT EXECUTE ON FUNCTION
links.create_lesson(bigint, bigint, bigint[], text, timestamptz, timestamptz, bigint, text),
links.user_profile(bigint, integer)
TO links_app;
