CREATE FUNCTION notifications.setting(setting_name text)
RETURNS bigint
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_value bigint;
BEGIN
    SELECT s.value INTO STRICT found_value FROM notifications.settings AS s WHERE s.name = setting_name;
    RETURN found_value;
END
$$;

COMMENT ON FUNCTION notifications.setting(text) IS
'One limit from notifications.settings, in that row''s unit. A missing row is an error rather than no limit.';

CREATE FUNCTION notifications.allowed_steps(present notifications.notification_status)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT format(
    'From %s a notification may go to: %s.',
    coalesce(present::text, 'nothing'),
    coalesce(string_agg(format('%s (%s)', t.to_status, t.meaning), ', ' ORDER BY t.to_status), 'nowhere, it is sent')
)
FROM notifications.notification_transitions AS t
WHERE t.from_status IS NOT DISTINCT FROM present
$$;

COMMENT ON FUNCTION notifications.allowed_steps(notifications.notification_status) IS
'What may follow a status and when, in words: the HINT of a refusal. NULL: how a notification may begin.';

CREATE FUNCTION notifications.render(
    of_code text, in_language text, for_channel notifications.channel, payload jsonb
)
RETURNS text
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    template text;
    missing  text;
    rendered text;
BEGIN
    SELECT t.body INTO template
    FROM notifications.notification_templates AS t
    INNER JOIN unnest(ARRAY[in_language, split_part(in_language, '-', 1), 'en'])
        WITH ORDINALITY AS l (language_code, preference) USING (language_code)
    WHERE t.code = of_code AND t.channel = for_channel
    ORDER BY l.preference
    LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no template for this notification' USING
            ERRCODE = 'MB301',
            DETAIL = format('template_code=%s, channel=%s, language=%s', of_code, for_channel, in_language),
            HINT = 'Write it in notifications.notification_templates, in this language or in en.';
    END IF;

    SELECT
        string_agg(coalesce(p.part[1], payload ->> p.part[2]), '' ORDER BY p.position),
        string_agg(DISTINCT p.part[2], '|') FILTER (WHERE payload ->> p.part[2] IS NULL)
    INTO rendered, missing
    FROM regexp_matches(template, '([^{}]+)|\{([a-z][a-z0-9_]*)\}', 'g') WITH ORDINALITY AS p (part, position);
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'the payload lacks values that the template asks for' USING
            ERRCODE = 'MB302',
            DETAIL = format('template_code=%s, missing=%s', of_code, missing),
            HINT = 'Give each of them in the payload, and not as null.';
    END IF;
    RETURN rendered;
END
$$;

COMMENT ON FUNCTION notifications.render(text, text, notifications.channel, jsonb) IS
'The text of a notification: its template in this language, else in the language''s first part (pt for pt-BR), else in en, with the payload''s values. Refusals: MB301, MB302.';

CREATE FUNCTION notifications.quiet_until(
    moment timestamptz, quiet_from time, quiet_to time, zone text
)
RETURNS timestamptz
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here      timestamp;
    until     timestamp;
    candidate timestamptz;
    found_at  timestamptz := moment;
BEGIN
    -- Twice at most: where clocks go back, the hours may come again.
    FOR round IN 1..3 LOOP
        here := found_at AT TIME ZONE zone;
        IF NOT (
            CASE
                WHEN quiet_from < quiet_to THEN here::time >= quiet_from AND here::time < quiet_to
                ELSE here::time >= quiet_from OR here::time < quiet_to
            END
        ) THEN
            RETURN found_at;
        END IF;
        until := here::date + quiet_to + CASE WHEN here::time >= quiet_to THEN interval '1 day' ELSE interval '0' END;
        candidate := until AT TIME ZONE zone;
        IF candidate AT TIME ZONE zone <> until THEN
            -- Clocks go forward over this time of day: the hours end at the jump.
            SELECT min(q.instant) INTO candidate
            FROM generate_series(candidate - interval '3 hours', candidate, interval '1 minute') AS q (instant)
            WHERE q.instant AT TIME ZONE zone >= until;
        END IF;
        -- Where the time of day comes twice, the first one that is still to come.
        found_at := least(
            CASE WHEN candidate > found_at THEN candidate END,
            CASE WHEN (found_at + (until - here)) AT TIME ZONE zone = until THEN found_at + (until - here) END
        );
    END LOOP;
    RETURN found_at;
