-- Blocks, the limit of open requests, and their expiry.
-- depends: mentoring.0002.bookings platform.0003.blocked

SET LOCAL ROLE mentorbase_owner;

ALTER TABLE mentoring.settings DROP CONSTRAINT settings_unit_check;
ALTER TABLE mentoring.settings ADD CONSTRAINT settings_unit_check CHECK (unit IN ('days', 'requests'));
COMMENT ON CONSTRAINT settings_unit_check ON mentoring.settings IS 'A limit counts days or requests, as the functions read it.';
COMMENT ON COLUMN mentoring.settings.unit IS 'What the value counts: days or requests.';

INSERT INTO mentoring.settings (name, value, unit, meaning) VALUES
('open_requests', 5, 'requests', 'How many requests of their own a mentee may have waiting for an answer.');

-- Who wants nothing to do with whom.
CREATE TABLE mentoring.blocks (
    blocker_id bigint      NOT NULL,
    blocked_id bigint      NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT blocks_pkey PRIMARY KEY (blocker_id, blocked_id),
    CONSTRAINT blocks_not_self_check CHECK (blocker_id <> blocked_id)
);

COMMENT ON TABLE mentoring.blocks IS
'Who has blocked whom, one row a pair and direction. Between the two no request is possible, in either direction; a live relationship ends when the block is made. Seen by nobody but the blocker.';
COMMENT ON COLUMN mentoring.blocks.blocker_id IS 'Who blocks (auth.users.id).';
COMMENT ON COLUMN mentoring.blocks.blocked_id IS 'Who is blocked (auth.users.id).';
COMMENT ON COLUMN mentoring.blocks.created_at IS 'Since when.';
COMMENT ON CONSTRAINT blocks_pkey ON mentoring.blocks IS 'Nobody blocks the same person twice.';
COMMENT ON CONSTRAINT blocks_not_self_check ON mentoring.blocks IS 'Nobody blocks themselves.';

-- Who blocked a person: the other direction of a request.
CREATE INDEX blocks_blocked_id_idx ON mentoring.blocks (blocked_id, blocker_id);

CREATE FUNCTION mentoring.guard_blocks()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- ends relationships with the rights of the life cycle
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor   platform.actor := platform.current_actor('mentoring_app');
    blocker bigint := CASE WHEN TG_OP = 'DELETE' THEN OLD.blocker_id ELSE NEW.blocker_id END;
    live    mentoring.mentor_mentee;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'a block is made or lifted, not changed' USING
            ERRCODE = 'MB006',
            DETAIL = format('blocker_id=%s', OLD.blocker_id),
            HINT = 'Delete it, and insert another.';
    END IF;
    -- The system lifts one where it deletes a user.
    IF NOT (
        actor.kind = 'admin'
        OR (actor.kind = 'user' AND actor.id = blocker)
        OR (actor.kind = 'system' AND TG_OP = 'DELETE')
    ) THEN
        RAISE EXCEPTION 'a block is its blocker''s own decision' USING
            ERRCODE = 'MB002',
            DETAIL = format('blocker_id=%s', blocker),
            HINT = 'Act as that person or as an administrator.';
    END IF;
    IF TG_OP = 'DELETE' OR NEW.blocker_id = NEW.blocked_id THEN
        RETURN coalesce(NEW, OLD); -- blocks_not_self_check refuses the latter
    END IF;

    PERFORM mentoring.lock_pair(NEW.blocker_id, NEW.blocked_id);
    FOR live IN
        SELECT m.*
        FROM mentoring.mentor_mentee AS m
        WHERE m.status IN ('pending', 'active', 'paused')
            AND (m.mentor_id, m.mentee_id) IN ((NEW.blocker_id, NEW.blocked_id), (NEW.blocked_id, NEW.blocker_id))
        ORDER BY m.id
        FOR NO KEY UPDATE
    LOOP
        PERFORM mentoring.transition(
            live.id,
            CASE
                WHEN live.status <> 'pending' THEN 'terminated'
                WHEN (live.initiated_by = 'mentor') = (live.mentor_id = NEW.blocker_id) THEN 'cancelled'
                ELSE 'rejected'
            END::mentoring.mentor_mentee_status,
            reason => 'blocked'
        );
    END LOOP;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION mentoring.guard_blocks() IS
'Row trigger of blocks: only the blocker or an administrator makes and lifts a block, and the system lifts those of a user that it deletes; making one withdraws, declines or terminates what is live between the two, with the reason blocked.';

