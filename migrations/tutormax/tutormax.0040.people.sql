-- What is whose, and under which names.
-- depends: tutormax.0001.init platform.0023.people

SET LOCAL ROLE mentorbase_owner;

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

-- What says nothing of a person by itself.
INSERT INTO platform.column_inventory (schema_name, table_name, column_name, class)
SELECT 'tutormax' AS schema_name, i.table_name, unnest(string_to_array(i.columns, ' ')) AS column_name, 'none' AS class
FROM (
    VALUES
    (
        'audit_log',
        'id table_name operation secret_columns actor_kind db_login db_role transaction_id occurred_at '
        'scrubbed_at'
    ),
    ('settings', 'name value unit meaning created_at updated_at'),
    ('interventions_transitions', 'id from_status to_status actor_kind'),
    ('tutors', 'onboarding_date status churned_at created_at updated_at'),
    ('students', 'created_at updated_at'),
    (
        'sessions',
        'session_id subject scheduled_start actual_start duration_minutes session_number status '
        'learning_objectives_met created_at updated_at'
    ),
    ('student_feedback', 'feedback_id session_id is_first_session submitted_at created_at updated_at'),
    ('metric_changes', 'change_id first_day last_day'),
    ('tutor_performance_metrics', 'metric_window calculation_date definition_version created_at updated_at'),
    ('churn_predictions', 'prediction_id prediction_date model_version feature_cutoff is_current created_at'),
    (
        'interventions',
        'intervention_id intervention_type prediction_id status due_date outcome closed_at created_at '
        'updated_at'
    ),
    ('interventions_history', 'intervention_id outcome id from_status to_status actor_kind db_login db_role occurred_at'),
    ('tutor_events', 'event_id event_type event_timestamp source source_event_id created_at')
) AS i (table_name, columns);

