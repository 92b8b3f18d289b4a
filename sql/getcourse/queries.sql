-- name: add_mentor
-- Writes a version of a mentor down, who or which is new or without one at that time.
-- budget: 40 buffers
INSERT INTO getcourse.mentors (email, first_name, last_name, telegram_id, valid_from, valid_to)
VALUES (
    :email, :first_name, :last_name, :telegram_id,
    coalesce(:valid_from, now()), coalesce(:valid_to, '9999-12-31 00:00:00+00'::timestamptz)
)
RETURNING
    version_id, id, email, first_name, last_name, telegram_id, valid_from, valid_to, is_open, created_at, updated_at;

-- name: revise_mentor
-- Another version of a mentor, from valid_from on; the one before ends there.
-- budget: 130 buffers
SELECT
    version_id, id, email, first_name, last_name, telegram_id, valid_from, valid_to, is_open, created_at, updated_at
FROM getcourse.revise_mentor(
    :mentor_id, :email, :first_name, :last_name, :telegram_id, :valid_from, :actor_id
);

-- name: close_mentor
-- Ends a mentor.
-- budget: 75 buffers
SELECT
    version_id, id, email, first_name, last_name, telegram_id, valid_from, valid_to, is_open, created_at, updated_at
FROM getcourse.close_mentor(:mentor_id, :valid_to, :actor_id);

-- name: mentor
-- One mentor, as of an instant.
-- budget: 15 buffers
SELECT
    version_id, id, email, first_name, last_name, telegram_id, valid_from, valid_to, is_open, created_at, updated_at
FROM getcourse.mentors_as_of(coalesce(:as_of, now()))
WHERE id = :mentor_id;

-- name: mentors
-- Mentors as of an instant; after_id is the last id of the page before.
-- budget: 120 buffers
SELECT
    version_id, id, email, first_name, last_name, telegram_id, valid_from, valid_to, is_open, created_at, updated_at
FROM getcourse.mentors_as_of(coalesce(:as_of, now()))
WHERE id > :after_id
ORDER BY id
LIMIT :page_size;

-- name: mentor_versions
-- Every version of a mentor, oldest first.
-- budget: 15 buffers
SELECT
    version_id, id, email, first_name, last_name, telegram_id, valid_from, valid_to, is_open, created_at, updated_at
FROM getcourse.mentors
WHERE id = :mentor_id
ORDER BY valid_from, valid_to;

-- name: mentor_by_email
-- One mentor, by the e-mail address of the latest version, as of an instant.
-- budget: 20 buffers
SELECT
    version_id, id, email, first_name, last_name, telegram_id, valid_from, valid_to, is_open, created_at, updated_at
FROM getcourse.mentors_as_of(coalesce(:as_of, now()))
WHERE id = (
    SELECT k.id FROM getcourse.mentor_ids AS k
    WHERE k.email = lower(:email) -- noqa: RF02
);

-- name: add_student
-- Writes a version of a student down, who or which is new or without one at that time.
-- budget: 40 buffers
INSERT INTO getcourse.students (getcourse_user_id, email, first_name, last_name, valid_from, valid_to)
VALUES (
    :getcourse_user_id, :email, :first_name, :last_name,
    coalesce(:valid_from, now()), coalesce(:valid_to, '9999-12-31 00:00:00+00'::timestamptz)
)
RETURNING
    version_id, id, getcourse_user_id, email, first_name, last_name, valid_from, valid_to, is_open, created_at,
    updated_at;

-- name: revise_student
-- Another version of a student, from valid_from on; the one before ends there.
-- budget: 130 buffers
SELECT
    version_id, id, getcourse_user_id, email, first_name, last_name, valid_from, valid_to, is_open, created_at,
    updated_at
FROM getcourse.revise_student(
    :student_id, :email, :getcourse_user_id, :first_name, :last_name, :valid_from, :actor_id
);

-- name: close_student
-- Ends a student.
-- budget: 65 buffers
SELECT
    version_id, id, getcourse_user_id, email, first_name, last_name, valid_from, valid_to, is_open, created_at,
    updated_at
