-- Checks the rows that were there before the foreign keys, without blocking writers.
-- depends: links.0009.teaching

SET LOCAL ROLE mentorbase_owner;

ALTER TABLE teachers.teachers VALIDATE CONSTRAINT teachers_telegram_id_fkey;
ALTER TABLE students.students VALIDATE CONSTRAINT students_telegram_id_fkey;
ALTER TABLE groups.groups VALIDATE CONSTRAINT groups_teacher_telegram_id_fkey;
ALTER TABLE groups.group_members VALIDATE CONSTRAINT group_members_student_telegram_id_fkey;
ALTER TABLE groups.group_invitations VALIDATE CONSTRAINT group_invitations_student_telegram_id_fkey;
ALTER TABLE students.group_enrollments VALIDATE CONSTRAINT group_enrollments_group_id_fkey;
ALTER TABLE students.group_enrollments VALIDATE CONSTRAINT group_enrollments_membership_id_fkey;
