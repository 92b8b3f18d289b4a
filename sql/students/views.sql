CREATE VIEW students.v_students AS
SELECT
    s.telegram_id,
    s.timezone,
    s.is_active,
    s.created_at
FROM students.students AS s;

COMMENT ON VIEW students.v_students IS 'Every student, for analysts: all but their goals, which are their own words.';
COMMENT ON COLUMN students.v_students.telegram_id IS 'The person in Telegram: the key between services.';
COMMENT ON COLUMN students.v_students.timezone IS 'IANA time zone of the student''s local times.';
COMMENT ON COLUMN students.v_students.is_active IS 'False once the person learns no more.';
COMMENT ON COLUMN students.v_students.created_at IS 'When the row was made.';

CREATE VIEW students.v_student_languages AS
SELECT
    l.student_telegram_id,
    l.language,
    l.current_level,
    l.target_level
FROM students.student_languages AS l;

COMMENT ON VIEW students.v_student_languages IS 'Which languages students learn, from which level to which, for analysts.';
COMMENT ON COLUMN students.v_student_languages.student_telegram_id IS 'The student (v_students.telegram_id).';
COMMENT ON COLUMN students.v_student_languages.language IS 'The language, a BCP 47 tag.';
COMMENT ON COLUMN students.v_student_languages.current_level IS 'What the student speaks now, a1 to c2; NULL: nothing yet, or not known.';
COMMENT ON COLUMN students.v_student_languages.target_level IS 'What the student wants to reach, a1 to c2; NULL: not said.';

CREATE VIEW students.v_group_enrollments AS
SELECT
    e.id AS enrollment_id,
    e.student_telegram_id,
    e.group_id,
    e.status,
    e.progress,
    e.enrolled_at,
    e.ended_at,
    e.created_at
FROM students.group_enrollments AS e;

COMMENT ON VIEW students.v_group_enrollments IS 'Every student''s way through every group, for analysts.';
COMMENT ON COLUMN students.v_group_enrollments.enrollment_id IS 'The enrollment (group_enrollments.id).';
COMMENT ON COLUMN students.v_group_enrollments.student_telegram_id IS 'The student (v_students.telegram_id).';
COMMENT ON COLUMN students.v_group_enrollments.group_id IS 'The group, as the groups service numbers it.';
COMMENT ON COLUMN students.v_group_enrollments.status IS 'Where it stands: applied and enrolled are live; completed and dropped are ended.';
COMMENT ON COLUMN students.v_group_enrollments.progress IS 'How far the student has come, in percent: 0 to 100.';
COMMENT ON COLUMN students.v_group_enrollments.enrolled_at IS 'Since when the student has had a seat; NULL if they never had.';
COMMENT ON COLUMN students.v_group_enrollments.ended_at IS 'When it ended; NULL while it is live.';
COMMENT ON COLUMN students.v_group_enrollments.created_at IS 'When the row was made.';

CREATE VIEW students.v_group_enrollments_history AS
SELECT
    h.id AS step_id,
    h.enrollment_id,
    h.student_telegram_id,
    h.group_id,
    h.from_status,
    h.to_status,
    h.actor_kind,
    h.actor_id,
    h.occurred_at
FROM students.group_enrollments_history AS h;

COMMENT ON VIEW students.v_group_enrollments_history IS
'Every step of every enrollment, for analysts: all but the reasons, which are people''s own words, and the database logins.';
COMMENT ON COLUMN students.v_group_enrollments_history.step_id IS 'Order of the steps.';
COMMENT ON COLUMN students.v_group_enrollments_history.enrollment_id IS
'The enrollment (v_group_enrollments.enrollment_id), which may be gone.';
COMMENT ON COLUMN students.v_group_enrollments_history.student_telegram_id IS 'Its student, as they were known then.';
COMMENT ON COLUMN students.v_group_enrollments_history.group_id IS 'Its group, as the groups service numbers it.';
COMMENT ON COLUMN students.v_group_enrollments_history.from_status IS 'Status before; NULL for the first step.';
COMMENT ON COLUMN students.v_group_enrollments_history.to_status IS
'Status after; NULL where the enrollment was deleted.';
COMMENT ON COLUMN students.v_group_enrollments_history.actor_kind IS
'As what the actor took the step: student, admin or system.';
COMMENT ON COLUMN students.v_group_enrollments_history.actor_id IS
'Who took it (their telegram_id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN students.v_group_enrollments_history.occurred_at IS
'When: the start of the transaction that took the step.';

CREATE VIEW students.v_audit_log AS
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
FROM students.audit_log AS a;

COMMENT ON VIEW students.v_audit_log IS
'Who changed which row of this schema and when, for analysts: all but the values and the database logins. Filter by occurred_at.';
COMMENT ON COLUMN students.v_audit_log.change_id IS 'Order of the changes.';
COMMENT ON COLUMN students.v_audit_log.table_name IS 'The table whose row changed.';
COMMENT ON COLUMN students.v_audit_log.row_key IS 'The row: its key columns and their values.';
COMMENT ON COLUMN students.v_audit_log.operation IS 'insert, update, delete, or scrub for an erasure of values from the log.';
COMMENT ON COLUMN students.v_audit_log.changed_columns IS
'What an update changed, and which secret columns an insert or delete had filled.';
COMMENT ON COLUMN students.v_audit_log.actor_kind IS 'As what the actor did it: user, admin or system.';
COMMENT ON COLUMN students.v_audit_log.actor_id IS
'Who did it (their telegram_id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN students.v_audit_log.transaction_id IS 'The transaction, the same for all that it changed.';
COMMENT ON COLUMN students.v_audit_log.occurred_at IS 'When: the start of the transaction.';
