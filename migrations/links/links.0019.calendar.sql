-- The foreign keys of calendar, for new rows; the next migration checks the rows that are there.
-- depends: links.0008.validate_publications calendar.0001.init

SET LOCAL ROLE mentorbase_owner;
SET LOCAL lock_timeout = '5s';

-- Teaching services know people by their Telegram ids. Whoever changes one changes it everywhere.
ALTER TABLE calendar.lessons
ADD CONSTRAINT lessons_teacher_telegram_id_fkey FOREIGN KEY (teacher_telegram_id)
REFERENCES auth.users (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT NOT VALID;

ALTER TABLE calendar.lesson_participants
ADD CONSTRAINT lesson_participants_student_telegram_id_fkey FOREIGN KEY (student_telegram_id)
REFERENCES auth.users (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT NOT VALID;

ALTER TABLE calendar.teacher_schedules
ADD CONSTRAINT teacher_schedules_teacher_telegram_id_fkey FOREIGN KEY (teacher_telegram_id)
REFERENCES auth.users (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT NOT VALID;

ALTER TABLE calendar.teacher_unavailable
ADD CONSTRAINT teacher_unavailable_teacher_telegram_id_fkey FOREIGN KEY (teacher_telegram_id)
REFERENCES auth.users (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT NOT VALID;

COMMENT ON CONSTRAINT lessons_teacher_telegram_id_fkey ON calendar.lessons IS
'teacher_telegram_id is the Telegram id of a user.';
COMMENT ON CONSTRAINT lesson_participants_student_telegram_id_fkey ON calendar.lesson_participants IS
'student_telegram_id is the Telegram id of a user.';
COMMENT ON CONSTRAINT teacher_schedules_teacher_telegram_id_fkey ON calendar.teacher_schedules IS
'teacher_telegram_id is the Telegram id of a user.';
COMMENT ON CONSTRAINT teacher_unavailable_teacher_telegram_id_fkey ON calendar.teacher_unavailable IS
'teacher_telegram_id is the Telegram id of a user.';
