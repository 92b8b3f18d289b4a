-- What stands beside an id is looked up row by row, as LIMIT 1 has it: a client that opens a view and fetches 200 rows
-- does not tell the planner so, and a join would then read the whole table.
CREATE VIEW tutormax.v_tutor_dashboard AS
SELECT
    t.tutor_id,
    t.name AS tutor_name,
    t.status,
    t.subjects,
    t.onboarding_date,
    t.churned_at,
    t.baseline_sessions_per_week,
    m.calculation_date,
    m.definition_version,
    m.performance_tier,
    m.sessions_total,
    m.sessions_settled,
    m.sessions_completed,
    m.completion_rate,
    m.no_show_count,
    m.no_show_rate,
    m.reschedule_rate,
    m.avg_rating,
    m.rating_count,
    m.first_session_success_rate,
    m.engagement_score,
    m.learning_objectives_met_pct,
    w.performance_tier AS performance_tier_last_week,
    w.sessions_completed AS sessions_completed_last_week,
    m.avg_rating - q.avg_rating AS rating_change,
    m.no_show_rate - q.no_show_rate AS no_show_change,
    p.churn_score,
    p.risk_level,
    p.prediction_date,
    coalesce(i.live, 0) AS live_interventions,
    i.next_due_date
FROM tutormax.tutors AS t
LEFT JOIN LATERAL (
    SELECT
        x.calculation_date, x.definition_version, x.performance_tier, x.sessions_total, x.sessions_settled,
        x.sessions_completed, x.completion_rate, x.no_show_count, x.no_show_rate, x.reschedule_rate, x.avg_rating,
        x.rating_count, x.first_session_success_rate, x.engagement_score, x.learning_objectives_met_pct
    FROM tutormax.tutor_performance_metrics AS x
    WHERE x.tutor_id = t.tutor_id AND x.metric_window = '30d'
    ORDER BY x.calculation_date DESC, x.definition_version DESC
    LIMIT 1
) AS m ON true
LEFT JOIN LATERAL (
    SELECT x.performance_tier, x.sessions_completed
    FROM tutormax.tutor_performance_metrics AS x
    WHERE
        x.tutor_id = t.tutor_id AND x.metric_window = '7d' AND x.calculation_date = m.calculation_date
        AND x.definition_version = m.definition_version
    LIMIT 1
) AS w ON true
LEFT JOIN LATERAL (
    SELECT x.avg_rating, x.no_show_rate
    FROM tutormax.tutor_performance_metrics AS x
    WHERE
        x.tutor_id = t.tutor_id AND x.metric_window = '90d' AND x.calculation_date = m.calculation_date
        AND x.definition_version = m.definition_version
    LIMIT 1
) AS q ON true
LEFT JOIN LATERAL (
    SELECT x.churn_score, x.risk_level, x.prediction_date
    FROM tutormax.churn_predictions AS x
    WHERE x.tutor_id = t.tutor_id AND x.is_current
    LIMIT 1
) AS p ON true
LEFT JOIN LATERAL (
    SELECT
        count(*) AS live,
        min(x.due_date) AS next_due_date
    FROM tutormax.interventions AS x
    WHERE x.tutor_id = t.tutor_id AND x.status IN ('open', 'assigned', 'in_progress')
) AS i ON true;

