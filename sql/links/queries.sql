-- name: create_lesson
-- A lesson with its participants, each of whom is told, all or nothing; measured with a group of 30.
-- budget: 3000 buffers
SELECT
    id, teacher_telegram_id, group_id, title, starts_at, ends_at, status, rescheduled_from, created_at, updated_at
FROM links.create_lesson(
    :teacher_telegram_id, :group_id, :student_telegram_ids, :title, :starts_at, :ends_at, :actor_id, :reason
);

-- name: user_profile
-- What the services know of a person.
-- budget: 150 buffers
SELECT "user", teacher, student, groups, lessons -- noqa: RF06
FROM links.user_profile(:telegram_id, :at_most);
