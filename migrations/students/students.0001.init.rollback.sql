SET LOCAL ROLE mentorbase_owner;

DROP VIEW students.v_audit_log;
DROP VIEW students.v_group_enrollments;
DROP VIEW students.v_student_languages;
DROP VIEW students.v_students;
DROP FUNCTION students.change_enrollment(bigint, students.enrollment_status, numeric, bigint, text);
DROP FUNCTION students.apply_to_group(bigint, bigint, students.enrollment_status, bigint, text);
DROP FUNCTION students.enrollment_side(bigint, platform.actor);
DROP TABLE students.audit_log;
DROP TABLE students.group_enrollments_history;
DROP TABLE students.group_enrollments;
DROP TABLE students.group_enrollments_transitions;
DROP TABLE students.student_languages;
DROP TABLE students.students;
DROP FUNCTION students.record_group_enrollments_history();
DROP FUNCTION students.guard_group_enrollments();
DROP TYPE students.party;
DROP TYPE students.enrollment_status;
DROP SCHEMA students;

REVOKE EXECUTE ON FUNCTION
platform.current_actor(name), platform.is_application(name), platform.is_timezone(text),
platform.allowed_steps(name, name, text, text)
FROM students_app;
REVOKE USAGE ON SCHEMA platform FROM students_app;