COMMENT ON VIEW tutormax.v_tutor_dashboard IS
'How each tutor does: the latest metrics over 30 days beside those of 7 and 90, the current prediction, and what is being done. One row a tutor.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.tutor_id IS 'The tutor.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.tutor_name IS 'What the tutor is called. Personal data.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.status IS 'Whether the tutor teaches: active, inactive, churned.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.subjects IS 'What the tutor teaches.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.onboarding_date IS 'When the tutor began on the platform.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.churned_at IS 'When the tutor left; NULL while they are here.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.baseline_sessions_per_week IS
'How many sessions a week the tutor is expected to hold; NULL: nothing is expected.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.calculation_date IS
'The last of the days (UTC) that the figures count; NULL: nothing was computed yet.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.definition_version IS 'By which version of the definitions they were computed.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.performance_tier IS
'How the tutor does, over 30 days: exemplary, strong, developing, needs_attention, at_risk; NULL: too few sessions.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.sessions_total IS 'Sessions that were to begin in 30 days, whatever became of them.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.sessions_settled IS 'Those of which it is known what became of them.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.sessions_completed IS 'Those that took place.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.completion_rate IS 'Share of the settled ones that took place, 0 to 1.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.no_show_count IS 'Those to which the tutor did not come.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.no_show_rate IS 'Their share of the settled ones, 0 to 1.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.reschedule_rate IS 'Share of the settled ones that were rescheduled, 0 to 1.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.avg_rating IS 'Mean rating by students in 30 days, 1 to 5; NULL: none.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.rating_count IS 'How many ratings that is the mean of.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.first_session_success_rate IS
'Share of first sessions rated 4 or 5, 0 to 1; NULL: none was rated.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.engagement_score IS 'Mean engagement of students in completed sessions, 0 to 1.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.learning_objectives_met_pct IS
'Percentage of completed sessions whose objectives were met, where somebody said so.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.performance_tier_last_week IS 'The tier over the last 7 of these days.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.sessions_completed_last_week IS 'Sessions that took place in the last 7 of these days.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.rating_change IS
'avg_rating less that of 90 days: below 0, ratings are getting worse. NULL where either is missing.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.no_show_change IS
'no_show_rate less that of 90 days: above 0, the tutor misses more than before. NULL where either is missing.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.churn_score IS
'How likely the tutor is to leave by the current prediction, 0 to 100; NULL: none, or they have left.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.risk_level IS 'What the score means: Low, Medium, High, Critical.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.prediction_date IS 'When that was predicted.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.live_interventions IS 'Interventions that have not ended.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.next_due_date IS 'The earliest day by which one of them is to be done.';

CREATE VIEW tutormax.v_churn_watchlist AS
SELECT
    p.tutor_id,
    t.name AS tutor_name,
    t.status,
    p.churn_score,
    p.risk_level,
    b.churn_score AS score_before,
    p.churn_score - b.churn_score AS score_change,
    p.probability_1d,
    p.probability_7d,
    p.probability_30d,
    p.probability_90d,
    p.contributing_factors,
    p.model_version,
    p.prediction_date,
    p.feature_cutoff,
    s.last_session_at,
    i.intervention_id,
    i.status AS intervention_status,
    i.assigned_to,
    i.due_date
FROM tutormax.churn_predictions AS p
LEFT JOIN LATERAL (
    SELECT x.name, x.status FROM tutormax.tutors AS x
    WHERE x.tutor_id = p.tutor_id
    LIMIT 1
) AS t ON true
LEFT JOIN LATERAL (
    SELECT x.churn_score
    FROM tutormax.churn_predictions AS x
    WHERE x.tutor_id = p.tutor_id AND x.prediction_date < p.prediction_date
    ORDER BY x.prediction_date DESC, x.model_version DESC
    LIMIT 1
) AS b ON true
LEFT JOIN LATERAL (
    SELECT x.scheduled_start AS last_session_at
    FROM tutormax.sessions AS x
    WHERE x.tutor_id = p.tutor_id AND x.scheduled_start <= now() AND x.status = 'completed'
    ORDER BY x.scheduled_start DESC
    LIMIT 1
) AS s ON true
LEFT JOIN LATERAL (
    SELECT x.intervention_id, x.status, x.assigned_to, x.due_date
    FROM tutormax.interventions AS x
    WHERE x.tutor_id = p.tutor_id AND x.status IN ('open', 'assigned', 'in_progress')
    ORDER BY x.intervention_id DESC
    LIMIT 1
) AS i ON true
WHERE p.is_current AND p.churn_score >= 51;

COMMENT ON VIEW tutormax.v_churn_watchlist IS
'Tutors who are likely to leave: those still here whose current prediction is High or Critical, and what is being done for them. Sort by churn_score.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.tutor_id IS 'The tutor.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.tutor_name IS 'What the tutor is called. Personal data.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.status IS 'Whether the tutor teaches: active or inactive.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.churn_score IS 'How likely they are to leave, 51 to 100.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.risk_level IS 'High from 51, Critical from 76.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.score_before IS 'The score of the prediction before; NULL: it is the first.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.score_change IS 'How much the score has grown since; below 0: it has fallen.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.probability_1d IS 'Probability that they leave within 1 day of prediction_date, 0 to 1.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.probability_7d IS 'The same within 7 days.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.probability_30d IS 'The same within 30 days.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.probability_90d IS 'The same within 90 days.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.contributing_factors IS 'What the model goes by: factors and weights.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.model_version IS 'Which model said it.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.prediction_date IS 'When it was said.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.feature_cutoff IS 'Until when the model knew what had happened.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.last_session_at IS 'When their last completed session was to begin; NULL: they held none.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.intervention_id IS 'Their newest intervention that has not ended; NULL: nothing is being done.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.intervention_status IS 'Where it stands: open, assigned, in_progress.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.assigned_to IS 'Who is to do it (auth.users.id).';
COMMENT ON COLUMN tutormax.v_churn_watchlist.due_date IS 'The day by which it is to be done.';

