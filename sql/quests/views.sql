CREATE VIEW quests.v_quests AS
SELECT
    q.quest_id,
    q.creator_id,
    q.status,
    q.moderation_status,
    jsonb_array_length(q.moderation_issues) AS issues,
    octet_length(q.quest_yaml) AS yaml_bytes,
    q.deployed_at,
    q.deleted_at,
    q.created_at,
    q.updated_at
FROM quests.quests AS q;

COMMENT ON VIEW quests.v_quests IS
'Quests as their parents made them, for analysts and moderators: without the child''s name and age and without the YAML. Nothing in it is of what a child did.';
COMMENT ON COLUMN quests.v_quests.quest_id IS 'The quest.';
COMMENT ON COLUMN quests.v_quests.creator_id IS 'The parent who made it (auth.users.id).';
COMMENT ON COLUMN quests.v_quests.status IS 'Where it stands: draft, ready, deployed, archived or deleted.';
COMMENT ON COLUMN quests.v_quests.moderation_status IS 'What a moderator says of it: pending, approved or rejected.';
COMMENT ON COLUMN quests.v_quests.issues IS 'How many things the moderator found.';
COMMENT ON COLUMN quests.v_quests.yaml_bytes IS 'How long the YAML is, in bytes; NULL: there is none yet.';
COMMENT ON COLUMN quests.v_quests.deployed_at IS 'When it was first given to Inner Edu; NULL before.';
COMMENT ON COLUMN quests.v_quests.deleted_at IS 'When the parent deleted it; NULL while they see it.';
COMMENT ON COLUMN quests.v_quests.created_at IS 'When it was made.';
COMMENT ON COLUMN quests.v_quests.updated_at IS 'When the parent or a moderator last changed it.';

CREATE VIEW quests.v_quest_history AS
SELECT
    h.id AS step_id,
    h.quest_id,
    h.creator_id,
    h.from_status,
    h.to_status,
    h.moderation_status,
    h.actor_kind,
    h.actor_id,
    h.occurred_at
FROM quests.quest_history AS h;

COMMENT ON VIEW quests.v_quest_history IS 'Who took which step of a quest and when, for analysts: without reasons and database logins.';
COMMENT ON COLUMN quests.v_quest_history.step_id IS 'Order of the steps.';
COMMENT ON COLUMN quests.v_quest_history.quest_id IS 'The quest; it may be gone.';
COMMENT ON COLUMN quests.v_quest_history.creator_id IS 'Its parent (auth.users.id).';
COMMENT ON COLUMN quests.v_quest_history.from_status IS 'Status before; NULL where the quest is new.';
COMMENT ON COLUMN quests.v_quest_history.to_status IS 'Status after; NULL where the quest was removed.';
COMMENT ON COLUMN quests.v_quest_history.moderation_status IS 'What the moderator said of it then.';
COMMENT ON COLUMN quests.v_quest_history.actor_kind IS 'As what the actor took the step.';
COMMENT ON COLUMN quests.v_quest_history.actor_id IS
'Who took it (auth.users.id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN quests.v_quest_history.occurred_at IS 'When: the start of the transaction.';

CREATE VIEW quests.v_consent_changes AS
SELECT
    c.id AS change_id,
    c.quest_id,
    c.data_type,
    c.shared,
    c.actor_kind,
    c.changed_at
FROM quests.consent_changes AS c;

COMMENT ON VIEW quests.v_consent_changes IS
'The consent ledger, for those who answer for it: when a child began or ceased to share what. Without who the child is.';
COMMENT ON COLUMN quests.v_consent_changes.change_id IS 'Order of the changes.';
COMMENT ON COLUMN quests.v_consent_changes.quest_id IS 'The quest.';
COMMENT ON COLUMN quests.v_consent_changes.data_type IS 'What it is about.';
COMMENT ON COLUMN quests.v_consent_changes.shared IS 'Whether it was shared from then on.';
COMMENT ON COLUMN quests.v_consent_changes.actor_kind IS 'As what somebody changed it: child, admin or system.';
COMMENT ON COLUMN quests.v_consent_changes.changed_at IS 'When.';

