-- name: save_tutor
-- Adds a tutor, or replaces all that is said of them.
-- budget: 30 buffers
INSERT INTO tutormax.tutors (tutor_id, name, email, onboarding_date, status, subjects, baseline_sessions_per_week)
VALUES (
    :tutor_id, :name, :email, coalesce(:onboarding_date, now()), :status, :subjects, :baseline_sessions_per_week
)
ON CONFLICT (tutor_id) DO UPDATE
    SET
        name = excluded.name,
        email = excluded.email,
        onboarding_date = coalesce(:onboarding_date, tutors.onboarding_date),
        status = excluded.status,
        subjects = excluded.subjects,
        baseline_sessions_per_week = excluded.baseline_sessions_per_week
RETURNING
    tutor_id, name, email, onboarding_date, status, subjects, baseline_sessions_per_week, churned_at, created_at,
    updated_at;

-- name: change_tutor_status
-- A tutor pauses, leaves or comes back.
-- budget: 35 buffers
UPDATE tutormax.tutors
SET status = :status, churned_at = :churned_at
WHERE tutor_id = :tutor_id
RETURNING
    tutor_id, name, email, onboarding_date, status, subjects, baseline_sessions_per_week, churned_at, created_at,
    updated_at;

-- name: get_tutor_by_id
-- One tutor, and if asked for what belongs to them.
-- budget: 400 buffers
SELECT
    t.tutor_id, t.name, t.email, t.onboarding_date, t.status, t.subjects, t.baseline_sessions_per_week, t.churned_at,
    t.created_at, t.updated_at, r.sessions, r.performance_metrics, r.churn_predictions, r.interventions, r.tutor_events
FROM tutormax.tutors AS t
LEFT JOIN LATERAL tutormax.relations_of(CASE WHEN :with_relations THEN t.tutor_id END, :recent) AS r ON true
WHERE t.tutor_id = :tutor_id;

-- name: active_tutors
-- Active tutors with what belongs to them; after_id is the last tutor_id of the page before. About 150 buffers a tutor.
-- budget: 20000 buffers
SELECT
    t.tutor_id, t.name, t.email, t.onboarding_date, t.status, t.subjects, t.baseline_sessions_per_week, t.churned_at,
    t.created_at, t.updated_at, r.sessions, r.performance_metrics, r.churn_predictions, r.interventions, r.tutor_events
FROM (
    SELECT
        tutor_id, name, email, onboarding_date, status, subjects, baseline_sessions_per_week, churned_at, created_at,
        updated_at
    FROM tutormax.tutors
    WHERE status = 'active' AND tutor_id > :after_id
    ORDER BY tutor_id
    LIMIT :page_size
) AS t
CROSS JOIN LATERAL tutormax.relations_of(t.tutor_id, :recent) AS r
ORDER BY t.tutor_id;

-- name: tutors
-- The tutors of a status; after_id is the last tutor_id of the page before. Written as a range of both columns, so that
-- no plan reads the keys of other statuses in order.
-- budget: 60 buffers
SELECT
    tutor_id, name, email, onboarding_date, status, subjects, baseline_sessions_per_week, churned_at, created_at,
    updated_at
FROM tutormax.tutors
WHERE (status, tutor_id) > (:status, :after_id) AND status <= :status
ORDER BY status, tutor_id
LIMIT :page_size;

-- name: save_student
-- Adds a student, or replaces all that is said of them.
-- budget: 30 buffers
INSERT INTO tutormax.students (student_id, name, grade_level)
VALUES (:student_id, :name, :grade_level)
ON CONFLICT (student_id) DO UPDATE
    SET name = excluded.name, grade_level = excluded.grade_level
RETURNING student_id, name, grade_level, created_at, updated_at;

-- name: student
-- One student, by their key.
-- budget: 6 buffers
SELECT student_id, name, grade_level, created_at, updated_at
FROM tutormax.students
WHERE student_id = :student_id;