CREATE VIEW tutormax.v_intervention_outcomes AS
SELECT
    i.intervention_id,
    i.tutor_id,
    t.name AS tutor_name,
    i.intervention_type,
    i.status,
    i.outcome,
    i.assigned_to,
    i.created_at AS opened_at,
    i.due_date,
    i.closed_at,
    coalesce((i.closed_at AT TIME ZONE 'UTC')::date, (now() AT TIME ZONE 'UTC')::date) > i.due_date AS is_late,
    extract(EPOCH FROM i.closed_at - i.created_at) / 86400 AS days_taken,
    i.prediction_id,
    b.churn_score AS score_before,
    a.churn_score AS score_after,
    a.churn_score - b.churn_score AS score_change,
    mb.avg_rating AS rating_before,
    ma.avg_rating AS rating_after,
    mb.performance_tier AS tier_before,
    ma.performance_tier AS tier_after,
    t.status AS tutor_status,
    t.churned_at
FROM tutormax.interventions AS i
LEFT JOIN LATERAL (
    SELECT x.name, x.status, x.churned_at FROM tutormax.tutors AS x
    WHERE x.tutor_id = i.tutor_id
    LIMIT 1
) AS t ON true
LEFT JOIN LATERAL (
    SELECT x.churn_score
    FROM tutormax.churn_predictions AS x
    WHERE x.tutor_id = i.tutor_id AND x.prediction_date <= i.created_at
    ORDER BY x.prediction_date DESC, x.model_version DESC
    LIMIT 1
) AS b ON true
LEFT JOIN LATERAL (
    SELECT x.churn_score
    FROM tutormax.churn_predictions AS x
    WHERE x.tutor_id = i.tutor_id AND x.prediction_date > i.closed_at
    ORDER BY x.prediction_date DESC, x.model_version DESC
    LIMIT 1
) AS a ON true
LEFT JOIN LATERAL (
    SELECT x.avg_rating, x.performance_tier
    FROM tutormax.tutor_performance_metrics AS x
    WHERE
        x.tutor_id = i.tutor_id AND x.metric_window = '30d'
        AND x.calculation_date < (i.created_at AT TIME ZONE 'UTC')::date
    ORDER BY x.calculation_date DESC, x.definition_version DESC
    LIMIT 1
) AS mb ON true
LEFT JOIN LATERAL (
    SELECT x.avg_rating, x.performance_tier
    FROM tutormax.tutor_performance_metrics AS x
    WHERE
        x.tutor_id = i.tutor_id AND x.metric_window = '30d'
        AND x.calculation_date > (i.closed_at AT TIME ZONE 'UTC')::date
    ORDER BY x.calculation_date DESC, x.definition_version DESC
    LIMIT 1
) AS ma ON true;

COMMENT ON VIEW tutormax.v_intervention_outcomes IS
'What interventions led to: scores, ratings and tiers before one was opened and since it ended. One row an intervention, without its reason in words.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.intervention_id IS 'The intervention.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.tutor_id IS 'For whom it was.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.tutor_name IS 'What the tutor is called. Personal data.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.intervention_type IS 'What was done, such as coaching.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.status IS
'Where it stands: open, assigned, in_progress; completed and dismissed have ended.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.outcome IS
'What came of it by who did it: improved, no_change, declined, churned; NULL unless completed.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.assigned_to IS 'Who was to do it (auth.users.id).';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.opened_at IS 'When it was opened.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.due_date IS 'The day by which it was to be done.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.closed_at IS 'When it ended; NULL: it has not.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.is_late IS
'Whether it ended after due_date (UTC), or has not ended and that day is over.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.days_taken IS 'Days from opening to end; NULL: it has not ended.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.prediction_id IS 'The prediction that it answers; NULL: another reason.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.score_before IS 'The last churn score before it was opened, 0 to 100.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.score_after IS 'The latest churn score since it ended, 0 to 100.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.score_change IS 'By how much the score has changed: below 0, the risk has fallen.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.rating_before IS
'Mean rating over 30 days, as last computed before the day it was opened.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.rating_after IS
'Mean rating over 30 days, as last computed after the day it ended.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.tier_before IS 'The tier that goes with rating_before.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.tier_after IS 'The tier that goes with rating_after.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.tutor_status IS 'Whether the tutor teaches now.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.churned_at IS 'When the tutor left; NULL while they are here.';