END
$$;

COMMENT ON FUNCTION notifications.quiet_until(timestamptz, time, time, text) IS
'The first instant, from this one on, at which the clock of the zone is outside the quiet hours. Goes by the clock on the wall: hours that a change of the clock skips are not waited for, hours that come twice are quiet twice.';

CREATE FUNCTION notifications.deliver_at(
    to_telegram_id bigint, of_type text, on_channel notifications.channel, wanted_at timestamptz
)
RETURNS timestamptz
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE
    WHEN count(*) = 0 THEN wanted_at
    WHEN NOT (array_agg(s.is_enabled ORDER BY s.notification_type = of_type DESC))[1] THEN NULL
    WHEN count(s.quiet_from) = 0 THEN wanted_at
    ELSE notifications.quiet_until(
        wanted_at,
        (array_agg(s.quiet_from ORDER BY s.notification_type = of_type DESC) FILTER (WHERE s.quiet_from IS NOT NULL))[1],
        (array_agg(s.quiet_to ORDER BY s.notification_type = of_type DESC) FILTER (WHERE s.quiet_from IS NOT NULL))[1],
        (array_agg(s.timezone ORDER BY s.notification_type = of_type DESC) FILTER (WHERE s.quiet_from IS NOT NULL))[1]
    )
END
FROM notifications.user_notification_settings AS s
WHERE s.telegram_id = to_telegram_id AND s.channel = on_channel AND s.notification_type IN (of_type, 'all')
$$;

COMMENT ON FUNCTION notifications.deliver_at(bigint, text, notifications.channel, timestamptz) IS
'When something that is wanted at this instant may reach a person, by their settings: then, or at the end of their quiet hours. NULL: they do not want it at all.';

CREATE FUNCTION notifications.enqueue_many(
    recipients bigint[],
    template_code text,
    channel notifications.channel,
    payload jsonb DEFAULT '{}',
    dedupe_key text DEFAULT NULL,
    languages text[] DEFAULT NULL,
    not_before timestamptz DEFAULT NULL
)
RETURNS TABLE (queued bigint, waiting bigint, cancelled bigint, duplicates bigint)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written enqueue_many.x
BEGIN
    IF cardinality(enqueue_many.languages) <> cardinality(enqueue_many.recipients)
        OR NOT isfinite(enqueue_many.not_before)
    THEN
        RAISE EXCEPTION 'there must be one language a recipient, and not_before must be finite' USING
            ERRCODE = 'MB007',
            DETAIL = 'argument=languages|not_before',
            HINT = 'Leave languages out for en, and not_before for at once.';
    END IF;

    RETURN QUERY
    WITH wanted AS (
        SELECT
            r.telegram_id,
            min(coalesce(r.language_code, 'en')) AS language_code,
            count(*) - 1 AS repeated
        FROM unnest(enqueue_many.recipients, enqueue_many.languages) AS r (telegram_id, language_code)
        GROUP BY r.telegram_id
    ),
    texts AS MATERIALIZED (
        SELECT
            l.language_code,
            notifications.render(
                enqueue_many.template_code, l.language_code, enqueue_many.channel, enqueue_many.payload
            ) AS body
        FROM (SELECT DISTINCT w.language_code FROM wanted AS w) AS l
    ),
    planned AS MATERIALIZED (
        SELECT
            w.telegram_id, w.repeated, t.body,
            u.recipient_telegram_id IS NOT NULL AS is_unreachable,
            notifications.deliver_at(
                w.telegram_id, enqueue_many.template_code, enqueue_many.channel,
                greatest(enqueue_many.not_before, now())
            ) AS deliver_at
        FROM wanted AS w
        INNER JOIN texts AS t ON w.language_code = t.language_code
        LEFT JOIN notifications.unreachable_recipients AS u
            ON w.telegram_id = u.recipient_telegram_id AND u.channel = enqueue_many.channel
    ),
    stored AS (
        INSERT INTO notifications.notifications AS n (
            recipient_telegram_id, template_code, channel, payload, body, dedupe_key, duplicates, not_before,
            status, next_attempt_at, last_error
        )
        SELECT
            p.telegram_id, enqueue_many.template_code, enqueue_many.channel, enqueue_many.payload, p.body,
            coalesce(enqueue_many.dedupe_key, gen_random_uuid()::text), p.repeated, enqueue_many.not_before,
            CASE
                WHEN p.is_unreachable OR p.deliver_at IS NULL THEN 'cancelled'
                WHEN p.deliver_at > now() THEN 'waiting'
                ELSE 'pending'
            END::notifications.notification_status,
            CASE WHEN p.deliver_at > now() THEN p.deliver_at END,
            CASE WHEN p.is_unreachable THEN 'unreachable' WHEN p.deliver_at IS NULL THEN 'muted' END
        FROM planned AS p
        ORDER BY p.telegram_id -- all lock in one order
        ON CONFLICT ON CONSTRAINT notifications_dedupe_key
        DO UPDATE SET duplicates = n.duplicates + excluded.duplicates + 1
        RETURNING n.status, n.xmax = 0 AS is_new
    )
    SELECT
        count(*) FILTER (WHERE s.is_new AND s.status = 'pending'),
        count(*) FILTER (WHERE s.is_new AND s.status = 'waiting'),
        count(*) FILTER (WHERE s.is_new AND s.status = 'cancelled'),
        cardinality(enqueue_many.recipients) - count(*) FILTER (WHERE s.is_new)
    FROM stored AS s;
