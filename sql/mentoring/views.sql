CREATE VIEW mentoring.v_mentor_mentee AS
SELECT
    m.id AS relationship_id,
    m.mentor_id,
    m.mentee_id,
    m.status,
    m.initiated_by,
    m.subscribe_to_quizzes,
    m.subscribe_to_courses,
    m.subscribe_to_subjects,
    m.created_at,
    m.accepted_at,
    m.paused_at,
    m.resume_at,
    m.completed_at,
    m.ended_at
FROM mentoring.mentor_mentee AS m;

COMMENT ON VIEW mentoring.v_mentor_mentee IS 'Every relationship, for analysts: all but the two sides'' notes.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.relationship_id IS 'The relationship (mentor_mentee.id).';
COMMENT ON COLUMN mentoring.v_mentor_mentee.mentor_id IS 'Who teaches (auth.users.id).';
COMMENT ON COLUMN mentoring.v_mentor_mentee.mentee_id IS 'Who learns (auth.users.id).';
COMMENT ON COLUMN mentoring.v_mentor_mentee.status IS
'Where it stands: pending, active, paused are live; completed, rejected, cancelled, expired, terminated are ended.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.initiated_by IS 'Who made it: mentor, mentee, system or admin.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.subscribe_to_quizzes IS 'The mentee wants to hear of the mentor''s new quizzes.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.subscribe_to_courses IS 'The mentee wants to hear of the mentor''s new courses.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.subscribe_to_subjects IS 'The mentee wants to hear of the mentor''s new subjects.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.created_at IS 'When it was asked for or imported.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.accepted_at IS 'When it first became active; NULL if it never was.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.paused_at IS 'Since when it is paused; NULL while it is not.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.resume_at IS 'From when on the system may resume it; NULL: only on request.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.completed_at IS 'When it reached its aim; NULL unless completed.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.ended_at IS 'When it ended, in whatever way; NULL while it is live.';

CREATE VIEW mentoring.v_mentor_mentee_history AS
SELECT
    h.id AS step_id,
    h.relationship_id,
    h.mentor_id,
    h.mentee_id,
    h.from_status,
    h.to_status,
    h.actor_kind,
    h.actor_id,
    h.occurred_at
FROM mentoring.mentor_mentee_history AS h;

COMMENT ON VIEW mentoring.v_mentor_mentee_history IS
'Every step of every relationship, for analysts: all but the reasons, which are people''s own words, and the database logins.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.step_id IS 'Order of the steps.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.relationship_id IS 'The relationship, which may be gone.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.mentor_id IS 'Its mentor (auth.users.id); NULL once anonymised.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.mentee_id IS 'Its mentee (auth.users.id); NULL once anonymised.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.from_status IS 'Status before; NULL for the first step.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.to_status IS 'Status after; NULL where the relationship was deleted.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.actor_kind IS 'As what the actor took the step: mentor, mentee, admin or system.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.actor_id IS
'Who took it (auth.users.id); NULL for the system, for a database role that edited by hand, and once anonymised.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.occurred_at IS 'When: the start of the transaction that took the step.';

-- For applications; analysts find the same in v_mentor_board. With the owner's rights: one with the rights of who asks
-- would ask for theirs below v_mentor_board too.
CREATE VIEW mentoring.mentor_mentee_statistics AS
SELECT
    m.id AS relationship_id,
    m.mentor_id,
    m.mentee_id,
    m.status,
    s.total_bookings,
    s.completed_sessions,
    s.confirmed_sessions,
    s.pending_sessions,
    s.cancelled_sessions,
    s.no_show_sessions,
    s.upcoming_sessions,
    s.unresolved_sessions,
    s.first_session_date,
    s.last_session_date,
    s.next_session_date,
    s.hours_completed,
    round(
        s.completed_sessions::numeric
        / nullif(s.completed_sessions + s.no_show_sessions + s.cancelled_sessions, 0), 4
    ) AS completion_rate,
    m.accepted_at
