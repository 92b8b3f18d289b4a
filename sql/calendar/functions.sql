CREATE FUNCTION calendar.side_of(teacher_telegram_id bigint, actor platform.actor)
RETURNS calendar.lesson_party
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
        WHEN actor.id = teacher_telegram_id THEN 'teacher'
    END::calendar.lesson_party
$$;

COMMENT ON FUNCTION calendar.side_of(bigint, platform.actor) IS
'What the actor is to this teacher''s lessons and times: teacher, admin or system; NULL for an outsider. The actor''s id is a Telegram id, as everywhere in this service.';

CREATE FUNCTION calendar.step_exists(
    from_status calendar.lesson_status,
    to_status calendar.lesson_status,
    side calendar.lesson_party
)
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT EXISTS (
    SELECT FROM calendar.lesson_transitions AS t
    WHERE t.from_status IS NOT DISTINCT FROM step_exists.from_status
        AND t.to_status = step_exists.to_status
        AND t.actor_kind = side
)
$$;

COMMENT ON FUNCTION calendar.step_exists(calendar.lesson_status, calendar.lesson_status, calendar.lesson_party) IS
'Whether lesson_transitions allows this step to this side.';

CREATE FUNCTION calendar.allowed_steps(present calendar.lesson_status)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT format(
    'From %s a lesson may go to: %s.',
    coalesce(present::text, 'nothing'),
    coalesce(string_agg(format('%s (%s)', step.to_status, step.actors), ', ' ORDER BY step.to_status), 'nowhere, it has ended')
)
FROM (
    SELECT
        t.to_status,
        string_agg(t.actor_kind::text, ', ' ORDER BY t.actor_kind) AS actors
    FROM calendar.lesson_transitions AS t
    WHERE t.from_status IS NOT DISTINCT FROM present
    GROUP BY t.to_status
) AS step
$$;

COMMENT ON FUNCTION calendar.allowed_steps(calendar.lesson_status) IS
'What may follow a lesson''s status and who may do it, in words: the HINT of a refusal. NULL: how a lesson may begin.';

