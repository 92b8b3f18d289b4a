-- Purging neither deadlocks nor refuses whoever books meanwhile, and leaves no person; what is changed together with a
-- step is recorded; blocks are not shown to analysts; audited tables are not truncated.
-- depends: mentoring.0014.bulk platform.0010.audit_locks

SET LOCAL ROLE mentorbase_owner;

DROP TRIGGER mentor_mentee_audit_update ON mentoring.mentor_mentee;
CREATE TRIGGER mentor_mentee_audit_update
AFTER UPDATE ON mentoring.mentor_mentee
FOR EACH ROW WHEN (
    old.status = new.status
    OR old.subscribe_to_quizzes IS DISTINCT FROM new.subscribe_to_quizzes
    OR old.subscribe_to_courses IS DISTINCT FROM new.subscribe_to_courses
    OR old.subscribe_to_subjects IS DISTINCT FROM new.subscribe_to_subjects
    OR old.mentor_notes IS DISTINCT FROM new.mentor_notes
    OR old.mentee_notes IS DISTINCT FROM new.mentee_notes
    OR old.hidden_by_mentor_at IS DISTINCT FROM new.hidden_by_mentor_at
    OR old.hidden_by_mentee_at IS DISTINCT FROM new.hidden_by_mentee_at
)
EXECUTE FUNCTION platform.audit('id', 'mentor_notes,mentee_notes');

-- It would leave no trace.
CREATE TRIGGER settings_refuse_truncate
BEFORE TRUNCATE ON mentoring.settings
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE TRIGGER user_profiles_refuse_truncate
BEFORE TRUNCATE ON mentoring.user_profiles
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE TRIGGER subjects_refuse_truncate
BEFORE TRUNCATE ON mentoring.subjects
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE TRIGGER blocks_refuse_truncate
BEFORE TRUNCATE ON mentoring.blocks
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE OR REPLACE FUNCTION mentoring.purge(dry_run boolean DEFAULT true, at_most bigint DEFAULT 1000)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Not before the pair has cooled down, or it would ask again too early.
    ended_before       timestamptz := now() - make_interval(
        days => greatest(mentoring.setting('request_retention'), mentoring.setting('request_cooldown'))::integer
    );
    caller_actor       text := current_setting('mentorbase.actor', true);
    caller_reason      text := current_setting('mentorbase.reason', true);
    caller_maintenance text := current_setting('mentorbase.maintenance', true);
    requests           bigint[];
    mentors            bigint[];
    mentees            bigint[];
    pair               record;
    affected           bigint;
BEGIN
    IF dry_run THEN
        SELECT count(*) INTO affected
        FROM mentoring.mentor_mentee AS m
        WHERE m.status IN ('rejected', 'cancelled', 'expired') AND m.ended_at <= ended_before;
        RETURN affected;
    END IF;

    SET LOCAL mentorbase.actor = 'system';
    SET LOCAL mentorbase.reason = 'anonymised';
    SET LOCAL mentorbase.maintenance = 'mentoring';
    -- One at a time: two would each give bookings to what the other deletes.
    LOCK TABLE ONLY mentoring.audit_log IN SHARE UPDATE EXCLUSIVE MODE;
    requests := ARRAY(
        SELECT m.id
        FROM mentoring.mentor_mentee AS m
        WHERE m.status IN ('rejected', 'cancelled', 'expired') AND m.ended_at <= ended_before
        ORDER BY m.ended_at, m.id
        LIMIT at_most
    );
    -- A relationship that is made meanwhile takes over the bookings that are set free here, or is given them.
    FOR pair IN
        SELECT DISTINCT m.mentor_id, m.mentee_id
        FROM mentoring.mentor_mentee AS m
        WHERE m.id = ANY (requests)
        ORDER BY m.mentor_id, m.mentee_id
    LOOP
        PERFORM mentoring.lock_pair(pair.mentor_id, pair.mentee_id);
    END LOOP;
    -- Those that a booking is being made for stay until next time.
    requests := ARRAY(
        SELECT m.id FROM mentoring.mentor_mentee AS m WHERE m.id = ANY (requests) FOR UPDATE SKIP LOCKED
    );

    SELECT array_agg(p.mentor_id), array_agg(p.user_id) INTO mentors, mentees
    FROM (
        SELECT DISTINCT b.mentor_id, b.user_id
        FROM mentoring.subject_schedule AS b
        WHERE b.relationship_id = ANY (requests)
    ) AS p;

    DELETE FROM mentoring.mentor_mentee AS m WHERE m.id = ANY (requests);
    GET DIAGNOSTICS affected = ROW_COUNT;
    UPDATE mentoring.mentor_mentee_history AS h
    SET mentor_id = NULL, mentee_id = NULL, actor_id = NULL, reason = NULL
    WHERE h.relationship_id = ANY (requests);
    PERFORM platform.scrub_rows(
        'mentoring', 'mentor_mentee', ARRAY(SELECT jsonb_build_object('id', r.id) FROM unnest(requests) AS r (id)),
        with_actor => true
    );

    -- What was booked counts for another relationship of the pair from now on, if there is any.
    FOR pair IN SELECT p.mentor_id, p.mentee_id FROM unnest(mentors, mentees) AS p (mentor_id, mentee_id)
    LOOP
        PERFORM mentoring.attribute_bookings(pair.mentor_id, pair.mentee_id);
    END LOOP;

    EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_maintenance, ''));
    RETURN affected;
