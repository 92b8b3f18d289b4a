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

CREATE SCHEMA links;

COMMENT ON SCHEMA links IS
'What joins services that share a database: views that show people by name, functions that know two services, and what an application does in several at once. Holds no data.';

-- The teaching services know people by telegram_id, and follow it where it changes.
ALTER TABLE teachers.teachers
ADD CONSTRAINT teachers_telegram_id_fkey FOREIGN KEY (telegram_id)
REFERENCES auth.users (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT;

ALTER TABLE students.students
ADD CONSTRAINT students_telegram_id_fkey FOREIGN KEY (telegram_id)
REFERENCES auth.users (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT;

ALTER TABLE groups.groups
ADD CONSTRAINT groups_teacher_telegram_id_fkey FOREIGN KEY (teacher_telegram_id)
REFERENCES teachers.teachers (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT;

ALTER TABLE groups.group_members
ADD CONSTRAINT group_members_student_telegram_id_fkey FOREIGN KEY (student_telegram_id)
REFERENCES students.students (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT;

-- Who is invited need not be a student yet.
ALTER TABLE groups.group_invitations
ADD CONSTRAINT group_invitations_student_telegram_id_fkey FOREIGN KEY (student_telegram_id)
REFERENCES auth.users (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT;

ALTER TABLE students.group_enrollments
ADD CONSTRAINT group_enrollments_group_id_fkey FOREIGN KEY (group_id)
REFERENCES groups.groups (id) ON DELETE RESTRICT,
ADD CONSTRAINT group_enrollments_membership_id_fkey FOREIGN KEY (membership_id)
REFERENCES groups.group_members (id) ON DELETE CASCADE;

COMMENT ON CONSTRAINT teachers_telegram_id_fkey ON teachers.teachers IS 'telegram_id is the telegram_id of a user.';
COMMENT ON CONSTRAINT students_telegram_id_fkey ON students.students IS 'telegram_id is the telegram_id of a user.';
COMMENT ON CONSTRAINT groups_teacher_telegram_id_fkey ON groups.groups IS
'teacher_telegram_id is the telegram_id of a teacher.';
COMMENT ON CONSTRAINT group_members_student_telegram_id_fkey ON groups.group_members IS
'student_telegram_id is the telegram_id of a student.';
COMMENT ON CONSTRAINT group_invitations_student_telegram_id_fkey ON groups.group_invitations IS
'student_telegram_id is the telegram_id of a user.';
COMMENT ON CONSTRAINT group_enrollments_group_id_fkey ON students.group_enrollments IS 'group_id is the id of a group.';
COMMENT ON CONSTRAINT group_enrollments_membership_id_fkey ON students.group_enrollments IS
'membership_id is the id of a membership.';

-- Settings go with their person; notifications themselves may be for somebody who has not registered.
ALTER TABLE notifications.user_notification_settings
ADD CONSTRAINT user_notification_settings_telegram_id_fkey FOREIGN KEY (telegram_id)
REFERENCES auth.users (telegram_id) ON UPDATE CASCADE ON DELETE CASCADE;

COMMENT ON CONSTRAINT user_notification_settings_telegram_id_fkey ON notifications.user_notification_settings IS
'telegram_id is the Telegram account of a user.';

-- Lessons are given by teachers, to students, maybe to a group. Whoever changes their Telegram id changes it everywhere.
ALTER TABLE calendar.lessons
ADD CONSTRAINT lessons_teacher_telegram_id_fkey FOREIGN KEY (teacher_telegram_id)
REFERENCES teachers.teachers (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT,
ADD CONSTRAINT lessons_group_id_fkey FOREIGN KEY (group_id)
REFERENCES groups.groups (id) ON DELETE RESTRICT;

ALTER TABLE calendar.lesson_participants
ADD CONSTRAINT lesson_participants_student_telegram_id_fkey FOREIGN KEY (student_telegram_id)
REFERENCES students.students (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT;

ALTER TABLE calendar.teacher_schedules
ADD CONSTRAINT teacher_schedules_teacher_telegram_id_fkey FOREIGN KEY (teacher_telegram_id)
REFERENCES teachers.teachers (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT;

ALTER TABLE calendar.teacher_unavailable
ADD CONSTRAINT teacher_unavailable_teacher_telegram_id_fkey FOREIGN KEY (teacher_telegram_id)
REFERENCES teachers.teachers (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT;

COMMENT ON CONSTRAINT lessons_teacher_telegram_id_fkey ON calendar.lessons IS
'teacher_telegram_id is the telegram_id of a teacher.';
COMMENT ON CONSTRAINT lessons_group_id_fkey ON calendar.lessons IS 'group_id is the id of a group.';
COMMENT ON CONSTRAINT lesson_participants_student_telegram_id_fkey ON calendar.lesson_participants IS
'student_telegram_id is the telegram_id of a student.';
COMMENT ON CONSTRAINT teacher_schedules_teacher_telegram_id_fkey ON calendar.teacher_schedules IS
'teacher_telegram_id is the telegram_id of a teacher.';
COMMENT ON CONSTRAINT teacher_unavailable_teacher_telegram_id_fkey ON calendar.teacher_unavailable IS
'teacher_telegram_id is the telegram_id of a teacher.';

-- The bot's people and the children who play are users.
ALTER TABLE quests.users
ADD CONSTRAINT users_id_fkey FOREIGN KEY (id)
REFERENCES auth.users (id) ON DELETE RESTRICT;

ALTER TABLE quests.child_privacy_settings
ADD CONSTRAINT child_privacy_settings_child_id_fkey FOREIGN KEY (child_id)
REFERENCES auth.users (id) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT users_id_fkey ON quests.users IS 'id is the id of a user.';
COMMENT ON CONSTRAINT child_privacy_settings_child_id_fkey ON quests.child_privacy_settings IS
'child_id is the id of a user.';

-- Who keeps tutors is a user.
ALTER TABLE tutormax.interventions
ADD CONSTRAINT interventions_assigned_to_fkey FOREIGN KEY (assigned_to)
REFERENCES auth.users (id) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT interventions_assigned_to_fkey ON tutormax.interventions IS 'assigned_to is the id of a user.';
