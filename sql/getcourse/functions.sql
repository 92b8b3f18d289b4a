CREATE FUNCTION getcourse.setting(setting_name text)
RETURNS bigint
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_value bigint;
BEGIN
    SELECT s.value INTO STRICT found_value FROM getcourse.settings AS s WHERE s.name = setting_name;
    RETURN found_value;
END
$$;

COMMENT ON FUNCTION getcourse.setting(text) IS
'One limit from getcourse.settings, in that row''s unit. A missing row is an error rather than no limit.';

CREATE FUNCTION getcourse.allowed_webhook_steps(present getcourse.webhook_status)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT format(
    'From %s a webhook may go to: %s.',
    coalesce(present::text, 'nothing'),
    string_agg(format('%s (%s)', t.to_status, t.meaning), ', ' ORDER BY t.to_status)
)
FROM getcourse.webhook_transitions AS t
WHERE t.from_status IS NOT DISTINCT FROM present
$$;

COMMENT ON FUNCTION getcourse.allowed_webhook_steps(getcourse.webhook_status) IS
'What may follow a webhook''s status and when, in words: the HINT of a refusal. NULL: how a webhook may begin.';

CREATE FUNCTION getcourse.allowed_steps(present getcourse.notification_status)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT format(
    'From %s a notification may go to: %s.',
    coalesce(present::text, 'nothing'),
    coalesce(string_agg(format('%s (%s)', t.to_status, t.meaning), ', ' ORDER BY t.to_status), 'nowhere, it is sent')
)
FROM getcourse.notification_transitions AS t
WHERE t.from_status IS NOT DISTINCT FROM present
$$;

COMMENT ON FUNCTION getcourse.allowed_steps(getcourse.notification_status) IS
'What may follow a notification''s status and when, in words: the HINT of a refusal. NULL: how a notification may begin.';

CREATE FUNCTION getcourse.mentors_as_of(moment timestamptz DEFAULT now())
RETURNS SETOF getcourse.mentors
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
BEGIN ATOMIC
    SELECT
        v.version_id, v.id, v.email, v.first_name, v.last_name, v.telegram_id,
        v.valid_from, v.valid_to, v.is_open, v.created_at, v.updated_at
    FROM getcourse.mentors AS v
    WHERE v.valid_from <= mentors_as_of.moment AND v.valid_to > mentors_as_of.moment; -- noqa: RF01
END;

COMMENT ON FUNCTION getcourse.mentors_as_of(timestamptz) IS
'The versions of mentors that hold at this instant, now by default: one a mentor at most. Filters on it reach the indexes.';

CREATE FUNCTION getcourse.revise_mentor(
    mentor_id bigint,
    email text,
    first_name text DEFAULT NULL,
    last_name text DEFAULT NULL,
    telegram_id bigint DEFAULT NULL,
    valid_from timestamptz DEFAULT NULL,
    actor_id bigint DEFAULT NULL
)
RETURNS getcourse.mentors
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- ends versions that have an end already
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written revise_mentor.x
DECLARE
    caller_actor       text := current_setting('mentorbase.actor', true);
    caller_maintenance text := current_setting('mentorbase.maintenance', true);
    present            getcourse.mentors;
    revised            getcourse.mentors;
    moment             timestamptz := revise_mentor.valid_from;
BEGIN
    -- One at a time, of one mentor. Only then is it asked what holds now.
    PERFORM k.id FROM getcourse.mentor_ids AS k WHERE k.id = revise_mentor.mentor_id FOR NO KEY UPDATE;
    moment := coalesce(moment, clock_timestamp());
    SELECT v.* INTO present FROM getcourse.mentors_as_of(moment) AS v WHERE v.id = revise_mentor.mentor_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no version of this mentor at that time' USING
            ERRCODE = 'MB004',
            DETAIL = format('mentor_id=%s', revise_mentor.mentor_id),
            HINT = 'Insert one from then on.';
    END IF;
    moment := coalesce(revise_mentor.valid_from, greatest(now(), present.valid_from));

    IF revise_mentor.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', revise_mentor.actor_id);
    END IF;
    SET LOCAL mentorbase.maintenance = 'getcourse';
    UPDATE getcourse.mentors AS v SET valid_to = moment WHERE v.version_id = present.version_id;
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_maintenance, ''));
    INSERT INTO getcourse.mentors AS v (
        id, email, first_name, last_name, telegram_id, valid_from, valid_to
    ) VALUES (
        present.id, revise_mentor.email, revise_mentor.first_name, revise_mentor.last_name,
        revise_mentor.telegram_id, moment, present.valid_to
    )
    RETURNING v.* INTO revised;
    IF revise_mentor.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN revised;
END
$$;

COMMENT ON FUNCTION getcourse.revise_mentor(bigint, text, text, text, bigint, timestamptz, bigint) IS
'Makes another version of a mentor from valid_from on (NULL: from now on) and ends the one that holds then at the same instant: no gap, no overlap. The new one holds for as long as the old one would have, and says exactly what is given here. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004, and the constraints of mentors.';

CREATE FUNCTION getcourse.close_mentor(
    mentor_id bigint, valid_to timestamptz DEFAULT NULL, actor_id bigint DEFAULT NULL
)
RETURNS getcourse.mentors
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- ends versions that have an end already
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written close_mentor.x
DECLARE
    caller_actor       text := current_setting('mentorbase.actor', true);
    caller_maintenance text := current_setting('mentorbase.maintenance', true);
    present            getcourse.mentors;
    moment             timestamptz := close_mentor.valid_to;
BEGIN
    -- One at a time, of one mentor. Only then is it asked what holds now.
    PERFORM k.id FROM getcourse.mentor_ids AS k WHERE k.id = close_mentor.mentor_id FOR NO KEY UPDATE;
    moment := coalesce(moment, clock_timestamp());
    SELECT v.* INTO present FROM getcourse.mentors_as_of(moment) AS v WHERE v.id = close_mentor.mentor_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no version of this mentor at that time' USING
            ERRCODE = 'MB004',
            DETAIL = format('mentor_id=%s', close_mentor.mentor_id),
            HINT = 'Look its versions up in getcourse.mentors.';
    END IF;

    IF close_mentor.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', close_mentor.actor_id);
    END IF;
    SET LOCAL mentorbase.maintenance = 'getcourse';
    UPDATE getcourse.mentors AS v
    SET valid_to = coalesce(close_mentor.valid_to, greatest(now(), present.valid_from))
    WHERE v.version_id = present.version_id
    RETURNING v.* INTO present;
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_maintenance, ''));
    IF close_mentor.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN present;
END
$$;

COMMENT ON FUNCTION getcourse.close_mentor(bigint, timestamptz, bigint) IS
'Ends the version of a mentor that holds at valid_to (NULL: now) at that instant, and returns it. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004.';

CREATE FUNCTION getcourse.students_as_of(moment timestamptz DEFAULT now())
RETURNS SETOF getcourse.students
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
BEGIN ATOMIC
    SELECT
        v.version_id, v.id, v.getcourse_user_id, v.email, v.first_name, v.last_name,
        v.valid_from, v.valid_to, v.is_open, v.created_at, v.updated_at
    FROM getcourse.students AS v
    WHERE v.valid_from <= students_as_of.moment AND v.valid_to > students_as_of.moment; -- noqa: RF01
END;

COMMENT ON FUNCTION getcourse.students_as_of(timestamptz) IS
'The versions of students that hold at this instant, now by default: one a student at most. Filters on it reach the indexes.';

CREATE FUNCTION getcourse.revise_student(
    student_id bigint,
    email text,
    getcourse_user_id text DEFAULT NULL,
    first_name text DEFAULT NULL,
    last_name text DEFAULT NULL,
    valid_from timestamptz DEFAULT NULL,
    actor_id bigint DEFAULT NULL
)
RETURNS getcourse.students
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- ends versions that have an end already
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written revise_student.x
DECLARE
    caller_actor       text := current_setting('mentorbase.actor', true);
    caller_maintenance text := current_setting('mentorbase.maintenance', true);
    present            getcourse.students;
    revised            getcourse.students;
    moment             timestamptz := revise_student.valid_from;
BEGIN
    -- One at a time, of one student. Only then is it asked what holds now.
    PERFORM k.id FROM getcourse.student_ids AS k WHERE k.id = revise_student.student_id FOR NO KEY UPDATE;
    moment := coalesce(moment, clock_timestamp());
    SELECT v.* INTO present FROM getcourse.students_as_of(moment) AS v WHERE v.id = revise_student.student_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no version of this student at that time' USING
            ERRCODE = 'MB004',
            DETAIL = format('student_id=%s', revise_student.student_id),
            HINT = 'Insert one from then on.';
    END IF;
    moment := coalesce(revise_student.valid_from, greatest(now(), present.valid_from));

    IF revise_student.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', revise_student.actor_id);
    END IF;
    SET LOCAL mentorbase.maintenance = 'getcourse';
    UPDATE getcourse.students AS v SET valid_to = moment WHERE v.version_id = present.version_id;
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_maintenance, ''));
    INSERT INTO getcourse.students AS v (
        id, getcourse_user_id, email, first_name, last_name, valid_from, valid_to
    ) VALUES (
        present.id, revise_student.getcourse_user_id, revise_student.email, revise_student.first_name,
        revise_student.last_name, moment, present.valid_to
    )
    RETURNING v.* INTO revised;
    IF revise_student.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN revised;
END
$$;

COMMENT ON FUNCTION getcourse.revise_student(bigint, text, text, text, text, timestamptz, bigint) IS
'Makes another version of a student from valid_from on (NULL: from now on) and ends the one that holds then at the same instant: no gap, no overlap. The new one holds for as long as the old one would have, and says exactly what is given here. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004, and the constraints of students.';

