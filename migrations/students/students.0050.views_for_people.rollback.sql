SET LOCAL ROLE mentorbase_owner;

DROP VIEW students.v_group_enrollments_history;
