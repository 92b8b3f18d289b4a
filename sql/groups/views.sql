CREATE VIEW groups.v_groups AS
SELECT
    g.id AS group_id,
    g.teacher_telegram_id,
    g.name,
    g.language,
    g.level,
    g.status,
    g.capacity,
    s.taken,
    greatest(g.capacity - s.taken, 0) AS free,
    s.waiting,
    g.created_at
FROM groups.groups AS g
CROSS JOIN
    LATERAL (
        SELECT
            count(*) FILTER (WHERE m.status = 'active') AS taken,
            count(*) FILTER (WHERE m.status = 'waiting') AS waiting
        FROM groups.group_members AS m
        WHERE m.group_id = g.id AND m.status IN ('active', 'waiting')
    ) AS s;

COMMENT ON VIEW groups.v_groups IS 'Every group and how full it is, for analysts.';
COMMENT ON COLUMN groups.v_groups.group_id IS 'The group (groups.id).';
COMMENT ON COLUMN groups.v_groups.teacher_telegram_id IS 'Who teaches it (their telegram_id).';
COMMENT ON COLUMN groups.v_groups.name IS 'What it is called.';
COMMENT ON COLUMN groups.v_groups.language IS 'The language that it learns, a BCP 47 tag.';
COMMENT ON COLUMN groups.v_groups.level IS 'The level that it is for, a1 to c2; NULL: any.';
COMMENT ON COLUMN groups.v_groups.status IS 'Where it stands: open and closed groups run, completed and cancelled ones have ended.';
COMMENT ON COLUMN groups.v_groups.capacity IS 'How many seats it has.';
COMMENT ON COLUMN groups.v_groups.taken IS 'How many of them active members take.';
COMMENT ON COLUMN groups.v_groups.free IS 'How many are left: capacity - taken, not below 0.';
COMMENT ON COLUMN groups.v_groups.waiting IS 'How many students wait for a seat.';
COMMENT ON COLUMN groups.v_groups.created_at IS 'When the group was made.';

CREATE VIEW groups.v_group_members AS
SELECT
    m.id AS member_id,
    m.group_id,
    m.student_telegram_id,
    m.status,
    m.progress,
    m.invitation_id IS NOT NULL AS invited,
    m.requested_at,
    m.joined_at,
    m.ended_at
FROM groups.group_members AS m;

COMMENT ON VIEW groups.v_group_members IS 'Who is, was or waits to be in which group, for analysts.';
COMMENT ON COLUMN groups.v_group_members.member_id IS 'The membership (group_members.id).';
COMMENT ON COLUMN groups.v_group_members.group_id IS 'The group (v_groups.group_id).';
COMMENT ON COLUMN groups.v_group_members.student_telegram_id IS 'The student (their telegram_id).';
COMMENT ON COLUMN groups.v_group_members.status IS 'Where it stands: waiting and active are live; completed and left are ended.';
COMMENT ON COLUMN groups.v_group_members.progress IS 'How far the student has come, in percent: 0 to 100.';
COMMENT ON COLUMN groups.v_group_members.invited IS 'Whether they came by an invitation.';
COMMENT ON COLUMN groups.v_group_members.requested_at IS 'When they asked to be in: the order of the waiting list.';
COMMENT ON COLUMN groups.v_group_members.joined_at IS 'Since when they have had a seat; NULL if they never had.';
COMMENT ON COLUMN groups.v_group_members.ended_at IS 'When they completed or left; NULL while they have not.';

CREATE VIEW groups.v_group_invitations AS
SELECT
    i.id AS invitation_id,
    i.group_id,
    i.student_telegram_id,
    i.status,
    i.expires_at,
    i.ended_at,
    i.created_at
FROM groups.group_invitations AS i;

COMMENT ON VIEW groups.v_group_invitations IS 'Every invitation into every group, for analysts: all but the hash of its token.';
COMMENT ON COLUMN groups.v_group_invitations.invitation_id IS 'The invitation (group_invitations.id).';
COMMENT ON COLUMN groups.v_group_invitations.group_id IS 'The group that it leads into (v_groups.group_id).';
COMMENT ON COLUMN groups.v_group_invitations.student_telegram_id IS 'Whom it is meant for, or who used it; NULL: whoever has the token.';
COMMENT ON COLUMN groups.v_group_invitations.status IS
'Where it stands; a pending one whose expires_at is over cannot be used, though no job has marked it yet.';
COMMENT ON COLUMN groups.v_group_invitations.expires_at IS 'Until when it can be used, not included.';
COMMENT ON COLUMN groups.v_group_invitations.ended_at IS 'When it was answered, revoked or found to be expired; NULL while pending.';
COMMENT ON COLUMN groups.v_group_invitations.created_at IS 'When it was made.';

