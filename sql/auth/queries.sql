-- name: create_user
-- Registers a person.
-- budget: 15 buffers
INSERT INTO auth.users (telegram_id, role, username, first_name, last_name, language_code, timezone)
VALUES (:telegram_id, :role, :username, :first_name, :last_name, :language_code, :timezone)
RETURNING
    id, telegram_id, role, username, first_name, last_name, language_code, timezone, is_active,
    created_at, updated_at;

-- name: user
-- One person, by id.
-- budget: 6 buffers
SELECT
    id, telegram_id, role, username, first_name, last_name, language_code, timezone, is_active,
    created_at, updated_at
FROM auth.users
WHERE id = :user_id;

-- name: user_by_telegram_id
-- One person, by their Telegram account.
-- budget: 6 buffers
SELECT
    id, telegram_id, role, username, first_name, last_name, language_code, timezone, is_active,
    created_at, updated_at
FROM auth.users
WHERE telegram_id = :telegram_id;

-- name: users_by_telegram_ids
-- Those of these people who have registered, by their Telegram accounts; measured with 30.
-- budget: 130 buffers
SELECT
    id, telegram_id, role, username, first_name, last_name, language_code, timezone, is_active,
    created_at, updated_at
FROM auth.users
WHERE telegram_id = any(:telegram_ids)
ORDER BY telegram_id;

-- name: save_contact
-- Writes a person's contact of one kind, encrypted by the application.
-- budget: 40 buffers
INSERT INTO auth.user_contacts AS c (user_id, kind, sealed, lookup_hash)
VALUES (:user_id, :kind, :sealed, :lookup_hash)
ON CONFLICT ON CONSTRAINT user_contacts_user_id_kind_key DO UPDATE
    SET
        sealed = excluded.sealed,
        lookup_hash = excluded.lookup_hash
RETURNING
    c.id, c.user_id, c.kind, c.sealed, c.lookup_hash, c.key_id, c.created_at, c.updated_at;

-- name: remove_contact
-- Forgets a person's contact of one kind; its id.
-- budget: 20 buffers
DELETE FROM auth.user_contacts
WHERE user_id = :user_id AND kind = :kind
RETURNING id;

-- name: contacts
-- A person's contacts, still encrypted.
-- budget: 10 buffers
SELECT
    id, user_id, kind, sealed, lookup_hash, key_id, created_at, updated_at
FROM auth.user_contacts
WHERE user_id = :user_id
ORDER BY kind;

-- name: user_by_contact
-- The person who has this contact.
-- budget: 12 buffers
WITH owner AS (
    SELECT c.user_id
    FROM auth.user_contacts AS c
    WHERE c.lookup_hash = :lookup_hash AND c.kind = :kind
)

SELECT
    id, telegram_id, role, username, first_name, last_name, language_code, timezone, is_active,
    created_at, updated_at
FROM auth.users
WHERE id = (SELECT o.user_id FROM owner AS o);

-- name: contact_keys
-- Which keys contacts are encrypted with: one step through the index a key.
-- budget: 20 buffers
WITH RECURSIVE found AS (
    SELECT min(c.key_id) AS key_id
    FROM auth.user_contacts AS c
    UNION ALL
    SELECT
        (
            SELECT min(c.key_id)
            FROM auth.user_contacts AS c
            WHERE c.key_id > f.key_id
        ) AS key_id
    FROM found AS f
    WHERE f.key_id IS NOT NULL
)

SELECT key_id
FROM found
WHERE key_id IS NOT NULL
ORDER BY key_id;

-- name: contacts_under
-- Contacts that are encrypted with this key, by id; after_id is the last id of the page before.
-- budget: 70 buffers
SELECT
    id, user_id, kind, sealed, lookup_hash, key_id, created_at, updated_at
FROM auth.user_contacts
WHERE key_id = :key_id AND id > :after_id
ORDER BY id
LIMIT :page_size;

-- name: reseal_contacts
-- Encrypted anew, each unless it was changed since it was read; the ids of those that were. Measured with 500.
-- budget: 15000 buffers
UPDATE auth.user_contacts AS c
SET
    sealed = n.sealed,
    lookup_hash = n.lookup_hash
FROM
    unnest(:contact_ids::bigint[], :former::bytea[], :sealed::bytea[], :lookup_hashes::bytea[])
        AS n (id, former, sealed, lookup_hash)
WHERE c.id = n.id AND c.sealed = n.former
RETURNING c.id;
