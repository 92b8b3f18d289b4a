CREATE VIEW calendar.v_lessons AS
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

COMMENT ON VIEW calendar.v_lessons IS 'Every lesson with how many take part and came, for analysts.';
COMMENT ON COLUMN calendar.v_lessons.lesson_id IS 'The lesson (lessons.id).';
COMMENT ON COLUMN calendar.v_lessons.teacher_telegram_id IS 'Who teaches (auth.users.telegram_id).';
COMMENT ON COLUMN calendar.v_lessons.group_id IS 'The group that it is for; NULL: for its participants only.';
COMMENT ON COLUMN calendar.v_lessons.title IS 'What it is called.';
COMMENT ON COLUMN calendar.v_lessons.starts_at IS 'When it begins.';
COMMENT ON COLUMN calendar.v_lessons.ends_at IS 'When it ends, not included.';
COMMENT ON COLUMN calendar.v_lessons.status IS 'Where it stands: planned, completed or cancelled.';
COMMENT ON COLUMN calendar.v_lessons.rescheduled_from IS 'The cancelled lesson that it replaces; NULL if none.';
COMMENT ON COLUMN calendar.v_lessons.rescheduled_to IS 'The lesson that replaces it; NULL if none.';
COMMENT ON COLUMN calendar.v_lessons.participants IS 'How many students take part.';
COMMENT ON COLUMN calendar.v_lessons.present IS 'How many of them are marked present.';
COMMENT ON COLUMN calendar.v_lessons.late IS 'How many of them are marked late.';
COMMENT ON COLUMN calendar.v_lessons.absent IS 'How many of them are marked absent.';
COMMENT ON COLUMN calendar.v_lessons.excused IS 'How many of them are marked excused.';
COMMENT ON COLUMN calendar.v_lessons.created_at IS 'When it was planned or imported.';

-- What stands beside an id is looked up row by row, as LIMIT 1 has it: a client that opens a view and fetches 200 rows
-- does not tell the planner so, and a join would then read the whole table.
CREATE VIEW calendar.v_lesson_participants AS
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

COMMENT ON VIEW calendar.v_lesson_participants IS 'Who learns in which lesson, and whether they came, for analysts.';
COMMENT ON COLUMN calendar.v_lesson_participants.lesson_id IS 'The lesson (lessons.id).';
COMMENT ON COLUMN calendar.v_lesson_participants.student_telegram_id IS 'Who learns (auth.users.telegram_id).';
COMMENT ON COLUMN calendar.v_lesson_participants.starts_at IS 'When the lesson begins.';
COMMENT ON COLUMN calendar.v_lesson_participants.ends_at IS 'When the lesson ends, not included.';
COMMENT ON COLUMN calendar.v_lesson_participants.occupies IS 'Whether the lesson takes their time: unless it is cancelled.';
COMMENT ON COLUMN calendar.v_lesson_participants.attendance IS 'Whether they came: present, late, absent or excused; NULL: not marked.';
COMMENT ON COLUMN calendar.v_lesson_participants.marked_by IS
'Who marked it (auth.users.telegram_id); NULL: not marked, or by hand.';
COMMENT ON COLUMN calendar.v_lesson_participants.marked_at IS 'When it was marked last; NULL: not marked.';
COMMENT ON COLUMN calendar.v_lesson_participants.created_at IS 'When the student was entered.';

CREATE VIEW calendar.v_lesson_history AS
SELECT
    h.id AS step_id,
    h.lesson_id,
    h.teacher_telegram_id,
    h.from_status,
    h.to_status,
    h.actor_kind,
    h.actor_id,
    h.occurred_at
FROM calendar.lesson_history AS h;

COMMENT ON VIEW calendar.v_lesson_history IS
'Every step of every lesson, for analysts: all but the reasons, which are people''s own words, and the database logins.';
COMMENT ON COLUMN calendar.v_lesson_history.step_id IS 'Order of the steps.';
COMMENT ON COLUMN calendar.v_lesson_history.lesson_id IS 'The lesson, which may be gone.';
COMMENT ON COLUMN calendar.v_lesson_history.teacher_telegram_id IS 'Its teacher then (auth.users.telegram_id).';
COMMENT ON COLUMN calendar.v_lesson_history.from_status IS 'Status before; NULL for the first step.';
COMMENT ON COLUMN calendar.v_lesson_history.to_status IS 'Status after; NULL where the lesson was deleted.';
COMMENT ON COLUMN calendar.v_lesson_history.actor_kind IS 'As what the actor took the step: teacher, admin or system.';
COMMENT ON COLUMN calendar.v_lesson_history.actor_id IS
'Who took it (auth.users.telegram_id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN calendar.v_lesson_history.occurred_at IS 'When: the start of the transaction that took the step.';

