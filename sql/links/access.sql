GRANT SELECT ON teachers.groups TO teachers_app;

GRANT USAGE ON SCHEMA links TO links_app;
GRANT EXECUTE ON FUNCTION
links.create_lesson(bigint, bigint, bigint[], text, timestamptz, timestamptz, bigint, text),
links.user_profile(bigint, integer)
TO links_app;

GRANT USAGE ON SCHEMA links TO mentorbase_reader;
GRANT SELECT ON
links.v_people, links.v_mentor_mentee, links.v_mentor_board, links.v_mentor_load, links.v_bookings,
links.v_publications, links.v_teachers, links.v_students, links.v_groups, links.v_group_members, links.v_lessons,
links.v_lesson_participants, links.v_teacher_schedules, links.v_teacher_unavailable, links.v_notifications,
links.v_interventions
TO mentorbase_reader;