CREATE FUNCTION calendar.refuse_step(
    from_status calendar.lesson_status,
    to_status calendar.lesson_status,
    side calendar.lesson_party,
    detail text
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    permitted text;
BEGIN
    SELECT string_agg(t.actor_kind::text, ', ' ORDER BY t.actor_kind) INTO permitted
    FROM calendar.lesson_transitions AS t
    WHERE t.from_status IS NOT DISTINCT FROM refuse_step.from_status
        AND t.to_status = refuse_step.to_status;

    IF permitted IS NULL THEN
        RAISE EXCEPTION 'a lesson cannot go from % to %', coalesce(from_status::text, 'nothing'), to_status USING
            ERRCODE = 'MB003',
            DETAIL = detail,
            HINT = calendar.allowed_steps(from_status);
    END IF;
    RAISE EXCEPTION 'a lesson goes from % to % only by: %', coalesce(from_status::text, 'nothing'), to_status, permitted
        USING
            ERRCODE = 'MB002',
            DETAIL = format('%s, actor_is=%s', detail, coalesce(side::text, 'outsider')),
            HINT = calendar.allowed_steps(from_status);
END
$$;

COMMENT ON FUNCTION calendar.refuse_step(
    calendar.lesson_status, calendar.lesson_status, calendar.lesson_party, text
) IS
'Says why a guard refuses a lesson''s step: lesson_transitions does not list it (MB003), or not for this side (MB002). The fourth argument is the DETAIL. Always raises.';

CREATE FUNCTION calendar.refuse_unknown(lesson_id bigint)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'there is no such lesson' USING
        ERRCODE = 'MB004',
        DETAIL = format('lesson_id=%s', coalesce(lesson_id::text, 'null')),
        HINT = 'Look the lesson up by its teacher or student.';
END
$$;

COMMENT ON FUNCTION calendar.refuse_unknown(bigint) IS 'Says that there is no such lesson (MB004). Always raises.';

CREATE FUNCTION calendar.refuse_own_lesson(lesson_id bigint)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'nobody learns in a lesson that they give' USING
        ERRCODE = 'MB007',
        DETAIL = format('lesson_id=%s', lesson_id),
        HINT = 'Name other students, or another teacher.';
END
$$;

COMMENT ON FUNCTION calendar.refuse_own_lesson(bigint) IS
'Says that a lesson''s teacher is not among its participants (MB007). Always raises.';

CREATE FUNCTION calendar.check_reached(outcome text, lesson_id bigint, due_at timestamptz)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF due_at <= now() THEN
        RETURN;
    END IF;
    RAISE EXCEPTION 'a lesson cannot be % yet', outcome USING
        ERRCODE = 'MB003',
        DETAIL = format('lesson_id=%s, due_at=%s', lesson_id, to_char(due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
        HINT = to_char(due_at AT TIME ZONE 'UTC', '"Wait until" YYYY-MM-DD HH24:MI "UTC."');
END
$$;

COMMENT ON FUNCTION calendar.check_reached(text, bigint, timestamptz) IS
'Refuses an outcome before its time (MB003): completed before the lesson''s end, attendance marked before its beginning.';

CREATE FUNCTION calendar.lock_people(telegram_ids bigint[])
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person bigint;
BEGIN
    IF platform.is_bulk_load('calendar_app') THEN
        RETURN;
    END IF;
    FOR person IN SELECT DISTINCT u.id FROM unnest(telegram_ids) AS u (id) ORDER BY u.id
    LOOP
        PERFORM pg_advisory_xact_lock(hashtextextended(format('calendar.person:%s', person), 0));
    END LOOP;
END
$$;

COMMENT ON FUNCTION calendar.lock_people(bigint[]) IS
'Until the end of the transaction, only this one takes these people''s time. Locks in the order of their ids, so that two lessons with the same people wait for each other instead of deadlocking, as two inserts into an exclusion constraint can. Bulk loads take no lock; the constraints hold all the same.';

CREATE FUNCTION calendar.busy_people(
    telegram_ids bigint[],
    from_at timestamptz,
    until timestamptz,
    except_lesson_id bigint DEFAULT NULL
)
RETURNS bigint[]
LANGUAGE plpgsql -- keeps its plan, which an SQL function does from PostgreSQL 18 on only
VOLATILE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT array_agg(DISTINCT u.id ORDER BY u.id)
        FROM unnest(telegram_ids) AS u (id)
        WHERE EXISTS (
            SELECT FROM calendar.lesson_participants AS p
            WHERE p.student_telegram_id = u.id AND p.occupies
                AND tstzrange(p.starts_at, p.ends_at) && tstzrange(from_at, until)
                AND p.lesson_id IS DISTINCT FROM except_lesson_id
        )
        OR EXISTS (
            SELECT FROM calendar.lessons AS l
            WHERE l.teacher_telegram_id = u.id AND l.occupies
                AND tstzrange(l.starts_at, l.ends_at) && tstzrange(from_at, until)
                AND l.id IS DISTINCT FROM except_lesson_id
        )
    );
END
$$;

COMMENT ON FUNCTION calendar.busy_people(bigint[], timestamptz, timestamptz, bigint) IS
'Which of these people teach or learn at some instant from the first on and before the second, but for one lesson; NULL if nobody does. VOLATILE, so that it sees what was committed while its caller waited for a lock.';

CREATE FUNCTION calendar.check_teacher_free(
    teacher_telegram_id bigint, from_at timestamptz, until timestamptz, except_lesson_id bigint
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF calendar.busy_people(ARRAY[teacher_telegram_id], from_at, until, except_lesson_id) IS NOT NULL THEN
        RAISE EXCEPTION 'the teacher is busy at that time' USING
            ERRCODE = 'MB250',
            DETAIL = format('teacher_telegram_id=%s', teacher_telegram_id),
            HINT = 'Choose another time, such as one of calendar.free_slots().';
    END IF;
END
$$;

COMMENT ON FUNCTION calendar.check_teacher_free(bigint, timestamptz, timestamptz, bigint) IS
'Refuses a time at which the teacher teaches or learns already (MB250), but for one lesson.';

CREATE FUNCTION calendar.check_students_free(
    student_telegram_ids bigint[], from_at timestamptz, until timestamptz, except_lesson_id bigint
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    busy bigint[] := calendar.busy_people(student_telegram_ids, from_at, until, except_lesson_id);
BEGIN
    IF busy IS NOT NULL THEN
        RAISE EXCEPTION 'students are busy at that time: % of %', cardinality(busy), cardinality(student_telegram_ids) USING
            ERRCODE = 'MB251',
            DETAIL = format('student_telegram_ids=%s', array_to_string(busy, '|')),
            HINT = 'Choose another time, or leave those students out.';
    END IF;
END
$$;

COMMENT ON FUNCTION calendar.check_students_free(bigint[], timestamptz, timestamptz, bigint) IS
'Refuses a time at which one of these students learns or teaches already (MB251), but for one lesson. DETAIL names all who do.';

CREATE FUNCTION calendar.check_teacher_here(teacher_telegram_id bigint, from_at timestamptz, until timestamptz)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    absence_id bigint;
BEGIN
    SELECT u.id INTO absence_id
    FROM calendar.teacher_unavailable AS u
    WHERE u.teacher_telegram_id = check_teacher_here.teacher_telegram_id AND u.starts_at < until AND u.ends_at > from_at
    ORDER BY u.starts_at
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the teacher is away at that time' USING
            ERRCODE = 'MB252',
            DETAIL = format('teacher_telegram_id=%s, absence_id=%s', teacher_telegram_id, absence_id),
            HINT = 'Choose another time, or remove the absence first.';
    END IF;
END
$$;

COMMENT ON FUNCTION calendar.check_teacher_here(bigint, timestamptz, timestamptz) IS
'Refuses a time at which the teacher is away (MB252).';

CREATE FUNCTION calendar.enter_participants(lesson calendar.lessons, student_telegram_ids bigint[])
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF cardinality(student_telegram_ids) > 500 THEN
        RAISE EXCEPTION 'a lesson takes 500 participants at once' USING
            ERRCODE = 'MB007',
            DETAIL = format('participants=%s', cardinality(student_telegram_ids)),
            HINT = 'Enter the others in another call.';
    END IF;
    IF lesson.occupies THEN
        PERFORM calendar.lock_people(student_telegram_ids);
        -- All who are busy are named here; the guard would name the first.
        PERFORM calendar.check_students_free(
            array_remove(student_telegram_ids, lesson.teacher_telegram_id), lesson.starts_at, lesson.ends_at, lesson.id
        );
    END IF;
    INSERT INTO calendar.lesson_participants (lesson_id, student_telegram_id)
    SELECT DISTINCT lesson.id, u.id
    FROM unnest(student_telegram_ids) AS u (id)
    ORDER BY u.id
    ON CONFLICT (lesson_id, student_telegram_id) DO NOTHING;
END
$$;

COMMENT ON FUNCTION calendar.enter_participants(calendar.lessons, bigint[]) IS
'Enters these students into a lesson, all or none; who is entered already stays. Refusals: MB002, MB003, MB007, MB251.';

CREATE FUNCTION calendar.plan_lesson(
    teacher_telegram_id bigint,
    title text,
    starts_at timestamptz,
    ends_at timestamptz,
    student_telegram_ids bigint[] DEFAULT '{}',
    group_id bigint DEFAULT NULL,
    actor_id bigint DEFAULT NULL,
    reason text DEFAULT NULL
)
RETURNS calendar.lessons
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may insert lessons by hand
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written plan_lesson.x
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    lesson        calendar.lessons;
BEGIN
    IF plan_lesson.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', plan_lesson.actor_id);
    END IF;
    IF plan_lesson.reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', plan_lesson.reason);
    END IF;

    PERFORM calendar.lock_people(plan_lesson.teacher_telegram_id || plan_lesson.student_telegram_ids);
    INSERT INTO calendar.lessons AS l (teacher_telegram_id, group_id, title, starts_at, ends_at)
    VALUES (
        plan_lesson.teacher_telegram_id, plan_lesson.group_id, plan_lesson.title,
        plan_lesson.starts_at, plan_lesson.ends_at
    )
    RETURNING l.* INTO lesson;
    PERFORM calendar.enter_participants(lesson, plan_lesson.student_telegram_ids);

    IF plan_lesson.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    IF plan_lesson.reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    END IF;
    RETURN lesson;
END
$$;

COMMENT ON FUNCTION calendar.plan_lesson(
    bigint, text, timestamptz, timestamptz, bigint[], bigint, bigint, text
) IS
'Plans a lesson with its participants, all or nothing, and returns it. A student who is named twice is entered once; at most 500. Knows nothing of other services: whether the people and the group exist, links and their foreign keys say. actor_id: who acts, a Telegram id (NULL: the transaction''s actor). Refusals: MB001, MB002, MB007, MB250 (the teacher is busy), MB251 (students are, DETAIL names them), MB252 (the teacher is away), and the constraints of lessons.';

CREATE FUNCTION calendar.reschedule(
    lesson_id bigint,
    starts_at timestamptz,
    ends_at timestamptz,
    actor_id bigint DEFAULT NULL,
    reason text DEFAULT NULL
)
RETURNS calendar.lessons
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may insert lessons by hand
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written reschedule.x
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    attendants    bigint[];
    replaced      calendar.lessons;
    lesson        calendar.lessons;
BEGIN
    IF reschedule.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', reschedule.actor_id);
    END IF;
    EXECUTE format(
        'SET LOCAL mentorbase.reason = %L', coalesce(reschedule.reason, nullif(caller_reason, ''), 'rescheduled')
    );

    UPDATE calendar.lessons AS l
    SET status = 'cancelled'
    WHERE l.id = reschedule.lesson_id AND l.status = 'planned'
    RETURNING l.* INTO replaced;
    IF NOT FOUND THEN
        SELECT l.* INTO replaced FROM calendar.lessons AS l WHERE l.id = reschedule.lesson_id;
        IF NOT FOUND THEN
            PERFORM calendar.refuse_unknown(reschedule.lesson_id);
        END IF;
        RAISE EXCEPTION 'a lesson that is % is not rescheduled', replaced.status USING
            ERRCODE = 'MB003',
            DETAIL = format('lesson_id=%s, status=%s', replaced.id, replaced.status),
            HINT = 'Reschedule the lesson that replaced it, or plan another one.';
    END IF;

    attendants := ARRAY(
        SELECT p.student_telegram_id FROM calendar.lesson_participants AS p WHERE p.lesson_id = replaced.id
    );
    PERFORM calendar.lock_people(replaced.teacher_telegram_id || attendants);
    INSERT INTO calendar.lessons AS l (teacher_telegram_id, group_id, title, starts_at, ends_at, rescheduled_from)
    VALUES (
        replaced.teacher_telegram_id, replaced.group_id, replaced.title,
        reschedule.starts_at, reschedule.ends_at, replaced.id
    )
    RETURNING l.* INTO lesson;
    PERFORM calendar.enter_participants(lesson, attendants);

    IF reschedule.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    RETURN lesson;
END
$$;

COMMENT ON FUNCTION calendar.reschedule(bigint, timestamptz, timestamptz, bigint, text) IS
'Moves a planned lesson: cancels it, makes another one with the same teacher, group, title and participants that says rescheduled_from, and returns that; all or nothing. The time of the old one is free for the new one. actor_id: who acts, a Telegram id (NULL: the transaction''s actor). reason: kept in the history (NULL: rescheduled). Refusals: MB001 to MB004, MB007, MB250 to MB252, and the constraints of lessons.';

CREATE FUNCTION calendar.change_status(
    lesson_id bigint,
    to_status calendar.lesson_status,
    actor_id bigint DEFAULT NULL,
    reason text DEFAULT NULL
)
RETURNS calendar.lessons
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    lesson        calendar.lessons;
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', reason);
    END IF;

    UPDATE calendar.lessons AS l
    SET status = change_status.to_status
    WHERE l.id = lesson_id AND l.status <> change_status.to_status
    RETURNING l.* INTO lesson;

    IF NOT FOUND THEN
        SELECT l.* INTO lesson FROM calendar.lessons AS l WHERE l.id = lesson_id;
        IF NOT FOUND THEN
            PERFORM calendar.refuse_unknown(lesson_id);
        END IF;
        RAISE EXCEPTION 'a lesson cannot go from % to %', lesson.status, coalesce(to_status::text, 'nothing') USING
            ERRCODE = 'MB003',
            DETAIL = format('lesson_id=%s, status=%s', lesson.id, lesson.status),
            HINT = calendar.allowed_steps(lesson.status);
    END IF;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    END IF;
    RETURN lesson;
END
$$;

COMMENT ON FUNCTION calendar.change_status(bigint, calendar.lesson_status, bigint, text) IS
'Takes one step of a lesson''s life and returns the lesson. actor_id: who acts, a Telegram id (NULL: the transaction''s actor). reason: kept in the history. Refusals: MB001 to MB004.';

CREATE FUNCTION calendar.add_participants(lesson_id bigint, student_telegram_ids bigint[], actor_id bigint DEFAULT NULL)
RETURNS SETOF calendar.lesson_participants
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may insert participants by hand
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written add_participants.x
DECLARE
    caller_actor text := current_setting('mentorbase.actor', true);
    lesson       calendar.lessons;
BEGIN
    IF add_participants.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', add_participants.actor_id);
    END IF;

    SELECT l.* INTO lesson FROM calendar.lessons AS l WHERE l.id = add_participants.lesson_id FOR KEY SHARE;
    IF NOT FOUND THEN
        PERFORM calendar.refuse_unknown(add_participants.lesson_id);
    ELSIF calendar.side_of(lesson.teacher_telegram_id, platform.current_actor('calendar_app')) IS NULL THEN
        -- Before anybody is told who is busy.
        RAISE EXCEPTION 'who learns in a lesson is decided by its own teacher' USING
            ERRCODE = 'MB002',
            DETAIL = format('lesson_id=%s, actor_is=outsider', lesson.id),
            HINT = 'Act as its teacher, as an administrator or as the system.';
    END IF;
    PERFORM calendar.enter_participants(lesson, add_participants.student_telegram_ids);
    RETURN QUERY
        SELECT p.*
        FROM calendar.lesson_participants AS p
        WHERE p.lesson_id = lesson.id AND p.student_telegram_id = ANY (add_participants.student_telegram_ids)
        ORDER BY p.student_telegram_id;

    IF add_participants.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
END
$$;

COMMENT ON FUNCTION calendar.add_participants(bigint, bigint[], bigint) IS
'Enters these students into a lesson, all or none, and returns them; who is entered already stays. actor_id: who acts, a Telegram id (NULL: the transaction''s actor). Refusals: MB001 to MB004, MB007, MB251.';

CREATE FUNCTION calendar.remove_participant(lesson_id bigint, student_telegram_id bigint, actor_id bigint DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may delete participants by hand
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor text := current_setting('mentorbase.actor', true);
    taken_out    boolean;
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;
    DELETE FROM calendar.lesson_participants AS p
    WHERE p.lesson_id = remove_participant.lesson_id
        AND p.student_telegram_id = remove_participant.student_telegram_id;
    taken_out := FOUND;
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN taken_out;
END
$$;

COMMENT ON FUNCTION calendar.remove_participant(bigint, bigint, bigint) IS
'Takes a student out of a lesson and returns whether they were in it. actor_id: who acts, a Telegram id (NULL: the transaction''s actor). Refusals: MB001 to MB003, and lesson_attendance_lesson_id_fkey once attendance is marked.';

CREATE FUNCTION calendar.mark_attendance(
    lesson_id bigint,
    student_telegram_ids bigint[],
    status calendar.attendance_status,
    actor_id bigint DEFAULT NULL
)
RETURNS SETOF calendar.lesson_attendance
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write attendance by hand
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written mark_attendance.x
DECLARE
    caller_actor text := current_setting('mentorbase.actor', true);
BEGIN
    IF mark_attendance.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', mark_attendance.actor_id);
    END IF;
    RETURN QUERY
        INSERT INTO calendar.lesson_attendance AS a (lesson_id, student_telegram_id, status)
        SELECT DISTINCT mark_attendance.lesson_id, u.id, mark_attendance.status
        FROM unnest(mark_attendance.student_telegram_ids) AS u (id)
        ORDER BY u.id
        ON CONFLICT (lesson_id, student_telegram_id) DO UPDATE SET status = excluded.status
        RETURNING a.*;
    IF mark_attendance.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
END
$$;

COMMENT ON FUNCTION calendar.mark_attendance(bigint, bigint[], calendar.attendance_status, bigint) IS
'Marks whether these participants came, all or none, again if need be, and returns what is marked. actor_id: who acts, a Telegram id (NULL: the transaction''s actor). Refusals: MB001 to MB004, and lesson_attendance_lesson_id_fkey for somebody who is no participant.';

CREATE FUNCTION calendar.instant_of(local_time timestamp, zone text)
RETURNS timestamptz
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found      timestamptz := local_time AT TIME ZONE zone;
    day_before timestamptz := found - interval '24 hours';
    earlier    timestamptz;
    not_yet    timestamptz;
    past_it    timestamptz;
    middle     timestamptz;
BEGIN
    -- With the offset of the day before, a time that exists twice is its first occurrence.
    earlier := (local_time - ((day_before AT TIME ZONE zone) - (day_before AT TIME ZONE 'UTC'))) AT TIME ZONE 'UTC';
    IF (earlier AT TIME ZONE zone) = local_time THEN
        RETURN least(earlier, found);
    ELSIF (found AT TIME ZONE zone) = local_time THEN
        RETURN found;
    END IF;

    -- It does not exist: the first second after which clocks show something later.
    not_yet := date_trunc('second', found) - interval '26 hours';
    past_it := date_trunc('second', found) + interval '26 hours';
    WHILE past_it - not_yet > interval '1 second' LOOP
        middle := not_yet + date_trunc('second', (past_it - not_yet) / 2);
        IF (middle AT TIME ZONE zone) > local_time THEN
            past_it := middle;
        ELSE
            not_yet := middle;
        END IF;
    END LOOP;
    RETURN past_it;
END
$$;

COMMENT ON FUNCTION calendar.instant_of(timestamp, text) IS
'The instant at which clocks of a zone show this local time. A local time that exists twice, because clocks go back, means its first occurrence; one that does not exist, because they go forward, the instant of the jump. So later local times are never earlier instants, and windows that meet in local time meet. AT TIME ZONE alone takes the second occurrence, and shifts what does not exist.';

CREATE FUNCTION calendar.window_on(day date, starts_local time, ends_local time, zone text)
RETURNS tstzrange
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN tstzrange(
        calendar.instant_of(day + starts_local, zone),
        calendar.instant_of(day + CASE WHEN ends_local <= starts_local THEN 1 ELSE 0 END + ends_local, zone)
    );
END
$$;

COMMENT ON FUNCTION calendar.window_on(date, time, time, text) IS
'From when to when a window of local times is open that begins on this local day; empty where clocks jump over all of it. It ends on the next day if its end is not after its start.';

CREATE FUNCTION calendar.free_slots(
    teacher_telegram_id bigint,
    from_at timestamptz,
    until timestamptz,
    duration interval
)
RETURNS TABLE (starts_at timestamptz, ends_at timestamptz)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written free_slots.x
DECLARE
    seconds numeric := extract(EPOCH FROM free_slots.duration);
    asked   tstzrange;
BEGIN
    IF NOT coalesce(seconds BETWEEN 60 AND 86400, false) THEN
        RAISE EXCEPTION 'a slot lasts from a minute to 24 hours' USING
            ERRCODE = 'MB007',
            HINT = 'Give another duration.';
    ELSIF NOT coalesce(
        free_slots.from_at > '1970-01-01 00:00:00+00' AND free_slots.until < '9999-01-01 00:00:00+00'
        AND free_slots.from_at < free_slots.until
        AND free_slots.until - free_slots.from_at <= interval '366 days',
        false
    ) THEN
        RAISE EXCEPTION 'free slots are looked for in 366 days at most' USING
            ERRCODE = 'MB007',
            HINT = 'Give a beginning, and an end after it that is not later than that.';
    END IF;
    asked := tstzrange(free_slots.from_at, free_slots.until);

    RETURN QUERY
    WITH offered AS (
        SELECT range_agg(calendar.window_on(d.day::date, s.starts_local, s.ends_local, s.timezone)) AS times
        FROM calendar.teacher_schedules AS s
        CROSS JOIN LATERAL generate_series(
            greatest(s.valid_from, (free_slots.from_at AT TIME ZONE s.timezone)::date - 2)::timestamp,
            least(s.valid_to - 1, (free_slots.until AT TIME ZONE s.timezone)::date)::timestamp,
            interval '1 day'
        ) AS d (day)
        WHERE s.teacher_telegram_id = free_slots.teacher_telegram_id AND extract(ISODOW FROM d.day) = s.weekday
    ),
    taken AS (
        SELECT range_agg(t.period) AS times
        FROM (
            SELECT tstzrange(l.starts_at, l.ends_at) AS period
            FROM calendar.lessons AS l
            WHERE l.teacher_telegram_id = free_slots.teacher_telegram_id AND l.occupies
                AND tstzrange(l.starts_at, l.ends_at) && asked
            UNION ALL
            SELECT tstzrange(p.starts_at, p.ends_at)
            FROM calendar.lesson_participants AS p
            WHERE p.student_telegram_id = free_slots.teacher_telegram_id AND p.occupies
                AND tstzrange(p.starts_at, p.ends_at) && asked
            UNION ALL
            SELECT tstzrange(u.starts_at, u.ends_at)
            FROM calendar.teacher_unavailable AS u
            WHERE u.teacher_telegram_id = free_slots.teacher_telegram_id
                AND u.starts_at < free_slots.until AND u.ends_at > free_slots.from_at
        ) AS t
    ),
    free AS (
        SELECT unnest(tstzmultirange(asked) * o.times - coalesce(t.times, '{}')) AS period
        FROM offered AS o
        CROSS JOIN taken AS t
    )
    SELECT
        lower(f.period) + make_interval(secs => n.number * seconds::double precision),
        lower(f.period) + make_interval(secs => (n.number + 1) * seconds::double precision)
    FROM free AS f
    CROSS JOIN LATERAL generate_series(
        0, floor(extract(EPOCH FROM upper(f.period) - lower(f.period)) / seconds)::integer - 1
    ) AS n (number)
    ORDER BY 1;
END
$$;

COMMENT ON FUNCTION calendar.free_slots(bigint, timestamptz, timestamptz, interval) IS
'When a teacher can be booked, from one instant on and before another: the windows of teacher_schedules as instants, less absences, less lessons that the teacher gives or takes part in. What is left is cut, stretch by stretch from its beginning, into slots of exactly this duration; a rest that is too short is left out. Days and hours of local time follow the zone of the window, across both changes of its clocks (calendar.instant_of()). Refusal: MB007 for a duration outside a minute to 24 hours, or more than 366 days.';

CREATE FUNCTION calendar.end_person(person platform.person)
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
    FOR found_id IN
        SELECT l.id
        FROM calendar.lessons AS l
        WHERE l.teacher_telegram_id = person.telegram_id AND l.status = 'planned' AND l.starts_at > now()
        ORDER BY l.id
    LOOP
        PERFORM calendar.change_status(found_id, 'cancelled');
        ended := ended + 1;
    END LOOP;
    FOR found_id IN
        SELECT p.lesson_id
        FROM calendar.lesson_participants AS p
        WHERE p.student_telegram_id = person.telegram_id AND p.starts_at > now()
        ORDER BY p.lesson_id
    LOOP
        PERFORM calendar.remove_participant(found_id, person.telegram_id);
        ended := ended + 1;
    END LOOP;
    RETURN ended;
END
$$;

COMMENT ON FUNCTION calendar.end_person(platform.person) IS
'Cancels the lessons to come that a person gives, and takes them out of those they learn in; returns how many. For platform.erase_person().';