CREATE VIEW calendar.v_teacher_schedules AS
SELECT
    s.id AS schedule_id,
    s.teacher_telegram_id,
    s.weekday,
    s.starts_local,
    s.ends_local,
    s.timezone,
    s.valid_from,
    s.valid_to
FROM calendar.teacher_schedules AS s;

COMMENT ON VIEW calendar.v_teacher_schedules IS 'When teachers can be booked every week, in local time, for analysts.';
COMMENT ON COLUMN calendar.v_teacher_schedules.schedule_id IS 'The window (teacher_schedules.id).';
COMMENT ON COLUMN calendar.v_teacher_schedules.teacher_telegram_id IS 'The teacher (auth.users.telegram_id).';
COMMENT ON COLUMN calendar.v_teacher_schedules.weekday IS 'The local day on which the window begins: 1 is Monday, 7 is Sunday.';
COMMENT ON COLUMN calendar.v_teacher_schedules.starts_local IS 'When it begins, local time.';
COMMENT ON COLUMN calendar.v_teacher_schedules.ends_local IS
'When it ends, local time, not included; on the next day where it is not after starts_local.';
COMMENT ON COLUMN calendar.v_teacher_schedules.timezone IS 'IANA time zone of the local times.';
COMMENT ON COLUMN calendar.v_teacher_schedules.valid_from IS 'First local day on which the window may begin.';
COMMENT ON COLUMN calendar.v_teacher_schedules.valid_to IS 'Local day from which on it no longer does; NULL: it goes on.';

CREATE VIEW calendar.v_teacher_unavailable AS
SELECT
    u.id AS absence_id,
    u.teacher_telegram_id,
    u.starts_at,
    u.ends_at
FROM calendar.teacher_unavailable AS u;

COMMENT ON VIEW calendar.v_teacher_unavailable IS 'When teachers are away, for analysts.';
COMMENT ON COLUMN calendar.v_teacher_unavailable.absence_id IS 'The absence (teacher_unavailable.id).';
COMMENT ON COLUMN calendar.v_teacher_unavailable.teacher_telegram_id IS 'The teacher (auth.users.telegram_id).';
COMMENT ON COLUMN calendar.v_teacher_unavailable.starts_at IS 'From when on the teacher is away.';
COMMENT ON COLUMN calendar.v_teacher_unavailable.ends_at IS 'From when on the teacher is back.';

CREATE VIEW calendar.v_audit_log AS
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
FROM calendar.audit_log AS a;

COMMENT ON VIEW calendar.v_audit_log IS
'Who changed which row of this schema and when, for analysts: all but the values and the database logins. Filter by occurred_at.';
COMMENT ON COLUMN calendar.v_audit_log.change_id IS 'Order of the changes.';
COMMENT ON COLUMN calendar.v_audit_log.table_name IS 'The table whose row changed.';
COMMENT ON COLUMN calendar.v_audit_log.row_key IS 'The row: its key columns and their values.';
COMMENT ON COLUMN calendar.v_audit_log.operation IS 'insert, update, delete, or scrub for an erasure of values from the log.';
COMMENT ON COLUMN calendar.v_audit_log.changed_columns IS
'What an update changed, and which secret columns an insert or delete had filled.';
COMMENT ON COLUMN calendar.v_audit_log.actor_kind IS 'As what the actor did it: user, admin or system.';
COMMENT ON COLUMN calendar.v_audit_log.actor_id IS
'Who did it (auth.users.telegram_id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN calendar.v_audit_log.transaction_id IS 'The transaction, the same for all that it changed.';
COMMENT ON COLUMN calendar.v_audit_log.occurred_at IS 'When: the start of the transaction.';