CREATE VIEW quests.v_privacy_reads AS
SELECT
    r.id AS read_id,
    r.ticket,
    r.step,
    r.quest_id,
    r.data_type,
    r.reader_id,
    r.result,
    r.occurred_at
FROM quests.privacy_reads AS r;

COMMENT ON VIEW quests.v_privacy_reads IS
'The read ledger, for those who answer for it: who asked for what of a child, and what the check found. Rows with the result violation are attempts to read another parent''s quest.';
COMMENT ON COLUMN quests.v_privacy_reads.read_id IS 'Order of the rows.';
COMMENT ON COLUMN quests.v_privacy_reads.ticket IS 'Joins what was asked with what was read; used up or expired.';
COMMENT ON COLUMN quests.v_privacy_reads.step IS 'Whether it was asked for or read.';
COMMENT ON COLUMN quests.v_privacy_reads.quest_id IS 'The quest that was asked about; NULL: all of the reader''s.';
COMMENT ON COLUMN quests.v_privacy_reads.data_type IS 'What was asked for; NULL: all there is.';
COMMENT ON COLUMN quests.v_privacy_reads.reader_id IS 'Who asked (auth.users.id).';
COMMENT ON COLUMN quests.v_privacy_reads.result IS 'What the check found: allowed, redacted, refused, missing or violation.';
COMMENT ON COLUMN quests.v_privacy_reads.occurred_at IS 'When.';

CREATE VIEW quests.v_creative_projects AS
SELECT
    p.id AS project_id,
    p.project_type,
    p.quest_id,
    p.status,
    p.completed_at,
    p.created_at,
    p.updated_at
FROM quests.creative_projects AS p;

COMMENT ON VIEW quests.v_creative_projects IS
'What parents make and whether they finished it, for analysts: without what it says, and of letters and goals without whose they are. Nothing in it is of what a child did.';
COMMENT ON COLUMN quests.v_creative_projects.project_id IS 'The project (creative_projects.id).';
COMMENT ON COLUMN quests.v_creative_projects.project_type IS 'What it is about: quest, letter or goal.';
COMMENT ON COLUMN quests.v_creative_projects.quest_id IS
'The quest that it is (v_quests.quest_id); NULL: none yet, or another kind.';
COMMENT ON COLUMN quests.v_creative_projects.status IS 'Where it stands: in_progress, completed or abandoned.';
COMMENT ON COLUMN quests.v_creative_projects.completed_at IS 'When it was completed; NULL before.';
COMMENT ON COLUMN quests.v_creative_projects.created_at IS 'When it was begun.';
COMMENT ON COLUMN quests.v_creative_projects.updated_at IS 'When the parent last changed it.';

CREATE VIEW quests.v_audit_log AS
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
FROM quests.audit_log AS a;

COMMENT ON VIEW quests.v_audit_log IS
'Who changed which row of this schema and when, for analysts: all but the values and the database logins. Filter by occurred_at.';
COMMENT ON COLUMN quests.v_audit_log.change_id IS 'Order of the changes.';
COMMENT ON COLUMN quests.v_audit_log.table_name IS 'The table whose row changed.';
COMMENT ON COLUMN quests.v_audit_log.row_key IS 'The row: its key columns and their values.';
COMMENT ON COLUMN quests.v_audit_log.operation IS 'insert, update, delete, or scrub for an erasure of values from the log.';
COMMENT ON COLUMN quests.v_audit_log.changed_columns IS
'What an update changed, and which secret columns an insert or delete had filled.';
COMMENT ON COLUMN quests.v_audit_log.actor_kind IS 'As what the actor did it: user, admin or system.';
COMMENT ON COLUMN quests.v_audit_log.actor_id IS
'Who did it (auth.users.id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN quests.v_audit_log.transaction_id IS 'The transaction, the same for all that it changed.';
COMMENT ON COLUMN quests.v_audit_log.occurred_at IS 'When: the start of the transaction.';
