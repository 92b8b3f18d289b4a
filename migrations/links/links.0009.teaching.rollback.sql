SET LOCAL ROLE mentorbase_owner;

DROP VIEW teachers.groups;
DROP TRIGGER group_enrollments_copy_only ON students.group_enrollments;
DROP FUNCTION links.refuse_enrollment();
DROP TRIGGER group_members_copy ON groups.group_members;
DROP FUNCTION links.copy_membership();
DROP FUNCTION links.enrollment_status(groups.member_status);

ALTER TABLE students.group_enrollments
DROP CONSTRAINT group_enrollments_membership_id_fkey,
DROP CONSTRAINT group_enrollments_group_id_fkey;
ALTER TABLE groups.group_invitations DROP CONSTRAINT group_invitations_student_telegram_id_fkey;
ALTER TABLE groups.group_members DROP CONSTRAINT group_members_student_telegram_id_fkey;
ALTER TABLE groups.groups DROP CONSTRAINT groups_teacher_telegram_id_fkey;
ALTER TABLE students.students DROP CONSTRAINT students_telegram_id_fkey;
ALTER TABLE teachers.teachers DROP CONSTRAINT teachers_telegram_id_fkey;

DROP SCHEMA links;
