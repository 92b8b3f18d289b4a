-- name: plan_lesson
-- A teacher plans a lesson with its participants, all or nothing.
-- budget: 175 buffers
SELECT
    id, teacher_telegram_id, group_id, title, starts_at, ends_at, status, rescheduled_from, created_at, updated_at
FROM calendar.plan_lesson(
    :teacher_telegram_id, :title, :starts_at, :ends_at, :student_telegram_ids, :group_id, :actor_id, :reason
);

-- name: reschedule
-- Moves a planned lesson: cancelled, and another one with the same people instead.
-- budget: 750 buffers
SELECT
    id, teacher_telegram_id, group_id, title, starts_at, ends_at, status, rescheduled_from, created_at, updated_at
FROM calendar.reschedule(:lesson_id, :starts_at, :ends_at, :actor_id, :reason);

-- name: cancel_lesson
-- Calls a lesson off: planned becomes cancelled.
-- budget: 225 buffers
SELECT
    id, teacher_telegram_id, group_id, title, starts_at, ends_at, status, rescheduled_from, created_at, updated_at
FROM calendar.change_status(:lesson_id, 'cancelled', :actor_id, :reason);

-- name: complete_lesson
-- The lesson took place: planned becomes completed, once it is over.
-- budget: 35 buffers
SELECT
    id, teacher_telegram_id, group_id, title, starts_at, ends_at, status, rescheduled_from, created_at, updated_at
FROM calendar.change_status(:lesson_id, 'completed', :actor_id, :reason);

-- name: change_lesson
-- Replaces what a lesson is called and the group that it is for.
-- budget: 40 buffers
UPDATE calendar.lessons
SET
    title = :title,
    group_id = :group_id
WHERE id = :lesson_id
RETURNING
    id, teacher_telegram_id, group_id, title, starts_at, ends_at, status, rescheduled_from, created_at, updated_at;

-- name: lesson
-- One lesson, by id.
-- budget: 6 buffers
SELECT
    id, teacher_telegram_id, group_id, title, starts_at, ends_at, status, rescheduled_from, created_at, updated_at
FROM calendar.lessons
WHERE id = :lesson_id;

-- name: lesson_chain
-- A lesson with those that it replaced and those that replaced it, the first one first.
-- budget: 12 buffers
WITH RECURSIVE earlier AS (
    SELECT
        l.id,
        l.rescheduled_from
    FROM calendar.lessons AS l
    WHERE l.id = :lesson_id
    UNION ALL
    SELECT
        l.id,
        l.rescheduled_from
    FROM earlier AS e
    INNER JOIN calendar.lessons AS l ON e.rescheduled_from = l.id
),

chain AS (
    SELECT
        e.id,
        1 AS place
    FROM earlier AS e
    WHERE e.rescheduled_from IS NULL
    UNION ALL
    SELECT
        l.id,
        c.place + 1 AS place
    FROM chain AS c
    INNER JOIN calendar.lessons AS l ON c.id = l.rescheduled_from
)

SELECT
    l.id, l.teacher_telegram_id, l.group_id, l.title, l.starts_at, l.ends_at, l.status, l.rescheduled_from,
    l.created_at, l.updated_at
FROM chain AS c
INNER JOIN calendar.lessons AS l ON c.id = l.id
ORDER BY c.place;

-- name: teacher_lessons
-- A teacher's lessons from one instant on and before another, in order. The next page begins at the last one's starts_at, after its id.
-- budget: 10 buffers
SELECT
    id, teacher_telegram_id, group_id, title, starts_at, ends_at, status, rescheduled_from, created_at, updated_at
FROM calendar.lessons
WHERE
    teacher_telegram_id = :teacher_telegram_id
    AND (starts_at, id) > (:from_at, :after_id) AND starts_at < :until
ORDER BY starts_at, id
LIMIT :page_size;

-- name: student_lessons
-- A student's lessons from one instant on and before another, in order. The next page begins at the last one's starts_at, after its id.
-- budget: 175 buffers
SELECT
    l.id, l.teacher_telegram_id, l.group_id, l.title, l.starts_at, l.ends_at, l.status, l.rescheduled_from,
    l.created_at, l.updated_at
FROM (
    SELECT
        lesson_id,
        starts_at
    FROM calendar.lesson_participants
    WHERE
        student_telegram_id = :student_telegram_id
        AND (starts_at, lesson_id) > (:from_at, :after_id) AND starts_at < :until
    ORDER BY starts_at, lesson_id
    LIMIT :page_size
) AS page
INNER JOIN calendar.lessons AS l ON page.lesson_id = l.id
ORDER BY page.starts_at, page.lesson_id;

-- name: group_lessons
-- A group's lessons from one instant on and before another, in order. The next page begins at the last one's starts_at, after its id.
-- budget: 6 buffers
SELECT
    id, teacher_telegram_id, group_id, title, starts_at, ends_at, status, rescheduled_from, created_at, updated_at
FROM calendar.lessons
WHERE group_id = :group_id AND (starts_at, id) > (:from_at, :after_id) AND starts_at < :until
ORDER BY starts_at, id
LIMIT :page_size;