FROM getcourse.close_student(:student_id, :valid_to, :actor_id);

-- name: student
-- One student, as of an instant.
-- budget: 15 buffers
SELECT
    version_id, id, getcourse_user_id, email, first_name, last_name, valid_from, valid_to, is_open, created_at,
    updated_at
FROM getcourse.students_as_of(coalesce(:as_of, now()))
WHERE id = :student_id;

-- name: students
-- Students as of an instant; after_id is the last id of the page before.
-- budget: 120 buffers
SELECT
    version_id, id, getcourse_user_id, email, first_name, last_name, valid_from, valid_to, is_open, created_at,
    updated_at
FROM getcourse.students_as_of(coalesce(:as_of, now()))
WHERE id > :after_id
ORDER BY id
LIMIT :page_size;

-- name: student_versions
-- Every version of a student, oldest first.
-- budget: 15 buffers
SELECT
    version_id, id, getcourse_user_id, email, first_name, last_name, valid_from, valid_to, is_open, created_at,
    updated_at
FROM getcourse.students
WHERE id = :student_id
ORDER BY valid_from, valid_to;

-- name: student_by_email
-- One student, by the e-mail address of the latest version, as of an instant.
-- budget: 20 buffers
SELECT
    version_id, id, getcourse_user_id, email, first_name, last_name, valid_from, valid_to, is_open, created_at,
    updated_at
FROM getcourse.students_as_of(coalesce(:as_of, now()))
WHERE id = (
    SELECT k.id FROM getcourse.student_ids AS k
    WHERE k.email = lower(:email) -- noqa: RF02
);

-- name: add_training
-- Writes a version of a training down, who or which is new or without one at that time.
-- budget: 35 buffers
INSERT INTO getcourse.trainings (training_id, title, is_active, valid_from, valid_to)
VALUES (
    :training_id, :title, :is_active,
    coalesce(:valid_from, now()), coalesce(:valid_to, '9999-12-31 00:00:00+00'::timestamptz)
)
RETURNING
    version_id, training_id, title, is_active, valid_from, valid_to, is_open, created_at, updated_at;

-- name: revise_training
-- Another version of a training, from valid_from on; the one before ends there.
-- budget: 110 buffers
SELECT
    version_id, training_id, title, is_active, valid_from, valid_to, is_open, created_at, updated_at
FROM getcourse.revise_training(
    :training_id, :title, :is_active, :valid_from, :actor_id
);

-- name: close_training
-- Ends a training.
-- budget: 65 buffers
SELECT
    version_id, training_id, title, is_active, valid_from, valid_to, is_open, created_at, updated_at
FROM getcourse.close_training(:training_id, :valid_to, :actor_id);

-- name: training
-- One training, as of an instant.
-- budget: 15 buffers
SELECT
    version_id, training_id, title, is_active, valid_from, valid_to, is_open, created_at, updated_at
FROM getcourse.trainings_as_of(coalesce(:as_of, now()))
WHERE training_id = :training_id;

-- name: trainings
-- Trainings as of an instant; after_id is the last one of the page before.
-- budget: 120 buffers
SELECT
    version_id, training_id, title, is_active, valid_from, valid_to, is_open, created_at, updated_at
FROM getcourse.trainings_as_of(coalesce(:as_of, now()))
WHERE training_id > :after_id
ORDER BY training_id
LIMIT :page_size;

-- name: training_versions
-- Every version of a training, oldest first.
-- budget: 15 buffers
SELECT
    version_id, training_id, title, is_active, valid_from, valid_to, is_open, created_at, updated_at
FROM getcourse.trainings
WHERE training_id = :training_id
ORDER BY valid_from, valid_to;

-- name: add_lesson
-- Writes a version of a lesson down, who or which is new or without one at that time.
-- budget: 35 buffers
INSERT INTO getcourse.lessons (lesson_id, training_id, title, position, valid_from, valid_to)
VALUES (
    :lesson_id, :training_id, :title, :position,
    coalesce(:valid_from, now()), coalesce(:valid_to, '9999-12-31 00:00:00+00'::timestamptz)
)
RETURNING
    version_id, lesson_id, training_id, title, position, valid_from, valid_to, is_open, created_at, updated_at;

