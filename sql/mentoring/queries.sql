-- name: request
-- Asks for a relationship: pending, or active at once where the other side has asked already.
SELECT
    id, mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes, subscribe_to_courses,
    subscribe_to_subjects, accepted_at, paused_at, paused_by, resume_at, completed_at, ended_at, ended_by,
    version, created_at, updated_at
FROM mentoring.request(:mentor_id, :mentee_id, :initiated_by, :actor_id, :reason);

-- name: accept
-- The side that was asked agrees: pending becomes active.
SELECT
    id, mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes, subscribe_to_courses,
    subscribe_to_subjects, accepted_at, paused_at, paused_by, resume_at, completed_at, ended_at, ended_by,
    version, created_at, updated_at
FROM mentoring.transition(:relationship_id, 'active', :actor_id, :reason, from_status => 'pending');

-- name: reject
-- The side that was asked declines: pending becomes rejected.
SELECT
    id, mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes, subscribe_to_courses,
    subscribe_to_subjects, accepted_at, paused_at, paused_by, resume_at, completed_at, ended_at, ended_by,
    version, created_at, updated_at
FROM mentoring.transition(:relationship_id, 'rejected', :actor_id, :reason);

-- name: cancel
-- The side that asked withdraws: pending becomes cancelled.
SELECT
    id, mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes, subscribe_to_courses,
    subscribe_to_subjects, accepted_at, paused_at, paused_by, resume_at, completed_at, ended_at, ended_by,
    version, created_at, updated_at
FROM mentoring.transition(:relationship_id, 'cancelled', :actor_id, :reason);

-- name: pause
-- Either side interrupts: active becomes paused, until somebody resumes or resume_at.
SELECT
    id, mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes, subscribe_to_courses,
    subscribe_to_subjects, accepted_at, paused_at, paused_by, resume_at, completed_at, ended_at, ended_by,
    version, created_at, updated_at
FROM mentoring.transition(:relationship_id, 'paused', :actor_id, :reason, resume_at => :resume_at);

-- name: resume
-- Whoever paused goes on: paused becomes active.
SELECT
    id, mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes, subscribe_to_courses,
    subscribe_to_subjects, accepted_at, paused_at, paused_by, resume_at, completed_at, ended_at, ended_by,
    version, created_at, updated_at
FROM mentoring.transition(:relationship_id, 'active', :actor_id, :reason, from_status => 'paused');

-- name: complete
-- The mentor declares the aim reached: active or paused becomes completed.
SELECT
    id, mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes, subscribe_to_courses,
    subscribe_to_subjects, accepted_at, paused_at, paused_by, resume_at, completed_at, ended_at, ended_by,
    version, created_at, updated_at
FROM mentoring.transition(:relationship_id, 'completed', :actor_id, :reason);

-- name: terminate
-- Either side ends it before its aim: active or paused becomes terminated.
SELECT
    id, mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes, subscribe_to_courses,
    subscribe_to_subjects, accepted_at, paused_at, paused_by, resume_at, completed_at, ended_at, ended_by,
    version, created_at, updated_at
FROM mentoring.transition(:relationship_id, 'terminated', :actor_id, :reason);

-- name: change_subscriptions
-- What the mentee hears of; NULL leaves a subscription as it is.
SELECT
    id, mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes, subscribe_to_courses,
    subscribe_to_subjects, accepted_at, paused_at, paused_by, resume_at, completed_at, ended_at, ended_by,
    version, created_at, updated_at
FROM mentoring.change_subscriptions(
    :relationship_id, :quizzes, :courses, :subjects, :actor_id, :version
);

-- name: relationship
-- One relationship, by id.
SELECT
    id, mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes, subscribe_to_courses,
    subscribe_to_subjects, accepted_at, paused_at, paused_by, resume_at, completed_at, ended_at, ended_by,
    version, created_at, updated_at
FROM mentoring.mentor_mentee
WHERE id = :relationship_id;

-- name: mentees
-- A mentor's relationships in these statuses (NULL: in any), newest first; after_id is the last id of the page before.
-- One descending index range a status, so a page costs the same however many relationships there are.
SELECT
    page.id, page.mentor_id, page.mentee_id, page.status, page.initiated_by, page.subscribe_to_quizzes,
    page.subscribe_to_courses, page.subscribe_to_subjects, page.accepted_at, page.paused_at, page.paused_by,
    page.resume_at, page.completed_at, page.ended_at, page.ended_by, page.version, page.created_at, page.updated_at
