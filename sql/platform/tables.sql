-- What every service shares. No service's data lives here.
CREATE SCHEMA platform;

COMMENT ON SCHEMA platform IS
'What every service shares: who is acting, how refusals are named, small trigger functions. Holds no service data.';

CREATE TYPE platform.actor_kind AS ENUM ('user', 'admin', 'system');

COMMENT ON TYPE platform.actor_kind IS
'As what somebody acts: user (a person, for themselves), admin (a person or a database role, with an administrator''s rights), system (a job without a person).';

CREATE TYPE platform.actor AS (
    kind platform.actor_kind,
    id bigint
);

COMMENT ON TYPE platform.actor IS 'Who is acting in this transaction, as platform.current_actor() reads it.';
COMMENT ON COLUMN platform.actor.kind IS 'As what they act: user, admin or system.';
COMMENT ON COLUMN platform.actor.id IS
'The acting person: auth.users.id, or their telegram_id in the services that know people by that (teachers, students, groups, calendar, notifications). NULL for the system and for a database role that edits by hand.';

CREATE TYPE platform.audit_operation AS ENUM ('insert', 'update', 'delete', 'scrub');

COMMENT ON TYPE platform.audit_operation IS
'What a row of an audit log tells of: a row was inserted, updated or deleted, or its values were erased from the log (scrub).';

CREATE TYPE platform.cefr_level AS ENUM ('a1', 'a2', 'b1', 'b2', 'c1', 'c2');

COMMENT ON TYPE platform.cefr_level IS
'How well somebody speaks a language, by the Common European Framework of Reference, from a1 (beginner) to c2 (mastery). Labels compare in that order.';

-- The one list of business refusals. mentorbase.errors has one exception class for each row.
CREATE TABLE platform.refusals (
    sqlstate text NOT NULL,
    name     text NOT NULL,
    meaning  text NOT NULL,

    CONSTRAINT refusals_pkey PRIMARY KEY (sqlstate),
    CONSTRAINT refusals_name_key UNIQUE (name),
    CONSTRAINT refusals_sqlstate_check CHECK (sqlstate ~ '^MB[0-9]{3}$')
);

COMMENT ON TABLE platform.refusals IS
'Every business refusal of this database: class MB of SQLSTATE, 0xx for all services, 1xx for mentoring, 2xx for the teaching services, 3xx for queues, 4xx for getcourse, 6xx for quests. Reference data, changed by migrations only. The DETAIL of a refusal is a list of key=value pairs, its HINT the way out.';
COMMENT ON COLUMN platform.refusals.sqlstate IS 'The SQLSTATE that clients receive.';
COMMENT ON COLUMN platform.refusals.name IS 'Short name; the Python exception is the same in CamelCase.';
COMMENT ON COLUMN platform.refusals.meaning IS 'When it is raised.';
COMMENT ON CONSTRAINT refusals_pkey ON platform.refusals IS 'One row a SQLSTATE.';
COMMENT ON CONSTRAINT refusals_name_key ON platform.refusals IS 'A refusal''s name is unique.';
COMMENT ON CONSTRAINT refusals_sqlstate_check ON platform.refusals IS 'A refusal''s SQLSTATE is MB and three digits.';

INSERT INTO platform.refusals (sqlstate, name, meaning) VALUES
('MB001', 'actor_required', 'An application writes without saying who acts, or says it in a form that nobody understands.'),
('MB002', 'not_permitted', 'The step exists, but not for this actor.'),
('MB003', 'transition_refused', 'The life cycle has no such step from the present status, or not yet.'),
('MB004', 'not_found', 'There is no row with this key.'),
('MB005', 'stale_version', 'The row was changed since it was read.'),
('MB006', 'read_only', 'The column or row is kept by the database and cannot be changed by hand.'),
('MB007', 'invalid_argument', 'An argument is outside what is allowed.'),
('MB101', 'capacity_reached', 'The mentor has no free place.'),
('MB102', 'mentor_unavailable', 'The mentor takes no new requests.'),
('MB103', 'cooling_down', 'A request of this pair was rejected a short time ago.'),
('MB104', 'relationship_exists', 'The pair already has a relationship that is pending, active or paused.'),
('MB105', 'blocked', 'One of the two people has blocked the other.'),
('MB106', 'too_many_requests', 'The mentee has as many requests open as they may.'),
('MB107', 'subject_inactive', 'The subject cannot be booked any more.'),
('MB201', 'group_full', 'The group has no free seat.'),
('MB202', 'group_closed', 'The group takes no members, or none that come by themselves.'),
('MB203', 'invitation_invalid', 'The invitation cannot be used: unknown, used, revoked, expired or meant for somebody else.'),
('MB250', 'teacher_busy', 'The teacher teaches or learns at that time already.'),
('MB251', 'students_busy', 'Some of the students learn or teach at that time already.'),
('MB252', 'teacher_away', 'The teacher is away at that time.'),
('MB301', 'template_missing', 'There is no template for a notification of this kind on this channel.'),
('MB302', 'placeholder_missing', 'The payload lacks a value that the template asks for.'),
('MB303', 'lease_lost', 'The item of a queue is no longer with this worker.'),
('MB401', 'statistics_missing', 'The server does not count its queries: pg_stat_statements is not enabled.'),
('MB601', 'consent_missing', 'The child has not agreed to share this with the parent.'),
('MB602', 'not_approved', 'The quest was not approved by a moderator.'),
('MB603', 'ticket_invalid', 'The ticket for a read cannot be used: unknown, expired, used, or of the same transaction.'),
('MB604', 'isolation_refused', 'The transaction looks at an older state than the present one.');

