-- The documents give the teachers service a table of groups; the groups service owns it. With the owner's rights, since
-- the teachers' application has none in that service.
CREATE VIEW teachers.groups AS
SELECT
    g.id,
    g.teacher_telegram_id,
    g.name,
    g.language,
    g.level,
    g.capacity,
    g.status,
    g.created_at,
    g.updated_at
FROM groups.groups AS g;

COMMENT ON VIEW teachers.groups IS
'The groups that teachers have made, read from the groups service, which owns them. Exists where the two share a database.';
COMMENT ON COLUMN teachers.groups.id IS 'The group.';
COMMENT ON COLUMN teachers.groups.teacher_telegram_id IS 'Who teaches it (teachers.telegram_id).';
COMMENT ON COLUMN teachers.groups.name IS 'What it is called.';
COMMENT ON COLUMN teachers.groups.language IS 'The language that it learns, a BCP 47 tag.';
COMMENT ON COLUMN teachers.groups.level IS 'The level that it is for, a1 to c2; NULL: any.';
COMMENT ON COLUMN teachers.groups.capacity IS 'How many seats it has.';
COMMENT ON COLUMN teachers.groups.status IS 'Where it stands: open and closed groups run, completed and cancelled ones have ended.';
COMMENT ON COLUMN teachers.groups.created_at IS 'When the group was made.';
COMMENT ON COLUMN teachers.groups.updated_at IS 'When a person last changed it.';

-- Views for people: what the services' own views show, with names beside the ids and local times beside the instants.
-- What stands in another table is looked up row by row, as LIMIT 1 has it: a client that opens a view and fetches 200 rows
-- does not tell the planner so, and a join would then read the whole table.
CREATE VIEW links.v_people AS
SELECT
    u.id AS user_id,
    u.telegram_id,
    concat_ws(' ', u.first_name, u.last_name) AS name,
    u.role,
    u.is_active,
    u.timezone,
    date_trunc('minute', now() AT TIME ZONE u.timezone) AS now_local,
    (
        SELECT count(*) > 0 FROM teachers.teachers AS x
        WHERE x.telegram_id = u.telegram_id
    ) AS is_teacher,
    (
        SELECT count(*) > 0 FROM students.students AS x
        WHERE x.telegram_id = u.telegram_id
    ) AS is_student,
    m.mentees,
    e.mentors,
    t.groups_taught,
    g.groups_joined,
    n.last_notified_at,
    u.created_at
FROM auth.users AS u
CROSS JOIN
    LATERAL (
        SELECT count(*) AS mentees FROM mentoring.mentor_mentee AS x
        WHERE x.mentor_id = u.id AND x.status IN ('active', 'paused')
    ) AS m
CROSS JOIN
    LATERAL (
        SELECT count(*) AS mentors FROM mentoring.mentor_mentee AS x
        WHERE x.mentee_id = u.id AND x.status IN ('active', 'paused')
    ) AS e
CROSS JOIN
    LATERAL (
        SELECT count(*) AS groups_taught FROM groups.groups AS x
        WHERE x.teacher_telegram_id = u.telegram_id AND x.status IN ('open', 'closed')
    ) AS t
CROSS JOIN
    LATERAL (
        SELECT count(*) AS groups_joined FROM groups.group_members AS x
        WHERE x.student_telegram_id = u.telegram_id AND x.status = 'active'
    ) AS g
CROSS JOIN
    LATERAL (
        SELECT max(x.sent_at) AS last_notified_at FROM notifications.notifications AS x
        WHERE x.recipient_telegram_id = u.telegram_id
    ) AS n;

COMMENT ON VIEW links.v_people IS
'Who somebody is in all services, one row a person, for support. Find them by user_id or telegram_id.';
COMMENT ON COLUMN links.v_people.user_id IS 'The person (auth.users.id), as mentoring, quests and tutormax know them.';
COMMENT ON COLUMN links.v_people.telegram_id IS
'The person in Telegram, as the teaching services know them; NULL: came another way.';
COMMENT ON COLUMN links.v_people.name IS 'What they are called: first and last name. Personal data.';
COMMENT ON COLUMN links.v_people.role IS 'What the person mainly is: student, teacher or admin.';
COMMENT ON COLUMN links.v_people.is_active IS 'False once the person has left or was blocked by the platform.';
COMMENT ON COLUMN links.v_people.timezone IS 'IANA time zone in which the person reads local times.';
COMMENT ON COLUMN links.v_people.now_local IS 'What time it is for them now, to the minute.';
COMMENT ON COLUMN links.v_people.is_teacher IS 'Whether they have a teacher''s profile.';
COMMENT ON COLUMN links.v_people.is_student IS 'Whether they have a student''s profile.';
COMMENT ON COLUMN links.v_people.mentees IS 'How many people they mentor: relationships that are active or paused.';
COMMENT ON COLUMN links.v_people.mentors IS 'How many mentors they have, likewise.';
COMMENT ON COLUMN links.v_people.groups_taught IS 'How many groups of theirs run.';
COMMENT ON COLUMN links.v_people.groups_joined IS 'In how many groups they have a seat.';
COMMENT ON COLUMN links.v_people.last_notified_at IS 'When something was last sent to them; NULL: never.';
COMMENT ON COLUMN links.v_people.created_at IS 'When the person was entered.';

CREATE VIEW links.v_mentor_mentee AS
SELECT
    m.id AS relationship_id,
    m.mentor_id,
    t.mentor_name,
    m.mentee_id,
    e.mentee_name,
    m.status,
    m.initiated_by,
    m.created_at,
    m.accepted_at,
    m.paused_at,
    m.resume_at,
    m.ended_at,
    CASE m.ended_by WHEN m.mentor_id THEN 'mentor' WHEN m.mentee_id THEN 'mentee' END AS ended_by_side,
    extract(DAY FROM coalesce(m.ended_at, now()) - m.accepted_at)::integer AS days_together
