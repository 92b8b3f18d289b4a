GRANT USAGE ON SCHEMA teachers, platform TO teachers_app;
GRANT EXECUTE ON FUNCTION
platform.current_actor(name), platform.is_application(name), platform.is_timezone(text) TO teachers_app;

GRANT SELECT,
INSERT (telegram_id, specialization, bio, rate, rate_currency, timezone, is_active),
UPDATE (specialization, bio, rate, rate_currency, timezone, is_active)
ON teachers.teachers TO teachers_app;
GRANT SELECT, DELETE,
INSERT (teacher_telegram_id, language, level, is_native),
UPDATE (level, is_native)
ON teachers.teacher_languages TO teachers_app;

GRANT USAGE ON SCHEMA teachers TO mentorbase_reader;
GRANT SELECT ON teachers.v_teachers, teachers.v_teacher_languages, teachers.v_audit_log TO mentorbase_reader;
