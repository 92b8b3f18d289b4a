-- Foreign keys between services that share a database. RESTRICT: a person who is part of somebody's story
-- is deactivated (auth.users.is_active), not deleted.
ALTER TABLE mentoring.user_profiles
ADD CONSTRAINT user_profiles_user_id_fkey FOREIGN KEY (user_id)
REFERENCES auth.users (id) ON DELETE RESTRICT;

ALTER TABLE mentoring.mentor_mentee
ADD CONSTRAINT mentor_mentee_mentor_id_fkey FOREIGN KEY (mentor_id)
REFERENCES auth.users (id) ON DELETE RESTRICT,
ADD CONSTRAINT mentor_mentee_mentee_id_fkey FOREIGN KEY (mentee_id)
REFERENCES auth.users (id) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT user_profiles_user_id_fkey ON mentoring.user_profiles IS 'user_id is the id of a user.';
COMMENT ON CONSTRAINT mentor_mentee_mentor_id_fkey ON mentoring.mentor_mentee IS 'mentor_id is the id of a user.';
COMMENT ON CONSTRAINT mentor_mentee_mentee_id_fkey ON mentoring.mentor_mentee IS 'mentee_id is the id of a user.';

ALTER TABLE mentoring.subjects
ADD CONSTRAINT subjects_user_id_fkey FOREIGN KEY (user_id)
REFERENCES auth.users (id) ON DELETE RESTRICT;

ALTER TABLE mentoring.subject_schedule
ADD CONSTRAINT subject_schedule_user_id_fkey FOREIGN KEY (user_id)
REFERENCES auth.users (id) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT subjects_user_id_fkey ON mentoring.subjects IS 'user_id is the id of a user.';
COMMENT ON CONSTRAINT subject_schedule_user_id_fkey ON mentoring.subject_schedule IS 'user_id is the id of a user.';

ALTER TABLE mentoring.blocks
ADD CONSTRAINT blocks_blocker_id_fkey FOREIGN KEY (blocker_id)
REFERENCES auth.users (id) ON DELETE CASCADE,
ADD CONSTRAINT blocks_blocked_id_fkey FOREIGN KEY (blocked_id)
REFERENCES auth.users (id) ON DELETE CASCADE;

COMMENT ON CONSTRAINT blocks_blocker_id_fkey ON mentoring.blocks IS 'blocker_id is the id of a user.';
COMMENT ON CONSTRAINT blocks_blocked_id_fkey ON mentoring.blocks IS 'blocked_id is the id of a user.';

ALTER TABLE mentoring.publications
ADD CONSTRAINT publications_mentor_id_fkey FOREIGN KEY (mentor_id)
REFERENCES auth.users (id) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT publications_mentor_id_fkey ON mentoring.publications IS 'mentor_id is the id of a user.';

-- Teaching services know people by their Telegram ids. Whoever changes one changes it everywhere.
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
