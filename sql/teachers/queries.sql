-- name: save_teacher
-- Makes a person a teacher, or replaces all that their profile says.
-- budget: 15 buffers
INSERT INTO teachers.teachers (telegram_id, specialization, bio, rate, rate_currency, timezone, is_active)
VALUES (:telegram_id, :specialization, :bio, :rate, :rate_currency, :timezone, :is_active)
ON CONFLICT (telegram_id) DO UPDATE
    SET
        specialization = excluded.specialization,
        bio = excluded.bio,
        rate = excluded.rate,
        rate_currency = excluded.rate_currency,
        timezone = excluded.timezone,
        is_active = excluded.is_active
RETURNING telegram_id, specialization, bio, rate, rate_currency, timezone, is_active, created_at, updated_at;

-- name: teacher
-- One teacher, by their Telegram account.
-- budget: 6 buffers
SELECT telegram_id, specialization, bio, rate, rate_currency, timezone, is_active, created_at, updated_at
FROM teachers.teachers
WHERE telegram_id = :telegram_id;

-- name: save_teacher_language
-- A language that a teacher teaches, and how well they speak it.
-- budget: 15 buffers
INSERT INTO teachers.teacher_languages (teacher_telegram_id, language, level, is_native)
VALUES (:telegram_id, :language, :level, :is_native)
ON CONFLICT (teacher_telegram_id, language) DO UPDATE
    SET level = excluded.level, is_native = excluded.is_native
RETURNING teacher_telegram_id, language, level, is_native, created_at, updated_at;

-- name: remove_teacher_language
-- A teacher teaches a language no more; the language, or no row if they did not teach it.
-- budget: 11 buffers
DELETE FROM teachers.teacher_languages
WHERE teacher_telegram_id = :telegram_id AND language = :language
RETURNING language;

-- name: teacher_languages
-- The languages that a teacher teaches.
-- budget: 6 buffers
SELECT teacher_telegram_id, language, level, is_native, created_at, updated_at
FROM teachers.teacher_languages
WHERE teacher_telegram_id = :telegram_id
ORDER BY language;

-- name: teachers_of
-- Who teaches a language and is active, by telegram_id; after_id is the last one of the page before.
-- budget: 80 buffers
SELECT l.teacher_telegram_id, l.language, l.level, l.is_native, l.created_at, l.updated_at
FROM teachers.teacher_languages AS l
WHERE
    l.language = :language AND l.teacher_telegram_id > :after_id
    AND EXISTS (
        SELECT FROM teachers.teachers AS t
        WHERE t.telegram_id = l.teacher_telegram_id AND t.is_active
    )
ORDER BY l.teacher_telegram_id
LIMIT :page_size;
