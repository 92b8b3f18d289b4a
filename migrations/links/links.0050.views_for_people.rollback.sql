SET LOCAL ROLE mentorbase_owner;

DROP VIEW links.v_interventions;
DROP VIEW links.v_notifications;
DROP VIEW links.v_teacher_unavailable;
DROP VIEW links.v_teacher_schedules;
DROP VIEW links.v_lesson_participants;
DROP VIEW links.v_lessons;
DROP VIEW links.v_group_members;
DROP VIEW links.v_groups;
DROP VIEW links.v_students;
DROP VIEW links.v_teachers;
DROP VIEW links.v_publications;
DROP VIEW links.v_bookings;
DROP VIEW links.v_mentor_load;
DROP VIEW links.v_mentor_board;
DROP VIEW links.v_mentor_mentee;
DROP VIEW links.v_people;
REVOKE USAGE ON SCHEMA links FROM mentorbase_reader;

COMMENT ON SCHEMA links IS
'What joins services that share a database: functions that know two of them, and what an application does in several at once. Holds no data.';
