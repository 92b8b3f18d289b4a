-- name: create_group
-- A teacher's new group.
-- budget: 11 buffers
INSERT INTO groups.groups (teacher_telegram_id, name, language, level, capacity, status)
VALUES (:teacher_telegram_id, :name, :language, :level, :capacity, :status)
RETURNING id, teacher_telegram_id, name, language, level, capacity, status, created_at, updated_at;

-- name: change_group
-- Replaces what a group says of itself; seats that are added go to whoever waits.
-- budget: 20 buffers
UPDATE groups.groups
SET name = :name, language = :language, level = :level, capacity = :capacity
WHERE id = :group_id
RETURNING id, teacher_telegram_id, name, language, level, capacity, status, created_at, updated_at;

-- name: change_group_status
-- Takes one step of a group's life.
-- budget: 1450 buffers
SELECT id, teacher_telegram_id, name, language, level, capacity, status, created_at, updated_at
FROM groups.change_group_status(:group_id, :to_status, :actor_id, :reason);

-- name: group
-- One group, by id.
-- budget: 5 buffers
SELECT id, teacher_telegram_id, name, language, level, capacity, status, created_at, updated_at
FROM groups.groups
WHERE id = :group_id;

-- name: teacher_groups
-- A teacher's groups, newest first; after_id is the last id of the page before.
-- budget: 7 buffers
SELECT id, teacher_telegram_id, name, language, level, capacity, status, created_at, updated_at
FROM groups.groups
WHERE teacher_telegram_id = :teacher_telegram_id AND id < :after_id
ORDER BY id DESC
LIMIT :page_size;

-- name: student_groups
-- The groups in which a student has a seat or waits for one, newest first; after_id is the last id of the page before.
-- budget: 20 buffers
WITH joined AS (
    SELECT m.group_id
    FROM groups.group_members AS m
    WHERE m.student_telegram_id = :student_telegram_id AND m.status IN ('waiting', 'active')
)

SELECT id, teacher_telegram_id, name, language, level, capacity, status, created_at, updated_at
FROM groups.groups
WHERE id IN (SELECT j.group_id FROM joined AS j) AND id < :after_id
ORDER BY id DESC
LIMIT :page_size;

-- name: open_groups
-- The groups of a language that can be joined, newest first; after_id is the last id of the page before.
-- budget: 10 buffers
SELECT id, teacher_telegram_id, name, language, level, capacity, status, created_at, updated_at
FROM groups.groups
WHERE language = :language AND status = 'open' AND id < :after_id
ORDER BY id DESC
LIMIT :page_size;

-- name: group_seats
-- How full a group is.
-- budget: 10 buffers
SELECT group_id, capacity, taken, free, waiting
FROM groups.v_groups
WHERE group_id = :group_id;

-- name: join_group
-- Brings a student into a group: active, or waiting where no seat is free.
-- budget: 105 buffers
SELECT
    id, group_id, student_telegram_id, status, progress, invitation_id, requested_at, joined_at, ended_at, created_at,
    updated_at
FROM groups.join_group(:group_id, :student_telegram_id, :may_wait, :actor_id, :reason);

-- name: change_member
-- Takes one step of a membership, or records progress, or both; NULL leaves as it is.
-- budget: 250 buffers
SELECT
    id, group_id, student_telegram_id, status, progress, invitation_id, requested_at, joined_at, ended_at, created_at,
    updated_at
FROM groups.change_member(:member_id, :to_status, :progress, :actor_id, :reason);

-- name: member
-- One membership, by id.
-- budget: 6 buffers
SELECT
    id, group_id, student_telegram_id, status, progress, invitation_id, requested_at, joined_at, ended_at, created_at,
    updated_at
FROM groups.group_members
WHERE id = :member_id;

-- name: active_members
-- Who has a seat in a group, in the order of asking; after_id is the last id of the page before.
-- budget: 10 buffers
WITH page_before AS (
    SELECT l.requested_at AS ends_at
    FROM groups.group_members AS l
    WHERE l.id = :after_id
)

SELECT
    id, group_id, student_telegram_id, status, progress, invitation_id, requested_at, joined_at, ended_at, created_at,
    updated_at