CREATE TRIGGER blocks_guard
BEFORE INSERT OR UPDATE OR DELETE ON mentoring.blocks
FOR EACH ROW EXECUTE FUNCTION mentoring.guard_blocks();

-- The requests that the system lets expire, oldest first.
CREATE INDEX mentor_mentee_pending_idx ON mentoring.mentor_mentee (created_at, id) WHERE status = 'pending';

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
        SELECT FROM mentoring.blocks AS b
        WHERE (b.blocker_id, b.blocked_id) IN ((for_mentor_id, for_mentee_id), (for_mentee_id, for_mentor_id))
    ) THEN
        RAISE EXCEPTION 'no request is possible between these two people' USING
            ERRCODE = 'MB105',
            DETAIL = format('mentor_id=%s, mentee_id=%s', for_mentor_id, for_mentee_id),
            HINT = 'Ask somebody else.';
    END IF;

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
'Refuses a new request of this mentor and this mentee by the third: one of the two blocks the other (MB105), the mentor takes none (MB102), the mentee waits for too many answers already (setting open_requests, MB106), or the other side rejected one within the setting request_cooldown (MB103).';

COMMENT ON FUNCTION mentoring.request(bigint, bigint, mentoring.party, bigint, text) IS
'Asks for a relationship and returns it, without the notes: pending; active at once where the other side has asked already, or where an administrator or the system makes it. initiated_by: the side that asks (NULL: whatever the actor is). actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB101 to MB106, mentor_mentee_not_self_check.';

CREATE FUNCTION mentoring.block(blocker_id bigint, blocked_id bigint, actor_id bigint DEFAULT NULL)
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
    INSERT INTO mentoring.blocks AS b (blocker_id, blocked_id)
    VALUES (block.blocker_id, block.blocked_id)
    ON CONFLICT (blocker_id, blocked_id) DO NOTHING
    RETURNING b.* INTO made;
    IF NOT FOUND THEN
        SELECT b.* INTO made
        FROM mentoring.blocks AS b
        WHERE b.blocker_id = block.blocker_id AND b.blocked_id = block.blocked_id;
    END IF;
    IF block.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN made;
END
$$;

COMMENT ON FUNCTION mentoring.block(bigint, bigint, bigint) IS
'Blocks a person for another and returns the block; one that exists already stays. actor_id: who acts (NULL: the transaction''s actor). Ends what is live between the two. Refusals: MB001, MB002, blocks_not_self_check.';

CREATE FUNCTION mentoring.unblock(blocker_id bigint, blocked_id bigint, actor_id bigint DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor text := current_setting('mentorbase.actor', true);
    lifted       boolean;
BEGIN
    IF unblock.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', unblock.actor_id);
    END IF;
    DELETE FROM mentoring.blocks AS b
    WHERE b.blocker_id = unblock.blocker_id AND b.blocked_id = unblock.blocked_id;
    lifted := FOUND;
    IF unblock.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN lifted;
END
$$;

COMMENT ON FUNCTION mentoring.unblock(bigint, bigint, bigint) IS
'Lifts a block and returns whether there was one. What it ended stays ended. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002.';

CREATE FUNCTION mentoring.expire_requests(at_most bigint DEFAULT 1000)
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
    WITH old AS (
        SELECT m.id
        FROM mentoring.mentor_mentee AS m
        WHERE m.status = 'pending'
            AND m.created_at <= now() - make_interval(days => mentoring.setting('request_expiry')::integer)
        ORDER BY m.created_at, m.id
        LIMIT at_most
        FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE mentoring.mentor_mentee AS m
    SET status = 'expired'
    FROM old
    WHERE m.id = old.id;
    GET DIAGNOSTICS expired = ROW_COUNT;
    EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    RETURN expired;
END
$$;

COMMENT ON FUNCTION mentoring.expire_requests(bigint) IS
'Lets the oldest unanswered requests expire, as the system: those older than the setting request_expiry, at most so many. Returns how many; call it again while it returns that many. Requests that somebody answers at this moment are left alone.';

GRANT EXECUTE ON FUNCTION
mentoring.block(bigint, bigint, bigint),
mentoring.unblock(bigint, bigint, bigint),
mentoring.expire_requests(bigint)
TO mentoring_app;
GRANT SELECT, INSERT (blocker_id, blocked_id), DELETE ON mentoring.blocks TO mentoring_app;
