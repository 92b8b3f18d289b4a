CREATE FUNCTION tutormax.setting(setting_name text)
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
    SELECT s.value INTO STRICT found_value FROM tutormax.settings AS s WHERE s.name = setting_name;
    RETURN found_value;
END
$$;

COMMENT ON FUNCTION tutormax.setting(text) IS
'One limit from tutormax.settings, in that row''s unit. A missing row is an error rather than no limit.';

CREATE FUNCTION tutormax.days_of(metric_window tutormax.metric_window)
RETURNS integer
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE metric_window WHEN '7d' THEN 7 WHEN '30d' THEN 30 WHEN '90d' THEN 90 END
$$;

COMMENT ON FUNCTION tutormax.days_of(tutormax.metric_window) IS 'How many days a window of metrics has: 7, 30 or 90.';

CREATE FUNCTION tutormax.definition_version()
RETURNS bigint
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT 1
$$;

COMMENT ON FUNCTION tutormax.definition_version() IS
'The version of the definitions by which metrics are computed now. A migration that changes what a column of tutor_performance_metrics means, or tier_of(), counts it up: rows of different versions stand beside each other.';

CREATE FUNCTION tutormax.tier_of(
    settled integer, completion numeric, no_show numeric, reschedule numeric, rating numeric
)
RETURNS tutormax.performance_tier
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT
    CASE
        WHEN settled < 3 THEN NULL
        WHEN no_show >= 0.2 OR rating < 3 THEN 'at_risk'
        WHEN no_show >= 0.1 OR reschedule >= 0.3 OR rating < 3.5 THEN 'needs_attention'
        WHEN rating >= 4.7 AND completion >= 0.9 AND no_show < 0.02 AND reschedule < 0.1 THEN 'exemplary'
        WHEN rating >= 4.2 AND completion >= 0.8 AND no_show < 0.05 AND reschedule < 0.2 THEN 'strong'
        ELSE 'developing'
    END::tutormax.performance_tier
$$;

COMMENT ON FUNCTION tutormax.tier_of(integer, numeric, numeric, numeric, numeric) IS
'The tier of a tutor by settled sessions, rates of completion, no-show and rescheduling (0 to 1) and mean rating (NULL: none). NULL with fewer than 3 settled sessions. at_risk: no-shows from 0.2 on, or a rating below 3. needs_attention: no-shows from 0.1, rescheduling from 0.3, or a rating below 3.5. exemplary: a rating from 4.7, completion from 0.9, no-shows below 0.02, rescheduling below 0.1. strong: 4.2, 0.8, 0.05, 0.2. developing: all others. The first that holds.';

CREATE FUNCTION tutormax.compute_performance_metrics(
    as_of date DEFAULT NULL,
    windows tutormax.metric_window[] DEFAULT '{7d,30d,90d}'
)
RETURNS TABLE (as_of_date date, tutors bigint, rows_computed bigint, rows_changed bigint)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write metrics itself
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- whatever the statistics say of tables that were just loaded
SET enable_bitmapscan = off
SET enable_hashjoin = off -- it would read all metrics there have ever been
SET enable_mergejoin = off
SET jit = off
SET plan_cache_mode = force_custom_plan -- made for the size of the batch
AS $$
DECLARE
    today         date := coalesce(as_of, (now() AT TIME ZONE 'UTC')::date);
    version       CONSTANT bigint := tutormax.definition_version();
    batch         text[];
    last_tutor_id text := '';
    computed      bigint;
    changed       bigint;
    touched       bigint;
