-- Views for people: what the documents ask of this service, with names beside ids; none reads a whole table to show a page.
-- depends: calendar.0001.init

SET LOCAL ROLE mentorbase_owner;

CREATE OR REPLACE VIEW calendar.v_lessons AS
SELECT
    l.id AS lesson_id,
    l.teacher_telegram_id,
    l.group_id,
    l.title,
    l.starts_at,
    l.ends_at,
    l.status,
    l.rescheduled_from,
    (
        SELECT later.id FROM calendar.lessons AS later
        WHERE later.rescheduled_from = l.id
    ) AS rescheduled_to,
    p.participants,
    a.present,
    a.late,
    a.absent,
    a.excused,
    l.created_at
FROM calendar.lessons AS l
CROSS JOIN
    LATERAL (
        SELECT count(*) AS participants FROM calendar.lesson_participants AS lp
        WHERE lp.lesson_id = l.id
    ) AS p
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE la.status = 'present') AS present,
        count(*) FILTER (WHERE la.status = 'late') AS late,
        count(*) FILTER (WHERE la.status = 'absent') AS absent,
        count(*) FILTER (WHERE la.status = 'excused') AS excused
    FROM calendar.lesson_attendance AS la
    WHERE la.lesson_id = l.id
) AS a;

CREATE OR REPLACE VIEW calendar.v_lesson_participants AS
SELECT
    p.lesson_id,
    p.student_telegram_id,
    p.starts_at,
    p.ends_at,
    p.occupies,
    a.status AS attendance,
    a.marked_by,
    a.updated_at AS marked_at,
    p.created_at
FROM calendar.lesson_participants AS p
LEFT JOIN LATERAL (
    SELECT x.status, x.marked_by, x.updated_at FROM calendar.lesson_attendance AS x
    WHERE x.lesson_id = p.lesson_id AND x.student_telegram_id = p.student_telegram_id
    LIMIT 1
) AS a ON true;
