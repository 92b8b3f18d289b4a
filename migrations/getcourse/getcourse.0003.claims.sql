-- A claim touches no more pages on any server: one index less, no plan of its own, rows by their place; many reported and queued at once.
-- depends: getcourse.0002.pages

SET LOCAL ROLE mentorbase_owner;

DROP INDEX getcourse.webhook_events_unprocessed_idx;

-- Serves whoever asks for processed = false, as documented, and recover_webhooks(): the leases that have run out. One
-- index for both, since every claim makes an entry in it.
CREATE INDEX webhook_events_unprocessed_idx ON getcourse.webhook_events (lease_until, id) WHERE NOT processed;

CREATE OR REPLACE VIEW getcourse.v_pending_webhooks AS
SELECT
    e.id,
    e.source,
    e.event_date,
    e.user_id,
    e.user_email,
    e.answer_id,
    e.answer_training_id,
    e.answer_lesson_id,
    e.answer_status,
    e.status,
    e.processed,
    e.attempts,
    e.next_attempt_at,
    e.error_message,
    e.duplicates,
    e.created_at
FROM getcourse.webhook_events AS e
WHERE NOT e.processed AND e.status IN ('received', 'retry', 'processing')
ORDER BY e.id + 0; -- not by the primary key, which would lead past all that is processed

CREATE OR REPLACE VIEW getcourse.v_queues AS
SELECT
    'webhook_events' AS queue,
    (
        SELECT count(*) FROM getcourse.webhook_events AS e
        WHERE e.status = 'received'
    )
    + (
        SELECT count(*) FROM getcourse.webhook_events AS e
        WHERE e.status = 'retry'
    ) AS backlog,
    (
        SELECT count(*) FROM getcourse.webhook_events AS e
        WHERE NOT e.processed AND e.lease_until IS NOT NULL
    ) AS in_work,
    least(
        (
            SELECT e.created_at FROM getcourse.webhook_events AS e
            WHERE e.status = 'received'
            ORDER BY e.id + 0 LIMIT 1
        ),
        (
            SELECT min(e.created_at) FROM getcourse.webhook_events AS e
            WHERE e.status = 'retry'
        )
    ) AS oldest_waiting_since,
    (
        SELECT count(*) FROM getcourse.webhook_events AS e
        WHERE e.status = 'dead'
    ) AS dead,
    0::bigint AS uncertain,
    (SELECT count(*) FROM getcourse.webhook_quarantine) AS quarantined
UNION ALL
SELECT
    'notifications' AS queue,
    (
        SELECT count(*) FROM getcourse.notifications AS n
        WHERE n.status = 'pending'
    )
    + (
        SELECT count(*) FROM getcourse.notifications AS n
        WHERE n.status = 'waiting'
    ) AS backlog,
    (
        SELECT count(*) FROM getcourse.notifications AS n
        WHERE n.status IN ('processing', 'sending')
    ) AS in_work,
    least(
        (
            SELECT n.created_at FROM getcourse.notifications AS n
            WHERE n.status = 'pending'
            ORDER BY n.id + 0 LIMIT 1
        ),
        (
            SELECT min(n.created_at) FROM getcourse.notifications AS n
            WHERE n.status = 'waiting'
        )
    ) AS oldest_waiting_since,
    (
        SELECT count(*) FROM getcourse.notifications AS n
        WHERE n.status IN ('dead', 'uncertain') AND n.status = 'dead'
    ) AS dead,
    (
        SELECT count(*) FROM getcourse.notifications AS n
        WHERE n.status IN ('dead', 'uncertain') AND n.status = 'uncertain'
    ) AS uncertain,
    0::bigint AS quarantined;

CREATE OR REPLACE FUNCTION getcourse.claim_webhooks(
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

CREATE OR REPLACE FUNCTION getcourse.recover_webhooks(after_lease timestamptz DEFAULT '-infinity', at_most integer DEFAULT 1000)
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

CREATE OR REPLACE FUNCTION getcourse.replay_dead_webhooks(at_most integer DEFAULT 1000)
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

CREATE OR REPLACE FUNCTION getcourse.claim(
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

CREATE OR REPLACE FUNCTION getcourse.replay_dead(at_most integer DEFAULT 1000)
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

DROP INDEX getcourse.webhook_events_lease_until_idx;

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

GRANT EXECUTE ON FUNCTION
getcourse.finish_webhooks(bigint[], uuid), getcourse.enqueue_many(bigint[], text[], text[], bigint[])
TO getcourse_app;
