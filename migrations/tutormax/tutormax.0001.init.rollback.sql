SET LOCAL ROLE mentorbase_owner;

DROP VIEW tutormax.v_audit_log;
DROP VIEW tutormax.v_interventions_history;
DROP VIEW tutormax.v_intervention_outcomes;
DROP VIEW tutormax.v_churn_watchlist;
DROP VIEW tutormax.v_tutor_dashboard;
DROP FUNCTION tutormax.maintain_events(boolean);
DROP FUNCTION tutormax.store_bulk(uuid, tutormax.bulk_target);
DROP FUNCTION tutormax.store_range(uuid, tutormax.bulk_target, bigint, bigint);
DROP FUNCTION tutormax.change_intervention(
    bigint, tutormax.intervention_status, bigint, date, tutormax.intervention_outcome, bigint, text
);
DROP FUNCTION tutormax.open_intervention(text, text, text, date, bigint, bigint, bigint, text);
DROP FUNCTION tutormax.relations_of(text, integer);
DROP FUNCTION tutormax.compute_performance_metrics(date, tutormax.metric_window[]);
DROP FUNCTION tutormax.tier_of(integer, numeric, numeric, numeric, numeric);
DROP FUNCTION tutormax.definition_version();
DROP FUNCTION tutormax.days_of(tutormax.metric_window);
DROP FUNCTION tutormax.setting(text);
DROP TABLE tutormax.audit_log;
DROP TABLE tutormax.bulk_rows;
DROP TABLE tutormax.tutor_events;
DROP TABLE tutormax.interventions_history;
DROP TABLE tutormax.interventions;
DROP TABLE tutormax.interventions_transitions;
DROP TABLE tutormax.churn_predictions;
DROP TABLE tutormax.tutor_performance_metrics;
DROP TABLE tutormax.metric_changes;
DROP TABLE tutormax.student_feedback;
DROP TABLE tutormax.sessions;
DROP TABLE tutormax.students;
DROP TABLE tutormax.tutors;
DROP TABLE tutormax.settings;
DROP FUNCTION tutormax.record_interventions_history();
DROP FUNCTION tutormax.guard_interventions();
DROP FUNCTION tutormax.intervention_side(bigint, platform.actor);
DROP FUNCTION tutormax.follow_tutor_status();
DROP FUNCTION tutormax.take_over_prediction();
DROP FUNCTION tutormax.note_feedback();
DROP FUNCTION tutormax.note_sessions();
DROP FUNCTION tutormax.guard_tutors();
DROP TYPE tutormax.bulk_target;
DROP TYPE tutormax.party;
DROP TYPE tutormax.intervention_outcome;
DROP TYPE tutormax.intervention_status;
DROP TYPE tutormax.risk_level;
DROP TYPE tutormax.performance_tier;
DROP TYPE tutormax.metric_window;
DROP TYPE tutormax.session_status;
DROP TYPE tutormax.tutor_status;
DROP SCHEMA tutormax;

REVOKE EXECUTE ON FUNCTION
platform.current_actor(name), platform.is_application(name), platform.allowed_steps(name, name, text, text)
FROM tutormax_app;
REVOKE USAGE ON SCHEMA platform FROM tutormax_app;