FROM mentoring.mentor_mentee AS m
LEFT JOIN LATERAL (
    SELECT concat_ws(' ', x.first_name, x.last_name) AS mentor_name FROM auth.users AS x
    WHERE x.id = m.mentor_id
    LIMIT 1
) AS t ON true
LEFT JOIN LATERAL (
    SELECT concat_ws(' ', x.first_name, x.last_name) AS mentee_name FROM auth.users AS x
    WHERE x.id = m.mentee_id
    LIMIT 1
) AS e ON true;

COMMENT ON VIEW links.v_mentor_mentee IS 'Every relationship of a mentor and a mentee, by name.';
COMMENT ON COLUMN links.v_mentor_mentee.relationship_id IS 'The relationship (mentoring.mentor_mentee.id).';
COMMENT ON COLUMN links.v_mentor_mentee.mentor_id IS 'Who teaches (auth.users.id).';
COMMENT ON COLUMN links.v_mentor_mentee.mentor_name IS 'What the mentor is called. Personal data.';
COMMENT ON COLUMN links.v_mentor_mentee.mentee_id IS 'Who learns (auth.users.id).';
COMMENT ON COLUMN links.v_mentor_mentee.mentee_name IS 'What the mentee is called. Personal data.';
COMMENT ON COLUMN links.v_mentor_mentee.status IS
'Where it stands: pending, active, paused are live; completed, rejected, cancelled, expired, terminated are ended.';
COMMENT ON COLUMN links.v_mentor_mentee.initiated_by IS 'Who made it: mentor, mentee, system or admin.';
COMMENT ON COLUMN links.v_mentor_mentee.created_at IS 'When it was asked for or imported.';
COMMENT ON COLUMN links.v_mentor_mentee.accepted_at IS 'When it first became active; NULL if it never was.';
COMMENT ON COLUMN links.v_mentor_mentee.paused_at IS 'Since when it is paused; NULL while it is not.';
COMMENT ON COLUMN links.v_mentor_mentee.resume_at IS 'From when on the system may resume it; NULL: only on request.';
COMMENT ON COLUMN links.v_mentor_mentee.ended_at IS 'When it ended, in whatever way; NULL while it is live.';
COMMENT ON COLUMN links.v_mentor_mentee.ended_by_side IS
'Which side ended it, mentor or mentee; NULL: it has not ended, or somebody else did.';
COMMENT ON COLUMN links.v_mentor_mentee.days_together IS
'For how many days they have worked together, or did; NULL if they never did.';

CREATE VIEW links.v_mentor_board AS
SELECT
    b.mentor_id,
    t.mentor_name,
    b.mentee_id,
    e.mentee_name,
    b.relationship_id,
    b.status,
    b.accepted_at,
    b.total_bookings,
    b.completed_sessions,
    b.cancelled_sessions,
    b.no_show_sessions,
    b.upcoming_sessions,
    b.unresolved_sessions,
    b.last_session_date,
    b.next_session_date,
    b.next_session_date AT TIME ZONE t.mentor_timezone AS next_session_mentor_local,
    t.mentor_timezone,
    b.hours_completed,
    b.completion_rate
FROM mentoring.mentor_mentee_statistics AS b
LEFT JOIN LATERAL (
    SELECT
        concat_ws(' ', x.first_name, x.last_name) AS mentor_name,
        coalesce(
            (
                SELECT p.timezone FROM mentoring.user_profiles AS p
                WHERE p.user_id = x.id
            ),
            x.timezone
        ) AS mentor_timezone
    FROM auth.users AS x
    WHERE x.id = b.mentor_id
    LIMIT 1
) AS t ON true
LEFT JOIN LATERAL (
    SELECT concat_ws(' ', x.first_name, x.last_name) AS mentee_name FROM auth.users AS x
    WHERE x.id = b.mentee_id
    LIMIT 1
) AS e ON true
WHERE b.status IN ('active', 'paused')
ORDER BY b.mentor_id, b.mentee_id;

COMMENT ON VIEW links.v_mentor_board IS
'Each mentor''s present mentees with the statistics of their sessions, by name. Filter by mentor_id.';
COMMENT ON COLUMN links.v_mentor_board.mentor_id IS 'Whose board it is (auth.users.id).';
COMMENT ON COLUMN links.v_mentor_board.mentor_name IS 'What the mentor is called. Personal data.';
COMMENT ON COLUMN links.v_mentor_board.mentee_id IS 'The mentee (auth.users.id).';
COMMENT ON COLUMN links.v_mentor_board.mentee_name IS 'What the mentee is called. Personal data.';
COMMENT ON COLUMN links.v_mentor_board.relationship_id IS 'The relationship (mentoring.mentor_mentee.id).';
COMMENT ON COLUMN links.v_mentor_board.status IS 'Where the relationship stands: active or paused.';
COMMENT ON COLUMN links.v_mentor_board.accepted_at IS 'Since when they work together.';
COMMENT ON COLUMN links.v_mentor_board.total_bookings IS 'All bookings, whatever became of them.';
COMMENT ON COLUMN links.v_mentor_board.completed_sessions IS 'Sessions that took place.';
COMMENT ON COLUMN links.v_mentor_board.cancelled_sessions IS 'Bookings that either side cancelled.';
COMMENT ON COLUMN links.v_mentor_board.no_show_sessions IS 'Sessions to which the mentee did not come.';
COMMENT ON COLUMN links.v_mentor_board.upcoming_sessions IS
'Bookings, pending or confirmed, whose session begins later than now.';
COMMENT ON COLUMN links.v_mentor_board.unresolved_sessions IS
'Confirmed bookings whose session has ended without an outcome being recorded.';
COMMENT ON COLUMN links.v_mentor_board.last_session_date IS 'When the last session began; NULL if there is none.';
COMMENT ON COLUMN links.v_mentor_board.next_session_date IS
'When the next upcoming session begins; NULL if there is none.';
COMMENT ON COLUMN links.v_mentor_board.next_session_mentor_local IS 'The same by the mentor''s clock.';
COMMENT ON COLUMN links.v_mentor_board.mentor_timezone IS
'IANA time zone of the mentor''s profile, or else of the person.';
COMMENT ON COLUMN links.v_mentor_board.hours_completed IS 'Length of all completed sessions together, in hours.';
COMMENT ON COLUMN links.v_mentor_board.completion_rate IS
'Completed sessions as a share, 0 to 1, of those with an outcome; NULL if there is none.';

