-- name: request
-- Asks for a relationship: pending, or active at once where the other side has asked already.
-- budget: 90 buffers
SELECT
    id, mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes, subscribe_to_courses,
    subscribe_to_subjects, accepted_at, paused_at, paused_by, resume_at, completed_at, ended_at, ended_by,
    version, created_at, updated_at
FROM mentoring.request(:mentor_id, :mentee_id, :initiated_by, :actor_id, :reason);

-- name: accept
-- The side that was asked agrees: pending becomes active.
-- budget: 70 buffers
SELECT
    id, mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes, subscribe_to_courses,
    subscribe_to_subjects, accepted_at, paused_at, paused_by, resume_at, completed_at, ended_at, ended_by,
    version, created_at, updated_at
FROM mentoring.transition(:relationship_id, 'active', :actor_id, :reason, from_status => 'pending');

-- name: reject
-- The side that was asked declines: pending becomes rejected.
-- budget: 55 buffers
SELECT
    id, mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes, subscribe_to_courses,
    subscribe_to_subjects, accepted_at, paused_at, paused_by, resume_at, completed_at, ended_at, ended_by,
    version, created_at, updated_at
FROM mentoring.transition(:relationship_id, 'rejected', :actor_id, :reason);

-- name: cancel
-- The side that asked withdraws: pending becomes cancelled.
-- budget: 55 buffers
SELECT
    id, mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes, subscribe_to_courses,
    subscribe_to_subjects, accepted_at, paused_at, paused_by, resume_at, completed_at, ended_at, ended_by,
    version, created_at, updated_at
FROM mentoring.transition(:relationship_id, 'cancelled', :actor_id, :reason);

-- name: pause
-- Either side interrupts: active becomes paused, until somebody resumes or resume_at.
-- budget: 55 buffers
SELECT
    id, mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes, subscribe_to_courses,
    subscribe_to_subjects, accepted_at, paused_at, paused_by, resume_at, completed_at, ended_at, ended_by,
    version, created_at, updated_at
FROM mentoring.transition(:relationship_id, 'paused', :actor_id, :reason, resume_at => :resume_at);

-- name: resume
-- Whoever paused goes on: paused becomes active.
-- budget: 55 buffers
SELECT
    id, mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes, subscribe_to_courses,
    subscribe_to_subjects, accepted_at, paused_at, paused_by, resume_at, completed_at, ended_at, ended_by,
    version, created_at, updated_at
FROM mentoring.transition(:relationship_id, 'active', :actor_id, :reason, from_status => 'paused');

-- name: complete
-- The mentor declares the aim reached: active or paused becomes completed.
-- budget: 55 buffers
SELECT
    id, mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes, subscribe_to_courses,
    subscribe_to_subjects, accepted_at, paused_at, paused_by, resume_at, completed_at, ended_at, ended_by,
    version, created_at, updated_at
FROM mentoring.transition(:relationship_id, 'completed', :actor_id, :reason);

-- name: terminate
-- Either side ends it before its aim: active or paused becomes terminated.
-- budget: 55 buffers
SELECT
    id, mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes, subscribe_to_courses,
    subscribe_to_subjects, accepted_at, paused_at, paused_by, resume_at, completed_at, ended_at, ended_by,
    version, created_at, updated_at
FROM mentoring.transition(:relationship_id, 'terminated', :actor_id, :reason);

-- name: remove
-- Takes a relationship out of the actor's own lists; a live one ends first.
-- budget: 90 buffers
SELECT
    id, mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes, subscribe_to_courses,
    subscribe_to_subjects, accepted_at, paused_at, paused_by, resume_at, completed_at, ended_at, ended_by,
    version, created_at, updated_at
FROM mentoring.remove(:relationship_id, :actor_id, :reason);

-- name: change_subscriptions
-- What the mentee hears of; NULL leaves a subscription as it is.
-- budget: 60 buffers
SELECT
    id, mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes, subscribe_to_courses,
    subscribe_to_subjects, accepted_at, paused_at, paused_by, resume_at, completed_at, ended_at, ended_by,
    version, created_at, updated_at
