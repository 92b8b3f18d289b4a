-- name: save_student
-- Makes a person a student, or replaces all that their profile says.
-- budget: 25 buffers
INSERT INTO students.students (telegram_id, learning_goals, timezone, is_active)
VALUES (:telegram_id, :learning_goals, :timezone, :is_active)
ON CONFLICT (telegram_id) DO UPDATE
    SET learning_goals = excluded.learning_goals, timezone = excluded.timezone, is_active = excluded.is_active
RETURNING telegram_id, learning_goals, timezone, is_active, created_at, updated_at;

-- name: student
-- One student, by their Telegram account.
-- budget: 6 buffers
SELECT telegram_id, learning_goals, timezone, is_active, created_at, updated_at
FROM students.students
WHERE telegram_id = :telegram_id;

-- name: students
-- Those of these people who are students; measured with 30.
-- budget: 130 buffers
SELECT telegram_id, learning_goals, timezone, is_active, created_at, updated_at
FROM students.students
WHERE telegram_id = any(:telegram_ids)
ORDER BY telegram_id;

-- name: save_student_language
-- A language that a student learns, from which level to which.
-- budget: 11 buffers
INSERT INTO students.student_languages (student_telegram_id, language, current_level, target_level)
VALUES (:telegram_id, :language, :current_level, :target_level)
ON CONFLICT (student_telegram_id, language) DO UPDATE
    SET current_level = excluded.current_level, target_level = excluded.target_level
RETURNING student_telegram_id, language, current_level, target_level, created_at, updated_at;

-- name: remove_student_language
-- A student learns a language no more; the language, or no row if they did not learn it.
-- budget: 5 buffers
DELETE FROM students.student_languages
WHERE student_telegram_id = :telegram_id AND language = :language
RETURNING language;

-- name: student_languages
-- The languages that a student learns.
-- budget: 6 buffers
SELECT student_telegram_id, language, current_level, target_level, created_at, updated_at
FROM students.student_languages
WHERE student_telegram_id = :telegram_id
ORDER BY language;

-- name: apply_to_group
-- A student asks for a seat in a group, or is enrolled at once.
-- budget: 45 buffers
SELECT
    id, student_telegram_id, group_id, membership_id, status, progress, enrolled_at, ended_at, created_at, updated_at
FROM students.apply_to_group(:telegram_id, :group_id, :status, :actor_id, :reason);

-- name: change_enrollment
-- Takes one step of an enrollment, or records progress, or both; NULL leaves as it is.
-- budget: 50 buffers
SELECT
    id, student_telegram_id, group_id, membership_id, status, progress, enrolled_at, ended_at, created_at, updated_at
FROM students.change_enrollment(:enrollment_id, :to_status, :progress, :actor_id, :reason);

-- name: enrollment
-- One enrollment, by id.
-- budget: 6 buffers
SELECT
    id, student_telegram_id, group_id, membership_id, status, progress, enrolled_at, ended_at, created_at, updated_at
FROM students.group_enrollments
WHERE id = :enrollment_id;

-- name: enrollments
-- A student's enrollments, newest first; after_id is the last id of the page before.
-- budget: 11 buffers
SELECT
    id, student_telegram_id, group_id, membership_id, status, progress, enrolled_at, ended_at, created_at, updated_at
FROM students.group_enrollments
WHERE student_telegram_id = :telegram_id AND id < :after_id
ORDER BY id DESC
LIMIT :page_size;

-- name: group_enrollments
-- A group's enrollments, newest first; after_id is the last id of the page before.
-- budget: 6 buffers
SELECT
    id, student_telegram_id, group_id, membership_id, status, progress, enrolled_at, ended_at, created_at, updated_at
FROM students.group_enrollments
WHERE group_id = :group_id AND id < :after_id
ORDER BY id DESC
LIMIT :page_size;

-- name: enrollment_history
-- The steps of one enrollment, oldest first; after_id is the last id of the page before.
-- budget: 6 buffers
SELECT
    id, enrollment_id, student_telegram_id, group_id, from_status, to_status, actor_kind, actor_id, reason, occurred_at
FROM students.group_enrollments_history
WHERE enrollment_id = :enrollment_id AND id > :after_id
ORDER BY id
LIMIT :page_size;