FROM mentoring.mentor_mentee AS m
CROSS JOIN
    LATERAL (
        SELECT
            count(*) AS total_bookings,
            count(*) FILTER (WHERE b.status = 'completed') AS completed_sessions,
            count(*) FILTER (WHERE b.status = 'confirmed') AS confirmed_sessions,
            count(*) FILTER (WHERE b.status = 'pending') AS pending_sessions,
            count(*) FILTER (WHERE b.status = 'cancelled') AS cancelled_sessions,
            count(*) FILTER (WHERE b.status = 'no_show') AS no_show_sessions,
            count(*) FILTER (
                WHERE b.status IN ('pending', 'confirmed') AND b.booked_date > now()
            ) AS upcoming_sessions,
            count(*) FILTER (WHERE b.status = 'confirmed' AND b.ends_at <= now()) AS unresolved_sessions,
            min(b.booked_date) FILTER (
                WHERE b.status = 'completed' OR (b.status = 'confirmed' AND b.booked_date <= now())
            ) AS first_session_date,
            max(b.booked_date) FILTER (
                WHERE b.status = 'completed' OR (b.status = 'confirmed' AND b.booked_date <= now())
            ) AS last_session_date,
            min(b.booked_date) FILTER (
                WHERE b.status IN ('pending', 'confirmed') AND b.booked_date > now()
            ) AS next_session_date,
            coalesce(
                round(extract(EPOCH FROM sum(b.ends_at - b.booked_date) FILTER (WHERE b.status = 'completed')) / 3600, 2),
                0
            ) AS hours_completed
        FROM mentoring.subject_schedule AS b
        WHERE b.relationship_id = m.id
    ) AS s;

COMMENT ON VIEW mentoring.mentor_mentee_statistics IS
'The sessions of each relationship, counted when asked. completed, confirmed, pending, cancelled and no_show add up to total_bookings; a booking counts for one relationship.';
COMMENT ON COLUMN mentoring.mentor_mentee_statistics.relationship_id IS 'The relationship (mentor_mentee.id).';
COMMENT ON COLUMN mentoring.mentor_mentee_statistics.mentor_id IS 'Who teaches (auth.users.id).';
COMMENT ON COLUMN mentoring.mentor_mentee_statistics.mentee_id IS 'Who learns (auth.users.id).';
COMMENT ON COLUMN mentoring.mentor_mentee_statistics.status IS 'Where the relationship stands.';
COMMENT ON COLUMN mentoring.mentor_mentee_statistics.total_bookings IS
'All bookings, whatever became of them.';
COMMENT ON COLUMN mentoring.mentor_mentee_statistics.completed_sessions IS
'Sessions that took place: bookings with status completed.';
COMMENT ON COLUMN mentoring.mentor_mentee_statistics.confirmed_sessions IS
'Bookings that the mentor has confirmed and that have no outcome yet, past ones included.';
COMMENT ON COLUMN mentoring.mentor_mentee_statistics.pending_sessions IS
'Bookings that the mentor has not answered, past ones included.';
COMMENT ON COLUMN mentoring.mentor_mentee_statistics.cancelled_sessions IS
'Bookings that either side cancelled.';
COMMENT ON COLUMN mentoring.mentor_mentee_statistics.no_show_sessions IS
'Sessions to which the mentee did not come.';
COMMENT ON COLUMN mentoring.mentor_mentee_statistics.upcoming_sessions IS
'Bookings, pending or confirmed, whose session begins later than now.';
COMMENT ON COLUMN mentoring.mentor_mentee_statistics.unresolved_sessions IS
'Confirmed bookings whose session has ended without an outcome being recorded.';
COMMENT ON COLUMN mentoring.mentor_mentee_statistics.first_session_date IS
'When the first session began: of the completed ones, and of the confirmed ones that have begun. NULL if there is none.';
COMMENT ON COLUMN mentoring.mentor_mentee_statistics.last_session_date IS
'When the last session began: of the completed ones, and of the confirmed ones that have begun. NULL if there is none.';
COMMENT ON COLUMN mentoring.mentor_mentee_statistics.next_session_date IS
'When the next upcoming session begins; NULL if there is none.';
COMMENT ON COLUMN mentoring.mentor_mentee_statistics.hours_completed IS
'Length of all completed sessions together, in hours.';
COMMENT ON COLUMN mentoring.mentor_mentee_statistics.completion_rate IS
'Completed sessions as a share, 0 to 1, of those with an outcome (completed, no_show, cancelled); NULL if there is none.';
COMMENT ON COLUMN mentoring.mentor_mentee_statistics.accepted_at IS 'When the relationship first became active; NULL if it never was.';

