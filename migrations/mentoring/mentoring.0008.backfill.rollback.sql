SET LOCAL ROLE mentorbase_owner;

REVOKE EXECUTE ON FUNCTION platform.is_bulk_load(name) FROM mentoring_app;
DROP FUNCTION mentoring.backfill_relationships(bigint, bigint, bigint);
DROP FUNCTION mentoring.attribute_bookings(bigint, bigint);

CREATE OR REPLACE FUNCTION mentoring.take_place(for_mentor_id bigint)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    places       integer;
    taken        bigint;
    caller_actor text := current_setting('mentorbase.actor', true);
BEGIN
    LOOP
        -- Locks by changing the row: under REPEATABLE READ a mere row lock would let two old snapshots count the
        -- same places.
        UPDATE mentoring.user_profiles AS p
        SET places_version = p.places_version + 1
        WHERE p.user_id = for_mentor_id AND p.max_mentees IS NOT NULL
        RETURNING p.max_mentees INTO places;
        EXIT WHEN FOUND;

        -- Without a limit mentors take mentees side by side, but who sets one has to wait for them and count them.
        SELECT p.max_mentees INTO places
        FROM mentoring.user_profiles AS p
        WHERE p.user_id = for_mentor_id
        FOR SHARE;
        IF NOT FOUND THEN
            SET LOCAL mentorbase.actor = 'system';
            INSERT INTO mentoring.user_profiles (user_id) VALUES (for_mentor_id) ON CONFLICT DO NOTHING;
            EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
        ELSIF places IS NULL THEN
            RETURN;
        END IF;
    END LOOP;

    SELECT count(*) INTO taken
    FROM mentoring.mentor_mentee AS m
    WHERE m.mentor_id = for_mentor_id AND m.status IN ('active', 'paused');

    IF taken >= places THEN
        RAISE EXCEPTION 'the mentor has no free place' USING
            ERRCODE = 'MB101',
            DETAIL = format('mentor_id=%s, max_mentees=%s, taken=%s', for_mentor_id, places, taken),
            HINT = 'Wait until a relationship of this mentor ends, or have the mentor raise max_mentees.';
    END IF;
END
$$;

COMMENT ON FUNCTION mentoring.take_place(bigint) IS
'Takes one of a mentor''s places for the row being written, or refuses (MB101). Locks the mentor''s profile until the end of the transaction where there is a limit.';

CREATE OR REPLACE FUNCTION mentoring.guard_mentor_mentee_insert()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- reads and locks what the inserting role may not
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor platform.actor := platform.current_actor('mentoring_app');
    kinds mentoring.transition_actor[] := mentoring.actor_kinds(NEW, actor);
BEGIN
    IF NEW.mentor_id = NEW.mentee_id THEN
        -- Said here, since the checks that follow would say something else first.
        RAISE EXCEPTION 'nobody is their own mentor' USING
            ERRCODE = 'check_violation',
            SCHEMA = TG_TABLE_SCHEMA,
            TABLE = TG_TABLE_NAME,
            CONSTRAINT = 'mentor_mentee_not_self_check',
            DETAIL = format('mentor_id=%s, mentee_id=%s', NEW.mentor_id, NEW.mentee_id),
            HINT = 'Name two people.';
    END IF;

    PERFORM mentoring.lock_pair(NEW.mentor_id, NEW.mentee_id);
    IF NOT EXISTS (
        SELECT FROM mentoring.mentor_mentee_transitions AS t
        WHERE t.from_status IS NULL AND t.to_status = NEW.status AND t.actor_kind = ANY (kinds)
    ) THEN
        PERFORM mentoring.refuse_step(
            NULL, NEW.status, kinds, format('mentor_id=%s, mentee_id=%s', NEW.mentor_id, NEW.mentee_id)
        );
    END IF;
    IF NEW.initiated_by::text <> ALL (kinds::text[]) THEN
        RAISE EXCEPTION 'a relationship is initiated by who makes it' USING
            ERRCODE = 'MB002',
            DETAIL = format('initiated_by=%s, actor_is=%s', NEW.initiated_by, array_to_string(kinds, '|')),
            HINT = 'Act as that party, or name your own side in initiated_by.';
    END IF;

    IF NEW.status = 'pending' THEN
        PERFORM mentoring.check_may_ask(NEW.mentor_id, NEW.mentee_id, actor.id);
    ELSE
        NEW.accepted_at := coalesce(NEW.accepted_at, now());
        IF NEW.accepted_at > now() THEN
            RAISE EXCEPTION 'accepted_at must not lie in the future' USING
                ERRCODE = 'MB007',
                DETAIL = format('mentor_id=%s, mentee_id=%s', NEW.mentor_id, NEW.mentee_id),
                HINT = 'Leave it out for now, or give the instant at which the relationship began.';
        END IF;
        PERFORM mentoring.take_place(NEW.mentor_id);
    END IF;
    NEW.version := 1;
    RETURN NEW;
END
$$;

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
        IF NEW.relationship_id IS NULL THEN
            -- Either this booking sees a relationship that is being made, or that one sees this booking.
            PERFORM mentoring.lock_pair(NEW.mentor_id, NEW.user_id);
            NEW.relationship_id := mentoring.relationship_of(NEW.mentor_id, NEW.user_id);
        END IF;
    END IF;
    RETURN NEW;
END
$$;
