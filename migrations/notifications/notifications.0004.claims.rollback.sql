SET LOCAL ROLE mentorbase_owner;

CREATE OR REPLACE FUNCTION notifications.claim(
    channel notifications.channel,
    at_most integer DEFAULT 8,
    lease interval DEFAULT '60 seconds',
    after_id bigint DEFAULT 0,
    after_due timestamptz DEFAULT '-infinity',
    after_due_id bigint DEFAULT 0
)
RETURNS SETOF notifications.notifications
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- whatever the statistics say of a queue that was full or empty a moment ago
SET enable_bitmapscan = off
SET enable_sort = off
AS $$
#variable_conflict use_column -- parameters are written claim.x
DECLARE
    moment timestamptz := clock_timestamp();
    token  uuid := gen_random_uuid();
    found  bigint[];
BEGIN
    IF claim.at_most < 1 OR claim.lease <= interval '0' THEN
        RAISE EXCEPTION 'at_most and lease must be positive' USING
            ERRCODE = 'MB007',
            DETAIL = 'argument=at_most|lease',
            HINT = 'Claim at least one, for some time.';
    END IF;
    IF EXISTS (
        SELECT FROM notifications.channel_pauses AS p
        WHERE p.channel = claim.channel AND p.paused_until > moment
    ) THEN
        RETURN;
    END IF;

    found := ARRAY(
        SELECT n.id
        FROM notifications.notifications AS n
        WHERE n.channel = claim.channel AND n.status = 'waiting'
            AND (n.next_attempt_at, n.id) > (claim.after_due, claim.after_due_id)
            AND n.next_attempt_at <= moment
        ORDER BY n.next_attempt_at, n.id
        LIMIT claim.at_most
        FOR UPDATE SKIP LOCKED
    );
    IF cardinality(found) < claim.at_most THEN
        found := found || ARRAY(
            SELECT n.id
            FROM notifications.notifications AS n
            WHERE n.status = 'pending'
                -- channel = claim.channel AND id > after_id, so that only the index of what is pending serves it.
                AND (n.channel, n.id) > (claim.channel, claim.after_id)
                AND (n.channel, n.id) <= (claim.channel, 9223372036854775807)
            ORDER BY n.channel, n.id
            LIMIT claim.at_most - cardinality(found)
            FOR UPDATE SKIP LOCKED
        );
    END IF;
    IF cardinality(found) = 0 THEN
        RETURN;
    END IF;
    RETURN QUERY
    UPDATE notifications.notifications AS n
    SET status = 'processing', lease_until = moment + claim.lease, lease_token = token
    WHERE n.id = ANY (found)
    RETURNING n.*;
END
$$;

CREATE OR REPLACE FUNCTION notifications.replay_dead(channel notifications.channel, at_most integer DEFAULT 1000)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written replay_dead.x
DECLARE
    replayed bigint;
BEGIN
    UPDATE notifications.notifications AS n
    SET status = 'waiting', next_attempt_at = now(), attempts = 0, lease_token = NULL
    WHERE n.id IN (
        SELECT d.id
        FROM notifications.notifications AS d
        WHERE d.channel = replay_dead.channel AND d.status = 'dead'
        ORDER BY d.id
        LIMIT replay_dead.at_most
        FOR UPDATE SKIP LOCKED
    );
    GET DIAGNOSTICS replayed = ROW_COUNT;
    PERFORM pg_notify(format('notifications.%s', replay_dead.channel), '');
    RETURN replayed;
END
$$;