-- Limits of what all services share, as rows rather than literals.
CREATE TABLE platform.settings (
    name       text        NOT NULL,
    value      bigint      NOT NULL,
    unit       text        NOT NULL,
    meaning    text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT settings_pkey PRIMARY KEY (name),
    CONSTRAINT settings_value_check CHECK (value BETWEEN 0 AND 36500),
    CONSTRAINT settings_unit_check CHECK (unit = 'days')
);

COMMENT ON TABLE platform.settings IS
'Limits of what all services share, one a row. The owner changes values; names are fixed, because functions read them.';
COMMENT ON COLUMN platform.settings.name IS 'The limit.';
COMMENT ON COLUMN platform.settings.value IS 'Its value, counted in unit.';
COMMENT ON COLUMN platform.settings.unit IS 'What the value counts: days.';
COMMENT ON COLUMN platform.settings.meaning IS 'What it limits.';
COMMENT ON COLUMN platform.settings.created_at IS 'When the row was made.';
COMMENT ON COLUMN platform.settings.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT settings_pkey ON platform.settings IS 'One row a limit.';
COMMENT ON CONSTRAINT settings_value_check ON platform.settings IS 'A limit''s value is 0 to 36500.';
COMMENT ON CONSTRAINT settings_unit_check ON platform.settings IS 'A limit counts days, as the functions read it.';

INSERT INTO platform.settings (name, value, unit, meaning) VALUES
('audit_retention', 3650, 'days', 'How long audit logs are kept; a month is dropped once all of it is older.');

CREATE TYPE platform.column_class AS ENUM (
    'none', 'identifier', 'contact', 'personal', 'words', 'secret', 'record'
);

COMMENT ON TYPE platform.column_class IS
'What a column holds of a person: none (nothing by itself), identifier (names somebody), contact (how somebody is reached), personal (what somebody is, has or did), words (what somebody wrote), secret (a token), record (copies of other columns, in an audit log).';

CREATE TYPE platform.erasure AS ENUM ('keep', 'clear', 'replace', 'delete');

COMMENT ON TYPE platform.erasure IS
'What erasing a person does with a column of their rows: keep it, clear it (NULL), replace it (by column_inventory.replacement), or delete the row.';

CREATE TYPE platform.person AS (
    user_id bigint,
    telegram_id bigint,
    email text,
    bot_mentor_id bigint,
    bot_student_id bigint,
    tutor_id text,
    student_id text,
    pseudonym bigint
);

COMMENT ON TYPE platform.person IS
'One person by the names that services know them by; NULL: not known by that. p in the conditions of column_inventory.';
COMMENT ON COLUMN platform.person.user_id IS 'auth.users.id.';
COMMENT ON COLUMN platform.person.telegram_id IS 'The Telegram account.';
COMMENT ON COLUMN platform.person.email IS 'The e-mail address that the GetCourse bot and tutormax know, in small letters.';
COMMENT ON COLUMN platform.person.bot_mentor_id IS 'getcourse.mentor_ids.id.';
COMMENT ON COLUMN platform.person.bot_student_id IS 'getcourse.student_ids.id.';
COMMENT ON COLUMN platform.person.tutor_id IS 'tutormax.tutors.tutor_id.';
COMMENT ON COLUMN platform.person.student_id IS 'tutormax.students.student_id.';
COMMENT ON COLUMN platform.person.pseudonym IS
'The number that takes the place of telegram_id: from 2251799813685248 (2^51) on, where Telegram has no accounts.';