END
$$;

COMMENT ON FUNCTION notifications.enqueue_many(
    bigint[], text, notifications.channel, jsonb, text, text[], timestamptz
) IS
'Queues one notification for each of these people (by Telegram id), in their languages (en for all by default), and returns how many were queued at once, queued for later, kept as cancelled (muted or unreachable), and counted as duplicates because the same recipient, channel and dedupe_key was there; they add up to the recipients. Refusals: MB007, MB301, MB302, and the constraints of notifications.';

CREATE FUNCTION notifications.enqueue(
    recipient_telegram_id bigint,
    template_code text,
    channel notifications.channel,
    payload jsonb DEFAULT '{}',
    dedupe_key text DEFAULT NULL,
    language_code text DEFAULT 'en',
    not_before timestamptz DEFAULT NULL
)
RETURNS notifications.notifications
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written enqueue.x
DECLARE
    wanted_key text := coalesce(enqueue.dedupe_key, gen_random_uuid()::text);
    item       notifications.notifications;
BEGIN
    PERFORM notifications.enqueue_many(
        ARRAY[enqueue.recipient_telegram_id], enqueue.template_code, enqueue.channel, enqueue.payload, wanted_key,
        ARRAY[enqueue.language_code], enqueue.not_before
    );
    SELECT n.* INTO STRICT item
    FROM notifications.notifications AS n
    WHERE n.recipient_telegram_id = enqueue.recipient_telegram_id
        AND n.channel = enqueue.channel
        AND n.dedupe_key = wanted_key;
    RETURN item;
END
$$;

COMMENT ON FUNCTION notifications.enqueue(
    bigint, text, notifications.channel, jsonb, text, text, timestamptz
) IS
'Queues one notification and returns it; the same recipient, channel and dedupe_key again is only counted in duplicates, and the first is returned. Refusals: MB007, MB301, MB302, and the constraints of notifications.';