CREATE VIEW links.v_mentor_load AS
SELECT
    l.mentor_id,
    t.mentor_name,
    l.mentor_available,
    l.capacity,
    l.used,
    l.free,
    l.waiting,
    p.mentor_rate,
    p.mentor_rate_currency,
    s.subjects_offered
FROM mentoring.v_mentor_load AS l
LEFT JOIN LATERAL (
    SELECT concat_ws(' ', x.first_name, x.last_name) AS mentor_name FROM auth.users AS x
    WHERE x.id = l.mentor_id
    LIMIT 1
) AS t ON true
LEFT JOIN LATERAL (
    SELECT x.mentor_rate, x.mentor_rate_currency FROM mentoring.user_profiles AS x
    WHERE x.user_id = l.mentor_id
    LIMIT 1
) AS p ON true
CROSS JOIN
    LATERAL (
        SELECT count(*) AS subjects_offered FROM mentoring.subjects AS x
        WHERE x.user_id = l.mentor_id AND x.is_active
    ) AS s;

COMMENT ON VIEW links.v_mentor_load IS
'How full each mentor is and what they cost, by name: who can take another mentee.';
COMMENT ON COLUMN links.v_mentor_load.mentor_id IS 'The person (auth.users.id).';
COMMENT ON COLUMN links.v_mentor_load.mentor_name IS 'What they are called. Personal data.';
COMMENT ON COLUMN links.v_mentor_load.mentor_available IS 'Whether they take new requests.';
COMMENT ON COLUMN links.v_mentor_load.capacity IS 'Places at most; NULL: no limit.';
COMMENT ON COLUMN links.v_mentor_load.used IS 'Places taken: relationships that are active or paused.';
COMMENT ON COLUMN links.v_mentor_load.free IS 'Places left; NULL without a limit.';
COMMENT ON COLUMN links.v_mentor_load.waiting IS 'Requests that are not answered yet.';
COMMENT ON COLUMN links.v_mentor_load.mentor_rate IS 'Price of an hour, in mentor_rate_currency; NULL: not stated.';
COMMENT ON COLUMN links.v_mentor_load.mentor_rate_currency IS 'ISO 4217 code of mentor_rate.';
COMMENT ON COLUMN links.v_mentor_load.subjects_offered IS 'How many subjects of theirs can be booked.';

CREATE VIEW links.v_bookings AS
SELECT
    b.id AS booking_id,
    b.relationship_id,
    b.mentor_id,
    t.mentor_name,
    b.user_id AS mentee_id,
    e.mentee_name,
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
    SELECT
        concat_ws(' ', x.first_name, x.last_name) AS mentor_name,
        coalesce(
            (
                SELECT p.timezone FROM mentoring.user_profiles AS p
                WHERE p.user_id = x.id
            ),
            x.timezone
        ) AS mentor_timezone
    FROM auth.users AS x
    WHERE x.id = b.mentor_id
    LIMIT 1
) AS t ON true
LEFT JOIN LATERAL (
    SELECT
        concat_ws(' ', x.first_name, x.last_name) AS mentee_name,
        coalesce(
            (
                SELECT p.timezone FROM mentoring.user_profiles AS p
                WHERE p.user_id = x.id
            ),
            x.timezone
        ) AS mentee_timezone
    FROM auth.users AS x
    WHERE x.id = b.user_id
    LIMIT 1
) AS e ON true;

COMMENT ON VIEW links.v_bookings IS
'Every booking by name, with its price, in both sides'' local time: what a session of whom with whom was, is or will be.';
COMMENT ON COLUMN links.v_bookings.booking_id IS 'The booking (mentoring.subject_schedule.id).';
COMMENT ON COLUMN links.v_bookings.relationship_id IS
'The relationship that it counts for; NULL until the pair has one.';
COMMENT ON COLUMN links.v_bookings.mentor_id IS 'Who teaches (auth.users.id).';
COMMENT ON COLUMN links.v_bookings.mentor_name IS 'What the mentor is called. Personal data.';
COMMENT ON COLUMN links.v_bookings.mentee_id IS 'Who booked (auth.users.id).';
COMMENT ON COLUMN links.v_bookings.mentee_name IS 'What the mentee is called. Personal data.';
COMMENT ON COLUMN links.v_bookings.subject_id IS 'What was booked (mentoring.subjects.id).';
COMMENT ON COLUMN links.v_bookings.subject IS 'What the subject is called now.';
COMMENT ON COLUMN links.v_bookings.status IS 'Where it stands: pending, confirmed, completed, cancelled or no_show.';
COMMENT ON COLUMN links.v_bookings.starts_at IS 'When the session begins.';
COMMENT ON COLUMN links.v_bookings.ends_at IS 'When the session ends, not included.';
COMMENT ON COLUMN links.v_bookings.mentor_starts_local IS 'When it begins by the mentor''s clock.';
COMMENT ON COLUMN links.v_bookings.mentor_timezone IS 'IANA time zone of the mentor''s profile, or else of the person.';
COMMENT ON COLUMN links.v_bookings.mentee_starts_local IS 'When it begins by the mentee''s clock.';
COMMENT ON COLUMN links.v_bookings.mentee_timezone IS 'IANA time zone of the mentee''s profile, or else of the person.';
COMMENT ON COLUMN links.v_bookings.minutes IS 'How long the session is, in minutes.';
COMMENT ON COLUMN links.v_bookings.price IS
'What a session of the subject costs now, in price_currency; NULL: not stated.';
COMMENT ON COLUMN links.v_bookings.price_currency IS 'ISO 4217 code of price.';
COMMENT ON COLUMN links.v_bookings.cancelled_by_side IS
'Which side cancelled it, mentor or mentee; NULL: it is not cancelled, or somebody else did.';
COMMENT ON COLUMN links.v_bookings.cancelled_at IS 'When it was cancelled; NULL unless it is.';
COMMENT ON COLUMN links.v_bookings.created_at IS 'When it was booked or imported.';