FROM mentoring.change_subscriptions(
    :relationship_id, :quizzes, :courses, :subjects, :actor_id, :version
);

-- name: relationship
-- One relationship, by id.
-- budget: 5 buffers
SELECT
    id, mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes, subscribe_to_courses,
    subscribe_to_subjects, accepted_at, paused_at, paused_by, resume_at, completed_at, ended_at, ended_by,
    version, created_at, updated_at
FROM mentoring.mentor_mentee
WHERE id = :relationship_id;

-- name: mentees
-- A mentor's relationships in these statuses (NULL: in any), newest first, but for those that they removed; after_id is the last id of the page before.
-- One descending index range a status, so a page costs the same however many relationships there are.
-- budget: 450 buffers
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
        WHERE
            m.mentor_id = :mentor_id AND m.status = wanted.wanted_status AND m.id < :after_id
            AND m.hidden_by_mentor_at IS NULL
        ORDER BY m.id DESC
        LIMIT :page_size
    ) AS page
ORDER BY page.id DESC
LIMIT :page_size;

-- name: mentors
-- A mentee's relationships in these statuses (NULL: in any), newest first, but for those that they removed; after_id is the last id of the page before.
-- One descending index range a status, so a page costs the same however many relationships there are.
-- budget: 60 buffers
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
        WHERE
            m.mentee_id = :mentee_id AND m.status = wanted.wanted_status AND m.id < :after_id
            AND m.hidden_by_mentee_at IS NULL
        ORDER BY m.id DESC
        LIMIT :page_size
    ) AS page
ORDER BY page.id DESC
LIMIT :page_size;

-- name: history
-- The steps of one relationship, oldest first; after_id is the last id of the page before.
-- budget: 5 buffers
SELECT
    id, relationship_id, mentor_id, mentee_id, from_status, to_status, actor_kind, actor_id, reason, occurred_at
FROM mentoring.mentor_mentee_history
WHERE relationship_id = :relationship_id AND id > :after_id
ORDER BY id
LIMIT :page_size;

-- name: profile
-- A person as a mentor and as a learner.
-- budget: 5 buffers
SELECT
    user_id, mentor_bio, mentor_rate, mentor_rate_currency, mentor_available, max_mentees, learning_goals,
    preferred_learning_style, timezone, created_at, updated_at
FROM mentoring.user_profiles
WHERE user_id = :user_id;

-- name: save_profile
-- Makes a person's profile, or replaces what it says.
-- budget: 12 buffers
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

-- name: create_subject
-- A mentor offers a subject.
-- budget: 15 buffers
INSERT INTO mentoring.subjects (user_id, title, description, is_active, price, price_currency)
VALUES (:mentor_id, :title, :description, :is_active, :price, :price_currency)
RETURNING
    id, user_id, title, description, is_active, price, price_currency, created_at, updated_at;

-- name: change_subject
-- Replaces what a subject says.
-- budget: 30 buffers
UPDATE mentoring.subjects
SET
    title = :title,
    description = :description,
    is_active = :is_active,
    price = :price,
    price_currency = :price_currency
WHERE id = :subject_id
RETURNING
    id, user_id, title, description, is_active, price, price_currency, created_at, updated_at;

-- name: subject
-- One subject, by id.
-- budget: 5 buffers
SELECT
    id, user_id, title, description, is_active, price, price_currency, created_at, updated_at
FROM mentoring.subjects
WHERE id = :subject_id;

-- name: subjects
-- A mentor's subjects, newest first; after_id is the last id of the page before.
-- budget: 8 buffers
SELECT
    id, user_id, title, description, is_active, price, price_currency, created_at, updated_at
FROM mentoring.subjects
WHERE user_id = :mentor_id AND id < :after_id
ORDER BY id DESC
LIMIT :page_size;