CREATE FUNCTION notifications.claim(
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
    IF EXISTS (
        SELECT FROM notifications.channel_pauses AS p
        WHERE p.channel = claim.channel AND p.paused_until > moment
    ) THEN
        RETURN;
    END IF;

    found := ARRAY(
        SELECT n.ctid
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
            SELECT n.ctid
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
    -- By their place, which is what was locked: an index would lead to their dead versions too.
    RETURN QUERY
    UPDATE notifications.notifications AS n
    SET status = 'processing', lease_until = moment + claim.lease, lease_token = token
    WHERE n.ctid = ANY (found)
    RETURNING n.*;
END
$$;

COMMENT ON FUNCTION notifications.claim(
    notifications.channel, integer, interval, bigint, timestamptz, bigint
) IS
'Gives a worker what is to be sent on a channel, to begin within the lease: first what is due, then what is pending by id; what another worker is just claiming is passed over. after_id, and after_due with after_due_id, are where this worker stopped: id of the last pending one it got, next_attempt_at and id of the last waiting one. They spare it the dead rows behind; 0 and -infinity look from the beginning, which a worker does from time to time. Nothing while the channel is paused. Refusals: MB007.';

CREATE FUNCTION notifications.begin_attempt(
    notification_id bigint, lease_token uuid, lease interval DEFAULT '60 seconds'
)
RETURNS SETOF notifications.notifications
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written begin_attempt.x
DECLARE
    item       notifications.notifications;
    deliver_at timestamptz;
BEGIN
    IF begin_attempt.lease <= interval '0' THEN
        RAISE EXCEPTION 'lease must be positive' USING
            ERRCODE = 'MB007',
            DETAIL = 'argument=lease',
            HINT = 'Give the attempt some time.';
    END IF;
    SELECT n.* INTO item
    FROM notifications.notifications AS n
    WHERE n.id = begin_attempt.notification_id
        AND n.lease_token = begin_attempt.lease_token
        AND n.status = 'processing'
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;

    IF EXISTS (
        SELECT FROM notifications.unreachable_recipients AS u
        WHERE u.recipient_telegram_id = item.recipient_telegram_id AND u.channel = item.channel
    ) THEN
        UPDATE notifications.notifications AS n SET status = 'cancelled', last_error = 'unreachable' WHERE n.id = item.id;
        RETURN;
    END IF;
    deliver_at := notifications.deliver_at(
        item.recipient_telegram_id, item.template_code, item.channel, clock_timestamp()
    );
    IF deliver_at IS NULL THEN
        UPDATE notifications.notifications AS n SET status = 'cancelled', last_error = 'muted' WHERE n.id = item.id;
        RETURN;
    END IF;
    deliver_at := greatest(
        deliver_at, (SELECT p.paused_until FROM notifications.channel_pauses AS p WHERE p.channel = item.channel)
    );
    IF deliver_at > clock_timestamp() THEN
        UPDATE notifications.notifications AS n SET status = 'waiting', next_attempt_at = deliver_at WHERE n.id = item.id;
        RETURN;
    END IF;

    RETURN QUERY
    UPDATE notifications.notifications AS n
    SET status = 'sending', attempts = n.attempts + 1, lease_until = clock_timestamp() + begin_attempt.lease
    WHERE n.id = item.id
    RETURNING n.*;
END
$$;

COMMENT ON FUNCTION notifications.begin_attempt(bigint, uuid, interval) IS
'A worker says that it sends now, before it does: commit this first. Returns the notification, or nothing if it is not to be sent: the lease was lost, the recipient muted it or cannot be reached (it is cancelled), it is their quiet hours or the channel rests (it waits). If finish() does not follow within the lease, it becomes uncertain and is not sent again by itself. Refusals: MB007.';

CREATE FUNCTION notifications.finish(
    notification_id bigint,
    lease_token uuid,
    outcome notifications.outcome,
    error text DEFAULT NULL,
    retry_after interval DEFAULT NULL,
    external_id text DEFAULT NULL
)
RETURNS notifications.notifications
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written finish.x
DECLARE
    item   notifications.notifications;
    reason text := left(coalesce(finish.error, finish.outcome::text), 500);
    due_at timestamptz;
BEGIN
    IF finish.outcome IS NULL OR (finish.outcome = 'limited' AND finish.retry_after IS NULL)
        OR finish.retry_after NOT BETWEEN interval '0' AND interval '7 days'
    THEN
        RAISE EXCEPTION 'an attempt has an outcome, and a limit says for how long, up to 7 days' USING
            ERRCODE = 'MB007',
            DETAIL = 'argument=outcome|retry_after',
            HINT = 'Give retry_after as the channel did.';
    END IF;

    IF finish.outcome = 'unreachable' THEN
        -- Marked before any of the recipient's rows is locked, so that two workers who hear of it take turns.
        INSERT INTO notifications.unreachable_recipients AS u (recipient_telegram_id, channel)
        SELECT n.recipient_telegram_id, n.channel
        FROM notifications.notifications AS n
        WHERE n.id = finish.notification_id AND n.lease_token = finish.lease_token
            AND n.status IN ('sending', 'uncertain')
        ON CONFLICT ON CONSTRAINT unreachable_recipients_pkey DO UPDATE SET created_at = u.created_at;
    END IF;
    SELECT n.* INTO item
    FROM notifications.notifications AS n
    WHERE n.id = finish.notification_id AND n.lease_token = finish.lease_token
    FOR NO KEY UPDATE;
    IF item.status = 'sent' AND finish.outcome = 'done' THEN
        RETURN item; -- reported again, because the answer was lost
    ELSIF item.id IS NULL OR item.status NOT IN ('sending', 'uncertain') THEN
        RAISE EXCEPTION 'this notification is no longer with this worker' USING
            ERRCODE = 'MB303',
            DETAIL = format('notification_id=%s', finish.notification_id),
            HINT = 'Its lease ran out, or its attempt was finished before. Nothing was recorded.';
    END IF;

    CASE finish.outcome
        WHEN 'done' THEN
            UPDATE notifications.notifications AS n
            SET status = 'sent', external_id = finish.external_id, last_error = NULL
            WHERE n.id = item.id
            RETURNING n.* INTO item;
        WHEN 'failed' THEN
            IF item.attempts >= notifications.setting('max_attempts') THEN
                UPDATE notifications.notifications AS n SET status = 'dead', last_error = reason
                WHERE n.id = item.id
                RETURNING n.* INTO item;
            ELSE
                due_at := clock_timestamp() + greatest(
                    finish.retry_after,
                    platform.backoff(
                        item.attempts,
                        make_interval(secs => notifications.setting('first_backoff')),
                        make_interval(secs => notifications.setting('longest_backoff'))
                    )
                );
                UPDATE notifications.notifications AS n
                SET status = 'waiting', next_attempt_at = due_at, last_error = reason
                WHERE n.id = item.id
                RETURNING n.* INTO item;
            END IF;
        WHEN 'rejected' THEN
            UPDATE notifications.notifications AS n SET status = 'dead', last_error = reason
            WHERE n.id = item.id
            RETURNING n.* INTO item;
        WHEN 'limited' THEN
            due_at := clock_timestamp() + finish.retry_after;
            INSERT INTO notifications.channel_pauses AS p (channel, paused_until)
            VALUES (item.channel, due_at)
            ON CONFLICT ON CONSTRAINT channel_pauses_pkey
            DO UPDATE SET paused_until = greatest(p.paused_until, excluded.paused_until);
            UPDATE notifications.notifications AS n
            SET status = 'waiting', next_attempt_at = due_at, attempts = n.attempts - 1, last_error = reason
            WHERE n.id = item.id
            RETURNING n.* INTO item;
        WHEN 'unreachable' THEN
            PERFORM n.id
            FROM notifications.notifications AS n
            WHERE n.recipient_telegram_id = item.recipient_telegram_id AND n.channel = item.channel
                AND n.status IN ('pending', 'waiting', 'processing')
            ORDER BY n.id
            FOR NO KEY UPDATE;
            UPDATE notifications.notifications AS n
            SET status = 'cancelled', last_error = 'unreachable'
            WHERE n.recipient_telegram_id = item.recipient_telegram_id AND n.channel = item.channel
                AND (n.id = item.id OR n.status IN ('pending', 'waiting', 'processing'));
            SELECT n.* INTO item FROM notifications.notifications AS n WHERE n.id = item.id;
        WHEN 'uncertain' THEN
            UPDATE notifications.notifications AS n SET status = 'uncertain', last_error = reason
            WHERE n.id = item.id
            RETURNING n.* INTO item;
    END CASE;
    RETURN item;
END
$$;

COMMENT ON FUNCTION notifications.finish(bigint, uuid, notifications.outcome, text, interval, text) IS
'A worker reports how its attempt ended, also late, once it is uncertain; to report done again changes nothing. done: sent. failed: again after a growing, jittered wait (at least retry_after), dead after max_attempts. rejected: dead. limited: the whole channel rests for retry_after, and the attempt does not count. unreachable: all that is open for the recipient on this channel is cancelled. Refusals: MB007, MB303.';

CREATE FUNCTION notifications.recover(
    channel notifications.channel, after_lease timestamptz DEFAULT '-infinity', at_most integer DEFAULT 1000
)
RETURNS TABLE (released bigint, uncertain bigint, checked_until timestamptz)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- whatever the statistics say of a queue that was full or empty a moment ago
SET enable_bitmapscan = off
SET enable_sort = off
AS $$
#variable_conflict use_column -- parameters are written recover.x
DECLARE
    began_at timestamptz := clock_timestamp();
BEGIN
    RETURN QUERY
    WITH expired AS MATERIALIZED (
        SELECT n.id, n.status, n.lease_until
        FROM notifications.notifications AS n
        WHERE n.channel = recover.channel AND n.status IN ('processing', 'sending')
            AND n.lease_until > recover.after_lease AND n.lease_until <= began_at
        ORDER BY n.lease_until
        LIMIT recover.at_most
        FOR UPDATE SKIP LOCKED
    ),
    taken AS (
        UPDATE notifications.notifications AS n
        SET
            status = CASE
                WHEN e.status = 'processing' THEN 'waiting' ELSE 'uncertain'
            END::notifications.notification_status,
            next_attempt_at = CASE WHEN e.status = 'processing' THEN began_at ELSE n.next_attempt_at END,
            last_error = 'lease ran out'
        FROM expired AS e
        WHERE n.id = e.id
        RETURNING n.status
    )
    SELECT
        count(*) FILTER (WHERE t.status = 'waiting'),
        count(*) FILTER (WHERE t.status = 'uncertain'),
        CASE WHEN count(*) < recover.at_most THEN began_at ELSE recover.after_lease END
    FROM taken AS t;
END
$$;

COMMENT ON FUNCTION notifications.recover(notifications.channel, timestamptz, integer) IS
'Takes back what workers on this channel did not finish within their lease: before the attempt it waits for another worker, during the attempt it is uncertain. Returns how many of each, and checked_until, the after_lease of the next call. Workers call it every few seconds.';

CREATE FUNCTION notifications.replay(notification_id bigint)
RETURNS notifications.notifications
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written replay.x
DECLARE
    item notifications.notifications;
BEGIN
    SELECT n.* INTO item FROM notifications.notifications AS n WHERE n.id = replay.notification_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such notification' USING
            ERRCODE = 'MB004',
            DETAIL = format('notification_id=%s', replay.notification_id),
            HINT = 'Look it up in notifications.v_notifications.';
    ELSIF item.status NOT IN ('dead', 'uncertain', 'cancelled') THEN
        RAISE EXCEPTION 'a notification that is % cannot be replayed', item.status USING
            ERRCODE = 'MB003',
            DETAIL = format('notification_id=%s, status=%s', item.id, item.status),
            HINT = 'Replay what is dead, uncertain or cancelled.';
    END IF;
    UPDATE notifications.notifications AS n
    SET status = 'waiting', next_attempt_at = now(), attempts = 0, lease_token = NULL
    WHERE n.id = item.id
    RETURNING n.* INTO item;
    PERFORM pg_notify(format('notifications.%s', item.channel), '');
    RETURN item;
END
$$;

COMMENT ON FUNCTION notifications.replay(bigint) IS
'Sends a notification again that is dead, uncertain or cancelled, with new attempts. What is uncertain may have arrived: whoever replays it accepts that it may arrive twice. Refusals: MB003, MB004.';

CREATE FUNCTION notifications.replay_dead(channel notifications.channel, at_most integer DEFAULT 1000)
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
    WHERE n.id = ANY (ARRAY( -- asked once, whatever the plan: asked again, it would lock and take more
        SELECT d.id
        FROM notifications.notifications AS d
        WHERE d.channel = replay_dead.channel AND d.status = 'dead'
        ORDER BY d.id
        LIMIT replay_dead.at_most
        FOR UPDATE SKIP LOCKED
    ));
    GET DIAGNOSTICS replayed = ROW_COUNT;
    PERFORM pg_notify(format('notifications.%s', replay_dead.channel), '');
    RETURN replayed;
END
$$;

COMMENT ON FUNCTION notifications.replay_dead(notifications.channel, integer) IS
'Sends the dead letters of a channel again, the oldest first, at most so many, once whatever killed them is mended. Returns how many; call it again while it returns that many. Leaves what is uncertain to a person.';

CREATE FUNCTION notifications.mark_reachable(recipient_telegram_id bigint, channel notifications.channel)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written mark_reachable.x
BEGIN
    DELETE FROM notifications.unreachable_recipients AS u
    WHERE u.recipient_telegram_id = mark_reachable.recipient_telegram_id AND u.channel = mark_reachable.channel;
    RETURN FOUND;
END
$$;

COMMENT ON FUNCTION notifications.mark_reachable(bigint, notifications.channel) IS
'Says that a channel reaches a person again (they started the bot again, say); what is queued from now on is sent. Returns whether they were unreachable. What was cancelled stays so until it is replayed.';

CREATE FUNCTION notifications.save_settings(
    telegram_id bigint,
    channel notifications.channel,
    notification_type text DEFAULT 'all',
    is_enabled boolean DEFAULT true,
    quiet_from time DEFAULT NULL,
    quiet_to time DEFAULT NULL,
    timezone text DEFAULT 'UTC',
    actor_id bigint DEFAULT NULL
)
RETURNS notifications.user_notification_settings
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written save_settings.x
DECLARE
    caller_actor text := current_setting('mentorbase.actor', true);
    saved        notifications.user_notification_settings;
BEGIN
    IF save_settings.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', save_settings.actor_id);
    END IF;
    INSERT INTO notifications.user_notification_settings AS s (
        telegram_id, channel, notification_type, is_enabled, quiet_from, quiet_to, timezone
    ) VALUES (
        save_settings.telegram_id, save_settings.channel, save_settings.notification_type, save_settings.is_enabled,
        save_settings.quiet_from, save_settings.quiet_to, save_settings.timezone
    )
    ON CONFLICT ON CONSTRAINT user_notification_settings_pkey DO UPDATE SET
        is_enabled = excluded.is_enabled,
        quiet_from = excluded.quiet_from,
        quiet_to = excluded.quiet_to,
        timezone = excluded.timezone
    RETURNING s.* INTO saved;
    IF save_settings.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN saved;
END
$$;

COMMENT ON FUNCTION notifications.save_settings(
    bigint, notifications.channel, text, boolean, time, time, text, bigint
) IS
'Writes a person''s settings of one channel and type (all: every type without a row of its own) and returns them. actor_id: who acts, a Telegram id (NULL: the transaction''s actor). Refusals: MB001, MB002, and the constraints of user_notification_settings.';

CREATE FUNCTION notifications.save_template(
    code text, language_code text, channel notifications.channel, body text, actor_id bigint DEFAULT NULL
)
RETURNS notifications.notification_templates
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written save_template.x
DECLARE
    caller_actor text := current_setting('mentorbase.actor', true);
    saved        notifications.notification_templates;
BEGIN
    IF save_template.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', save_template.actor_id);
    END IF;
    INSERT INTO notifications.notification_templates AS t (code, language_code, channel, body)
    VALUES (save_template.code, save_template.language_code, save_template.channel, save_template.body)
    ON CONFLICT ON CONSTRAINT notification_templates_code_key DO UPDATE SET body = excluded.body
    RETURNING t.* INTO saved;
    IF save_template.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN saved;
END
$$;

COMMENT ON FUNCTION notifications.save_template(text, text, notifications.channel, text, bigint) IS
'Writes the template of a code, language and channel and returns it; what is queued already keeps its text. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, and the constraints of notification_templates.';

CREATE FUNCTION notifications.maintain_logs(dry_run boolean DEFAULT true)
RETURNS TABLE (made text[], dropped text[])
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    made := CASE WHEN dry_run THEN '{}' ELSE platform.make_months('notifications', 'notification_logs') END;
    dropped := platform.drop_months(
        'notifications', 'notification_logs',
        make_interval(days => notifications.setting('log_retention')::integer), dry_run
    );
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION notifications.maintain_logs(boolean) IS
'Makes the months ahead of notification_logs, and drops those that are older than the setting log_retention; returns their names. With dry_run, the default, nothing is made or dropped. For the owner, daily or monthly.';