FROM (
    SELECT DISTINCT
        unnest(
            coalesce(:statuses::mentoring.mentor_mentee_status[], enum_range(NULL::mentoring.mentor_mentee_status))
        ) AS wanted_status
) AS wanted
CROSS JOIN
    LATERAL (
        SELECT
            id, mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes, subscribe_to_courses,
            subscribe_to_subjects, accepted_at, paused_at, paused_by, resume_at, completed_at, ended_at, ended_by,
            version, created_at, updated_at
        FROM mentoring.mentor_mentee AS m
        WHERE m.mentor_id = :mentor_id AND m.status = wanted.wanted_status AND m.id < :after_id
        ORDER BY m.id DESC
        LIMIT :page_size
    ) AS page
ORDER BY page.id DESC
LIMIT :page_size;

-- name: mentors
-- A mentee's relationships in these statuses (NULL: in any), newest first; after_id is the last id of the page before.
-- One descending index range a status, so a page costs the same however many relationships there are.
SELECT
    page.id, page.mentor_id, page.mentee_id, page.status, page.initiated_by, page.subscribe_to_quizzes,
    page.subscribe_to_courses, page.subscribe_to_subjects, page.accepted_at, page.paused_at, page.paused_by,
    page.resume_at, page.completed_at, page.ended_at, page.ended_by, page.version, page.created_at, page.updated_at
FROM (
    SELECT DISTINCT
        unnest(
            coalesce(:statuses::mentoring.mentor_mentee_status[], enum_range(NULL::mentoring.mentor_mentee_status))
        ) AS wanted_status
) AS wanted
CROSS JOIN
    LATERAL (
        SELECT
            id, mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes, subscribe_to_courses,
            subscribe_to_subjects, accepted_at, paused_at, paused_by, resume_at, completed_at, ended_at, ended_by,
            version, created_at, updated_at
        FROM mentoring.mentor_mentee AS m
        WHERE m.mentee_id = :mentee_id AND m.status = wanted.wanted_status AND m.id < :after_id
        ORDER BY m.id DESC
        LIMIT :page_size
    ) AS page
ORDER BY page.id DESC
LIMIT :page_size;

-- name: history
-- The steps of one relationship, oldest first; after_id is the last id of the page before.
SELECT
    id, relationship_id, mentor_id, mentee_id, from_status, to_status, actor_kind, actor_id, reason, occurred_at
FROM mentoring.mentor_mentee_history
WHERE relationship_id = :relationship_id AND id > :after_id
ORDER BY id
LIMIT :page_size;

-- name: profile
-- A person as a mentor and as a learner.
SELECT
    user_id, mentor_bio, mentor_rate, mentor_rate_currency, mentor_available, max_mentees, learning_goals,
    preferred_learning_style, timezone, created_at, updated_at
FROM mentoring.user_profiles
WHERE user_id = :user_id;

-- name: save_profile
-- Makes a person's profile, or replaces what it says.
INSERT INTO mentoring.user_profiles (
    user_id, mentor_bio, mentor_rate, mentor_rate_currency, mentor_available, max_mentees, learning_goals,
    preferred_learning_style, timezone
) VALUES (
    :user_id, :mentor_bio, :mentor_rate, :mentor_rate_currency, :mentor_available, :max_mentees,
    :learning_goals, :preferred_learning_style, :timezone
)
ON CONFLICT (user_id) DO UPDATE
    SET
        mentor_bio = excluded.mentor_bio,
        mentor_rate = excluded.mentor_rate,
        mentor_rate_currency = excluded.mentor_rate_currency,
        mentor_available = excluded.mentor_available,
        max_mentees = excluded.max_mentees,
        learning_goals = excluded.learning_goals,
        preferred_learning_style = excluded.preferred_learning_style,
        timezone = excluded.timezone
RETURNING
    user_id, mentor_bio, mentor_rate, mentor_rate_currency, mentor_available, max_mentees, learning_goals,
    preferred_learning_style, timezone, created_at, updated_at;
