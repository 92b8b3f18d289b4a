-- Who changed which user, and when.
-- depends: auth.0001.init platform.0005.audit

SET LOCAL ROLE mentorbase_owner;

-- Who changed what: one row a changed row, written by triggers. Partitioned by month; DEFAULT takes what has no month yet.
CREATE TABLE auth.audit_log (
    id             bigint                   GENERATED ALWAYS AS IDENTITY,
    table_name     text                     NOT NULL,
    row_key        jsonb                    NOT NULL,
    operation      platform.audit_operation NOT NULL,
    old_values     jsonb,
    new_values     jsonb,
    secret_columns text[]                   NOT NULL DEFAULT '{}',
    actor_kind     platform.actor_kind      NOT NULL,
    actor_id       bigint,
    db_login       text                     NOT NULL,
    db_role        text,
    transaction_id xid8                     NOT NULL DEFAULT pg_current_xact_id(),
    occurred_at    timestamptz              NOT NULL DEFAULT now(),
    scrubbed_at    timestamptz,

    CONSTRAINT audit_log_pkey PRIMARY KEY (occurred_at, id)
) PARTITION BY RANGE (occurred_at);

COMMENT ON TABLE auth.audit_log IS
'Every change of a row of this schema that holds people''s data or decisions: who, when, what was and what is. Append-only for every role; platform.scrub() erases values, and expired months are dropped. Read by the owner; analysts read v_audit_log.';
COMMENT ON COLUMN auth.audit_log.id IS 'Order of the changes.';
COMMENT ON COLUMN auth.audit_log.table_name IS 'The table whose row changed.';
COMMENT ON COLUMN auth.audit_log.row_key IS 'The row: its key columns and their values.';
COMMENT ON COLUMN auth.audit_log.operation IS 'insert, update, delete, or scrub for an erasure from this log.';
COMMENT ON COLUMN auth.audit_log.old_values IS
'What an update changed, before; the whole row of a delete. Without secret columns; NULL for an insert and once scrubbed.';
COMMENT ON COLUMN auth.audit_log.new_values IS
'What an update changed, after; the whole row of an insert; how many rows a scrub erased. Without secret columns; NULL for a delete and once scrubbed.';
COMMENT ON COLUMN auth.audit_log.secret_columns IS 'Secret columns that were changed or filled; their values are not kept here.';
COMMENT ON COLUMN auth.audit_log.actor_kind IS 'As what the actor did it: user, admin or system.';
COMMENT ON COLUMN auth.audit_log.actor_id IS
'Who did it (auth.users.id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN auth.audit_log.db_login IS 'The database login of the session.';
COMMENT ON COLUMN auth.audit_log.db_role IS 'The role the session had set (SET ROLE), if any.';
COMMENT ON COLUMN auth.audit_log.transaction_id IS 'The transaction, the same for all that it changed.';
COMMENT ON COLUMN auth.audit_log.occurred_at IS 'When: the start of the transaction.';
COMMENT ON COLUMN auth.audit_log.scrubbed_at IS 'When the values were erased; NULL while they are kept.';
COMMENT ON CONSTRAINT audit_log_pkey ON auth.audit_log IS 'One row a changed row.';

-- One row's changes; what platform.scrub() erases.
CREATE INDEX audit_log_row_key_idx ON auth.audit_log (table_name, row_key, occurred_at);

CREATE TABLE auth.audit_log_default PARTITION OF auth.audit_log DEFAULT;

COMMENT ON TABLE auth.audit_log_default IS
'Rows of audit_log of a month that has no partition yet. platform.make_months() moves them.';

CREATE TRIGGER audit_log_refuse_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON auth.audit_log
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- A statement trigger of the whole does not guard the parts.
CREATE TRIGGER audit_log_refuse_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON auth.audit_log_default
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

SELECT platform.make_months('auth', 'audit_log');

-- Names are recorded as changed only.
CREATE TRIGGER users_audit_insert
AFTER INSERT ON auth.users
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('id', 'username,first_name,last_name');

CREATE TRIGGER users_audit_update
AFTER UPDATE ON auth.users
FOR EACH ROW EXECUTE FUNCTION platform.audit('id', 'username,first_name,last_name');

CREATE TRIGGER users_audit_delete
AFTER DELETE ON auth.users
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('id', 'username,first_name,last_name');

CREATE VIEW auth.v_audit_log AS
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
FROM auth.audit_log AS a;

COMMENT ON VIEW auth.v_audit_log IS
'Who changed which row of this schema and when, for analysts: all but the values and the database logins. Filter by occurred_at.';
COMMENT ON COLUMN auth.v_audit_log.change_id IS 'Order of the changes.';
COMMENT ON COLUMN auth.v_audit_log.table_name IS 'The table whose row changed.';
COMMENT ON COLUMN auth.v_audit_log.row_key IS 'The row: its key columns and their values.';
COMMENT ON COLUMN auth.v_audit_log.operation IS 'insert, update, delete, or scrub for an erasure of values from the log.';
COMMENT ON COLUMN auth.v_audit_log.changed_columns IS
'What an update changed, and which secret columns an insert or delete had filled.';
COMMENT ON COLUMN auth.v_audit_log.actor_kind IS 'As what the actor did it: user, admin or system.';
COMMENT ON COLUMN auth.v_audit_log.actor_id IS
'Who did it (auth.users.id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN auth.v_audit_log.transaction_id IS 'The transaction, the same for all that it changed.';
COMMENT ON COLUMN auth.v_audit_log.occurred_at IS 'When: the start of the transaction.';

GRANT USAGE ON SCHEMA auth TO mentorbase_reader;
GRANT SELECT ON auth.v_audit_log TO mentorbase_reader;