-- The order is that of mentor_mentee_live_pair_key, by which those who ended are left out unread.
CREATE VIEW mentoring.v_mentor_board AS
SELECT
    s.mentor_id,
    s.mentee_id,
    s.relationship_id,
    s.status,
    s.accepted_at,
    s.total_bookings,
    s.completed_sessions,
    s.confirmed_sessions,
    s.pending_sessions,
    s.cancelled_sessions,
    s.no_show_sessions,
    s.upcoming_sessions,
    s.unresolved_sessions,
    s.first_session_date,
    s.last_session_date,
    s.next_session_date,
    s.hours_completed,
    s.completion_rate
FROM mentoring.mentor_mentee_statistics AS s
WHERE s.status IN ('active', 'paused')
ORDER BY s.mentor_id, s.mentee_id;

COMMENT ON VIEW mentoring.v_mentor_board IS
'Each mentor''s present mentees with the statistics of their sessions: one row a relationship that is active or paused. Filter by mentor_id.';
COMMENT ON COLUMN mentoring.v_mentor_board.mentor_id IS 'Whose board it is (auth.users.id).';
COMMENT ON COLUMN mentoring.v_mentor_board.mentee_id IS 'The mentee (auth.users.id).';
COMMENT ON COLUMN mentoring.v_mentor_board.relationship_id IS 'The relationship (mentor_mentee.id).';
COMMENT ON COLUMN mentoring.v_mentor_board.status IS 'active or paused.';
COMMENT ON COLUMN mentoring.v_mentor_board.accepted_at IS 'Since when they work together.';
COMMENT ON COLUMN mentoring.v_mentor_board.total_bookings IS
'All bookings, whatever became of them.';
COMMENT ON COLUMN mentoring.v_mentor_board.completed_sessions IS
'Sessions that took place: bookings with status completed.';
COMMENT ON COLUMN mentoring.v_mentor_board.confirmed_sessions IS
'Bookings that the mentor has confirmed and that have no outcome yet, past ones included.';
COMMENT ON COLUMN mentoring.v_mentor_board.pending_sessions IS
'Bookings that the mentor has not answered, past ones included.';
COMMENT ON COLUMN mentoring.v_mentor_board.cancelled_sessions IS
'Bookings that either side cancelled.';
COMMENT ON COLUMN mentoring.v_mentor_board.no_show_sessions IS
'Sessions to which the mentee did not come.';
COMMENT ON COLUMN mentoring.v_mentor_board.upcoming_sessions IS
'Bookings, pending or confirmed, whose session begins later than now.';
COMMENT ON COLUMN mentoring.v_mentor_board.unresolved_sessions IS
'Confirmed bookings whose session has ended without an outcome being recorded.';
COMMENT ON COLUMN mentoring.v_mentor_board.first_session_date IS
'When the first session began: of the completed ones, and of the confirmed ones that have begun. NULL if there is none.';
COMMENT ON COLUMN mentoring.v_mentor_board.last_session_date IS
'When the last session began: of the completed ones, and of the confirmed ones that have begun. NULL if there is none.';
COMMENT ON COLUMN mentoring.v_mentor_board.next_session_date IS
'When the next upcoming session begins; NULL if there is none.';
COMMENT ON COLUMN mentoring.v_mentor_board.hours_completed IS
'Length of all completed sessions together, in hours.';
COMMENT ON COLUMN mentoring.v_mentor_board.completion_rate IS
'Completed sessions as a share, 0 to 1, of those with an outcome (completed, no_show, cancelled); NULL if there is none.';