-- name: revise_lesson
-- Another version of a lesson, from valid_from on; the one before ends there.
-- budget: 130 buffers
SELECT
    version_id, lesson_id, training_id, title, position, valid_from, valid_to, is_open, created_at, updated_at
FROM getcourse.revise_lesson(
    :lesson_id, :training_id, :title, :position, :valid_from, :actor_id
);

-- name: close_lesson
-- Ends a lesson.
-- budget: 65 buffers
SELECT
    version_id, lesson_id, training_id, title, position, valid_from, valid_to, is_open, created_at, updated_at
FROM getcourse.close_lesson(:lesson_id, :valid_to, :actor_id);

-- name: lesson
-- One lesson, as of an instant.
-- budget: 20 buffers
SELECT
    version_id, lesson_id, training_id, title, position, valid_from, valid_to, is_open, created_at, updated_at
FROM getcourse.lessons_as_of(coalesce(:as_of, now()))
WHERE lesson_id = :lesson_id;

-- name: lessons
-- The lessons of a training as of an instant; after_id is the last one of the page before.
-- budget: 120 buffers
SELECT
    version_id, lesson_id, training_id, title, position, valid_from, valid_to, is_open, created_at, updated_at
FROM getcourse.lessons_as_of(coalesce(:as_of, now()))
WHERE training_id = :training_id AND lesson_id > :after_id
ORDER BY lesson_id
LIMIT :page_size;

-- name: lesson_versions
-- Every version of a lesson, oldest first.
-- budget: 20 buffers
SELECT
    version_id, lesson_id, training_id, title, position, valid_from, valid_to, is_open, created_at, updated_at
FROM getcourse.lessons
WHERE lesson_id = :lesson_id
ORDER BY valid_from, valid_to;

-- name: add_mapping
-- Writes a version of a mapping down, who or which is new or without one at that time.
-- budget: 65 buffers
INSERT INTO getcourse.mapping (student_id, mentor_id, training_id, valid_from, valid_to)
VALUES (
    :student_id, :mentor_id, :training_id,
    coalesce(:valid_from, now()), coalesce(:valid_to, '9999-12-31 00:00:00+00'::timestamptz)
)
RETURNING
    version_id, id, student_id, mentor_id, training_id, valid_from, valid_to, is_open, created_at, updated_at;

-- name: revise_mapping
-- Another version of a mapping, from valid_from on; the one before ends there.
-- budget: 135 buffers
SELECT
    version_id, id, student_id, mentor_id, training_id, valid_from, valid_to, is_open, created_at, updated_at
FROM getcourse.revise_mapping(
    :mapping_id, :mentor_id, :valid_from, :actor_id
);

-- name: close_mapping
-- Ends a mapping.
-- budget: 70 buffers
SELECT
    version_id, id, student_id, mentor_id, training_id, valid_from, valid_to, is_open, created_at, updated_at
FROM getcourse.close_mapping(:mapping_id, :valid_to, :actor_id);

-- name: mapping_versions
-- Every version of a mapping, oldest first.
-- budget: 15 buffers
SELECT
    version_id, id, student_id, mentor_id, training_id, valid_from, valid_to, is_open, created_at, updated_at
FROM getcourse.mapping
WHERE id = :mapping_id
ORDER BY valid_from, valid_to;

-- name: mentor_mappings
-- Whom a mentor mentors as of an instant; after_id is the last id of the page before.
-- budget: 1000 buffers
SELECT
    id, training_id, training_title, student_id, student_getcourse_user_id, student_email, student_first_name,
    student_last_name, mentor_id, mentor_email, mentor_first_name, mentor_last_name, mentor_telegram_id, valid_from,
    valid_to
FROM getcourse.active_mappings_as_of(coalesce(:as_of, now()))
WHERE mentor_id = :mentor_id AND id > :after_id
ORDER BY id
LIMIT :page_size;