CREATE VIEW links.v_publications AS
SELECT
    p.id AS publication_id,
    p.mentor_id,
    t.mentor_name,
    p.kind,
    p.title,
    p.created_at AS published_at,
    s.subscribers_now
FROM mentoring.publications AS p
LEFT JOIN LATERAL (
    SELECT concat_ws(' ', x.first_name, x.last_name) AS mentor_name FROM auth.users AS x
    WHERE x.id = p.mentor_id
    LIMIT 1
) AS t ON true
CROSS JOIN
    LATERAL (
        SELECT count(*) AS subscribers_now FROM mentoring.mentor_mentee AS x
        WHERE
            x.mentor_id = p.mentor_id AND x.status = 'active'
            AND CASE p.kind
                WHEN 'quiz' THEN x.subscribe_to_quizzes
                WHEN 'course' THEN x.subscribe_to_courses
                WHEN 'subject' THEN x.subscribe_to_subjects
            END
    ) AS s;

COMMENT ON VIEW links.v_publications IS 'What mentors have published and how many want to hear of such, by name.';
COMMENT ON COLUMN links.v_publications.publication_id IS 'The publication (mentoring.publications.id).';
COMMENT ON COLUMN links.v_publications.mentor_id IS 'Who published it (auth.users.id).';
COMMENT ON COLUMN links.v_publications.mentor_name IS 'What the mentor is called. Personal data.';
COMMENT ON COLUMN links.v_publications.kind IS 'What it is: quiz, course or subject.';
COMMENT ON COLUMN links.v_publications.title IS 'What subscribers were told.';
COMMENT ON COLUMN links.v_publications.published_at IS 'When it was published.';
COMMENT ON COLUMN links.v_publications.subscribers_now IS
'How many of the mentor''s active mentees subscribe to this kind now.';

CREATE VIEW links.v_teachers AS
SELECT
    t.telegram_id AS teacher_telegram_id,
    u.teacher_name,
    t.specialization,
    l.languages,
    t.rate,
    t.rate_currency,
    t.is_active,
    g.groups_running,
    p.lessons_last_30_days,
    n.next_lesson_at,
    n.next_lesson_at AT TIME ZONE t.timezone AS next_lesson_local,
    t.timezone,
    t.created_at
FROM teachers.teachers AS t
LEFT JOIN LATERAL (
    SELECT concat_ws(' ', x.first_name, x.last_name) AS teacher_name FROM auth.users AS x
    WHERE x.telegram_id = t.telegram_id
    LIMIT 1
) AS u ON true
CROSS JOIN
    LATERAL (
        SELECT string_agg(x.language, ', ' ORDER BY x.language) AS languages FROM teachers.teacher_languages AS x
        WHERE x.teacher_telegram_id = t.telegram_id
    ) AS l
CROSS JOIN
    LATERAL (
        SELECT count(*) AS groups_running FROM groups.groups AS x
        WHERE x.teacher_telegram_id = t.telegram_id AND x.status IN ('open', 'closed')
    ) AS g
CROSS JOIN
    LATERAL (
        SELECT count(*) AS lessons_last_30_days FROM calendar.lessons AS x
        WHERE
            x.teacher_telegram_id = t.telegram_id AND x.status <> 'cancelled'
            AND x.starts_at >= now() - interval '30 days' AND x.starts_at < now()
    ) AS p
LEFT JOIN LATERAL (
    SELECT x.starts_at AS next_lesson_at FROM calendar.lessons AS x
    WHERE x.teacher_telegram_id = t.telegram_id AND x.starts_at >= now() AND x.status = 'planned'
    ORDER BY x.starts_at
    LIMIT 1
) AS n ON true;

COMMENT ON VIEW links.v_teachers IS
'Every teacher by name: what they teach, what they cost, how much they do and when next.';
COMMENT ON COLUMN links.v_teachers.teacher_telegram_id IS 'The teacher (auth.users.telegram_id).';
COMMENT ON COLUMN links.v_teachers.teacher_name IS 'What they are called. Personal data.';
COMMENT ON COLUMN links.v_teachers.specialization IS 'What the teacher is best at.';
COMMENT ON COLUMN links.v_teachers.languages IS 'The languages that they teach, BCP 47 tags; NULL: none.';
COMMENT ON COLUMN links.v_teachers.rate IS 'Price of an hour, in rate_currency; NULL: not stated.';
COMMENT ON COLUMN links.v_teachers.rate_currency IS 'ISO 4217 code of rate.';
COMMENT ON COLUMN links.v_teachers.is_active IS 'False once the person teaches no more.';
COMMENT ON COLUMN links.v_teachers.groups_running IS 'How many groups of theirs run.';
COMMENT ON COLUMN links.v_teachers.lessons_last_30_days IS
'How many lessons of theirs, not cancelled, began in the last 30 days.';
COMMENT ON COLUMN links.v_teachers.next_lesson_at IS 'When their next planned lesson begins; NULL: none is planned.';
COMMENT ON COLUMN links.v_teachers.next_lesson_local IS 'The same by the teacher''s clock.';
COMMENT ON COLUMN links.v_teachers.timezone IS 'IANA time zone of the teacher''s local times.';
COMMENT ON COLUMN links.v_teachers.created_at IS 'When the profile was made.';

CREATE VIEW links.v_students AS
SELECT
    s.telegram_id AS student_telegram_id,
    u.student_name,
    l.languages,
    s.is_active,
    g.groups_active,
    g.groups_waiting,
    a.lessons_marked,
    a.lessons_attended,
    round(a.lessons_attended::numeric / nullif(a.lessons_marked - a.lessons_excused, 0), 4) AS attendance_rate,
    n.next_lesson_at,
    n.next_lesson_at AT TIME ZONE s.timezone AS next_lesson_local,
    s.timezone,
    s.created_at
FROM students.students AS s
LEFT JOIN LATERAL (
    SELECT concat_ws(' ', x.first_name, x.last_name) AS student_name FROM auth.users AS x
    WHERE x.telegram_id = s.telegram_id
    LIMIT 1
) AS u ON true
CROSS JOIN
    LATERAL (
        SELECT string_agg(x.language, ', ' ORDER BY x.language) AS languages FROM students.student_languages AS x
        WHERE x.student_telegram_id = s.telegram_id
    ) AS l
