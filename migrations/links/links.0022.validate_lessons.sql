-- Checks the rows that were there before the foreign keys, without blocking writers. A lesson of a group that does not exist
-- is an error here: set its group_id to one that does, or to NULL.
-- depends: links.0021.lessons

SET LOCAL ROLE mentorbase_owner;

ALTER TABLE calendar.lessons VALIDATE CONSTRAINT lessons_teacher_telegram_id_fkey;
ALTER TABLE calendar.lessons VALIDATE CONSTRAINT lessons_group_id_fkey;
ALTER TABLE calendar.lesson_participants VALIDATE CONSTRAINT lesson_participants_student_telegram_id_fkey;
ALTER TABLE calendar.teacher_schedules VALIDATE CONSTRAINT teacher_schedules_teacher_telegram_id_fkey;
ALTER TABLE calendar.teacher_unavailable VALIDATE CONSTRAINT teacher_unavailable_teacher_telegram_id_fkey;