FROM groups.group_members
WHERE
    group_id = :group_id AND status = 'active'
    AND (requested_at, id) > (coalesce((SELECT p.ends_at FROM page_before AS p), '-infinity'), :after_id)
ORDER BY requested_at, id
LIMIT :page_size;

-- name: waiting_members
-- Who waits for a seat in a group, the next one first; after_id is the last id of the page before.
-- budget: 9 buffers
WITH page_before AS (
    SELECT l.requested_at AS ends_at
    FROM groups.group_members AS l
    WHERE l.id = :after_id
)

SELECT
    id, group_id, student_telegram_id, status, progress, invitation_id, requested_at, joined_at, ended_at, created_at,
    updated_at
FROM groups.group_members
WHERE
    group_id = :group_id AND status = 'waiting'
    AND (requested_at, id) > (coalesce((SELECT p.ends_at FROM page_before AS p), '-infinity'), :after_id)
ORDER BY requested_at, id
LIMIT :page_size;

-- name: memberships
-- A student's memberships, newest first; after_id is the last id of the page before.
-- budget: 12 buffers
SELECT
    id, group_id, student_telegram_id, status, progress, invitation_id, requested_at, joined_at, ended_at, created_at,
    updated_at
FROM groups.group_members
WHERE student_telegram_id = :student_telegram_id AND id < :after_id
ORDER BY id DESC
LIMIT :page_size;

-- name: invite
-- Makes an invitation into a group, of whose token only the hash comes here.
-- budget: 45 buffers
SELECT id, group_id, student_telegram_id, status, expires_at, ended_at, created_at, updated_at
FROM groups.invite(:group_id, :token_hash, :expires_at, :student_telegram_id, :actor_id, :reason);

-- name: accept_invitation
-- Uses an invitation: the student is in the group, or waits for a seat.
-- budget: 200 buffers
SELECT
    id, group_id, student_telegram_id, status, progress, invitation_id, requested_at, joined_at, ended_at, created_at,
    updated_at
FROM groups.accept_invitation(:token_hash, :student_telegram_id, :actor_id, :reason);

-- name: decline_invitation
-- Declines an invitation.
-- budget: 70 buffers
SELECT id, group_id, student_telegram_id, status, expires_at, ended_at, created_at, updated_at
FROM groups.decline_invitation(:token_hash, :student_telegram_id, :actor_id, :reason);

-- name: revoke_invitation
-- Takes an invitation back.
-- budget: 50 buffers
SELECT id, group_id, student_telegram_id, status, expires_at, ended_at, created_at, updated_at
FROM groups.revoke_invitation(:invitation_id, :actor_id, :reason);

-- name: invitations
-- A group's invitations, newest first; after_id is the last id of the page before.
-- budget: 6 buffers
SELECT id, group_id, student_telegram_id, status, expires_at, ended_at, created_at, updated_at
FROM groups.group_invitations
WHERE group_id = :group_id AND id < :after_id
ORDER BY id DESC
LIMIT :page_size;

-- name: expire_invitations
-- Marks invitations whose time is over; how many.
-- budget: 600 buffers
SELECT groups.expire_invitations(:at_most);

-- name: snapshot_progress
-- Writes down how one group, or every running one, stands today; how many.
-- budget: 30 buffers
SELECT groups.snapshot_progress(:group_id);

-- name: group_progress
-- How a group stood day by day, the latest day first; before is the last day of the page before.
-- budget: 45 buffers
SELECT
    group_id, as_of, capacity, active_members, waiting_members, completed_members, left_members, average_progress,
    created_at, updated_at
FROM groups.group_progress
WHERE group_id = :group_id AND as_of < :before
ORDER BY as_of DESC
LIMIT :page_size;

-- name: group_history
-- The steps of a group, its memberships and invitations, oldest first; after_id is the last id of the page before.
-- budget: 12 buffers
SELECT
    id, group_id, subject, subject_id, student_telegram_id, from_status, to_status, actor_kind, actor_id, reason,
    occurred_at
FROM groups.group_history
WHERE group_id = :group_id AND id > :after_id
ORDER BY id
LIMIT :page_size;