CREATE FUNCTION getcourse.close_student(
    student_id bigint, valid_to timestamptz DEFAULT NULL, actor_id bigint DEFAULT NULL
)
RETURNS getcourse.students
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- ends versions that have an end already
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written close_student.x
DECLARE
    caller_actor       text := current_setting('mentorbase.actor', true);
    caller_maintenance text := current_setting('mentorbase.maintenance', true);
    present            getcourse.students;
    moment             timestamptz := close_student.valid_to;
BEGIN
    -- One at a time, of one student. Only then is it asked what holds now.
    PERFORM k.id FROM getcourse.student_ids AS k WHERE k.id = close_student.student_id FOR NO KEY UPDATE;
    moment := coalesce(moment, clock_timestamp());
    SELECT v.* INTO present FROM getcourse.students_as_of(moment) AS v WHERE v.id = close_student.student_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no version of this student at that time' USING
            ERRCODE = 'MB004',
            DETAIL = format('student_id=%s', close_student.student_id),
            HINT = 'Look its versions up in getcourse.students.';
    END IF;

    IF close_student.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', close_student.actor_id);
    END IF;
    SET LOCAL mentorbase.maintenance = 'getcourse';
    UPDATE getcourse.students AS v
    SET valid_to = coalesce(close_student.valid_to, greatest(now(), present.valid_from))
    WHERE v.version_id = present.version_id
    RETURNING v.* INTO present;
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_maintenance, ''));
    IF close_student.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN present;
END
$$;

COMMENT ON FUNCTION getcourse.close_student(bigint, timestamptz, bigint) IS
'Ends the version of a student that holds at valid_to (NULL: now) at that instant, and returns it. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004.';

CREATE FUNCTION getcourse.trainings_as_of(moment timestamptz DEFAULT now())
RETURNS SETOF getcourse.trainings
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
BEGIN ATOMIC
    SELECT
        v.version_id, v.training_id, v.title, v.is_active,
        v.valid_from, v.valid_to, v.is_open, v.created_at, v.updated_at
    FROM getcourse.trainings AS v
    WHERE v.valid_from <= trainings_as_of.moment AND v.valid_to > trainings_as_of.moment; -- noqa: RF01
END;

COMMENT ON FUNCTION getcourse.trainings_as_of(timestamptz) IS
'The versions of trainings that hold at this instant, now by default: one a training at most. Filters on it reach the indexes.';

CREATE FUNCTION getcourse.revise_training(
    training_id text,
    title text,
    is_active boolean DEFAULT true,
    valid_from timestamptz DEFAULT NULL,
    actor_id bigint DEFAULT NULL
)
RETURNS getcourse.trainings
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- ends versions that have an end already
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written revise_training.x
DECLARE
    caller_actor       text := current_setting('mentorbase.actor', true);
    caller_maintenance text := current_setting('mentorbase.maintenance', true);
    present            getcourse.trainings;
    revised            getcourse.trainings;
    moment             timestamptz := revise_training.valid_from;
BEGIN
    -- One at a time, of one training. Only then is it asked what holds now.
    PERFORM k.training_id FROM getcourse.training_ids AS k WHERE k.training_id = revise_training.training_id FOR NO KEY UPDATE;
    moment := coalesce(moment, clock_timestamp());
    SELECT v.* INTO present FROM getcourse.trainings_as_of(moment) AS v WHERE v.training_id = revise_training.training_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no version of this training at that time' USING
            ERRCODE = 'MB004',
            DETAIL = format('training_id=%s', revise_training.training_id),
            HINT = 'Insert one from then on.';
    END IF;
    moment := coalesce(revise_training.valid_from, greatest(now(), present.valid_from));

    IF revise_training.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', revise_training.actor_id);
    END IF;
    SET LOCAL mentorbase.maintenance = 'getcourse';
    UPDATE getcourse.trainings AS v SET valid_to = moment WHERE v.version_id = present.version_id;
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_maintenance, ''));
    INSERT INTO getcourse.trainings AS v (
        training_id, title, is_active, valid_from, valid_to
    ) VALUES (
        present.training_id, revise_training.title, revise_training.is_active, moment, present.valid_to
    )
    RETURNING v.* INTO revised;
    IF revise_training.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN revised;
END
$$;

COMMENT ON FUNCTION getcourse.revise_training(text, text, boolean, timestamptz, bigint) IS
'Makes another version of a training from valid_from on (NULL: from now on) and ends the one that holds then at the same instant: no gap, no overlap. The new one holds for as long as the old one would have, and says exactly what is given here. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004, and the constraints of trainings.';

CREATE FUNCTION getcourse.close_training(
    training_id text, valid_to timestamptz DEFAULT NULL, actor_id bigint DEFAULT NULL
)
RETURNS getcourse.trainings
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- ends versions that have an end already
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written close_training.x
DECLARE
    caller_actor       text := current_setting('mentorbase.actor', true);
    caller_maintenance text := current_setting('mentorbase.maintenance', true);
    present            getcourse.trainings;
    moment             timestamptz := close_training.valid_to;
BEGIN
    -- One at a time, of one training. Only then is it asked what holds now.
    PERFORM k.training_id FROM getcourse.training_ids AS k WHERE k.training_id = close_training.training_id FOR NO KEY UPDATE;
    moment := coalesce(moment, clock_timestamp());
    SELECT v.* INTO present FROM getcourse.trainings_as_of(moment) AS v WHERE v.training_id = close_training.training_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no version of this training at that time' USING
            ERRCODE = 'MB004',
            DETAIL = format('training_id=%s', close_training.training_id),
            HINT = 'Look its versions up in getcourse.trainings.';
    END IF;

    IF close_training.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', close_training.actor_id);
    END IF;
    SET LOCAL mentorbase.maintenance = 'getcourse';
    UPDATE getcourse.trainings AS v
    SET valid_to = coalesce(close_training.valid_to, greatest(now(), present.valid_from))
    WHERE v.version_id = present.version_id
    RETURNING v.* INTO present;
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_maintenance, ''));
    IF close_training.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN present;
END
$$;

COMMENT ON FUNCTION getcourse.close_training(text, timestamptz, bigint) IS
'Ends the version of a training that holds at valid_to (NULL: now) at that instant, and returns it. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004.';

CREATE FUNCTION getcourse.lessons_as_of(moment timestamptz DEFAULT now())
RETURNS SETOF getcourse.lessons
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
BEGIN ATOMIC
    SELECT
        v.version_id, v.lesson_id, v.training_id, v.title, v.position,
        v.valid_from, v.valid_to, v.is_open, v.created_at, v.updated_at
    FROM getcourse.lessons AS v
    WHERE v.valid_from <= lessons_as_of.moment AND v.valid_to > lessons_as_of.moment; -- noqa: RF01
END;

COMMENT ON FUNCTION getcourse.lessons_as_of(timestamptz) IS
'The versions of lessons that hold at this instant, now by default: one a lesson at most. Filters on it reach the indexes.';

CREATE FUNCTION getcourse.revise_lesson(
    lesson_id text,
    training_id text,
    title text,
    "position" integer DEFAULT NULL, -- noqa: RF06
    valid_from timestamptz DEFAULT NULL,
    actor_id bigint DEFAULT NULL
)
RETURNS getcourse.lessons
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- ends versions that have an end already
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written revise_lesson.x
DECLARE
    caller_actor       text := current_setting('mentorbase.actor', true);
    caller_maintenance text := current_setting('mentorbase.maintenance', true);
    present            getcourse.lessons;
    revised            getcourse.lessons;
    moment             timestamptz := revise_lesson.valid_from;
BEGIN
    -- One at a time, of one lesson. Only then is it asked what holds now.
    PERFORM k.lesson_id FROM getcourse.lesson_ids AS k WHERE k.lesson_id = revise_lesson.lesson_id FOR NO KEY UPDATE;
    moment := coalesce(moment, clock_timestamp());
    SELECT v.* INTO present FROM getcourse.lessons_as_of(moment) AS v WHERE v.lesson_id = revise_lesson.lesson_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no version of this lesson at that time' USING
            ERRCODE = 'MB004',
            DETAIL = format('lesson_id=%s', revise_lesson.lesson_id),
            HINT = 'Insert one from then on.';
    END IF;
    moment := coalesce(revise_lesson.valid_from, greatest(now(), present.valid_from));

    IF revise_lesson.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', revise_lesson.actor_id);
    END IF;
    SET LOCAL mentorbase.maintenance = 'getcourse';
    UPDATE getcourse.lessons AS v SET valid_to = moment WHERE v.version_id = present.version_id;
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_maintenance, ''));
    INSERT INTO getcourse.lessons AS v (
        lesson_id, training_id, title, position, valid_from, valid_to
    ) VALUES (
        present.lesson_id, revise_lesson.training_id, revise_lesson.title, revise_lesson.position,
        moment, present.valid_to
    )
    RETURNING v.* INTO revised;
    IF revise_lesson.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN revised;
END
$$;

COMMENT ON FUNCTION getcourse.revise_lesson(text, text, text, integer, timestamptz, bigint) IS
'Makes another version of a lesson from valid_from on (NULL: from now on) and ends the one that holds then at the same instant: no gap, no overlap. The new one holds for as long as the old one would have, and says exactly what is given here. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004, and the constraints of lessons.';

CREATE FUNCTION getcourse.close_lesson(
    lesson_id text, valid_to timestamptz DEFAULT NULL, actor_id bigint DEFAULT NULL
)
RETURNS getcourse.lessons
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- ends versions that have an end already
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written close_lesson.x
DECLARE
    caller_actor       text := current_setting('mentorbase.actor', true);
    caller_maintenance text := current_setting('mentorbase.maintenance', true);
    present            getcourse.lessons;
    moment             timestamptz := close_lesson.valid_to;
