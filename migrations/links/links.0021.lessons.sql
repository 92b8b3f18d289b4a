-- Lessons belong to teachers, students and groups, beside which they live, rather than to users; the next migration checks
-- the rows that are there.
-- depends: links.0020.validate_calendar links.0016.validate_notifications

SET LOCAL ROLE mentorbase_owner;
SET LOCAL lock_timeout = '5s';

-- Whom only the calendar knows so far gets an empty profile.
DO $$
BEGIN
    SET LOCAL mentorbase.actor = 'system';

    INSERT INTO teachers.teachers (telegram_id)
    SELECT DISTINCT k.telegram_id
    FROM (
        SELECT l.teacher_telegram_id AS telegram_id FROM calendar.lessons AS l
        UNION ALL
        SELECT s.teacher_telegram_id FROM calendar.teacher_schedules AS s
        UNION ALL
        SELECT u.teacher_telegram_id FROM calendar.teacher_unavailable AS u
    ) AS k
    WHERE NOT EXISTS (SELECT FROM teachers.teachers AS t WHERE t.telegram_id = k.telegram_id);

    INSERT INTO students.students (telegram_id)
    SELECT DISTINCT p.student_telegram_id
    FROM calendar.lesson_participants AS p
    WHERE NOT EXISTS (SELECT FROM students.students AS s WHERE s.telegram_id = p.student_telegram_id);
END
$$;

ALTER TABLE calendar.lessons DROP CONSTRAINT lessons_teacher_telegram_id_fkey;
ALTER TABLE calendar.lesson_participants DROP CONSTRAINT lesson_participants_student_telegram_id_fkey;
ALTER TABLE calendar.teacher_schedules DROP CONSTRAINT teacher_schedules_teacher_telegram_id_fkey;
ALTER TABLE calendar.teacher_unavailable DROP CONSTRAINT teacher_unavailable_teacher_telegram_id_fkey;

ALTER TABLE calendar.lessons
ADD CONSTRAINT lessons_teacher_telegram_id_fkey FOREIGN KEY (teacher_telegram_id)
REFERENCES teachers.teachers (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT NOT VALID,
ADD CONSTRAINT lessons_group_id_fkey FOREIGN KEY (group_id)
REFERENCES groups.groups (id) ON DELETE RESTRICT NOT VALID;

ALTER TABLE calendar.lesson_participants
ADD CONSTRAINT lesson_participants_student_telegram_id_fkey FOREIGN KEY (student_telegram_id)
REFERENCES students.students (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT NOT VALID;

ALTER TABLE calendar.teacher_schedules
ADD CONSTRAINT teacher_schedules_teacher_telegram_id_fkey FOREIGN KEY (teacher_telegram_id)
REFERENCES teachers.teachers (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT NOT VALID;

ALTER TABLE calendar.teacher_unavailable
ADD CONSTRAINT teacher_unavailable_teacher_telegram_id_fkey FOREIGN KEY (teacher_telegram_id)
REFERENCES teachers.teachers (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT NOT VALID;

COMMENT ON CONSTRAINT lessons_teacher_telegram_id_fkey ON calendar.lessons IS
'teacher_telegram_id is the telegram_id of a teacher.';
COMMENT ON CONSTRAINT lessons_group_id_fkey ON calendar.lessons IS 'group_id is the id of a group.';
COMMENT ON CONSTRAINT lesson_participants_student_telegram_id_fkey ON calendar.lesson_participants IS
'student_telegram_id is the telegram_id of a student.';
COMMENT ON CONSTRAINT teacher_schedules_teacher_telegram_id_fkey ON calendar.teacher_schedules IS
'teacher_telegram_id is the telegram_id of a teacher.';
COMMENT ON CONSTRAINT teacher_unavailable_teacher_telegram_id_fkey ON calendar.teacher_unavailable IS
'teacher_telegram_id is the telegram_id of a teacher.';