-- name: save_session
-- Records a session, or replaces all that is said of it.
-- budget: 45 buffers
INSERT INTO tutormax.sessions (
    session_id, tutor_id, student_id, subject, scheduled_start, actual_start, duration_minutes, session_number, status,
    engagement_score, learning_objectives_met
) VALUES (
    :session_id, :tutor_id, :student_id, :subject, :scheduled_start, :actual_start, :duration_minutes,
    :session_number, :status, :engagement_score, :learning_objectives_met
)
ON CONFLICT (session_id) DO UPDATE
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
RETURNING
    session_id, tutor_id, student_id, subject, scheduled_start, actual_start, duration_minutes, session_number, status,
    engagement_score, learning_objectives_met, created_at, updated_at;

-- name: session
-- One session, by its key.
-- budget: 8 buffers
SELECT
    session_id, tutor_id, student_id, subject, scheduled_start, actual_start, duration_minutes, session_number, status,
    engagement_score, learning_objectives_met, created_at, updated_at
FROM tutormax.sessions
WHERE session_id = :session_id;

-- name: tutor_sessions
-- A tutor's sessions, latest first; until and after_id are those of the last of the page before.
-- budget: 60 buffers
SELECT
    session_id, tutor_id, student_id, subject, scheduled_start, actual_start, duration_minutes, session_number, status,
    engagement_score, learning_objectives_met, created_at, updated_at
FROM tutormax.sessions
WHERE
    tutor_id = :tutor_id
    AND scheduled_start <= :until
    AND (scheduled_start < :until OR session_id > :after_id)
ORDER BY scheduled_start DESC, session_id ASC
LIMIT :page_size;

-- name: record_feedback
-- Records what a student says of a session.
-- budget: 35 buffers
INSERT INTO tutormax.student_feedback (
    session_id, tutor_id, student_id, overall_rating, subject_knowledge_rating, communication_rating, patience_rating,
    engagement_rating, helpfulness_rating, is_first_session, would_recommend, improvement_areas, free_text, submitted_at
) VALUES (
    :session_id, :tutor_id, :student_id, :overall_rating, :subject_knowledge_rating, :communication_rating,
    :patience_rating, :engagement_rating, :helpfulness_rating, :is_first_session, :would_recommend,
    :improvement_areas, :free_text, coalesce(:submitted_at, now())
)
RETURNING
    feedback_id, session_id, tutor_id, student_id, overall_rating, subject_knowledge_rating, communication_rating,
    patience_rating, engagement_rating, helpfulness_rating, is_first_session, would_recommend, improvement_areas,
    free_text, submitted_at, created_at, updated_at;

-- name: feedback
-- What was said of a session.
-- budget: 8 buffers
SELECT
    feedback_id, session_id, tutor_id, student_id, overall_rating, subject_knowledge_rating, communication_rating,
    patience_rating, engagement_rating, helpfulness_rating, is_first_session, would_recommend, improvement_areas,
    free_text, submitted_at, created_at, updated_at
FROM tutormax.student_feedback
WHERE session_id = :session_id;

-- name: get_tutor_statistics
-- How a tutor has done in so many days up to now.
-- budget: 30 buffers
SELECT
    t.tutor_id,
    s.total_sessions,
    f.average_rating,
    s.no_shows,
    s.reschedules
FROM tutormax.tutors AS t
CROSS JOIN
    LATERAL (
        SELECT
            count(*) AS total_sessions,
            count(*) FILTER (WHERE x.status = 'no_show_tutor') AS no_shows,
            count(*) FILTER (WHERE x.status = 'rescheduled') AS reschedules
        FROM tutormax.sessions AS x
        WHERE
            x.tutor_id = t.tutor_id
            AND x.scheduled_start > now() - make_interval(hours => 24 * :days_back::integer) AND x.scheduled_start <= now()
    ) AS s
CROSS JOIN
    LATERAL (
        SELECT round(avg(x.overall_rating), 2)::double precision AS average_rating
        FROM tutormax.student_feedback AS x
        WHERE
            x.tutor_id = t.tutor_id
            AND x.submitted_at > now() - make_interval(hours => 24 * :days_back::integer) AND x.submitted_at <= now()
    ) AS f
WHERE t.tutor_id = :tutor_id;

-- name: compute_performance_metrics
-- Brings the metrics of a day up to date, and what late data have touched. Of a thousand tutors of whom one has changed:
-- a dozen buffers a tutor, to see that nothing is missing.
-- budget: 16000 buffers
SELECT as_of_date, tutors, rows_computed, rows_changed
FROM tutormax.compute_performance_metrics(:as_of, :windows);

