-- Students: their profiles, languages and enrollments.
-- depends: platform.0008.teaching

CALL platform.ensure_application_role('students_app');

SET LOCAL ROLE mentorbase_owner;

CREATE SCHEMA students;

COMMENT ON SCHEMA students IS
'Students: their profiles, the languages that they learn, their groups. Knows people by their telegram_id.';

CREATE TYPE students.enrollment_status AS ENUM ('applied', 'enrolled', 'completed', 'dropped');

COMMENT ON TYPE students.enrollment_status IS
'Where a student''s way through a group stands: applied (asked, or waits for a seat), enrolled (has a seat), completed (to the end), dropped (left, or was never taken). The first two are live.';

CREATE TYPE students.party AS ENUM ('student', 'admin', 'system');

COMMENT ON TYPE students.party IS 'As what somebody changes an enrollment: its student, an administrator or the system (a job, or another service).';

-- One student.
CREATE TABLE students.students (
    telegram_id    bigint      NOT NULL,
    learning_goals text,
    timezone       text        NOT NULL DEFAULT 'UTC',
    is_active      boolean     NOT NULL DEFAULT true,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT students_pkey PRIMARY KEY (telegram_id),
    CONSTRAINT students_telegram_id_check CHECK (telegram_id BETWEEN 1 AND 4503599627370495),
    CONSTRAINT students_learning_goals_check CHECK (length(learning_goals) <= 10000),
    CONSTRAINT students_timezone_check CHECK (platform.is_timezone(timezone))
);

COMMENT ON TABLE students.students IS
'A person as a student, one row a person. Written by the student, an administrator or the system; deactivated rather than deleted.';
COMMENT ON COLUMN students.students.telegram_id IS 'The person in Telegram: the key between services.';
COMMENT ON COLUMN students.students.learning_goals IS 'What the student wants to learn, in their own words.';
COMMENT ON COLUMN students.students.timezone IS 'IANA time zone of the student''s local times.';
COMMENT ON COLUMN students.students.is_active IS 'False once the person learns no more.';
COMMENT ON COLUMN students.students.created_at IS 'When the row was made.';
COMMENT ON COLUMN students.students.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT students_pkey ON students.students IS 'A person is one student.';
COMMENT ON CONSTRAINT students_telegram_id_check ON students.students IS
'telegram_id is a whole number from 1 to 4503599627370495 (2^52 - 1).';
COMMENT ON CONSTRAINT students_learning_goals_check ON students.students IS 'learning_goals has at most 10000 characters.';
COMMENT ON CONSTRAINT students_timezone_check ON students.students IS
'timezone is an IANA name that the server knows, such as UTC or Europe/Berlin.';

CREATE TRIGGER students_guard
BEFORE INSERT OR UPDATE OR DELETE ON students.students
FOR EACH ROW EXECUTE FUNCTION platform.guard_own('telegram_id');

CREATE TRIGGER students_set_updated_at
BEFORE UPDATE ON students.students
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