-- name: book
-- A mentee books a session of a subject: pending.
-- budget: 90 buffers
SELECT
    id, subject_id, mentor_id, user_id, relationship_id, status, booked_date, ends_at, cancelled_by, cancelled_at,
    created_at, updated_at
FROM mentoring.book(:subject_id, :mentee_id, :booked_date, :ends_at, :actor_id, :reason);

-- name: confirm
-- The mentor agrees to a session: pending becomes confirmed.
-- budget: 55 buffers
SELECT
    id, subject_id, mentor_id, user_id, relationship_id, status, booked_date, ends_at, cancelled_by, cancelled_at,
    created_at, updated_at
FROM mentoring.change_booking(:booking_id, 'confirmed', :actor_id, :reason);

-- name: cancel_booking
-- Either side calls a session off: pending or confirmed becomes cancelled.
-- budget: 55 buffers
SELECT
    id, subject_id, mentor_id, user_id, relationship_id, status, booked_date, ends_at, cancelled_by, cancelled_at,
    created_at, updated_at
FROM mentoring.change_booking(:booking_id, 'cancelled', :actor_id, :reason);

-- name: complete_booking
-- The session took place: confirmed becomes completed, once it is over.
-- budget: 55 buffers
SELECT
    id, subject_id, mentor_id, user_id, relationship_id, status, booked_date, ends_at, cancelled_by, cancelled_at,
    created_at, updated_at
FROM mentoring.change_booking(:booking_id, 'completed', :actor_id, :reason);

-- name: mark_no_show
-- The mentee did not come: confirmed becomes no_show, once the session has begun.
-- budget: 55 buffers
SELECT
    id, subject_id, mentor_id, user_id, relationship_id, status, booked_date, ends_at, cancelled_by, cancelled_at,
    created_at, updated_at
FROM mentoring.change_booking(:booking_id, 'no_show', :actor_id, :reason);

-- name: booking
-- One booking, by id.
-- budget: 6 buffers
SELECT
    id, subject_id, mentor_id, user_id, relationship_id, status, booked_date, ends_at, cancelled_by, cancelled_at,
    created_at, updated_at
FROM mentoring.subject_schedule
WHERE id = :booking_id;

-- name: mentor_bookings
-- A mentor's sessions from one instant on and before another, in order. The next page begins at the last one's booked_date, after its id.
-- budget: 60 buffers
SELECT
    id, subject_id, mentor_id, user_id, relationship_id, status, booked_date, ends_at, cancelled_by, cancelled_at,
    created_at, updated_at
FROM mentoring.subject_schedule
WHERE mentor_id = :mentor_id AND (booked_date, id) > (:from_date, :after_id) AND booked_date < :until
ORDER BY booked_date, id
LIMIT :page_size;

-- name: mentee_bookings
-- A mentee's sessions from one instant on and before another, in order. The next page begins at the last one's booked_date, after its id.
-- budget: 60 buffers
SELECT
    id, subject_id, mentor_id, user_id, relationship_id, status, booked_date, ends_at, cancelled_by, cancelled_at,
    created_at, updated_at
FROM mentoring.subject_schedule
WHERE user_id = :mentee_id AND (booked_date, id) > (:from_date, :after_id) AND booked_date < :until
ORDER BY booked_date, id
LIMIT :page_size;

-- name: booking_history
-- The steps of one booking, oldest first; after_id is the last id of the page before.
-- budget: 6 buffers
SELECT
    id, booking_id, mentor_id, user_id, from_status, to_status, actor_kind, actor_id, reason, occurred_at
FROM mentoring.subject_schedule_history
WHERE booking_id = :booking_id AND id > :after_id
ORDER BY id
LIMIT :page_size;

-- name: statistics
-- The sessions of one relationship, counted.
-- budget: 30 buffers
SELECT
    relationship_id, mentor_id, mentee_id, status, total_bookings, completed_sessions, confirmed_sessions,
    pending_sessions, cancelled_sessions, no_show_sessions, upcoming_sessions, unresolved_sessions,
    first_session_date, last_session_date, next_session_date, hours_completed, completion_rate