-- name: performance_metrics
-- A tutor's metrics over a window, latest day first, down from until.
-- budget: 60 buffers
SELECT
    tutor_id, metric_window, calculation_date, definition_version, sessions_total, sessions_settled,
    sessions_completed, completion_rate, no_show_count, no_show_rate, student_no_show_count, reschedule_count,
    reschedule_rate, avg_rating, rating_count, first_session_count, first_session_success_rate, engagement_score,
    learning_objectives_met_pct, performance_tier, created_at, updated_at
FROM tutormax.tutor_performance_metrics
WHERE
    tutor_id = :tutor_id
    AND metric_window = :metric_window
    AND calculation_date <= :until
ORDER BY calculation_date DESC, definition_version DESC
LIMIT :page_size;

-- name: record_prediction
-- Records what a model says of a tutor.
-- budget: 40 buffers
INSERT INTO tutormax.churn_predictions (
    tutor_id, prediction_date, churn_score, probability_1d, probability_7d, probability_30d, probability_90d,
    contributing_factors, model_version, feature_cutoff
) VALUES (
    :tutor_id, coalesce(:prediction_date, now()), :churn_score, :probability_1d, :probability_7d, :probability_30d,
    :probability_90d, :contributing_factors, :model_version, :feature_cutoff
)
RETURNING
    prediction_id, tutor_id, prediction_date, churn_score, risk_level, probability_1d, probability_7d, probability_30d,
    probability_90d, contributing_factors, model_version, feature_cutoff, is_current, created_at;

-- name: predictions
-- What was predicted of a tutor, latest first; until and after_id are those of the last of the page before.
-- budget: 60 buffers
SELECT
    prediction_id, tutor_id, prediction_date, churn_score, risk_level, probability_1d, probability_7d, probability_30d,
    probability_90d, contributing_factors, model_version, feature_cutoff, is_current, created_at
FROM tutormax.churn_predictions
WHERE
    tutor_id = :tutor_id
    AND prediction_date <= :until
    AND (prediction_date < :until OR prediction_id < :after_id)
ORDER BY prediction_date DESC, prediction_id DESC
LIMIT :page_size;

-- name: get_high_risk_tutors
-- Tutors who are still here and whose current prediction is that high, highest first.
-- budget: 80 buffers
SELECT
    p.tutor_id, t.name, t.status, p.churn_score, p.risk_level, p.probability_1d, p.probability_7d, p.probability_30d,
    p.probability_90d, p.contributing_factors, p.model_version, p.prediction_date, p.feature_cutoff, p.prediction_id
FROM tutormax.churn_predictions AS p
INNER JOIN tutormax.tutors AS t ON p.tutor_id = t.tutor_id
WHERE p.is_current AND p.churn_score >= :min_score
ORDER BY p.churn_score DESC, p.tutor_id ASC
LIMIT :limit;

-- name: open_intervention
-- Opens an intervention for a tutor.
-- budget: 40 buffers
SELECT
    intervention_id, tutor_id, intervention_type, trigger_reason, prediction_id, status, assigned_to, due_date, outcome,
    closed_at, created_at, updated_at
FROM tutormax.open_intervention(
    :tutor_id, :intervention_type, :trigger_reason, :due_date, :assigned_to, :prediction_id, :actor_id, :reason
);

-- name: assign_intervention
-- Says who is to do an intervention, and until when.
-- budget: 45 buffers
SELECT
    intervention_id, tutor_id, intervention_type, trigger_reason, prediction_id, status, assigned_to, due_date, outcome,
    closed_at, created_at, updated_at
FROM tutormax.change_intervention(
    :intervention_id, 'assigned', :assigned_to, :due_date, NULL, :actor_id, :reason
);

-- name: release_intervention
-- Gives an intervention back: it is open again.
-- budget: 45 buffers
SELECT
    intervention_id, tutor_id, intervention_type, trigger_reason, prediction_id, status, assigned_to, due_date, outcome,
    closed_at, created_at, updated_at
FROM tutormax.change_intervention(:intervention_id, 'open', NULL, NULL, NULL, :actor_id, :reason);