CREATE VIEW mentoring.v_mentor_load AS
SELECT
    p.user_id AS mentor_id,
    p.mentor_available,
    p.max_mentees AS capacity,
    u.used,
    CASE WHEN p.max_mentees IS NOT NULL THEN greatest(p.max_mentees - u.used, 0) END AS free,
    u.waiting
FROM mentoring.user_profiles AS p
CROSS JOIN
    LATERAL (
        SELECT
            count(*) FILTER (WHERE m.status IN ('active', 'paused')) AS used,
            count(*) FILTER (WHERE m.status = 'pending') AS waiting
        FROM mentoring.mentor_mentee AS m
        WHERE m.mentor_id = p.user_id AND m.status IN ('pending', 'active', 'paused')
    ) AS u;

COMMENT ON VIEW mentoring.v_mentor_load IS 'How full each mentor is: one row for each person with a profile.';
COMMENT ON COLUMN mentoring.v_mentor_load.mentor_id IS 'The person (auth.users.id).';
COMMENT ON COLUMN mentoring.v_mentor_load.mentor_available IS 'Whether they take new requests.';
COMMENT ON COLUMN mentoring.v_mentor_load.capacity IS 'Places at most (max_mentees); NULL: no limit.';
COMMENT ON COLUMN mentoring.v_mentor_load.used IS 'Places taken: relationships that are active or paused.';
COMMENT ON COLUMN mentoring.v_mentor_load.free IS 'Places left; 0 where more are taken than the limit now says, NULL without a limit.';
COMMENT ON COLUMN mentoring.v_mentor_load.waiting IS 'Requests that are not answered yet.';

-- Owner-rights, since no role may select the notes; security_barrier, so that no condition of a query sees other rows.
CREATE VIEW mentoring.own_mentor_notes WITH (security_barrier = true) AS
SELECT
    m.id AS relationship_id,
    m.mentee_id,
    m.mentor_notes AS note
FROM mentoring.mentor_mentee AS m
WHERE m.mentor_id = (
    SELECT a.id
    FROM platform.current_actor('mentoring_app') AS a
    WHERE a.kind = 'user'
)
AND m.mentor_notes IS NOT NULL;

COMMENT ON VIEW mentoring.own_mentor_notes IS
'The notes that the transaction''s actor wrote as a mentor. Empty for administrators and the system; refused without an actor (MB001).';
COMMENT ON COLUMN mentoring.own_mentor_notes.relationship_id IS 'The relationship (mentor_mentee.id).';
COMMENT ON COLUMN mentoring.own_mentor_notes.mentee_id IS 'Whom the note is about (auth.users.id).';
COMMENT ON COLUMN mentoring.own_mentor_notes.note IS 'What the mentor wrote.';

CREATE VIEW mentoring.own_mentee_notes WITH (security_barrier = true) AS
SELECT
    m.id AS relationship_id,
    m.mentor_id,
    m.mentee_notes AS note
FROM mentoring.mentor_mentee AS m
WHERE m.mentee_id = (
    SELECT a.id
    FROM platform.current_actor('mentoring_app') AS a
    WHERE a.kind = 'user'
)
AND m.mentee_notes IS NOT NULL;

COMMENT ON VIEW mentoring.own_mentee_notes IS
'The notes that the transaction''s actor wrote as a mentee. Empty for administrators and the system; refused without an actor (MB001).';
COMMENT ON COLUMN mentoring.own_mentee_notes.relationship_id IS 'The relationship (mentor_mentee.id).';
COMMENT ON COLUMN mentoring.own_mentee_notes.mentor_id IS 'Whom the note is about (auth.users.id).';
COMMENT ON COLUMN mentoring.own_mentee_notes.note IS 'What the mentee wrote.';