CREATE VIEW tutormax.v_interventions_history AS
SELECT
    h.id AS step_id,
    h.intervention_id,
    h.tutor_id,
    h.from_status,
    h.to_status,
    h.assigned_to,
    h.outcome,
    h.actor_kind,
    h.actor_id,
    h.occurred_at
FROM tutormax.interventions_history AS h;

COMMENT ON VIEW tutormax.v_interventions_history IS
'Every step of every intervention, for analysts: all but the reasons in words and the database logins.';
COMMENT ON COLUMN tutormax.v_interventions_history.step_id IS 'Order of the steps.';
COMMENT ON COLUMN tutormax.v_interventions_history.intervention_id IS 'The intervention, which may be gone.';
COMMENT ON COLUMN tutormax.v_interventions_history.tutor_id IS 'Its tutor.';
COMMENT ON COLUMN tutormax.v_interventions_history.from_status IS 'Status before; NULL for the first step.';
COMMENT ON COLUMN tutormax.v_interventions_history.to_status IS 'Status after; NULL where the row was deleted.';
COMMENT ON COLUMN tutormax.v_interventions_history.assigned_to IS 'Who was to do it after the step (auth.users.id).';
COMMENT ON COLUMN tutormax.v_interventions_history.outcome IS 'What came of it, where it was completed.';
COMMENT ON COLUMN tutormax.v_interventions_history.actor_kind IS 'As what the actor took the step: assignee, staff, admin or system.';
COMMENT ON COLUMN tutormax.v_interventions_history.actor_id IS
'Who took it (auth.users.id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN tutormax.v_interventions_history.occurred_at IS 'When: the start of the transaction.';

CREATE VIEW tutormax.v_sessions AS
SELECT
    s.session_id,
    s.tutor_id,
    t.tutor_name,
    s.student_id,
    u.grade_level,
    s.subject,
    s.scheduled_start,
    s.actual_start,
    round(extract(EPOCH FROM s.actual_start - s.scheduled_start) / 60)::integer AS minutes_late,
    s.duration_minutes,
    s.session_number,
    s.status,
    s.engagement_score,
    s.learning_objectives_met,
    f.overall_rating
FROM tutormax.sessions AS s
LEFT JOIN LATERAL (
    SELECT x.name AS tutor_name FROM tutormax.tutors AS x
    WHERE x.tutor_id = s.tutor_id
    LIMIT 1
) AS t ON true
LEFT JOIN LATERAL (
    SELECT x.grade_level FROM tutormax.students AS x
    WHERE x.student_id = s.student_id
    LIMIT 1
) AS u ON true
LEFT JOIN LATERAL (
    SELECT x.overall_rating FROM tutormax.student_feedback AS x
    WHERE x.session_id = s.session_id
    LIMIT 1
) AS f ON true;

COMMENT ON VIEW tutormax.v_sessions IS
'Every session with its tutor''s name and how it was rated, for analysts. Students, who may be children, are not named.';
COMMENT ON COLUMN tutormax.v_sessions.session_id IS 'The session.';
COMMENT ON COLUMN tutormax.v_sessions.tutor_id IS 'Who teaches.';
COMMENT ON COLUMN tutormax.v_sessions.tutor_name IS 'What the tutor is called. Personal data.';
COMMENT ON COLUMN tutormax.v_sessions.student_id IS 'Who learns.';
COMMENT ON COLUMN tutormax.v_sessions.grade_level IS 'What class the student is in; NULL: not known.';
COMMENT ON COLUMN tutormax.v_sessions.subject IS 'What is taught.';
COMMENT ON COLUMN tutormax.v_sessions.scheduled_start IS 'When it was to begin. Metrics count it on this day, in UTC.';
COMMENT ON COLUMN tutormax.v_sessions.actual_start IS 'When it began; NULL: it did not, or nobody recorded it.';
COMMENT ON COLUMN tutormax.v_sessions.minutes_late IS
'How many minutes later than scheduled it began; below 0: earlier; NULL: as actual_start.';
COMMENT ON COLUMN tutormax.v_sessions.duration_minutes IS 'How long it lasted, or was to last, in minutes.';
COMMENT ON COLUMN tutormax.v_sessions.session_number IS
'The how-manieth session of this student with this tutor it is, from 1.';
COMMENT ON COLUMN tutormax.v_sessions.status IS
'How it stands: scheduled, completed, no_show_tutor, no_show_student, cancelled or rescheduled.';
COMMENT ON COLUMN tutormax.v_sessions.engagement_score IS 'How much the student took part, 0 to 1; NULL: not measured.';
COMMENT ON COLUMN tutormax.v_sessions.learning_objectives_met IS
'Whether what was to be learned was learned; NULL: nobody said.';
COMMENT ON COLUMN tutormax.v_sessions.overall_rating IS 'How the student rated it, 1 to 5; NULL: not rated.';

