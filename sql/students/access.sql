GRANT USAGE ON SCHEMA students, platform TO students_app;
GRANT EXECUTE ON FUNCTION
platform.current_actor(name), platform.is_application(name), platform.is_timezone(text),
platform.allowed_steps(name, name, text, text),
students.apply_to_group(bigint, bigint, students.enrollment_status, bigint, text),
students.change_enrollment(bigint, students.enrollment_status, numeric, bigint, text)
TO students_app;

GRANT SELECT,
INSERT (telegram_id, learning_goals, timezone, is_active),
UPDATE (learning_goals, timezone, is_active)
ON students.students TO students_app;
GRANT SELECT, DELETE,
INSERT (student_telegram_id, language, current_level, target_level),
UPDATE (current_level, target_level)
ON students.student_languages TO students_app;

GRANT SELECT ON students.group_enrollments_transitions, students.group_enrollments_history TO students_app;
GRANT SELECT, INSERT (student_telegram_id, group_id, status), UPDATE (status, progress)
ON students.group_enrollments TO students_app;

GRANT USAGE ON SCHEMA students TO mentorbase_reader;
GRANT USAGE ON TYPE students.enrollment_status TO mentorbase_reader;
GRANT SELECT ON
students.v_students, students.v_student_languages, students.v_group_enrollments, students.v_audit_log
TO mentorbase_reader;

GRANT SELECT ON students.v_group_enrollments_history TO mentorbase_reader;