-- name: student_mappings
-- Who mentors a student as of an instant; after_id is the last id of the page before.
-- budget: 700 buffers
SELECT
    id, training_id, training_title, student_id, student_getcourse_user_id, student_email, student_first_name,
    student_last_name, mentor_id, mentor_email, mentor_first_name, mentor_last_name, mentor_telegram_id, valid_from,
    valid_to
FROM getcourse.active_mappings_as_of(coalesce(:as_of, now()))
WHERE student_id = :student_id AND id > :after_id
ORDER BY id
LIMIT :page_size;

-- name: training_mappings
-- Who mentors whom in a training as of an instant; after_id is the last id of the page before.
-- budget: 1000 buffers
SELECT
    id, training_id, training_title, student_id, student_getcourse_user_id, student_email, student_first_name,
    student_last_name, mentor_id, mentor_email, mentor_first_name, mentor_last_name, mentor_telegram_id, valid_from,
    valid_to
FROM getcourse.active_mappings_as_of(coalesce(:as_of, now()))
WHERE training_id = :training_id AND id > :after_id
ORDER BY id
LIMIT :page_size;

-- name: mapping_for
-- Who mentors the student with this e-mail address in a training, as of an instant.
-- budget: 20 buffers
SELECT
    id, training_id, training_title, student_id, student_getcourse_user_id, student_email, student_first_name,
    student_last_name, mentor_id, mentor_email, mentor_first_name, mentor_last_name, mentor_telegram_id, valid_from,
    valid_to
FROM getcourse.active_mappings_as_of(coalesce(:as_of, now()))
WHERE
    student_id = (
        SELECT k.id FROM getcourse.student_ids AS k
        WHERE k.email = lower(:email) -- noqa: RF02
    )
    AND training_id = :training_id;

-- name: receive_webhook
-- Takes one webhook as it came.
-- budget: 40 buffers
SELECT event_id, is_duplicate, quarantine_id, reason, detail
FROM getcourse.receive_webhook(:body, :source);

-- name: receive_webhooks
-- Takes many webhooks as they came; how many came in, were there, and went to quarantine.
-- budget: 70 buffers
SELECT received, duplicates, quarantined
FROM getcourse.receive_webhooks(:bodies, :source);

-- name: ingest_staged
-- Takes in what COPY put into webhook_staging.
-- budget: 300 buffers
SELECT received, duplicates, quarantined
FROM getcourse.ingest_staged(:at_most);

-- name: quarantined
-- What could not be taken, oldest first; after_id is the last id of the page before.
-- budget: 60 buffers
SELECT id, source, reason, detail, raw_text, duplicates, created_at, updated_at
FROM getcourse.webhook_quarantine
WHERE id > :after_id
ORDER BY id
LIMIT :page_size;

-- name: retry_quarantined
-- Takes a webhook in again that is in quarantine.
-- budget: 40 buffers
SELECT event_id, is_duplicate, quarantine_id, reason, detail
FROM getcourse.retry_quarantined(:quarantine_id);

-- name: claim_webhooks
-- Gives a worker what is to be processed.
-- budget: 200 buffers
SELECT
    id, source, event_date, user_id, user_email, answer_id, answer_training_id, answer_lesson_id, answer_status,
    answer_text, raw_payload, dedupe_key, duplicates, status, processed, processed_at, attempts, next_attempt_at,
    lease_until, lease_token, error_message, created_at, updated_at
FROM getcourse.claim_webhooks(:at_most, :lease, :after_id, :after_due, :after_due_id);

-- name: finish_webhook
-- A worker reports how its attempt ended.
-- budget: 35 buffers
SELECT
    id, source, event_date, user_id, user_email, answer_id, answer_training_id, answer_lesson_id, answer_status,
    answer_text, raw_payload, dedupe_key, duplicates, status, processed, processed_at, attempts, next_attempt_at,
    lease_until, lease_token, error_message, created_at, updated_at
FROM getcourse.finish_webhook(:event_id, :lease_token, :outcome, :error, :retry_after);

