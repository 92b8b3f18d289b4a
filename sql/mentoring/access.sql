GRANT USAGE ON SCHEMA mentoring, platform TO mentoring_app;
GRANT EXECUTE ON FUNCTION
platform.current_actor(name), platform.is_application(name), platform.is_bulk_load(name), platform.is_timezone(text),
mentoring.transition(
    bigint, mentoring.mentor_mentee_status, bigint, text, mentoring.mentor_mentee_status, timestamptz
),
mentoring.request(bigint, bigint, mentoring.party, bigint, text),
mentoring.change_subscriptions(bigint, boolean, boolean, boolean, bigint, bigint),
mentoring.remove(bigint, bigint, text)
TO mentoring_app;

GRANT SELECT ON
mentoring.settings, mentoring.mentor_mentee_transitions, mentoring.mentor_mentee_history
TO mentoring_app;

GRANT SELECT ON mentoring.user_profiles TO mentoring_app;
GRANT INSERT (
    user_id, mentor_bio, mentor_rate, mentor_rate_currency, mentor_available, max_mentees,
    learning_goals, preferred_learning_style, timezone
), UPDATE (
    mentor_bio, mentor_rate, mentor_rate_currency, mentor_available, max_mentees,
    learning_goals, preferred_learning_style, timezone
) ON mentoring.user_profiles TO mentoring_app;

-- All but the notes, which are their own side's only. The guard decides about status.
GRANT SELECT (
    id, mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes, subscribe_to_courses,
    subscribe_to_subjects, accepted_at, paused_at, paused_by, resume_at, completed_at, ended_at, ended_by,
    hidden_by_mentor_at, hidden_by_mentee_at, version, created_at, updated_at
), UPDATE (
    status, subscribe_to_quizzes, subscribe_to_courses, subscribe_to_subjects
) ON mentoring.mentor_mentee TO mentoring_app;

GRANT USAGE ON SCHEMA mentoring TO mentorbase_reader;
GRANT USAGE ON TYPE mentoring.mentor_mentee_status, mentoring.party TO mentorbase_reader;
GRANT SELECT ON mentoring.v_mentor_mentee, mentoring.v_mentor_mentee_history TO mentorbase_reader;

GRANT EXECUTE ON FUNCTION
mentoring.allowed_booking_steps(mentoring.booking_status),
mentoring.book(bigint, bigint, timestamptz, timestamptz, bigint, text),
mentoring.change_booking(bigint, mentoring.booking_status, bigint, text)
TO mentoring_app;

GRANT SELECT ON
mentoring.subjects, mentoring.subject_schedule, mentoring.subject_schedule_transitions,
mentoring.subject_schedule_history, mentoring.mentor_mentee_statistics, mentoring.v_mentor_load
TO mentoring_app;
GRANT INSERT (user_id, title, description, is_active, price, price_currency),
UPDATE (title, description, is_active, price, price_currency)
ON mentoring.subjects TO mentoring_app;
GRANT UPDATE (status) ON mentoring.subject_schedule TO mentoring_app;

GRANT USAGE ON TYPE mentoring.booking_status TO mentorbase_reader;
GRANT SELECT ON mentoring.v_mentor_board, mentoring.v_mentor_load TO mentorbase_reader;

GRANT EXECUTE ON FUNCTION
mentoring.block(bigint, bigint, bigint),
mentoring.unblock(bigint, bigint, bigint),
mentoring.expire_requests(bigint)
TO mentoring_app;
GRANT SELECT, INSERT (blocker_id, blocked_id), DELETE ON mentoring.blocks TO mentoring_app;

-- Each side's own note, and nobody else's.
GRANT EXECUTE ON FUNCTION
mentoring.read_note(bigint, bigint), mentoring.write_note(bigint, text, bigint) TO mentoring_app;
GRANT SELECT ON mentoring.own_mentor_notes, mentoring.own_mentee_notes TO mentoring_app;

GRANT EXECUTE ON FUNCTION
mentoring.publish(bigint, mentoring.publication_kind, text, text, bigint) TO mentoring_app;
GRANT SELECT, INSERT (mentor_id, kind, reference, title) ON mentoring.publications TO mentoring_app;

GRANT SELECT ON mentoring.v_audit_log TO mentorbase_reader;

GRANT USAGE ON TYPE mentoring.publication_kind TO mentorbase_reader;
GRANT SELECT ON
mentoring.v_profiles, mentoring.v_subjects, mentoring.v_bookings, mentoring.v_booking_history, mentoring.v_publications
TO mentorbase_reader;