CREATE VIEW tutormax.v_student_feedback AS
SELECT
    f.feedback_id,
    f.session_id,
    f.tutor_id,
    (
        SELECT x.name FROM tutormax.tutors AS x
        WHERE x.tutor_id = f.tutor_id
    ) AS tutor_name,
    f.student_id,
    f.overall_rating,
    f.subject_knowledge_rating,
    f.communication_rating,
    f.patience_rating,
    f.engagement_rating,
    f.helpfulness_rating,
    f.is_first_session,
    f.would_recommend,
    f.submitted_at
FROM tutormax.student_feedback AS f;

COMMENT ON VIEW tutormax.v_student_feedback IS
'How students rated sessions, for analysts: the figures, and nothing of what students, who may be children, said in words.';
COMMENT ON COLUMN tutormax.v_student_feedback.feedback_id IS 'Row number, without meaning.';
COMMENT ON COLUMN tutormax.v_student_feedback.session_id IS 'The session that it is about.';
COMMENT ON COLUMN tutormax.v_student_feedback.tutor_id IS 'That session''s tutor.';
COMMENT ON COLUMN tutormax.v_student_feedback.tutor_name IS 'What the tutor is called. Personal data.';
COMMENT ON COLUMN tutormax.v_student_feedback.student_id IS 'That session''s student.';
COMMENT ON COLUMN tutormax.v_student_feedback.overall_rating IS 'How good it was altogether, 1 (bad) to 5 (very good).';
COMMENT ON COLUMN tutormax.v_student_feedback.subject_knowledge_rating IS
'How well the tutor knows the subject, 1 to 5; NULL: not said.';
COMMENT ON COLUMN tutormax.v_student_feedback.communication_rating IS
'How well the tutor explains, 1 to 5; NULL: not said.';
COMMENT ON COLUMN tutormax.v_student_feedback.patience_rating IS 'How patient the tutor was, 1 to 5; NULL: not said.';
COMMENT ON COLUMN tutormax.v_student_feedback.engagement_rating IS
'How much the tutor drew the student in, 1 to 5; NULL: not said.';
COMMENT ON COLUMN tutormax.v_student_feedback.helpfulness_rating IS 'How much it helped, 1 to 5; NULL: not said.';
COMMENT ON COLUMN tutormax.v_student_feedback.is_first_session IS
'Whether it was the student''s first session with this tutor.';
COMMENT ON COLUMN tutormax.v_student_feedback.would_recommend IS
'Whether the student would recommend the tutor; NULL: not said.';
COMMENT ON COLUMN tutormax.v_student_feedback.submitted_at IS
'When the student said it. Metrics count it on this day, in UTC.';

CREATE VIEW tutormax.v_performance_metrics AS
SELECT
    m.tutor_id,
    (
        SELECT x.name FROM tutormax.tutors AS x
        WHERE x.tutor_id = m.tutor_id
    ) AS tutor_name,
    m.metric_window,
    m.calculation_date,
    m.definition_version,
    m.performance_tier,
    m.sessions_total,
    m.sessions_settled,
    m.sessions_completed,
    m.completion_rate,
    m.no_show_count,
    m.no_show_rate,
    m.student_no_show_count,
    m.reschedule_count,
    m.reschedule_rate,
    m.avg_rating,
    m.rating_count,
    m.first_session_count,
    m.first_session_success_rate,
    m.engagement_score,
    m.learning_objectives_met_pct
