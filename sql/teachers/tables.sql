CREATE SCHEMA teachers;

COMMENT ON SCHEMA teachers IS 'Teachers: their profiles and the languages that they teach. Knows people by their telegram_id.';

-- One teacher.
CREATE TABLE teachers.teachers (
    telegram_id    bigint      NOT NULL,
    specialization text,
    bio            text,
    rate           numeric(12, 2),
    rate_currency  text,
    timezone       text        NOT NULL DEFAULT 'UTC',
    is_active      boolean     NOT NULL DEFAULT true,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT teachers_pkey PRIMARY KEY (telegram_id),
    CONSTRAINT teachers_telegram_id_check CHECK (telegram_id BETWEEN 1 AND 4503599627370495),
    CONSTRAINT teachers_specialization_check CHECK (length(specialization) <= 200 AND specialization ~ '\S'),
    CONSTRAINT teachers_bio_check CHECK (length(bio) <= 10000),
    CONSTRAINT teachers_rate_check CHECK (rate >= 0 AND rate <> 'NaN'),
    CONSTRAINT teachers_rate_currency_check CHECK (rate_currency ~ '^[A-Z]{3}$'),
    CONSTRAINT teachers_rate_has_currency_check CHECK ((rate IS NULL) = (rate_currency IS NULL)),
    CONSTRAINT teachers_timezone_check CHECK (platform.is_timezone(timezone))
);

COMMENT ON TABLE teachers.teachers IS
'A person as a teacher, one row a person. Written by the teacher, an administrator or the system; deactivated rather than deleted.';
COMMENT ON COLUMN teachers.teachers.telegram_id IS 'The person in Telegram: the key between services.';
COMMENT ON COLUMN teachers.teachers.specialization IS 'What the teacher is best at, such as exam preparation; up to 200 characters.';
COMMENT ON COLUMN teachers.teachers.bio IS 'The teacher''s own description.';
COMMENT ON COLUMN teachers.teachers.rate IS 'Price of an hour, in rate_currency. NULL: not stated.';
COMMENT ON COLUMN teachers.teachers.rate_currency IS 'ISO 4217 code of rate, such as EUR.';
COMMENT ON COLUMN teachers.teachers.timezone IS 'IANA time zone of the teacher''s local times.';
COMMENT ON COLUMN teachers.teachers.is_active IS 'False once the person teaches no more.';
COMMENT ON COLUMN teachers.teachers.created_at IS 'When the row was made.';
COMMENT ON COLUMN teachers.teachers.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT teachers_pkey ON teachers.teachers IS 'A person is one teacher.';
COMMENT ON CONSTRAINT teachers_telegram_id_check ON teachers.teachers IS
'telegram_id is a whole number from 1 to 4503599627370495 (2^52 - 1).';
COMMENT ON CONSTRAINT teachers_specialization_check ON teachers.teachers IS
'specialization has 1 to 200 characters, not all of them blank.';
COMMENT ON CONSTRAINT teachers_bio_check ON teachers.teachers IS 'bio has at most 10000 characters.';
COMMENT ON CONSTRAINT teachers_rate_check ON teachers.teachers IS 'rate is a number from 0.';
COMMENT ON CONSTRAINT teachers_rate_currency_check ON teachers.teachers IS
'rate_currency is an ISO 4217 code of three capital letters.';
COMMENT ON CONSTRAINT teachers_rate_has_currency_check ON teachers.teachers IS
'rate and rate_currency are given together or not at all.';
COMMENT ON CONSTRAINT teachers_timezone_check ON teachers.teachers IS
'timezone is an IANA name that the server knows, such as UTC or Europe/Berlin.';

CREATE TRIGGER teachers_guard
BEFORE INSERT OR UPDATE OR DELETE ON teachers.teachers
FOR EACH ROW EXECUTE FUNCTION platform.guard_own('telegram_id');

CREATE TRIGGER teachers_set_updated_at
BEFORE UPDATE ON teachers.teachers
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