FROM mentoring.mentor_mentee_statistics
WHERE relationship_id = :relationship_id;

-- name: mentor_statistics
-- The sessions of each of a mentor's relationships, newest first, but for those that they removed; after_id is the last id of the page before.
-- One descending index range a status, as mentees does.
-- budget: 620 buffers
SELECT
    s.relationship_id, s.mentor_id, s.mentee_id, s.status, s.total_bookings, s.completed_sessions,
    s.confirmed_sessions, s.pending_sessions, s.cancelled_sessions, s.no_show_sessions, s.upcoming_sessions,
    s.unresolved_sessions, s.first_session_date, s.last_session_date, s.next_session_date, s.hours_completed,
    s.completion_rate
FROM (
    SELECT ranked.id
    FROM unnest(enum_range(NULL::mentoring.mentor_mentee_status)) AS wanted (wanted_status)
    CROSS JOIN
        LATERAL (
            SELECT m.id
            FROM mentoring.mentor_mentee AS m
            WHERE
                m.mentor_id = :mentor_id AND m.status = wanted.wanted_status AND m.id < :after_id
                AND m.hidden_by_mentor_at IS NULL
            ORDER BY m.id DESC
            LIMIT :page_size
        ) AS ranked
    ORDER BY ranked.id DESC
    LIMIT :page_size
) AS page
CROSS JOIN
    LATERAL (
        SELECT
            relationship_id, mentor_id, mentee_id, status, total_bookings, completed_sessions, confirmed_sessions,
            pending_sessions, cancelled_sessions, no_show_sessions, upcoming_sessions, unresolved_sessions,
            first_session_date, last_session_date, next_session_date, hours_completed, completion_rate
        FROM mentoring.mentor_mentee_statistics
        WHERE relationship_id = page.id
        ORDER BY relationship_id
        LIMIT 1 -- one by one: planned as a join, it may count every relationship first
    ) AS s
ORDER BY page.id DESC;

-- name: mentee_statistics
-- The sessions of each of a mentee's relationships, newest first, but for those that they removed; after_id is the last id of the page before.
-- One descending index range a status, as mentors does.
-- budget: 325 buffers
SELECT
    s.relationship_id, s.mentor_id, s.mentee_id, s.status, s.total_bookings, s.completed_sessions,
    s.confirmed_sessions, s.pending_sessions, s.cancelled_sessions, s.no_show_sessions, s.upcoming_sessions,
    s.unresolved_sessions, s.first_session_date, s.last_session_date, s.next_session_date, s.hours_completed,
    s.completion_rate
FROM (
    SELECT ranked.id
    FROM unnest(enum_range(NULL::mentoring.mentor_mentee_status)) AS wanted (wanted_status)
    CROSS JOIN
        LATERAL (
            SELECT m.id
            FROM mentoring.mentor_mentee AS m
            WHERE
                m.mentee_id = :mentee_id AND m.status = wanted.wanted_status AND m.id < :after_id
                AND m.hidden_by_mentee_at IS NULL
            ORDER BY m.id DESC
            LIMIT :page_size
        ) AS ranked
    ORDER BY ranked.id DESC
    LIMIT :page_size
) AS page
CROSS JOIN
    LATERAL (
        SELECT
            relationship_id, mentor_id, mentee_id, status, total_bookings, completed_sessions, confirmed_sessions,
            pending_sessions, cancelled_sessions, no_show_sessions, upcoming_sessions, unresolved_sessions,
            first_session_date, last_session_date, next_session_date, hours_completed, completion_rate
        FROM mentoring.mentor_mentee_statistics
        WHERE relationship_id = page.id
        ORDER BY relationship_id
        LIMIT 1 -- one by one: planned as a join, it may count every relationship first
    ) AS s
ORDER BY page.id DESC;

