-- Views for people: what the documents ask of this service, with names beside ids; none reads a whole table to show a page.
-- depends: students.0001.init

SET LOCAL ROLE mentorbase_owner;

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

GRANT SELECT ON students.v_group_enrollments_history TO mentorbase_reader;
