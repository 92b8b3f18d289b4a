GRANT USAGE ON SCHEMA tutormax, platform TO tutormax_app;
GRANT EXECUTE ON FUNCTION
platform.current_actor(name), platform.is_application(name), platform.allowed_steps(name, name, text, text),
tutormax.definition_version(), tutormax.relations_of(text, integer),
tutormax.compute_performance_metrics(date, tutormax.metric_window[]),
tutormax.open_intervention(text, text, text, date, bigint, bigint, bigint, text),
tutormax.change_intervention(
    bigint, tutormax.intervention_status, bigint, date, tutormax.intervention_outcome, bigint, text
),
tutormax.store_range(uuid, tutormax.bulk_target, bigint, bigint),
tutormax.store_bulk(uuid, tutormax.bulk_target)
TO tutormax_app;

GRANT SELECT ON
tutormax.settings, tutormax.tutor_performance_metrics, tutormax.interventions_transitions,
tutormax.interventions_history
TO tutormax_app;

GRANT SELECT,
INSERT (tutor_id, name, email, onboarding_date, status, subjects, baseline_sessions_per_week, churned_at),
UPDATE (name, email, onboarding_date, status, subjects, baseline_sessions_per_week, churned_at)
ON tutormax.tutors TO tutormax_app;
GRANT SELECT, INSERT (student_id, name, grade_level), UPDATE (name, grade_level) ON tutormax.students TO tutormax_app;
GRANT SELECT,
INSERT (
    session_id, tutor_id, student_id, subject, scheduled_start, actual_start, duration_minutes, session_number, status,
    engagement_score, learning_objectives_met
),
UPDATE (
    tutor_id, student_id, subject, scheduled_start, actual_start, duration_minutes, session_number, status,
    engagement_score, learning_objectives_met
)
ON tutormax.sessions TO tutormax_app;
GRANT SELECT,
INSERT (
    session_id, tutor_id, student_id, overall_rating, subject_knowledge_rating, communication_rating, patience_rating,
    engagement_rating, helpfulness_rating, is_first_session, would_recommend, improvement_areas, free_text, submitted_at
)
ON tutormax.student_feedback TO tutormax_app;
GRANT SELECT,
INSERT (
    tutor_id, prediction_date, churn_score, probability_1d, probability_7d, probability_30d, probability_90d,
    contributing_factors, model_version, feature_cutoff
)
ON tutormax.churn_predictions TO tutormax_app;
GRANT SELECT,
INSERT (tutor_id, intervention_type, trigger_reason, prediction_id, status, assigned_to, due_date),
UPDATE (status, assigned_to, due_date, outcome)
ON tutormax.interventions TO tutormax_app;
GRANT SELECT, INSERT (tutor_id, event_type, event_timestamp, source, source_event_id, metadata)
ON tutormax.tutor_events TO tutormax_app;
GRANT SELECT, INSERT, DELETE ON tutormax.bulk_rows TO tutormax_app;

GRANT USAGE ON SCHEMA tutormax TO mentorbase_reader;
GRANT USAGE ON TYPE
tutormax.tutor_status, tutormax.performance_tier, tutormax.risk_level, tutormax.intervention_status,
tutormax.intervention_outcome, tutormax.party
TO mentorbase_reader;
GRANT SELECT ON
tutormax.v_tutor_dashboard, tutormax.v_churn_watchlist, tutormax.v_intervention_outcomes,
tutormax.v_interventions_history, tutormax.v_audit_log
TO mentorbase_reader;

GRANT USAGE ON TYPE tutormax.session_status, tutormax.metric_window TO mentorbase_reader;
GRANT SELECT ON
tutormax.v_sessions, tutormax.v_student_feedback, tutormax.v_performance_metrics, tutormax.v_churn_predictions,
tutormax.v_tutor_events
TO mentorbase_reader;
