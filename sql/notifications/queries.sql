-- name: enqueue
-- Queues one notification; the same again is counted and the first returned.
-- budget: 30 buffers
SELECT
    id, recipient_telegram_id, template_code, channel, payload, body, dedupe_key, duplicates, not_before, status,
    attempts, next_attempt_at, lease_until, lease_token, last_error, external_id, sent_at, created_at, updated_at
FROM notifications.enqueue(
    :recipient_telegram_id, :template_code, :channel, :payload, :dedupe_key, :language_code, :not_before
);

-- name: enqueue_many
-- Queues one notification for each of these people; how many came to stand where.
-- budget: 1900 buffers
SELECT queued, waiting, cancelled, duplicates
FROM notifications.enqueue_many(
    :recipients, :template_code, :channel, :payload, :dedupe_key, :languages, :not_before
);

-- name: claim
-- Gives a worker what is to be sent on a channel.
-- budget: 250 buffers
SELECT
    id, recipient_telegram_id, template_code, channel, payload, body, dedupe_key, duplicates, not_before, status,
    attempts, next_attempt_at, lease_until, lease_token, last_error, external_id, sent_at, created_at, updated_at
FROM notifications.claim(:channel, :at_most, :lease, :after_id, :after_due, :after_due_id);

-- name: begin_attempt
-- A worker sends now: the notification, or nothing if it is not to be sent.
-- budget: 40 buffers
SELECT
    id, recipient_telegram_id, template_code, channel, payload, body, dedupe_key, duplicates, not_before, status,
    attempts, next_attempt_at, lease_until, lease_token, last_error, external_id, sent_at, created_at, updated_at
FROM notifications.begin_attempt(:notification_id, :lease_token, :lease);

-- name: finish
-- A worker reports how its attempt ended.
-- budget: 50 buffers
SELECT
    id, recipient_telegram_id, template_code, channel, payload, body, dedupe_key, duplicates, not_before, status,
    attempts, next_attempt_at, lease_until, lease_token, last_error, external_id, sent_at, created_at, updated_at
FROM notifications.finish(:notification_id, :lease_token, :outcome, :error, :retry_after, :external_id);

-- name: recover
-- Takes back what workers did not finish within their lease.
-- budget: 55 buffers
SELECT released, uncertain, checked_until
FROM notifications.recover(:channel, :after_lease, :at_most);

-- name: replay
-- Sends a dead, uncertain or cancelled notification again.
-- budget: 45 buffers
SELECT
    id, recipient_telegram_id, template_code, channel, payload, body, dedupe_key, duplicates, not_before, status,
    attempts, next_attempt_at, lease_until, lease_token, last_error, external_id, sent_at, created_at, updated_at
FROM notifications.replay(:notification_id);

-- name: replay_dead
-- Sends the dead letters of a channel again; how many.
-- budget: 400 buffers
SELECT notifications.replay_dead(:channel, :at_most);

-- name: notification
-- One notification, by id.
-- budget: 6 buffers
SELECT
    id, recipient_telegram_id, template_code, channel, payload, body, dedupe_key, duplicates, not_before, status,
    attempts, next_attempt_at, lease_until, lease_token, last_error, external_id, sent_at, created_at, updated_at
FROM notifications.notifications
WHERE id = :notification_id;

-- name: notifications_of
-- What a person was to be told, newest first; after_id is the last id of the page before.
-- budget: 25 buffers
SELECT
    id, recipient_telegram_id, template_code, channel, payload, body, dedupe_key, duplicates, not_before, status,
    attempts, next_attempt_at, lease_until, lease_token, last_error, external_id, sent_at, created_at, updated_at
FROM notifications.notifications
WHERE recipient_telegram_id = :recipient_telegram_id AND id < :after_id
ORDER BY id DESC
LIMIT :page_size;

-- name: stuck
-- What a person has to look at, dead and uncertain, oldest first; after_id is the last id of the page before.
-- budget: 40 buffers
SELECT
    id, recipient_telegram_id, template_code, channel, payload, body, dedupe_key, duplicates, not_before, status,
    attempts, next_attempt_at, lease_until, lease_token, last_error, external_id, sent_at, created_at, updated_at
FROM notifications.notifications
WHERE status IN ('dead', 'uncertain') AND id > :after_id
ORDER BY id
LIMIT :page_size;

-- name: notification_log
-- How a notification fared, oldest first.
-- budget: 9 buffers
SELECT
    id, notification_id, channel, from_status, to_status, attempt, error, occurred_at
FROM notifications.notification_logs
WHERE notification_id = :notification_id
ORDER BY occurred_at, id;

-- name: mark_reachable
-- A channel reaches a person again; whether it did not before.
-- budget: 7 buffers
SELECT notifications.mark_reachable(:recipient_telegram_id, :channel);

-- name: save_settings
-- Writes a person's settings of one channel and type.
-- budget: 30 buffers
SELECT
    telegram_id, channel, notification_type, is_enabled, quiet_from, quiet_to, timezone, created_at, updated_at
FROM notifications.save_settings(
    :telegram_id, :channel, :notification_type, :is_enabled, :quiet_from, :quiet_to, :timezone, :actor_id
);

-- name: settings
-- A person's settings, by channel and type.
-- budget: 6 buffers
SELECT
    telegram_id, channel, notification_type, is_enabled, quiet_from, quiet_to, timezone, created_at, updated_at
FROM notifications.user_notification_settings
WHERE telegram_id = :telegram_id
ORDER BY channel, notification_type;

-- name: save_template
-- Writes the template of a code, language and channel.
-- budget: 25 buffers
SELECT
    id, code, language_code, channel, body, created_at, updated_at
FROM notifications.save_template(:code, :language_code, :channel, :body, :actor_id);

-- name: templates
-- The templates of a code, by channel and language.
-- budget: 4 buffers
SELECT
    id, code, language_code, channel, body, created_at, updated_at
FROM notifications.notification_templates
WHERE code = :code
ORDER BY channel, language_code;
