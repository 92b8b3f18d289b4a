-- name: create_user
-- Registers a person.
INSERT INTO auth.users (telegram_id, role, username, first_name, last_name, language_code, timezone)
VALUES (:telegram_id, :role, :username, :first_name, :last_name, :language_code, :timezone)
RETURNING
    id, telegram_id, role, username, first_name, last_name, language_code, timezone, is_active,
    created_at, updated_at;

-- name: user
-- One person, by id.
SELECT
    id, telegram_id, role, username, first_name, last_name, language_code, timezone, is_active,
    created_at, updated_at
FROM auth.users
WHERE id = :user_id;

-- name: user_by_telegram_id
-- One person, by their Telegram account.
SELECT
    id, telegram_id, role, username, first_name, last_name, language_code, timezone, is_active,
    created_at, updated_at
FROM auth.users
WHERE telegram_id = :telegram_id;