-- name: finish_webhooks
-- A worker reports that webhooks of one claim are done; of how many that is new.
-- budget: 250 buffers
SELECT getcourse.finish_webhooks(:event_ids, :lease_token);

-- name: recover_webhooks
-- Takes back what workers did not finish within their lease.
-- budget: 50 buffers
SELECT released, dead, checked_until
FROM getcourse.recover_webhooks(:after_lease, :at_most);

-- name: replay_webhook
-- Processes a dead webhook again.
-- budget: 30 buffers
SELECT
    id, source, event_date, user_id, user_email, answer_id, answer_training_id, answer_lesson_id, answer_status,
    answer_text, raw_payload, dedupe_key, duplicates, status, processed, processed_at, attempts, next_attempt_at,
    lease_until, lease_token, error_message, created_at, updated_at
FROM getcourse.replay_webhook(:event_id);

-- name: replay_dead_webhooks
-- Processes dead webhooks again; how many.
-- budget: 270 buffers
SELECT getcourse.replay_dead_webhooks(:at_most);

-- name: webhook
-- One webhook, by id.
-- budget: 10 buffers
SELECT
    id, source, event_date, user_id, user_email, answer_id, answer_training_id, answer_lesson_id, answer_status,
    answer_text, raw_payload, dedupe_key, duplicates, status, processed, processed_at, attempts, next_attempt_at,
    lease_until, lease_token, error_message, created_at, updated_at
FROM getcourse.webhook_events
WHERE id = :event_id;

-- name: webhooks_of
-- The webhooks of a student, newest first; after_id is the last id of the page before.
-- budget: 60 buffers
SELECT
    id, source, event_date, user_id, user_email, answer_id, answer_training_id, answer_lesson_id, answer_status,
    answer_text, raw_payload, dedupe_key, duplicates, status, processed, processed_at, attempts, next_attempt_at,
    lease_until, lease_token, error_message, created_at, updated_at
FROM getcourse.webhook_events
WHERE user_email = :user_email AND id < :after_id
ORDER BY id DESC
LIMIT :page_size;

-- name: stuck_webhooks
-- Webhooks that a person has to look at, oldest first; after_id is the last id of the page before.
-- budget: 60 buffers
SELECT
    id, source, event_date, user_id, user_email, answer_id, answer_training_id, answer_lesson_id, answer_status,
    answer_text, raw_payload, dedupe_key, duplicates, status, processed, processed_at, attempts, next_attempt_at,
    lease_until, lease_token, error_message, created_at, updated_at
FROM getcourse.webhook_events
WHERE status = 'dead' AND id > :after_id
ORDER BY id
LIMIT :page_size;

-- name: enqueue
-- Queues one notification; the same again is counted and the first returned.
-- budget: 40 buffers
SELECT
    id, mentor_id, type, message, webhook_event_id, message_hash, duplicates, status, attempts, next_attempt_at,
    lease_until, lease_token, last_error, recipient_telegram_id, telegram_message_id, sent_at, created_at, updated_at
FROM getcourse.enqueue(:mentor_id, :type, :message, :webhook_event_id);

-- name: enqueue_many
-- Queues many notifications; how many were queued, cannot be sent, and were there.
-- budget: 100 buffers
SELECT queued, cancelled, duplicates
FROM getcourse.enqueue_many(:mentor_ids, :types, :messages, :webhook_event_ids);

-- name: claim
-- Gives a worker what is to be sent.
-- budget: 200 buffers
SELECT
    id, mentor_id, type, message, webhook_event_id, message_hash, duplicates, status, attempts, next_attempt_at,
    lease_until, lease_token, last_error, recipient_telegram_id, telegram_message_id, sent_at, created_at, updated_at
FROM getcourse.claim(:at_most, :lease, :after_id, :after_due, :after_due_id);

-- name: begin_attempt
-- A worker sends now: the notification, or nothing if it is not to be sent.
-- budget: 60 buffers
SELECT
    id, mentor_id, type, message, webhook_event_id, message_hash, duplicates, status, attempts, next_attempt_at,
    lease_until, lease_token, last_error, recipient_telegram_id, telegram_message_id, sent_at, created_at, updated_at
