-- Nobody makes a relationship between two who block each other; accepting without a limit cannot deadlock with whoever
-- sets one; a block that is lifted while it is made is made; expiry finds its rows by index under every plan, and lists
-- leave out what was removed by index alone.
-- depends: mentoring.0011.quiet_notes

SET LOCAL ROLE mentorbase_owner;

CREATE FUNCTION mentoring.check_not_blocked(for_mentor_id bigint, for_mentee_id bigint)
RETURNS void
LANGUAGE plpgsql
VOLATILE -- sees what was committed while it waited
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (
        SELECT FROM mentoring.blocks AS b
        WHERE (b.blocker_id, b.blocked_id) IN ((for_mentor_id, for_mentee_id), (for_mentee_id, for_mentor_id))
    ) THEN
        RAISE EXCEPTION 'no request is possible between these two people' USING
            ERRCODE = 'MB105',
            DETAIL = format('mentor_id=%s, mentee_id=%s', for_mentor_id, for_mentee_id),
            HINT = 'Ask somebody else.';
    END IF;
END
$$;

COMMENT ON FUNCTION mentoring.check_not_blocked(bigint, bigint) IS
'Refuses a new relationship between two people of whom one blocks the other (MB105), whoever makes it.';

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
        -- same places. Without a limit too, for somebody may set one meanwhile.
        UPDATE mentoring.user_profiles AS p
        SET places_version = p.places_version + 1
        WHERE p.user_id = for_mentor_id
        RETURNING p.max_mentees INTO places;
        EXIT WHEN FOUND;

        SET LOCAL mentorbase.actor = 'system';
        INSERT INTO mentoring.user_profiles (user_id) VALUES (for_mentor_id) ON CONFLICT DO NOTHING;
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END LOOP;
    IF places IS NULL THEN
        RETURN;
    END IF;

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
'Takes one of a mentor''s places for the row being written, or refuses (MB101). Locks the mentor''s profile until the end of the transaction. In a bulk load nobody is refused.';

CREATE OR REPLACE FUNCTION mentoring.check_may_ask(for_mentor_id bigint, for_mentee_id bigint, asker_id bigint)
RETURNS void
LANGUAGE plpgsql
VOLATILE -- counts what was committed while it waited
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked          bigint;
    allowed        bigint;
    last_rejection record;
    asks_again_at  timestamptz;