-- Whose the rest is, and what erasing them does.
INSERT INTO platform.column_inventory (
    schema_name, table_name, column_name, class, found_by, erasure, replacement, step
) VALUES
('tutormax', 'audit_log', 'old_values', 'record', NULL, 'keep', NULL, 5),
('tutormax', 'audit_log', 'new_values', 'record', NULL, 'keep', NULL, 5),
('tutormax', 'audit_log', 'row_key', 'record', NULL, 'keep', NULL, 5),
('tutormax', 'audit_log', 'actor_id', 'identifier', 't.actor_id = p.user_id', 'keep', NULL, 5),
('tutormax', 'tutors', 'tutor_id', 'identifier', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
('tutormax', 'tutors', 'name', 'personal', 't.tutor_id = p.tutor_id', 'replace', '''Erased''', 5),
(
    'tutormax', 'tutors', 'email', 'contact',
    't.tutor_id = p.tutor_id',
    'replace', 'format(''%s@erased.invalid'', md5(t.tutor_id))', 5
),
('tutormax', 'tutors', 'subjects', 'personal', 't.tutor_id = p.tutor_id', 'replace', '''{}''', 5),
('tutormax', 'tutors', 'baseline_sessions_per_week', 'personal', 't.tutor_id = p.tutor_id', 'clear', NULL, 5),
('tutormax', 'students', 'student_id', 'identifier', 't.student_id = p.student_id', 'keep', NULL, 5),
('tutormax', 'students', 'name', 'personal', 't.student_id = p.student_id', 'replace', '''Erased''', 5),
('tutormax', 'students', 'grade_level', 'personal', 't.student_id = p.student_id', 'clear', NULL, 5),
('tutormax', 'sessions', 'tutor_id', 'identifier', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
('tutormax', 'sessions', 'student_id', 'identifier', 't.student_id = p.student_id', 'keep', NULL, 5),
('tutormax', 'sessions', 'engagement_score', 'personal', 't.student_id = p.student_id', 'keep', NULL, 5),
('tutormax', 'student_feedback', 'tutor_id', 'identifier', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
('tutormax', 'student_feedback', 'student_id', 'identifier', 't.student_id = p.student_id', 'keep', NULL, 5),
('tutormax', 'student_feedback', 'overall_rating', 'personal', 't.student_id = p.student_id', 'keep', NULL, 5),
(
    'tutormax', 'student_feedback', 'subject_knowledge_rating', 'personal',
    't.student_id = p.student_id',
    'keep', NULL, 5
),
('tutormax', 'student_feedback', 'communication_rating', 'personal', 't.student_id = p.student_id', 'keep', NULL, 5),
('tutormax', 'student_feedback', 'patience_rating', 'personal', 't.student_id = p.student_id', 'keep', NULL, 5),
('tutormax', 'student_feedback', 'engagement_rating', 'personal', 't.student_id = p.student_id', 'keep', NULL, 5),
('tutormax', 'student_feedback', 'helpfulness_rating', 'personal', 't.student_id = p.student_id', 'keep', NULL, 5),
('tutormax', 'student_feedback', 'would_recommend', 'personal', 't.student_id = p.student_id', 'keep', NULL, 5),
('tutormax', 'student_feedback', 'improvement_areas', 'words', 't.student_id = p.student_id', 'replace', '''{}''', 5),
('tutormax', 'student_feedback', 'free_text', 'words', 't.student_id = p.student_id', 'clear', NULL, 5),
('tutormax', 'metric_changes', 'tutor_id', 'identifier', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
('tutormax', 'tutor_performance_metrics', 'tutor_id', 'identifier', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
('tutormax', 'tutor_performance_metrics', 'sessions_total', 'personal', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
('tutormax', 'tutor_performance_metrics', 'sessions_settled', 'personal', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
(
    'tutormax', 'tutor_performance_metrics', 'sessions_completed', 'personal',
    't.tutor_id = p.tutor_id',
    'keep', NULL, 5
),
('tutormax', 'tutor_performance_metrics', 'completion_rate', 'personal', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
('tutormax', 'tutor_performance_metrics', 'no_show_count', 'personal', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
('tutormax', 'tutor_performance_metrics', 'no_show_rate', 'personal', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
(
    'tutormax', 'tutor_performance_metrics', 'student_no_show_count', 'personal',
    't.tutor_id = p.tutor_id',
    'keep', NULL, 5
),
('tutormax', 'tutor_performance_metrics', 'reschedule_count', 'personal', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
('tutormax', 'tutor_performance_metrics', 'reschedule_rate', 'personal', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
('tutormax', 'tutor_performance_metrics', 'avg_rating', 'personal', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
('tutormax', 'tutor_performance_metrics', 'rating_count', 'personal', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
(
    'tutormax', 'tutor_performance_metrics', 'first_session_count', 'personal',
    't.tutor_id = p.tutor_id',
    'keep', NULL, 5
),
(
    'tutormax', 'tutor_performance_metrics', 'first_session_success_rate', 'personal',
    't.tutor_id = p.tutor_id',
    'keep', NULL, 5
),
('tutormax', 'tutor_performance_metrics', 'engagement_score', 'personal', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
(
    'tutormax', 'tutor_performance_metrics', 'learning_objectives_met_pct', 'personal',
    't.tutor_id = p.tutor_id',
    'keep', NULL, 5
),
('tutormax', 'tutor_performance_metrics', 'performance_tier', 'personal', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
('tutormax', 'churn_predictions', 'tutor_id', 'identifier', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
('tutormax', 'churn_predictions', 'churn_score', 'personal', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
('tutormax', 'churn_predictions', 'risk_level', 'personal', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
('tutormax', 'churn_predictions', 'probability_1d', 'personal', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
('tutormax', 'churn_predictions', 'probability_7d', 'personal', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
('tutormax', 'churn_predictions', 'probability_30d', 'personal', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
('tutormax', 'churn_predictions', 'probability_90d', 'personal', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
(
    'tutormax', 'churn_predictions', 'contributing_factors', 'personal',
    't.tutor_id = p.tutor_id',
    'replace', '''{}''', 5
),
('tutormax', 'interventions', 'tutor_id', 'identifier', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
('tutormax', 'interventions', 'assigned_to', 'identifier', 't.assigned_to = p.user_id', 'keep', NULL, 5),
('tutormax', 'interventions', 'trigger_reason', 'words', 't.tutor_id = p.tutor_id', 'replace', '''Erased''', 5),
('tutormax', 'interventions_history', 'tutor_id', 'identifier', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
('tutormax', 'interventions_history', 'assigned_to', 'identifier', 't.assigned_to = p.user_id', 'keep', NULL, 5),
('tutormax', 'interventions_history', 'actor_id', 'identifier', 't.actor_id = p.user_id', 'keep', NULL, 5),
(
    'tutormax', 'interventions_history', 'reason', 'words',
    't.tutor_id = p.tutor_id OR t.actor_id = p.user_id',
    'clear', NULL, 5
),
('tutormax', 'tutor_events', 'tutor_id', 'identifier', 't.tutor_id = p.tutor_id', 'keep', NULL, 5),
('tutormax', 'tutor_events', 'metadata', 'personal', 't.tutor_id = p.tutor_id', 'replace', '''{}''', 5),
(
    'tutormax', 'bulk_rows', 'document', 'words',
    'strpos(t.document, to_json(p.tutor_id)::text) > 0 OR strpos(t.document, to_json(p.student_id)::text) > 0',
    'delete', NULL, 5
),
(
    'tutormax', 'bulk_rows', 'load_id', 'none',
    'strpos(t.document, to_json(p.tutor_id)::text) > 0 OR strpos(t.document, to_json(p.student_id)::text) > 0',
    'delete', NULL, 5
),
(
    'tutormax', 'bulk_rows', 'position', 'none',
    'strpos(t.document, to_json(p.tutor_id)::text) > 0 OR strpos(t.document, to_json(p.student_id)::text) > 0',
    'delete', NULL, 5
);
