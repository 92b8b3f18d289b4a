SET LOCAL ROLE mentorbase_owner;

DROP FUNCTION getcourse.enqueue_many(bigint[], text[], text[], bigint[]);
DROP FUNCTION getcourse.finish_webhooks(bigint[], uuid);

-- Serves recover_webhooks(): the leases that have run out.
CREATE INDEX webhook_events_lease_until_idx ON getcourse.webhook_events (lease_until) WHERE status = 'processing';

DROP INDEX getcourse.webhook_events_unprocessed_idx;

-- Serves whoever asks for processed = false, as documented, and v_queues.
CREATE INDEX webhook_events_unprocessed_idx ON getcourse.webhook_events (id) WHERE NOT processed;

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
ORDER BY e.id;

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
        WHERE e.status = 'processing'
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
AS $$
#variable_conflict use_column -- parameters are written claim_webhooks.x
DECLARE
    moment timestamptz := clock_timestamp();
    token  uuid := gen_random_uuid();
    found  bigint[];
BEGIN
    IF claim_webhooks.at_most < 1 OR claim_webhooks.lease <= interval '0' THEN
        RAISE EXCEPTION 'at_most and lease must be positive' USING
            ERRCODE = 'MB007',
            DETAIL = 'argument=at_most|lease',
            HINT = 'Claim at least one, for some time.';
    END IF;

    found := ARRAY(
        SELECT e.id
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
            SELECT e.id
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
    RETURN QUERY
    UPDATE getcourse.webhook_events AS e
    SET status = 'processing', attempts = e.attempts + 1, lease_until = moment + claim_webhooks.lease, lease_token = token
    WHERE e.id = ANY (found)
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
        WHERE e.status = 'processing' AND e.lease_until > recover_webhooks.after_lease AND e.lease_until <= began_at
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
    WHERE e.id IN (
        SELECT d.id
        FROM getcourse.webhook_events AS d
        WHERE d.status = 'dead'
        ORDER BY d.id
        LIMIT at_most
        FOR UPDATE SKIP LOCKED
    );
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
    IF EXISTS (SELECT FROM getcourse.bot_pauses AS p WHERE p.paused_until > moment) THEN
        RETURN;
    END IF;

    found := ARRAY(
        SELECT n.id
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
            SELECT n.id
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
    RETURN QUERY
    UPDATE getcourse.notifications AS n
    SET status = 'processing', lease_until = moment + claim.lease, lease_token = token
    WHERE n.id = ANY (found)
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
    WHERE n.id IN (
        SELECT d.id
        FROM getcourse.notifications AS d
        WHERE d.status = 'dead'
        ORDER BY d.id
        LIMIT at_most
        FOR UPDATE SKIP LOCKED
    );
    GET DIAGNOSTICS replayed = ROW_COUNT;
    PERFORM pg_notify('getcourse.notifications', '');
    RETURN replayed;
END
$$;