-- name: begin_intervention
-- Begins with an intervention that was assigned.
-- budget: 45 buffers
SELECT
    intervention_id, tutor_id, intervention_type, trigger_reason, prediction_id, status, assigned_to, due_date, outcome,
    closed_at, created_at, updated_at
FROM tutormax.change_intervention(:intervention_id, 'in_progress', NULL, NULL, NULL, :actor_id, :reason);

-- name: complete_intervention
-- Ends an intervention with what came of it.
-- budget: 50 buffers
SELECT
    intervention_id, tutor_id, intervention_type, trigger_reason, prediction_id, status, assigned_to, due_date, outcome,
    closed_at, created_at, updated_at
FROM tutormax.change_intervention(:intervention_id, 'completed', NULL, NULL, :outcome, :actor_id, :reason);

-- name: dismiss_intervention
-- Ends an intervention that is not done.
-- budget: 45 buffers
SELECT
    intervention_id, tutor_id, intervention_type, trigger_reason, prediction_id, status, assigned_to, due_date, outcome,
    closed_at, created_at, updated_at
FROM tutormax.change_intervention(:intervention_id, 'dismissed', NULL, NULL, NULL, :actor_id, :reason);

-- name: intervention
-- One intervention, by id.
-- budget: 6 buffers
SELECT
    intervention_id, tutor_id, intervention_type, trigger_reason, prediction_id, status, assigned_to, due_date, outcome,
    closed_at, created_at, updated_at
FROM tutormax.interventions
WHERE intervention_id = :intervention_id;

-- name: tutor_interventions
-- A tutor's interventions, newest first; after_id is the last id of the page before.
-- budget: 60 buffers
SELECT
    intervention_id, tutor_id, intervention_type, trigger_reason, prediction_id, status, assigned_to, due_date, outcome,
    closed_at, created_at, updated_at
FROM tutormax.interventions
WHERE tutor_id = :tutor_id AND intervention_id < :after_id
ORDER BY intervention_id DESC
LIMIT :page_size;

-- name: interventions
-- The interventions of a status, oldest first; after_id is the last id of the page before. A range of both columns, as
-- that of tutors.
-- budget: 60 buffers
SELECT
    intervention_id, tutor_id, intervention_type, trigger_reason, prediction_id, status, assigned_to, due_date, outcome,
    closed_at, created_at, updated_at
FROM tutormax.interventions
WHERE (status, intervention_id) > (:status, :after_id) AND status <= :status
ORDER BY status, intervention_id
LIMIT :page_size;

-- name: intervention_history
-- The steps of one intervention, oldest first; after_id is the last id of the page before.
-- budget: 10 buffers
SELECT
    id, intervention_id, tutor_id, from_status, to_status, assigned_to, outcome, actor_kind, actor_id, reason,
    occurred_at
FROM tutormax.interventions_history
WHERE intervention_id = :intervention_id AND id > :after_id
ORDER BY id
LIMIT :page_size;

-- name: record_event
-- Records an event; false if it was there already.
-- budget: 50 buffers
WITH recorded AS (
    INSERT INTO tutormax.tutor_events (tutor_id, event_type, event_timestamp, source, source_event_id, metadata)
    VALUES (
        :tutor_id, :event_type, coalesce(:event_timestamp, now()), :source,
        coalesce(:source_event_id, gen_random_uuid()::text), :metadata
    )
    ON CONFLICT ON CONSTRAINT tutor_events_source_key DO NOTHING
    RETURNING true
)

SELECT count(*) = 1 AS is_new FROM recorded;

-- name: tutor_events
-- A tutor's events, latest first; until and after_id are those of the last of the page before.
-- budget: 130 buffers
SELECT event_id, tutor_id, event_type, event_timestamp, source, source_event_id, metadata, created_at
FROM tutormax.tutor_events
WHERE
    tutor_id = :tutor_id
    AND event_timestamp <= :until
    AND (event_timestamp < :until OR event_id < :after_id)
ORDER BY event_timestamp DESC, event_id DESC
LIMIT :page_size;

-- name: store_bulk
-- Stores what was copied into bulk_rows under this load; the good rows of it. About 25 buffers a row, of 100.
-- budget: 3200 buffers
SELECT inserted, updated, repeated, refused
FROM tutormax.store_bulk(:load_id, :target);