CROSS JOIN
    LATERAL (
        SELECT
            count(*) FILTER (WHERE x.status = 'active') AS groups_active,
            count(*) FILTER (WHERE x.status = 'waiting') AS groups_waiting
        FROM groups.group_members AS x
        WHERE x.student_telegram_id = s.telegram_id
    ) AS g
CROSS JOIN
    LATERAL (
        SELECT
            count(y.status) AS lessons_marked,
            count(*) FILTER (WHERE y.status IN ('present', 'late')) AS lessons_attended,
            count(*) FILTER (WHERE y.status = 'excused') AS lessons_excused
        FROM calendar.lesson_participants AS x
        LEFT JOIN LATERAL (
            SELECT z.status FROM calendar.lesson_attendance AS z
            WHERE z.lesson_id = x.lesson_id AND z.student_telegram_id = x.student_telegram_id
            LIMIT 1
        ) AS y ON true
        WHERE x.student_telegram_id = s.telegram_id AND x.occupies AND x.starts_at >= now() - interval '90 days'
    ) AS a
LEFT JOIN LATERAL (
    SELECT x.starts_at AS next_lesson_at FROM calendar.lesson_participants AS x
    WHERE x.student_telegram_id = s.telegram_id AND x.starts_at >= now() AND x.occupies
    ORDER BY x.starts_at
    LIMIT 1
) AS n ON true;

COMMENT ON VIEW links.v_students IS
'Every student by name: what they learn, in how many groups, whether they come, and when next.';
COMMENT ON COLUMN links.v_students.student_telegram_id IS 'The student (auth.users.telegram_id).';
COMMENT ON COLUMN links.v_students.student_name IS 'What they are called. Personal data.';
COMMENT ON COLUMN links.v_students.languages IS 'The languages that they learn, BCP 47 tags; NULL: none.';
COMMENT ON COLUMN links.v_students.is_active IS 'False once the person learns no more.';
COMMENT ON COLUMN links.v_students.groups_active IS 'In how many groups they have a seat.';
COMMENT ON COLUMN links.v_students.groups_waiting IS 'For how many groups they wait.';
COMMENT ON COLUMN links.v_students.lessons_marked IS
'Of how many of their lessons of the last 90 days attendance was marked.';
COMMENT ON COLUMN links.v_students.lessons_attended IS 'To how many of those they came, late or not.';
COMMENT ON COLUMN links.v_students.attendance_rate IS
'Their share, 0 to 1, of those marked that were not excused; NULL: there are none.';
COMMENT ON COLUMN links.v_students.next_lesson_at IS 'When their next lesson begins; NULL: none is planned.';
COMMENT ON COLUMN links.v_students.next_lesson_local IS 'The same by the student''s clock.';
COMMENT ON COLUMN links.v_students.timezone IS 'IANA time zone of the student''s local times.';
COMMENT ON COLUMN links.v_students.created_at IS 'When the profile was made.';

CREATE VIEW links.v_groups AS
SELECT
    g.group_id,
    g.name,
    g.teacher_telegram_id,
    t.teacher_name,
    g.language,
    g.level,
    g.status,
    g.capacity,
    g.taken,
    g.free,
    g.waiting,
    n.next_lesson_at,
    n.next_lesson_at AT TIME ZONE z.teacher_timezone AS next_lesson_teacher_local,
    z.teacher_timezone,
    g.created_at
FROM groups.v_groups AS g
LEFT JOIN LATERAL (
    SELECT concat_ws(' ', x.first_name, x.last_name) AS teacher_name FROM auth.users AS x
    WHERE x.telegram_id = g.teacher_telegram_id
    LIMIT 1
) AS t ON true
LEFT JOIN LATERAL (
    SELECT x.timezone AS teacher_timezone FROM teachers.teachers AS x
    WHERE x.telegram_id = g.teacher_telegram_id
    LIMIT 1
) AS z ON true
LEFT JOIN LATERAL (
    SELECT x.starts_at AS next_lesson_at FROM calendar.lessons AS x
    WHERE x.group_id = g.group_id AND x.starts_at >= now() AND x.status = 'planned'
    ORDER BY x.starts_at
    LIMIT 1
) AS n ON true;

COMMENT ON VIEW links.v_groups IS 'Every group with its teacher''s name, how full it is and when it meets next.';
COMMENT ON COLUMN links.v_groups.group_id IS 'The group (groups.groups.id).';
COMMENT ON COLUMN links.v_groups.name IS 'What it is called.';
COMMENT ON COLUMN links.v_groups.teacher_telegram_id IS 'Who teaches it (auth.users.telegram_id).';
COMMENT ON COLUMN links.v_groups.teacher_name IS 'What the teacher is called. Personal data.';
COMMENT ON COLUMN links.v_groups.language IS 'The language that it learns, a BCP 47 tag.';
COMMENT ON COLUMN links.v_groups.level IS 'The level that it is for, a1 to c2; NULL: any.';
COMMENT ON COLUMN links.v_groups.status IS
'Where it stands: open and closed groups run, completed and cancelled ones have ended.';
COMMENT ON COLUMN links.v_groups.capacity IS 'How many seats it has.';
COMMENT ON COLUMN links.v_groups.taken IS 'How many of them active members take.';
COMMENT ON COLUMN links.v_groups.free IS 'How many are left.';
COMMENT ON COLUMN links.v_groups.waiting IS 'How many students wait for a seat.';
COMMENT ON COLUMN links.v_groups.next_lesson_at IS 'When its next planned lesson begins; NULL: none is planned.';
COMMENT ON COLUMN links.v_groups.next_lesson_teacher_local IS 'The same by the teacher''s clock.';
COMMENT ON COLUMN links.v_groups.teacher_timezone IS 'IANA time zone of the teacher''s local times.';
COMMENT ON COLUMN links.v_groups.created_at IS 'When the group was made.';