CREATE VIEW groups.v_group_progress AS
SELECT
    p.group_id,
    p.as_of,
    p.capacity,
    p.active_members,
    p.waiting_members,
    p.completed_members,
    p.left_members,
    p.average_progress
FROM groups.group_progress AS p;

COMMENT ON VIEW groups.v_group_progress IS 'How groups stood, day by day, for analysts.';
COMMENT ON COLUMN groups.v_group_progress.group_id IS 'The group (v_groups.group_id).';
COMMENT ON COLUMN groups.v_group_progress.as_of IS 'The day, of UTC.';
COMMENT ON COLUMN groups.v_group_progress.capacity IS 'How many seats it had.';
COMMENT ON COLUMN groups.v_group_progress.active_members IS 'How many members had a seat.';
COMMENT ON COLUMN groups.v_group_progress.waiting_members IS 'How many waited for a seat.';
COMMENT ON COLUMN groups.v_group_progress.completed_members IS 'How many memberships had been completed, ever.';
COMMENT ON COLUMN groups.v_group_progress.left_members IS 'How many memberships had ended otherwise, ever.';
COMMENT ON COLUMN groups.v_group_progress.average_progress IS
'Mean progress of active and completed members, in percent; NULL where there are none.';

CREATE VIEW groups.v_group_history AS
SELECT
    h.id AS step_id,
    h.group_id,
    h.subject,
    h.subject_id,
    h.student_telegram_id,
    h.from_status,
    h.to_status,
    h.actor_kind,
    h.actor_id,
    h.occurred_at
FROM groups.group_history AS h;

COMMENT ON VIEW groups.v_group_history IS
'Every step of every group, membership and invitation, for analysts: all but the reasons, which are people''s own words, and the database logins.';
COMMENT ON COLUMN groups.v_group_history.step_id IS 'Order of the steps.';
COMMENT ON COLUMN groups.v_group_history.group_id IS 'The group, which may be gone.';
COMMENT ON COLUMN groups.v_group_history.subject IS 'What took the step: the group itself, a member or an invitation.';
COMMENT ON COLUMN groups.v_group_history.subject_id IS 'Its id (groups, group_members or group_invitations).';
COMMENT ON COLUMN groups.v_group_history.student_telegram_id IS 'The student whom it is about, as they were known then; NULL if nobody.';
COMMENT ON COLUMN groups.v_group_history.from_status IS 'Status before; NULL for the first step.';
COMMENT ON COLUMN groups.v_group_history.to_status IS 'Status after; NULL where the row was deleted.';
COMMENT ON COLUMN groups.v_group_history.actor_kind IS 'As what the actor took the step: teacher, student, admin or system.';
COMMENT ON COLUMN groups.v_group_history.actor_id IS
'Who took it (their telegram_id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN groups.v_group_history.occurred_at IS 'When: the start of the transaction that took the step.';

CREATE VIEW groups.v_audit_log AS
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
FROM groups.audit_log AS a;

COMMENT ON VIEW groups.v_audit_log IS
'Who changed which row of this schema and when, for analysts: all but the values and the database logins. Filter by occurred_at.';
COMMENT ON COLUMN groups.v_audit_log.change_id IS 'Order of the changes.';
COMMENT ON COLUMN groups.v_audit_log.table_name IS 'The table whose row changed.';
COMMENT ON COLUMN groups.v_audit_log.row_key IS 'The row: its key columns and their values.';
COMMENT ON COLUMN groups.v_audit_log.operation IS 'insert, update, delete, or scrub for an erasure of values from the log.';
COMMENT ON COLUMN groups.v_audit_log.changed_columns IS
'What an update changed, and which secret columns an insert or delete had filled.';
COMMENT ON COLUMN groups.v_audit_log.actor_kind IS 'As what the actor did it: user, admin or system.';
COMMENT ON COLUMN groups.v_audit_log.actor_id IS
'Who did it (their telegram_id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN groups.v_audit_log.transaction_id IS 'The transaction, the same for all that it changed.';
COMMENT ON COLUMN groups.v_audit_log.occurred_at IS 'When: the start of the transaction.';
