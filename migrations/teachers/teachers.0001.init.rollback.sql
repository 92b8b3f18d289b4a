SET LOCAL ROLE mentorbase_owner;

DROP VIEW teachers.v_audit_log;
DROP VIEW teachers.v_teacher_languages;
DROP VIEW teachers.v_teachers;
DROP TABLE teachers.audit_log;
DROP TABLE teachers.teacher_languages;
DROP TABLE teachers.teachers;
DROP SCHEMA teachers;

REVOKE EXECUTE ON FUNCTION
platform.current_actor(name), platform.is_application(name), platform.is_timezone(text)
FROM teachers_app;
REVOKE USAGE ON SCHEMA platform FROM teachers_app;