CREATE VIEW links.v_group_members AS
SELECT
    m.id AS member_id,
    m.group_id,
    g.group_name,
    g.teacher_telegram_id,
    t.teacher_name,
    m.student_telegram_id,
    s.student_name,
    m.status,
    m.progress,
    m.requested_at,
    m.joined_at,
    m.ended_at
FROM groups.group_members AS m
LEFT JOIN LATERAL (
    SELECT
        x.name AS group_name,
        x.teacher_telegram_id
    FROM groups.groups AS x
    WHERE x.id = m.group_id
    LIMIT 1
) AS g ON true
LEFT JOIN LATERAL (
    SELECT concat_ws(' ', x.first_name, x.last_name) AS teacher_name FROM auth.users AS x
    WHERE x.telegram_id = g.teacher_telegram_id
    LIMIT 1
) AS t ON true
LEFT JOIN LATERAL (
    SELECT concat_ws(' ', x.first_name, x.last_name) AS student_name FROM auth.users AS x
    WHERE x.telegram_id = m.student_telegram_id
    LIMIT 1
) AS s ON true;

COMMENT ON VIEW links.v_group_members IS 'Who is, was or waits to be in which group, by name.';
COMMENT ON COLUMN links.v_group_members.member_id IS 'The membership (groups.group_members.id).';
COMMENT ON COLUMN links.v_group_members.group_id IS 'The group (v_groups.group_id).';
COMMENT ON COLUMN links.v_group_members.group_name IS 'What the group is called.';
COMMENT ON COLUMN links.v_group_members.teacher_telegram_id IS 'Who teaches the group (auth.users.telegram_id).';
COMMENT ON COLUMN links.v_group_members.teacher_name IS 'What the teacher is called. Personal data.';
COMMENT ON COLUMN links.v_group_members.student_telegram_id IS 'The student (auth.users.telegram_id).';
COMMENT ON COLUMN links.v_group_members.student_name IS 'What the student is called. Personal data.';
COMMENT ON COLUMN links.v_group_members.status IS
'Where it stands: waiting and active are live; completed and left are ended.';
COMMENT ON COLUMN links.v_group_members.progress IS 'How far the student has come, in percent: 0 to 100.';
COMMENT ON COLUMN links.v_group_members.requested_at IS 'When they asked to be in: the order of the waiting list.';
COMMENT ON COLUMN links.v_group_members.joined_at IS 'Since when they have had a seat; NULL if they never had.';
COMMENT ON COLUMN links.v_group_members.ended_at IS 'When they completed or left; NULL while they have not.';

CREATE VIEW links.v_lessons AS
SELECT
    l.lesson_id,
    l.title,
    l.teacher_telegram_id,
    t.teacher_name,
    l.group_id,
    g.group_name,
    l.starts_at,
    l.ends_at,
    l.starts_at AT TIME ZONE z.teacher_timezone AS teacher_starts_local,
    l.ends_at AT TIME ZONE z.teacher_timezone AS teacher_ends_local,
    z.teacher_timezone,
    l.status,
    l.rescheduled_from,
    l.rescheduled_to,
    l.participants,
    l.present,
    l.late,
    l.absent,
    l.excused,
    l.created_at
FROM calendar.v_lessons AS l
LEFT JOIN LATERAL (
    SELECT concat_ws(' ', x.first_name, x.last_name) AS teacher_name FROM auth.users AS x
    WHERE x.telegram_id = l.teacher_telegram_id
    LIMIT 1
) AS t ON true
LEFT JOIN LATERAL (
    SELECT x.timezone AS teacher_timezone FROM teachers.teachers AS x
    WHERE x.telegram_id = l.teacher_telegram_id
    LIMIT 1
) AS z ON true
LEFT JOIN LATERAL (
    SELECT x.name AS group_name FROM groups.groups AS x
    WHERE x.id = l.group_id
    LIMIT 1
) AS g ON true;

COMMENT ON VIEW links.v_lessons IS
'Every lesson with the names of teacher and group, in the teacher''s local time, and how many came.';
COMMENT ON COLUMN links.v_lessons.lesson_id IS 'The lesson (calendar.lessons.id).';
COMMENT ON COLUMN links.v_lessons.title IS 'What it is called.';
COMMENT ON COLUMN links.v_lessons.teacher_telegram_id IS 'Who teaches (auth.users.telegram_id).';
COMMENT ON COLUMN links.v_lessons.teacher_name IS 'What the teacher is called. Personal data.';
COMMENT ON COLUMN links.v_lessons.group_id IS
'The group that it is for (v_groups.group_id); NULL: for its participants only.';
COMMENT ON COLUMN links.v_lessons.group_name IS 'What the group is called.';
COMMENT ON COLUMN links.v_lessons.starts_at IS 'When it begins.';
COMMENT ON COLUMN links.v_lessons.ends_at IS 'When it ends, not included.';
COMMENT ON COLUMN links.v_lessons.teacher_starts_local IS 'When it begins by the teacher''s clock.';
COMMENT ON COLUMN links.v_lessons.teacher_ends_local IS 'When it ends by the teacher''s clock, not included.';
COMMENT ON COLUMN links.v_lessons.teacher_timezone IS 'IANA time zone of the teacher''s local times.';
COMMENT ON COLUMN links.v_lessons.status IS 'Where it stands: planned, completed or cancelled.';
COMMENT ON COLUMN links.v_lessons.rescheduled_from IS 'The cancelled lesson that it replaces; NULL if none.';
COMMENT ON COLUMN links.v_lessons.rescheduled_to IS 'The lesson that replaces it; NULL if none.';
COMMENT ON COLUMN links.v_lessons.participants IS 'How many students take part.';
COMMENT ON COLUMN links.v_lessons.present IS 'How many of them are marked present.';
COMMENT ON COLUMN links.v_lessons.late IS 'How many of them are marked late.';
COMMENT ON COLUMN links.v_lessons.absent IS 'How many of them are marked absent.';
COMMENT ON COLUMN links.v_lessons.excused IS 'How many of them are marked excused.';
COMMENT ON COLUMN links.v_lessons.created_at IS 'When it was planned or imported.';

