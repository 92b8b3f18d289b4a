SET LOCAL ROLE mentorbase_owner;

DROP VIEW mentoring.v_publications;
DROP VIEW mentoring.v_booking_history;
DROP VIEW mentoring.v_bookings;
DROP VIEW mentoring.v_subjects;
DROP VIEW mentoring.v_profiles;
REVOKE USAGE ON TYPE mentoring.publication_kind FROM mentorbase_reader;

DROP VIEW mentoring.v_mentor_board;
DROP VIEW mentoring.mentor_mentee_statistics;

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
    ) AS completion_rate
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

CREATE VIEW mentoring.v_mentor_board AS
SELECT
    s.mentor_id,
    s.mentee_id,
    s.relationship_id,
    s.status,
    m.accepted_at,
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
INNER JOIN mentoring.mentor_mentee AS m ON s.relationship_id = m.id
WHERE s.status IN ('active', 'paused');

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

GRANT SELECT ON mentoring.mentor_mentee_statistics TO mentoring_app;
GRANT SELECT ON mentoring.v_mentor_board TO mentorbase_reader;
