-- Relationships made from bookings, and bulk loads without a lock for each pair.
-- depends: mentoring.0007.publications platform.0004.bulk_load

SET LOCAL ROLE mentorbase_owner;

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
    IF platform.is_bulk_load('mentoring_app') THEN
        RETURN;
    END IF;
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
'Takes one of a mentor''s places for the row being written, or refuses (MB101). Locks the mentor''s profile until the end of the transaction where there is a limit. In a bulk load nobody is refused.';

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

    IF NOT platform.is_bulk_load('mentoring_app') THEN
        PERFORM mentoring.lock_pair(NEW.mentor_id, NEW.mentee_id);
    END IF;
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
        IF NEW.relationship_id IS NULL AND NOT platform.is_bulk_load('mentoring_app') THEN
            -- Either this booking sees a relationship that is being made, or that one sees this booking.
            PERFORM mentoring.lock_pair(NEW.mentor_id, NEW.user_id);
            NEW.relationship_id := mentoring.relationship_of(NEW.mentor_id, NEW.user_id);
        END IF;
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION mentoring.attribute_bookings(of_mentor_id bigint, of_mentee_id bigint)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation_id bigint := mentoring.relationship_of(of_mentor_id, of_mentee_id);
BEGIN
    IF relation_id IS NOT NULL THEN
        UPDATE mentoring.subject_schedule AS b
        SET relationship_id = relation_id
        WHERE b.mentor_id = of_mentor_id AND b.user_id = of_mentee_id AND b.relationship_id IS NULL;
    END IF;
    RETURN relation_id;
END
$$;

COMMENT ON FUNCTION mentoring.attribute_bookings(bigint, bigint) IS
'Lets the bookings of this mentor and this mentee that count for no relationship count for the pair''s live one, else its latest, and returns that; NULL if the pair has none. For the owner.';

CREATE FUNCTION mentoring.backfill_relationships(
    after_mentor_id bigint DEFAULT 0,
    after_mentee_id bigint DEFAULT 0,
    at_most bigint DEFAULT 1000
)
RETURNS TABLE (
    pairs bigint,
    created bigint,
    attributed bigint,
    only_cancelled bigint,
    blocked bigint,
    over_capacity bigint[],
    last_mentor_id bigint,
    last_mentee_id bigint
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    caller_bulk   text := current_setting('mentorbase.bulk_load', true);
    pair          record;
    mentors       bigint[] := ARRAY[]::bigint[];
BEGIN
    SET LOCAL mentorbase.actor = 'system';
    SET LOCAL mentorbase.reason = 'made from bookings';
    SET LOCAL mentorbase.bulk_load = 'on';
    pairs := 0;
    created := 0;
    attributed := 0;
    only_cancelled := 0;
    blocked := 0;

    FOR pair IN
        SELECT
            b.mentor_id,
            b.user_id AS mentee_id,
            least(min(b.created_at) FILTER (WHERE b.status <> 'cancelled'), now()) AS began_at,
            count(*) FILTER (WHERE b.status <> 'cancelled') > 0 AS worked
        FROM mentoring.subject_schedule AS b
        WHERE b.relationship_id IS NULL AND (b.mentor_id, b.user_id) > (after_mentor_id, after_mentee_id)
        GROUP BY b.mentor_id, b.user_id
        ORDER BY b.mentor_id, b.user_id
        LIMIT at_most
    LOOP
        pairs := pairs + 1;
        last_mentor_id := pair.mentor_id;
        last_mentee_id := pair.mentee_id;
        PERFORM mentoring.lock_pair(pair.mentor_id, pair.mentee_id);
        IF mentoring.attribute_bookings(pair.mentor_id, pair.mentee_id) IS NOT NULL THEN
            attributed := attributed + 1;
        ELSIF NOT pair.worked THEN
            only_cancelled := only_cancelled + 1;
        ELSIF EXISTS (
            SELECT FROM mentoring.blocks AS b
            WHERE (b.blocker_id, b.blocked_id) IN ((pair.mentor_id, pair.mentee_id), (pair.mentee_id, pair.mentor_id))
        ) THEN
            blocked := blocked + 1;
        ELSE
            INSERT INTO mentoring.user_profiles (user_id) VALUES (pair.mentor_id) ON CONFLICT DO NOTHING;
            INSERT INTO mentoring.mentor_mentee (mentor_id, mentee_id, status, initiated_by, accepted_at)
            VALUES (pair.mentor_id, pair.mentee_id, 'active', 'system', pair.began_at);
            created := created + 1;
            mentors := mentors || pair.mentor_id;
        END IF;
    END LOOP;

    over_capacity := ARRAY(
        SELECT p.user_id
        FROM mentoring.user_profiles AS p
        WHERE p.user_id = ANY (mentors)
            AND p.max_mentees < (
                SELECT count(*)
                FROM mentoring.mentor_mentee AS m
                WHERE m.mentor_id = p.user_id AND m.status IN ('active', 'paused')
            )
        ORDER BY p.user_id
    );
    EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    EXECUTE format('SET LOCAL mentorbase.bulk_load = %L', coalesce(caller_bulk, ''));
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION mentoring.backfill_relationships(bigint, bigint, bigint) IS
'Makes active relationships, as the system, from bookings that count for none: one for each pair with a booking that is not cancelled, accepted when the first of those was made, past max_mentees too. For the owner, in batches: pass the last ids returned while pairs is at_most; it can be run again at any time. Returns how many pairs it looked at, and of these how many relationships it created, how many had one and got their bookings attributed, had cancelled bookings only, or block each other; and which mentors now have more than max_mentees.';

GRANT EXECUTE ON FUNCTION platform.is_bulk_load(name) TO mentoring_app;
