SET LOCAL ROLE mentorbase_owner;

ALTER TABLE calendar.teacher_unavailable DROP CONSTRAINT teacher_unavailable_teacher_telegram_id_fkey;
ALTER TABLE calendar.teacher_schedules DROP CONSTRAINT teacher_schedules_teacher_telegram_id_fkey;
ALTER TABLE calendar.lesson_participants DROP CONSTRAINT lesson_participants_student_telegram_id_fkey;
ALTER TABLE calendar.lessons
DROP CONSTRAINT lessons_group_id_fkey,
DROP CONSTRAINT lessons_teacher_telegram_id_fkey;

ALTER TABLE calendar.lessons
ADD CONSTRAINT lessons_teacher_telegram_id_fkey FOREIGN KEY (teacher_telegram_id)
REFERENCES auth.users (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT;

ALTER TABLE calendar.lesson_participants
ADD CONSTRAINT lesson_participants_student_telegram_id_fkey FOREIGN KEY (student_telegram_id)
REFERENCES auth.users (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT;

ALTER TABLE calendar.teacher_schedules
ADD CONSTRAINT teacher_schedules_teacher_telegram_id_fkey FOREIGN KEY (teacher_telegram_id)
REFERENCES auth.users (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT;

ALTER TABLE calendar.teacher_unavailable
ADD CONSTRAINT teacher_unavailable_teacher_telegram_id_fkey FOREIGN KEY (teacher_telegram_id)
REFERENCES auth.users (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT;

COMMENT ON CONSTRAINT lessons_teacher_telegram_id_fkey ON calendar.lessons IS
'teacher_telegram_id is the Telegram id of a user.';
COMMENT ON CONSTRAINT lesson_participants_student_telegram_id_fkey ON calendar.lesson_participants IS
'student_telegram_id is the Telegram id of a user.';
COMMENT ON CONSTRAINT teacher_schedules_teacher_telegram_id_fkey ON calendar.teacher_schedules IS
'teacher_telegram_id is the Telegram id of a user.';
COMMENT ON CONSTRAINT teacher_unavailable_teacher_telegram_id_fkey ON calendar.teacher_unavailable IS
'teacher_telegram_id is the Telegram id of a user.';