BEGIN
    -- One at a time, of one lesson. Only then is it asked what holds now.
    PERFORM k.lesson_id FROM getcourse.lesson_ids AS k WHERE k.lesson_id = close_lesson.lesson_id FOR NO KEY UPDATE;
    moment := coalesce(moment, clock_timestamp());
    SELECT v.* INTO present FROM getcourse.lessons_as_of(moment) AS v WHERE v.lesson_id = close_lesson.lesson_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no version of this lesson at that time' USING
            ERRCODE = 'MB004',
            DETAIL = format('lesson_id=%s', close_lesson.lesson_id),
            HINT = 'Look its versions up in getcourse.lessons.';
    END IF;

    IF close_lesson.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', close_lesson.actor_id);
    END IF;
    SET LOCAL mentorbase.maintenance = 'getcourse';
    UPDATE getcourse.lessons AS v
    SET valid_to = coalesce(close_lesson.valid_to, greatest(now(), present.valid_from))
    WHERE v.version_id = present.version_id
    RETURNING v.* INTO present;
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_maintenance, ''));
    IF close_lesson.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN present;
END
$$;

COMMENT ON FUNCTION getcourse.close_lesson(text, timestamptz, bigint) IS
'Ends the version of a lesson that holds at valid_to (NULL: now) at that instant, and returns it. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004.';

CREATE FUNCTION getcourse.mapping_as_of(moment timestamptz DEFAULT now())
RETURNS SETOF getcourse.mapping
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
BEGIN ATOMIC
    SELECT
        v.version_id, v.id, v.student_id, v.mentor_id, v.training_id,
        v.valid_from, v.valid_to, v.is_open, v.created_at, v.updated_at
    FROM getcourse.mapping AS v
    WHERE v.valid_from <= mapping_as_of.moment AND v.valid_to > mapping_as_of.moment; -- noqa: RF01
END;

COMMENT ON FUNCTION getcourse.mapping_as_of(timestamptz) IS
'The versions of mapping that hold at this instant, now by default: one a mapping at most. Filters on it reach the indexes.';

CREATE FUNCTION getcourse.revise_mapping(
    mapping_id bigint,
    mentor_id bigint,
    valid_from timestamptz DEFAULT NULL,
    actor_id bigint DEFAULT NULL
)
RETURNS getcourse.mapping
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- ends versions that have an end already
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written revise_mapping.x
DECLARE
    caller_actor       text := current_setting('mentorbase.actor', true);
    caller_maintenance text := current_setting('mentorbase.maintenance', true);
    present            getcourse.mapping;
    revised            getcourse.mapping;
    moment             timestamptz := revise_mapping.valid_from;
BEGIN
    -- One at a time, of one mapping. Only then is it asked what holds now.
    PERFORM k.id FROM getcourse.mapping_ids AS k WHERE k.id = revise_mapping.mapping_id FOR NO KEY UPDATE;
    moment := coalesce(moment, clock_timestamp());
    SELECT v.* INTO present FROM getcourse.mapping_as_of(moment) AS v WHERE v.id = revise_mapping.mapping_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no version of this mapping at that time' USING
            ERRCODE = 'MB004',
            DETAIL = format('mapping_id=%s', revise_mapping.mapping_id),
            HINT = 'Insert one from then on.';
    END IF;
    moment := coalesce(revise_mapping.valid_from, greatest(now(), present.valid_from));

    IF revise_mapping.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', revise_mapping.actor_id);
    END IF;
    SET LOCAL mentorbase.maintenance = 'getcourse';
    UPDATE getcourse.mapping AS v SET valid_to = moment WHERE v.version_id = present.version_id;
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_maintenance, ''));
    INSERT INTO getcourse.mapping AS v (
        id, student_id, training_id, mentor_id, valid_from, valid_to
    ) VALUES (
        present.id, present.student_id, present.training_id, revise_mapping.mentor_id, moment,
        present.valid_to
    )
    RETURNING v.* INTO revised;
    IF revise_mapping.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN revised;
END
$$;

COMMENT ON FUNCTION getcourse.revise_mapping(bigint, bigint, timestamptz, bigint) IS
'Makes another version of a mapping from valid_from on (NULL: from now on) and ends the one that holds then at the same instant: no gap, no overlap. The new one holds for as long as the old one would have, and says exactly what is given here. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004, and the constraints of mapping.';

CREATE FUNCTION getcourse.close_mapping(
    mapping_id bigint, valid_to timestamptz DEFAULT NULL, actor_id bigint DEFAULT NULL
)
RETURNS getcourse.mapping
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- ends versions that have an end already
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written close_mapping.x
DECLARE
    caller_actor       text := current_setting('mentorbase.actor', true);
    caller_maintenance text := current_setting('mentorbase.maintenance', true);
    present            getcourse.mapping;
    moment             timestamptz := close_mapping.valid_to;
BEGIN
    -- One at a time, of one mapping. Only then is it asked what holds now.
    PERFORM k.id FROM getcourse.mapping_ids AS k WHERE k.id = close_mapping.mapping_id FOR NO KEY UPDATE;
    moment := coalesce(moment, clock_timestamp());
    SELECT v.* INTO present FROM getcourse.mapping_as_of(moment) AS v WHERE v.id = close_mapping.mapping_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no version of this mapping at that time' USING
            ERRCODE = 'MB004',
            DETAIL = format('mapping_id=%s', close_mapping.mapping_id),
            HINT = 'Look its versions up in getcourse.mapping.';
    END IF;

    IF close_mapping.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', close_mapping.actor_id);
    END IF;
    SET LOCAL mentorbase.maintenance = 'getcourse';
    UPDATE getcourse.mapping AS v
    SET valid_to = coalesce(close_mapping.valid_to, greatest(now(), present.valid_from))
    WHERE v.version_id = present.version_id
    RETURNING v.* INTO present;
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_maintenance, ''));
    IF close_mapping.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN present;
END
$$;

COMMENT ON FUNCTION getcourse.close_mapping(bigint, timestamptz, bigint) IS
'Ends the version of a mapping that holds at valid_to (NULL: now) at that instant, and returns it. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004.';

CREATE FUNCTION getcourse.active_mappings_as_of(moment timestamptz DEFAULT now())
RETURNS TABLE (
    id bigint,
    training_id text,
    training_title text,
    student_id bigint,
    student_getcourse_user_id text,
    student_email text,
    student_first_name text,
    student_last_name text,
    mentor_id bigint,
    mentor_email text,
    mentor_first_name text,
    mentor_last_name text,
    mentor_telegram_id bigint,
    valid_from timestamptz,
    valid_to timestamptz
)
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
BEGIN ATOMIC
    SELECT
        p.id,
        p.training_id,
        t.title AS training_title,
        p.student_id,
        s.getcourse_user_id AS student_getcourse_user_id,
        s.email AS student_email,
        s.first_name AS student_first_name,
        s.last_name AS student_last_name,
        p.mentor_id,
        m.email AS mentor_email,
        m.first_name AS mentor_first_name,
        m.last_name AS mentor_last_name,
        m.telegram_id AS mentor_telegram_id,
        p.valid_from,
        p.valid_to
    FROM (
        -- In their order, so that a page ends the joins, whatever the planner expects of its size.
        SELECT v.id, v.student_id, v.mentor_id, v.training_id, v.valid_from, v.valid_to
        FROM getcourse.mapping_as_of(active_mappings_as_of.moment) AS v -- noqa: RF01
        ORDER BY v.id
    ) AS p
    INNER JOIN getcourse.students_as_of(active_mappings_as_of.moment) AS s ON p.student_id = s.id -- noqa: RF01
    INNER JOIN getcourse.mentors_as_of(active_mappings_as_of.moment) AS m ON p.mentor_id = m.id -- noqa: RF01
    INNER JOIN getcourse.trainings_as_of(active_mappings_as_of.moment) AS t ON p.training_id = t.training_id; -- noqa: RF01
END;

COMMENT ON FUNCTION getcourse.active_mappings_as_of(timestamptz) IS
'v_active_mappings as it was at this instant, now by default: who mentored which student in which training, where mapping, student, mentor and training all held then. Filters on it reach the indexes.';

CREATE FUNCTION getcourse.parse_webhook(
    body text,
    source text,
    OUT reason getcourse.quarantine_reason,
    OUT detail text,
    OUT event getcourse.webhook_events
)
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE -- a subtransaction
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC' -- of times without a zone
SET datestyle = 'ISO, YMD'
AS $$
DECLARE
    keys text[] := ARRAY[
        'event_date', 'user_id', 'user_email', 'answer_id', 'answer_training_id', 'answer_lesson_id', 'answer_status',
        'answer_text'
    ];
    nested text;
