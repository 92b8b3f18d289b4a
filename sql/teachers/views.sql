CREATE VIEW teachers.v_teachers AS
SELECT
    t.telegram_id,
    t.specialization,
    t.rate,
    t.rate_currency,
    t.timezone,
    t.is_active,
    t.created_at
FROM teachers.teachers AS t;

COMMENT ON VIEW teachers.v_teachers IS 'Every teacher, for analysts: all but what they say of themselves.';
COMMENT ON COLUMN teachers.v_teachers.telegram_id IS 'The person in Telegram: the key between services.';
COMMENT ON COLUMN teachers.v_teachers.specialization IS 'What the teacher is best at.';
COMMENT ON COLUMN teachers.v_teachers.rate IS 'Price of an hour, in rate_currency; NULL: not stated.';
COMMENT ON COLUMN teachers.v_teachers.rate_currency IS 'ISO 4217 code of rate.';
COMMENT ON COLUMN teachers.v_teachers.timezone IS 'IANA time zone of the teacher''s local times.';
COMMENT ON COLUMN teachers.v_teachers.is_active IS 'False once the person teaches no more.';
COMMENT ON COLUMN teachers.v_teachers.created_at IS 'When the row was made.';

CREATE VIEW teachers.v_teacher_languages AS
SELECT
    l.teacher_telegram_id,
    l.language,
    l.level,
    l.is_native
FROM teachers.teacher_languages AS l;

COMMENT ON VIEW teachers.v_teacher_languages IS 'Which languages teachers teach and how well they speak them, for analysts.';
COMMENT ON COLUMN teachers.v_teacher_languages.teacher_telegram_id IS 'The teacher (v_teachers.telegram_id).';
COMMENT ON COLUMN teachers.v_teacher_languages.language IS 'The language, a BCP 47 tag.';
COMMENT ON COLUMN teachers.v_teacher_languages.level IS 'How well the teacher speaks it, a1 to c2; NULL only for a native speaker.';
COMMENT ON COLUMN teachers.v_teacher_languages.is_native IS 'Whether it is the teacher''s mother tongue.';

CREATE VIEW teachers.v_audit_log AS
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
FROM teachers.audit_log AS a;

COMMENT ON VIEW teachers.v_audit_log IS
'Who changed which row of this schema and when, for analysts: all but the values and the database logins. Filter by occurred_at.';
COMMENT ON COLUMN teachers.v_audit_log.change_id IS 'Order of the changes.';
COMMENT ON COLUMN teachers.v_audit_log.table_name IS 'The table whose row changed.';
COMMENT ON COLUMN teachers.v_audit_log.row_key IS 'The row: its key columns and their values.';
COMMENT ON COLUMN teachers.v_audit_log.operation IS 'insert, update, delete, or scrub for an erasure of values from the log.';
COMMENT ON COLUMN teachers.v_audit_log.changed_columns IS
'What an update changed, and which secret columns an insert or delete had filled.';
COMMENT ON COLUMN teachers.v_audit_log.actor_kind IS 'As what the actor did it: user, admin or system.';
COMMENT ON COLUMN teachers.v_audit_log.actor_id IS
'Who did it (their telegram_id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN teachers.v_audit_log.transaction_id IS 'The transaction, the same for all that it changed.';
COMMENT ON COLUMN teachers.v_audit_log.occurred_at IS 'When: the start of the transaction.';