FROM getcourse.begin_attempt(:notification_id, :lease_token, :lease);

-- name: finish
-- A worker reports how its attempt ended.
-- budget: 500 buffers
SELECT
    id, mentor_id, type, message, webhook_event_id, message_hash, duplicates, status, attempts, next_attempt_at,
    lease_until, lease_token, last_error, recipient_telegram_id, telegram_message_id, sent_at, created_at, updated_at
FROM getcourse.finish(:notification_id, :lease_token, :outcome, :error, :retry_after, :telegram_message_id);

-- name: recover
-- Takes back what workers did not finish within their lease.
-- budget: 60 buffers
SELECT released, uncertain, checked_until
FROM getcourse.recover(:after_lease, :at_most);

-- name: replay
-- Sends a dead, uncertain or cancelled notification again.
-- budget: 35 buffers
SELECT
    id, mentor_id, type, message, webhook_event_id, message_hash, duplicates, status, attempts, next_attempt_at,
    lease_until, lease_token, last_error, recipient_telegram_id, telegram_message_id, sent_at, created_at, updated_at
FROM getcourse.replay(:notification_id);

-- name: replay_dead
-- Sends dead letters again; how many.
-- budget: 270 buffers
SELECT getcourse.replay_dead(:at_most);

-- name: notification
-- One notification, by id.
-- budget: 10 buffers
SELECT
    id, mentor_id, type, message, webhook_event_id, message_hash, duplicates, status, attempts, next_attempt_at,
    lease_until, lease_token, last_error, recipient_telegram_id, telegram_message_id, sent_at, created_at, updated_at
FROM getcourse.notifications
WHERE id = :notification_id;

-- name: notifications_about
-- What was told of a webhook, oldest first.
-- budget: 10 buffers
SELECT
    id, mentor_id, type, message, webhook_event_id, message_hash, duplicates, status, attempts, next_attempt_at,
    lease_until, lease_token, last_error, recipient_telegram_id, telegram_message_id, sent_at, created_at, updated_at
FROM getcourse.notifications
WHERE webhook_event_id = :webhook_event_id
ORDER BY id;

-- name: stuck
-- Notifications that a person has to look at, dead and uncertain, oldest first; after_id is the last id of the page before.
-- budget: 60 buffers
SELECT
    id, mentor_id, type, message, webhook_event_id, message_hash, duplicates, status, attempts, next_attempt_at,
    lease_until, lease_token, last_error, recipient_telegram_id, telegram_message_id, sent_at, created_at, updated_at
FROM getcourse.notifications
WHERE status IN ('dead', 'uncertain') AND id > :after_id
ORDER BY id
LIMIT :page_size;

-- name: mark_reachable
-- The bot reaches a Telegram account again; whether it did not before.
-- budget: 5 buffers
SELECT getcourse.mark_reachable(:telegram_id);

-- name: queues
-- How the two queues stand.
-- budget: 950 buffers
SELECT queue, backlog, in_work, oldest_waiting_since, dead, uncertain, quarantined
FROM getcourse.v_queues
ORDER BY queue;

-- name: table_sizes
-- How much room each table takes, the largest first.
-- budget: 160 buffers
SELECT table_name, table_bytes, index_bytes, total_bytes
FROM getcourse.v_table_sizes
ORDER BY total_bytes DESC;

-- name: slow_queries
-- The slowest queries of this database.
-- budget: 20 buffers
SELECT query, calls, total_exec_time, mean_exec_time
FROM getcourse.slow_queries(:at_most);

-- name: log
-- Writes a line of the application's log.
-- budget: 10 buffers
INSERT INTO getcourse.application_logs (level, logger, message, context)
VALUES (:level, :logger, :message, :context);

-- name: log_error
-- Writes an error of the application down.
-- budget: 10 buffers
INSERT INTO getcourse.error_logs (error_type, message, traceback, context)
VALUES (:error_type, :message, :traceback, :context);