FROM tutormax.tutor_performance_metrics AS m;

COMMENT ON VIEW tutormax.v_performance_metrics IS
'The metrics of every tutor, window and day, for analysts: how a tutor did over time. v_tutor_dashboard has the latest.';
COMMENT ON COLUMN tutormax.v_performance_metrics.tutor_id IS 'The tutor.';
COMMENT ON COLUMN tutormax.v_performance_metrics.tutor_name IS 'What the tutor is called. Personal data.';
COMMENT ON COLUMN tutormax.v_performance_metrics.metric_window IS 'Over how many days: 7d, 30d or 90d.';
COMMENT ON COLUMN tutormax.v_performance_metrics.calculation_date IS 'The last of these days (UTC).';
COMMENT ON COLUMN tutormax.v_performance_metrics.definition_version IS
'By which version of the definitions they were computed.';
COMMENT ON COLUMN tutormax.v_performance_metrics.performance_tier IS
'How the tutor did: exemplary, strong, developing, needs_attention, at_risk; NULL: too few sessions.';
COMMENT ON COLUMN tutormax.v_performance_metrics.sessions_total IS
'Sessions that were to begin in the window, whatever became of them.';
COMMENT ON COLUMN tutormax.v_performance_metrics.sessions_settled IS 'Those of which it is known what became of them.';
COMMENT ON COLUMN tutormax.v_performance_metrics.sessions_completed IS 'Those that took place.';
COMMENT ON COLUMN tutormax.v_performance_metrics.completion_rate IS
'Share of the settled ones that took place, 0 to 1.';
COMMENT ON COLUMN tutormax.v_performance_metrics.no_show_count IS 'Those to which the tutor did not come.';
COMMENT ON COLUMN tutormax.v_performance_metrics.no_show_rate IS 'Their share of the settled ones, 0 to 1.';
COMMENT ON COLUMN tutormax.v_performance_metrics.student_no_show_count IS 'Those to which the student did not come.';
COMMENT ON COLUMN tutormax.v_performance_metrics.reschedule_count IS 'Those that were rescheduled.';
COMMENT ON COLUMN tutormax.v_performance_metrics.reschedule_rate IS 'Their share of the settled ones, 0 to 1.';
COMMENT ON COLUMN tutormax.v_performance_metrics.avg_rating IS 'Mean rating by students, 1 to 5; NULL: none.';
COMMENT ON COLUMN tutormax.v_performance_metrics.rating_count IS 'How many ratings that is the mean of.';
COMMENT ON COLUMN tutormax.v_performance_metrics.first_session_count IS 'How many first sessions were rated.';
COMMENT ON COLUMN tutormax.v_performance_metrics.first_session_success_rate IS
'Share of them rated 4 or 5, 0 to 1; NULL: none was rated.';
COMMENT ON COLUMN tutormax.v_performance_metrics.engagement_score IS
'Mean engagement of students in completed sessions, 0 to 1.';
COMMENT ON COLUMN tutormax.v_performance_metrics.learning_objectives_met_pct IS
'Percentage of completed sessions whose objectives were met, where somebody said so.';

CREATE VIEW tutormax.v_churn_predictions AS
SELECT
    p.prediction_id,
    p.tutor_id,
    (
        SELECT x.name FROM tutormax.tutors AS x
        WHERE x.tutor_id = p.tutor_id
    ) AS tutor_name,
    p.prediction_date,
    p.churn_score,
    p.risk_level,
    p.probability_1d,
    p.probability_7d,
    p.probability_30d,
    p.probability_90d,
    p.contributing_factors,
    p.model_version,
    p.feature_cutoff,
    p.is_current
FROM tutormax.churn_predictions AS p;