CREATE VIEW mentoring.v_profiles AS
SELECT
    p.user_id,
    p.mentor_available,
    p.max_mentees,
    p.mentor_rate,
    p.mentor_rate_currency,
    p.preferred_learning_style IS NOT NULL AS has_learning_style,
    p.learning_goals IS NOT NULL AS has_learning_goals,
    p.mentor_bio IS NOT NULL AS has_mentor_bio,
    p.timezone,
    p.created_at,
    p.updated_at
FROM mentoring.user_profiles AS p;

COMMENT ON VIEW mentoring.v_profiles IS
'Profiles of mentors and mentees, for analysts: all but what people say of themselves, which is only said to be there or not.';
COMMENT ON COLUMN mentoring.v_profiles.user_id IS 'The person (auth.users.id).';
COMMENT ON COLUMN mentoring.v_profiles.mentor_available IS 'Whether they take new requests.';
COMMENT ON COLUMN mentoring.v_profiles.max_mentees IS 'Places at most; NULL: no limit.';
COMMENT ON COLUMN mentoring.v_profiles.mentor_rate IS 'Price of an hour, in mentor_rate_currency; NULL: not stated.';
COMMENT ON COLUMN mentoring.v_profiles.mentor_rate_currency IS 'ISO 4217 code of mentor_rate.';
COMMENT ON COLUMN mentoring.v_profiles.has_learning_style IS 'Whether they said how they like to learn.';
COMMENT ON COLUMN mentoring.v_profiles.has_learning_goals IS 'Whether they said what they want to learn.';
COMMENT ON COLUMN mentoring.v_profiles.has_mentor_bio IS 'Whether they described themselves as a mentor.';
COMMENT ON COLUMN mentoring.v_profiles.timezone IS 'IANA time zone of the person''s local times.';
COMMENT ON COLUMN mentoring.v_profiles.created_at IS 'When the profile was made.';
COMMENT ON COLUMN mentoring.v_profiles.updated_at IS 'When the person last changed it.';

CREATE VIEW mentoring.v_subjects AS
SELECT
    s.id AS subject_id,
    s.user_id AS mentor_id,
    s.title,
    s.is_active,
    s.price,
    s.price_currency,
    b.bookings,
    s.created_at
FROM mentoring.subjects AS s
CROSS JOIN
    LATERAL (
        SELECT count(*) AS bookings FROM mentoring.subject_schedule AS x
        WHERE x.subject_id = s.id
    ) AS b;

COMMENT ON VIEW mentoring.v_subjects IS
'What mentors offer and how often it was booked, for analysts: all but the description.';
COMMENT ON COLUMN mentoring.v_subjects.subject_id IS 'The subject (subjects.id).';
COMMENT ON COLUMN mentoring.v_subjects.mentor_id IS 'Who teaches it (auth.users.id).';
COMMENT ON COLUMN mentoring.v_subjects.title IS 'What it is called.';
COMMENT ON COLUMN mentoring.v_subjects.is_active IS 'Whether it can be booked.';
COMMENT ON COLUMN mentoring.v_subjects.price IS 'Price of one session, in price_currency; NULL: not stated.';
COMMENT ON COLUMN mentoring.v_subjects.price_currency IS 'ISO 4217 code of price.';
COMMENT ON COLUMN mentoring.v_subjects.bookings IS 'How often it was booked, whatever became of it.';
COMMENT ON COLUMN mentoring.v_subjects.created_at IS 'When it was first offered.';

-- What stands beside an id is looked up row by row here, as LIMIT 1 has it: a client that opens a view and fetches 200 rows
-- does not tell the planner so, and a join would then read the whole table.
CREATE VIEW mentoring.v_bookings AS
SELECT
    b.id AS booking_id,
    b.relationship_id,
    b.mentor_id,
    b.user_id AS mentee_id,
    b.subject_id,
    s.title AS subject,
    b.status,
    b.booked_date AS starts_at,
    b.ends_at,
    b.booked_date AT TIME ZONE t.mentor_timezone AS mentor_starts_local,
    t.mentor_timezone,
    b.booked_date AT TIME ZONE e.mentee_timezone AS mentee_starts_local,
    e.mentee_timezone,
    round(extract(EPOCH FROM b.ends_at - b.booked_date) / 60)::integer AS minutes,
    s.price,
    s.price_currency,
    CASE b.cancelled_by WHEN b.mentor_id THEN 'mentor' WHEN b.user_id THEN 'mentee' END AS cancelled_by_side,
    b.cancelled_at,
    b.created_at