BEGIN
    IF NOT isfinite(today) OR windows IS NULL OR array_position(windows, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'metrics are computed for a day and some windows' USING
            ERRCODE = 'MB007',
            DETAIL = 'argument=as_of|windows',
            HINT = 'Give a date, and windows among 7d, 30d and 90d.';
    END IF;
    -- One at a time: of two, the one that looked earlier could write later.
    PERFORM pg_advisory_xact_lock(hashtextextended('tutormax.compute_performance_metrics', 0));

    as_of_date := today;
    tutors := 0;
    rows_computed := 0;
    rows_changed := 0;
    LOOP
        -- So many tutors at once: what a computation remembers does not grow with their number.
        SELECT array_agg(b.tutor_id), max(b.tutor_id) INTO batch, last_tutor_id
        FROM (
            SELECT t.tutor_id
            FROM tutormax.tutors AS t
            WHERE t.tutor_id > last_tutor_id
            ORDER BY t.tutor_id
            LIMIT 500
        ) AS b;
        EXIT WHEN batch IS NULL;

        -- OFFSET 0 below: each key is looked up. A planner that knows little of this table, which has just grown, would
        -- join it as a whole.
        WITH spans AS MATERIALIZED ( -- asked once, not for each row
            SELECT
                w.metric_window,
                tutormax.days_of(w.metric_window) AS days,
                today AS as_of
            FROM unnest(enum_range(NULL::tutormax.metric_window)) AS w (metric_window)
        ),
        taken AS (
            DELETE FROM tutormax.metric_changes AS c
            WHERE c.tutor_id = ANY (batch)
            RETURNING c.tutor_id, c.first_day, c.last_day
        ),
        wanted AS (
            -- What a change has touched, on whichever day it was computed for.
            SELECT m.tutor_id, m.metric_window, m.calculation_date
            FROM taken AS c
            CROSS JOIN spans AS p
            CROSS JOIN LATERAL (
                SELECT x.tutor_id, x.metric_window, x.calculation_date
                FROM tutormax.tutor_performance_metrics AS x
                WHERE x.tutor_id = c.tutor_id AND x.metric_window = p.metric_window
                    AND x.calculation_date >= c.first_day AND x.calculation_date < c.last_day + p.days
                    AND x.definition_version = version
                OFFSET 0
            ) AS m
            UNION
            -- What this day lacks: of those who had begun by then, and were still there when the window began.
            SELECT t.tutor_id, p.metric_window, p.as_of
            FROM unnest(batch) AS b (tutor_id)
            INNER JOIN tutormax.tutors AS t ON b.tutor_id = t.tutor_id
            CROSS JOIN spans AS p
            WHERE p.metric_window = ANY (windows)
                AND (t.onboarding_date AT TIME ZONE 'UTC')::date <= p.as_of
                AND (t.churned_at IS NULL OR (t.churned_at AT TIME ZONE 'UTC')::date > p.as_of - p.days)
                AND NOT EXISTS (
                    SELECT FROM tutormax.tutor_performance_metrics AS m
                    WHERE m.tutor_id = t.tutor_id AND m.metric_window = p.metric_window
                        AND m.calculation_date = p.as_of AND m.definition_version = version
                    OFFSET 0
                )
        ),
        figures AS (
            SELECT
                w.tutor_id,
                w.metric_window,
                w.calculation_date,
                s.total,
                s.settled,
                s.completed,
                round(s.completed::numeric / nullif(s.settled, 0), 4) AS completion_rate,
                s.no_show,
                round(s.no_show::numeric / nullif(s.settled, 0), 4) AS no_show_rate,
                s.student_no_show,
                s.rescheduled,
                round(s.rescheduled::numeric / nullif(s.settled, 0), 4) AS reschedule_rate,
                round(f.rating, 2) AS avg_rating,
                f.ratings,
                f.firsts,
                round(f.good_firsts::numeric / nullif(f.firsts, 0), 4) AS first_session_success_rate,
                round(s.engagement, 3) AS engagement_score,
                round(100 * s.objectives, 2) AS learning_objectives_met_pct
            FROM wanted AS w
            INNER JOIN spans AS p ON w.metric_window = p.metric_window
            CROSS JOIN LATERAL (
                SELECT
                    (w.calculation_date - p.days + 1)::timestamp AT TIME ZONE 'UTC' AS from_time,
                    (w.calculation_date + 1)::timestamp AT TIME ZONE 'UTC' AS to_time
            ) AS d
            CROSS JOIN LATERAL (
                SELECT
                    count(*) AS total,
                    count(*) FILTER (WHERE x.status <> 'scheduled') AS settled,
                    count(*) FILTER (WHERE x.status = 'completed') AS completed,
                    count(*) FILTER (WHERE x.status = 'no_show_tutor') AS no_show,
                    count(*) FILTER (WHERE x.status = 'no_show_student') AS student_no_show,
                    count(*) FILTER (WHERE x.status = 'rescheduled') AS rescheduled,
                    avg(x.engagement_score) FILTER (WHERE x.status = 'completed') AS engagement,
                    avg(x.learning_objectives_met::integer) FILTER (WHERE x.status = 'completed') AS objectives
                FROM tutormax.sessions AS x
                WHERE x.tutor_id = w.tutor_id AND x.scheduled_start >= d.from_time AND x.scheduled_start < d.to_time
            ) AS s
            CROSS JOIN LATERAL (
                SELECT
                    avg(x.overall_rating) AS rating,
                    count(*) AS ratings,
                    count(*) FILTER (WHERE x.is_first_session) AS firsts,
                    count(*) FILTER (WHERE x.is_first_session AND x.overall_rating >= 4) AS good_firsts
                FROM tutormax.student_feedback AS x
                WHERE x.tutor_id = w.tutor_id AND x.submitted_at >= d.from_time AND x.submitted_at < d.to_time
            ) AS f
        ),
        written AS (
            INSERT INTO tutormax.tutor_performance_metrics AS m (
                tutor_id, metric_window, calculation_date, definition_version, sessions_total, sessions_settled,
                sessions_completed, completion_rate, no_show_count, no_show_rate, student_no_show_count,
                reschedule_count, reschedule_rate, avg_rating, rating_count, first_session_count,
                first_session_success_rate, engagement_score, learning_objectives_met_pct, performance_tier
            )
            SELECT
                r.tutor_id, r.metric_window, r.calculation_date, version, r.total, r.settled, r.completed,
                r.completion_rate, r.no_show, r.no_show_rate, r.student_no_show, r.rescheduled, r.reschedule_rate,
                r.avg_rating, r.ratings, r.firsts, r.first_session_success_rate, r.engagement_score,
                r.learning_objectives_met_pct,
                tutormax.tier_of(
                    r.settled::integer, r.completion_rate, r.no_show_rate, r.reschedule_rate, r.avg_rating
                )
            FROM figures AS r
            ON CONFLICT ON CONSTRAINT tutor_performance_metrics_pkey DO UPDATE
            SET
                sessions_total = excluded.sessions_total,
                sessions_settled = excluded.sessions_settled,
                sessions_completed = excluded.sessions_completed,
                completion_rate = excluded.completion_rate,
                no_show_count = excluded.no_show_count,
                no_show_rate = excluded.no_show_rate,
                student_no_show_count = excluded.student_no_show_count,
                reschedule_count = excluded.reschedule_count,
                reschedule_rate = excluded.reschedule_rate,
                avg_rating = excluded.avg_rating,
                rating_count = excluded.rating_count,
                first_session_count = excluded.first_session_count,
                first_session_success_rate = excluded.first_session_success_rate,
                engagement_score = excluded.engagement_score,
                learning_objectives_met_pct = excluded.learning_objectives_met_pct,
                performance_tier = excluded.performance_tier,
                updated_at = now()
            WHERE (
                m.sessions_total, m.sessions_settled, m.sessions_completed, m.no_show_count, m.student_no_show_count,
                m.reschedule_count, m.avg_rating, m.rating_count, m.first_session_count, m.first_session_success_rate,
                m.engagement_score, m.learning_objectives_met_pct
            ) IS DISTINCT FROM (
                excluded.sessions_total, excluded.sessions_settled, excluded.sessions_completed,
                excluded.no_show_count, excluded.student_no_show_count, excluded.reschedule_count,
                excluded.avg_rating, excluded.rating_count, excluded.first_session_count,
                excluded.first_session_success_rate, excluded.engagement_score, excluded.learning_objectives_met_pct
            )
            RETURNING m.tutor_id
        )
        SELECT
            (SELECT count(*) FROM wanted),
            (SELECT count(*) FROM written),
            (SELECT count(DISTINCT w.tutor_id) FROM wanted AS w)
        INTO computed, changed, touched;

        tutors := tutors + touched;
        rows_computed := rows_computed + computed;
        rows_changed := rows_changed + changed;
    END LOOP;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION tutormax.compute_performance_metrics(date, tutormax.metric_window[]) IS
'Brings tutor_performance_metrics up to date, and says for which day, and of how many tutors how many rows were computed and how many of them are new or different. Computes the rows that this day (UTC, today by default) lacks in these windows, for who had begun by then and had not left before the window; and again every row of any day and window that a changed session or rating touches. Nothing else is looked at, so a second run does nothing. One at a time; 500 tutors at once, in one transaction. Refusals: MB007.';

CREATE FUNCTION tutormax.relations_of(of_tutor text, recent integer)
RETURNS TABLE (
    sessions jsonb, performance_metrics jsonb, churn_predictions jsonb, interventions jsonb, tutor_events jsonb
)
LANGUAGE sql
STABLE
STRICT -- not asked about anybody, it looks nowhere
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT
    (
        SELECT coalesce(jsonb_agg(to_jsonb(s) || jsonb_build_object('feedback', s.feedback) ORDER BY s.n), '[]')
        FROM (
            SELECT
                x.session_id, x.tutor_id, x.student_id, x.subject, x.scheduled_start, x.actual_start,
                x.duration_minutes, x.session_number, x.status, x.engagement_score, x.learning_objectives_met,
                x.created_at, x.updated_at, to_jsonb(f) AS feedback,
                row_number() OVER (ORDER BY x.scheduled_start DESC, x.session_id) AS n
            FROM (
                SELECT y.*
                FROM tutormax.sessions AS y
                WHERE y.tutor_id = of_tutor
                ORDER BY y.scheduled_start DESC, y.session_id
                LIMIT recent
            ) AS x
            LEFT JOIN tutormax.student_feedback AS f ON x.session_id = f.session_id
        ) AS s
    ),
    (
        SELECT coalesce(jsonb_agg(to_jsonb(m) ORDER BY m.metric_window), '[]')
        FROM unnest(enum_range(NULL::tutormax.metric_window)) AS w (metric_window)
        CROSS JOIN LATERAL (
            SELECT x.*
            FROM tutormax.tutor_performance_metrics AS x
            WHERE x.tutor_id = of_tutor AND x.metric_window = w.metric_window
            ORDER BY x.calculation_date DESC, x.definition_version DESC
            LIMIT 1
        ) AS m
    ),
    (
        SELECT coalesce(jsonb_agg(to_jsonb(p) ORDER BY p.prediction_date DESC, p.prediction_id DESC), '[]')
        FROM (
            SELECT x.*
            FROM tutormax.churn_predictions AS x
            WHERE x.tutor_id = of_tutor
            ORDER BY x.prediction_date DESC, x.prediction_id DESC
            LIMIT recent
        ) AS p
    ),
    (
        SELECT coalesce(jsonb_agg(to_jsonb(i) ORDER BY i.intervention_id DESC), '[]')
        FROM (
            SELECT x.*
            FROM tutormax.interventions AS x
            WHERE x.tutor_id = of_tutor
            ORDER BY x.intervention_id DESC
            LIMIT recent
        ) AS i
    ),
    (
        SELECT coalesce(jsonb_agg(to_jsonb(e) ORDER BY e.event_timestamp DESC, e.event_id DESC), '[]')
        FROM (
            SELECT x.*
            FROM tutormax.tutor_events AS x
            WHERE x.tutor_id = of_tutor AND x.event_timestamp > now() - interval '90 days' -- not in every month
            ORDER BY x.event_timestamp DESC, x.event_id DESC
            LIMIT recent
        ) AS e
    )
$$;

COMMENT ON FUNCTION tutormax.relations_of(text, integer) IS
'What belongs to a tutor, as JSON arrays of rows: the latest sessions, each with its feedback or null, the latest metrics of each window, the latest predictions and interventions, and the latest events of 90 days; of each so many at most, newest first. Nothing for NULL.';

CREATE FUNCTION tutormax.open_intervention(
    tutor_id text,
    intervention_type text,
    trigger_reason text,
    due_date date,
    assigned_to bigint DEFAULT NULL,
    prediction_id bigint DEFAULT NULL,
    actor_id bigint DEFAULT NULL,
    reason text DEFAULT NULL
)
RETURNS tutormax.interventions
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written open_intervention.x
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    opened        tutormax.interventions;
BEGIN
    IF open_intervention.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', open_intervention.actor_id);
    END IF;
    IF open_intervention.reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', open_intervention.reason);
    END IF;

    INSERT INTO tutormax.interventions AS i (
        tutor_id, intervention_type, trigger_reason, due_date, assigned_to, prediction_id, status
    ) VALUES (
        open_intervention.tutor_id, open_intervention.intervention_type, open_intervention.trigger_reason,
        open_intervention.due_date, open_intervention.assigned_to, open_intervention.prediction_id,
        CASE
            WHEN open_intervention.assigned_to IS NULL THEN 'open' ELSE 'assigned'
        END::tutormax.intervention_status
    )
    RETURNING i.* INTO opened;

    IF open_intervention.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    IF open_intervention.reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    END IF;
    RETURN opened;
END
$$;

COMMENT ON FUNCTION tutormax.open_intervention(text, text, text, date, bigint, bigint, bigint, text) IS
'Opens an intervention for a tutor and returns it: assigned if somebody is named to do it, else open. actor_id: who acts (NULL: the transaction''s actor). reason: kept in the history. Refusals: MB001, MB002, and the constraints of interventions.';

CREATE FUNCTION tutormax.change_intervention(
    intervention_id bigint,
    to_status tutormax.intervention_status DEFAULT NULL,
    assigned_to bigint DEFAULT NULL,
    due_date date DEFAULT NULL,
    outcome tutormax.intervention_outcome DEFAULT NULL,
    actor_id bigint DEFAULT NULL,
    reason text DEFAULT NULL
)
RETURNS tutormax.interventions
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written change_intervention.x
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    present       tutormax.intervention_status;
    changed       tutormax.interventions;
BEGIN
    IF change_intervention.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', change_intervention.actor_id);
    END IF;
    IF change_intervention.reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', change_intervention.reason);
    END IF;

    -- Who is to do it may change while it stays assigned; every other step leads elsewhere.
    UPDATE tutormax.interventions AS i
    SET
        status = coalesce(change_intervention.to_status, i.status),
        assigned_to = coalesce(change_intervention.assigned_to, i.assigned_to),
        due_date = coalesce(change_intervention.due_date, i.due_date),
        outcome = coalesce(change_intervention.outcome, i.outcome)
    WHERE i.intervention_id = change_intervention.intervention_id
        AND (
            change_intervention.to_status IS NULL
            OR i.status <> change_intervention.to_status
            OR (i.status = 'assigned' AND i.assigned_to <> change_intervention.assigned_to)
        )
    RETURNING i.* INTO changed;

    IF NOT FOUND THEN
        SELECT i.status INTO present
        FROM tutormax.interventions AS i
        WHERE i.intervention_id = change_intervention.intervention_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'there is no such intervention' USING
                ERRCODE = 'MB004',
                DETAIL = format('intervention_id=%s', coalesce(change_intervention.intervention_id::text, 'null')),
                HINT = 'Look the intervention up by its tutor or status.';
        END IF;
        RAISE EXCEPTION 'an intervention cannot go from % to %', present, change_intervention.to_status USING
            ERRCODE = 'MB003',
            DETAIL = format('intervention_id=%s, status=%s', change_intervention.intervention_id, present),
            HINT = platform.allowed_steps('tutormax', 'interventions', 'an intervention', present::text);
    END IF;

    IF change_intervention.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    IF change_intervention.reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    END IF;
    RETURN changed;
END
$$;

COMMENT ON FUNCTION tutormax.change_intervention(
    bigint, tutormax.intervention_status, bigint, date, tutormax.intervention_outcome, bigint, text
) IS
'Takes one step of an intervention, or says who is to do it until when, or both, and returns it. NULL leaves as it is. actor_id: who acts (NULL: the transaction''s actor). reason: kept in the history. Refusals: MB001 to MB004, MB006, and the constraints of interventions.';

CREATE FUNCTION tutormax.store_range(
    of_load uuid, target tutormax.bulk_target, from_position bigint, to_position bigint,
    OUT inserted bigint, OUT updated bigint
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    updated := 0;
    IF target = 'sessions' THEN
        WITH stored AS (
            INSERT INTO tutormax.sessions AS s (
                session_id, tutor_id, student_id, subject, scheduled_start, actual_start, duration_minutes,
                session_number, status, engagement_score, learning_objectives_met
            )
            SELECT
                d.session_id, d.tutor_id, d.student_id, d.subject, d.scheduled_start, d.actual_start,
                d.duration_minutes, d.session_number, coalesce(d.status, 'scheduled'), d.engagement_score,
                d.learning_objectives_met
            FROM tutormax.bulk_rows AS b
            CROSS JOIN LATERAL jsonb_to_record(b.document::jsonb) AS d (
                session_id text, tutor_id text, student_id text, subject text, scheduled_start timestamptz,
                actual_start timestamptz, duration_minutes integer, session_number integer,
                status tutormax.session_status, engagement_score numeric, learning_objectives_met boolean
            )
            WHERE b.load_id = of_load AND b.position >= from_position AND b.position <= to_position
            ORDER BY d.session_id -- all lock in one order
            ON CONFLICT ON CONSTRAINT sessions_pkey DO UPDATE
            SET
                tutor_id = excluded.tutor_id,
                student_id = excluded.student_id,
                subject = excluded.subject,
                scheduled_start = excluded.scheduled_start,
                actual_start = excluded.actual_start,
                duration_minutes = excluded.duration_minutes,
                session_number = excluded.session_number,
                status = excluded.status,
                engagement_score = excluded.engagement_score,
                learning_objectives_met = excluded.learning_objectives_met
            WHERE (
                s.tutor_id, s.student_id, s.subject, s.scheduled_start, s.actual_start, s.duration_minutes,
                s.session_number, s.status, s.engagement_score, s.learning_objectives_met
            ) IS DISTINCT FROM (
                excluded.tutor_id, excluded.student_id, excluded.subject, excluded.scheduled_start,
                excluded.actual_start, excluded.duration_minutes, excluded.session_number, excluded.status,
                excluded.engagement_score, excluded.learning_objectives_met
            )
            RETURNING s.xmax = 0 AS is_new
        )
        SELECT count(*) FILTER (WHERE t.is_new), count(*) FILTER (WHERE NOT t.is_new) INTO inserted, updated
        FROM stored AS t;
        RETURN;
    ELSIF target = 'student_feedback' THEN
        INSERT INTO tutormax.student_feedback (
            session_id, tutor_id, student_id, overall_rating, subject_knowledge_rating, communication_rating,
            patience_rating, engagement_rating, helpfulness_rating, is_first_session, would_recommend,
            improvement_areas, free_text, submitted_at
        )
        SELECT
            d.session_id, d.tutor_id, d.student_id, d.overall_rating, d.subject_knowledge_rating,
            d.communication_rating, d.patience_rating, d.engagement_rating, d.helpfulness_rating,
            coalesce(d.is_first_session, false), d.would_recommend, coalesce(d.improvement_areas, '{}'), d.free_text,
            coalesce(d.submitted_at, now())
        FROM tutormax.bulk_rows AS b
        CROSS JOIN LATERAL jsonb_to_record(b.document::jsonb) AS d (
            session_id text, tutor_id text, student_id text, overall_rating integer, subject_knowledge_rating integer,
            communication_rating integer, patience_rating integer, engagement_rating integer,
            helpfulness_rating integer, is_first_session boolean, would_recommend boolean, improvement_areas text[],
            free_text text, submitted_at timestamptz
        )
        WHERE b.load_id = of_load AND b.position >= from_position AND b.position <= to_position
        ORDER BY d.session_id;
    ELSIF target = 'churn_predictions' THEN
        INSERT INTO tutormax.churn_predictions (
            tutor_id, prediction_date, churn_score, probability_1d, probability_7d, probability_30d, probability_90d,
            contributing_factors, model_version, feature_cutoff
        )
        SELECT
            d.tutor_id, coalesce(d.prediction_date, now()), d.churn_score, d.probability_1d, d.probability_7d,
            d.probability_30d, d.probability_90d, coalesce(d.contributing_factors, '{}'), d.model_version,
            d.feature_cutoff
        FROM tutormax.bulk_rows AS b
        CROSS JOIN LATERAL jsonb_to_record(b.document::jsonb) AS d (
            tutor_id text, prediction_date timestamptz, churn_score integer, probability_1d double precision,
            probability_7d double precision, probability_30d double precision, probability_90d double precision,
            contributing_factors jsonb, model_version text, feature_cutoff timestamptz
        )
        WHERE b.load_id = of_load AND b.position >= from_position AND b.position <= to_position
        ORDER BY d.tutor_id, d.prediction_date;
    ELSE
        INSERT INTO tutormax.tutor_events (
            tutor_id, event_type, event_timestamp, source, source_event_id, metadata
        )
        SELECT
            d.tutor_id, d.event_type, d.event_timestamp, d.source,
            coalesce(d.source_event_id, gen_random_uuid()::text), coalesce(d.metadata, '{}')
        FROM tutormax.bulk_rows AS b
        CROSS JOIN LATERAL jsonb_to_record(b.document::jsonb) AS d (
            tutor_id text, event_type text, event_timestamp timestamptz, source text, source_event_id text,
            metadata jsonb
        )
        WHERE b.load_id = of_load AND b.position >= from_position AND b.position <= to_position
        ORDER BY d.source, d.source_event_id, d.event_timestamp
        ON CONFLICT ON CONSTRAINT tutor_events_source_key DO NOTHING;
    END IF;
    GET DIAGNOSTICS inserted = ROW_COUNT;
END
$$;

COMMENT ON FUNCTION tutormax.store_range(uuid, tutormax.bulk_target, bigint, bigint) IS
'Stores some rows of bulk_rows, all or none, and says how many are new and how many have changed another one; the rest was there already. A part of store_bulk().';

CREATE FUNCTION tutormax.store_bulk(load_id uuid, target tutormax.bulk_target)
RETURNS TABLE (inserted bigint, updated bigint, repeated bigint, refused jsonb)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written store_bulk.x
DECLARE
    given           bigint;
    from_positions  bigint[];
    to_positions    bigint[];
    from_position   bigint;
    to_position     bigint;
    middle          bigint;
    stored          record;
    state           text;
    said            text;
    said_detail     text;
    said_hint       text;
    constraint_name text;
    column_name     text;
BEGIN
    SELECT count(*), ARRAY[min(b.position)], ARRAY[max(b.position)] INTO given, from_positions, to_positions
    FROM tutormax.bulk_rows AS b
    WHERE b.load_id = store_bulk.load_id;
    inserted := 0;
    updated := 0;
    refused := '[]';

    -- All at once; what refuses is halved until the row stands alone. So the rules are the table's own, and many good
    -- rows cost no more than one statement.
    WHILE given > 0 AND cardinality(from_positions) > 0 LOOP
        from_position := from_positions[cardinality(from_positions)];
        to_position := to_positions[cardinality(to_positions)];
        from_positions := trim_array(from_positions, 1);
        to_positions := trim_array(to_positions, 1);
        BEGIN
            SELECT r.inserted, r.updated INTO stored
            FROM tutormax.store_range(store_bulk.load_id, store_bulk.target, from_position, to_position) AS r;
            inserted := inserted + stored.inserted;
            updated := updated + stored.updated;
        EXCEPTION
            WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS
                    state = RETURNED_SQLSTATE, said = MESSAGE_TEXT, said_detail = PG_EXCEPTION_DETAIL,
                    said_hint = PG_EXCEPTION_HINT, constraint_name = CONSTRAINT_NAME, column_name = COLUMN_NAME;
                -- Of the row: a rule, a constraint, a value that cannot be read, twice the same key.
                IF state !~ '^(MB|21|22|23)' OR state = 'MB001' THEN
                    RAISE;
                ELSIF from_position = to_position THEN
                    -- PostgreSQL's own words may quote the row.
                    refused := refused || jsonb_build_object(
                        'position', from_position, 'sqlstate', state, 'constraint_name', nullif(constraint_name, ''),
                        'column_name', nullif(column_name, ''),
                        'message', CASE WHEN state ~ '^MB' THEN said END,
                        'detail', CASE WHEN state ~ '^MB' THEN said_detail END,
                        'hint', CASE WHEN state ~ '^MB' THEN said_hint END
                    );
                ELSE
                    middle := (from_position + to_position) / 2;
                    from_positions := from_positions || (middle + 1) || from_position;
                    to_positions := to_positions || to_position || middle;
                END IF;
        END;
    END LOOP;

    repeated := given - inserted - updated - jsonb_array_length(refused);
    DELETE FROM tutormax.bulk_rows AS b WHERE b.load_id = store_bulk.load_id;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION tutormax.store_bulk(uuid, tutormax.bulk_target) IS
'Stores what was copied into bulk_rows under this load, takes it out of there, and says how many rows are new, have changed another one (sessions), were there already (sessions, events), and which are refused: position, sqlstate, constraint_name, column_name, and of business refusals message, detail and hint. The good rows are stored: who wants all or nothing rolls back. Refusals: MB001 and those of each row, which are reported instead.';

CREATE FUNCTION tutormax.maintain_events(dry_run boolean DEFAULT true)
RETURNS TABLE (made text[], dropped text[])
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    made := CASE WHEN dry_run THEN '{}' ELSE platform.make_months('tutormax', 'tutor_events') END;
    dropped := platform.drop_months(
        'tutormax', 'tutor_events',
        make_interval(days => tutormax.setting('event_retention')::integer), dry_run
    );
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION tutormax.maintain_events(boolean) IS
'Makes the months ahead of tutor_events, and drops those that are older than the setting event_retention; returns their names. With dry_run, the default, nothing is made or dropped. For the owner, daily or monthly.';

CREATE FUNCTION tutormax.known_as(person platform.person)
RETURNS platform.person
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    person.tutor_id := coalesce(
        person.tutor_id, (SELECT t.tutor_id FROM tutormax.tutors AS t WHERE lower(t.email) = person.email)
    );
    RETURN person;
END
$$;

COMMENT ON FUNCTION tutormax.known_as(platform.person) IS
'A person as this service knows them: the tutor who has the e-mail address. For platform.find_person().';