END
$$;

COMMENT ON FUNCTION mentoring.purge(boolean, bigint) IS
'Anonymises requests that were never accepted (rejected, cancelled, expired) and ended longer ago than the setting request_retention, the oldest first, at most so many: the row goes with its notes, its history stays without people and reasons, its audit rows without people and values. Not before the pair has cooled down (request_cooldown). One at a time. Returns how many; call it again while it returns that many. With dry_run, the default, nothing changes and it returns how many there are. For the owner.';

CREATE OR REPLACE FUNCTION mentoring.fill_subject_schedule()
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
        IF NOT platform.is_bulk_load('mentoring_app') THEN
            -- purge() may be deleting it; the foreign key would wait for that, and then refuse.
            SELECT m.id INTO NEW.relationship_id
            FROM mentoring.mentor_mentee AS m
            WHERE m.id = NEW.relationship_id
            FOR KEY SHARE;
        END IF;
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

CREATE OR REPLACE FUNCTION mentoring.guard_subject_schedule_update()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- reads what the updating role may not
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor platform.actor := platform.current_actor('mentoring_app');
    side  mentoring.party := mentoring.booking_side(OLD, actor);
BEGIN
    IF NEW IS NOT DISTINCT FROM OLD THEN
        RETURN NEW;
    END IF;
    IF NEW.status <> OLD.status AND NOT mentoring.booking_step_exists(OLD.status, NEW.status, side) THEN
        PERFORM mentoring.refuse_booking_step(OLD.status, NEW.status, side, format('booking_id=%s', OLD.id));
    END IF;
    IF (NEW.id, NEW.subject_id, NEW.mentor_id, NEW.user_id, NEW.booked_date, NEW.ends_at, NEW.cancelled_by,
        NEW.cancelled_at, NEW.created_at)
        IS DISTINCT FROM
        (OLD.id, OLD.subject_id, OLD.mentor_id, OLD.user_id, OLD.booked_date, OLD.ends_at, OLD.cancelled_by,
        OLD.cancelled_at, OLD.created_at)
        OR (
            NEW.relationship_id IS DISTINCT FROM OLD.relationship_id
            AND OLD.relationship_id IS NOT NULL
            AND (
                NEW.relationship_id IS NOT NULL
                OR EXISTS (SELECT FROM mentoring.mentor_mentee AS m WHERE m.id = OLD.relationship_id)
            )
        )
    THEN
        RAISE EXCEPTION 'who booked what and when is kept by the database' USING
            ERRCODE = 'MB006',
            DETAIL = format('booking_id=%s', OLD.id),
            HINT = 'Change status; to move a session, cancel it and book another.';
    END IF;

    IF NEW.status <> OLD.status THEN
        IF NEW.status IN ('completed', 'no_show') THEN
            PERFORM mentoring.check_session_over(
                NEW.status, OLD.id, CASE WHEN NEW.status = 'completed' THEN OLD.ends_at ELSE OLD.booked_date END
            );
        END IF;
        NEW.cancelled_by := CASE WHEN NEW.status = 'cancelled' THEN actor.id END;
        NEW.cancelled_at := CASE WHEN NEW.status = 'cancelled' THEN now() END;
    END IF;
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION mentoring.guard_subject_schedule_update() IS
'Row trigger of subject_schedule: allows the steps of subject_schedule_transitions and nothing else, completes no session before its end, stamps cancellations. relationship_id changes only from NULL (the pair''s first relationship takes the booking over) and to NULL (its relationship is gone).';

CREATE OR REPLACE VIEW mentoring.v_audit_log AS
SELECT
    a.id AS change_id,
    a.table_name,
    a.row_key,
    a.operation,
    coalesce(
        (
            SELECT array_agg(c.name ORDER BY c.name)
            FROM (
                SELECT k.name
                FROM jsonb_object_keys(coalesce(a.new_values, a.old_values)) AS k (name)
                WHERE a.operation = 'update'
                UNION ALL
                SELECT s.name FROM unnest(a.secret_columns) AS s (name)
            ) AS c
        ),
        '{}'
    ) AS changed_columns,
    a.actor_kind,
    a.actor_id,
    a.transaction_id,
    a.occurred_at
FROM mentoring.audit_log AS a
WHERE a.table_name <> 'blocks';

COMMENT ON VIEW mentoring.v_audit_log IS
'Who changed which row of this schema and when, for analysts: all but the values, the database logins, and blocks, which are nobody''s business but the blocker''s. Filter by occurred_at.';
