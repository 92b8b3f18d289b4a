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