-- The languages that a teacher teaches.
CREATE TABLE teachers.teacher_languages (
    teacher_telegram_id bigint      NOT NULL,
    language            text        NOT NULL,
    level               platform.cefr_level,
    is_native           boolean     NOT NULL DEFAULT false,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT teacher_languages_pkey PRIMARY KEY (teacher_telegram_id, language),
    CONSTRAINT teacher_languages_teacher_telegram_id_fkey FOREIGN KEY (teacher_telegram_id)
    REFERENCES teachers.teachers (telegram_id) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT teacher_languages_language_check CHECK (language ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$'),
    CONSTRAINT teacher_languages_level_check CHECK (level IS NOT NULL OR is_native)
);

COMMENT ON TABLE teachers.teacher_languages IS 'Which languages a teacher teaches and how well they speak them, one row a language.';
COMMENT ON COLUMN teachers.teacher_languages.teacher_telegram_id IS 'The teacher (teachers.telegram_id).';
COMMENT ON COLUMN teachers.teacher_languages.language IS 'The language, a BCP 47 tag such as en or pt-BR.';
COMMENT ON COLUMN teachers.teacher_languages.level IS 'How well the teacher speaks it, a1 to c2; NULL only for a native speaker.';
COMMENT ON COLUMN teachers.teacher_languages.is_native IS 'Whether it is the teacher''s mother tongue.';
COMMENT ON COLUMN teachers.teacher_languages.created_at IS 'When the row was made.';
COMMENT ON COLUMN teachers.teacher_languages.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT teacher_languages_pkey ON teachers.teacher_languages IS 'A teacher has a language once.';
COMMENT ON CONSTRAINT teacher_languages_teacher_telegram_id_fkey ON teachers.teacher_languages IS
'teacher_telegram_id is the telegram_id of a teacher.';
COMMENT ON CONSTRAINT teacher_languages_language_check ON teachers.teacher_languages IS
'language is a BCP 47 tag such as en or pt-BR.';
COMMENT ON CONSTRAINT teacher_languages_level_check ON teachers.teacher_languages IS
'level is given, unless the teacher is a native speaker.';

-- Who teaches a language.
CREATE INDEX teacher_languages_language_idx ON teachers.teacher_languages (language, teacher_telegram_id);

CREATE TRIGGER teacher_languages_guard
BEFORE INSERT OR UPDATE OR DELETE ON teachers.teacher_languages
FOR EACH ROW EXECUTE FUNCTION platform.guard_own('teacher_telegram_id');

CREATE TRIGGER teacher_languages_set_updated_at
BEFORE UPDATE ON teachers.teacher_languages
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

-- Who changed what: one row a changed row, written by triggers. Partitioned by month; DEFAULT takes what has no month yet.
CREATE TABLE teachers.audit_log (
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

COMMENT ON TABLE teachers.audit_log IS
'Every change of a row of this schema that holds people''s data or decisions: who, when, what was and what is. Append-only for every role; platform.scrub() erases values, and expired months are dropped. Read by the owner; analysts read v_audit_log.';
COMMENT ON COLUMN teachers.audit_log.id IS 'Order of the changes.';
COMMENT ON COLUMN teachers.audit_log.table_name IS 'The table whose row changed.';
COMMENT ON COLUMN teachers.audit_log.row_key IS 'The row: its key columns and their values.';
COMMENT ON COLUMN teachers.audit_log.operation IS 'insert, update, delete, or scrub for an erasure from this log.';
COMMENT ON COLUMN teachers.audit_log.old_values IS
'What an update changed, before; the whole row of a delete. Without secret columns; NULL for an insert and once scrubbed.';
COMMENT ON COLUMN teachers.audit_log.new_values IS
'What an update changed, after; the whole row of an insert; how many rows a scrub erased. Without secret columns; NULL for a delete and once scrubbed.';
COMMENT ON COLUMN teachers.audit_log.secret_columns IS 'Secret columns that were changed or filled; their values are not kept here.';
COMMENT ON COLUMN teachers.audit_log.actor_kind IS 'As what the actor did it: user, admin or system.';
COMMENT ON COLUMN teachers.audit_log.actor_id IS
'Who did it (their telegram_id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN teachers.audit_log.db_login IS 'The database login of the session.';
COMMENT ON COLUMN teachers.audit_log.db_role IS 'The role the session had set (SET ROLE), if any.';
COMMENT ON COLUMN teachers.audit_log.transaction_id IS 'The transaction, the same for all that it changed.';
COMMENT ON COLUMN teachers.audit_log.occurred_at IS 'When: the start of the transaction.';
COMMENT ON COLUMN teachers.audit_log.scrubbed_at IS 'When the values were erased; NULL while they are kept.';
COMMENT ON CONSTRAINT audit_log_pkey ON teachers.audit_log IS 'One row a changed row.';

-- One row's changes; what platform.scrub() erases.
CREATE INDEX audit_log_row_key_idx ON teachers.audit_log (table_name, row_key, occurred_at);

CREATE TABLE teachers.audit_log_default PARTITION OF teachers.audit_log DEFAULT;

COMMENT ON TABLE teachers.audit_log_default IS
'Rows of audit_log of a month that has no partition yet. platform.make_months() moves them.';

CREATE TRIGGER audit_log_refuse_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON teachers.audit_log
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- A statement trigger of the whole does not guard the parts.
CREATE TRIGGER audit_log_refuse_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON teachers.audit_log_default
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

SELECT platform.make_months('teachers', 'audit_log');

-- People's own words are recorded as changed only.
CREATE TRIGGER teachers_audit_insert
AFTER INSERT ON teachers.teachers
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('telegram_id', 'bio');

CREATE TRIGGER teachers_audit_update
AFTER UPDATE ON teachers.teachers
FOR EACH ROW EXECUTE FUNCTION platform.audit('telegram_id', 'bio');

CREATE TRIGGER teachers_audit_delete
AFTER DELETE ON teachers.teachers
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('telegram_id', 'bio');

CREATE TRIGGER teacher_languages_audit_insert
AFTER INSERT ON teachers.teacher_languages
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('teacher_telegram_id,language');

CREATE TRIGGER teacher_languages_audit_update
AFTER UPDATE ON teachers.teacher_languages
FOR EACH ROW EXECUTE FUNCTION platform.audit('teacher_telegram_id,language');

CREATE TRIGGER teacher_languages_audit_delete
AFTER DELETE ON teachers.teacher_languages
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('teacher_telegram_id,language');
