-- The teaching services beside each other: foreign keys for new rows, the teachers' view of groups, enrollments as a copy of
-- memberships. The next migration checks the rows that are there.
-- depends: links.0008.validate_publications auth.0001.init teachers.0001.init students.0001.init groups.0001.init

SET LOCAL ROLE mentorbase_owner;
SET LOCAL lock_timeout = '5s';

CREATE SCHEMA links;

COMMENT ON SCHEMA links IS
'What joins services that share a database: functions that know two of them. Holds no data, and is for no role but the owner.';

-- The teaching services know people by telegram_id, and follow it where it changes.
ALTER TABLE teachers.teachers
ADD CONSTRAINT teachers_telegram_id_fkey FOREIGN KEY (telegram_id)
REFERENCES auth.users (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT NOT VALID;

ALTER TABLE students.students
ADD CONSTRAINT students_telegram_id_fkey FOREIGN KEY (telegram_id)
REFERENCES auth.users (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT NOT VALID;

ALTER TABLE groups.groups
ADD CONSTRAINT groups_teacher_telegram_id_fkey FOREIGN KEY (teacher_telegram_id)
REFERENCES teachers.teachers (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT NOT VALID;

ALTER TABLE groups.group_members
ADD CONSTRAINT group_members_student_telegram_id_fkey FOREIGN KEY (student_telegram_id)
REFERENCES students.students (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT NOT VALID;

-- Who is invited need not be a student yet.
ALTER TABLE groups.group_invitations
ADD CONSTRAINT group_invitations_student_telegram_id_fkey FOREIGN KEY (student_telegram_id)
REFERENCES auth.users (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT NOT VALID;

ALTER TABLE students.group_enrollments
ADD CONSTRAINT group_enrollments_group_id_fkey FOREIGN KEY (group_id)
REFERENCES groups.groups (id) ON DELETE RESTRICT NOT VALID,
ADD CONSTRAINT group_enrollments_membership_id_fkey FOREIGN KEY (membership_id)
REFERENCES groups.group_members (id) ON DELETE CASCADE NOT VALID;

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

CREATE FUNCTION links.enrollment_status(of_member groups.member_status)
RETURNS students.enrollment_status
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT
    CASE of_member
        WHEN 'waiting' THEN 'applied'
        WHEN 'active' THEN 'enrolled'
        WHEN 'completed' THEN 'completed'
        WHEN 'left' THEN 'dropped'
    END::students.enrollment_status
$$;

COMMENT ON FUNCTION links.enrollment_status(groups.member_status) IS
'What a membership of this status is to the students service.';

CREATE FUNCTION links.copy_membership()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- writes a copy that no role may write
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
BEGIN
    SET LOCAL mentorbase.actor = 'system';
    SET LOCAL mentorbase.reason = 'copied from the groups service';
    IF TG_OP = 'INSERT' THEN
        INSERT INTO students.group_enrollments (
            student_telegram_id, group_id, membership_id, status, progress, enrolled_at, ended_at
        ) VALUES (
            NEW.student_telegram_id, NEW.group_id, NEW.id, links.enrollment_status(NEW.status), NEW.progress,
            NEW.joined_at, NEW.ended_at
        );
    ELSE
        UPDATE students.group_enrollments AS e
        SET
            student_telegram_id = NEW.student_telegram_id,
            status = links.enrollment_status(NEW.status),
            progress = NEW.progress,
            enrolled_at = NEW.joined_at,
            ended_at = NEW.ended_at
        WHERE e.membership_id = NEW.id;
    END IF;
    EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION links.copy_membership() IS
'Row trigger of groups.group_members: keeps the copy in students.group_enrollments in step, as the system. One that is deleted goes by its foreign key.';

CREATE TRIGGER group_members_copy
AFTER INSERT OR UPDATE ON groups.group_members
FOR EACH ROW EXECUTE FUNCTION links.copy_membership();

-- Whom only the groups service knows so far gets an empty profile. What the students service kept itself ends here, and
-- memberships that have no copy get one.
DO $$
BEGIN
    SET LOCAL mentorbase.actor = 'system';
    SET LOCAL mentorbase.reason = 'the groups service keeps memberships from now on';

    INSERT INTO teachers.teachers (telegram_id)
    SELECT DISTINCT g.teacher_telegram_id
    FROM groups.groups AS g
    WHERE NOT EXISTS (SELECT FROM teachers.teachers AS t WHERE t.telegram_id = g.teacher_telegram_id);

    INSERT INTO students.students (telegram_id)
    SELECT DISTINCT m.student_telegram_id
    FROM groups.group_members AS m
    WHERE NOT EXISTS (SELECT FROM students.students AS s WHERE s.telegram_id = m.student_telegram_id);

    UPDATE students.group_enrollments AS e
    SET status = 'dropped'
    WHERE e.membership_id IS NULL AND e.status IN ('applied', 'enrolled');

    INSERT INTO students.group_enrollments (
        student_telegram_id, group_id, membership_id, status, progress, enrolled_at, ended_at
    )
    SELECT
        m.student_telegram_id,
        m.group_id,
        m.id,
        links.enrollment_status(m.status),
        m.progress,
        m.joined_at,
        m.ended_at
    FROM groups.group_members AS m
    WHERE NOT EXISTS (SELECT FROM students.group_enrollments AS e WHERE e.membership_id = m.id)
    ORDER BY m.id;
END
$$;

CREATE FUNCTION links.refuse_enrollment()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- From within a trigger and with the owner's rights: the copy itself, or a foreign key.
    IF pg_trigger_depth() > 1 AND current_user = 'mentorbase_owner' THEN
        RETURN coalesce(NEW, OLD);
    END IF;
    RAISE EXCEPTION 'enrollments follow the memberships of the groups service' USING
        ERRCODE = 'MB006',
        DETAIL = format('group_id=%s', coalesce(NEW.group_id, OLD.group_id)),
        HINT = 'Change the membership: groups.join_group(), groups.change_member().';
END
$$;

COMMENT ON FUNCTION links.refuse_enrollment() IS
'Row trigger of students.group_enrollments, a copy where the groups service shares the database: refuses whoever writes it by hand (MB006).';

CREATE TRIGGER group_enrollments_copy_only
BEFORE INSERT OR UPDATE OR DELETE ON students.group_enrollments
FOR EACH ROW EXECUTE FUNCTION links.refuse_enrollment();

-- The documents give the teachers service a table of groups; the groups service owns it. With the owner's rights, since
-- the teachers' application has none in that service.
CREATE VIEW teachers.groups AS
SELECT
    g.id,
    g.teacher_telegram_id,
    g.name,
    g.language,
    g.level,
    g.capacity,
    g.status,
    g.created_at,
    g.updated_at
FROM groups.groups AS g;

COMMENT ON VIEW teachers.groups IS
'The groups that teachers have made, read from the groups service, which owns them. Exists where the two share a database.';
COMMENT ON COLUMN teachers.groups.id IS 'The group.';
COMMENT ON COLUMN teachers.groups.teacher_telegram_id IS 'Who teaches it (teachers.telegram_id).';
COMMENT ON COLUMN teachers.groups.name IS 'What it is called.';
COMMENT ON COLUMN teachers.groups.language IS 'The language that it learns, a BCP 47 tag.';
COMMENT ON COLUMN teachers.groups.level IS 'The level that it is for, a1 to c2; NULL: any.';
COMMENT ON COLUMN teachers.groups.capacity IS 'How many seats it has.';
COMMENT ON COLUMN teachers.groups.status IS 'Where it stands: open and closed groups run, completed and cancelled ones have ended.';
COMMENT ON COLUMN teachers.groups.created_at IS 'When the group was made.';
COMMENT ON COLUMN teachers.groups.updated_at IS 'When a person last changed it.';

GRANT SELECT ON teachers.groups TO teachers_app;