-- The languages that a student learns.
CREATE TABLE students.student_languages (
    student_telegram_id bigint      NOT NULL,
    language            text        NOT NULL,
    current_level       platform.cefr_level,
    target_level        platform.cefr_level,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT student_languages_pkey PRIMARY KEY (student_telegram_id, language),
    CONSTRAINT student_languages_student_telegram_id_fkey FOREIGN KEY (student_telegram_id)
    REFERENCES students.students (telegram_id) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT student_languages_language_check CHECK (language ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$'),
    CONSTRAINT student_languages_target_level_check CHECK (target_level >= current_level)
);

COMMENT ON TABLE students.student_languages IS 'Which languages a student learns, from which level to which, one row a language.';
COMMENT ON COLUMN students.student_languages.student_telegram_id IS 'The student (students.telegram_id).';
COMMENT ON COLUMN students.student_languages.language IS 'The language, a BCP 47 tag such as en or pt-BR.';
COMMENT ON COLUMN students.student_languages.current_level IS 'What the student speaks now, a1 to c2; NULL: nothing yet, or not known.';
COMMENT ON COLUMN students.student_languages.target_level IS 'What the student wants to reach, a1 to c2; NULL: not said.';
COMMENT ON COLUMN students.student_languages.created_at IS 'When the row was made.';
COMMENT ON COLUMN students.student_languages.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT student_languages_pkey ON students.student_languages IS 'A student learns a language once.';
COMMENT ON CONSTRAINT student_languages_student_telegram_id_fkey ON students.student_languages IS
'student_telegram_id is the telegram_id of a student.';
COMMENT ON CONSTRAINT student_languages_language_check ON students.student_languages IS
'language is a BCP 47 tag such as en or pt-BR.';
COMMENT ON CONSTRAINT student_languages_target_level_check ON students.student_languages IS
'target_level is not below current_level.';

CREATE TRIGGER student_languages_guard
BEFORE INSERT OR UPDATE OR DELETE ON students.student_languages
FOR EACH ROW EXECUTE FUNCTION platform.guard_own('student_telegram_id');

CREATE TRIGGER student_languages_set_updated_at
BEFORE UPDATE ON students.student_languages
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

-- The life cycle of group_enrollments, as data: who may go where.
CREATE TABLE students.group_enrollments_transitions (
    id          bigint                     GENERATED BY DEFAULT AS IDENTITY,
    from_status students.enrollment_status,
    to_status   students.enrollment_status NOT NULL,
    actor_kind  students.party             NOT NULL,

    CONSTRAINT group_enrollments_transitions_pkey PRIMARY KEY (id),
    CONSTRAINT group_enrollments_transitions_step_key UNIQUE NULLS NOT DISTINCT (from_status, to_status, actor_kind)
);

COMMENT ON TABLE students.group_enrollments_transitions IS
'Every allowed step of an enrollment and who may take it. A step that has no row here is refused (MB003), and so is one that has none for the actor (MB002). The system imports in any status.';
COMMENT ON COLUMN students.group_enrollments_transitions.id IS 'Row number, without meaning.';
COMMENT ON COLUMN students.group_enrollments_transitions.from_status IS 'Present status; NULL where the enrollment is new.';
COMMENT ON COLUMN students.group_enrollments_transitions.to_status IS 'Next status.';
COMMENT ON COLUMN students.group_enrollments_transitions.actor_kind IS 'As what the actor takes the step.';
COMMENT ON CONSTRAINT group_enrollments_transitions_pkey ON students.group_enrollments_transitions IS 'One row a step and actor.';
COMMENT ON CONSTRAINT group_enrollments_transitions_step_key ON students.group_enrollments_transitions IS
'Each step is allowed to each kind of actor once.';

INSERT INTO students.group_enrollments_transitions (from_status, to_status, actor_kind) VALUES
(NULL, 'applied', 'student'),
(NULL, 'applied', 'admin'),
(NULL, 'applied', 'system'),
(NULL, 'enrolled', 'admin'),
(NULL, 'enrolled', 'system'),
(NULL, 'completed', 'system'),
(NULL, 'dropped', 'system'),
('applied', 'enrolled', 'admin'),
('applied', 'enrolled', 'system'),
('applied', 'dropped', 'student'),
('applied', 'dropped', 'admin'),
('applied', 'dropped', 'system'),
('enrolled', 'completed', 'admin'),
('enrolled', 'completed', 'system'),
('enrolled', 'dropped', 'student'),
('enrolled', 'dropped', 'admin'),
('enrolled', 'dropped', 'system');

-- One student's way through one group. Beside the groups service, a copy that links/ keeps.
CREATE TABLE students.group_enrollments (
    id                  bigint                     GENERATED BY DEFAULT AS IDENTITY,
    student_telegram_id bigint                     NOT NULL,
    group_id            bigint                     NOT NULL,
    membership_id       bigint,
    status              students.enrollment_status NOT NULL DEFAULT 'applied',
    progress            numeric(5, 2)              NOT NULL DEFAULT 0,
    enrolled_at         timestamptz,
    ended_at            timestamptz,
    created_at          timestamptz                NOT NULL DEFAULT now(),
    updated_at          timestamptz                NOT NULL DEFAULT now(),

    CONSTRAINT group_enrollments_pkey PRIMARY KEY (id),
    CONSTRAINT group_enrollments_membership_id_key UNIQUE (membership_id),
    CONSTRAINT group_enrollments_student_telegram_id_fkey FOREIGN KEY (student_telegram_id)
    REFERENCES students.students (telegram_id) ON UPDATE CASCADE ON DELETE RESTRICT,
    CONSTRAINT group_enrollments_group_id_check CHECK (group_id >= 1),
    CONSTRAINT group_enrollments_progress_check CHECK (progress BETWEEN 0 AND 100),
    CONSTRAINT group_enrollments_enrolled_at_check CHECK (
        CASE status
            WHEN 'applied' THEN enrolled_at IS NULL
            WHEN 'dropped' THEN true
            ELSE enrolled_at IS NOT NULL
        END
        AND isfinite(coalesce(enrolled_at, created_at))
    ),
    CONSTRAINT group_enrollments_ended_at_check CHECK (
        (ended_at IS NOT NULL) = (status IN ('completed', 'dropped')) AND isfinite(coalesce(ended_at, created_at))
    )
);

COMMENT ON TABLE students.group_enrollments IS
'A student''s way through a group, one row a time that they were in it. Where the groups service shares the database, this is a copy of its group_members that links/ keeps, and nobody writes it by hand. Steps are those of group_enrollments_transitions, each leaves a row in group_enrollments_history.';
COMMENT ON COLUMN students.group_enrollments.id IS 'The enrollment.';
COMMENT ON COLUMN students.group_enrollments.student_telegram_id IS 'The student (students.telegram_id).';
COMMENT ON COLUMN students.group_enrollments.group_id IS 'The group, as the groups service numbers it (groups.groups.id). Never changes.';
COMMENT ON COLUMN students.group_enrollments.membership_id IS
'The membership that this row copies (groups.group_members.id); NULL where this service keeps the enrollment itself.';
COMMENT ON COLUMN students.group_enrollments.status IS
'Where it stands; changes by the steps of group_enrollments_transitions only.';
COMMENT ON COLUMN students.group_enrollments.progress IS 'How far the student has come, in percent: 0 to 100. Changes while enrolled.';
COMMENT ON COLUMN students.group_enrollments.enrolled_at IS 'Since when the student has had a seat; NULL if they never had.';
COMMENT ON COLUMN students.group_enrollments.ended_at IS 'When it ended. Set exactly when completed or dropped.';
COMMENT ON COLUMN students.group_enrollments.created_at IS 'When the row was made.';
COMMENT ON COLUMN students.group_enrollments.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT group_enrollments_pkey ON students.group_enrollments IS 'One row an enrollment.';
COMMENT ON CONSTRAINT group_enrollments_membership_id_key ON students.group_enrollments IS
'A membership is copied by one enrollment.';
COMMENT ON CONSTRAINT group_enrollments_student_telegram_id_fkey ON students.group_enrollments IS
'student_telegram_id is the telegram_id of a student.';
COMMENT ON CONSTRAINT group_enrollments_group_id_check ON students.group_enrollments IS 'group_id is a whole number from 1.';
COMMENT ON CONSTRAINT group_enrollments_progress_check ON students.group_enrollments IS 'progress is a percentage from 0 to 100.';
COMMENT ON CONSTRAINT group_enrollments_enrolled_at_check ON students.group_enrollments IS
'enrolled_at is set when the student is enrolled or has completed, and not when they have only applied.';
COMMENT ON CONSTRAINT group_enrollments_ended_at_check ON students.group_enrollments IS
'ended_at is set exactly when the enrollment is completed or dropped.';

-- A student is in a group once at a time.
CREATE UNIQUE INDEX group_enrollments_live_key ON students.group_enrollments (student_telegram_id, group_id)
WHERE status IN ('applied', 'enrolled');

COMMENT ON INDEX students.group_enrollments_live_key IS 'A student has one live enrollment in a group.';

-- A student's enrollments, newest first.
CREATE INDEX group_enrollments_student_telegram_id_idx ON students.group_enrollments (student_telegram_id, id);

-- A group's enrollments.
CREATE INDEX group_enrollments_group_id_idx ON students.group_enrollments (group_id, id);

CREATE FUNCTION students.guard_group_enrollments()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- calls what the writing role may not
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor      platform.actor := platform.current_actor('students_app');
    old_status students.enrollment_status;
    side       students.party := students.enrollment_side(NEW.student_telegram_id, actor);
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW IS NOT DISTINCT FROM OLD THEN
            RETURN NEW;
        END IF;
        old_status := OLD.status;
        side := students.enrollment_side(OLD.student_telegram_id, actor);
    END IF;

    IF NEW.status IS DISTINCT FROM old_status AND NOT EXISTS (
        SELECT FROM students.group_enrollments_transitions AS t
        WHERE t.from_status IS NOT DISTINCT FROM old_status AND t.to_status = NEW.status AND t.actor_kind = side
    ) THEN
        PERFORM platform.refuse_step(
            'students', 'group_enrollments', 'an enrollment', old_status::text, NEW.status::text, side::text,
            format('enrollment_id=%s, group_id=%s', NEW.id, NEW.group_id)
        );
    END IF;

    IF TG_OP = 'UPDATE' THEN
        IF side IS NULL THEN
            RAISE EXCEPTION 'an enrollment is changed by its own student' USING
                ERRCODE = 'MB002',
                DETAIL = format('enrollment_id=%s, actor_is=outsider', OLD.id),
                HINT = 'Act as that student, as an administrator or as the system.';
        ELSIF (NEW.id, NEW.group_id, NEW.created_at) IS DISTINCT FROM (OLD.id, OLD.group_id, OLD.created_at)
            OR (
                side = 'student'
                AND (NEW.student_telegram_id, NEW.membership_id, NEW.enrolled_at, NEW.ended_at)
                IS DISTINCT FROM (OLD.student_telegram_id, OLD.membership_id, OLD.enrolled_at, OLD.ended_at)
            )
        THEN
            RAISE EXCEPTION 'who is enrolled where and since when is kept by the database' USING
                ERRCODE = 'MB006',
                DETAIL = format('enrollment_id=%s', OLD.id),
                HINT = 'Change status or progress.';
        ELSIF NEW.progress <> OLD.progress AND side = 'student' THEN
            RAISE EXCEPTION 'progress is not the student''s own to say' USING
                ERRCODE = 'MB002',
                DETAIL = format('enrollment_id=%s', OLD.id),
                HINT = 'Record it as the system or as an administrator.';
        ELSIF NEW.progress <> OLD.progress AND OLD.status <> 'enrolled' THEN
            RAISE EXCEPTION 'only somebody who is enrolled makes progress' USING
                ERRCODE = 'MB003',
                DETAIL = format('enrollment_id=%s, status=%s', OLD.id, OLD.status),
                HINT = platform.allowed_steps('students', 'group_enrollments', 'an enrollment', OLD.status::text);
        END IF;
        NEW.updated_at := now();
    ELSIF side = 'student' THEN
        NEW.progress := 0;
    END IF;

    IF NEW.status IS DISTINCT FROM old_status THEN
        IF NEW.status IN ('enrolled', 'completed') THEN
            NEW.enrolled_at := coalesce(NEW.enrolled_at, now());
        END IF;
        IF NEW.status IN ('completed', 'dropped') THEN
            NEW.ended_at := coalesce(NEW.ended_at, now());
        END IF;
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION students.guard_group_enrollments() IS
'Row trigger of group_enrollments: allows the steps of group_enrollments_transitions and nothing else, stamps their times, lets nobody record their own progress.';

CREATE TRIGGER group_enrollments_guard
BEFORE INSERT OR UPDATE ON students.group_enrollments
FOR EACH ROW EXECUTE FUNCTION students.guard_group_enrollments();

CREATE TRIGGER group_enrollments_require_actor
BEFORE DELETE ON students.group_enrollments
FOR EACH STATEMENT EXECUTE FUNCTION platform.require_actor();

-- It would leave no history.
CREATE TRIGGER group_enrollments_refuse_truncate
BEFORE TRUNCATE ON students.group_enrollments
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE FUNCTION students.record_group_enrollments_history()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write history itself
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor      platform.actor := platform.current_actor('students_app');
    enrollment students.group_enrollments := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    INSERT INTO students.group_enrollments_history (
        enrollment_id, student_telegram_id, group_id, from_status, to_status, actor_kind, actor_id,
        db_login, db_role, reason
    ) VALUES (
        enrollment.id, enrollment.student_telegram_id, enrollment.group_id,
        CASE WHEN TG_OP <> 'INSERT' THEN OLD.status END,
        CASE WHEN TG_OP <> 'DELETE' THEN NEW.status END,
        coalesce(students.enrollment_side(enrollment.student_telegram_id, actor), 'admin'),
        actor.id,
        session_user,
        nullif(current_setting('role'), 'none'),
        nullif(current_setting('mentorbase.reason', true), '')
    );
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION students.record_group_enrollments_history() IS
'Row trigger of group_enrollments: writes one history row for each step, also for a DELETE.';

CREATE TRIGGER group_enrollments_record_history
AFTER INSERT OR DELETE ON students.group_enrollments
FOR EACH ROW EXECUTE FUNCTION students.record_group_enrollments_history();

CREATE TRIGGER group_enrollments_record_step
AFTER UPDATE ON students.group_enrollments
FOR EACH ROW WHEN (old.status IS DISTINCT FROM new.status)
EXECUTE FUNCTION students.record_group_enrollments_history();

-- What happened to enrollments. No foreign key: the story outlives its subject.
CREATE TABLE students.group_enrollments_history (
    id                  bigint         GENERATED ALWAYS AS IDENTITY,
    enrollment_id       bigint         NOT NULL,
    student_telegram_id bigint         NOT NULL,
    group_id            bigint         NOT NULL,
    from_status         students.enrollment_status,
    to_status           students.enrollment_status,
    actor_kind          students.party NOT NULL,
    actor_id            bigint,
    db_login            text           NOT NULL,
    db_role             text,
    reason              text,
    occurred_at         timestamptz    NOT NULL DEFAULT now(),

    CONSTRAINT group_enrollments_history_pkey PRIMARY KEY (id),
    CONSTRAINT group_enrollments_history_reason_check CHECK (length(reason) <= 500)
);

COMMENT ON TABLE students.group_enrollments_history IS
'Every step of every enrollment: who, when, from, to, why. Append-only, written by a trigger, kept when the enrollment itself is deleted.';
COMMENT ON COLUMN students.group_enrollments_history.id IS 'Order of the steps.';
COMMENT ON COLUMN students.group_enrollments_history.enrollment_id IS 'The enrollment (group_enrollments.id), which may be gone.';
COMMENT ON COLUMN students.group_enrollments_history.student_telegram_id IS 'Its student, as they were known then.';
COMMENT ON COLUMN students.group_enrollments_history.group_id IS 'Its group.';
COMMENT ON COLUMN students.group_enrollments_history.from_status IS 'Status before; NULL for the first step.';
COMMENT ON COLUMN students.group_enrollments_history.to_status IS 'Status after; NULL where the row was deleted.';
COMMENT ON COLUMN students.group_enrollments_history.actor_kind IS
'As what the actor took the step: student, admin or system. Steps that are copied from the groups service are the system''s; who took them stands there.';
COMMENT ON COLUMN students.group_enrollments_history.actor_id IS
'Who took it (their telegram_id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN students.group_enrollments_history.db_login IS 'The database login of the session.';
COMMENT ON COLUMN students.group_enrollments_history.db_role IS 'The role the session had set (SET ROLE), if any.';
COMMENT ON COLUMN students.group_enrollments_history.reason IS 'Why, in the actor''s words, up to 500 characters; NULL if not said.';
COMMENT ON COLUMN students.group_enrollments_history.occurred_at IS 'When: the start of the transaction that took the step.';
COMMENT ON CONSTRAINT group_enrollments_history_pkey ON students.group_enrollments_history IS 'One row a step.';
COMMENT ON CONSTRAINT group_enrollments_history_reason_check ON students.group_enrollments_history IS
'A reason has at most 500 characters.';

-- One enrollment's history, in order.
CREATE INDEX group_enrollments_history_enrollment_id_idx ON students.group_enrollments_history (enrollment_id, id);

CREATE TRIGGER group_enrollments_history_refuse_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON students.group_enrollments_history
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- Who changed what: one row a changed row, written by triggers. Partitioned by month; DEFAULT takes what has no month yet.
CREATE TABLE students.audit_log (
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

COMMENT ON TABLE students.audit_log IS
'Every change of a row of this schema that holds people''s data or decisions: who, when, what was and what is. The steps of enrollments stand in group_enrollments_history instead. Append-only for every role; platform.scrub() erases values, and expired months are dropped. Read by the owner; analysts read v_audit_log.';
COMMENT ON COLUMN students.audit_log.id IS 'Order of the changes.';
COMMENT ON COLUMN students.audit_log.table_name IS 'The table whose row changed.';
COMMENT ON COLUMN students.audit_log.row_key IS 'The row: its key columns and their values.';
COMMENT ON COLUMN students.audit_log.operation IS 'insert, update, delete, or scrub for an erasure from this log.';
COMMENT ON COLUMN students.audit_log.old_values IS
'What an update changed, before; the whole row of a delete. Without secret columns; NULL for an insert and once scrubbed.';
COMMENT ON COLUMN students.audit_log.new_values IS
'What an update changed, after; the whole row of an insert; how many rows a scrub erased. Without secret columns; NULL for a delete and once scrubbed.';
COMMENT ON COLUMN students.audit_log.secret_columns IS 'Secret columns that were changed or filled; their values are not kept here.';
COMMENT ON COLUMN students.audit_log.actor_kind IS 'As what the actor did it: user, admin or system.';
COMMENT ON COLUMN students.audit_log.actor_id IS
'Who did it (their telegram_id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN students.audit_log.db_login IS 'The database login of the session.';
COMMENT ON COLUMN students.audit_log.db_role IS 'The role the session had set (SET ROLE), if any.';
COMMENT ON COLUMN students.audit_log.transaction_id IS 'The transaction, the same for all that it changed.';
COMMENT ON COLUMN students.audit_log.occurred_at IS 'When: the start of the transaction.';
COMMENT ON COLUMN students.audit_log.scrubbed_at IS 'When the values were erased; NULL while they are kept.';
COMMENT ON CONSTRAINT audit_log_pkey ON students.audit_log IS 'One row a changed row.';

-- One row's changes; what platform.scrub() erases.
CREATE INDEX audit_log_row_key_idx ON students.audit_log (table_name, row_key, occurred_at);

CREATE TABLE students.audit_log_default PARTITION OF students.audit_log DEFAULT;

COMMENT ON TABLE students.audit_log_default IS
'Rows of audit_log of a month that has no partition yet. platform.make_months() moves them.';

CREATE TRIGGER audit_log_refuse_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON students.audit_log
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- A statement trigger of the whole does not guard the parts.
CREATE TRIGGER audit_log_refuse_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON students.audit_log_default
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

SELECT platform.make_months('students', 'audit_log');

-- People's own words are recorded as changed only.
CREATE TRIGGER students_audit_insert
AFTER INSERT ON students.students
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('telegram_id', 'learning_goals');

CREATE TRIGGER students_audit_update
AFTER UPDATE ON students.students
FOR EACH ROW EXECUTE FUNCTION platform.audit('telegram_id', 'learning_goals');

CREATE TRIGGER students_audit_delete
AFTER DELETE ON students.students
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('telegram_id', 'learning_goals');

CREATE TRIGGER student_languages_audit_insert
AFTER INSERT ON students.student_languages
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('student_telegram_id,language');

CREATE TRIGGER student_languages_audit_update
AFTER UPDATE ON students.student_languages
FOR EACH ROW EXECUTE FUNCTION platform.audit('student_telegram_id,language');

CREATE TRIGGER student_languages_audit_delete
AFTER DELETE ON students.student_languages
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('student_telegram_id,language');

-- Steps stand in group_enrollments_history: progress and corrections are what is left.
CREATE TRIGGER group_enrollments_audit_update
AFTER UPDATE ON students.group_enrollments
FOR EACH ROW WHEN (old.status = new.status)
EXECUTE FUNCTION platform.audit('id');

CREATE TRIGGER group_enrollments_audit_delete
AFTER DELETE ON students.group_enrollments
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('id');

CREATE FUNCTION students.enrollment_side(of_student bigint, actor platform.actor)
RETURNS students.party
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT
    CASE
        WHEN actor.kind = 'admin' THEN 'admin'
        WHEN actor.kind = 'system' THEN 'system'
        WHEN actor.id = of_student THEN 'student'
    END::students.party
$$;

COMMENT ON FUNCTION students.enrollment_side(bigint, platform.actor) IS
'What the actor is to an enrollment of this student: student, admin or system; NULL for an outsider.';

CREATE FUNCTION students.apply_to_group(
    student_telegram_id bigint,
    group_id bigint,
    status students.enrollment_status DEFAULT 'applied',
    actor_id bigint DEFAULT NULL,
    reason text DEFAULT NULL
)
RETURNS students.group_enrollments
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    enrollment    students.group_enrollments;
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', reason);
    END IF;

    INSERT INTO students.group_enrollments AS e (student_telegram_id, group_id, status)
    VALUES (apply_to_group.student_telegram_id, apply_to_group.group_id, apply_to_group.status)
    RETURNING e.* INTO enrollment;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    END IF;
    RETURN enrollment;
END
$$;

COMMENT ON FUNCTION students.apply_to_group(bigint, bigint, students.enrollment_status, bigint, text) IS
'Enrolls a student in a group and returns the enrollment: applied, or enrolled at once by an administrator or the system. Where the groups service shares the database, groups.join_group() does that. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB006, and the constraints of group_enrollments.';

CREATE FUNCTION students.change_enrollment(
    enrollment_id bigint,
    to_status students.enrollment_status DEFAULT NULL,
    progress numeric DEFAULT NULL,
    actor_id bigint DEFAULT NULL,
    reason text DEFAULT NULL
)
RETURNS students.group_enrollments
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    present       students.enrollment_status;
    enrollment    students.group_enrollments;
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', reason);
    END IF;

    UPDATE students.group_enrollments AS e
    SET
        status = coalesce(to_status, e.status),
        progress = coalesce(change_enrollment.progress, e.progress)
    WHERE e.id = enrollment_id AND (to_status IS NULL OR e.status <> to_status)
    RETURNING e.* INTO enrollment;

    IF NOT FOUND THEN
        SELECT e.status INTO present FROM students.group_enrollments AS e WHERE e.id = enrollment_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'there is no such enrollment' USING
                ERRCODE = 'MB004',
                DETAIL = format('enrollment_id=%s', coalesce(enrollment_id::text, 'null')),
                HINT = 'Look the enrollment up by its student or group.';
        END IF;
        RAISE EXCEPTION 'an enrollment cannot go from % to %', present, to_status USING
            ERRCODE = 'MB003',
            DETAIL = format('enrollment_id=%s, status=%s', enrollment_id, present),
            HINT = platform.allowed_steps('students', 'group_enrollments', 'an enrollment', present::text);
    END IF;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    END IF;
    RETURN enrollment;
END
$$;

COMMENT ON FUNCTION students.change_enrollment(bigint, students.enrollment_status, numeric, bigint, text) IS
'Takes one step of an enrollment, or records progress (0 to 100), or both, and returns the enrollment. NULL leaves as it is. actor_id: who acts (NULL: the transaction''s actor). reason: kept in the history. Refusals: MB001 to MB004, MB006.';

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

GRANT USAGE ON SCHEMA students, platform TO students_app;
GRANT EXECUTE ON FUNCTION
platform.current_actor(name), platform.is_application(name), platform.is_timezone(text),
platform.allowed_steps(name, name, text, text),
students.apply_to_group(bigint, bigint, students.enrollment_status, bigint, text),
students.change_enrollment(bigint, students.enrollment_status, numeric, bigint, text)
TO students_app;

GRANT SELECT,
INSERT (telegram_id, learning_goals, timezone, is_active),
UPDATE (learning_goals, timezone, is_active)
ON students.students TO students_app;
GRANT SELECT, DELETE,
INSERT (student_telegram_id, language, current_level, target_level),
UPDATE (current_level, target_level)
ON students.student_languages TO students_app;

GRANT SELECT ON students.group_enrollments_transitions, students.group_enrollments_history TO students_app;
GRANT SELECT, INSERT (student_telegram_id, group_id, status), UPDATE (status, progress)
ON students.group_enrollments TO students_app;

GRANT USAGE ON SCHEMA students TO mentorbase_reader;
GRANT USAGE ON TYPE students.enrollment_status TO mentorbase_reader;
GRANT SELECT ON
students.v_students, students.v_student_languages, students.v_group_enrollments, students.v_audit_log
TO mentorbase_reader;