BEGIN
    IF EXISTS (
        SELECT FROM mentoring.user_profiles AS p WHERE p.user_id = for_mentor_id AND NOT p.mentor_available
    ) THEN
        RAISE EXCEPTION 'the mentor takes no new requests' USING
            ERRCODE = 'MB102',
            DETAIL = format('mentor_id=%s', for_mentor_id),
            HINT = 'Ask another mentor, or have this one set mentor_available.';
    END IF;

    IF asker_id = for_mentee_id THEN
        PERFORM pg_advisory_xact_lock(hashtextextended(format('mentoring.asker:%s', asker_id), 0));
        allowed := mentoring.setting('open_requests');
        SELECT count(*) INTO asked
        FROM mentoring.mentor_mentee AS m
        WHERE m.mentee_id = for_mentee_id AND m.status = 'pending' AND m.initiated_by = 'mentee';
        IF asked >= allowed THEN
            RAISE EXCEPTION 'a mentee waits for the answer to % requests at most', allowed USING
                ERRCODE = 'MB106',
                DETAIL = format('mentee_id=%s, open_requests=%s, allowed=%s', for_mentee_id, asked, allowed),
                HINT = 'Wait for an answer, or cancel one of them.';
        END IF;
    END IF;

    SELECT m.ended_at, m.ended_by INTO last_rejection
    FROM mentoring.mentor_mentee AS m
    WHERE m.mentee_id = for_mentee_id AND m.mentor_id = for_mentor_id AND m.status = 'rejected'
    ORDER BY m.id DESC
    LIMIT 1;

    asks_again_at := last_rejection.ended_at + make_interval(days => mentoring.setting('request_cooldown')::integer);
    IF asks_again_at > now() AND last_rejection.ended_by IS DISTINCT FROM asker_id THEN
        RAISE EXCEPTION 'a request of this pair was rejected a short time ago' USING
            ERRCODE = 'MB103',
            DETAIL = format(
                'mentor_id=%s, mentee_id=%s, asks_again_at=%s', for_mentor_id, for_mentee_id,
                to_char(asks_again_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
            ),
            HINT = format(
                'Wait until %s, or let the side that rejected ask.',
                to_char(asks_again_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
            );
    END IF;
END
$$;

COMMENT ON FUNCTION mentoring.check_may_ask(bigint, bigint, bigint) IS
'Refuses a new request of this mentor and this mentee by the third: the mentor takes none (MB102), the mentee waits for too many answers already (setting open_requests, MB106), or the other side rejected one within the setting request_cooldown (MB103).';

CREATE OR REPLACE FUNCTION mentoring.block(blocker_id bigint, blocked_id bigint, actor_id bigint DEFAULT NULL)
RETURNS mentoring.blocks
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written block.x
DECLARE
    caller_actor text := current_setting('mentorbase.actor', true);
    made         mentoring.blocks;
BEGIN
    IF block.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', block.actor_id);
    END IF;
    LOOP
        INSERT INTO mentoring.blocks AS b (blocker_id, blocked_id)
        VALUES (block.blocker_id, block.blocked_id)
        ON CONFLICT (blocker_id, blocked_id) DO NOTHING
        RETURNING b.* INTO made;
        EXIT WHEN FOUND;
        SELECT b.* INTO made
        FROM mentoring.blocks AS b
        WHERE b.blocker_id = block.blocker_id AND b.blocked_id = block.blocked_id;
        EXIT WHEN FOUND; -- else somebody has lifted it meanwhile
    END LOOP;
    IF block.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN made;
END
$$;

COMMENT ON FUNCTION mentoring.block(bigint, bigint, bigint) IS
'Blocks a person for another and returns the block; one that exists already stays. actor_id: who acts (NULL: the transaction''s actor). Ends what is live between the two. Refusals: MB001, MB002, blocks_not_self_check.';

CREATE OR REPLACE FUNCTION mentoring.expire_requests(at_most bigint DEFAULT 1000)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- reads a setting through a function that no role may call
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor text := current_setting('mentorbase.actor', true);
    expired      bigint;
BEGIN
    SET LOCAL mentorbase.actor = 'system';
    -- An array, so that the rows are found by their key whatever the planner expects of at_most.
    UPDATE mentoring.mentor_mentee AS m
    SET status = 'expired'
    WHERE m.id = ANY (
        ARRAY(
            SELECT o.id
            FROM mentoring.mentor_mentee AS o
            WHERE o.status = 'pending'
                AND o.created_at <= now() - make_interval(days => mentoring.setting('request_expiry')::integer)
            ORDER BY o.created_at, o.id
            LIMIT at_most
            FOR NO KEY UPDATE SKIP LOCKED
        )
    );
    GET DIAGNOSTICS expired = ROW_COUNT;
    EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    RETURN expired;
END
$$;

COMMENT ON FUNCTION mentoring.expire_requests(bigint) IS
'Lets the oldest unanswered requests expire, as the system: those older than the setting request_expiry, at most so many. Returns how many; call it again while it returns that many. Requests that somebody answers at this moment are left alone.';

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

    PERFORM mentoring.check_not_blocked(NEW.mentor_id, NEW.mentee_id);
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

COMMENT ON FUNCTION mentoring.guard_mentor_mentee_insert() IS
'Row trigger of mentor_mentee: who may make a relationship in which status, whether one of the two blocks the other, whether the mentor takes requests, whether the pair cools down, whether a place is free.';

COMMENT ON TABLE mentoring.blocks IS
'Who has blocked whom, one row a pair and direction. Between the two no relationship can be made, by whomever and in either direction; a live one ends when the block is made. Seen by nobody but the blocker.';

DROP INDEX mentoring.mentor_mentee_mentor_id_status_idx;
DROP INDEX mentoring.mentor_mentee_mentee_id_status_idx;
CREATE INDEX mentor_mentee_mentor_id_status_idx ON mentoring.mentor_mentee (mentor_id, status, id)
INCLUDE (hidden_by_mentor_at);
CREATE INDEX mentor_mentee_mentee_id_status_idx ON mentoring.mentor_mentee (mentee_id, status, id)
INCLUDE (hidden_by_mentee_at);