-- name: get_session_statistics
-- The sessions of one relationship, counted, with the list of those to come.
-- budget: 50 buffers
SELECT
    s.relationship_id, s.total_bookings, s.completed_sessions, s.confirmed_sessions, s.pending_sessions,
    s.cancelled_sessions, s.last_session_date,
    coalesce(
        (
            SELECT
                jsonb_agg(
                    jsonb_build_object(
                        'booking_id', b.id, 'subject_id', b.subject_id, 'status', b.status,
                        'booked_date', b.booked_date, 'ends_at', b.ends_at
                    ) ORDER BY b.booked_date, b.id
                )
            FROM mentoring.subject_schedule AS b
            WHERE
                b.relationship_id = s.relationship_id
                AND b.status IN ('pending', 'confirmed') AND b.booked_date > now()
        ),
        '[]'
    ) AS upcoming_sessions
FROM mentoring.mentor_mentee_statistics AS s
WHERE s.relationship_id = :relationship_id;

-- name: mentor_load
-- How full a mentor is.
-- budget: 14 buffers
SELECT
    mentor_id, mentor_available, capacity, used, free, waiting
FROM mentoring.v_mentor_load
WHERE mentor_id = :mentor_id;

-- name: block
-- One person blocks another: what is live between them ends, and neither can ask.
-- budget: 90 buffers
SELECT
    blocker_id, blocked_id, created_at
FROM mentoring.block(:blocker_id, :blocked_id, :actor_id);

-- name: unblock
-- Lifts a block; whether there was one.
-- budget: 12 buffers
SELECT mentoring.unblock(:blocker_id, :blocked_id, :actor_id);

-- name: blocks
-- Whom a person blocks, by id; after_id is the last blocked_id of the page before.
-- budget: 60 buffers
SELECT
    blocker_id, blocked_id, created_at
FROM mentoring.blocks
WHERE blocker_id = :blocker_id AND blocked_id > :after_id
ORDER BY blocked_id
LIMIT :page_size;

-- name: expire_requests
-- The system lets old unanswered requests expire; how many.
-- budget: 675 buffers
SELECT mentoring.expire_requests(:at_most);

-- name: note
-- What the actor's own side noted about a relationship; NULL if nothing.
-- budget: 5 buffers
SELECT mentoring.read_note(:relationship_id, :actor_id);

-- name: write_note
-- Replaces what the actor's own side noted; the relationship's version, which a note does not change.
-- budget: 45 buffers
SELECT mentoring.write_note(:relationship_id, :note, :actor_id);

-- name: subscribers
-- Whom to tell when a mentor publishes something of this kind: active mentees, by id; after_id is the last one of the page before.
-- budget: 6 buffers
SELECT mentee_id
FROM mentoring.mentor_mentee
WHERE
    mentor_id = :mentor_id AND status = 'active' AND mentee_id > :after_id
    AND CASE :kind::mentoring.publication_kind
        WHEN 'quiz' THEN subscribe_to_quizzes
        WHEN 'course' THEN subscribe_to_courses
        WHEN 'subject' THEN subscribe_to_subjects
    END
ORDER BY mentee_id
LIMIT :page_size;

-- name: publish
-- A mentor publishes something that subscribers are to hear of.
-- budget: 450 buffers
SELECT
    id, mentor_id, kind, reference, title, created_at
FROM mentoring.publish(:mentor_id, :kind, :reference, :title, :actor_id);

-- name: publications
-- What a mentor has published, newest first; after_id is the last id of the page before.
-- budget: 5 buffers
SELECT
    id, mentor_id, kind, reference, title, created_at
FROM mentoring.publications
WHERE mentor_id = :mentor_id AND id < :after_id
ORDER BY id DESC
LIMIT :page_size;

-- name: backfill_relationships
-- Makes relationships from the bookings of pairs that have none, one batch; the counts, and where the next batch begins.
-- budget: 150 buffers
SELECT
    pairs, created, attributed, only_cancelled, blocked, over_capacity, last_mentor_id, last_mentee_id
FROM mentoring.backfill_relationships(:after_mentor_id, :after_mentee_id, :at_most);
