SET LOCAL ROLE mentorbase_owner;

DROP VIEW getcourse.v_audit_log;
DROP VIEW getcourse.v_table_sizes;
DROP VIEW getcourse.v_error_logs;
DROP VIEW getcourse.v_application_logs;
DROP VIEW getcourse.v_webhook_quarantine;
DROP VIEW getcourse.v_queues;
DROP VIEW getcourse.v_notification_backlog;
DROP VIEW getcourse.v_webhook_backlog;
DROP VIEW getcourse.v_pending_notifications;
DROP VIEW getcourse.v_pending_webhooks;
DROP VIEW getcourse.v_active_mappings;
DROP VIEW getcourse.v_active_lessons;
DROP VIEW getcourse.v_active_trainings;
DROP VIEW getcourse.v_active_students;
DROP VIEW getcourse.v_active_mentors;
DROP FUNCTION getcourse.edit_active_mappings();
DROP FUNCTION getcourse.edit_active_lessons();
DROP FUNCTION getcourse.edit_active_trainings();
DROP FUNCTION getcourse.edit_active_students();
DROP FUNCTION getcourse.edit_active_mentors();
DROP FUNCTION getcourse.refuse_edit(text, text);
DROP FUNCTION getcourse.slow_queries(integer);
DROP FUNCTION getcourse.maintain_logs(boolean);
DROP FUNCTION getcourse.purge(boolean, bigint);
DROP FUNCTION getcourse.mark_reachable(bigint);
DROP FUNCTION getcourse.replay_dead(integer);
DROP FUNCTION getcourse.replay(bigint);
DROP FUNCTION getcourse.recover(timestamptz, integer);
DROP FUNCTION getcourse.finish(bigint, uuid, getcourse.outcome, text, interval, text);
DROP FUNCTION getcourse.begin_attempt(bigint, uuid, interval);
DROP FUNCTION getcourse.claim(integer, interval, bigint, timestamptz, bigint);
DROP FUNCTION getcourse.enqueue(bigint, text, text, bigint);
DROP FUNCTION getcourse.recipient(bigint);
DROP FUNCTION getcourse.replay_dead_webhooks(integer);
DROP FUNCTION getcourse.replay_webhook(bigint);
DROP FUNCTION getcourse.recover_webhooks(timestamptz, integer);
DROP FUNCTION getcourse.finish_webhook(bigint, uuid, getcourse.outcome, text, interval);
DROP FUNCTION getcourse.claim_webhooks(integer, interval, bigint, timestamptz, bigint);
DROP FUNCTION getcourse.retry_quarantined(bigint);
DROP FUNCTION getcourse.ingest_staged(integer);
DROP FUNCTION getcourse.receive_webhook(text, text);
DROP FUNCTION getcourse.receive_webhooks(text[], text);
DROP FUNCTION getcourse.parse_webhook(text, text);
DROP FUNCTION getcourse.active_mappings_as_of(timestamptz);
DROP FUNCTION getcourse.close_mapping(bigint, timestamptz, bigint);
DROP FUNCTION getcourse.revise_mapping(bigint, bigint, timestamptz, bigint);
DROP FUNCTION getcourse.mapping_as_of(timestamptz);
DROP FUNCTION getcourse.close_lesson(text, timestamptz, bigint);
DROP FUNCTION getcourse.revise_lesson(text, text, text, integer, timestamptz, bigint);
DROP FUNCTION getcourse.lessons_as_of(timestamptz);
DROP FUNCTION getcourse.close_training(text, timestamptz, bigint);
DROP FUNCTION getcourse.revise_training(text, text, boolean, timestamptz, bigint);
DROP FUNCTION getcourse.trainings_as_of(timestamptz);
DROP FUNCTION getcourse.close_student(bigint, timestamptz, bigint);
DROP FUNCTION getcourse.revise_student(bigint, text, text, text, text, timestamptz, bigint);
DROP FUNCTION getcourse.students_as_of(timestamptz);
DROP FUNCTION getcourse.close_mentor(bigint, timestamptz, bigint);
DROP FUNCTION getcourse.revise_mentor(bigint, text, text, text, bigint, timestamptz, bigint);
DROP FUNCTION getcourse.mentors_as_of(timestamptz);
DROP FUNCTION getcourse.allowed_steps(getcourse.notification_status);
DROP FUNCTION getcourse.allowed_webhook_steps(getcourse.webhook_status);
DROP FUNCTION getcourse.setting(text);
DROP FUNCTION getcourse.webhook_fault(getcourse.webhook_events);
DROP TABLE getcourse.audit_log;
DROP TABLE getcourse.error_logs;
DROP TABLE getcourse.application_logs;
DROP TABLE getcourse.notifications;
DROP TABLE getcourse.notification_transitions;
DROP TABLE getcourse.bot_pauses;
DROP TABLE getcourse.unreachable_mentors;
DROP TABLE getcourse.webhook_staging;
DROP TABLE getcourse.webhook_quarantine;
DROP TABLE getcourse.webhook_events;
DROP TABLE getcourse.webhook_keys;
DROP TABLE getcourse.webhook_transitions;
DROP TABLE getcourse.mapping;
DROP TABLE getcourse.lessons;
DROP TABLE getcourse.trainings;
DROP TABLE getcourse.students;
DROP TABLE getcourse.mentors;
DROP TABLE getcourse.mapping_ids;
DROP TABLE getcourse.lesson_ids;
DROP TABLE getcourse.training_ids;
DROP TABLE getcourse.student_ids;
DROP TABLE getcourse.mentor_ids;
DROP TABLE getcourse.settings;
DROP FUNCTION getcourse.wake_workers();
DROP FUNCTION getcourse.guard_notifications();
DROP FUNCTION getcourse.hash_message();
DROP FUNCTION getcourse.wake_webhook_workers();
DROP FUNCTION getcourse.guard_webhook_events();
DROP FUNCTION getcourse.take_webhook();
DROP FUNCTION getcourse.dedupe_key(text, text, timestamptz);
DROP FUNCTION getcourse.quarantine_webhook(text, getcourse.quarantine_reason, text, text);
DROP FUNCTION getcourse.identify_mapping();
DROP FUNCTION getcourse.identify_lessons();
DROP FUNCTION getcourse.identify_trainings();
DROP FUNCTION getcourse.identify_students();
DROP FUNCTION getcourse.identify_mentors();
DROP FUNCTION getcourse.guard_version();
DROP TYPE getcourse.log_level;
DROP TYPE getcourse.quarantine_reason;
DROP TYPE getcourse.outcome;
DROP TYPE getcourse.notification_status;
DROP TYPE getcourse.webhook_status;
DROP SCHEMA getcourse;

-- Stays where a DBA made it, and where something else needs it.
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_extension AS e
        WHERE e.extname = 'btree_gist' AND e.extowner = 'mentorbase_owner'::regrole
    ) THEN
        DROP EXTENSION btree_gist;
    END IF;
EXCEPTION
    WHEN dependent_objects_still_exist THEN
        NULL;
END
$$;

REVOKE EXECUTE ON FUNCTION platform.current_actor(name), platform.is_application(name) FROM getcourse_app;
REVOKE USAGE ON SCHEMA platform FROM getcourse_app;