FROM mentoring.subject_schedule AS b
LEFT JOIN LATERAL (
    SELECT x.title, x.price, x.price_currency FROM mentoring.subjects AS x
    WHERE x.id = b.subject_id
    LIMIT 1
) AS s ON true
LEFT JOIN LATERAL (
    SELECT x.timezone AS mentor_timezone FROM mentoring.user_profiles AS x
    WHERE x.user_id = b.mentor_id
    LIMIT 1
) AS t ON true
LEFT JOIN LATERAL (
    SELECT x.timezone AS mentee_timezone FROM mentoring.user_profiles AS x
    WHERE x.user_id = b.user_id
    LIMIT 1
) AS e ON true;

COMMENT ON VIEW mentoring.v_bookings IS
'Every booking with its subject and price, in both sides'' local time, for analysts.';
COMMENT ON COLUMN mentoring.v_bookings.booking_id IS 'The booking (subject_schedule.id).';
COMMENT ON COLUMN mentoring.v_bookings.relationship_id IS
'The relationship that it counts for (v_mentor_mentee.relationship_id); NULL until the pair has one.';
COMMENT ON COLUMN mentoring.v_bookings.mentor_id IS 'Who teaches (auth.users.id).';
COMMENT ON COLUMN mentoring.v_bookings.mentee_id IS 'Who booked (auth.users.id).';
COMMENT ON COLUMN mentoring.v_bookings.subject_id IS 'What was booked (v_subjects.subject_id).';
COMMENT ON COLUMN mentoring.v_bookings.subject IS 'What the subject is called now.';
COMMENT ON COLUMN mentoring.v_bookings.status IS
'Where it stands: pending, confirmed, completed, cancelled or no_show.';
COMMENT ON COLUMN mentoring.v_bookings.starts_at IS 'When the session begins.';
COMMENT ON COLUMN mentoring.v_bookings.ends_at IS 'When the session ends, not included.';
COMMENT ON COLUMN mentoring.v_bookings.mentor_starts_local IS
'When it begins by the mentor''s clock; NULL without a profile.';
COMMENT ON COLUMN mentoring.v_bookings.mentor_timezone IS 'IANA time zone of the mentor''s profile.';
COMMENT ON COLUMN mentoring.v_bookings.mentee_starts_local IS
'When it begins by the mentee''s clock; NULL without a profile.';
COMMENT ON COLUMN mentoring.v_bookings.mentee_timezone IS 'IANA time zone of the mentee''s profile.';
COMMENT ON COLUMN mentoring.v_bookings.minutes IS 'How long the session is, in minutes.';
COMMENT ON COLUMN mentoring.v_bookings.price IS
'What a session of the subject costs now, in price_currency; NULL: not stated.';
COMMENT ON COLUMN mentoring.v_bookings.price_currency IS 'ISO 4217 code of price.';
COMMENT ON COLUMN mentoring.v_bookings.cancelled_by_side IS
'Which side cancelled it, mentor or mentee; NULL: it is not cancelled, or somebody else did.';
COMMENT ON COLUMN mentoring.v_bookings.cancelled_at IS 'When it was cancelled; NULL unless it is.';
COMMENT ON COLUMN mentoring.v_bookings.created_at IS 'When it was booked or imported.';

CREATE VIEW mentoring.v_booking_history AS
SELECT
    h.id AS step_id,
    h.booking_id,
    h.mentor_id,
    h.user_id AS mentee_id,
    h.from_status,
    h.to_status,
    h.actor_kind,
    h.actor_id,
    h.occurred_at
FROM mentoring.subject_schedule_history AS h;

