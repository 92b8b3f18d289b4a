CREATE FUNCTION students.enrollment_side(of_student bigint, actor platform.actor)
RETURNS students.party
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT
    CASE
        WHEN actor.kind = 'admin' THEN 'admin'
        WHEN actor.kind = 'system' THEN 'system'
        WHEN actor.id = of_student THEN 'student'
    END::students.party
$$;

COMMENT ON FUNCTION students.enrollment_side(bigint, platform.actor) IS
'What the actor is to an enrollment of this student: student, admin or system; NULL for an outsider.';

CREATE FUNCTION students.apply_to_group(
    student_telegram_id bigint,
    group_id bigint,
    status students.enrollment_status DEFAULT 'applied',
    actor_id bigint DEFAULT NULL,
    reason text DEFAULT NULL
)
RETURNS students.group_enrollments
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    enrollment    students.group_enrollments;
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', reason);
    END IF;

    INSERT INTO students.group_enrollments AS e (student_telegram_id, group_id, status)
    VALUES (apply_to_group.student_telegram_id, apply_to_group.group_id, apply_to_group.status)
    RETURNING e.* INTO enrollment;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    END IF;
    RETURN enrollment;
END
$$;

COMMENT ON FUNCTION students.apply_to_group(bigint, bigint, students.enrollment_status, bigint, text) IS
'Enrolls a student in a group and returns the enrollment: applied, or enrolled at once by an administrator or the system. Where the groups service shares the database, groups.join_group() does that. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB006, and the constraints of group_enrollments.';

CREATE FUNCTION students.change_enrollment(
    enrollment_id bigint,
    to_status students.enrollment_status DEFAULT NULL,
    progress numeric DEFAULT NULL,
    actor_id bigint DEFAULT NULL,
    reason text DEFAULT NULL
)
RETURNS students.group_enrollments
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    present       students.enrollment_status;
    enrollment    students.group_enrollments;
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', reason);
    END IF;

    UPDATE students.group_enrollments AS e
    SET
        status = coalesce(to_status, e.status),
        progress = coalesce(change_enrollment.progress, e.progress)
    WHERE e.id = enrollment_id AND (to_status IS NULL OR e.status <> to_status)
    RETURNING e.* INTO enrollment;

    IF NOT FOUND THEN
        SELECT e.status INTO present FROM students.group_enrollments AS e WHERE e.id = enrollment_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'there is no such enrollment' USING
                ERRCODE = 'MB004',
                DETAIL = format('enrollment_id=%s', coalesce(enrollment_id::text, 'null')),
                HINT = 'Look the enrollment up by its student or group.';
        END IF;
        RAISE EXCEPTION 'an enrollment cannot go from % to %', present, to_status USING
            ERRCODE = 'MB003',
            DETAIL = format('enrollment_id=%s, status=%s', enrollment_id, present),
            HINT = platform.allowed_steps('students', 'group_enrollments', 'an enrollment', present::text);
    END IF;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    END IF;
    RETURN enrollment;
END
$$;

COMMENT ON FUNCTION students.change_enrollment(bigint, students.enrollment_status, numeric, bigint, text) IS
'Takes one step of an enrollment, or records progress (0 to 100), or both, and returns the enrollment. NULL leaves as it is. actor_id: who acts (NULL: the transaction''s actor). reason: kept in the history. Refusals: MB001 to MB004, MB006.';

CREATE FUNCTION students.end_person(person platform.person)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_id bigint;
    ended    bigint := 0;
BEGIN
    -- Where the groups service shares the database, that has ended them already.
    FOR found_id IN
        SELECT e.id
        FROM students.group_enrollments AS e
        WHERE e.student_telegram_id = person.telegram_id AND e.status IN ('applied', 'enrolled')
        ORDER BY e.id
    LOOP
        PERFORM students.change_enrollment(found_id, 'dropped');
        ended := ended + 1;
    END LOOP;
    RETURN ended;
END
$$;

COMMENT ON FUNCTION students.end_person(platform.person) IS
'Drops a person''s enrollments; returns how many. For platform.erase_person().';