CREATE VIEW links.v_lesson_participants AS
SELECT
    p.lesson_id,
    l.title,
    l.status AS lesson_status,
    l.teacher_telegram_id,
    t.teacher_name,
    p.student_telegram_id,
    s.student_name,
    p.starts_at,
    p.ends_at,
    p.starts_at AT TIME ZONE z.student_timezone AS student_starts_local,
    z.student_timezone,
    a.status AS attendance,
    a.updated_at AS marked_at
FROM calendar.lesson_participants AS p
LEFT JOIN LATERAL (
    SELECT x.title, x.status, x.teacher_telegram_id FROM calendar.lessons AS x
    WHERE x.id = p.lesson_id
    LIMIT 1
) AS l ON true
LEFT JOIN LATERAL (
    SELECT concat_ws(' ', x.first_name, x.last_name) AS teacher_name FROM auth.users AS x
    WHERE x.telegram_id = l.teacher_telegram_id
    LIMIT 1
) AS t ON true
LEFT JOIN LATERAL (
    SELECT concat_ws(' ', x.first_name, x.last_name) AS student_name FROM auth.users AS x
    WHERE x.telegram_id = p.student_telegram_id
    LIMIT 1
) AS s ON true
LEFT JOIN LATERAL (
    SELECT x.timezone AS student_timezone FROM students.students AS x
    WHERE x.telegram_id = p.student_telegram_id
    LIMIT 1
) AS z ON true
LEFT JOIN LATERAL (
    SELECT x.status, x.updated_at FROM calendar.lesson_attendance AS x
    WHERE x.lesson_id = p.lesson_id AND x.student_telegram_id = p.student_telegram_id
    LIMIT 1
) AS a ON true;

COMMENT ON VIEW links.v_lesson_participants IS
'A student''s timetable and who came, by name, in the student''s local time. Filter by student_telegram_id or lesson_id.';
COMMENT ON COLUMN links.v_lesson_participants.lesson_id IS 'The lesson (v_lessons.lesson_id).';
COMMENT ON COLUMN links.v_lesson_participants.title IS 'What it is called.';
COMMENT ON COLUMN links.v_lesson_participants.lesson_status IS
'Where the lesson stands: planned, completed or cancelled.';
COMMENT ON COLUMN links.v_lesson_participants.teacher_telegram_id IS 'Who teaches (auth.users.telegram_id).';
COMMENT ON COLUMN links.v_lesson_participants.teacher_name IS 'What the teacher is called. Personal data.';
COMMENT ON COLUMN links.v_lesson_participants.student_telegram_id IS 'Who learns (auth.users.telegram_id).';
COMMENT ON COLUMN links.v_lesson_participants.student_name IS 'What the student is called. Personal data.';
COMMENT ON COLUMN links.v_lesson_participants.starts_at IS 'When the lesson begins.';
COMMENT ON COLUMN links.v_lesson_participants.ends_at IS 'When the lesson ends, not included.';
COMMENT ON COLUMN links.v_lesson_participants.student_starts_local IS 'When it begins by the student''s clock.';
COMMENT ON COLUMN links.v_lesson_participants.student_timezone IS 'IANA time zone of the student''s local times.';
COMMENT ON COLUMN links.v_lesson_participants.attendance IS
'Whether they came: present, late, absent or excused; NULL: not marked.';
COMMENT ON COLUMN links.v_lesson_participants.marked_at IS 'When it was marked last; NULL: not marked.';

CREATE VIEW links.v_teacher_schedules AS
SELECT
    s.id AS schedule_id,
    s.teacher_telegram_id,
    t.teacher_name,
    (ARRAY['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'])[s.weekday] AS weekday_name,
    s.weekday,
    s.starts_local,
    s.ends_local,
    s.timezone,
    s.valid_from,
    s.valid_to
FROM calendar.teacher_schedules AS s
LEFT JOIN LATERAL (
    SELECT concat_ws(' ', x.first_name, x.last_name) AS teacher_name FROM auth.users AS x
    WHERE x.telegram_id = s.teacher_telegram_id
    LIMIT 1
) AS t ON true;

COMMENT ON VIEW links.v_teacher_schedules IS 'When teachers can be booked every week, by name, in local time.';
COMMENT ON COLUMN links.v_teacher_schedules.schedule_id IS 'The window (calendar.teacher_schedules.id).';
COMMENT ON COLUMN links.v_teacher_schedules.teacher_telegram_id IS 'The teacher (auth.users.telegram_id).';
COMMENT ON COLUMN links.v_teacher_schedules.teacher_name IS 'What they are called. Personal data.';
COMMENT ON COLUMN links.v_teacher_schedules.weekday_name IS 'The local day on which the window begins.';
COMMENT ON COLUMN links.v_teacher_schedules.weekday IS 'The same as a number: 1 is Monday, 7 is Sunday.';
COMMENT ON COLUMN links.v_teacher_schedules.starts_local IS 'When it begins, local time.';
COMMENT ON COLUMN links.v_teacher_schedules.ends_local IS
'When it ends, local time, not included; on the next day where it is not after starts_local.';
COMMENT ON COLUMN links.v_teacher_schedules.timezone IS 'IANA time zone of the local times.';
COMMENT ON COLUMN links.v_teacher_schedules.valid_from IS 'First local day on which the window may begin.';
COMMENT ON COLUMN links.v_teacher_schedules.valid_to IS 'Local day from which on it no longer does; NULL: it goes on.';

CREATE VIEW links.v_teacher_unavailable AS
SELECT
    a.id AS absence_id,
    a.teacher_telegram_id,
    t.teacher_name,
    a.starts_at,
    a.ends_at,
    a.starts_at AT TIME ZONE z.teacher_timezone AS starts_local,
    a.ends_at AT TIME ZONE z.teacher_timezone AS ends_local,
    z.teacher_timezone
