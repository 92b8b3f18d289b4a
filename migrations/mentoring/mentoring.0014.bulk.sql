-- Bookings that come in bulk are judged and recorded by one statement, instead of one by one.
-- depends: mentoring.0013.import

SET LOCAL ROLE mentorbase_owner;

-- Bound when it is made, so inlined.
CREATE OR REPLACE FUNCTION mentoring.booking_side(booking mentoring.subject_schedule, actor platform.actor)
RETURNS mentoring.party
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SECURITY INVOKER
-- A body that is bound when it is made needs no search_path, and is inlined, which bulk loads are grateful for.
RETURN CASE
    WHEN actor.kind = 'admin' THEN 'admin'
    WHEN actor.kind = 'system' THEN 'system'
    WHEN actor.id = booking.mentor_id THEN 'mentor'
    WHEN actor.id = booking.user_id THEN 'mentee'
END::mentoring.party;

DROP TRIGGER subject_schedule_guard_insert ON mentoring.subject_schedule;
DROP TRIGGER subject_schedule_record_history ON mentoring.subject_schedule;

CREATE FUNCTION mentoring.fill_subject_schedule()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- reads and locks what the inserting role may not
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.mentor_id IS NULL THEN
        SELECT s.user_id INTO NEW.mentor_id FROM mentoring.subjects AS s WHERE s.id = NEW.subject_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'there is no such subject' USING
                ERRCODE = 'MB004',
                DETAIL = format('subject_id=%s', coalesce(NEW.subject_id::text, 'null')),
                HINT = 'Look the subject up by its mentor.';
        END IF;
    END IF;
    IF NEW.relationship_id IS NULL AND NEW.user_id <> NEW.mentor_id THEN
        NEW.relationship_id := mentoring.relationship_of(NEW.mentor_id, NEW.user_id);
        IF NEW.relationship_id IS NULL AND NOT platform.is_bulk_load('mentoring_app') THEN
            -- Either this booking sees a relationship that is being made, or that one sees this booking.
            PERFORM mentoring.lock_pair(NEW.mentor_id, NEW.user_id);
            NEW.relationship_id := mentoring.relationship_of(NEW.mentor_id, NEW.user_id);
        END IF;
    END IF;
    IF NEW.status = 'cancelled' THEN
        NEW.cancelled_at := coalesce(NEW.cancelled_at, now());
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION mentoring.fill_subject_schedule() IS
'Row trigger of subject_schedule: copies the mentor from the subject, and finds the relationship that the booking counts for. A bulk load that gives both does without.';

CREATE TRIGGER subject_schedule_fill
BEFORE INSERT ON mentoring.subject_schedule
FOR EACH ROW WHEN (
    new.mentor_id IS NULL OR new.relationship_id IS NULL OR (new.status = 'cancelled' AND new.cancelled_at IS NULL)
)
EXECUTE FUNCTION mentoring.fill_subject_schedule();

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

COMMENT ON FUNCTION mentoring.guard_subject_schedule_insert() IS
'Statement trigger of subject_schedule: who may book, in which status and when. One look at all new rows, so that a bulk load costs little.';

CREATE TRIGGER subject_schedule_guard_insert
AFTER INSERT ON mentoring.subject_schedule
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION mentoring.guard_subject_schedule_insert();

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

COMMENT ON FUNCTION mentoring.record_subject_schedule_history() IS
'Trigger of subject_schedule: writes one history row for each step. Row trigger of a step; statement trigger of INSERT and DELETE with the transition table changed_rows, so that a bulk load is recorded by one statement.';

CREATE TRIGGER subject_schedule_record_history
AFTER INSERT ON mentoring.subject_schedule
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION mentoring.record_subject_schedule_history();

CREATE TRIGGER subject_schedule_record_deletion
AFTER DELETE ON mentoring.subject_schedule
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION mentoring.record_subject_schedule_history();
