SET LOCAL ROLE mentorbase_owner;

CREATE OR REPLACE FUNCTION mentoring.guard_subject_schedule_insert()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- reads what the inserting role may not
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor   platform.actor := platform.current_actor('mentoring_app');
    wrong   record;
BEGIN
    SELECT c.status, c.subject_id, mentoring.booking_side(c, actor) AS side INTO wrong
    FROM changed_rows AS c
    WHERE NOT EXISTS (
        SELECT FROM mentoring.subject_schedule_transitions AS t
        WHERE t.from_status IS NULL AND t.to_status = c.status AND t.actor_kind = mentoring.booking_side(c, actor)
    )
    LIMIT 1;
    IF FOUND THEN
        PERFORM mentoring.refuse_booking_step(NULL, wrong.status, wrong.side, format('subject_id=%s', wrong.subject_id));
    END IF;
    IF actor.kind = 'system' THEN
        RETURN NULL; -- it brings bookings of the past, and of subjects that are gone
    END IF;

    SELECT c.subject_id, c.booked_date, s.is_active INTO wrong
    FROM changed_rows AS c
    INNER JOIN mentoring.subjects AS s ON c.subject_id = s.id
    WHERE NOT s.is_active OR c.booked_date <= now()
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    ELSIF NOT wrong.is_active THEN
        RAISE EXCEPTION 'the subject cannot be booked any more' USING
            ERRCODE = 'MB107',
            DETAIL = format('subject_id=%s', wrong.subject_id),
            HINT = 'Book another subject, or have its mentor set is_active.';
    END IF;
    RAISE EXCEPTION 'a session is booked before it begins' USING
        ERRCODE = 'MB007',
        DETAIL = format('subject_id=%s', wrong.subject_id),
        HINT = 'Give a later booked_date.';
END
$$;

CREATE OR REPLACE FUNCTION mentoring.record_subject_schedule_history()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write history itself
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor platform.actor := platform.current_actor('mentoring_app');
BEGIN
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO mentoring.subject_schedule_history (
            booking_id, mentor_id, user_id, from_status, to_status, actor_kind, actor_id, db_login, db_role, reason
        ) VALUES (
            NEW.id, NEW.mentor_id, NEW.user_id, OLD.status, NEW.status,
            coalesce(mentoring.booking_side(NEW, actor), 'admin'), actor.id,
            session_user, nullif(current_setting('role'), 'none'),
            nullif(current_setting('mentorbase.reason', true), '')
        );
    ELSE
        INSERT INTO mentoring.subject_schedule_history (
            booking_id, mentor_id, user_id, from_status, to_status, actor_kind, actor_id, db_login, db_role, reason
        )
        SELECT
            c.id, c.mentor_id, c.user_id,
            CASE WHEN TG_OP = 'DELETE' THEN c.status END,
            CASE WHEN TG_OP = 'INSERT' THEN c.status END,
            coalesce(mentoring.booking_side(c, actor), 'admin'), actor.id,
            session_user, nullif(current_setting('role'), 'none'),
            nullif(current_setting('mentorbase.reason', true), '')
        FROM changed_rows AS c;
    END IF;
    RETURN NULL;
END
$$;