FROM calendar.teacher_unavailable AS a
LEFT JOIN LATERAL (
    SELECT concat_ws(' ', x.first_name, x.last_name) AS teacher_name FROM auth.users AS x
    WHERE x.telegram_id = a.teacher_telegram_id
    LIMIT 1
) AS t ON true
LEFT JOIN LATERAL (
    SELECT x.timezone AS teacher_timezone FROM teachers.teachers AS x
    WHERE x.telegram_id = a.teacher_telegram_id
    LIMIT 1
) AS z ON true;

COMMENT ON VIEW links.v_teacher_unavailable IS 'When teachers are away, by name, in the teacher''s local time.';
COMMENT ON COLUMN links.v_teacher_unavailable.absence_id IS 'The absence (calendar.teacher_unavailable.id).';
COMMENT ON COLUMN links.v_teacher_unavailable.teacher_telegram_id IS 'The teacher (auth.users.telegram_id).';
COMMENT ON COLUMN links.v_teacher_unavailable.teacher_name IS 'What they are called. Personal data.';
COMMENT ON COLUMN links.v_teacher_unavailable.starts_at IS 'From when on the teacher is away.';
COMMENT ON COLUMN links.v_teacher_unavailable.ends_at IS 'From when on the teacher is back.';
COMMENT ON COLUMN links.v_teacher_unavailable.starts_local IS 'From when on the teacher is away, by their clock.';
COMMENT ON COLUMN links.v_teacher_unavailable.ends_local IS 'From when on the teacher is back, by their clock.';
COMMENT ON COLUMN links.v_teacher_unavailable.teacher_timezone IS 'IANA time zone of the teacher''s local times.';

CREATE VIEW links.v_notifications AS
SELECT
    n.id AS notification_id,
    n.recipient_telegram_id,
    u.recipient_name,
    n.template_code,
    n.channel,
    n.status,
    n.attempts,
    n.last_error,
    n.created_at,
    n.sent_at,
    n.sent_at AT TIME ZONE u.recipient_timezone AS sent_local,
    u.recipient_timezone
FROM notifications.notifications AS n
LEFT JOIN LATERAL (
    SELECT
        concat_ws(' ', x.first_name, x.last_name) AS recipient_name,
        x.timezone AS recipient_timezone
    FROM auth.users AS x
    WHERE x.telegram_id = n.recipient_telegram_id
    LIMIT 1
) AS u ON true;

COMMENT ON VIEW links.v_notifications IS
'What was or will be sent to whom, by name, in the recipient''s local time: all but what it says. Filter by recipient_telegram_id.';
COMMENT ON COLUMN links.v_notifications.notification_id IS 'The notification (notifications.notifications.id).';
COMMENT ON COLUMN links.v_notifications.recipient_telegram_id IS 'For whom (auth.users.telegram_id).';
COMMENT ON COLUMN links.v_notifications.recipient_name IS 'What they are called; NULL: not registered. Personal data.';
COMMENT ON COLUMN links.v_notifications.template_code IS 'What kind of notification it is.';
COMMENT ON COLUMN links.v_notifications.channel IS 'The way it takes.';
COMMENT ON COLUMN links.v_notifications.status IS 'Where it stands.';
COMMENT ON COLUMN links.v_notifications.attempts IS 'How many attempts have begun since it was queued or replayed.';
COMMENT ON COLUMN links.v_notifications.last_error IS 'Why the last attempt did not succeed or it was cancelled.';
COMMENT ON COLUMN links.v_notifications.created_at IS 'When it was queued.';
COMMENT ON COLUMN links.v_notifications.sent_at IS 'When it was sent; NULL: it was not.';
COMMENT ON COLUMN links.v_notifications.sent_local IS 'The same by the recipient''s clock.';
COMMENT ON COLUMN links.v_notifications.recipient_timezone IS
'IANA time zone in which the recipient reads local times.';

CREATE VIEW links.v_interventions AS
SELECT
    i.intervention_id,
    i.tutor_id,
    t.tutor_name,
    i.intervention_type,
    i.status,
    i.outcome,
    i.assigned_to,
    u.assigned_to_name,
    i.due_date,
    i.status IN ('open', 'assigned', 'in_progress') AND i.due_date < (now() AT TIME ZONE 'UTC')::date AS is_overdue,
    i.created_at AS opened_at,
    i.closed_at
FROM tutormax.interventions AS i
LEFT JOIN LATERAL (
    SELECT x.name AS tutor_name FROM tutormax.tutors AS x
    WHERE x.tutor_id = i.tutor_id
    LIMIT 1
) AS t ON true
LEFT JOIN LATERAL (
    SELECT concat_ws(' ', x.first_name, x.last_name) AS assigned_to_name FROM auth.users AS x
    WHERE x.id = i.assigned_to
    LIMIT 1
) AS u ON true;

COMMENT ON VIEW links.v_interventions IS
'What is done for which tutor and by whom, by name: all but the reason in words.';
COMMENT ON COLUMN links.v_interventions.intervention_id IS 'The intervention (tutormax.interventions.intervention_id).';
COMMENT ON COLUMN links.v_interventions.tutor_id IS 'For whom it is.';
COMMENT ON COLUMN links.v_interventions.tutor_name IS 'What the tutor is called. Personal data.';
COMMENT ON COLUMN links.v_interventions.intervention_type IS 'What is done, such as coaching.';
COMMENT ON COLUMN links.v_interventions.status IS
'Where it stands: open, assigned, in_progress; completed and dismissed have ended.';
COMMENT ON COLUMN links.v_interventions.outcome IS
'What came of it: improved, no_change, declined, churned; NULL unless completed.';
COMMENT ON COLUMN links.v_interventions.assigned_to IS 'Who is to do it (auth.users.id); NULL: nobody yet.';
COMMENT ON COLUMN links.v_interventions.assigned_to_name IS 'What they are called. Personal data.';
COMMENT ON COLUMN links.v_interventions.due_date IS 'The day by which it is to be done.';
COMMENT ON COLUMN links.v_interventions.is_overdue IS 'Whether that day is over (UTC) and it has not ended.';
COMMENT ON COLUMN links.v_interventions.opened_at IS 'When it was opened.';
COMMENT ON COLUMN links.v_interventions.closed_at IS 'When it ended; NULL: it has not.';