BEGIN
    IF octet_length(body) > getcourse.setting('max_payload') THEN
        reason := 'too_large';
        detail := format('bytes=%s', octet_length(body));
        RETURN;
    END IF;
    BEGIN
        event.raw_payload := body::jsonb;
    EXCEPTION
        WHEN data_exception OR program_limit_exceeded OR statement_too_complex THEN
            reason := 'not_json';
            RETURN;
    END;
    IF jsonb_typeof(event.raw_payload) <> 'object' THEN
        reason := 'not_object';
        RETURN;
    END IF;
    SELECT k.name INTO nested
    FROM unnest(keys) AS k (name)
    WHERE jsonb_typeof(event.raw_payload -> k.name) IN ('object', 'array');
    IF FOUND THEN
        reason := 'bad_value';
        detail := format('key=%s', nested);
        RETURN;
    END IF;

    -- The cast alone would also take words such as now and infinity.
    IF event.raw_payload ->> 'event_date' !~ '^\s*(\d{4}-\d{2}-\d{2}.*)?$' THEN
        reason := 'bad_value';
        detail := 'key=event_date';
        RETURN;
    END IF;
    BEGIN
        event.event_date := nullif(trim(event.raw_payload ->> 'event_date'), '')::timestamptz;
    EXCEPTION
        WHEN data_exception THEN
            reason := 'bad_value';
            detail := 'key=event_date';
            RETURN;
    END;
    event.source := source;
    event.user_id := event.raw_payload ->> 'user_id';
    event.user_email := event.raw_payload ->> 'user_email';
    event.answer_id := event.raw_payload ->> 'answer_id';
    event.answer_training_id := event.raw_payload ->> 'answer_training_id';
    event.answer_lesson_id := event.raw_payload ->> 'answer_lesson_id';
    event.answer_status := event.raw_payload ->> 'answer_status';
    event.answer_text := event.raw_payload ->> 'answer_text';
    SELECT f.reason, f.detail INTO reason, detail FROM getcourse.webhook_fault(event) AS f;
END
$$;

COMMENT ON FUNCTION getcourse.parse_webhook(text, text) IS
'What a webhook''s body says, or why it cannot be taken (not NULL: reason). event_date is ISO 8601, in UTC where it has no zone; other keys may be there.';

CREATE FUNCTION getcourse.receive_webhooks(bodies text[], source text DEFAULT 'getcourse')
RETURNS TABLE (received bigint, duplicates bigint, quarantined bigint)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the quarantine itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written receive_webhooks.x
DECLARE
    parsed record;
BEGIN
    received := 0;
    quarantined := 0;
    -- By what they are about, so that all who write the same lock in one order.
    FOR parsed IN
        SELECT p.reason, p.detail, p.event, b.body
        FROM unnest(receive_webhooks.bodies) WITH ORDINALITY AS b (body, number)
        CROSS JOIN LATERAL getcourse.parse_webhook(coalesce(b.body, ''), receive_webhooks.source) AS p
        ORDER BY (p.event).answer_id, (p.event).answer_status, (p.event).event_date, b.number
    LOOP
        IF parsed.reason IS NOT NULL THEN
            PERFORM getcourse.quarantine_webhook(
                receive_webhooks.source, parsed.reason, parsed.detail, coalesce(parsed.body, '')
            );
            quarantined := quarantined + 1;
            CONTINUE;
        END IF;
        INSERT INTO getcourse.webhook_events (
            source, event_date, user_id, user_email, answer_id, answer_training_id, answer_lesson_id, answer_status,
            answer_text, raw_payload
        ) VALUES (
            (parsed.event).source, (parsed.event).event_date, (parsed.event).user_id, (parsed.event).user_email,
            (parsed.event).answer_id, (parsed.event).answer_training_id, (parsed.event).answer_lesson_id,
            (parsed.event).answer_status, (parsed.event).answer_text, (parsed.event).raw_payload
        );
        IF FOUND THEN
            received := received + 1;
        END IF;
    END LOOP;
    duplicates := cardinality(receive_webhooks.bodies) - received - quarantined;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION getcourse.receive_webhooks(text[], text) IS
'Takes webhooks as they came, one text each: how many came in, were there already (and are counted there), and went to quarantine because they are not what is documented. The three add up to the texts. None is lost, and none is an error.';

