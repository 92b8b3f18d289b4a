GRANT USAGE ON SCHEMA getcourse, platform TO getcourse_app;
GRANT EXECUTE ON FUNCTION
platform.current_actor(name), platform.is_application(name),
getcourse.mentors_as_of(timestamptz), getcourse.students_as_of(timestamptz), getcourse.trainings_as_of(timestamptz),
getcourse.lessons_as_of(timestamptz), getcourse.mapping_as_of(timestamptz),
getcourse.active_mappings_as_of(timestamptz),
getcourse.revise_mentor(bigint, text, text, text, bigint, timestamptz, bigint),
getcourse.revise_student(bigint, text, text, text, text, timestamptz, bigint),
getcourse.revise_training(text, text, boolean, timestamptz, bigint),
getcourse.revise_lesson(text, text, text, integer, timestamptz, bigint),
getcourse.revise_mapping(bigint, bigint, timestamptz, bigint),
getcourse.close_mentor(bigint, timestamptz, bigint), getcourse.close_student(bigint, timestamptz, bigint),
getcourse.close_training(text, timestamptz, bigint), getcourse.close_lesson(text, timestamptz, bigint),
getcourse.close_mapping(bigint, timestamptz, bigint),
getcourse.receive_webhook(text, text), getcourse.receive_webhooks(text[], text), getcourse.ingest_staged(integer),
getcourse.retry_quarantined(bigint),
getcourse.claim_webhooks(integer, interval, bigint, timestamptz, bigint),
getcourse.finish_webhook(bigint, uuid, getcourse.outcome, text, interval),
getcourse.finish_webhooks(bigint[], uuid),
getcourse.recover_webhooks(timestamptz, integer), getcourse.replay_webhook(bigint),
getcourse.replay_dead_webhooks(integer), getcourse.allowed_webhook_steps(getcourse.webhook_status),
getcourse.enqueue(bigint, text, text, bigint),
getcourse.enqueue_many(bigint[], text[], text[], bigint[]),
getcourse.claim(integer, interval, bigint, timestamptz, bigint),
getcourse.begin_attempt(bigint, uuid, interval),
getcourse.finish(bigint, uuid, getcourse.outcome, text, interval, text),
getcourse.recover(timestamptz, integer), getcourse.replay(bigint), getcourse.replay_dead(integer),
getcourse.mark_reachable(bigint), getcourse.slow_queries(integer)
TO getcourse_app;

GRANT SELECT ON
getcourse.settings, getcourse.mentor_ids, getcourse.student_ids, getcourse.training_ids, getcourse.lesson_ids,
getcourse.mapping_ids, getcourse.webhook_transitions, getcourse.webhook_quarantine, getcourse.unreachable_mentors,
getcourse.bot_pauses, getcourse.notification_transitions,
getcourse.v_active_mentors, getcourse.v_active_students, getcourse.v_active_trainings, getcourse.v_active_lessons,
getcourse.v_active_mappings, getcourse.v_pending_webhooks, getcourse.v_pending_notifications, getcourse.v_queues,
getcourse.v_table_sizes
TO getcourse_app;

-- Versions are inserted and ended as the document does it; identities are found by triggers. updated_at stands in its
-- statements, and is stamped by the database whatever is given.
GRANT SELECT,
INSERT (id, email, first_name, last_name, telegram_id, valid_from, valid_to),
UPDATE (email, first_name, last_name, telegram_id, valid_from, valid_to, updated_at)
ON getcourse.mentors TO getcourse_app;
GRANT SELECT,
INSERT (id, getcourse_user_id, email, first_name, last_name, valid_from, valid_to),
UPDATE (getcourse_user_id, email, first_name, last_name, valid_from, valid_to, updated_at)
ON getcourse.students TO getcourse_app;
GRANT SELECT,
INSERT (training_id, title, is_active, valid_from, valid_to),
UPDATE (title, is_active, valid_from, valid_to, updated_at)
ON getcourse.trainings TO getcourse_app;
GRANT SELECT,
INSERT (lesson_id, training_id, title, position, valid_from, valid_to),
UPDATE (training_id, title, position, valid_from, valid_to, updated_at)
ON getcourse.lessons TO getcourse_app;
GRANT SELECT,
INSERT (id, student_id, mentor_id, training_id, valid_from, valid_to),
UPDATE (mentor_id, valid_from, valid_to, updated_at)
ON getcourse.mapping TO getcourse_app;

-- n8n inserts webhooks; whoever processes them without a worker marks them.
GRANT SELECT,
INSERT (
    source, event_date, user_id, user_email, answer_id, answer_training_id, answer_lesson_id, answer_status, answer_text,
    raw_payload, processed
),
UPDATE (processed, processed_at, error_message)
ON getcourse.webhook_events TO getcourse_app;
GRANT INSERT (source, body) ON getcourse.webhook_staging TO getcourse_app;
-- Other steps are taken by the functions above.
GRANT SELECT, INSERT (mentor_id, type, message, webhook_event_id) ON getcourse.notifications TO getcourse_app;

GRANT SELECT, INSERT (level, logger, message, context) ON getcourse.application_logs TO getcourse_app;
GRANT SELECT, INSERT (error_type, message, traceback, context) ON getcourse.error_logs TO getcourse_app;

GRANT USAGE ON SCHEMA getcourse TO mentorbase_reader;
GRANT USAGE ON TYPE
getcourse.webhook_status, getcourse.notification_status, getcourse.quarantine_reason, getcourse.log_level
TO mentorbase_reader;
GRANT SELECT ON
getcourse.v_active_mentors, getcourse.v_active_students, getcourse.v_active_trainings, getcourse.v_active_lessons,
getcourse.v_active_mappings, getcourse.v_pending_webhooks, getcourse.v_pending_notifications,
getcourse.v_webhook_backlog, getcourse.v_notification_backlog, getcourse.v_queues, getcourse.v_webhook_quarantine,
getcourse.v_application_logs, getcourse.v_error_logs, getcourse.v_table_sizes, getcourse.v_audit_log
TO mentorbase_reader;

GRANT SELECT ON
getcourse.v_mapping_versions, getcourse.v_webhook_events, getcourse.v_notifications, getcourse.v_unreachable_mentors
TO mentorbase_reader;