COMMENT ON VIEW tutormax.v_churn_predictions IS
'Every prediction, for analysts: how a score has changed, and how models compare. v_churn_watchlist has the current ones that matter.';
COMMENT ON COLUMN tutormax.v_churn_predictions.prediction_id IS 'The prediction.';
COMMENT ON COLUMN tutormax.v_churn_predictions.tutor_id IS 'Whom it is about.';
COMMENT ON COLUMN tutormax.v_churn_predictions.tutor_name IS 'What the tutor is called. Personal data.';
COMMENT ON COLUMN tutormax.v_churn_predictions.prediction_date IS 'When it was made.';
COMMENT ON COLUMN tutormax.v_churn_predictions.churn_score IS 'How likely the tutor is to leave, 0 to 100.';
COMMENT ON COLUMN tutormax.v_churn_predictions.risk_level IS 'What the score means: Low, Medium, High, Critical.';
COMMENT ON COLUMN tutormax.v_churn_predictions.probability_1d IS
'Probability that the tutor leaves within 1 day of prediction_date, 0 to 1.';
COMMENT ON COLUMN tutormax.v_churn_predictions.probability_7d IS 'The same within 7 days.';
COMMENT ON COLUMN tutormax.v_churn_predictions.probability_30d IS 'The same within 30 days.';
COMMENT ON COLUMN tutormax.v_churn_predictions.probability_90d IS 'The same within 90 days.';
COMMENT ON COLUMN tutormax.v_churn_predictions.contributing_factors IS 'What the model goes by: factors and weights.';
COMMENT ON COLUMN tutormax.v_churn_predictions.model_version IS 'Which model said it.';
COMMENT ON COLUMN tutormax.v_churn_predictions.feature_cutoff IS 'Until when the model knew what had happened.';
COMMENT ON COLUMN tutormax.v_churn_predictions.is_current IS 'Whether it is the latest of a tutor who has not left.';

CREATE VIEW tutormax.v_tutor_events AS
SELECT
    e.event_id,
    e.tutor_id,
    (
        SELECT x.name FROM tutormax.tutors AS x
        WHERE x.tutor_id = e.tutor_id
    ) AS tutor_name,
    e.event_type,
    e.event_timestamp,
    e.source
FROM tutormax.tutor_events AS e;

COMMENT ON VIEW tutormax.v_tutor_events IS
'What tutors did, such as logins and reschedules, for analysts: all but what else the source says. Filter by event_timestamp.';
COMMENT ON COLUMN tutormax.v_tutor_events.event_id IS 'Order in which events were recorded.';
COMMENT ON COLUMN tutormax.v_tutor_events.tutor_id IS 'Who did it.';
COMMENT ON COLUMN tutormax.v_tutor_events.tutor_name IS 'What the tutor is called. Personal data.';
COMMENT ON COLUMN tutormax.v_tutor_events.event_type IS 'What happened, such as login or reschedule.';
COMMENT ON COLUMN tutormax.v_tutor_events.event_timestamp IS 'When it happened.';
COMMENT ON COLUMN tutormax.v_tutor_events.source IS 'The system that reports it, such as web.';

CREATE VIEW tutormax.v_audit_log AS
SELECT
    a.id AS change_id,
    a.table_name,
    a.row_key,
    a.operation,
    coalesce(
        (
            SELECT array_agg(c.name ORDER BY c.name)
            FROM (
                SELECT k.name
                FROM jsonb_object_keys(coalesce(a.new_values, a.old_values)) AS k (name)
                WHERE a.operation = 'update'
                UNION ALL
                SELECT s.name FROM unnest(a.secret_columns) AS s (name)
            ) AS c
        ),
        '{}'
    ) AS changed_columns,
    a.actor_kind,
    a.actor_id,
    a.transaction_id,
    a.occurred_at
FROM tutormax.audit_log AS a;

COMMENT ON VIEW tutormax.v_audit_log IS
'Who changed which row of this schema and when, for analysts: all but the values and the database logins. Filter by occurred_at.';
COMMENT ON COLUMN tutormax.v_audit_log.change_id IS 'Order of the changes.';
COMMENT ON COLUMN tutormax.v_audit_log.table_name IS 'The table whose row changed.';
COMMENT ON COLUMN tutormax.v_audit_log.row_key IS 'The row: its key columns and their values.';
COMMENT ON COLUMN tutormax.v_audit_log.operation IS 'insert, update, delete, or scrub for an erasure of values from the log.';
COMMENT ON COLUMN tutormax.v_audit_log.changed_columns IS
'What an update changed, and which secret columns an insert or delete had filled.';
COMMENT ON COLUMN tutormax.v_audit_log.actor_kind IS 'As what the actor did it: user, admin or system.';
COMMENT ON COLUMN tutormax.v_audit_log.actor_id IS
'Who did it (auth.users.id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN tutormax.v_audit_log.transaction_id IS 'The transaction, the same for all that it changed.';
COMMENT ON COLUMN tutormax.v_audit_log.occurred_at IS 'When: the start of the transaction.';