CREATE FUNCTION getcourse.receive_webhook(body text, source text DEFAULT 'getcourse')
RETURNS TABLE (
    event_id bigint, is_duplicate boolean, quarantine_id bigint, reason getcourse.quarantine_reason, detail text
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the quarantine itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written receive_webhook.x
DECLARE
    parsed record;
BEGIN
    SELECT p.reason, p.detail, p.event INTO parsed
    FROM getcourse.parse_webhook(receive_webhook.body, receive_webhook.source) AS p;
    reason := parsed.reason;
    detail := parsed.detail;
    is_duplicate := false;
    IF reason IS NOT NULL THEN
        quarantine_id := getcourse.quarantine_webhook(
            receive_webhook.source, parsed.reason, parsed.detail, receive_webhook.body
        );
        RETURN NEXT;
        RETURN;
    END IF;
    INSERT INTO getcourse.webhook_events AS e (
        source, event_date, user_id, user_email, answer_id, answer_training_id, answer_lesson_id, answer_status,
        answer_text, raw_payload
    ) VALUES (
        (parsed.event).source, (parsed.event).event_date, (parsed.event).user_id, (parsed.event).user_email,
        (parsed.event).answer_id, (parsed.event).answer_training_id, (parsed.event).answer_lesson_id,
        (parsed.event).answer_status, (parsed.event).answer_text, (parsed.event).raw_payload
    )
    RETURNING e.id INTO event_id;
    IF NOT FOUND THEN
        is_duplicate := true;
        SELECT k.event_id INTO event_id
        FROM getcourse.webhook_keys AS k
        WHERE k.source = (parsed.event).source
            AND k.dedupe_key = getcourse.dedupe_key(
                (parsed.event).answer_id, (parsed.event).answer_status, (parsed.event).event_date
            );
    END IF;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION getcourse.receive_webhook(text, text) IS
'Takes one webhook as it came: the event, and whether it was there already (it is counted there); or the row of quarantine it went to, with the reason, because it is not what is documented. Never lost, never an error.';

CREATE FUNCTION getcourse.ingest_staged(at_most integer DEFAULT 10000)
RETURNS TABLE (received bigint, duplicates bigint, quarantined bigint)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the quarantine itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written ingest_staged.x
DECLARE
    batch record;
BEGIN
    received := 0;
    duplicates := 0;
    quarantined := 0;
    FOR batch IN
        WITH taken AS (
            -- An array, so that the rows are found by their key whatever the planner expects of at_most.
            DELETE FROM getcourse.webhook_staging AS s
            WHERE s.id = ANY (
                ARRAY(
                    SELECT t.id
                    FROM getcourse.webhook_staging AS t
                    ORDER BY t.id
                    LIMIT ingest_staged.at_most
                    FOR UPDATE SKIP LOCKED
                )
            )
            RETURNING s.id, s.source, s.body
        )
        SELECT r.received, r.duplicates, r.quarantined
        FROM (
            SELECT t.source, array_agg(t.body ORDER BY t.id) AS bodies FROM taken AS t GROUP BY t.source ORDER BY t.source
        ) AS b
        CROSS JOIN LATERAL getcourse.receive_webhooks(b.bodies, b.source) AS r
    LOOP
        received := received + batch.received;
        duplicates := duplicates + batch.duplicates;
        quarantined := quarantined + batch.quarantined;
    END LOOP;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION getcourse.ingest_staged(integer) IS
'Takes in what COPY put into webhook_staging, the first so many, and empties it: as receive_webhooks() does. The three add up to what was taken; call it again until they are 0. Several may run at once.';

CREATE FUNCTION getcourse.retry_quarantined(row_id bigint)
RETURNS TABLE (
    event_id bigint, is_duplicate boolean, quarantine_id bigint, reason getcourse.quarantine_reason, detail text
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the quarantine itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    kept   getcourse.webhook_quarantine;
    parsed record;
BEGIN
    SELECT q.* INTO kept FROM getcourse.webhook_quarantine AS q WHERE q.id = row_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such row in quarantine' USING
            ERRCODE = 'MB004',
            DETAIL = format('quarantine_id=%s', row_id),
            HINT = 'Look it up in getcourse.v_webhook_quarantine.';
    END IF;
    SELECT p.reason, p.detail INTO parsed FROM getcourse.parse_webhook(kept.raw_text, kept.source) AS p;
    IF parsed.reason IS NOT NULL THEN
        RETURN QUERY SELECT NULL::bigint, false, kept.id, parsed.reason, parsed.detail;
        RETURN;
    END IF;
    DELETE FROM getcourse.webhook_quarantine AS q WHERE q.id = kept.id;
    RETURN QUERY
    SELECT r.event_id, r.is_duplicate, r.quarantine_id, r.reason, r.detail
    FROM getcourse.receive_webhook(kept.raw_text, kept.source) AS r;
END
$$;

COMMENT ON FUNCTION getcourse.retry_quarantined(bigint) IS
'Takes a webhook in again that is in quarantine, now that the setting or the text is mended; it leaves the quarantine if it can be taken. Returns what receive_webhook() does. Refusals: MB004.';

CREATE FUNCTION getcourse.claim_webhooks(
    at_most integer DEFAULT 8,
    lease interval DEFAULT '60 seconds',
    after_id bigint DEFAULT 0,
    after_due timestamptz DEFAULT '-infinity',
    after_due_id bigint DEFAULT 0
)
RETURNS SETOF getcourse.webhook_events
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- whatever the statistics say of a queue that was full or empty a moment ago
SET enable_bitmapscan = off
SET enable_sort = off
SET plan_cache_mode = force_generic_plan -- to plan again for each worker's place reads the ends of the indexes
AS $$
#variable_conflict use_column -- parameters are written claim_webhooks.x
DECLARE
    moment timestamptz := clock_timestamp();
    token  uuid := gen_random_uuid();
    found  tid[];
BEGIN
    IF claim_webhooks.at_most < 1 OR claim_webhooks.lease <= interval '0' THEN
        RAISE EXCEPTION 'at_most and lease must be positive' USING
            ERRCODE = 'MB007',
            DETAIL = 'argument=at_most|lease',
            HINT = 'Claim at least one, for some time.';
    END IF;

    found := ARRAY(
        SELECT e.ctid
        FROM getcourse.webhook_events AS e
        WHERE e.status = 'retry'
            AND (e.next_attempt_at, e.id) > (claim_webhooks.after_due, claim_webhooks.after_due_id)
            AND e.next_attempt_at <= moment
        ORDER BY e.next_attempt_at, e.id
        LIMIT claim_webhooks.at_most
        FOR UPDATE SKIP LOCKED
    );
    IF cardinality(found) < claim_webhooks.at_most THEN
        found := found || ARRAY(
            SELECT e.ctid
            FROM getcourse.webhook_events AS e
            WHERE e.status = 'received' AND e.id + 0 > claim_webhooks.after_id
            ORDER BY e.id + 0
            LIMIT claim_webhooks.at_most - cardinality(found)
            FOR UPDATE SKIP LOCKED
        );
    END IF;
    IF cardinality(found) = 0 THEN
        RETURN;
    END IF;
    -- By their place, which is what was locked: an index would lead to their dead versions too.
    RETURN QUERY
    UPDATE getcourse.webhook_events AS e
    SET status = 'processing', attempts = e.attempts + 1, lease_until = moment + claim_webhooks.lease, lease_token = token
    WHERE e.ctid = ANY (found)
    RETURNING e.*;
END
$$;

COMMENT ON FUNCTION getcourse.claim_webhooks(integer, interval, bigint, timestamptz, bigint) IS
'Gives a worker what is to be processed, to finish within the lease: first what is due, then what came in by id; what another worker is just claiming is passed over. after_id, and after_due with after_due_id, are where this worker stopped: id of the last received one it got, next_attempt_at and id of the last one in retry. They spare it the dead rows behind; 0 and -infinity look from the beginning, which a worker does from time to time. Refusals: MB007.';

CREATE FUNCTION getcourse.finish_webhook(
    event_id bigint,
    lease_token uuid,
    outcome getcourse.outcome,
    error text DEFAULT NULL,
    retry_after interval DEFAULT NULL
)
RETURNS getcourse.webhook_events
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written finish_webhook.x
DECLARE
    item   getcourse.webhook_events;
    reason text := left(coalesce(finish_webhook.error, finish_webhook.outcome::text), 500);
    due_at timestamptz;
BEGIN
    IF finish_webhook.outcome IS NULL OR finish_webhook.outcome IN ('unreachable', 'uncertain')
        OR (finish_webhook.outcome = 'limited' AND finish_webhook.retry_after IS NULL)
        OR finish_webhook.retry_after NOT BETWEEN interval '0' AND interval '7 days'
    THEN
        RAISE EXCEPTION 'an attempt is done, failed, rejected or limited, and a limit says for how long, up to 7 days' USING
            ERRCODE = 'MB007',
            DETAIL = 'argument=outcome|retry_after',
            HINT = 'What a webhook brings about happens in one transaction with this, so nothing about it is uncertain.';
    END IF;

    SELECT e.* INTO item
    FROM getcourse.webhook_events AS e
    WHERE e.id = finish_webhook.event_id AND e.lease_token = finish_webhook.lease_token
    FOR NO KEY UPDATE;
    IF item.status = 'processed' AND finish_webhook.outcome = 'done' THEN
        RETURN item; -- reported again, because the answer was lost
    ELSIF item.id IS NULL OR item.status <> 'processing' THEN
        RAISE EXCEPTION 'this webhook is no longer with this worker' USING
            ERRCODE = 'MB303',
            DETAIL = format('event_id=%s', finish_webhook.event_id),
            HINT = 'Its lease ran out, or its attempt was finished before. Nothing was recorded.';
    END IF;

    CASE
        WHEN finish_webhook.outcome = 'done' THEN
            UPDATE getcourse.webhook_events AS e SET status = 'processed', error_message = NULL
            WHERE e.id = item.id
            RETURNING e.* INTO item;
        WHEN finish_webhook.outcome = 'rejected'
            OR (finish_webhook.outcome = 'failed' AND item.attempts >= getcourse.setting('max_attempts'))
        THEN
            UPDATE getcourse.webhook_events AS e SET status = 'dead', error_message = reason
            WHERE e.id = item.id
            RETURNING e.* INTO item;
        ELSE
            due_at := clock_timestamp() + CASE
                WHEN finish_webhook.outcome = 'limited' THEN finish_webhook.retry_after
                ELSE greatest(
                    finish_webhook.retry_after,
                    platform.backoff(
                        item.attempts,
                        make_interval(secs => getcourse.setting('first_backoff')),
                        make_interval(secs => getcourse.setting('longest_backoff'))
                    )
                )
            END;
            UPDATE getcourse.webhook_events AS e
            SET
                status = 'retry', next_attempt_at = due_at, error_message = reason,
                attempts = e.attempts - CASE finish_webhook.outcome WHEN 'limited' THEN 1 ELSE 0 END
            WHERE e.id = item.id
            RETURNING e.* INTO item;
    END CASE;
    RETURN item;
END
$$;

COMMENT ON FUNCTION getcourse.finish_webhook(bigint, uuid, getcourse.outcome, text, interval) IS
'A worker reports how its attempt ended; to report done again changes nothing. Called in the transaction that does what the webhook asks for, that happens once: whose lease ran out is refused, and with it all that the transaction did. done: processed. failed: again after a growing, jittered wait (at least retry_after), dead after max_attempts. rejected: dead. limited: again after retry_after, and the attempt does not count. Refusals: MB007, MB303.';

CREATE FUNCTION getcourse.finish_webhooks(event_ids bigint[], lease_token uuid)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- whatever the statistics say of a queue that was full or empty a moment ago
AS $$
#variable_conflict use_column -- parameters are written finish_webhooks.x
DECLARE
    done bigint;
    lost bigint;
BEGIN
    UPDATE getcourse.webhook_events AS e SET status = 'processed', error_message = NULL
    WHERE e.id = ANY (finish_webhooks.event_ids) AND e.lease_token = finish_webhooks.lease_token
        AND e.status = 'processing';
    GET DIAGNOSTICS done = ROW_COUNT;
    IF done < cardinality(finish_webhooks.event_ids) THEN
        -- Reported again, because the answer was lost, is as good.
        SELECT min(i.id) INTO lost
        FROM unnest(finish_webhooks.event_ids) AS i (id)
        WHERE NOT EXISTS (
            SELECT FROM getcourse.webhook_events AS e
            WHERE e.id = i.id AND e.lease_token = finish_webhooks.lease_token AND e.status = 'processed'
            OFFSET 0 -- each is looked up
        );
        IF lost IS NOT NULL THEN
            RAISE EXCEPTION 'one of these webhooks is no longer with this worker' USING
                ERRCODE = 'MB303',
                DETAIL = format('event_id=%s', lost),
                HINT = 'Its lease ran out, or its attempt was finished before. Nothing was recorded of any of them.';
        END IF;
    END IF;
    RETURN done;
END
$$;

COMMENT ON FUNCTION getcourse.finish_webhooks(bigint[], uuid) IS
'A worker reports in one call that webhooks of one claim are done, and hears of how many that is new. All of them or none: if one is no longer with this worker, it is refused, and with it all that the transaction did. What did not succeed is reported by finish_webhook(). Refusals: MB303.';

CREATE FUNCTION getcourse.recover_webhooks(after_lease timestamptz DEFAULT '-infinity', at_most integer DEFAULT 1000)
RETURNS TABLE (released bigint, dead bigint, checked_until timestamptz)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- whatever the statistics say of a queue that was full or empty a moment ago
SET enable_bitmapscan = off
SET enable_sort = off
AS $$
#variable_conflict use_column -- parameters are written recover_webhooks.x
DECLARE
    began_at timestamptz := clock_timestamp();
    most     bigint := getcourse.setting('max_attempts');
BEGIN
    RETURN QUERY
    WITH expired AS MATERIALIZED (
        SELECT e.id
        FROM getcourse.webhook_events AS e
        WHERE NOT e.processed AND e.lease_until > recover_webhooks.after_lease AND e.lease_until <= began_at
        ORDER BY e.lease_until
        LIMIT recover_webhooks.at_most
        FOR UPDATE SKIP LOCKED
    ),
    taken AS (
        UPDATE getcourse.webhook_events AS e
        SET
            status = CASE WHEN e.attempts < most THEN 'retry' ELSE 'dead' END::getcourse.webhook_status,
            next_attempt_at = began_at,
            error_message = 'lease ran out'
        FROM expired AS x
        WHERE e.id = x.id
        RETURNING e.status
    )
    SELECT
        count(*) FILTER (WHERE t.status = 'retry'),
        count(*) FILTER (WHERE t.status = 'dead'),
        CASE WHEN count(*) < recover_webhooks.at_most THEN began_at ELSE recover_webhooks.after_lease END
    FROM taken AS t;
END
$$;

COMMENT ON FUNCTION getcourse.recover_webhooks(timestamptz, integer) IS
'Takes back what workers did not finish within their lease: another worker may have it at once; after max_attempts, of which each may have killed its worker, it is dead. Returns how many of each, and checked_until, the after_lease of the next call. Workers call it every few seconds.';

CREATE FUNCTION getcourse.replay_webhook(event_id bigint)
RETURNS getcourse.webhook_events
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written replay_webhook.x
DECLARE
    item getcourse.webhook_events;
BEGIN
    SELECT e.* INTO item FROM getcourse.webhook_events AS e WHERE e.id = replay_webhook.event_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such webhook' USING
            ERRCODE = 'MB004',
            DETAIL = format('event_id=%s', replay_webhook.event_id),
            HINT = 'Look it up in getcourse.webhook_events.';
    ELSIF item.status <> 'dead' THEN
        RAISE EXCEPTION 'a webhook that is % cannot be replayed', item.status USING
            ERRCODE = 'MB003',
            DETAIL = format('event_id=%s, status=%s', item.id, item.status),
            HINT = 'Replay what is dead. What was processed is processed again if processed is set to false by hand.';
    END IF;
    UPDATE getcourse.webhook_events AS e
    SET status = 'retry', next_attempt_at = now(), attempts = 0, lease_token = NULL
    WHERE e.id = item.id
    RETURNING e.* INTO item;
    PERFORM pg_notify('getcourse.webhooks', '');
    RETURN item;
END
$$;

COMMENT ON FUNCTION getcourse.replay_webhook(bigint) IS
'Processes a dead webhook again, with new attempts. Refusals: MB003, MB004.';

CREATE FUNCTION getcourse.replay_dead_webhooks(at_most integer DEFAULT 1000)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    replayed bigint;
BEGIN
    UPDATE getcourse.webhook_events AS e
    SET status = 'retry', next_attempt_at = now(), attempts = 0, lease_token = NULL
    WHERE e.id = ANY (ARRAY( -- asked once, whatever the plan: asked again, it would lock and take more
        SELECT d.id
        FROM getcourse.webhook_events AS d
        WHERE d.status = 'dead'
        ORDER BY d.id
        LIMIT at_most
        FOR UPDATE SKIP LOCKED
    ));
    GET DIAGNOSTICS replayed = ROW_COUNT;
    PERFORM pg_notify('getcourse.webhooks', '');
    RETURN replayed;
END
$$;

COMMENT ON FUNCTION getcourse.replay_dead_webhooks(integer) IS
'Processes dead webhooks again, the oldest first, at most so many, once whatever killed them is mended. Returns how many; call it again while it returns that many.';

CREATE FUNCTION getcourse.recipient(of_mentor_id bigint)
RETURNS bigint
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT m.telegram_id
FROM getcourse.mentors AS m
WHERE m.id = of_mentor_id AND m.valid_from <= now() AND m.valid_to > now()
$$;

COMMENT ON FUNCTION getcourse.recipient(bigint) IS
'The Telegram account of a mentor at present; NULL if there is none, or they are no mentor any more.';

CREATE FUNCTION getcourse.enqueue(mentor_id bigint, type text, message text, webhook_event_id bigint DEFAULT NULL)
RETURNS getcourse.notifications
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written enqueue.x
DECLARE
    account bigint := getcourse.recipient(enqueue.mentor_id);
    reason  text;
    item    getcourse.notifications;
BEGIN
    IF account IS NULL THEN
        reason := 'no recipient';
    ELSIF EXISTS (SELECT FROM getcourse.unreachable_mentors AS u WHERE u.telegram_id = account) THEN
        reason := 'unreachable';
    END IF;
    INSERT INTO getcourse.notifications AS n (mentor_id, type, message, webhook_event_id, status, last_error)
    VALUES (
        enqueue.mentor_id, enqueue.type, enqueue.message, enqueue.webhook_event_id,
        CASE WHEN reason IS NULL THEN 'pending' ELSE 'cancelled' END::getcourse.notification_status, reason
    )
    ON CONFLICT ON CONSTRAINT notifications_message_hash_key DO UPDATE SET duplicates = n.duplicates + 1
    RETURNING n.* INTO item;
    RETURN item;
END
$$;

COMMENT ON FUNCTION getcourse.enqueue(bigint, text, text, bigint) IS
'Queues one notification and returns it; the same message of the same type about the same webhook again, for the same mentor, is only counted in duplicates, and the first is returned. For a mentor whom the bot cannot reach it is kept as cancelled. Refusals: the constraints of notifications.';

CREATE FUNCTION getcourse.enqueue_many(
    mentor_ids bigint[], types text[], messages text[], webhook_event_ids bigint[] DEFAULT NULL
)
RETURNS TABLE (queued bigint, cancelled bigint, duplicates bigint)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written enqueue_many.x
BEGIN
    IF enqueue_many.mentor_ids IS NULL
        OR cardinality(enqueue_many.types) IS DISTINCT FROM cardinality(enqueue_many.mentor_ids)
        OR cardinality(enqueue_many.messages) IS DISTINCT FROM cardinality(enqueue_many.mentor_ids)
        OR cardinality(enqueue_many.webhook_event_ids) <> cardinality(enqueue_many.mentor_ids)
    THEN
        RAISE EXCEPTION 'there must be one type, one message and one webhook a mentor' USING
            ERRCODE = 'MB007',
            DETAIL = 'argument=types|messages|webhook_event_ids',
            HINT = 'Leave webhook_event_ids out if none is about a webhook; NULL in it for those that are not.';
    END IF;

    RETURN QUERY
    WITH planned AS MATERIALIZED (
        SELECT
            g.mentor_id,
            g.type,
            g.message,
            g.webhook_event_id,
            g.repeated,
            CASE
                WHEN r.telegram_id IS NULL THEN 'no recipient'
                WHEN u.telegram_id IS NOT NULL THEN 'unreachable'
            END AS reason
        FROM (
            SELECT i.mentor_id, i.type, i.message, i.webhook_event_id, count(*) - 1 AS repeated
            FROM unnest(
                enqueue_many.mentor_ids, enqueue_many.types, enqueue_many.messages, enqueue_many.webhook_event_ids
            ) AS i (mentor_id, type, message, webhook_event_id)
            GROUP BY i.mentor_id, i.type, i.message, i.webhook_event_id
        ) AS g
        CROSS JOIN LATERAL (SELECT getcourse.recipient(g.mentor_id) AS telegram_id) AS r
        LEFT JOIN getcourse.unreachable_mentors AS u ON r.telegram_id = u.telegram_id
    ),
    stored AS (
        INSERT INTO getcourse.notifications AS n (
            mentor_id, type, message, webhook_event_id, duplicates, status, last_error
        )
        SELECT
            p.mentor_id, p.type, p.message, p.webhook_event_id, p.repeated,
            CASE WHEN p.reason IS NULL THEN 'pending' ELSE 'cancelled' END::getcourse.notification_status, p.reason
        FROM planned AS p
        ORDER BY p.mentor_id, p.webhook_event_id, p.type, p.message -- all lock in one order
        ON CONFLICT ON CONSTRAINT notifications_message_hash_key
        DO UPDATE SET duplicates = n.duplicates + excluded.duplicates + 1
        RETURNING n.status, n.xmax = 0 AS is_new
    )
    SELECT
        count(*) FILTER (WHERE s.is_new AND s.status = 'pending'),
        count(*) FILTER (WHERE s.is_new AND s.status = 'cancelled'),
        cardinality(enqueue_many.mentor_ids) - count(*) FILTER (WHERE s.is_new)
    FROM stored AS s;
END
$$;

COMMENT ON FUNCTION getcourse.enqueue_many(bigint[], text[], text[], bigint[]) IS
'Queues many notifications in one statement, as enqueue() does one: the nth is for the nth mentor. Returns how many were queued, kept as cancelled (for who cannot be reached), and counted as duplicates because the same was there; they add up to those given. Refusals: MB007, and the constraints of notifications.';

CREATE FUNCTION getcourse.claim(
    at_most integer DEFAULT 8,
    lease interval DEFAULT '60 seconds',
    after_id bigint DEFAULT 0,
    after_due timestamptz DEFAULT '-infinity',
    after_due_id bigint DEFAULT 0
)
RETURNS SETOF getcourse.notifications
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- whatever the statistics say of a queue that was full or empty a moment ago
SET enable_bitmapscan = off
SET enable_sort = off
SET plan_cache_mode = force_generic_plan -- to plan again for each worker's place reads the ends of the indexes
AS $$
#variable_conflict use_column -- parameters are written claim.x
DECLARE
    moment timestamptz := clock_timestamp();
    token  uuid := gen_random_uuid();
    found  tid[];
BEGIN
    IF claim.at_most < 1 OR claim.lease <= interval '0' THEN
        RAISE EXCEPTION 'at_most and lease must be positive' USING
            ERRCODE = 'MB007',
            DETAIL = 'argument=at_most|lease',
            HINT = 'Claim at least one, for some time.';
    END IF;
    IF EXISTS (SELECT FROM getcourse.bot_pauses AS p WHERE p.paused_until > moment) THEN
        RETURN;
    END IF;

    found := ARRAY(
        SELECT n.ctid
        FROM getcourse.notifications AS n
        WHERE n.status = 'waiting'
            AND (n.next_attempt_at, n.id) > (claim.after_due, claim.after_due_id)
            AND n.next_attempt_at <= moment
        ORDER BY n.next_attempt_at, n.id
        LIMIT claim.at_most
        FOR UPDATE SKIP LOCKED
    );
    IF cardinality(found) < claim.at_most THEN
        found := found || ARRAY(
            SELECT n.ctid
            FROM getcourse.notifications AS n
            WHERE n.status = 'pending' AND n.id + 0 > claim.after_id
            ORDER BY n.id + 0
            LIMIT claim.at_most - cardinality(found)
            FOR UPDATE SKIP LOCKED
        );
    END IF;
    IF cardinality(found) = 0 THEN
        RETURN;
    END IF;
    -- By their place, which is what was locked: an index would lead to their dead versions too.
    RETURN QUERY
    UPDATE getcourse.notifications AS n
    SET status = 'processing', lease_until = moment + claim.lease, lease_token = token
    WHERE n.ctid = ANY (found)
    RETURNING n.*;
END
$$;

COMMENT ON FUNCTION getcourse.claim(integer, interval, bigint, timestamptz, bigint) IS
'Gives a worker what is to be sent, to begin within the lease: first what is due, then what is pending by id; what another worker is just claiming is passed over. after_id, and after_due with after_due_id, are where this worker stopped: id of the last pending one it got, next_attempt_at and id of the last waiting one. They spare it the dead rows behind; 0 and -infinity look from the beginning, which a worker does from time to time. Nothing while the bot rests. Refusals: MB007.';

CREATE FUNCTION getcourse.begin_attempt(
    notification_id bigint, lease_token uuid, lease interval DEFAULT '60 seconds'
)
RETURNS SETOF getcourse.notifications
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written begin_attempt.x
DECLARE
    item    getcourse.notifications;
    account bigint;
    rest    timestamptz;
BEGIN
    IF begin_attempt.lease <= interval '0' THEN
        RAISE EXCEPTION 'lease must be positive' USING
            ERRCODE = 'MB007',
            DETAIL = 'argument=lease',
            HINT = 'Give the attempt some time.';
    END IF;
    SELECT n.* INTO item
    FROM getcourse.notifications AS n
    WHERE n.id = begin_attempt.notification_id
        AND n.lease_token = begin_attempt.lease_token
        AND n.status = 'processing'
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;

    account := getcourse.recipient(item.mentor_id);
    IF account IS NULL OR EXISTS (SELECT FROM getcourse.unreachable_mentors AS u WHERE u.telegram_id = account) THEN
        UPDATE getcourse.notifications AS n
        SET status = 'cancelled', last_error = CASE WHEN account IS NULL THEN 'no recipient' ELSE 'unreachable' END
        WHERE n.id = item.id;
        RETURN;
    END IF;
    SELECT p.paused_until INTO rest FROM getcourse.bot_pauses AS p WHERE p.paused_until > clock_timestamp();
    IF FOUND THEN
        UPDATE getcourse.notifications AS n SET status = 'waiting', next_attempt_at = rest WHERE n.id = item.id;
        RETURN;
    END IF;

    RETURN QUERY
    UPDATE getcourse.notifications AS n
    SET
        status = 'sending', attempts = n.attempts + 1, lease_until = clock_timestamp() + begin_attempt.lease,
        recipient_telegram_id = account
    WHERE n.id = item.id
    RETURNING n.*;
END
$$;

COMMENT ON FUNCTION getcourse.begin_attempt(bigint, uuid, interval) IS
'A worker says that it sends now, before it does: commit this first. Returns the notification with the mentor''s Telegram account of this moment, or nothing if it is not to be sent: the lease was lost, the mentor has no account, has left or cannot be reached (it is cancelled), or the bot rests (it waits). If finish() does not follow within the lease, it becomes uncertain and is not sent again by itself. Refusals: MB007.';

CREATE FUNCTION getcourse.finish(
    notification_id bigint,
    lease_token uuid,
    outcome getcourse.outcome,
    error text DEFAULT NULL,
    retry_after interval DEFAULT NULL,
    telegram_message_id text DEFAULT NULL
)
RETURNS getcourse.notifications
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written finish.x
DECLARE
    item   getcourse.notifications;
    reason text := left(coalesce(finish.error, finish.outcome::text), 500);
    due_at timestamptz;
BEGIN
    IF finish.outcome IS NULL OR (finish.outcome = 'limited' AND finish.retry_after IS NULL)
        OR finish.retry_after NOT BETWEEN interval '0' AND interval '7 days'
    THEN
        RAISE EXCEPTION 'an attempt has an outcome, and a limit says for how long, up to 7 days' USING
            ERRCODE = 'MB007',
            DETAIL = 'argument=outcome|retry_after',
            HINT = 'Give retry_after as Telegram did.';
    END IF;

    IF finish.outcome = 'unreachable' THEN
        -- Marked before any of the mentor's rows is locked, so that two workers who hear of it take turns.
        INSERT INTO getcourse.unreachable_mentors AS u (telegram_id)
        SELECT n.recipient_telegram_id
        FROM getcourse.notifications AS n
        WHERE n.id = finish.notification_id AND n.lease_token = finish.lease_token
            AND n.status IN ('sending', 'uncertain')
        ON CONFLICT ON CONSTRAINT unreachable_mentors_pkey DO UPDATE SET created_at = u.created_at;
    END IF;
    SELECT n.* INTO item
    FROM getcourse.notifications AS n
    WHERE n.id = finish.notification_id AND n.lease_token = finish.lease_token
    FOR NO KEY UPDATE;
    IF item.status = 'sent' AND finish.outcome = 'done' THEN
        RETURN item; -- reported again, because the answer was lost
    ELSIF item.id IS NULL OR item.status NOT IN ('sending', 'uncertain') THEN
        RAISE EXCEPTION 'this notification is no longer with this worker' USING
            ERRCODE = 'MB303',
            DETAIL = format('notification_id=%s', finish.notification_id),
            HINT = 'Its lease ran out, or its attempt was finished before. Nothing was recorded.';
    END IF;

    CASE finish.outcome
        WHEN 'done' THEN
            UPDATE getcourse.notifications AS n
            SET status = 'sent', telegram_message_id = finish.telegram_message_id, last_error = NULL
            WHERE n.id = item.id
            RETURNING n.* INTO item;
        WHEN 'failed' THEN
            IF item.attempts >= getcourse.setting('max_attempts') THEN
                UPDATE getcourse.notifications AS n SET status = 'dead', last_error = reason
                WHERE n.id = item.id
                RETURNING n.* INTO item;
            ELSE
                due_at := clock_timestamp() + greatest(
                    finish.retry_after,
                    platform.backoff(
                        item.attempts,
                        make_interval(secs => getcourse.setting('first_backoff')),
                        make_interval(secs => getcourse.setting('longest_backoff'))
                    )
                );
                UPDATE getcourse.notifications AS n
                SET status = 'waiting', next_attempt_at = due_at, last_error = reason
                WHERE n.id = item.id
                RETURNING n.* INTO item;
            END IF;
        WHEN 'rejected' THEN
            UPDATE getcourse.notifications AS n SET status = 'dead', last_error = reason
            WHERE n.id = item.id
            RETURNING n.* INTO item;
        WHEN 'limited' THEN
            due_at := clock_timestamp() + finish.retry_after;
            INSERT INTO getcourse.bot_pauses AS p (bot, paused_until)
            VALUES ('telegram', due_at)
            ON CONFLICT ON CONSTRAINT bot_pauses_pkey
            DO UPDATE SET paused_until = greatest(p.paused_until, excluded.paused_until);
            UPDATE getcourse.notifications AS n
            SET status = 'waiting', next_attempt_at = due_at, attempts = n.attempts - 1, last_error = reason
            WHERE n.id = item.id
            RETURNING n.* INTO item;
        WHEN 'unreachable' THEN
            PERFORM n.id
            FROM getcourse.notifications AS n
            WHERE n.mentor_id = item.mentor_id AND n.status IN ('pending', 'waiting', 'processing')
            ORDER BY n.id
            FOR NO KEY UPDATE;
            UPDATE getcourse.notifications AS n
            SET status = 'cancelled', last_error = 'unreachable'
            WHERE n.mentor_id = item.mentor_id
                AND (n.id = item.id OR n.status IN ('pending', 'waiting', 'processing'));
            SELECT n.* INTO item FROM getcourse.notifications AS n WHERE n.id = item.id;
        WHEN 'uncertain' THEN
            UPDATE getcourse.notifications AS n SET status = 'uncertain', last_error = reason
            WHERE n.id = item.id
            RETURNING n.* INTO item;
    END CASE;
    RETURN item;
END
$$;

COMMENT ON FUNCTION getcourse.finish(bigint, uuid, getcourse.outcome, text, interval, text) IS
'A worker reports how its attempt ended, also late, once it is uncertain; to report done again changes nothing. done: sent. failed: again after a growing, jittered wait (at least retry_after), dead after max_attempts. rejected: dead. limited: the whole bot rests for retry_after, and the attempt does not count. unreachable: the account is marked, and all that is open for the mentor is cancelled. Refusals: MB007, MB303.';

CREATE FUNCTION getcourse.recover(after_lease timestamptz DEFAULT '-infinity', at_most integer DEFAULT 1000)
RETURNS TABLE (released bigint, uncertain bigint, checked_until timestamptz)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- whatever the statistics say of a queue that was full or empty a moment ago
SET enable_bitmapscan = off
SET enable_sort = off
AS $$
#variable_conflict use_column -- parameters are written recover.x
DECLARE
    began_at timestamptz := clock_timestamp();
BEGIN
    RETURN QUERY
    WITH expired AS MATERIALIZED (
        SELECT n.id, n.status
        FROM getcourse.notifications AS n
        WHERE n.status IN ('processing', 'sending')
            AND n.lease_until > recover.after_lease AND n.lease_until <= began_at
        ORDER BY n.lease_until
        LIMIT recover.at_most
        FOR UPDATE SKIP LOCKED
    ),
    taken AS (
        UPDATE getcourse.notifications AS n
        SET
            status = CASE
                WHEN e.status = 'processing' THEN 'waiting' ELSE 'uncertain'
            END::getcourse.notification_status,
            next_attempt_at = CASE WHEN e.status = 'processing' THEN began_at ELSE n.next_attempt_at END,
            last_error = 'lease ran out'
        FROM expired AS e
        WHERE n.id = e.id
        RETURNING n.status
    )
    SELECT
        count(*) FILTER (WHERE t.status = 'waiting'),
        count(*) FILTER (WHERE t.status = 'uncertain'),
        CASE WHEN count(*) < recover.at_most THEN began_at ELSE recover.after_lease END
    FROM taken AS t;
END
$$;

COMMENT ON FUNCTION getcourse.recover(timestamptz, integer) IS
'Takes back what workers did not finish within their lease: before the attempt it waits for another worker, during the attempt it is uncertain. Returns how many of each, and checked_until, the after_lease of the next call. Workers call it every few seconds.';

CREATE FUNCTION getcourse.replay(notification_id bigint)
RETURNS getcourse.notifications
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written replay.x
DECLARE
    item getcourse.notifications;
BEGIN
    SELECT n.* INTO item FROM getcourse.notifications AS n WHERE n.id = replay.notification_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such notification' USING
            ERRCODE = 'MB004',
            DETAIL = format('notification_id=%s', replay.notification_id),
            HINT = 'Look it up in getcourse.notifications.';
    ELSIF item.status NOT IN ('dead', 'uncertain', 'cancelled') THEN
        RAISE EXCEPTION 'a notification that is % cannot be replayed', item.status USING
            ERRCODE = 'MB003',
            DETAIL = format('notification_id=%s, status=%s', item.id, item.status),
            HINT = 'Replay what is dead, uncertain or cancelled.';
    END IF;
    UPDATE getcourse.notifications AS n
    SET status = 'waiting', next_attempt_at = now(), attempts = 0, lease_token = NULL
    WHERE n.id = item.id
    RETURNING n.* INTO item;
    PERFORM pg_notify('getcourse.notifications', '');
    RETURN item;
END
$$;

COMMENT ON FUNCTION getcourse.replay(bigint) IS
'Sends a notification again that is dead, uncertain or cancelled, with new attempts. What is uncertain may have arrived: whoever replays it accepts that it may arrive twice. Refusals: MB003, MB004.';

CREATE FUNCTION getcourse.replay_dead(at_most integer DEFAULT 1000)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    replayed bigint;
BEGIN
    UPDATE getcourse.notifications AS n
    SET status = 'waiting', next_attempt_at = now(), attempts = 0, lease_token = NULL
    WHERE n.id = ANY (ARRAY( -- asked once, whatever the plan: asked again, it would lock and take more
        SELECT d.id
        FROM getcourse.notifications AS d
        WHERE d.status = 'dead'
        ORDER BY d.id
        LIMIT at_most
        FOR UPDATE SKIP LOCKED
    ));
    GET DIAGNOSTICS replayed = ROW_COUNT;
    PERFORM pg_notify('getcourse.notifications', '');
    RETURN replayed;
END
$$;

COMMENT ON FUNCTION getcourse.replay_dead(integer) IS
'Sends dead letters again, the oldest first, at most so many, once whatever killed them is mended. Returns how many; call it again while it returns that many. Leaves what is uncertain to a person.';

CREATE FUNCTION getcourse.mark_reachable(telegram_id bigint)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written mark_reachable.x
BEGIN
    DELETE FROM getcourse.unreachable_mentors AS u WHERE u.telegram_id = mark_reachable.telegram_id;
    RETURN FOUND;
END
$$;

COMMENT ON FUNCTION getcourse.mark_reachable(bigint) IS
'Says that the bot reaches a Telegram account again (the mentor started it again, say); what is queued from now on is sent. Returns whether it was unreachable. What was cancelled stays so until it is replayed.';

CREATE FUNCTION getcourse.purge(dry_run boolean DEFAULT true, at_most bigint DEFAULT 1000)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lines_before  timestamptz := now() - make_interval(days => getcourse.setting('application_log_retention')::integer);
    errors_before timestamptz := now() - make_interval(days => getcourse.setting('error_log_retention')::integer);
    lines         bigint;
    errors        bigint;
BEGIN
    IF dry_run THEN
        SELECT count(*) INTO lines FROM getcourse.application_logs AS l WHERE l.created_at < lines_before;
        SELECT count(*) INTO errors FROM getcourse.error_logs AS l WHERE l.created_at < errors_before;
        RETURN lines + errors;
    END IF;
    DELETE FROM getcourse.application_logs AS l
    WHERE l.created_at < lines_before AND (l.created_at, l.id) IN (
        SELECT o.created_at, o.id
        FROM getcourse.application_logs AS o
        WHERE o.created_at < lines_before
        ORDER BY o.created_at, o.id
        LIMIT at_most
    );
    GET DIAGNOSTICS lines = ROW_COUNT;
    DELETE FROM getcourse.error_logs AS l
    WHERE l.created_at < errors_before AND (l.created_at, l.id) IN (
        SELECT o.created_at, o.id
        FROM getcourse.error_logs AS o
        WHERE o.created_at < errors_before
        ORDER BY o.created_at, o.id
        LIMIT at_most - lines
    );
    GET DIAGNOSTICS errors = ROW_COUNT;
    RETURN lines + errors;
END
$$;

COMMENT ON FUNCTION getcourse.purge(boolean, bigint) IS
'Deletes what is older than the settings application_log_retention and error_log_retention from the two logs, the oldest first, at most so many rows. Returns how many; call it again while it returns that many. With dry_run, the default, nothing changes and it returns how many there are. For the owner; maintain_logs() drops whole months faster.';

CREATE FUNCTION getcourse.maintain_logs(dry_run boolean DEFAULT true)
RETURNS TABLE (made text[], dropped text[])
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    log record;
BEGIN
    made := '{}';
    dropped := '{}';
    FOR log IN
        SELECT l.name, make_interval(days => getcourse.setting(l.retention)::integer) AS keep
        FROM (
            VALUES
            ('application_logs', 'application_log_retention'), ('error_logs', 'error_log_retention')
        ) AS l (name, retention)
    LOOP
        dropped := dropped || platform.drop_months('getcourse', log.name, log.keep, dry_run);
        IF NOT dry_run THEN
            made := made || platform.make_months('getcourse', log.name);
        END IF;
    END LOOP;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION getcourse.maintain_logs(boolean) IS
'Makes the months ahead of application_logs and error_logs, and drops those all of whose rows are older than the settings application_log_retention and error_log_retention; returns their names. With dry_run, the default, nothing is made or dropped. For the owner, daily or monthly.';

CREATE FUNCTION getcourse.slow_queries(at_most integer DEFAULT 10)
RETURNS TABLE (query text, calls bigint, total_exec_time double precision, mean_exec_time double precision)
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    home name;
BEGIN
    SELECT n.nspname INTO home
    FROM pg_extension AS e
    INNER JOIN pg_namespace AS n ON e.extnamespace = n.oid
    WHERE e.extname = 'pg_stat_statements';
    IF FOUND THEN
        BEGIN
            RETURN QUERY EXECUTE format(
                'SELECT s.query, s.calls, s.total_exec_time, s.mean_exec_time FROM %I.pg_stat_statements AS s'
                ' WHERE s.dbid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())'
                ' ORDER BY s.mean_exec_time DESC LIMIT $1',
                home
            ) USING at_most;
            RETURN;
        EXCEPTION
            WHEN object_not_in_prerequisite_state THEN
                NULL; -- made, but its library is not loaded
        END;
    END IF;
    RAISE EXCEPTION 'this server does not count its queries' USING
        ERRCODE = 'MB401',
        DETAIL = format('extension=%s', home IS NOT NULL),
        HINT = 'A superuser adds pg_stat_statements to shared_preload_libraries in postgresql.conf, restarts the server, and runs in this database: CREATE EXTENSION pg_stat_statements.';
END
$$;

COMMENT ON FUNCTION getcourse.slow_queries(integer) IS
'The slowest queries of this database by mean time, in milliseconds, as pg_stat_statements counts them; of other logins'' queries only members of pg_read_all_stats see the text. Where the server does not count, the refusal says how a superuser enables it (MB401).';

CREATE FUNCTION getcourse.known_as(person platform.person)
RETURNS platform.person
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    person.email := coalesce(
        person.email,
        (
            SELECT lower(m.email)
            FROM getcourse.mentors AS m
            WHERE m.telegram_id = person.telegram_id
            ORDER BY m.valid_from DESC
            LIMIT 1
        )
    );
    person.bot_mentor_id := coalesce(
        (SELECT k.id FROM getcourse.mentor_ids AS k WHERE k.email = person.email),
        (SELECT max(m.id) FROM getcourse.mentors AS m WHERE m.telegram_id = person.telegram_id)
    );
    person.bot_student_id := (SELECT k.id FROM getcourse.student_ids AS k WHERE k.email = person.email);
    RETURN person;
END
$$;

COMMENT ON FUNCTION getcourse.known_as(platform.person) IS
'A person as the bot knows them: the e-mail address of whoever has a Telegram account, and which mentor and student has that address. For platform.find_person().';

CREATE FUNCTION getcourse.end_person(person platform.person)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    version record;
    ended   bigint := 0;
BEGIN
    FOR version IN
        SELECT v.id
        FROM getcourse.mapping AS v
        WHERE v.is_open AND (v.mentor_id = person.bot_mentor_id OR v.student_id = person.bot_student_id)
        ORDER BY v.id
    LOOP
        PERFORM getcourse.close_mapping(version.id);
        ended := ended + 1;
    END LOOP;
    FOR version IN SELECT v.id FROM getcourse.mentors AS v WHERE v.is_open AND v.id = person.bot_mentor_id LOOP
        PERFORM getcourse.close_mentor(version.id);
        ended := ended + 1;
    END LOOP;
    FOR version IN SELECT v.id FROM getcourse.students AS v WHERE v.is_open AND v.id = person.bot_student_id LOOP
        PERFORM getcourse.close_student(version.id);
        ended := ended + 1;
    END LOOP;
    RETURN ended;
END
$$;

COMMENT ON FUNCTION getcourse.end_person(platform.person) IS
'Ends the open versions of a person as mentor and student, and of their mappings; returns how many. For platform.erase_person().';