-- name: lesson_history
-- The steps of one lesson, oldest first; after_id is the last id of the page before.
-- budget: 6 buffers
SELECT
    id, lesson_id, teacher_telegram_id, from_status, to_status, actor_kind, actor_id, reason, occurred_at
FROM calendar.lesson_history
WHERE lesson_id = :lesson_id AND id > :after_id
ORDER BY id
LIMIT :page_size;

-- name: add_participants
-- Enters students into a lesson, all or none.
-- budget: 150 buffers
SELECT
    lesson_id, student_telegram_id, starts_at, ends_at, occupies, created_at, updated_at
FROM calendar.add_participants(:lesson_id, :student_telegram_ids, :actor_id);

-- name: remove_participant
-- Takes a student out of a lesson; whether they were in it.
-- budget: 30 buffers
SELECT calendar.remove_participant(:lesson_id, :student_telegram_id, :actor_id);

-- name: participants
-- Who learns in a lesson, by Telegram id; after_id is the last one of the page before.
-- budget: 6 buffers
SELECT
    lesson_id, student_telegram_id, starts_at, ends_at, occupies, created_at, updated_at
FROM calendar.lesson_participants
WHERE lesson_id = :lesson_id AND student_telegram_id > :after_id
ORDER BY student_telegram_id
LIMIT :page_size;

-- name: mark_attendance
-- Marks whether participants came, all or none.
-- budget: 45 buffers
SELECT
    lesson_id, student_telegram_id, status, marked_by, created_at, updated_at
FROM calendar.mark_attendance(:lesson_id, :student_telegram_ids, :status, :actor_id);

-- name: attendance
-- Who came to a lesson, by Telegram id; after_id is the last one of the page before.
-- budget: 6 buffers
SELECT
    lesson_id, student_telegram_id, status, marked_by, created_at, updated_at
FROM calendar.lesson_attendance
WHERE lesson_id = :lesson_id AND student_telegram_id > :after_id
ORDER BY student_telegram_id
LIMIT :page_size;

-- name: free_slots
-- When a teacher can be booked for so long, from one instant on and before another.
-- budget: 20 buffers
SELECT
    starts_at,
    ends_at
FROM calendar.free_slots(:teacher_telegram_id, :from_at, :until, :duration);

-- name: add_schedule
-- A teacher can be booked every week in this window.
-- budget: 10 buffers
INSERT INTO calendar.teacher_schedules (
    teacher_telegram_id, weekday, starts_local, ends_local, timezone, valid_from, valid_to
) VALUES (
    :teacher_telegram_id, :weekday, :starts_local, :ends_local, :timezone, :valid_from, :valid_to
)
RETURNING
    id, teacher_telegram_id, weekday, starts_local, ends_local, timezone, valid_from, valid_to, created_at, updated_at;

-- name: end_schedule
-- From this local day on a window no longer opens.
-- budget: 25 buffers
UPDATE calendar.teacher_schedules
SET valid_to = :valid_to
WHERE id = :schedule_id
RETURNING
    id, teacher_telegram_id, weekday, starts_local, ends_local, timezone, valid_from, valid_to, created_at, updated_at;

-- name: remove_schedule
-- Forgets a window, and returns what it was.
-- budget: 11 buffers
DELETE FROM calendar.teacher_schedules
WHERE id = :schedule_id
RETURNING
    id, teacher_telegram_id, weekday, starts_local, ends_local, timezone, valid_from, valid_to, created_at, updated_at;

-- name: schedules
-- A teacher's windows, newest first; after_id is the last id of the page before.
-- budget: 6 buffers
SELECT
    id, teacher_telegram_id, weekday, starts_local, ends_local, timezone, valid_from, valid_to, created_at, updated_at
FROM calendar.teacher_schedules
WHERE teacher_telegram_id = :teacher_telegram_id AND id < :after_id
ORDER BY id DESC
LIMIT :page_size;

-- name: add_absence
-- A teacher is away.
-- budget: 11 buffers
INSERT INTO calendar.teacher_unavailable (teacher_telegram_id, starts_at, ends_at)
VALUES (:teacher_telegram_id, :starts_at, :ends_at)
RETURNING
    id, teacher_telegram_id, starts_at, ends_at, created_at, updated_at;

-- name: remove_absence
-- Forgets an absence, and returns what it was.
-- budget: 11 buffers
DELETE FROM calendar.teacher_unavailable
WHERE id = :absence_id
RETURNING
    id, teacher_telegram_id, starts_at, ends_at, created_at, updated_at;

-- name: absences
-- A teacher's absences from one instant on and before another, in order. The next page begins at the last one's starts_at, after its id.
-- budget: 6 buffers
SELECT
    id, teacher_telegram_id, starts_at, ends_at, created_at, updated_at
FROM calendar.teacher_unavailable
WHERE
    teacher_telegram_id = :teacher_telegram_id
    AND (starts_at, id) > (:from_at, :after_id) AND starts_at < :until
ORDER BY starts_at, id
LIMIT :page_size;
