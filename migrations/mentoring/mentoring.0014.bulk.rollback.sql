SET LOCAL ROLE mentorbase_owner;

DROP TRIGGER subject_schedule_record_deletion ON mentoring.subject_schedule;
DROP TRIGGER subject_schedule_record_history ON mentoring.subject_schedule;
DROP TRIGGER subject_schedule_guard_insert ON mentoring.subject_schedule;
DROP TRIGGER subject_schedule_fill ON mentoring.subject_schedule;
DROP FUNCTION mentoring.fill_subject_schedule();

CREATE OR REPLACE FUNCTION mentoring.guard_subject_schedule_insert()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- reads and locks what the inserting role may not
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor   platform.actor := platform.current_actor('mentoring_app');
    subject mentoring.subjects;
    side    mentoring.party;
BEGIN
    SELECT s.* INTO subject FROM mentoring.subjects AS s WHERE s.id = NEW.subject_id;
    NEW.mentor_id := coalesce(NEW.mentor_id, subject.user_id);
    IF subject.id IS NULL THEN
        RAISE EXCEPTION 'there is no such subject' USING
            ERRCODE = 'MB004',
            DETAIL = format('subject_id=%s', coalesce(NEW.subject_id::text, 'null')),
            HINT = 'Look the subject up by its mentor.';
    ELSIF NEW.user_id = NEW.mentor_id THEN
        RETURN NEW; -- subject_schedule_not_own_subject_check refuses it
    END IF;

    side := mentoring.booking_side(NEW, actor);
    IF NOT mentoring.booking_step_exists(NULL, NEW.status, side) THEN
        PERFORM mentoring.refuse_booking_step(NULL, NEW.status, side, format('subject_id=%s', NEW.subject_id));
    END IF;
    IF side <> 'system' AND NOT subject.is_active THEN
        RAISE EXCEPTION 'the subject cannot be booked any more' USING
            ERRCODE = 'MB107',
            DETAIL = format('subject_id=%s', NEW.subject_id),
            HINT = 'Book another subject, or have its mentor set is_active.';
    ELSIF side <> 'system' AND NEW.booked_date <= now() THEN
        RAISE EXCEPTION 'a session is booked before it begins' USING
            ERRCODE = 'MB007',
            DETAIL = format('subject_id=%s', NEW.subject_id),
            HINT = 'Give a later booked_date.';
    END IF;
    IF NEW.status = 'cancelled' THEN
        NEW.cancelled_at := coalesce(NEW.cancelled_at, now());
    END IF;

    IF NEW.relationship_id IS NULL THEN
        NEW.relationship_id := mentoring.relationship_of(NEW.mentor_id, NEW.user_id);
        IF NEW.relationship_id IS NULL AND NOT platform.is_bulk_load('mentoring_app') THEN
            -- Either this booking sees a relationship that is being made, or that one sees this booking.
            PERFORM mentoring.lock_pair(NEW.mentor_id, NEW.user_id);
            NEW.relationship_id := mentoring.relationship_of(NEW.mentor_id, NEW.user_id);
        END IF;
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION mentoring.guard_subject_schedule_insert() IS
'Row trigger of subject_schedule: who may book and when, the mentor copied from the subject, the relationship that the booking counts for.';

CREATE TRIGGER subject_schedule_guard_insert
BEFORE INSERT ON mentoring.subject_schedule
FOR EACH ROW EXECUTE FUNCTION mentoring.guard_subject_schedule_insert();

CREATE OR REPLACE FUNCTION mentoring.record_subject_schedule_history()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write history itself
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor   platform.actor := platform.current_actor('mentoring_app');
    booking mentoring.subject_schedule := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    INSERT INTO mentoring.subject_schedule_history (
        booking_id, mentor_id, user_id, from_status, to_status, actor_kind, actor_id, db_login, db_role, reason
    ) VALUES (
        booking.id, booking.mentor_id, booking.user_id,
        CASE WHEN TG_OP <> 'INSERT' THEN OLD.status END,
        CASE WHEN TG_OP <> 'DELETE' THEN NEW.status END,
        coalesce(mentoring.booking_side(booking, actor), 'admin'),
        actor.id,
        session_user,
        nullif(current_setting('role'), 'none'),
        nullif(current_setting('mentorbase.reason', true), '')
    );
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION mentoring.record_subject_schedule_history() IS
'Row trigger of subject_schedule: writes one history row for each step, also for a DELETE.';

CREATE TRIGGER subject_schedule_record_history
AFTER INSERT OR DELETE ON mentoring.subject_schedule
FOR EACH ROW EXECUTE FUNCTION mentoring.record_subject_schedule_history();

CREATE OR REPLACE FUNCTION mentoring.booking_side(booking mentoring.subject_schedule, actor platform.actor)
RETURNS mentoring.party
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
        WHEN actor.id = booking.mentor_id THEN 'mentor'
        WHEN actor.id = booking.user_id THEN 'mentee'
    END::mentoring.party
$$;