COMMENT ON VIEW mentoring.v_booking_history IS
'Every step of every booking, for analysts: all but the reasons, which are people''s own words, and the database logins.';
COMMENT ON COLUMN mentoring.v_booking_history.step_id IS 'Order of the steps.';
COMMENT ON COLUMN mentoring.v_booking_history.booking_id IS 'The booking, which may be gone.';
COMMENT ON COLUMN mentoring.v_booking_history.mentor_id IS 'Its mentor (auth.users.id).';
COMMENT ON COLUMN mentoring.v_booking_history.mentee_id IS 'Its mentee (auth.users.id).';
COMMENT ON COLUMN mentoring.v_booking_history.from_status IS 'Status before; NULL for the first step.';
COMMENT ON COLUMN mentoring.v_booking_history.to_status IS 'Status after; NULL where the booking was deleted.';
COMMENT ON COLUMN mentoring.v_booking_history.actor_kind IS
'As what the actor took the step: mentor, mentee, admin or system.';
COMMENT ON COLUMN mentoring.v_booking_history.actor_id IS
'Who took it (auth.users.id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN mentoring.v_booking_history.occurred_at IS 'When: the start of the transaction that took the step.';

CREATE VIEW mentoring.v_publications AS
SELECT
    p.id AS publication_id,
    p.mentor_id,
    p.kind,
    p.title,
    p.reference,
    p.created_at AS published_at
FROM mentoring.publications AS p;

COMMENT ON VIEW mentoring.v_publications IS 'What mentors have published, for analysts.';
COMMENT ON COLUMN mentoring.v_publications.publication_id IS 'The publication (publications.id).';
COMMENT ON COLUMN mentoring.v_publications.mentor_id IS 'Who published it (auth.users.id).';
COMMENT ON COLUMN mentoring.v_publications.kind IS 'What it is: quiz, course or subject.';
COMMENT ON COLUMN mentoring.v_publications.title IS 'What subscribers were told.';
COMMENT ON COLUMN mentoring.v_publications.reference IS 'The application''s own key or address of it.';
COMMENT ON COLUMN mentoring.v_publications.published_at IS 'When it was published.';

CREATE VIEW mentoring.v_audit_log AS
SELECT
    a.id AS change_id,
    a.table_name,
    a.row_key,
    a.operation,
    coalesce(
        (
            SELECT array_agg(c.name ORDER BY c.name)
            FROM (
                SELECT k.name
                FROM jsonb_object_keys(coalesce(a.new_values, a.old_values)) AS k (name)
                WHERE a.operation = 'update'
                UNION ALL
                SELECT s.name FROM unnest(a.secret_columns) AS s (name)
            ) AS c
        ),
        '{}'
    ) AS changed_columns,
    a.actor_kind,
    a.actor_id,
    a.transaction_id,
    a.occurred_at
FROM mentoring.audit_log AS a
WHERE a.table_name <> 'blocks';

COMMENT ON VIEW mentoring.v_audit_log IS
'Who changed which row of this schema and when, for analysts: all but the values, the database logins, and blocks, which are nobody''s business but the blocker''s. Filter by occurred_at.';
COMMENT ON COLUMN mentoring.v_audit_log.change_id IS 'Order of the changes.';
COMMENT ON COLUMN mentoring.v_audit_log.table_name IS 'The table whose row changed.';
COMMENT ON COLUMN mentoring.v_audit_log.row_key IS 'The row: its key columns and their values.';
COMMENT ON COLUMN mentoring.v_audit_log.operation IS 'insert, update, delete, or scrub for an erasure of values from the log.';
COMMENT ON COLUMN mentoring.v_audit_log.changed_columns IS
'What an update changed, and which secret columns an insert or delete had filled.';
COMMENT ON COLUMN mentoring.v_audit_log.actor_kind IS 'As what the actor did it: user, admin or system.';
COMMENT ON COLUMN mentoring.v_audit_log.actor_id IS
'Who did it (auth.users.id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN mentoring.v_audit_log.transaction_id IS 'The transaction, the same for all that it changed.';
COMMENT ON COLUMN mentoring.v_audit_log.occurred_at IS 'When: the start of the transaction.';
