-- Views for people: what the documents ask of this service, with names beside ids; none reads a whole table to show a page.
-- depends: mentoring.0016.bulk_bookings

SET LOCAL ROLE mentorbase_owner;

CREATE OR REPLACE VIEW mentoring.mentor_mentee_statistics AS
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

COMMENT ON COLUMN mentoring.mentor_mentee_statistics.accepted_at IS 'When the relationship first became active; NULL if it never was.';

CREATE OR REPLACE VIEW mentoring.v_mentor_board AS
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

GRANT USAGE ON TYPE mentoring.publication_kind TO mentorbase_reader;
GRANT SELECT ON
mentoring.v_profiles, mentoring.v_subjects, mentoring.v_bookings, mentoring.v_booking_history, mentoring.v_publications
TO mentorbase_reader;