-- What every column of every table holds of people. Each service has its rows in its own inventory.sql.
CREATE TABLE platform.column_inventory (
    schema_name text                  NOT NULL,
    table_name  text                  NOT NULL,
    column_name text                  NOT NULL,
    class       platform.column_class NOT NULL,
    found_by    text,
    erasure     platform.erasure      NOT NULL DEFAULT 'keep',
    replacement text,
    step        integer               NOT NULL DEFAULT 5,

    CONSTRAINT column_inventory_pkey PRIMARY KEY (schema_name, table_name, column_name),
    CONSTRAINT column_inventory_found_by_check CHECK (
        found_by IS NOT NULL OR (erasure = 'keep' AND class NOT IN ('contact', 'personal', 'words'))
    ),
    CONSTRAINT column_inventory_replacement_check CHECK ((erasure = 'replace') = (replacement IS NOT NULL)),
    CONSTRAINT column_inventory_step_check CHECK (step >= 1 AND step <= 9)
);

COMMENT ON TABLE platform.column_inventory IS
'Every column of every table: what it holds of a person, whose it is, and what erasing that person does. Drives export_person() and erase_person(). Reference data, changed by migrations only.';
COMMENT ON COLUMN platform.column_inventory.schema_name IS 'The service''s schema.';
COMMENT ON COLUMN platform.column_inventory.table_name IS 'The table; a partitioned one as a whole.';
COMMENT ON COLUMN platform.column_inventory.column_name IS 'The column.';
COMMENT ON COLUMN platform.column_inventory.class IS 'What it holds of a person.';
COMMENT ON COLUMN platform.column_inventory.found_by IS
'Of whom: an SQL condition on the row t and the person p (platform.person), true where the value is that person''s. NULL: nobody''s, or not found by this column.';
COMMENT ON COLUMN platform.column_inventory.erasure IS 'What erasing that person does with it.';
COMMENT ON COLUMN platform.column_inventory.replacement IS
'What takes its place: an SQL expression over t and p. Set exactly where erasure is replace.';
COMMENT ON COLUMN platform.column_inventory.step IS
'When in an erasure, lower first: rows that refer to others before those, and what a person is found by last.';
COMMENT ON CONSTRAINT column_inventory_pkey ON platform.column_inventory IS 'One row a column.';
COMMENT ON CONSTRAINT column_inventory_found_by_check ON platform.column_inventory IS
'What is somebody''s, or is erased, says whose it is.';
COMMENT ON CONSTRAINT column_inventory_replacement_check ON platform.column_inventory IS
'replacement is set exactly where erasure is replace.';
COMMENT ON CONSTRAINT column_inventory_step_check ON platform.column_inventory IS 'step is 1 to 9.';

-- That somebody was erased; nothing of whom.
CREATE TABLE platform.erasures (
    id          bigint              GENERATED ALWAYS AS IDENTITY,
    user_id     bigint,
    changed     jsonb               NOT NULL,
    actor_kind  platform.actor_kind NOT NULL,
    actor_id    bigint,
    db_login    text                NOT NULL,
    db_role     text,
    occurred_at timestamptz         NOT NULL DEFAULT now(),

    CONSTRAINT erasures_pkey PRIMARY KEY (id)
);

COMMENT ON TABLE platform.erasures IS
'One row an erasure that found something, written by erase_person(). Append-only. After a restore from a backup that is older than a row, that person is to be erased again.';
COMMENT ON COLUMN platform.erasures.id IS 'Order of the erasures.';
COMMENT ON COLUMN platform.erasures.user_id IS
'Who was erased (auth.users.id, whose row names nobody any more); NULL where they were known by something else.';
COMMENT ON COLUMN platform.erasures.changed IS 'How many rows were changed or deleted, by table.';
COMMENT ON COLUMN platform.erasures.actor_kind IS 'As what the actor did it: user, admin or system.';
COMMENT ON COLUMN platform.erasures.actor_id IS
'Who did it (auth.users.id); NULL for the system and for a database role without an actor.';
COMMENT ON COLUMN platform.erasures.db_login IS 'The database login of the session.';
COMMENT ON COLUMN platform.erasures.db_role IS 'The role the session had set (SET ROLE), if any.';
COMMENT ON COLUMN platform.erasures.occurred_at IS 'When: the start of the transaction.';
COMMENT ON CONSTRAINT erasures_pkey ON platform.erasures IS 'One row an erasure.';
