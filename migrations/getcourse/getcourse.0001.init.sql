-- The GetCourse bot: reference data in versions, the inbox of webhooks, the outbox of notifications, logs.
-- depends: platform.0015.getcourse

CALL platform.ensure_application_role('getcourse_app');

SET LOCAL ROLE mentorbase_owner;

CREATE SCHEMA getcourse;

COMMENT ON SCHEMA getcourse IS
'The GetCourse bot: who mentors which student in which training, in versions with a time; the inbox of GetCourse''s webhooks; the outbox of notifications to mentors; logs. People are Telegram ids to mentorbase.actor here.';

-- For exclusion constraints on an identity and a time. A trusted extension: the owner makes it without a superuser's help.
-- One that is there already, wherever it is, serves as well: operator classes are found by their types.
CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;

CREATE TYPE getcourse.webhook_status AS ENUM ('received', 'processing', 'processed', 'retry', 'dead');

COMMENT ON TYPE getcourse.webhook_status IS
'Where a webhook stands. Open: received (to be processed at once), retry (to be processed at next_attempt_at), processing (a worker has it). Closed: processed, dead (given up; can be replayed).';

CREATE TYPE getcourse.notification_status AS ENUM (
    'pending', 'waiting', 'processing', 'sending', 'sent', 'dead', 'cancelled', 'uncertain'
);

COMMENT ON TYPE getcourse.notification_status IS
'Where a notification stands. Open: pending (to be sent at once), waiting (to be sent at next_attempt_at), processing (a worker has it), sending (its attempt has begun). Closed: sent, dead (given up; can be replayed), cancelled (the mentor cannot be reached), uncertain (an attempt began and nobody knows how it ended: a person decides whether to replay it).';

CREATE TYPE getcourse.outcome AS ENUM ('done', 'failed', 'rejected', 'limited', 'unreachable', 'uncertain');

COMMENT ON TYPE getcourse.outcome IS
'How an attempt ended: done, failed (try again later), rejected (never try again), limited (too many requests, 429), unreachable (403: the mentor blocked the bot), uncertain (nobody knows). Webhooks know the first four.';

CREATE TYPE getcourse.quarantine_reason AS ENUM ('not_json', 'not_object', 'missing_key', 'bad_value', 'too_large');

COMMENT ON TYPE getcourse.quarantine_reason IS
'Why a webhook was not taken: not_json, not_object (JSON, but no object), missing_key (without a required key), bad_value (a value that its column does not allow), too_large (larger than the setting max_payload).';

CREATE TYPE getcourse.log_level AS ENUM ('debug', 'info', 'warning', 'error', 'critical');

COMMENT ON TYPE getcourse.log_level IS 'How much a line of application_logs matters, from debug to critical.';

-- Limits, as rows rather than literals, so that a DBA can change them and everybody can read them.
CREATE TABLE getcourse.settings (
    name       text        NOT NULL,
    value      bigint      NOT NULL,
    unit       text        NOT NULL,
    meaning    text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT settings_pkey PRIMARY KEY (name),
    CONSTRAINT settings_value_check CHECK (value BETWEEN 1 AND 1000000000),
    CONSTRAINT settings_unit_check CHECK (unit IN ('days', 'seconds', 'attempts', 'bytes'))
);

COMMENT ON TABLE getcourse.settings IS
'Limits of this service, one a row. The owner changes values; names are fixed, because functions read them.';
COMMENT ON COLUMN getcourse.settings.name IS 'The limit.';
COMMENT ON COLUMN getcourse.settings.value IS 'Its value, counted in unit.';
COMMENT ON COLUMN getcourse.settings.unit IS 'What the value counts: days, seconds, attempts or bytes.';
COMMENT ON COLUMN getcourse.settings.meaning IS 'What it limits.';
COMMENT ON COLUMN getcourse.settings.created_at IS 'When the row was made.';
COMMENT ON COLUMN getcourse.settings.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT settings_pkey ON getcourse.settings IS 'One row a limit.';
COMMENT ON CONSTRAINT settings_value_check ON getcourse.settings IS 'A limit''s value is 1 to 1000000000.';
COMMENT ON CONSTRAINT settings_unit_check ON getcourse.settings IS
'A limit counts days, seconds, attempts or bytes, as the functions read it.';

CREATE TRIGGER settings_set_updated_at
BEFORE UPDATE ON getcourse.settings
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

INSERT INTO getcourse.settings (name, value, unit, meaning) VALUES
('max_attempts', 8, 'attempts', 'After so many failed attempts a webhook or a notification is dead.'),
('first_backoff', 10, 'seconds', 'About how long after the first failed attempt the second comes; doubles with each.'),
('longest_backoff', 3600, 'seconds', 'No wait between two attempts is longer, unless it is asked for.'),
('max_payload', 1048576, 'bytes', 'A webhook that is larger goes to quarantine.'),
('application_log_retention', 30, 'days', 'How long application_logs are kept.'),
('error_log_retention', 90, 'days', 'How long error_logs are kept.');

-- The identities that versions are of, and other rows refer to. Small, and never changed by hand.

CREATE TABLE getcourse.mentor_ids (
    id         bigint      GENERATED BY DEFAULT AS IDENTITY,
    email      text,
    created_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT mentor_ids_pkey PRIMARY KEY (id),
    CONSTRAINT mentor_ids_email_key UNIQUE (email)
);

COMMENT ON TABLE getcourse.mentor_ids IS
'Each mentor, once, whatever their versions say: what other rows refer to. Kept by triggers of mentors.';
COMMENT ON COLUMN getcourse.mentor_ids.id IS 'The mentor.';
COMMENT ON COLUMN getcourse.mentor_ids.email IS
'The e-mail address of the latest version, in lower case: by that an INSERT without an id finds the mentor. NULL once erased. Personal data.';
COMMENT ON COLUMN getcourse.mentor_ids.created_at IS 'When the mentor was first written down.';
COMMENT ON CONSTRAINT mentor_ids_pkey ON getcourse.mentor_ids IS 'One row a mentor.';
COMMENT ON CONSTRAINT mentor_ids_email_key ON getcourse.mentor_ids IS 'No two mentors have the same e-mail address now.';

CREATE TABLE getcourse.student_ids (
    id         bigint      GENERATED BY DEFAULT AS IDENTITY,
    email      text,
    created_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT student_ids_pkey PRIMARY KEY (id),
    CONSTRAINT student_ids_email_key UNIQUE (email)
);

COMMENT ON TABLE getcourse.student_ids IS
'Each student, once, whatever their versions say: what other rows refer to. Kept by triggers of students.';
COMMENT ON COLUMN getcourse.student_ids.id IS 'The student.';
COMMENT ON COLUMN getcourse.student_ids.email IS
'The e-mail address of the latest version, in lower case: by that an INSERT without an id finds the student. NULL once erased. Personal data.';
COMMENT ON COLUMN getcourse.student_ids.created_at IS 'When the student was first written down.';
COMMENT ON CONSTRAINT student_ids_pkey ON getcourse.student_ids IS 'One row a student.';
COMMENT ON CONSTRAINT student_ids_email_key ON getcourse.student_ids IS 'No two students have the same e-mail address now.';

CREATE TABLE getcourse.training_ids (
    training_id text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT training_ids_pkey PRIMARY KEY (training_id),
    CONSTRAINT training_ids_training_id_check CHECK (length(training_id) <= 50 AND training_id ~ '\S')
);

COMMENT ON TABLE getcourse.training_ids IS
'Each training, once, whatever its versions say: what other rows refer to. Kept by triggers of trainings.';
COMMENT ON COLUMN getcourse.training_ids.training_id IS 'The training, by GetCourse''s name for it.';
COMMENT ON COLUMN getcourse.training_ids.created_at IS 'When the training was first written down.';
COMMENT ON CONSTRAINT training_ids_pkey ON getcourse.training_ids IS 'One row a training.';
COMMENT ON CONSTRAINT training_ids_training_id_check ON getcourse.training_ids IS
'training_id has 1 to 50 characters, not all of them blank.';

CREATE TABLE getcourse.lesson_ids (
    lesson_id  text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT lesson_ids_pkey PRIMARY KEY (lesson_id),
    CONSTRAINT lesson_ids_lesson_id_check CHECK (length(lesson_id) <= 50 AND lesson_id ~ '\S')
);

COMMENT ON TABLE getcourse.lesson_ids IS
'Each lesson, once, whatever its versions say: what other rows refer to. Kept by triggers of lessons.';
COMMENT ON COLUMN getcourse.lesson_ids.lesson_id IS 'The lesson, by GetCourse''s name for it.';
COMMENT ON COLUMN getcourse.lesson_ids.created_at IS 'When the lesson was first written down.';
COMMENT ON CONSTRAINT lesson_ids_pkey ON getcourse.lesson_ids IS 'One row a lesson.';
COMMENT ON CONSTRAINT lesson_ids_lesson_id_check ON getcourse.lesson_ids IS
'lesson_id has 1 to 50 characters, not all of them blank.';

CREATE TABLE getcourse.mapping_ids (
    id          bigint      GENERATED BY DEFAULT AS IDENTITY,
    student_id  bigint      NOT NULL,
    training_id text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT mapping_ids_pkey PRIMARY KEY (id),
    CONSTRAINT mapping_ids_student_id_key UNIQUE (student_id, training_id),
    CONSTRAINT mapping_ids_whole_key UNIQUE (id, student_id, training_id),
    CONSTRAINT mapping_ids_student_id_fkey FOREIGN KEY (student_id)
    REFERENCES getcourse.student_ids (id) ON DELETE RESTRICT,
    CONSTRAINT mapping_ids_training_id_fkey FOREIGN KEY (training_id)
    REFERENCES getcourse.training_ids (training_id) ON DELETE RESTRICT
);

COMMENT ON TABLE getcourse.mapping_ids IS
'Each pair of a student and a training that ever had a mentor, once. Kept by triggers of mapping.';
COMMENT ON COLUMN getcourse.mapping_ids.id IS 'The pair.';
COMMENT ON COLUMN getcourse.mapping_ids.student_id IS 'The student.';
COMMENT ON COLUMN getcourse.mapping_ids.training_id IS 'The training.';
COMMENT ON COLUMN getcourse.mapping_ids.created_at IS 'When the pair was first written down.';
COMMENT ON CONSTRAINT mapping_ids_pkey ON getcourse.mapping_ids IS 'One row a pair.';
COMMENT ON CONSTRAINT mapping_ids_student_id_key ON getcourse.mapping_ids IS
'A student and a training are one pair, however often their mentor changes.';
COMMENT ON CONSTRAINT mapping_ids_whole_key ON getcourse.mapping_ids IS
'A version of mapping names the student and the training of its pair.';
COMMENT ON CONSTRAINT mapping_ids_student_id_fkey ON getcourse.mapping_ids IS 'student_id is the id of a student.';
COMMENT ON CONSTRAINT mapping_ids_training_id_fkey ON getcourse.mapping_ids IS
'training_id is the training_id of a training.';

CREATE INDEX mapping_ids_training_id_idx ON getcourse.mapping_ids (training_id);

CREATE FUNCTION getcourse.guard_version()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    may_end text[] := ARRAY['valid_to', 'is_open', 'updated_at'];
    changed text[];
BEGIN
    IF NEW.valid_to >= '9999-12-30 00:00:00+00' THEN
        NEW.valid_to := '9999-12-31 00:00:00+00';
    END IF;
    IF TG_OP = 'INSERT' THEN
        RETURN NEW;
    END IF;
    NEW.updated_at := now();
    -- What the functions of this schema, and an erasure, do as the owner.
    IF current_setting('mentorbase.maintenance', true) = TG_TABLE_SCHEMA AND current_user = 'mentorbase_owner' THEN
        RETURN NEW;
    END IF;

    changed := ARRAY(
        SELECT o.key FROM jsonb_each(to_jsonb(OLD)) AS o WHERE o.value <> to_jsonb(NEW) -> o.key AND o.key <> ALL (may_end)
    );
    IF OLD.valid_to < '9999-12-31 00:00:00+00' THEN
        IF changed = '{}' THEN
            RETURN NULL;
        END IF;
        RAISE EXCEPTION 'a version of %.% that has an end is kept as it is', TG_TABLE_SCHEMA, TG_TABLE_NAME USING
            ERRCODE = 'MB006',
            DETAIL = format('version_id=%s, changed=%s', OLD.version_id, array_to_string(changed, '|')),
            HINT = 'Change the version that is open (WHERE is_open), or revise from an earlier time with the functions revise_*().';
    ELSIF changed && string_to_array('version_id,' || TG_ARGV[0], ',') THEN
        RAISE EXCEPTION 'what a version of %.% is about does not change', TG_TABLE_SCHEMA, TG_TABLE_NAME USING
            ERRCODE = 'MB006',
            DETAIL = format('version_id=%s, changed=%s', OLD.version_id, array_to_string(changed, '|')),
            HINT = 'Close this version and insert another.';
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION getcourse.guard_version() IS
'Row trigger of the reference tables: ends at or after 9999-12-30 become 9999-12-31 00:00 UTC, which is open; stamps updated_at. A version that has an end is passed over where an UPDATE only sets its end, so that UPDATE ... SET valid_to = now() WHERE id = 123 closes the open one alone; any other change of it is refused, and so is a change of the identity, whose columns the argument lists (MB006).';

-- Mentors.
CREATE TABLE getcourse.mentors (
    version_id  bigint      GENERATED BY DEFAULT AS IDENTITY,
    id          bigint      NOT NULL,
    email       text        NOT NULL,
    first_name  text,
    last_name   text,
    telegram_id bigint,
    valid_from  timestamptz NOT NULL DEFAULT now(),
    valid_to    timestamptz NOT NULL DEFAULT '9999-12-31 00:00:00+00',
    is_open     boolean     NOT NULL GENERATED ALWAYS AS (valid_to = '9999-12-31 00:00:00+00') STORED,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT mentors_pkey PRIMARY KEY (version_id),
    CONSTRAINT mentors_id_period_excl EXCLUDE USING gist (
        id WITH =, tstzrange(valid_from, valid_to) WITH &&
    ),
    CONSTRAINT mentors_id_fkey FOREIGN KEY (id) REFERENCES getcourse.mentor_ids (id) ON DELETE RESTRICT,
    CONSTRAINT mentors_email_check CHECK (length(email) <= 255 AND email ~ '^[^\s@]+@[^\s@]+$'),
    CONSTRAINT mentors_first_name_check CHECK (length(first_name) <= 255 AND first_name ~ '\S'),
    CONSTRAINT mentors_last_name_check CHECK (length(last_name) <= 255 AND last_name ~ '\S'),
    CONSTRAINT mentors_telegram_id_check CHECK (telegram_id BETWEEN 1 AND 4503599627370495),
    CONSTRAINT mentors_valid_from_check CHECK (isfinite(valid_from)),
    CONSTRAINT mentors_valid_to_check CHECK (valid_from <= valid_to)
);

COMMENT ON TABLE getcourse.mentors IS
'Mentors, one row a version: what was known of a mentor, and from when to when. id is the mentor, version_id the row. To change a mentor: revise_mentor(), or the documented UPDATE and INSERT, or v_active_mentors. A version that has ended is history and stays as it is.';
COMMENT ON COLUMN getcourse.mentors.version_id IS 'The version: this row.';
COMMENT ON COLUMN getcourse.mentors.id IS
'The mentor, the same in each version. Left out of an INSERT it is found by email.';
COMMENT ON COLUMN getcourse.mentors.email IS 'E-mail address, as it was written. Personal data.';
COMMENT ON COLUMN getcourse.mentors.first_name IS 'First name. Personal data.';
COMMENT ON COLUMN getcourse.mentors.last_name IS 'Last name. Personal data.';
COMMENT ON COLUMN getcourse.mentors.telegram_id IS 'The Telegram account that notifications go to; NULL: none go. Personal data.';
COMMENT ON COLUMN getcourse.mentors.valid_from IS 'From when this holds; included.';
COMMENT ON COLUMN getcourse.mentors.valid_to IS
'Until when this holds, not included; 9999-12-31 00:00 UTC: until further notice. BETWEEN valid_from AND valid_to includes it, so at the very microsecond of a change it finds both versions. Where the session''s zone is not UTC, ask for is_open rather than for valid_to = ''9999-12-31''.';
COMMENT ON COLUMN getcourse.mentors.is_open IS 'Whether it holds until further notice.';
COMMENT ON COLUMN getcourse.mentors.created_at IS 'When the row was made.';
COMMENT ON COLUMN getcourse.mentors.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT mentors_pkey ON getcourse.mentors IS 'One row a version.';
COMMENT ON CONSTRAINT mentors_id_period_excl ON getcourse.mentors IS
'Versions of one mentor do not overlap in time.';
COMMENT ON CONSTRAINT mentors_id_fkey ON getcourse.mentors IS 'id is that of a mentor.';
COMMENT ON CONSTRAINT mentors_email_check ON getcourse.mentors IS
'email is an e-mail address of up to 255 characters.';
COMMENT ON CONSTRAINT mentors_first_name_check ON getcourse.mentors IS
'first_name has 1 to 255 characters, not all of them blank.';
COMMENT ON CONSTRAINT mentors_last_name_check ON getcourse.mentors IS
'last_name has 1 to 255 characters, not all of them blank.';
COMMENT ON CONSTRAINT mentors_telegram_id_check ON getcourse.mentors IS
'telegram_id is a whole number from 1 to 4503599627370495 (2^52 - 1).';
COMMENT ON CONSTRAINT mentors_valid_from_check ON getcourse.mentors IS 'valid_from is a time.';
COMMENT ON CONSTRAINT mentors_valid_to_check ON getcourse.mentors IS 'valid_to is not before valid_from.';

-- Serves mentors_as_of() of one mentor, and its story.
CREATE INDEX mentors_id_idx ON getcourse.mentors (id, valid_from);

-- The version that is open, of one mentor.
CREATE INDEX mentors_open_idx ON getcourse.mentors (id) WHERE is_open;

-- What began or ended when.
CREATE INDEX mentors_valid_from_idx ON getcourse.mentors (valid_from);
CREATE INDEX mentors_valid_to_idx ON getcourse.mentors (valid_to);

CREATE INDEX mentors_email_idx ON getcourse.mentors (email);

CREATE INDEX mentors_telegram_id_idx ON getcourse.mentors (telegram_id);

CREATE TRIGGER mentors_guard_version
BEFORE INSERT OR UPDATE ON getcourse.mentors
FOR EACH ROW EXECUTE FUNCTION getcourse.guard_version('id');

CREATE FUNCTION getcourse.identify_mentors()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role writes the identities itself
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.id IS NULL THEN
        INSERT INTO getcourse.mentor_ids AS k (email) VALUES (lower(NEW.email))
        ON CONFLICT ON CONSTRAINT mentor_ids_email_key DO UPDATE SET email = excluded.email
        RETURNING k.id INTO NEW.id;
    ELSE
        INSERT INTO getcourse.mentor_ids AS k (id, email) VALUES (NEW.id, lower(NEW.email))
        ON CONFLICT ON CONSTRAINT mentor_ids_pkey DO UPDATE SET email = CASE
            WHEN EXISTS (SELECT FROM getcourse.mentors AS v WHERE v.id = NEW.id AND v.valid_from > NEW.valid_from)
                THEN k.email
            ELSE excluded.email
        END;
        -- An id that was given is not given away again.
        PERFORM setval('getcourse.mentor_ids_id_seq', NEW.id) FROM getcourse.mentor_ids_id_seq AS s WHERE NEW.id > s.last_value;
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION getcourse.identify_mentors() IS
'Row trigger of mentors: finds the mentor by e-mail address, in lower case, where an INSERT gives no id, or makes one; keeps mentor_ids.email that of the latest version.';

CREATE TRIGGER mentors_identify
BEFORE INSERT OR UPDATE OF email ON getcourse.mentors
FOR EACH ROW EXECUTE FUNCTION getcourse.identify_mentors();

CREATE TRIGGER mentors_require_actor
BEFORE INSERT OR UPDATE OR DELETE ON getcourse.mentors
FOR EACH STATEMENT EXECUTE FUNCTION platform.require_actor();

CREATE TRIGGER mentors_refuse_truncate
BEFORE TRUNCATE ON getcourse.mentors
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- Students.
CREATE TABLE getcourse.students (
    version_id        bigint      GENERATED BY DEFAULT AS IDENTITY,
    id                bigint      NOT NULL,
    getcourse_user_id text,
    email             text        NOT NULL,
    first_name        text,
    last_name         text,
    valid_from        timestamptz NOT NULL DEFAULT now(),
    valid_to          timestamptz NOT NULL DEFAULT '9999-12-31 00:00:00+00',
    is_open           boolean     NOT NULL GENERATED ALWAYS AS (valid_to = '9999-12-31 00:00:00+00') STORED,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT students_pkey PRIMARY KEY (version_id),
    CONSTRAINT students_id_period_excl EXCLUDE USING gist (
        id WITH =, tstzrange(valid_from, valid_to) WITH &&
    ),
    CONSTRAINT students_id_fkey FOREIGN KEY (id) REFERENCES getcourse.student_ids (id) ON DELETE RESTRICT,
    CONSTRAINT students_getcourse_user_id_check CHECK (length(getcourse_user_id) <= 50 AND getcourse_user_id ~ '\S'),
    CONSTRAINT students_email_check CHECK (length(email) <= 255 AND email ~ '^[^\s@]+@[^\s@]+$'),
    CONSTRAINT students_first_name_check CHECK (length(first_name) <= 255 AND first_name ~ '\S'),
    CONSTRAINT students_last_name_check CHECK (length(last_name) <= 255 AND last_name ~ '\S'),
    CONSTRAINT students_valid_from_check CHECK (isfinite(valid_from)),
    CONSTRAINT students_valid_to_check CHECK (valid_from <= valid_to)
);

COMMENT ON TABLE getcourse.students IS
'Students, one row a version: what was known of a student, and from when to when. id is the student, version_id the row. To change a student: revise_student(), or the documented UPDATE and INSERT, or v_active_students. A version that has ended is history and stays as it is.';
COMMENT ON COLUMN getcourse.students.version_id IS 'The version: this row.';
COMMENT ON COLUMN getcourse.students.id IS
'The student, the same in each version. Left out of an INSERT it is found by email.';
COMMENT ON COLUMN getcourse.students.getcourse_user_id IS 'The student in GetCourse (webhook_events.user_id); NULL: not known. Personal data.';
COMMENT ON COLUMN getcourse.students.email IS 'E-mail address, as it was written. Personal data.';
COMMENT ON COLUMN getcourse.students.first_name IS 'First name. Personal data.';
COMMENT ON COLUMN getcourse.students.last_name IS 'Last name. Personal data.';
COMMENT ON COLUMN getcourse.students.valid_from IS 'From when this holds; included.';
COMMENT ON COLUMN getcourse.students.valid_to IS
'Until when this holds, not included; 9999-12-31 00:00 UTC: until further notice. BETWEEN valid_from AND valid_to includes it, so at the very microsecond of a change it finds both versions. Where the session''s zone is not UTC, ask for is_open rather than for valid_to = ''9999-12-31''.';
COMMENT ON COLUMN getcourse.students.is_open IS 'Whether it holds until further notice.';
COMMENT ON COLUMN getcourse.students.created_at IS 'When the row was made.';
COMMENT ON COLUMN getcourse.students.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT students_pkey ON getcourse.students IS 'One row a version.';
COMMENT ON CONSTRAINT students_id_period_excl ON getcourse.students IS
'Versions of one student do not overlap in time.';
COMMENT ON CONSTRAINT students_id_fkey ON getcourse.students IS 'id is that of a student.';
COMMENT ON CONSTRAINT students_getcourse_user_id_check ON getcourse.students IS
'getcourse_user_id has 1 to 50 characters, not all of them blank.';
COMMENT ON CONSTRAINT students_email_check ON getcourse.students IS
'email is an e-mail address of up to 255 characters.';
COMMENT ON CONSTRAINT students_first_name_check ON getcourse.students IS
'first_name has 1 to 255 characters, not all of them blank.';
COMMENT ON CONSTRAINT students_last_name_check ON getcourse.students IS
'last_name has 1 to 255 characters, not all of them blank.';
COMMENT ON CONSTRAINT students_valid_from_check ON getcourse.students IS 'valid_from is a time.';
COMMENT ON CONSTRAINT students_valid_to_check ON getcourse.students IS 'valid_to is not before valid_from.';

-- Serves students_as_of() of one student, and its story.
CREATE INDEX students_id_idx ON getcourse.students (id, valid_from);

-- The version that is open, of one student.
CREATE INDEX students_open_idx ON getcourse.students (id) WHERE is_open;

-- What began or ended when.
CREATE INDEX students_valid_from_idx ON getcourse.students (valid_from);
CREATE INDEX students_valid_to_idx ON getcourse.students (valid_to);

CREATE INDEX students_email_idx ON getcourse.students (email);

-- Whose webhook it is.
CREATE INDEX students_getcourse_user_id_idx ON getcourse.students (getcourse_user_id);

CREATE TRIGGER students_guard_version
BEFORE INSERT OR UPDATE ON getcourse.students
FOR EACH ROW EXECUTE FUNCTION getcourse.guard_version('id');

CREATE FUNCTION getcourse.identify_students()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role writes the identities itself
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.id IS NULL THEN
        INSERT INTO getcourse.student_ids AS k (email) VALUES (lower(NEW.email))
        ON CONFLICT ON CONSTRAINT student_ids_email_key DO UPDATE SET email = excluded.email
        RETURNING k.id INTO NEW.id;
    ELSE
        INSERT INTO getcourse.student_ids AS k (id, email) VALUES (NEW.id, lower(NEW.email))
        ON CONFLICT ON CONSTRAINT student_ids_pkey DO UPDATE SET email = CASE
            WHEN EXISTS (SELECT FROM getcourse.students AS v WHERE v.id = NEW.id AND v.valid_from > NEW.valid_from)
                THEN k.email
            ELSE excluded.email
        END;
        -- An id that was given is not given away again.
        PERFORM setval('getcourse.student_ids_id_seq', NEW.id) FROM getcourse.student_ids_id_seq AS s WHERE NEW.id > s.last_value;
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION getcourse.identify_students() IS
'Row trigger of students: finds the student by e-mail address, in lower case, where an INSERT gives no id, or makes one; keeps student_ids.email that of the latest version.';

CREATE TRIGGER students_identify
BEFORE INSERT OR UPDATE OF email ON getcourse.students
FOR EACH ROW EXECUTE FUNCTION getcourse.identify_students();

CREATE TRIGGER students_require_actor
BEFORE INSERT OR UPDATE OR DELETE ON getcourse.students
FOR EACH STATEMENT EXECUTE FUNCTION platform.require_actor();

CREATE TRIGGER students_refuse_truncate
BEFORE TRUNCATE ON getcourse.students
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- Trainings.
CREATE TABLE getcourse.trainings (
    version_id  bigint      GENERATED BY DEFAULT AS IDENTITY,
    training_id text        NOT NULL,
    title       text        NOT NULL,
    is_active   boolean     NOT NULL DEFAULT true,
    valid_from  timestamptz NOT NULL DEFAULT now(),
    valid_to    timestamptz NOT NULL DEFAULT '9999-12-31 00:00:00+00',
    is_open     boolean     NOT NULL GENERATED ALWAYS AS (valid_to = '9999-12-31 00:00:00+00') STORED,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT trainings_pkey PRIMARY KEY (version_id),
    CONSTRAINT trainings_training_id_period_excl EXCLUDE USING gist (
        training_id WITH =, tstzrange(valid_from, valid_to) WITH &&
    ),
    CONSTRAINT trainings_training_id_fkey FOREIGN KEY (training_id) REFERENCES getcourse.training_ids (training_id) ON DELETE RESTRICT,
    CONSTRAINT trainings_title_check CHECK (length(title) <= 500 AND title ~ '\S'),
    CONSTRAINT trainings_valid_from_check CHECK (isfinite(valid_from)),
    CONSTRAINT trainings_valid_to_check CHECK (valid_from <= valid_to)
);

COMMENT ON TABLE getcourse.trainings IS
'Trainings, one row a version: what a training was called, and from when to when. training_id is the training, version_id the row. To change one: revise_training(), or the documented UPDATE and INSERT, or v_active_trainings. A version that has ended is history and stays as it is.';
COMMENT ON COLUMN getcourse.trainings.version_id IS 'The version: this row.';
COMMENT ON COLUMN getcourse.trainings.training_id IS
'The training, by GetCourse''s name for it; the same in each version.';
COMMENT ON COLUMN getcourse.trainings.title IS 'What the training is called.';
COMMENT ON COLUMN getcourse.trainings.is_active IS 'Whether it is taught at that time.';
COMMENT ON COLUMN getcourse.trainings.valid_from IS 'From when this holds; included.';
COMMENT ON COLUMN getcourse.trainings.valid_to IS
'Until when this holds, not included; 9999-12-31 00:00 UTC: until further notice. BETWEEN valid_from AND valid_to includes it, so at the very microsecond of a change it finds both versions. Where the session''s zone is not UTC, ask for is_open rather than for valid_to = ''9999-12-31''.';
COMMENT ON COLUMN getcourse.trainings.is_open IS 'Whether it holds until further notice.';
COMMENT ON COLUMN getcourse.trainings.created_at IS 'When the row was made.';
COMMENT ON COLUMN getcourse.trainings.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT trainings_pkey ON getcourse.trainings IS 'One row a version.';
COMMENT ON CONSTRAINT trainings_training_id_period_excl ON getcourse.trainings IS
'Versions of one training do not overlap in time.';
COMMENT ON CONSTRAINT trainings_training_id_fkey ON getcourse.trainings IS 'training_id is that of a training.';
COMMENT ON CONSTRAINT trainings_title_check ON getcourse.trainings IS
'title has 1 to 500 characters, not all of them blank.';
COMMENT ON CONSTRAINT trainings_valid_from_check ON getcourse.trainings IS 'valid_from is a time.';
COMMENT ON CONSTRAINT trainings_valid_to_check ON getcourse.trainings IS 'valid_to is not before valid_from.';

-- Serves trainings_as_of() of one training, and its story.
CREATE INDEX trainings_training_id_idx ON getcourse.trainings (training_id, valid_from);

-- The version that is open, of one training.
CREATE INDEX trainings_open_idx ON getcourse.trainings (training_id) WHERE is_open;

-- What began or ended when.
CREATE INDEX trainings_valid_from_idx ON getcourse.trainings (valid_from);
CREATE INDEX trainings_valid_to_idx ON getcourse.trainings (valid_to);

CREATE TRIGGER trainings_guard_version
BEFORE INSERT OR UPDATE ON getcourse.trainings
FOR EACH ROW EXECUTE FUNCTION getcourse.guard_version('training_id');

CREATE FUNCTION getcourse.identify_trainings()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role writes the identities itself
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO getcourse.training_ids (training_id) VALUES (NEW.training_id)
    ON CONFLICT ON CONSTRAINT training_ids_pkey DO NOTHING;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION getcourse.identify_trainings() IS
'Row trigger of trainings: writes the training down in training_ids where it is new.';

CREATE TRIGGER trainings_identify
BEFORE INSERT ON getcourse.trainings
FOR EACH ROW EXECUTE FUNCTION getcourse.identify_trainings();

CREATE TRIGGER trainings_require_actor
BEFORE INSERT OR UPDATE OR DELETE ON getcourse.trainings
FOR EACH STATEMENT EXECUTE FUNCTION platform.require_actor();

CREATE TRIGGER trainings_refuse_truncate
BEFORE TRUNCATE ON getcourse.trainings
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- Lessons of trainings.
CREATE TABLE getcourse.lessons (
    version_id  bigint      GENERATED BY DEFAULT AS IDENTITY,
    lesson_id   text        NOT NULL,
    training_id text        NOT NULL,
    title       text        NOT NULL,
    position    integer,
    valid_from  timestamptz NOT NULL DEFAULT now(),
    valid_to    timestamptz NOT NULL DEFAULT '9999-12-31 00:00:00+00',
    is_open     boolean     NOT NULL GENERATED ALWAYS AS (valid_to = '9999-12-31 00:00:00+00') STORED,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT lessons_pkey PRIMARY KEY (version_id),
    CONSTRAINT lessons_lesson_id_period_excl EXCLUDE USING gist (
        lesson_id WITH =, tstzrange(valid_from, valid_to) WITH &&
    ),
    CONSTRAINT lessons_lesson_id_fkey FOREIGN KEY (lesson_id) REFERENCES getcourse.lesson_ids (lesson_id) ON DELETE RESTRICT,
    CONSTRAINT lessons_training_id_fkey FOREIGN KEY (training_id)
    REFERENCES getcourse.training_ids (training_id) ON DELETE RESTRICT,
    CONSTRAINT lessons_title_check CHECK (length(title) <= 500 AND title ~ '\S'),
    CONSTRAINT lessons_position_check CHECK (position >= 1),
    CONSTRAINT lessons_valid_from_check CHECK (isfinite(valid_from)),
    CONSTRAINT lessons_valid_to_check CHECK (valid_from <= valid_to)
);

COMMENT ON TABLE getcourse.lessons IS
'Lessons of trainings, one row a version: what a lesson was called and where it stood, and from when to when. lesson_id is the lesson, version_id the row. To change one: revise_lesson(), or the documented UPDATE and INSERT, or v_active_lessons. A version that has ended is history and stays as it is.';
COMMENT ON COLUMN getcourse.lessons.version_id IS 'The version: this row.';
COMMENT ON COLUMN getcourse.lessons.lesson_id IS
'The lesson, by GetCourse''s name for it; the same in each version.';
COMMENT ON COLUMN getcourse.lessons.training_id IS 'The training it belongs to.';
COMMENT ON COLUMN getcourse.lessons.title IS 'What the lesson is called.';
COMMENT ON COLUMN getcourse.lessons.position IS 'Its place in the training, from 1; NULL: none.';
COMMENT ON COLUMN getcourse.lessons.valid_from IS 'From when this holds; included.';
COMMENT ON COLUMN getcourse.lessons.valid_to IS
'Until when this holds, not included; 9999-12-31 00:00 UTC: until further notice. BETWEEN valid_from AND valid_to includes it, so at the very microsecond of a change it finds both versions. Where the session''s zone is not UTC, ask for is_open rather than for valid_to = ''9999-12-31''.';
COMMENT ON COLUMN getcourse.lessons.is_open IS 'Whether it holds until further notice.';
COMMENT ON COLUMN getcourse.lessons.created_at IS 'When the row was made.';
COMMENT ON COLUMN getcourse.lessons.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT lessons_pkey ON getcourse.lessons IS 'One row a version.';
COMMENT ON CONSTRAINT lessons_lesson_id_period_excl ON getcourse.lessons IS
'Versions of one lesson do not overlap in time.';
COMMENT ON CONSTRAINT lessons_lesson_id_fkey ON getcourse.lessons IS 'lesson_id is that of a lesson.';
COMMENT ON CONSTRAINT lessons_training_id_fkey ON getcourse.lessons IS
'training_id is the training_id of a training.';
COMMENT ON CONSTRAINT lessons_title_check ON getcourse.lessons IS
'title has 1 to 500 characters, not all of them blank.';
COMMENT ON CONSTRAINT lessons_position_check ON getcourse.lessons IS 'position is 1 or more.';
COMMENT ON CONSTRAINT lessons_valid_from_check ON getcourse.lessons IS 'valid_from is a time.';
COMMENT ON CONSTRAINT lessons_valid_to_check ON getcourse.lessons IS 'valid_to is not before valid_from.';

-- Serves lessons_as_of() of one lesson, and its story.
CREATE INDEX lessons_lesson_id_idx ON getcourse.lessons (lesson_id, valid_from);

-- The version that is open, of one lesson.
CREATE INDEX lessons_open_idx ON getcourse.lessons (lesson_id) WHERE is_open;

-- What began or ended when.
CREATE INDEX lessons_valid_from_idx ON getcourse.lessons (valid_from);
CREATE INDEX lessons_valid_to_idx ON getcourse.lessons (valid_to);

-- The lessons of a training.
CREATE INDEX lessons_training_id_idx ON getcourse.lessons (training_id, lesson_id);

CREATE TRIGGER lessons_guard_version
BEFORE INSERT OR UPDATE ON getcourse.lessons
FOR EACH ROW EXECUTE FUNCTION getcourse.guard_version('lesson_id');

CREATE FUNCTION getcourse.identify_lessons()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role writes the identities itself
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO getcourse.lesson_ids (lesson_id) VALUES (NEW.lesson_id)
    ON CONFLICT ON CONSTRAINT lesson_ids_pkey DO NOTHING;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION getcourse.identify_lessons() IS
'Row trigger of lessons: writes the lesson down in lesson_ids where it is new.';

CREATE TRIGGER lessons_identify
BEFORE INSERT ON getcourse.lessons
FOR EACH ROW EXECUTE FUNCTION getcourse.identify_lessons();

CREATE TRIGGER lessons_require_actor
BEFORE INSERT OR UPDATE OR DELETE ON getcourse.lessons
FOR EACH STATEMENT EXECUTE FUNCTION platform.require_actor();

CREATE TRIGGER lessons_refuse_truncate
BEFORE TRUNCATE ON getcourse.lessons
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- Who mentors which student in which training.
CREATE TABLE getcourse.mapping (
    version_id  bigint      GENERATED BY DEFAULT AS IDENTITY,
    id          bigint      NOT NULL,
    student_id  bigint      NOT NULL,
    mentor_id   bigint      NOT NULL,
    training_id text        NOT NULL,
    valid_from  timestamptz NOT NULL DEFAULT now(),
    valid_to    timestamptz NOT NULL DEFAULT '9999-12-31 00:00:00+00',
    is_open     boolean     NOT NULL GENERATED ALWAYS AS (valid_to = '9999-12-31 00:00:00+00') STORED,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT mapping_pkey PRIMARY KEY (version_id),
    CONSTRAINT mapping_id_period_excl EXCLUDE USING gist (
        id WITH =, tstzrange(valid_from, valid_to) WITH &&
    ),
    CONSTRAINT mapping_id_fkey FOREIGN KEY (id, student_id, training_id)
    REFERENCES getcourse.mapping_ids (id, student_id, training_id) ON DELETE RESTRICT,
    CONSTRAINT mapping_mentor_id_fkey FOREIGN KEY (mentor_id) REFERENCES getcourse.mentor_ids (id) ON DELETE RESTRICT,
    CONSTRAINT mapping_valid_from_check CHECK (isfinite(valid_from)),
    CONSTRAINT mapping_valid_to_check CHECK (valid_from <= valid_to)
);

COMMENT ON TABLE getcourse.mapping IS
'Who mentors which student in which training, one row a version. id is the pair of student and training, version_id the row; mentor_id is what changes. So a student has one mentor a training at a time. To change one: revise_mapping(), or the documented UPDATE and INSERT, or v_active_mappings. A version that has ended is history and stays as it is.';
COMMENT ON COLUMN getcourse.mapping.version_id IS 'The version: this row.';
COMMENT ON COLUMN getcourse.mapping.id IS
'The pair of student and training, the same in each version. Left out of an INSERT it is found by these.';
COMMENT ON COLUMN getcourse.mapping.student_id IS 'The student (student_ids.id).';
COMMENT ON COLUMN getcourse.mapping.mentor_id IS 'The mentor (mentor_ids.id), whichever their version.';
COMMENT ON COLUMN getcourse.mapping.training_id IS 'The training.';
COMMENT ON COLUMN getcourse.mapping.valid_from IS 'From when this holds; included.';
COMMENT ON COLUMN getcourse.mapping.valid_to IS
'Until when this holds, not included; 9999-12-31 00:00 UTC: until further notice. BETWEEN valid_from AND valid_to includes it, so at the very microsecond of a change it finds both versions. Where the session''s zone is not UTC, ask for is_open rather than for valid_to = ''9999-12-31''.';
COMMENT ON COLUMN getcourse.mapping.is_open IS 'Whether it holds until further notice.';
COMMENT ON COLUMN getcourse.mapping.created_at IS 'When the row was made.';
COMMENT ON COLUMN getcourse.mapping.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT mapping_pkey ON getcourse.mapping IS 'One row a version.';
COMMENT ON CONSTRAINT mapping_id_period_excl ON getcourse.mapping IS
'A student has one mentor a training at a time: versions of one pair do not overlap.';
COMMENT ON CONSTRAINT mapping_id_fkey ON getcourse.mapping IS 'student_id and training_id are those of the pair.';
COMMENT ON CONSTRAINT mapping_mentor_id_fkey ON getcourse.mapping IS 'mentor_id is the id of a mentor.';
COMMENT ON CONSTRAINT mapping_valid_from_check ON getcourse.mapping IS 'valid_from is a time.';
COMMENT ON CONSTRAINT mapping_valid_to_check ON getcourse.mapping IS 'valid_to is not before valid_from.';

-- Serves mapping_as_of() of one mapping, and its story.
CREATE INDEX mapping_id_idx ON getcourse.mapping (id, valid_from);

-- The version that is open, of one mapping.
CREATE INDEX mapping_open_idx ON getcourse.mapping (id) WHERE is_open;

-- What began or ended when.
CREATE INDEX mapping_valid_from_idx ON getcourse.mapping (valid_from);
CREATE INDEX mapping_valid_to_idx ON getcourse.mapping (valid_to);

-- The students of a mentor, the mentors of a student, the pairs of a training.
CREATE INDEX mapping_mentor_id_idx ON getcourse.mapping (mentor_id, id);
CREATE INDEX mapping_student_id_idx ON getcourse.mapping (student_id, training_id);
CREATE INDEX mapping_training_id_idx ON getcourse.mapping (training_id, id);

CREATE TRIGGER mapping_guard_version
BEFORE INSERT OR UPDATE ON getcourse.mapping
FOR EACH ROW EXECUTE FUNCTION getcourse.guard_version('id,student_id,training_id');

CREATE FUNCTION getcourse.identify_mapping()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role writes the identities itself
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.id IS NULL THEN
        INSERT INTO getcourse.mapping_ids AS k (student_id, training_id) VALUES (NEW.student_id, NEW.training_id)
        ON CONFLICT ON CONSTRAINT mapping_ids_student_id_key DO UPDATE SET student_id = excluded.student_id
        RETURNING k.id INTO NEW.id;
    ELSE
        INSERT INTO getcourse.mapping_ids (id, student_id, training_id)
        VALUES (NEW.id, NEW.student_id, NEW.training_id)
        ON CONFLICT ON CONSTRAINT mapping_ids_pkey DO NOTHING;
        -- An id that was given is not given away again.
        PERFORM setval('getcourse.mapping_ids_id_seq', NEW.id)
        FROM getcourse.mapping_ids_id_seq AS s
        WHERE NEW.id > s.last_value;
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION getcourse.identify_mapping() IS
'Row trigger of mapping: finds the pair by student and training where an INSERT gives no id, or makes one.';

CREATE TRIGGER mapping_identify
BEFORE INSERT ON getcourse.mapping
FOR EACH ROW EXECUTE FUNCTION getcourse.identify_mapping();

CREATE TRIGGER mapping_require_actor
BEFORE INSERT OR UPDATE OR DELETE ON getcourse.mapping
FOR EACH STATEMENT EXECUTE FUNCTION platform.require_actor();

CREATE TRIGGER mapping_refuse_truncate
BEFORE TRUNCATE ON getcourse.mapping
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- The life cycle of webhooks, as data. The same steps in every queue of this database, without those of sending: what a
-- webhook brings about happens in the database, in the transaction that records it.
CREATE TABLE getcourse.webhook_transitions (
    id          bigint                   GENERATED BY DEFAULT AS IDENTITY,
    from_status getcourse.webhook_status,
    to_status   getcourse.webhook_status NOT NULL,
    meaning     text                     NOT NULL,

    CONSTRAINT webhook_transitions_pkey PRIMARY KEY (id),
    CONSTRAINT webhook_transitions_step_key UNIQUE NULLS NOT DISTINCT (from_status, to_status)
);

COMMENT ON TABLE getcourse.webhook_transitions IS
'Every allowed step of a webhook; others are refused (MB003). Nothing goes back to received: workers that have passed a webhook find it again by its time, as retry.';
COMMENT ON COLUMN getcourse.webhook_transitions.id IS 'Row number, without meaning.';
COMMENT ON COLUMN getcourse.webhook_transitions.from_status IS 'Present status; NULL where the webhook is new.';
COMMENT ON COLUMN getcourse.webhook_transitions.to_status IS 'Next status.';
COMMENT ON COLUMN getcourse.webhook_transitions.meaning IS 'When the step is taken.';
COMMENT ON CONSTRAINT webhook_transitions_pkey ON getcourse.webhook_transitions IS 'One row a step.';
COMMENT ON CONSTRAINT webhook_transitions_step_key ON getcourse.webhook_transitions IS 'Each step stands here once.';

INSERT INTO getcourse.webhook_transitions (from_status, to_status, meaning) VALUES
(NULL, 'received', 'it came in'),
(NULL, 'retry', 'it came in, to be processed later'),
(NULL, 'processed', 'written down as processed elsewhere'),
('received', 'processing', 'claimed'),
('received', 'processed', 'marked as processed by hand'),
('retry', 'processing', 'claimed'),
('retry', 'processed', 'marked as processed by hand'),
('processing', 'processed', 'done'),
('processing', 'retry', 'failed, to be tried again; or the lease ran out'),
('processing', 'dead', 'rejected, or failed once too often'),
('processed', 'retry', 'marked as not processed by hand'),
('dead', 'retry', 'replayed'),
('dead', 'processed', 'marked as processed by hand');

-- What came in once: tells a webhook that comes again, even while the first one's transaction is still open.
CREATE TABLE getcourse.webhook_keys (
    source     text   NOT NULL,
    dedupe_key text   NOT NULL,
    event_id   bigint NOT NULL,

    CONSTRAINT webhook_keys_pkey PRIMARY KEY (source, dedupe_key)
);

COMMENT ON TABLE getcourse.webhook_keys IS
'The keys of every webhook that came in, also of those that have been deleted since. Written by a trigger of webhook_events.';
COMMENT ON COLUMN getcourse.webhook_keys.source IS 'Where it came from.';
COMMENT ON COLUMN getcourse.webhook_keys.dedupe_key IS 'What it is about, as in webhook_events.';
COMMENT ON COLUMN getcourse.webhook_keys.event_id IS 'The webhook (webhook_events.id), which may be gone.';
COMMENT ON CONSTRAINT webhook_keys_pkey ON getcourse.webhook_keys IS 'The same comes in once from a source.';

-- The inbox: one webhook of GetCourse.
CREATE TABLE getcourse.webhook_events (
    id                 bigint                   GENERATED BY DEFAULT AS IDENTITY,
    source             text                     NOT NULL DEFAULT 'getcourse',
    event_date         timestamptz              NOT NULL,
    user_id            text                     NOT NULL,
    user_email         text                     NOT NULL,
    answer_id          text                     NOT NULL,
    answer_training_id text,
    answer_lesson_id   text,
    answer_status      text,
    answer_text        text,
    raw_payload        jsonb,
    dedupe_key         text                     NOT NULL,
    duplicates         bigint                   NOT NULL DEFAULT 0,
    status             getcourse.webhook_status NOT NULL DEFAULT 'received',
    processed          boolean                  NOT NULL DEFAULT false,
    processed_at       timestamptz,
    attempts           integer                  NOT NULL DEFAULT 0,
    next_attempt_at    timestamptz,
    lease_until        timestamptz,
    lease_token        uuid,
    error_message      text,
    created_at         timestamptz              NOT NULL DEFAULT now(),
    updated_at         timestamptz              NOT NULL DEFAULT now(),

    CONSTRAINT webhook_events_pkey PRIMARY KEY (id),
    CONSTRAINT webhook_events_source_check CHECK (source ~ '^[a-z][a-z0-9_]{0,49}$'),
    CONSTRAINT webhook_events_raw_payload_check CHECK (jsonb_typeof(raw_payload) = 'object'),
    CONSTRAINT webhook_events_duplicates_check CHECK (duplicates >= 0),
    CONSTRAINT webhook_events_processed_check CHECK (processed = (status = 'processed')),
    CONSTRAINT webhook_events_processed_at_check CHECK ((processed_at IS NOT NULL) = (status = 'processed')),
    CONSTRAINT webhook_events_attempts_check CHECK (attempts >= 0),
    CONSTRAINT webhook_events_next_attempt_at_check CHECK (
        CASE status
            WHEN 'received' THEN next_attempt_at IS NULL
            WHEN 'retry' THEN next_attempt_at IS NOT NULL AND isfinite(next_attempt_at)
            ELSE true
        END
    ),
    CONSTRAINT webhook_events_lease_until_check CHECK ((lease_until IS NOT NULL) = (status = 'processing')),
    CONSTRAINT webhook_events_lease_token_check CHECK (lease_until IS NULL OR lease_token IS NOT NULL),
    CONSTRAINT webhook_events_error_message_check CHECK (length(error_message) <= 500)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05);

COMMENT ON TABLE getcourse.webhook_events IS
'The inbox of GetCourse''s webhooks, one row an event. Filled by an INSERT such as n8n''s, receive_webhook(), receive_webhooks() or ingest_staged(): the same event again is counted and not stored, and what is malformed goes to webhook_quarantine. Worked off by claim_webhooks() and finish_webhook(); steps are those of webhook_transitions. Machine-fed: nobody has to be named who acts.';
COMMENT ON COLUMN getcourse.webhook_events.id IS 'The event; the order in which those that came in are processed.';
COMMENT ON COLUMN getcourse.webhook_events.source IS 'Where it came from. Never changes.';
COMMENT ON COLUMN getcourse.webhook_events.event_date IS 'When it happened, by GetCourse. Never changes.';
COMMENT ON COLUMN getcourse.webhook_events.user_id IS 'The student in GetCourse. Personal data. Never changes.';
COMMENT ON COLUMN getcourse.webhook_events.user_email IS 'The student''s e-mail address. Personal data. Never changes.';
COMMENT ON COLUMN getcourse.webhook_events.answer_id IS 'The answer that the event is about. Never changes.';
COMMENT ON COLUMN getcourse.webhook_events.answer_training_id IS 'The training of the answer. Never changes.';
COMMENT ON COLUMN getcourse.webhook_events.answer_lesson_id IS 'The lesson of the answer. Never changes.';
COMMENT ON COLUMN getcourse.webhook_events.answer_status IS 'Where the answer stands, by GetCourse. Never changes.';
COMMENT ON COLUMN getcourse.webhook_events.answer_text IS 'What the student wrote. Personal data. Never changes.';
COMMENT ON COLUMN getcourse.webhook_events.raw_payload IS
'The whole webhook, with whatever other keys it has. Personal data. Never changes.';
COMMENT ON COLUMN getcourse.webhook_events.dedupe_key IS
'What the event is about: answer_id, answer_status and event_date, as a JSON list. Made by a trigger. Never changes.';
COMMENT ON COLUMN getcourse.webhook_events.duplicates IS 'How often the same came in again.';
COMMENT ON COLUMN getcourse.webhook_events.status IS 'Where it stands; changes by the steps of webhook_transitions only.';
COMMENT ON COLUMN getcourse.webhook_events.processed IS
'Whether it has been processed: says the same as status. Set to true by hand it is processed; set to false it is processed again.';
COMMENT ON COLUMN getcourse.webhook_events.processed_at IS
'When it was processed: now, unless it is given. Set exactly when processed is true.';
COMMENT ON COLUMN getcourse.webhook_events.attempts IS
'How often it was claimed since it came in or was replayed. Attempts that met a limit (429) do not count.';
COMMENT ON COLUMN getcourse.webhook_events.next_attempt_at IS
'While in retry: when it is due. Later: when it was. NULL for what has never waited.';
COMMENT ON COLUMN getcourse.webhook_events.lease_until IS
'Until when it is its worker''s. After that recover_webhooks() gives it to another. NULL while no worker has it.';
COMMENT ON COLUMN getcourse.webhook_events.lease_token IS 'What its worker shows to report; the last one''s.';
COMMENT ON COLUMN getcourse.webhook_events.error_message IS
'Why the last attempt did not succeed, up to 500 characters; codes, no personal data.';
COMMENT ON COLUMN getcourse.webhook_events.created_at IS 'When it came in. Never changes.';
COMMENT ON COLUMN getcourse.webhook_events.updated_at IS 'When its status last changed; kept by a trigger.';
COMMENT ON CONSTRAINT webhook_events_pkey ON getcourse.webhook_events IS 'One row an event.';
COMMENT ON CONSTRAINT webhook_events_source_check ON getcourse.webhook_events IS
'source has up to 50 small letters, digits and underscores.';
COMMENT ON CONSTRAINT webhook_events_raw_payload_check ON getcourse.webhook_events IS 'raw_payload is a JSON object.';
COMMENT ON CONSTRAINT webhook_events_duplicates_check ON getcourse.webhook_events IS 'duplicates is 0 or more.';
COMMENT ON CONSTRAINT webhook_events_processed_check ON getcourse.webhook_events IS
'processed is true exactly when status is processed.';
COMMENT ON CONSTRAINT webhook_events_processed_at_check ON getcourse.webhook_events IS
'processed_at is set exactly when the event was processed.';
COMMENT ON CONSTRAINT webhook_events_attempts_check ON getcourse.webhook_events IS 'attempts is 0 or more.';
COMMENT ON CONSTRAINT webhook_events_next_attempt_at_check ON getcourse.webhook_events IS
'What is to be tried again has a next_attempt_at, and what has just come in has none.';
COMMENT ON CONSTRAINT webhook_events_lease_until_check ON getcourse.webhook_events IS
'lease_until is set exactly while a worker has the event.';
COMMENT ON CONSTRAINT webhook_events_lease_token_check ON getcourse.webhook_events IS 'A lease has a lease_token.';
COMMENT ON CONSTRAINT webhook_events_error_message_check ON getcourse.webhook_events IS
'error_message has at most 500 characters.';

-- Serves claim_webhooks(): what is to be processed at once, in the order of the claim, from where the worker stopped.
-- id + 0, which the primary key cannot serve, whatever the statistics say of an inbox that was full a moment ago.
CREATE INDEX webhook_events_received_idx ON getcourse.webhook_events ((id + 0)) WHERE status = 'received';

-- Serves claim_webhooks(): what is due, in the order of the claim, from where the worker stopped.
CREATE INDEX webhook_events_retry_idx ON getcourse.webhook_events (next_attempt_at, id) WHERE status = 'retry';

-- Serves recover_webhooks(): the leases that have run out.
CREATE INDEX webhook_events_lease_until_idx ON getcourse.webhook_events (lease_until) WHERE status = 'processing';

-- Serves stuck_webhooks(): what a person has to look at.
CREATE INDEX webhook_events_dead_idx ON getcourse.webhook_events (id) WHERE status = 'dead';

-- Serves whoever asks for processed = false, as documented, and v_webhook_queue.
CREATE INDEX webhook_events_unprocessed_idx ON getcourse.webhook_events (id) WHERE NOT processed;

-- One student's webhooks.
CREATE INDEX webhook_events_user_email_idx ON getcourse.webhook_events (user_email, id);

-- Search in the whole webhooks: raw_payload @> '{"answer_id": "7"}'.
CREATE INDEX webhook_events_raw_payload_idx ON getcourse.webhook_events USING gin (raw_payload jsonb_path_ops);

-- What could not be taken.
CREATE TABLE getcourse.webhook_quarantine (
    id         bigint                      GENERATED BY DEFAULT AS IDENTITY,
    source     text                        NOT NULL,
    reason     getcourse.quarantine_reason NOT NULL,
    detail     text,
    raw_text   text                        NOT NULL,
    raw_hash   bytea                       NOT NULL,
    duplicates bigint                      NOT NULL DEFAULT 0,
    created_at timestamptz                 NOT NULL DEFAULT now(),
    updated_at timestamptz                 NOT NULL DEFAULT now(),

    CONSTRAINT webhook_quarantine_pkey PRIMARY KEY (id),
    CONSTRAINT webhook_quarantine_raw_hash_key UNIQUE (source, raw_hash),
    CONSTRAINT webhook_quarantine_duplicates_check CHECK (duplicates >= 0)
);

COMMENT ON TABLE getcourse.webhook_quarantine IS
'Webhooks that could not be taken, with the text as it came and the reason. retry_quarantined() tries one again, once the setting or the sender is mended.';
COMMENT ON COLUMN getcourse.webhook_quarantine.id IS 'The row.';
COMMENT ON COLUMN getcourse.webhook_quarantine.source IS 'Where it came from.';
COMMENT ON COLUMN getcourse.webhook_quarantine.reason IS 'Why it was not taken.';
COMMENT ON COLUMN getcourse.webhook_quarantine.detail IS 'Which key it is about, or how large it is; no personal data.';
COMMENT ON COLUMN getcourse.webhook_quarantine.raw_text IS
'The text as it came; of a direct INSERT, its columns as a JSON object. Personal data.';
COMMENT ON COLUMN getcourse.webhook_quarantine.raw_hash IS 'SHA-256 of raw_text, to tell what comes again.';
COMMENT ON COLUMN getcourse.webhook_quarantine.duplicates IS 'How often the same came in again.';
COMMENT ON COLUMN getcourse.webhook_quarantine.created_at IS 'When it came in.';
COMMENT ON COLUMN getcourse.webhook_quarantine.updated_at IS 'When it last came in again; kept by a trigger.';
COMMENT ON CONSTRAINT webhook_quarantine_pkey ON getcourse.webhook_quarantine IS 'One row a text.';
COMMENT ON CONSTRAINT webhook_quarantine_raw_hash_key ON getcourse.webhook_quarantine IS
'The same text stands here once a source.';
COMMENT ON CONSTRAINT webhook_quarantine_duplicates_check ON getcourse.webhook_quarantine IS 'duplicates is 0 or more.';

CREATE TRIGGER webhook_quarantine_set_updated_at
BEFORE UPDATE ON getcourse.webhook_quarantine
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

-- Where COPY puts many webhooks; ingest_staged() takes them from here.
CREATE TABLE getcourse.webhook_staging (
    id         bigint      GENERATED BY DEFAULT AS IDENTITY,
    source     text        NOT NULL DEFAULT 'getcourse',
    body       text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT webhook_staging_pkey PRIMARY KEY (id),
    CONSTRAINT webhook_staging_source_check CHECK (source ~ '^[a-z][a-z0-9_]{0,49}$')
);

COMMENT ON TABLE getcourse.webhook_staging IS
'Webhooks on their way in: COPY getcourse.webhook_staging (body) FROM STDIN, then ingest_staged(), which empties it.';
COMMENT ON COLUMN getcourse.webhook_staging.id IS 'Order in which they came.';
COMMENT ON COLUMN getcourse.webhook_staging.source IS 'Where it came from.';
COMMENT ON COLUMN getcourse.webhook_staging.body IS 'One webhook, as it came. Personal data.';
COMMENT ON COLUMN getcourse.webhook_staging.created_at IS 'When it came.';
COMMENT ON CONSTRAINT webhook_staging_pkey ON getcourse.webhook_staging IS 'One row a webhook.';
COMMENT ON CONSTRAINT webhook_staging_source_check ON getcourse.webhook_staging IS
'source has up to 50 small letters, digits and underscores.';

CREATE FUNCTION getcourse.webhook_fault(
    event getcourse.webhook_events, OUT reason getcourse.quarantine_reason, OUT detail text
)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    size bigint := coalesce(octet_length(event.raw_payload::text), 0);
BEGIN
    IF greatest(size, octet_length(event.answer_text)) > getcourse.setting('max_payload') THEN
        reason := 'too_large';
        detail := format('bytes=%s', greatest(size, octet_length(event.answer_text)));
        RETURN;
    ELSIF jsonb_typeof(event.raw_payload) <> 'object' THEN
        reason := 'not_object';
        RETURN;
    END IF;
    SELECT f.reason, format('key=%s', f.key) INTO reason, detail
    FROM (
        VALUES
        ('event_date', event.event_date IS NULL, NOT isfinite(event.event_date)),
        ('user_id', event.user_id !~ '\S', length(event.user_id) > 50),
        ('user_email', event.user_email !~ '\S', length(event.user_email) > 255),
        ('answer_id', event.answer_id !~ '\S', length(event.answer_id) > 50),
        ('answer_training_id', false, length(event.answer_training_id) > 50),
        ('answer_lesson_id', false, length(event.answer_lesson_id) > 50),
        ('answer_status', false, length(event.answer_status) > 50),
        ('source', false, event.source !~ '^[a-z][a-z0-9_]{0,49}$')
    ) AS k (key, is_missing, is_bad)
    CROSS JOIN LATERAL (
        SELECT
            k.key,
            CASE WHEN k.is_missing IS NOT false THEN 'missing_key' ELSE 'bad_value' END::getcourse.quarantine_reason
    ) AS f (key, reason)
    WHERE k.is_missing IS NOT false OR k.is_bad
    LIMIT 1;
END
$$;

COMMENT ON FUNCTION getcourse.webhook_fault(getcourse.webhook_events) IS
'Why an event cannot be taken, and which key it is about; NULL if it can.';

CREATE FUNCTION getcourse.quarantine_webhook(
    source text, reason getcourse.quarantine_reason, detail text, raw_text text
)
RETURNS bigint
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
INSERT INTO getcourse.webhook_quarantine AS q (source, reason, detail, raw_text, raw_hash)
VALUES (source, reason, detail, raw_text, sha256(convert_to(raw_text, 'UTF8')))
ON CONFLICT ON CONSTRAINT webhook_quarantine_raw_hash_key
DO UPDATE SET duplicates = q.duplicates + 1, reason = excluded.reason, detail = excluded.detail
RETURNING q.id
$$;

COMMENT ON FUNCTION getcourse.quarantine_webhook(text, getcourse.quarantine_reason, text, text) IS
'Puts a webhook that cannot be taken into quarantine, and returns its row there; the same text again is counted.';

CREATE FUNCTION getcourse.dedupe_key(answer_id text, answer_status text, event_date timestamptz)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT jsonb_build_array(answer_id, answer_status, extract(EPOCH FROM event_date))::text
$$;

COMMENT ON FUNCTION getcourse.dedupe_key(text, text, timestamptz) IS
'What a webhook is about, as a JSON list: the same answer in the same status at the same instant is the same event.';

CREATE FUNCTION getcourse.take_webhook()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role writes keys, duplicates or the quarantine itself
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC' -- of what goes to quarantine
AS $$
DECLARE
    fault record;
    given text[] := ARRAY[
        'event_date', 'user_id', 'user_email', 'answer_id', 'answer_training_id', 'answer_lesson_id', 'answer_status',
        'answer_text'
    ];
BEGIN
    NEW.source := coalesce(NEW.source, 'getcourse');
    SELECT f.reason, f.detail INTO fault FROM getcourse.webhook_fault(NEW) AS f;
    IF fault.reason IS NOT NULL THEN
        PERFORM getcourse.quarantine_webhook(
            NEW.source, fault.reason, fault.detail,
            (
                CASE
                    WHEN jsonb_typeof(NEW.raw_payload) = 'object' THEN NEW.raw_payload
                    ELSE jsonb_build_object('raw_payload', NEW.raw_payload)
                END || platform.pick(to_jsonb(NEW), given)
            )::text
        );
        RETURN NULL;
    END IF;

    NEW.dedupe_key := getcourse.dedupe_key(NEW.answer_id, NEW.answer_status, NEW.event_date);
    INSERT INTO getcourse.webhook_keys (source, dedupe_key, event_id) VALUES (NEW.source, NEW.dedupe_key, NEW.id)
    ON CONFLICT ON CONSTRAINT webhook_keys_pkey DO NOTHING; -- waits for whoever is just writing the same
    IF NOT FOUND THEN
        UPDATE getcourse.webhook_events AS e
        SET duplicates = e.duplicates + 1
        FROM getcourse.webhook_keys AS k
        WHERE k.source = NEW.source AND k.dedupe_key = NEW.dedupe_key AND e.id = k.event_id;
        RETURN NULL;
    END IF;

    IF NEW.processed THEN
        NEW.status := 'processed';
    END IF;
    IF NEW.status NOT IN ('received', 'retry', 'processed') THEN
        RAISE EXCEPTION 'a webhook cannot go from nothing to %', NEW.status USING
            ERRCODE = 'MB003',
            DETAIL = format('event_id=%s', NEW.id),
            HINT = getcourse.allowed_webhook_steps(NULL);
    END IF;
    NEW.processed := NEW.status = 'processed';
    NEW.processed_at := CASE WHEN NEW.processed THEN coalesce(NEW.processed_at, now()) END;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION getcourse.take_webhook() IS
'Row trigger of webhook_events: makes the dedupe_key; what came in before is only counted there, and what is malformed goes to quarantine: neither is stored again, nor an error. Sees to it that processed and status agree.';

CREATE TRIGGER webhook_events_take
BEFORE INSERT ON getcourse.webhook_events
FOR EACH ROW EXECUTE FUNCTION getcourse.take_webhook();

CREATE FUNCTION getcourse.guard_webhook_events()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- An erasure, by the owner.
    IF current_setting('mentorbase.maintenance', true) = TG_TABLE_SCHEMA AND current_user = 'mentorbase_owner' THEN
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.source, NEW.event_date, NEW.user_id, NEW.user_email, NEW.answer_id, NEW.answer_training_id,
        NEW.answer_lesson_id, NEW.answer_status, NEW.answer_text, NEW.raw_payload, NEW.dedupe_key, NEW.created_at)
        IS DISTINCT FROM
        (OLD.id, OLD.source, OLD.event_date, OLD.user_id, OLD.user_email, OLD.answer_id, OLD.answer_training_id,
        OLD.answer_lesson_id, OLD.answer_status, OLD.answer_text, OLD.raw_payload, OLD.dedupe_key, OLD.created_at)
    THEN
        RAISE EXCEPTION 'what a webhook said is kept by the database' USING
            ERRCODE = 'MB006',
            DETAIL = format('event_id=%s', OLD.id),
            HINT = 'Only how it is processed changes: status, or processed.';
    END IF;

    NEW.processed := coalesce(NEW.processed, false);
    IF NEW.status = OLD.status AND NEW.processed <> OLD.processed THEN
        NEW.status := CASE WHEN NEW.processed THEN 'processed' ELSE 'retry' END::getcourse.webhook_status;
    END IF;
    NEW.processed := NEW.status = 'processed';
    IF NEW.status = OLD.status THEN
        RETURN NEW;
    END IF;
    IF NOT EXISTS (
        SELECT FROM getcourse.webhook_transitions AS t
        WHERE t.from_status = OLD.status AND t.to_status = NEW.status
    ) THEN
        RAISE EXCEPTION 'a webhook cannot go from % to %', OLD.status, NEW.status USING
            ERRCODE = 'MB003',
            DETAIL = format('event_id=%s', NEW.id),
            HINT = getcourse.allowed_webhook_steps(OLD.status);
    END IF;

    IF NEW.status <> 'processing' THEN
        NEW.lease_until := NULL;
    END IF;
    IF NEW.status = 'retry' AND OLD.status IN ('processed', 'dead')
        AND NEW.next_attempt_at IS NOT DISTINCT FROM OLD.next_attempt_at
    THEN
        NEW.next_attempt_at := now();
        NEW.attempts := 0;
    END IF;
    NEW.processed_at := CASE
        WHEN NEW.processed AND NEW.processed_at IS DISTINCT FROM OLD.processed_at THEN NEW.processed_at
        WHEN NEW.processed THEN now()
    END;
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION getcourse.guard_webhook_events() IS
'Row trigger of webhook_events: allows the steps of webhook_transitions and nothing else, takes the lease away where a worker''s part ends, makes what is replayed due at once, keeps processed and status in agreement, stamps processed_at and updated_at.';

-- Not fired where a duplicate is counted.
CREATE TRIGGER webhook_events_guard
BEFORE UPDATE OF id, source, event_date, user_id, user_email, answer_id, answer_training_id, answer_lesson_id,
answer_status, answer_text, raw_payload, dedupe_key, status, processed, processed_at, attempts, next_attempt_at,
lease_until, lease_token, error_message, created_at
ON getcourse.webhook_events
FOR EACH ROW EXECUTE FUNCTION getcourse.guard_webhook_events();

CREATE FUNCTION getcourse.wake_webhook_workers()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first_id bigint;
BEGIN
    SELECT min(q.id) INTO first_id FROM queued_rows AS q WHERE q.status = 'received';
    IF first_id IS NOT NULL THEN
        PERFORM pg_notify('getcourse.webhooks', first_id::text);
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION getcourse.wake_webhook_workers() IS
'Statement trigger of webhook_events: tells workers (LISTEN "getcourse.webhooks") at commit that something came in, with its lowest id, so that a worker that is past it goes back. A wake-up only: who does not hear it finds the row by polling.';

CREATE TRIGGER webhook_events_wake_workers
AFTER INSERT ON getcourse.webhook_events
REFERENCING NEW TABLE AS queued_rows
FOR EACH STATEMENT EXECUTE FUNCTION getcourse.wake_webhook_workers();

-- Whom the bot does not reach any more.
CREATE TABLE getcourse.unreachable_mentors (
    telegram_id bigint      NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT unreachable_mentors_pkey PRIMARY KEY (telegram_id)
);

COMMENT ON TABLE getcourse.unreachable_mentors IS
'Telegram accounts that the bot does not reach (403: the mentor blocked it, say), written by workers. What is queued for their mentors is kept as cancelled, until mark_reachable(). A mentor with another account is reached.';
COMMENT ON COLUMN getcourse.unreachable_mentors.telegram_id IS 'The account. Personal data.';
COMMENT ON COLUMN getcourse.unreachable_mentors.created_at IS 'Since when.';
COMMENT ON CONSTRAINT unreachable_mentors_pkey ON getcourse.unreachable_mentors IS 'No account is unreachable twice.';

-- A bot that was asked for fewer requests.
CREATE TABLE getcourse.bot_pauses (
    bot          text        NOT NULL,
    paused_until timestamptz NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT bot_pauses_pkey PRIMARY KEY (bot),
    CONSTRAINT bot_pauses_bot_check CHECK (bot = 'telegram'),
    CONSTRAINT bot_pauses_paused_until_check CHECK (isfinite(paused_until))
);

COMMENT ON TABLE getcourse.bot_pauses IS
'Until when the bot rests, because Telegram answered that there were too many requests (429). Written by workers.';
COMMENT ON COLUMN getcourse.bot_pauses.bot IS 'Which bot rests; there is one, telegram.';
COMMENT ON COLUMN getcourse.bot_pauses.paused_until IS 'Nothing is sent before this instant.';
COMMENT ON COLUMN getcourse.bot_pauses.created_at IS 'When the row was made.';
COMMENT ON COLUMN getcourse.bot_pauses.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT bot_pauses_pkey ON getcourse.bot_pauses IS 'One row a bot.';
COMMENT ON CONSTRAINT bot_pauses_bot_check ON getcourse.bot_pauses IS 'There is one bot, telegram.';
COMMENT ON CONSTRAINT bot_pauses_paused_until_check ON getcourse.bot_pauses IS 'A pause has an end.';

CREATE TRIGGER bot_pauses_set_updated_at
BEFORE UPDATE ON getcourse.bot_pauses
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

-- The life cycle of notifications, as data. The same steps in every queue of this database.
CREATE TABLE getcourse.notification_transitions (
    id          bigint                        GENERATED BY DEFAULT AS IDENTITY,
    from_status getcourse.notification_status,
    to_status   getcourse.notification_status NOT NULL,
    meaning     text                          NOT NULL,

    CONSTRAINT notification_transitions_pkey PRIMARY KEY (id),
    CONSTRAINT notification_transitions_step_key UNIQUE NULLS NOT DISTINCT (from_status, to_status)
);

COMMENT ON TABLE getcourse.notification_transitions IS
'Every allowed step of a notification; others are refused (MB003). Nothing goes back to pending: workers that have passed an item find it again by its time, as waiting.';
COMMENT ON COLUMN getcourse.notification_transitions.id IS 'Row number, without meaning.';
COMMENT ON COLUMN getcourse.notification_transitions.from_status IS 'Present status; NULL where the notification is new.';
COMMENT ON COLUMN getcourse.notification_transitions.to_status IS 'Next status.';
COMMENT ON COLUMN getcourse.notification_transitions.meaning IS 'When the step is taken.';
COMMENT ON CONSTRAINT notification_transitions_pkey ON getcourse.notification_transitions IS 'One row a step.';
COMMENT ON CONSTRAINT notification_transitions_step_key ON getcourse.notification_transitions IS
'Each step stands here once.';

INSERT INTO getcourse.notification_transitions (from_status, to_status, meaning) VALUES
(NULL, 'pending', 'queued'),
(NULL, 'waiting', 'queued for later'),
(NULL, 'cancelled', 'queued for a mentor who cannot be reached'),
('pending', 'processing', 'claimed'),
('pending', 'cancelled', 'unreachable, or called off'),
('waiting', 'processing', 'claimed'),
('waiting', 'cancelled', 'unreachable, or called off'),
('processing', 'sending', 'the attempt begins'),
('processing', 'waiting', 'put off, or the lease ran out before the attempt'),
('processing', 'cancelled', 'unreachable, or called off'),
('sending', 'sent', 'done'),
('sending', 'waiting', 'failed, to be tried again; or limited'),
('sending', 'dead', 'rejected, or failed once too often'),
('sending', 'cancelled', 'unreachable'),
('sending', 'uncertain', 'the lease ran out during the attempt, or nobody knows how it ended'),
('uncertain', 'sent', 'its worker reported late, or a person found out'),
('uncertain', 'waiting', 'its worker reported late, or replayed'),
('uncertain', 'dead', 'its worker reported late, or a person gave it up'),
('uncertain', 'cancelled', 'its worker reported late, or called off'),
('dead', 'waiting', 'replayed'),
('dead', 'cancelled', 'called off'),
('cancelled', 'waiting', 'replayed');

-- The outbox: one notification to one mentor.
CREATE TABLE getcourse.notifications (
    id                    bigint                        GENERATED BY DEFAULT AS IDENTITY,
    mentor_id             bigint                        NOT NULL,
    type                  text                          NOT NULL,
    message               text                          NOT NULL,
    webhook_event_id      bigint,
    message_hash          text                          NOT NULL,
    duplicates            bigint                        NOT NULL DEFAULT 0,
    status                getcourse.notification_status NOT NULL DEFAULT 'pending',
    attempts              integer                       NOT NULL DEFAULT 0,
    next_attempt_at       timestamptz,
    lease_until           timestamptz,
    lease_token           uuid,
    last_error            text,
    recipient_telegram_id bigint,
    telegram_message_id   text,
    sent_at               timestamptz,
    created_at            timestamptz                   NOT NULL DEFAULT now(),
    updated_at            timestamptz                   NOT NULL DEFAULT now(),

    CONSTRAINT notifications_pkey PRIMARY KEY (id),
    CONSTRAINT notifications_message_hash_key UNIQUE (mentor_id, message_hash),
    CONSTRAINT notifications_mentor_id_fkey FOREIGN KEY (mentor_id)
    REFERENCES getcourse.mentor_ids (id) ON DELETE RESTRICT,
    CONSTRAINT notifications_webhook_event_id_fkey FOREIGN KEY (webhook_event_id)
    REFERENCES getcourse.webhook_events (id) ON DELETE SET NULL,
    CONSTRAINT notifications_type_check CHECK (length(type) <= 50 AND type ~ '\S'),
    CONSTRAINT notifications_message_check CHECK (length(message) <= 20000 AND message ~ '\S'),
    CONSTRAINT notifications_duplicates_check CHECK (duplicates >= 0),
    CONSTRAINT notifications_attempts_check CHECK (attempts >= 0),
    CONSTRAINT notifications_next_attempt_at_check CHECK (
        CASE status
            WHEN 'pending' THEN next_attempt_at IS NULL
            WHEN 'waiting' THEN next_attempt_at IS NOT NULL AND isfinite(next_attempt_at)
            ELSE true
        END
    ),
    CONSTRAINT notifications_lease_until_check CHECK ((lease_until IS NOT NULL) = (status IN ('processing', 'sending'))),
    CONSTRAINT notifications_lease_token_check CHECK (lease_until IS NULL OR lease_token IS NOT NULL),
    CONSTRAINT notifications_last_error_check CHECK (length(last_error) <= 500),
    CONSTRAINT notifications_telegram_message_id_check CHECK (length(telegram_message_id) <= 50),
    CONSTRAINT notifications_sent_at_check CHECK ((sent_at IS NOT NULL) = (status = 'sent'))
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05);

COMMENT ON TABLE getcourse.notifications IS
'The outbox of the bot, one row a notification to a mentor. Filled by enqueue() or an INSERT, worked off by claim(), begin_attempt() and finish(); steps are those of notification_transitions. Machine-fed: nobody has to be named who acts.';
COMMENT ON COLUMN getcourse.notifications.id IS 'The notification; the order in which those that are pending are sent.';
COMMENT ON COLUMN getcourse.notifications.mentor_id IS 'For whom (mentor_ids.id), whichever their version. Never changes.';
COMMENT ON COLUMN getcourse.notifications.type IS 'What kind of notification it is, in the bot''s words. Never changes.';
COMMENT ON COLUMN getcourse.notifications.message IS 'The text. May be personal. Never changes.';
COMMENT ON COLUMN getcourse.notifications.webhook_event_id IS
'The webhook that it is about; NULL: none, or it has been deleted. Never changes otherwise.';
COMMENT ON COLUMN getcourse.notifications.message_hash IS
'SHA-256 of type, message and webhook_event_id, made by a trigger: tells the same notification again. Never changes.';
COMMENT ON COLUMN getcourse.notifications.duplicates IS 'How often the same was queued again.';
COMMENT ON COLUMN getcourse.notifications.status IS 'Where it stands; changes by the steps of notification_transitions only.';
COMMENT ON COLUMN getcourse.notifications.attempts IS
'How many attempts have begun since it was queued or replayed. Those that met a limit (429) do not count.';
COMMENT ON COLUMN getcourse.notifications.next_attempt_at IS
'While waiting: when it is due. Later: when it was. NULL for what has never waited.';
COMMENT ON COLUMN getcourse.notifications.lease_until IS
'Until when it is its worker''s. After that recover() takes it back: before the attempt it waits for another worker, during the attempt it is uncertain. NULL while no worker has it.';
COMMENT ON COLUMN getcourse.notifications.lease_token IS 'What its worker shows to report; the last one''s.';
COMMENT ON COLUMN getcourse.notifications.last_error IS
'Why the last attempt did not succeed or it was cancelled, up to 500 characters; codes, no personal data.';
COMMENT ON COLUMN getcourse.notifications.recipient_telegram_id IS
'The Telegram account that the last attempt went to: the mentor''s when it began. NULL before. Personal data.';
COMMENT ON COLUMN getcourse.notifications.telegram_message_id IS 'What Telegram calls the message, once sent; NULL if not told.';
COMMENT ON COLUMN getcourse.notifications.sent_at IS 'When it was recorded as sent. Set exactly when status is sent.';
COMMENT ON COLUMN getcourse.notifications.created_at IS 'When it was queued. Never changes.';
COMMENT ON COLUMN getcourse.notifications.updated_at IS 'When its status last changed; kept by a trigger.';
COMMENT ON CONSTRAINT notifications_pkey ON getcourse.notifications IS 'One row a notification.';
COMMENT ON CONSTRAINT notifications_message_hash_key ON getcourse.notifications IS
'The same message of the same type about the same webhook is queued once for a mentor.';
COMMENT ON CONSTRAINT notifications_mentor_id_fkey ON getcourse.notifications IS 'mentor_id is the id of a mentor.';
COMMENT ON CONSTRAINT notifications_webhook_event_id_fkey ON getcourse.notifications IS
'webhook_event_id is the id of a webhook.';
COMMENT ON CONSTRAINT notifications_type_check ON getcourse.notifications IS
'type has 1 to 50 characters, not all of them blank.';
COMMENT ON CONSTRAINT notifications_message_check ON getcourse.notifications IS
'message has 1 to 20000 characters, not all of them blank.';
COMMENT ON CONSTRAINT notifications_duplicates_check ON getcourse.notifications IS 'duplicates is 0 or more.';
COMMENT ON CONSTRAINT notifications_attempts_check ON getcourse.notifications IS 'attempts is 0 or more.';
COMMENT ON CONSTRAINT notifications_next_attempt_at_check ON getcourse.notifications IS
'What waits has a next_attempt_at, and what is pending has none.';
COMMENT ON CONSTRAINT notifications_lease_until_check ON getcourse.notifications IS
'lease_until is set exactly while a worker has the notification.';
COMMENT ON CONSTRAINT notifications_lease_token_check ON getcourse.notifications IS 'A lease has a lease_token.';
COMMENT ON CONSTRAINT notifications_last_error_check ON getcourse.notifications IS
'last_error has at most 500 characters.';
COMMENT ON CONSTRAINT notifications_telegram_message_id_check ON getcourse.notifications IS
'telegram_message_id has at most 50 characters.';
COMMENT ON CONSTRAINT notifications_sent_at_check ON getcourse.notifications IS
'sent_at is set exactly when the notification was sent.';

-- Serves claim(): what is to be sent at once, in the order of the claim, from where the worker stopped. id + 0, which the
-- primary key cannot serve, whatever the statistics say of a queue that was full a moment ago.
CREATE INDEX notifications_pending_idx ON getcourse.notifications ((id + 0)) WHERE status = 'pending';

-- Serves claim(): what is due, in the order of the claim, from where the worker stopped.
CREATE INDEX notifications_waiting_idx ON getcourse.notifications (next_attempt_at, id) WHERE status = 'waiting';

-- Serves recover(): the leases that have run out.
CREATE INDEX notifications_lease_until_idx ON getcourse.notifications (lease_until)
WHERE status IN ('processing', 'sending');

-- Serves stuck(): what a person has to look at.
CREATE INDEX notifications_stuck_idx ON getcourse.notifications (id) WHERE status IN ('dead', 'uncertain');

-- What was told of a webhook.
CREATE INDEX notifications_webhook_event_id_idx ON getcourse.notifications (webhook_event_id);

CREATE FUNCTION getcourse.hash_message()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.message_hash := encode(
        sha256(convert_to(jsonb_build_array(NEW.type, NEW.message, NEW.webhook_event_id)::text, 'UTF8')), 'hex'
    );
    IF NEW.status NOT IN ('pending', 'waiting', 'cancelled') THEN
        RAISE EXCEPTION 'a notification cannot go from nothing to %', NEW.status USING
            ERRCODE = 'MB003',
            DETAIL = format('notification_id=%s', NEW.id),
            HINT = getcourse.allowed_steps(NULL);
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION getcourse.hash_message() IS
'Row trigger of notifications: makes the message_hash, whatever was given, and sees to it that a notification begins as notification_transitions allows.';

CREATE TRIGGER notifications_hash_message
BEFORE INSERT ON getcourse.notifications
FOR EACH ROW EXECUTE FUNCTION getcourse.hash_message();

CREATE FUNCTION getcourse.guard_notifications()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- An erasure, by the owner.
    IF current_setting('mentorbase.maintenance', true) = TG_TABLE_SCHEMA AND current_user = 'mentorbase_owner' THEN
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.mentor_id, NEW.type, NEW.message, NEW.message_hash, NEW.created_at)
        IS DISTINCT FROM (OLD.id, OLD.mentor_id, OLD.type, OLD.message, OLD.message_hash, OLD.created_at)
        -- Taken away with the webhook.
        OR NEW.webhook_event_id IS DISTINCT FROM OLD.webhook_event_id AND NEW.webhook_event_id IS NOT NULL
    THEN
        RAISE EXCEPTION 'what a notification says and to whom is kept by the database' USING
            ERRCODE = 'MB006',
            DETAIL = format('notification_id=%s', OLD.id),
            HINT = 'Cancel it (status = cancelled) and queue another.';
    END IF;
    IF NEW.status = OLD.status THEN
        RETURN NEW;
    END IF;
    IF NOT EXISTS (
        SELECT FROM getcourse.notification_transitions AS t
        WHERE t.from_status = OLD.status AND t.to_status = NEW.status
    ) THEN
        RAISE EXCEPTION 'a notification cannot go from % to %', OLD.status, NEW.status USING
            ERRCODE = 'MB003',
            DETAIL = format('notification_id=%s', NEW.id),
            HINT = getcourse.allowed_steps(OLD.status);
    END IF;

    IF NEW.status NOT IN ('processing', 'sending') THEN
        NEW.lease_until := NULL;
    END IF;
    IF NEW.status = 'waiting' AND OLD.status IN ('dead', 'cancelled', 'uncertain')
        AND NEW.next_attempt_at IS NOT DISTINCT FROM OLD.next_attempt_at
    THEN
        NEW.next_attempt_at := now();
    END IF;
    NEW.sent_at := CASE WHEN NEW.status = 'sent' THEN now() END;
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION getcourse.guard_notifications() IS
'Row trigger of notifications: allows the steps of notification_transitions and nothing else, takes the lease away where a worker''s part ends, makes what is replayed due at once, stamps sent_at and updated_at.';

-- Not fired where a duplicate is counted.
CREATE TRIGGER notifications_guard
BEFORE UPDATE OF id, mentor_id, type, message, webhook_event_id, message_hash, status, attempts, next_attempt_at,
lease_until, lease_token, last_error, recipient_telegram_id, telegram_message_id, sent_at, created_at
ON getcourse.notifications
FOR EACH ROW EXECUTE FUNCTION getcourse.guard_notifications();

CREATE FUNCTION getcourse.wake_workers()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first_id bigint;
BEGIN
    SELECT min(q.id) INTO first_id FROM queued_rows AS q WHERE q.status = 'pending';
    IF first_id IS NOT NULL THEN
        PERFORM pg_notify('getcourse.notifications', first_id::text);
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION getcourse.wake_workers() IS
'Statement trigger of notifications: tells workers (LISTEN "getcourse.notifications") at commit that something is pending, with its lowest id, so that a worker that is past it goes back. A wake-up only: who does not hear it finds the row by polling.';

CREATE TRIGGER notifications_wake_workers
AFTER INSERT ON getcourse.notifications
REFERENCING NEW TABLE AS queued_rows
FOR EACH STATEMENT EXECUTE FUNCTION getcourse.wake_workers();

-- What the bot tells of itself. Partitioned by month; DEFAULT takes what has no month yet.
CREATE TABLE getcourse.application_logs (
    id         bigint              GENERATED ALWAYS AS IDENTITY,
    level      getcourse.log_level NOT NULL DEFAULT 'info',
    logger     text                NOT NULL,
    message    text                NOT NULL,
    context    jsonb               NOT NULL DEFAULT '{}',
    created_at timestamptz         NOT NULL DEFAULT now(),

    CONSTRAINT application_logs_pkey PRIMARY KEY (created_at, id),
    CONSTRAINT application_logs_logger_check CHECK (length(logger) <= 200),
    CONSTRAINT application_logs_message_check CHECK (length(message) <= 10000),
    CONSTRAINT application_logs_context_check CHECK (jsonb_typeof(context) = 'object')
) PARTITION BY RANGE (created_at);

COMMENT ON TABLE getcourse.application_logs IS
'What applications of this service log, kept for the setting application_log_retention: getcourse.purge() deletes what is older, maintain_logs() drops whole months. No personal data belongs here.';
COMMENT ON COLUMN getcourse.application_logs.id IS 'Order of the lines.';
COMMENT ON COLUMN getcourse.application_logs.level IS 'How much it matters.';
COMMENT ON COLUMN getcourse.application_logs.logger IS 'Who says it: a module''s name.';
COMMENT ON COLUMN getcourse.application_logs.message IS 'What happened.';
COMMENT ON COLUMN getcourse.application_logs.context IS 'Values behind it, ids and states; a JSON object.';
COMMENT ON COLUMN getcourse.application_logs.created_at IS 'When: the start of the transaction.';
COMMENT ON CONSTRAINT application_logs_pkey ON getcourse.application_logs IS 'One row a line.';
COMMENT ON CONSTRAINT application_logs_logger_check ON getcourse.application_logs IS
'logger has at most 200 characters.';
COMMENT ON CONSTRAINT application_logs_message_check ON getcourse.application_logs IS
'message has at most 10000 characters.';
COMMENT ON CONSTRAINT application_logs_context_check ON getcourse.application_logs IS 'context is a JSON object.';

CREATE TABLE getcourse.application_logs_default PARTITION OF getcourse.application_logs DEFAULT;

COMMENT ON TABLE getcourse.application_logs_default IS
'Rows of application_logs of a month that has no partition yet. platform.make_months() moves them.';

SELECT platform.make_months('getcourse', 'application_logs');

-- Errors of the bot. Partitioned by month; DEFAULT takes what has no month yet.
CREATE TABLE getcourse.error_logs (
    id         bigint      GENERATED ALWAYS AS IDENTITY,
    error_type text        NOT NULL,
    message    text        NOT NULL,
    traceback  text,
    context    jsonb       NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT error_logs_pkey PRIMARY KEY (created_at, id),
    CONSTRAINT error_logs_error_type_check CHECK (length(error_type) <= 200),
    CONSTRAINT error_logs_message_check CHECK (length(message) <= 10000),
    CONSTRAINT error_logs_traceback_check CHECK (length(traceback) <= 100000),
    CONSTRAINT error_logs_context_check CHECK (jsonb_typeof(context) = 'object')
) PARTITION BY RANGE (created_at);

COMMENT ON TABLE getcourse.error_logs IS
'Errors of applications of this service, kept for the setting error_log_retention: getcourse.purge() deletes what is older, maintain_logs() drops whole months. No personal data belongs here.';
COMMENT ON COLUMN getcourse.error_logs.id IS 'Order of the errors.';
COMMENT ON COLUMN getcourse.error_logs.error_type IS 'The class of the error.';
COMMENT ON COLUMN getcourse.error_logs.message IS 'What went wrong.';
COMMENT ON COLUMN getcourse.error_logs.traceback IS 'Where in the program.';
COMMENT ON COLUMN getcourse.error_logs.context IS 'Values behind it, ids and states; a JSON object.';
COMMENT ON COLUMN getcourse.error_logs.created_at IS 'When: the start of the transaction.';
COMMENT ON CONSTRAINT error_logs_pkey ON getcourse.error_logs IS 'One row an error.';
COMMENT ON CONSTRAINT error_logs_error_type_check ON getcourse.error_logs IS 'error_type has at most 200 characters.';
COMMENT ON CONSTRAINT error_logs_message_check ON getcourse.error_logs IS 'message has at most 10000 characters.';
COMMENT ON CONSTRAINT error_logs_traceback_check ON getcourse.error_logs IS 'traceback has at most 100000 characters.';
COMMENT ON CONSTRAINT error_logs_context_check ON getcourse.error_logs IS 'context is a JSON object.';

CREATE TABLE getcourse.error_logs_default PARTITION OF getcourse.error_logs DEFAULT;

COMMENT ON TABLE getcourse.error_logs_default IS
'Rows of error_logs of a month that has no partition yet. platform.make_months() moves them.';

SELECT platform.make_months('getcourse', 'error_logs');

-- Who changed what: one row a changed row, written by triggers. Partitioned by month; DEFAULT takes what has no month yet.
CREATE TABLE getcourse.audit_log (
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

COMMENT ON TABLE getcourse.audit_log IS
'Every change of a row of this schema that holds people''s data or decisions: who, when, what was and what is. Webhooks and notifications are not among them. Append-only for every role; platform.scrub() erases values, and expired months are dropped. Read by the owner; analysts read v_audit_log.';
COMMENT ON COLUMN getcourse.audit_log.id IS 'Order of the changes.';
COMMENT ON COLUMN getcourse.audit_log.table_name IS 'The table whose row changed.';
COMMENT ON COLUMN getcourse.audit_log.row_key IS 'The row: its key columns and their values.';
COMMENT ON COLUMN getcourse.audit_log.operation IS 'insert, update, delete, or scrub for an erasure from this log.';
COMMENT ON COLUMN getcourse.audit_log.old_values IS
'What an update changed, before; the whole row of a delete. Without secret columns; NULL for an insert and once scrubbed.';
COMMENT ON COLUMN getcourse.audit_log.new_values IS
'What an update changed, after; the whole row of an insert; how many rows a scrub erased. Without secret columns; NULL for a delete and once scrubbed.';
COMMENT ON COLUMN getcourse.audit_log.secret_columns IS 'Secret columns that were changed or filled; their values are not kept here.';
COMMENT ON COLUMN getcourse.audit_log.actor_kind IS 'As what the actor did it: user, admin or system.';
COMMENT ON COLUMN getcourse.audit_log.actor_id IS
'Who did it (telegram_id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN getcourse.audit_log.db_login IS 'The database login of the session.';
COMMENT ON COLUMN getcourse.audit_log.db_role IS 'The role the session had set (SET ROLE), if any.';
COMMENT ON COLUMN getcourse.audit_log.transaction_id IS 'The transaction, the same for all that it changed.';
COMMENT ON COLUMN getcourse.audit_log.occurred_at IS 'When: the start of the transaction.';
COMMENT ON COLUMN getcourse.audit_log.scrubbed_at IS 'When the values were erased; NULL while they are kept.';
COMMENT ON CONSTRAINT audit_log_pkey ON getcourse.audit_log IS 'One row a changed row.';

-- One row's changes; what platform.scrub() erases.
CREATE INDEX audit_log_row_key_idx ON getcourse.audit_log (table_name, row_key, occurred_at);

CREATE TABLE getcourse.audit_log_default PARTITION OF getcourse.audit_log DEFAULT;

COMMENT ON TABLE getcourse.audit_log_default IS
'Rows of audit_log of a month that has no partition yet. platform.make_months() moves them.';

CREATE TRIGGER audit_log_refuse_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON getcourse.audit_log
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- A statement trigger of the whole does not guard the parts.
CREATE TRIGGER audit_log_refuse_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON getcourse.audit_log_default
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

SELECT platform.make_months('getcourse', 'audit_log');

CREATE TRIGGER settings_audit_insert
AFTER INSERT ON getcourse.settings
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('name');

CREATE TRIGGER settings_audit_update
AFTER UPDATE ON getcourse.settings
FOR EACH ROW EXECUTE FUNCTION platform.audit('name');

CREATE TRIGGER settings_audit_delete
AFTER DELETE ON getcourse.settings
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('name');

CREATE TRIGGER mentors_audit_insert
AFTER INSERT ON getcourse.mentors
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('version_id', 'email,first_name,last_name');

CREATE TRIGGER mentors_audit_update
AFTER UPDATE ON getcourse.mentors
FOR EACH ROW EXECUTE FUNCTION platform.audit('version_id', 'email,first_name,last_name');

CREATE TRIGGER mentors_audit_delete
AFTER DELETE ON getcourse.mentors
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('version_id', 'email,first_name,last_name');

CREATE TRIGGER students_audit_insert
AFTER INSERT ON getcourse.students
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('version_id', 'getcourse_user_id,email,first_name,last_name');

CREATE TRIGGER students_audit_update
AFTER UPDATE ON getcourse.students
FOR EACH ROW EXECUTE FUNCTION platform.audit('version_id', 'getcourse_user_id,email,first_name,last_name');

CREATE TRIGGER students_audit_delete
AFTER DELETE ON getcourse.students
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('version_id', 'getcourse_user_id,email,first_name,last_name');

CREATE TRIGGER trainings_audit_insert
AFTER INSERT ON getcourse.trainings
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('version_id');

CREATE TRIGGER trainings_audit_update
AFTER UPDATE ON getcourse.trainings
FOR EACH ROW EXECUTE FUNCTION platform.audit('version_id');

CREATE TRIGGER trainings_audit_delete
AFTER DELETE ON getcourse.trainings
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('version_id');

CREATE TRIGGER lessons_audit_insert
AFTER INSERT ON getcourse.lessons
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('version_id');

CREATE TRIGGER lessons_audit_update
AFTER UPDATE ON getcourse.lessons
FOR EACH ROW EXECUTE FUNCTION platform.audit('version_id');

CREATE TRIGGER lessons_audit_delete
AFTER DELETE ON getcourse.lessons
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('version_id');

CREATE TRIGGER mapping_audit_insert
AFTER INSERT ON getcourse.mapping
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('version_id');

CREATE TRIGGER mapping_audit_update
AFTER UPDATE ON getcourse.mapping
FOR EACH ROW EXECUTE FUNCTION platform.audit('version_id');

CREATE TRIGGER mapping_audit_delete
AFTER DELETE ON getcourse.mapping
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('version_id');

CREATE FUNCTION getcourse.setting(setting_name text)
RETURNS bigint
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_value bigint;
BEGIN
    SELECT s.value INTO STRICT found_value FROM getcourse.settings AS s WHERE s.name = setting_name;
    RETURN found_value;
END
$$;

COMMENT ON FUNCTION getcourse.setting(text) IS
'One limit from getcourse.settings, in that row''s unit. A missing row is an error rather than no limit.';

CREATE FUNCTION getcourse.allowed_webhook_steps(present getcourse.webhook_status)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT format(
    'From %s a webhook may go to: %s.',
    coalesce(present::text, 'nothing'),
    string_agg(format('%s (%s)', t.to_status, t.meaning), ', ' ORDER BY t.to_status)
)
FROM getcourse.webhook_transitions AS t
WHERE t.from_status IS NOT DISTINCT FROM present
$$;

COMMENT ON FUNCTION getcourse.allowed_webhook_steps(getcourse.webhook_status) IS
'What may follow a webhook''s status and when, in words: the HINT of a refusal. NULL: how a webhook may begin.';

CREATE FUNCTION getcourse.allowed_steps(present getcourse.notification_status)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT format(
    'From %s a notification may go to: %s.',
    coalesce(present::text, 'nothing'),
    coalesce(string_agg(format('%s (%s)', t.to_status, t.meaning), ', ' ORDER BY t.to_status), 'nowhere, it is sent')
)
FROM getcourse.notification_transitions AS t
WHERE t.from_status IS NOT DISTINCT FROM present
$$;

COMMENT ON FUNCTION getcourse.allowed_steps(getcourse.notification_status) IS
'What may follow a notification''s status and when, in words: the HINT of a refusal. NULL: how a notification may begin.';

CREATE FUNCTION getcourse.mentors_as_of(moment timestamptz DEFAULT now())
RETURNS SETOF getcourse.mentors
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
BEGIN ATOMIC
    SELECT
        v.version_id, v.id, v.email, v.first_name, v.last_name, v.telegram_id,
        v.valid_from, v.valid_to, v.is_open, v.created_at, v.updated_at
    FROM getcourse.mentors AS v
    WHERE v.valid_from <= mentors_as_of.moment AND v.valid_to > mentors_as_of.moment; -- noqa: RF01
END;

COMMENT ON FUNCTION getcourse.mentors_as_of(timestamptz) IS
'The versions of mentors that hold at this instant, now by default: one a mentor at most. Filters on it reach the indexes.';

CREATE FUNCTION getcourse.revise_mentor(
    mentor_id bigint,
    email text,
    first_name text DEFAULT NULL,
    last_name text DEFAULT NULL,
    telegram_id bigint DEFAULT NULL,
    valid_from timestamptz DEFAULT NULL,
    actor_id bigint DEFAULT NULL
)
RETURNS getcourse.mentors
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- ends versions that have an end already
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written revise_mentor.x
DECLARE
    caller_actor       text := current_setting('mentorbase.actor', true);
    caller_maintenance text := current_setting('mentorbase.maintenance', true);
    present            getcourse.mentors;
    revised            getcourse.mentors;
    moment             timestamptz := revise_mentor.valid_from;
BEGIN
    -- One at a time, of one mentor. Only then is it asked what holds now.
    PERFORM k.id FROM getcourse.mentor_ids AS k WHERE k.id = revise_mentor.mentor_id FOR NO KEY UPDATE;
    moment := coalesce(moment, clock_timestamp());
    SELECT v.* INTO present FROM getcourse.mentors_as_of(moment) AS v WHERE v.id = revise_mentor.mentor_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no version of this mentor at that time' USING
            ERRCODE = 'MB004',
            DETAIL = format('mentor_id=%s', revise_mentor.mentor_id),
            HINT = 'Insert one from then on.';
    END IF;
    moment := coalesce(revise_mentor.valid_from, greatest(now(), present.valid_from));

    IF revise_mentor.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', revise_mentor.actor_id);
    END IF;
    SET LOCAL mentorbase.maintenance = 'getcourse';
    UPDATE getcourse.mentors AS v SET valid_to = moment WHERE v.version_id = present.version_id;
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_maintenance, ''));
    INSERT INTO getcourse.mentors AS v (
        id, email, first_name, last_name, telegram_id, valid_from, valid_to
    ) VALUES (
        present.id, revise_mentor.email, revise_mentor.first_name, revise_mentor.last_name,
        revise_mentor.telegram_id, moment, present.valid_to
    )
    RETURNING v.* INTO revised;
    IF revise_mentor.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN revised;
END
$$;

COMMENT ON FUNCTION getcourse.revise_mentor(bigint, text, text, text, bigint, timestamptz, bigint) IS
'Makes another version of a mentor from valid_from on (NULL: from now on) and ends the one that holds then at the same instant: no gap, no overlap. The new one holds for as long as the old one would have, and says exactly what is given here. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004, and the constraints of mentors.';

CREATE FUNCTION getcourse.close_mentor(
    mentor_id bigint, valid_to timestamptz DEFAULT NULL, actor_id bigint DEFAULT NULL
)
RETURNS getcourse.mentors
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- ends versions that have an end already
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written close_mentor.x
DECLARE
    caller_actor       text := current_setting('mentorbase.actor', true);
    caller_maintenance text := current_setting('mentorbase.maintenance', true);
    present            getcourse.mentors;
    moment             timestamptz := close_mentor.valid_to;
BEGIN
    -- One at a time, of one mentor. Only then is it asked what holds now.
    PERFORM k.id FROM getcourse.mentor_ids AS k WHERE k.id = close_mentor.mentor_id FOR NO KEY UPDATE;
    moment := coalesce(moment, clock_timestamp());
    SELECT v.* INTO present FROM getcourse.mentors_as_of(moment) AS v WHERE v.id = close_mentor.mentor_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no version of this mentor at that time' USING
            ERRCODE = 'MB004',
            DETAIL = format('mentor_id=%s', close_mentor.mentor_id),
            HINT = 'Look its versions up in getcourse.mentors.';
    END IF;

    IF close_mentor.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', close_mentor.actor_id);
    END IF;
    SET LOCAL mentorbase.maintenance = 'getcourse';
    UPDATE getcourse.mentors AS v
    SET valid_to = coalesce(close_mentor.valid_to, greatest(now(), present.valid_from))
    WHERE v.version_id = present.version_id
    RETURNING v.* INTO present;
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_maintenance, ''));
    IF close_mentor.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN present;
END
$$;

COMMENT ON FUNCTION getcourse.close_mentor(bigint, timestamptz, bigint) IS
'Ends the version of a mentor that holds at valid_to (NULL: now) at that instant, and returns it. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004.';

CREATE FUNCTION getcourse.students_as_of(moment timestamptz DEFAULT now())
RETURNS SETOF getcourse.students
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
BEGIN ATOMIC
    SELECT
        v.version_id, v.id, v.getcourse_user_id, v.email, v.first_name, v.last_name,
        v.valid_from, v.valid_to, v.is_open, v.created_at, v.updated_at
    FROM getcourse.students AS v
    WHERE v.valid_from <= students_as_of.moment AND v.valid_to > students_as_of.moment; -- noqa: RF01
END;

COMMENT ON FUNCTION getcourse.students_as_of(timestamptz) IS
'The versions of students that hold at this instant, now by default: one a student at most. Filters on it reach the indexes.';

CREATE FUNCTION getcourse.revise_student(
    student_id bigint,
    email text,
    getcourse_user_id text DEFAULT NULL,
    first_name text DEFAULT NULL,
    last_name text DEFAULT NULL,
    valid_from timestamptz DEFAULT NULL,
    actor_id bigint DEFAULT NULL
)
RETURNS getcourse.students
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- ends versions that have an end already
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written revise_student.x
DECLARE
    caller_actor       text := current_setting('mentorbase.actor', true);
    caller_maintenance text := current_setting('mentorbase.maintenance', true);
    present            getcourse.students;
    revised            getcourse.students;
    moment             timestamptz := revise_student.valid_from;
BEGIN
    -- One at a time, of one student. Only then is it asked what holds now.
    PERFORM k.id FROM getcourse.student_ids AS k WHERE k.id = revise_student.student_id FOR NO KEY UPDATE;
    moment := coalesce(moment, clock_timestamp());
    SELECT v.* INTO present FROM getcourse.students_as_of(moment) AS v WHERE v.id = revise_student.student_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no version of this student at that time' USING
            ERRCODE = 'MB004',
            DETAIL = format('student_id=%s', revise_student.student_id),
            HINT = 'Insert one from then on.';
    END IF;
    moment := coalesce(revise_student.valid_from, greatest(now(), present.valid_from));

    IF revise_student.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', revise_student.actor_id);
    END IF;
    SET LOCAL mentorbase.maintenance = 'getcourse';
    UPDATE getcourse.students AS v SET valid_to = moment WHERE v.version_id = present.version_id;
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_maintenance, ''));
    INSERT INTO getcourse.students AS v (
        id, getcourse_user_id, email, first_name, last_name, valid_from, valid_to
    ) VALUES (
        present.id, revise_student.getcourse_user_id, revise_student.email, revise_student.first_name,
        revise_student.last_name, moment, present.valid_to
    )
    RETURNING v.* INTO revised;
    IF revise_student.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN revised;
END
$$;

COMMENT ON FUNCTION getcourse.revise_student(bigint, text, text, text, text, timestamptz, bigint) IS
'Makes another version of a student from valid_from on (NULL: from now on) and ends the one that holds then at the same instant: no gap, no overlap. The new one holds for as long as the old one would have, and says exactly what is given here. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004, and the constraints of students.';

CREATE FUNCTION getcourse.close_student(
    student_id bigint, valid_to timestamptz DEFAULT NULL, actor_id bigint DEFAULT NULL
)
RETURNS getcourse.students
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- ends versions that have an end already
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written close_student.x
DECLARE
    caller_actor       text := current_setting('mentorbase.actor', true);
    caller_maintenance text := current_setting('mentorbase.maintenance', true);
    present            getcourse.students;
    moment             timestamptz := close_student.valid_to;
BEGIN
    -- One at a time, of one student. Only then is it asked what holds now.
    PERFORM k.id FROM getcourse.student_ids AS k WHERE k.id = close_student.student_id FOR NO KEY UPDATE;
    moment := coalesce(moment, clock_timestamp());
    SELECT v.* INTO present FROM getcourse.students_as_of(moment) AS v WHERE v.id = close_student.student_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no version of this student at that time' USING
            ERRCODE = 'MB004',
            DETAIL = format('student_id=%s', close_student.student_id),
            HINT = 'Look its versions up in getcourse.students.';
    END IF;

    IF close_student.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', close_student.actor_id);
    END IF;
    SET LOCAL mentorbase.maintenance = 'getcourse';
    UPDATE getcourse.students AS v
    SET valid_to = coalesce(close_student.valid_to, greatest(now(), present.valid_from))
    WHERE v.version_id = present.version_id
    RETURNING v.* INTO present;
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_maintenance, ''));
    IF close_student.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN present;
END
$$;

COMMENT ON FUNCTION getcourse.close_student(bigint, timestamptz, bigint) IS
'Ends the version of a student that holds at valid_to (NULL: now) at that instant, and returns it. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004.';

CREATE FUNCTION getcourse.trainings_as_of(moment timestamptz DEFAULT now())
RETURNS SETOF getcourse.trainings
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
BEGIN ATOMIC
    SELECT
        v.version_id, v.training_id, v.title, v.is_active,
        v.valid_from, v.valid_to, v.is_open, v.created_at, v.updated_at
    FROM getcourse.trainings AS v
    WHERE v.valid_from <= trainings_as_of.moment AND v.valid_to > trainings_as_of.moment; -- noqa: RF01
END;

COMMENT ON FUNCTION getcourse.trainings_as_of(timestamptz) IS
'The versions of trainings that hold at this instant, now by default: one a training at most. Filters on it reach the indexes.';

CREATE FUNCTION getcourse.revise_training(
    training_id text,
    title text,
    is_active boolean DEFAULT true,
    valid_from timestamptz DEFAULT NULL,
    actor_id bigint DEFAULT NULL
)
RETURNS getcourse.trainings
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- ends versions that have an end already
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written revise_training.x
DECLARE
    caller_actor       text := current_setting('mentorbase.actor', true);
    caller_maintenance text := current_setting('mentorbase.maintenance', true);
    present            getcourse.trainings;
    revised            getcourse.trainings;
    moment             timestamptz := revise_training.valid_from;
BEGIN
    -- One at a time, of one training. Only then is it asked what holds now.
    PERFORM k.training_id FROM getcourse.training_ids AS k WHERE k.training_id = revise_training.training_id FOR NO KEY UPDATE;
    moment := coalesce(moment, clock_timestamp());
    SELECT v.* INTO present FROM getcourse.trainings_as_of(moment) AS v WHERE v.training_id = revise_training.training_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no version of this training at that time' USING
            ERRCODE = 'MB004',
            DETAIL = format('training_id=%s', revise_training.training_id),
            HINT = 'Insert one from then on.';
    END IF;
    moment := coalesce(revise_training.valid_from, greatest(now(), present.valid_from));

    IF revise_training.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', revise_training.actor_id);
    END IF;
    SET LOCAL mentorbase.maintenance = 'getcourse';
    UPDATE getcourse.trainings AS v SET valid_to = moment WHERE v.version_id = present.version_id;
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_maintenance, ''));
    INSERT INTO getcourse.trainings AS v (
        training_id, title, is_active, valid_from, valid_to
    ) VALUES (
        present.training_id, revise_training.title, revise_training.is_active, moment, present.valid_to
    )
    RETURNING v.* INTO revised;
    IF revise_training.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN revised;
END
$$;

COMMENT ON FUNCTION getcourse.revise_training(text, text, boolean, timestamptz, bigint) IS
'Makes another version of a training from valid_from on (NULL: from now on) and ends the one that holds then at the same instant: no gap, no overlap. The new one holds for as long as the old one would have, and says exactly what is given here. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004, and the constraints of trainings.';

CREATE FUNCTION getcourse.close_training(
    training_id text, valid_to timestamptz DEFAULT NULL, actor_id bigint DEFAULT NULL
)
RETURNS getcourse.trainings
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- ends versions that have an end already
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written close_training.x
DECLARE
    caller_actor       text := current_setting('mentorbase.actor', true);
    caller_maintenance text := current_setting('mentorbase.maintenance', true);
    present            getcourse.trainings;
    moment             timestamptz := close_training.valid_to;
BEGIN
    -- One at a time, of one training. Only then is it asked what holds now.
    PERFORM k.training_id FROM getcourse.training_ids AS k WHERE k.training_id = close_training.training_id FOR NO KEY UPDATE;
    moment := coalesce(moment, clock_timestamp());
    SELECT v.* INTO present FROM getcourse.trainings_as_of(moment) AS v WHERE v.training_id = close_training.training_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no version of this training at that time' USING
            ERRCODE = 'MB004',
            DETAIL = format('training_id=%s', close_training.training_id),
            HINT = 'Look its versions up in getcourse.trainings.';
    END IF;

    IF close_training.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', close_training.actor_id);
    END IF;
    SET LOCAL mentorbase.maintenance = 'getcourse';
    UPDATE getcourse.trainings AS v
    SET valid_to = coalesce(close_training.valid_to, greatest(now(), present.valid_from))
    WHERE v.version_id = present.version_id
    RETURNING v.* INTO present;
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_maintenance, ''));
    IF close_training.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN present;
END
$$;

COMMENT ON FUNCTION getcourse.close_training(text, timestamptz, bigint) IS
'Ends the version of a training that holds at valid_to (NULL: now) at that instant, and returns it. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004.';

CREATE FUNCTION getcourse.lessons_as_of(moment timestamptz DEFAULT now())
RETURNS SETOF getcourse.lessons
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
BEGIN ATOMIC
    SELECT
        v.version_id, v.lesson_id, v.training_id, v.title, v.position,
        v.valid_from, v.valid_to, v.is_open, v.created_at, v.updated_at
    FROM getcourse.lessons AS v
    WHERE v.valid_from <= lessons_as_of.moment AND v.valid_to > lessons_as_of.moment; -- noqa: RF01
END;

COMMENT ON FUNCTION getcourse.lessons_as_of(timestamptz) IS
'The versions of lessons that hold at this instant, now by default: one a lesson at most. Filters on it reach the indexes.';

CREATE FUNCTION getcourse.revise_lesson(
    lesson_id text,
    training_id text,
    title text,
    "position" integer DEFAULT NULL, -- noqa: RF06
    valid_from timestamptz DEFAULT NULL,
    actor_id bigint DEFAULT NULL
)
RETURNS getcourse.lessons
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- ends versions that have an end already
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written revise_lesson.x
DECLARE
    caller_actor       text := current_setting('mentorbase.actor', true);
    caller_maintenance text := current_setting('mentorbase.maintenance', true);
    present            getcourse.lessons;
    revised            getcourse.lessons;
    moment             timestamptz := revise_lesson.valid_from;
BEGIN
    -- One at a time, of one lesson. Only then is it asked what holds now.
    PERFORM k.lesson_id FROM getcourse.lesson_ids AS k WHERE k.lesson_id = revise_lesson.lesson_id FOR NO KEY UPDATE;
    moment := coalesce(moment, clock_timestamp());
    SELECT v.* INTO present FROM getcourse.lessons_as_of(moment) AS v WHERE v.lesson_id = revise_lesson.lesson_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no version of this lesson at that time' USING
            ERRCODE = 'MB004',
            DETAIL = format('lesson_id=%s', revise_lesson.lesson_id),
            HINT = 'Insert one from then on.';
    END IF;
    moment := coalesce(revise_lesson.valid_from, greatest(now(), present.valid_from));

    IF revise_lesson.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', revise_lesson.actor_id);
    END IF;
    SET LOCAL mentorbase.maintenance = 'getcourse';
    UPDATE getcourse.lessons AS v SET valid_to = moment WHERE v.version_id = present.version_id;
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_maintenance, ''));
    INSERT INTO getcourse.lessons AS v (
        lesson_id, training_id, title, position, valid_from, valid_to
    ) VALUES (
        present.lesson_id, revise_lesson.training_id, revise_lesson.title, revise_lesson.position,
        moment, present.valid_to
    )
    RETURNING v.* INTO revised;
    IF revise_lesson.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN revised;
END
$$;

COMMENT ON FUNCTION getcourse.revise_lesson(text, text, text, integer, timestamptz, bigint) IS
'Makes another version of a lesson from valid_from on (NULL: from now on) and ends the one that holds then at the same instant: no gap, no overlap. The new one holds for as long as the old one would have, and says exactly what is given here. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004, and the constraints of lessons.';

CREATE FUNCTION getcourse.close_lesson(
    lesson_id text, valid_to timestamptz DEFAULT NULL, actor_id bigint DEFAULT NULL
)
RETURNS getcourse.lessons
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- ends versions that have an end already
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written close_lesson.x
DECLARE
    caller_actor       text := current_setting('mentorbase.actor', true);
    caller_maintenance text := current_setting('mentorbase.maintenance', true);
    present            getcourse.lessons;
    moment             timestamptz := close_lesson.valid_to;
BEGIN
    -- One at a time, of one lesson. Only then is it asked what holds now.
    PERFORM k.lesson_id FROM getcourse.lesson_ids AS k WHERE k.lesson_id = close_lesson.lesson_id FOR NO KEY UPDATE;
    moment := coalesce(moment, clock_timestamp());
    SELECT v.* INTO present FROM getcourse.lessons_as_of(moment) AS v WHERE v.lesson_id = close_lesson.lesson_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no version of this lesson at that time' USING
            ERRCODE = 'MB004',
            DETAIL = format('lesson_id=%s', close_lesson.lesson_id),
            HINT = 'Look its versions up in getcourse.lessons.';
    END IF;

    IF close_lesson.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', close_lesson.actor_id);
    END IF;
    SET LOCAL mentorbase.maintenance = 'getcourse';
    UPDATE getcourse.lessons AS v
    SET valid_to = coalesce(close_lesson.valid_to, greatest(now(), present.valid_from))
    WHERE v.version_id = present.version_id
    RETURNING v.* INTO present;
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_maintenance, ''));
    IF close_lesson.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN present;
END
$$;

COMMENT ON FUNCTION getcourse.close_lesson(text, timestamptz, bigint) IS
'Ends the version of a lesson that holds at valid_to (NULL: now) at that instant, and returns it. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004.';

CREATE FUNCTION getcourse.mapping_as_of(moment timestamptz DEFAULT now())
RETURNS SETOF getcourse.mapping
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
BEGIN ATOMIC
    SELECT
        v.version_id, v.id, v.student_id, v.mentor_id, v.training_id,
        v.valid_from, v.valid_to, v.is_open, v.created_at, v.updated_at
    FROM getcourse.mapping AS v
    WHERE v.valid_from <= mapping_as_of.moment AND v.valid_to > mapping_as_of.moment; -- noqa: RF01
END;

COMMENT ON FUNCTION getcourse.mapping_as_of(timestamptz) IS
'The versions of mapping that hold at this instant, now by default: one a mapping at most. Filters on it reach the indexes.';

CREATE FUNCTION getcourse.revise_mapping(
    mapping_id bigint,
    mentor_id bigint,
    valid_from timestamptz DEFAULT NULL,
    actor_id bigint DEFAULT NULL
)
RETURNS getcourse.mapping
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- ends versions that have an end already
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written revise_mapping.x
DECLARE
    caller_actor       text := current_setting('mentorbase.actor', true);
    caller_maintenance text := current_setting('mentorbase.maintenance', true);
    present            getcourse.mapping;
    revised            getcourse.mapping;
    moment             timestamptz := revise_mapping.valid_from;
BEGIN
    -- One at a time, of one mapping. Only then is it asked what holds now.
    PERFORM k.id FROM getcourse.mapping_ids AS k WHERE k.id = revise_mapping.mapping_id FOR NO KEY UPDATE;
    moment := coalesce(moment, clock_timestamp());
    SELECT v.* INTO present FROM getcourse.mapping_as_of(moment) AS v WHERE v.id = revise_mapping.mapping_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no version of this mapping at that time' USING
            ERRCODE = 'MB004',
            DETAIL = format('mapping_id=%s', revise_mapping.mapping_id),
            HINT = 'Insert one from then on.';
    END IF;
    moment := coalesce(revise_mapping.valid_from, greatest(now(), present.valid_from));

    IF revise_mapping.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', revise_mapping.actor_id);
    END IF;
    SET LOCAL mentorbase.maintenance = 'getcourse';
    UPDATE getcourse.mapping AS v SET valid_to = moment WHERE v.version_id = present.version_id;
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_maintenance, ''));
    INSERT INTO getcourse.mapping AS v (
        id, student_id, training_id, mentor_id, valid_from, valid_to
    ) VALUES (
        present.id, present.student_id, present.training_id, revise_mapping.mentor_id, moment,
        present.valid_to
    )
    RETURNING v.* INTO revised;
    IF revise_mapping.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN revised;
END
$$;

COMMENT ON FUNCTION getcourse.revise_mapping(bigint, bigint, timestamptz, bigint) IS
'Makes another version of a mapping from valid_from on (NULL: from now on) and ends the one that holds then at the same instant: no gap, no overlap. The new one holds for as long as the old one would have, and says exactly what is given here. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004, and the constraints of mapping.';

CREATE FUNCTION getcourse.close_mapping(
    mapping_id bigint, valid_to timestamptz DEFAULT NULL, actor_id bigint DEFAULT NULL
)
RETURNS getcourse.mapping
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- ends versions that have an end already
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written close_mapping.x
DECLARE
    caller_actor       text := current_setting('mentorbase.actor', true);
    caller_maintenance text := current_setting('mentorbase.maintenance', true);
    present            getcourse.mapping;
    moment             timestamptz := close_mapping.valid_to;
BEGIN
    -- One at a time, of one mapping. Only then is it asked what holds now.
    PERFORM k.id FROM getcourse.mapping_ids AS k WHERE k.id = close_mapping.mapping_id FOR NO KEY UPDATE;
    moment := coalesce(moment, clock_timestamp());
    SELECT v.* INTO present FROM getcourse.mapping_as_of(moment) AS v WHERE v.id = close_mapping.mapping_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no version of this mapping at that time' USING
            ERRCODE = 'MB004',
            DETAIL = format('mapping_id=%s', close_mapping.mapping_id),
            HINT = 'Look its versions up in getcourse.mapping.';
    END IF;

    IF close_mapping.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', close_mapping.actor_id);
    END IF;
    SET LOCAL mentorbase.maintenance = 'getcourse';
    UPDATE getcourse.mapping AS v
    SET valid_to = coalesce(close_mapping.valid_to, greatest(now(), present.valid_from))
    WHERE v.version_id = present.version_id
    RETURNING v.* INTO present;
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_maintenance, ''));
    IF close_mapping.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN present;
END
$$;

COMMENT ON FUNCTION getcourse.close_mapping(bigint, timestamptz, bigint) IS
'Ends the version of a mapping that holds at valid_to (NULL: now) at that instant, and returns it. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004.';

CREATE FUNCTION getcourse.active_mappings_as_of(moment timestamptz DEFAULT now())
RETURNS TABLE (
    id bigint,
    training_id text,
    training_title text,
    student_id bigint,
    student_getcourse_user_id text,
    student_email text,
    student_first_name text,
    student_last_name text,
    mentor_id bigint,
    mentor_email text,
    mentor_first_name text,
    mentor_last_name text,
    mentor_telegram_id bigint,
    valid_from timestamptz,
    valid_to timestamptz
)
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
BEGIN ATOMIC
    SELECT
        p.id,
        p.training_id,
        t.title AS training_title,
        p.student_id,
        s.getcourse_user_id AS student_getcourse_user_id,
        s.email AS student_email,
        s.first_name AS student_first_name,
        s.last_name AS student_last_name,
        p.mentor_id,
        m.email AS mentor_email,
        m.first_name AS mentor_first_name,
        m.last_name AS mentor_last_name,
        m.telegram_id AS mentor_telegram_id,
        p.valid_from,
        p.valid_to
    FROM getcourse.mapping AS p
    INNER JOIN getcourse.students_as_of(active_mappings_as_of.moment) AS s ON p.student_id = s.id -- noqa: RF01
    INNER JOIN getcourse.mentors_as_of(active_mappings_as_of.moment) AS m ON p.mentor_id = m.id -- noqa: RF01
    INNER JOIN getcourse.trainings_as_of(active_mappings_as_of.moment) AS t ON p.training_id = t.training_id -- noqa: RF01
    WHERE p.valid_from <= active_mappings_as_of.moment AND p.valid_to > active_mappings_as_of.moment; -- noqa: RF01
END;

COMMENT ON FUNCTION getcourse.active_mappings_as_of(timestamptz) IS
'v_active_mappings as it was at this instant, now by default: who mentored which student in which training, where mapping, student, mentor and training all held then. Filters on it reach the indexes.';

CREATE FUNCTION getcourse.parse_webhook(
    body text,
    source text,
    OUT reason getcourse.quarantine_reason,
    OUT detail text,
    OUT event getcourse.webhook_events
)
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE -- a subtransaction
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC' -- of times without a zone
SET datestyle = 'ISO, YMD'
AS $$
DECLARE
    keys text[] := ARRAY[
        'event_date', 'user_id', 'user_email', 'answer_id', 'answer_training_id', 'answer_lesson_id', 'answer_status',
        'answer_text'
    ];
    nested text;
BEGIN
    IF octet_length(body) > getcourse.setting('max_payload') THEN
        reason := 'too_large';
        detail := format('bytes=%s', octet_length(body));
        RETURN;
    END IF;
    BEGIN
        event.raw_payload := body::jsonb;
    EXCEPTION
        WHEN data_exception OR program_limit_exceeded OR statement_too_complex THEN
            reason := 'not_json';
            RETURN;
    END;
    IF jsonb_typeof(event.raw_payload) <> 'object' THEN
        reason := 'not_object';
        RETURN;
    END IF;
    SELECT k.name INTO nested
    FROM unnest(keys) AS k (name)
    WHERE jsonb_typeof(event.raw_payload -> k.name) IN ('object', 'array');
    IF FOUND THEN
        reason := 'bad_value';
        detail := format('key=%s', nested);
        RETURN;
    END IF;

    -- The cast alone would also take words such as now and infinity.
    IF event.raw_payload ->> 'event_date' !~ '^\s*(\d{4}-\d{2}-\d{2}.*)?$' THEN
        reason := 'bad_value';
        detail := 'key=event_date';
        RETURN;
    END IF;
    BEGIN
        event.event_date := nullif(trim(event.raw_payload ->> 'event_date'), '')::timestamptz;
    EXCEPTION
        WHEN data_exception THEN
            reason := 'bad_value';
            detail := 'key=event_date';
            RETURN;
    END;
    event.source := source;
    event.user_id := event.raw_payload ->> 'user_id';
    event.user_email := event.raw_payload ->> 'user_email';
    event.answer_id := event.raw_payload ->> 'answer_id';
    event.answer_training_id := event.raw_payload ->> 'answer_training_id';
    event.answer_lesson_id := event.raw_payload ->> 'answer_lesson_id';
    event.answer_status := event.raw_payload ->> 'answer_status';
    event.answer_text := event.raw_payload ->> 'answer_text';
    SELECT f.reason, f.detail INTO reason, detail FROM getcourse.webhook_fault(event) AS f;
END
$$;

COMMENT ON FUNCTION getcourse.parse_webhook(text, text) IS
'What a webhook''s body says, or why it cannot be taken (not NULL: reason). event_date is ISO 8601, in UTC where it has no zone; other keys may be there.';

CREATE FUNCTION getcourse.receive_webhooks(bodies text[], source text DEFAULT 'getcourse')
RETURNS TABLE (received bigint, duplicates bigint, quarantined bigint)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the quarantine itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written receive_webhooks.x
DECLARE
    parsed record;
BEGIN
    received := 0;
    quarantined := 0;
    -- By what they are about, so that all who write the same lock in one order.
    FOR parsed IN
        SELECT p.reason, p.detail, p.event, b.body
        FROM unnest(receive_webhooks.bodies) WITH ORDINALITY AS b (body, number)
        CROSS JOIN LATERAL getcourse.parse_webhook(coalesce(b.body, ''), receive_webhooks.source) AS p
        ORDER BY (p.event).answer_id, (p.event).answer_status, (p.event).event_date, b.number
    LOOP
        IF parsed.reason IS NOT NULL THEN
            PERFORM getcourse.quarantine_webhook(
                receive_webhooks.source, parsed.reason, parsed.detail, coalesce(parsed.body, '')
            );
            quarantined := quarantined + 1;
            CONTINUE;
        END IF;
        INSERT INTO getcourse.webhook_events (
            source, event_date, user_id, user_email, answer_id, answer_training_id, answer_lesson_id, answer_status,
            answer_text, raw_payload
        ) VALUES (
            (parsed.event).source, (parsed.event).event_date, (parsed.event).user_id, (parsed.event).user_email,
            (parsed.event).answer_id, (parsed.event).answer_training_id, (parsed.event).answer_lesson_id,
            (parsed.event).answer_status, (parsed.event).answer_text, (parsed.event).raw_payload
        );
        IF FOUND THEN
            received := received + 1;
        END IF;
    END LOOP;
    duplicates := cardinality(receive_webhooks.bodies) - received - quarantined;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION getcourse.receive_webhooks(text[], text) IS
'Takes webhooks as they came, one text each: how many came in, were there already (and are counted there), and went to quarantine because they are not what is documented. The three add up to the texts. None is lost, and none is an error.';

CREATE FUNCTION getcourse.receive_webhook(body text, source text DEFAULT 'getcourse')
RETURNS TABLE (
    event_id bigint, is_duplicate boolean, quarantine_id bigint, reason getcourse.quarantine_reason, detail text
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the quarantine itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written receive_webhook.x
DECLARE
    parsed record;
BEGIN
    SELECT p.reason, p.detail, p.event INTO parsed
    FROM getcourse.parse_webhook(receive_webhook.body, receive_webhook.source) AS p;
    reason := parsed.reason;
    detail := parsed.detail;
    is_duplicate := false;
    IF reason IS NOT NULL THEN
        quarantine_id := getcourse.quarantine_webhook(
            receive_webhook.source, parsed.reason, parsed.detail, receive_webhook.body
        );
        RETURN NEXT;
        RETURN;
    END IF;
    INSERT INTO getcourse.webhook_events AS e (
        source, event_date, user_id, user_email, answer_id, answer_training_id, answer_lesson_id, answer_status,
        answer_text, raw_payload
    ) VALUES (
        (parsed.event).source, (parsed.event).event_date, (parsed.event).user_id, (parsed.event).user_email,
        (parsed.event).answer_id, (parsed.event).answer_training_id, (parsed.event).answer_lesson_id,
        (parsed.event).answer_status, (parsed.event).answer_text, (parsed.event).raw_payload
    )
    RETURNING e.id INTO event_id;
    IF NOT FOUND THEN
        is_duplicate := true;
        SELECT k.event_id INTO event_id
        FROM getcourse.webhook_keys AS k
        WHERE k.source = (parsed.event).source
            AND k.dedupe_key = getcourse.dedupe_key(
                (parsed.event).answer_id, (parsed.event).answer_status, (parsed.event).event_date
            );
    END IF;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION getcourse.receive_webhook(text, text) IS
'Takes one webhook as it came: the event, and whether it was there already (it is counted there); or the row of quarantine it went to, with the reason, because it is not what is documented. Never lost, never an error.';

CREATE FUNCTION getcourse.ingest_staged(at_most integer DEFAULT 10000)
RETURNS TABLE (received bigint, duplicates bigint, quarantined bigint)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the quarantine itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written ingest_staged.x
DECLARE
    batch record;
BEGIN
    received := 0;
    duplicates := 0;
    quarantined := 0;
    FOR batch IN
        WITH taken AS (
            DELETE FROM getcourse.webhook_staging AS s
            WHERE s.id IN (
                SELECT t.id
                FROM getcourse.webhook_staging AS t
                ORDER BY t.id
                LIMIT ingest_staged.at_most
                FOR UPDATE SKIP LOCKED
            )
            RETURNING s.id, s.source, s.body
        )
        SELECT r.received, r.duplicates, r.quarantined
        FROM (
            SELECT t.source, array_agg(t.body ORDER BY t.id) AS bodies FROM taken AS t GROUP BY t.source ORDER BY t.source
        ) AS b
        CROSS JOIN LATERAL getcourse.receive_webhooks(b.bodies, b.source) AS r
    LOOP
        received := received + batch.received;
        duplicates := duplicates + batch.duplicates;
        quarantined := quarantined + batch.quarantined;
    END LOOP;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION getcourse.ingest_staged(integer) IS
'Takes in what COPY put into webhook_staging, the first so many, and empties it: as receive_webhooks() does. The three add up to what was taken; call it again until they are 0. Several may run at once.';

CREATE FUNCTION getcourse.retry_quarantined(row_id bigint)
RETURNS TABLE (
    event_id bigint, is_duplicate boolean, quarantine_id bigint, reason getcourse.quarantine_reason, detail text
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the quarantine itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    kept   getcourse.webhook_quarantine;
    parsed record;
BEGIN
    SELECT q.* INTO kept FROM getcourse.webhook_quarantine AS q WHERE q.id = row_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such row in quarantine' USING
            ERRCODE = 'MB004',
            DETAIL = format('quarantine_id=%s', row_id),
            HINT = 'Look it up in getcourse.v_webhook_quarantine.';
    END IF;
    SELECT p.reason, p.detail INTO parsed FROM getcourse.parse_webhook(kept.raw_text, kept.source) AS p;
    IF parsed.reason IS NOT NULL THEN
        RETURN QUERY SELECT NULL::bigint, false, kept.id, parsed.reason, parsed.detail;
        RETURN;
    END IF;
    DELETE FROM getcourse.webhook_quarantine AS q WHERE q.id = kept.id;
    RETURN QUERY
    SELECT r.event_id, r.is_duplicate, r.quarantine_id, r.reason, r.detail
    FROM getcourse.receive_webhook(kept.raw_text, kept.source) AS r;
END
$$;

COMMENT ON FUNCTION getcourse.retry_quarantined(bigint) IS
'Takes a webhook in again that is in quarantine, now that the setting or the text is mended; it leaves the quarantine if it can be taken. Returns what receive_webhook() does. Refusals: MB004.';

CREATE FUNCTION getcourse.claim_webhooks(
    at_most integer DEFAULT 8,
    lease interval DEFAULT '60 seconds',
    after_id bigint DEFAULT 0,
    after_due timestamptz DEFAULT '-infinity',
    after_due_id bigint DEFAULT 0
)
RETURNS SETOF getcourse.webhook_events
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- whatever the statistics say of a queue that was full or empty a moment ago
SET enable_bitmapscan = off
SET enable_sort = off
AS $$
#variable_conflict use_column -- parameters are written claim_webhooks.x
DECLARE
    moment timestamptz := clock_timestamp();
    token  uuid := gen_random_uuid();
    found  bigint[];
BEGIN
    IF claim_webhooks.at_most < 1 OR claim_webhooks.lease <= interval '0' THEN
        RAISE EXCEPTION 'at_most and lease must be positive' USING
            ERRCODE = 'MB007',
            DETAIL = 'argument=at_most|lease',
            HINT = 'Claim at least one, for some time.';
    END IF;

    found := ARRAY(
        SELECT e.id
        FROM getcourse.webhook_events AS e
        WHERE e.status = 'retry'
            AND (e.next_attempt_at, e.id) > (claim_webhooks.after_due, claim_webhooks.after_due_id)
            AND e.next_attempt_at <= moment
        ORDER BY e.next_attempt_at, e.id
        LIMIT claim_webhooks.at_most
        FOR UPDATE SKIP LOCKED
    );
    IF cardinality(found) < claim_webhooks.at_most THEN
        found := found || ARRAY(
            SELECT e.id
            FROM getcourse.webhook_events AS e
            WHERE e.status = 'received' AND e.id + 0 > claim_webhooks.after_id
            ORDER BY e.id + 0
            LIMIT claim_webhooks.at_most - cardinality(found)
            FOR UPDATE SKIP LOCKED
        );
    END IF;
    IF cardinality(found) = 0 THEN
        RETURN;
    END IF;
    RETURN QUERY
    UPDATE getcourse.webhook_events AS e
    SET status = 'processing', attempts = e.attempts + 1, lease_until = moment + claim_webhooks.lease, lease_token = token
    WHERE e.id = ANY (found)
    RETURNING e.*;
END
$$;

COMMENT ON FUNCTION getcourse.claim_webhooks(integer, interval, bigint, timestamptz, bigint) IS
'Gives a worker what is to be processed, to finish within the lease: first what is due, then what came in by id; what another worker is just claiming is passed over. after_id, and after_due with after_due_id, are where this worker stopped: id of the last received one it got, next_attempt_at and id of the last one in retry. They spare it the dead rows behind; 0 and -infinity look from the beginning, which a worker does from time to time. Refusals: MB007.';

CREATE FUNCTION getcourse.finish_webhook(
    event_id bigint,
    lease_token uuid,
    outcome getcourse.outcome,
    error text DEFAULT NULL,
    retry_after interval DEFAULT NULL
)
RETURNS getcourse.webhook_events
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written finish_webhook.x
DECLARE
    item   getcourse.webhook_events;
    reason text := left(coalesce(finish_webhook.error, finish_webhook.outcome::text), 500);
    due_at timestamptz;
BEGIN
    IF finish_webhook.outcome IS NULL OR finish_webhook.outcome IN ('unreachable', 'uncertain')
        OR (finish_webhook.outcome = 'limited' AND finish_webhook.retry_after IS NULL)
        OR finish_webhook.retry_after NOT BETWEEN interval '0' AND interval '7 days'
    THEN
        RAISE EXCEPTION 'an attempt is done, failed, rejected or limited, and a limit says for how long, up to 7 days' USING
            ERRCODE = 'MB007',
            DETAIL = 'argument=outcome|retry_after',
            HINT = 'What a webhook brings about happens in one transaction with this, so nothing about it is uncertain.';
    END IF;

    SELECT e.* INTO item
    FROM getcourse.webhook_events AS e
    WHERE e.id = finish_webhook.event_id AND e.lease_token = finish_webhook.lease_token
    FOR NO KEY UPDATE;
    IF item.status = 'processed' AND finish_webhook.outcome = 'done' THEN
        RETURN item; -- reported again, because the answer was lost
    ELSIF item.id IS NULL OR item.status <> 'processing' THEN
        RAISE EXCEPTION 'this webhook is no longer with this worker' USING
            ERRCODE = 'MB303',
            DETAIL = format('event_id=%s', finish_webhook.event_id),
            HINT = 'Its lease ran out, or its attempt was finished before. Nothing was recorded.';
    END IF;

    CASE
        WHEN finish_webhook.outcome = 'done' THEN
            UPDATE getcourse.webhook_events AS e SET status = 'processed', error_message = NULL
            WHERE e.id = item.id
            RETURNING e.* INTO item;
        WHEN finish_webhook.outcome = 'rejected'
            OR (finish_webhook.outcome = 'failed' AND item.attempts >= getcourse.setting('max_attempts'))
        THEN
            UPDATE getcourse.webhook_events AS e SET status = 'dead', error_message = reason
            WHERE e.id = item.id
            RETURNING e.* INTO item;
        ELSE
            due_at := clock_timestamp() + CASE
                WHEN finish_webhook.outcome = 'limited' THEN finish_webhook.retry_after
                ELSE greatest(
                    finish_webhook.retry_after,
                    platform.backoff(
                        item.attempts,
                        make_interval(secs => getcourse.setting('first_backoff')),
                        make_interval(secs => getcourse.setting('longest_backoff'))
                    )
                )
            END;
            UPDATE getcourse.webhook_events AS e
            SET
                status = 'retry', next_attempt_at = due_at, error_message = reason,
                attempts = e.attempts - CASE finish_webhook.outcome WHEN 'limited' THEN 1 ELSE 0 END
            WHERE e.id = item.id
            RETURNING e.* INTO item;
    END CASE;
    RETURN item;
END
$$;

COMMENT ON FUNCTION getcourse.finish_webhook(bigint, uuid, getcourse.outcome, text, interval) IS
'A worker reports how its attempt ended; to report done again changes nothing. Called in the transaction that does what the webhook asks for, that happens once: whose lease ran out is refused, and with it all that the transaction did. done: processed. failed: again after a growing, jittered wait (at least retry_after), dead after max_attempts. rejected: dead. limited: again after retry_after, and the attempt does not count. Refusals: MB007, MB303.';

CREATE FUNCTION getcourse.recover_webhooks(after_lease timestamptz DEFAULT '-infinity', at_most integer DEFAULT 1000)
RETURNS TABLE (released bigint, dead bigint, checked_until timestamptz)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- whatever the statistics say of a queue that was full or empty a moment ago
SET enable_bitmapscan = off
SET enable_sort = off
AS $$
#variable_conflict use_column -- parameters are written recover_webhooks.x
DECLARE
    began_at timestamptz := clock_timestamp();
    most     bigint := getcourse.setting('max_attempts');
BEGIN
    RETURN QUERY
    WITH expired AS MATERIALIZED (
        SELECT e.id
        FROM getcourse.webhook_events AS e
        WHERE e.status = 'processing' AND e.lease_until > recover_webhooks.after_lease AND e.lease_until <= began_at
        ORDER BY e.lease_until
        LIMIT recover_webhooks.at_most
        FOR UPDATE SKIP LOCKED
    ),
    taken AS (
        UPDATE getcourse.webhook_events AS e
        SET
            status = CASE WHEN e.attempts < most THEN 'retry' ELSE 'dead' END::getcourse.webhook_status,
            next_attempt_at = began_at,
            error_message = 'lease ran out'
        FROM expired AS x
        WHERE e.id = x.id
        RETURNING e.status
    )
    SELECT
        count(*) FILTER (WHERE t.status = 'retry'),
        count(*) FILTER (WHERE t.status = 'dead'),
        CASE WHEN count(*) < recover_webhooks.at_most THEN began_at ELSE recover_webhooks.after_lease END
    FROM taken AS t;
END
$$;

COMMENT ON FUNCTION getcourse.recover_webhooks(timestamptz, integer) IS
'Takes back what workers did not finish within their lease: another worker may have it at once; after max_attempts, of which each may have killed its worker, it is dead. Returns how many of each, and checked_until, the after_lease of the next call. Workers call it every few seconds.';

CREATE FUNCTION getcourse.replay_webhook(event_id bigint)
RETURNS getcourse.webhook_events
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written replay_webhook.x
DECLARE
    item getcourse.webhook_events;
BEGIN
    SELECT e.* INTO item FROM getcourse.webhook_events AS e WHERE e.id = replay_webhook.event_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such webhook' USING
            ERRCODE = 'MB004',
            DETAIL = format('event_id=%s', replay_webhook.event_id),
            HINT = 'Look it up in getcourse.webhook_events.';
    ELSIF item.status <> 'dead' THEN
        RAISE EXCEPTION 'a webhook that is % cannot be replayed', item.status USING
            ERRCODE = 'MB003',
            DETAIL = format('event_id=%s, status=%s', item.id, item.status),
            HINT = 'Replay what is dead. What was processed is processed again if processed is set to false by hand.';
    END IF;
    UPDATE getcourse.webhook_events AS e
    SET status = 'retry', next_attempt_at = now(), attempts = 0, lease_token = NULL
    WHERE e.id = item.id
    RETURNING e.* INTO item;
    PERFORM pg_notify('getcourse.webhooks', '');
    RETURN item;
END
$$;

COMMENT ON FUNCTION getcourse.replay_webhook(bigint) IS
'Processes a dead webhook again, with new attempts. Refusals: MB003, MB004.';

CREATE FUNCTION getcourse.replay_dead_webhooks(at_most integer DEFAULT 1000)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    replayed bigint;
BEGIN
    UPDATE getcourse.webhook_events AS e
    SET status = 'retry', next_attempt_at = now(), attempts = 0, lease_token = NULL
    WHERE e.id IN (
        SELECT d.id
        FROM getcourse.webhook_events AS d
        WHERE d.status = 'dead'
        ORDER BY d.id
        LIMIT at_most
        FOR UPDATE SKIP LOCKED
    );
    GET DIAGNOSTICS replayed = ROW_COUNT;
    PERFORM pg_notify('getcourse.webhooks', '');
    RETURN replayed;
END
$$;

COMMENT ON FUNCTION getcourse.replay_dead_webhooks(integer) IS
'Processes dead webhooks again, the oldest first, at most so many, once whatever killed them is mended. Returns how many; call it again while it returns that many.';

CREATE FUNCTION getcourse.recipient(of_mentor_id bigint)
RETURNS bigint
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT m.telegram_id
FROM getcourse.mentors AS m
WHERE m.id = of_mentor_id AND m.valid_from <= now() AND m.valid_to > now()
$$;

COMMENT ON FUNCTION getcourse.recipient(bigint) IS
'The Telegram account of a mentor at present; NULL if there is none, or they are no mentor any more.';

CREATE FUNCTION getcourse.enqueue(mentor_id bigint, type text, message text, webhook_event_id bigint DEFAULT NULL)
RETURNS getcourse.notifications
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written enqueue.x
DECLARE
    account bigint := getcourse.recipient(enqueue.mentor_id);
    reason  text;
    item    getcourse.notifications;
BEGIN
    IF account IS NULL THEN
        reason := 'no recipient';
    ELSIF EXISTS (SELECT FROM getcourse.unreachable_mentors AS u WHERE u.telegram_id = account) THEN
        reason := 'unreachable';
    END IF;
    INSERT INTO getcourse.notifications AS n (mentor_id, type, message, webhook_event_id, status, last_error)
    VALUES (
        enqueue.mentor_id, enqueue.type, enqueue.message, enqueue.webhook_event_id,
        CASE WHEN reason IS NULL THEN 'pending' ELSE 'cancelled' END::getcourse.notification_status, reason
    )
    ON CONFLICT ON CONSTRAINT notifications_message_hash_key DO UPDATE SET duplicates = n.duplicates + 1
    RETURNING n.* INTO item;
    RETURN item;
END
$$;

COMMENT ON FUNCTION getcourse.enqueue(bigint, text, text, bigint) IS
'Queues one notification and returns it; the same message of the same type about the same webhook again, for the same mentor, is only counted in duplicates, and the first is returned. For a mentor whom the bot cannot reach it is kept as cancelled. Refusals: the constraints of notifications.';

CREATE FUNCTION getcourse.claim(
    at_most integer DEFAULT 8,
    lease interval DEFAULT '60 seconds',
    after_id bigint DEFAULT 0,
    after_due timestamptz DEFAULT '-infinity',
    after_due_id bigint DEFAULT 0
)
RETURNS SETOF getcourse.notifications
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- whatever the statistics say of a queue that was full or empty a moment ago
SET enable_bitmapscan = off
SET enable_sort = off
AS $$
#variable_conflict use_column -- parameters are written claim.x
DECLARE
    moment timestamptz := clock_timestamp();
    token  uuid := gen_random_uuid();
    found  bigint[];
BEGIN
    IF claim.at_most < 1 OR claim.lease <= interval '0' THEN
        RAISE EXCEPTION 'at_most and lease must be positive' USING
            ERRCODE = 'MB007',
            DETAIL = 'argument=at_most|lease',
            HINT = 'Claim at least one, for some time.';
    END IF;
    IF EXISTS (SELECT FROM getcourse.bot_pauses AS p WHERE p.paused_until > moment) THEN
        RETURN;
    END IF;

    found := ARRAY(
        SELECT n.id
        FROM getcourse.notifications AS n
        WHERE n.status = 'waiting'
            AND (n.next_attempt_at, n.id) > (claim.after_due, claim.after_due_id)
            AND n.next_attempt_at <= moment
        ORDER BY n.next_attempt_at, n.id
        LIMIT claim.at_most
        FOR UPDATE SKIP LOCKED
    );
    IF cardinality(found) < claim.at_most THEN
        found := found || ARRAY(
            SELECT n.id
            FROM getcourse.notifications AS n
            WHERE n.status = 'pending' AND n.id + 0 > claim.after_id
            ORDER BY n.id + 0
            LIMIT claim.at_most - cardinality(found)
            FOR UPDATE SKIP LOCKED
        );
    END IF;
    IF cardinality(found) = 0 THEN
        RETURN;
    END IF;
    RETURN QUERY
    UPDATE getcourse.notifications AS n
    SET status = 'processing', lease_until = moment + claim.lease, lease_token = token
    WHERE n.id = ANY (found)
    RETURNING n.*;
END
$$;

COMMENT ON FUNCTION getcourse.claim(integer, interval, bigint, timestamptz, bigint) IS
'Gives a worker what is to be sent, to begin within the lease: first what is due, then what is pending by id; what another worker is just claiming is passed over. after_id, and after_due with after_due_id, are where this worker stopped: id of the last pending one it got, next_attempt_at and id of the last waiting one. They spare it the dead rows behind; 0 and -infinity look from the beginning, which a worker does from time to time. Nothing while the bot rests. Refusals: MB007.';

CREATE FUNCTION getcourse.begin_attempt(
    notification_id bigint, lease_token uuid, lease interval DEFAULT '60 seconds'
)
RETURNS SETOF getcourse.notifications
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written begin_attempt.x
DECLARE
    item    getcourse.notifications;
    account bigint;
    rest    timestamptz;
BEGIN
    IF begin_attempt.lease <= interval '0' THEN
        RAISE EXCEPTION 'lease must be positive' USING
            ERRCODE = 'MB007',
            DETAIL = 'argument=lease',
            HINT = 'Give the attempt some time.';
    END IF;
    SELECT n.* INTO item
    FROM getcourse.notifications AS n
    WHERE n.id = begin_attempt.notification_id
        AND n.lease_token = begin_attempt.lease_token
        AND n.status = 'processing'
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;

    account := getcourse.recipient(item.mentor_id);
    IF account IS NULL OR EXISTS (SELECT FROM getcourse.unreachable_mentors AS u WHERE u.telegram_id = account) THEN
        UPDATE getcourse.notifications AS n
        SET status = 'cancelled', last_error = CASE WHEN account IS NULL THEN 'no recipient' ELSE 'unreachable' END
        WHERE n.id = item.id;
        RETURN;
    END IF;
    SELECT p.paused_until INTO rest FROM getcourse.bot_pauses AS p WHERE p.paused_until > clock_timestamp();
    IF FOUND THEN
        UPDATE getcourse.notifications AS n SET status = 'waiting', next_attempt_at = rest WHERE n.id = item.id;
        RETURN;
    END IF;

    RETURN QUERY
    UPDATE getcourse.notifications AS n
    SET
        status = 'sending', attempts = n.attempts + 1, lease_until = clock_timestamp() + begin_attempt.lease,
        recipient_telegram_id = account
    WHERE n.id = item.id
    RETURNING n.*;
END
$$;

COMMENT ON FUNCTION getcourse.begin_attempt(bigint, uuid, interval) IS
'A worker says that it sends now, before it does: commit this first. Returns the notification with the mentor''s Telegram account of this moment, or nothing if it is not to be sent: the lease was lost, the mentor has no account, has left or cannot be reached (it is cancelled), or the bot rests (it waits). If finish() does not follow within the lease, it becomes uncertain and is not sent again by itself. Refusals: MB007.';

CREATE FUNCTION getcourse.finish(
    notification_id bigint,
    lease_token uuid,
    outcome getcourse.outcome,
    error text DEFAULT NULL,
    retry_after interval DEFAULT NULL,
    telegram_message_id text DEFAULT NULL
)
RETURNS getcourse.notifications
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written finish.x
DECLARE
    item   getcourse.notifications;
    reason text := left(coalesce(finish.error, finish.outcome::text), 500);
    due_at timestamptz;
BEGIN
    IF finish.outcome IS NULL OR (finish.outcome = 'limited' AND finish.retry_after IS NULL)
        OR finish.retry_after NOT BETWEEN interval '0' AND interval '7 days'
    THEN
        RAISE EXCEPTION 'an attempt has an outcome, and a limit says for how long, up to 7 days' USING
            ERRCODE = 'MB007',
            DETAIL = 'argument=outcome|retry_after',
            HINT = 'Give retry_after as Telegram did.';
    END IF;

    IF finish.outcome = 'unreachable' THEN
        -- Marked before any of the mentor's rows is locked, so that two workers who hear of it take turns.
        INSERT INTO getcourse.unreachable_mentors AS u (telegram_id)
        SELECT n.recipient_telegram_id
        FROM getcourse.notifications AS n
        WHERE n.id = finish.notification_id AND n.lease_token = finish.lease_token
            AND n.status IN ('sending', 'uncertain')
        ON CONFLICT ON CONSTRAINT unreachable_mentors_pkey DO UPDATE SET created_at = u.created_at;
    END IF;
    SELECT n.* INTO item
    FROM getcourse.notifications AS n
    WHERE n.id = finish.notification_id AND n.lease_token = finish.lease_token
    FOR NO KEY UPDATE;
    IF item.status = 'sent' AND finish.outcome = 'done' THEN
        RETURN item; -- reported again, because the answer was lost
    ELSIF item.id IS NULL OR item.status NOT IN ('sending', 'uncertain') THEN
        RAISE EXCEPTION 'this notification is no longer with this worker' USING
            ERRCODE = 'MB303',
            DETAIL = format('notification_id=%s', finish.notification_id),
            HINT = 'Its lease ran out, or its attempt was finished before. Nothing was recorded.';
    END IF;

    CASE finish.outcome
        WHEN 'done' THEN
            UPDATE getcourse.notifications AS n
            SET status = 'sent', telegram_message_id = finish.telegram_message_id, last_error = NULL
            WHERE n.id = item.id
            RETURNING n.* INTO item;
        WHEN 'failed' THEN
            IF item.attempts >= getcourse.setting('max_attempts') THEN
                UPDATE getcourse.notifications AS n SET status = 'dead', last_error = reason
                WHERE n.id = item.id
                RETURNING n.* INTO item;
            ELSE
                due_at := clock_timestamp() + greatest(
                    finish.retry_after,
                    platform.backoff(
                        item.attempts,
                        make_interval(secs => getcourse.setting('first_backoff')),
                        make_interval(secs => getcourse.setting('longest_backoff'))
                    )
                );
                UPDATE getcourse.notifications AS n
                SET status = 'waiting', next_attempt_at = due_at, last_error = reason
                WHERE n.id = item.id
                RETURNING n.* INTO item;
            END IF;
        WHEN 'rejected' THEN
            UPDATE getcourse.notifications AS n SET status = 'dead', last_error = reason
            WHERE n.id = item.id
            RETURNING n.* INTO item;
        WHEN 'limited' THEN
            due_at := clock_timestamp() + finish.retry_after;
            INSERT INTO getcourse.bot_pauses AS p (bot, paused_until)
            VALUES ('telegram', due_at)
            ON CONFLICT ON CONSTRAINT bot_pauses_pkey
            DO UPDATE SET paused_until = greatest(p.paused_until, excluded.paused_until);
            UPDATE getcourse.notifications AS n
            SET status = 'waiting', next_attempt_at = due_at, attempts = n.attempts - 1, last_error = reason
            WHERE n.id = item.id
            RETURNING n.* INTO item;
        WHEN 'unreachable' THEN
            PERFORM n.id
            FROM getcourse.notifications AS n
            WHERE n.mentor_id = item.mentor_id AND n.status IN ('pending', 'waiting', 'processing')
            ORDER BY n.id
            FOR NO KEY UPDATE;
            UPDATE getcourse.notifications AS n
            SET status = 'cancelled', last_error = 'unreachable'
            WHERE n.mentor_id = item.mentor_id
                AND (n.id = item.id OR n.status IN ('pending', 'waiting', 'processing'));
            SELECT n.* INTO item FROM getcourse.notifications AS n WHERE n.id = item.id;
        WHEN 'uncertain' THEN
            UPDATE getcourse.notifications AS n SET status = 'uncertain', last_error = reason
            WHERE n.id = item.id
            RETURNING n.* INTO item;
    END CASE;
    RETURN item;
END
$$;

COMMENT ON FUNCTION getcourse.finish(bigint, uuid, getcourse.outcome, text, interval, text) IS
'A worker reports how its attempt ended, also late, once it is uncertain; to report done again changes nothing. done: sent. failed: again after a growing, jittered wait (at least retry_after), dead after max_attempts. rejected: dead. limited: the whole bot rests for retry_after, and the attempt does not count. unreachable: the account is marked, and all that is open for the mentor is cancelled. Refusals: MB007, MB303.';

CREATE FUNCTION getcourse.recover(after_lease timestamptz DEFAULT '-infinity', at_most integer DEFAULT 1000)
RETURNS TABLE (released bigint, uncertain bigint, checked_until timestamptz)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- whatever the statistics say of a queue that was full or empty a moment ago
SET enable_bitmapscan = off
SET enable_sort = off
AS $$
#variable_conflict use_column -- parameters are written recover.x
DECLARE
    began_at timestamptz := clock_timestamp();
BEGIN
    RETURN QUERY
    WITH expired AS MATERIALIZED (
        SELECT n.id, n.status
        FROM getcourse.notifications AS n
        WHERE n.status IN ('processing', 'sending')
            AND n.lease_until > recover.after_lease AND n.lease_until <= began_at
        ORDER BY n.lease_until
        LIMIT recover.at_most
        FOR UPDATE SKIP LOCKED
    ),
    taken AS (
        UPDATE getcourse.notifications AS n
        SET
            status = CASE
                WHEN e.status = 'processing' THEN 'waiting' ELSE 'uncertain'
            END::getcourse.notification_status,
            next_attempt_at = CASE WHEN e.status = 'processing' THEN began_at ELSE n.next_attempt_at END,
            last_error = 'lease ran out'
        FROM expired AS e
        WHERE n.id = e.id
        RETURNING n.status
    )
    SELECT
        count(*) FILTER (WHERE t.status = 'waiting'),
        count(*) FILTER (WHERE t.status = 'uncertain'),
        CASE WHEN count(*) < recover.at_most THEN began_at ELSE recover.after_lease END
    FROM taken AS t;
END
$$;

COMMENT ON FUNCTION getcourse.recover(timestamptz, integer) IS
'Takes back what workers did not finish within their lease: before the attempt it waits for another worker, during the attempt it is uncertain. Returns how many of each, and checked_until, the after_lease of the next call. Workers call it every few seconds.';

CREATE FUNCTION getcourse.replay(notification_id bigint)
RETURNS getcourse.notifications
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written replay.x
DECLARE
    item getcourse.notifications;
BEGIN
    SELECT n.* INTO item FROM getcourse.notifications AS n WHERE n.id = replay.notification_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such notification' USING
            ERRCODE = 'MB004',
            DETAIL = format('notification_id=%s', replay.notification_id),
            HINT = 'Look it up in getcourse.notifications.';
    ELSIF item.status NOT IN ('dead', 'uncertain', 'cancelled') THEN
        RAISE EXCEPTION 'a notification that is % cannot be replayed', item.status USING
            ERRCODE = 'MB003',
            DETAIL = format('notification_id=%s, status=%s', item.id, item.status),
            HINT = 'Replay what is dead, uncertain or cancelled.';
    END IF;
    UPDATE getcourse.notifications AS n
    SET status = 'waiting', next_attempt_at = now(), attempts = 0, lease_token = NULL
    WHERE n.id = item.id
    RETURNING n.* INTO item;
    PERFORM pg_notify('getcourse.notifications', '');
    RETURN item;
END
$$;

COMMENT ON FUNCTION getcourse.replay(bigint) IS
'Sends a notification again that is dead, uncertain or cancelled, with new attempts. What is uncertain may have arrived: whoever replays it accepts that it may arrive twice. Refusals: MB003, MB004.';

CREATE FUNCTION getcourse.replay_dead(at_most integer DEFAULT 1000)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    replayed bigint;
BEGIN
    UPDATE getcourse.notifications AS n
    SET status = 'waiting', next_attempt_at = now(), attempts = 0, lease_token = NULL
    WHERE n.id IN (
        SELECT d.id
        FROM getcourse.notifications AS d
        WHERE d.status = 'dead'
        ORDER BY d.id
        LIMIT at_most
        FOR UPDATE SKIP LOCKED
    );
    GET DIAGNOSTICS replayed = ROW_COUNT;
    PERFORM pg_notify('getcourse.notifications', '');
    RETURN replayed;
END
$$;

COMMENT ON FUNCTION getcourse.replay_dead(integer) IS
'Sends dead letters again, the oldest first, at most so many, once whatever killed them is mended. Returns how many; call it again while it returns that many. Leaves what is uncertain to a person.';

CREATE FUNCTION getcourse.mark_reachable(telegram_id bigint)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the queue itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written mark_reachable.x
BEGIN
    DELETE FROM getcourse.unreachable_mentors AS u WHERE u.telegram_id = mark_reachable.telegram_id;
    RETURN FOUND;
END
$$;

COMMENT ON FUNCTION getcourse.mark_reachable(bigint) IS
'Says that the bot reaches a Telegram account again (the mentor started it again, say); what is queued from now on is sent. Returns whether it was unreachable. What was cancelled stays so until it is replayed.';

CREATE FUNCTION getcourse.purge(dry_run boolean DEFAULT true, at_most bigint DEFAULT 1000)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lines_before  timestamptz := now() - make_interval(days => getcourse.setting('application_log_retention')::integer);
    errors_before timestamptz := now() - make_interval(days => getcourse.setting('error_log_retention')::integer);
    lines         bigint;
    errors        bigint;
BEGIN
    IF dry_run THEN
        SELECT count(*) INTO lines FROM getcourse.application_logs AS l WHERE l.created_at < lines_before;
        SELECT count(*) INTO errors FROM getcourse.error_logs AS l WHERE l.created_at < errors_before;
        RETURN lines + errors;
    END IF;
    DELETE FROM getcourse.application_logs AS l
    WHERE l.created_at < lines_before AND (l.created_at, l.id) IN (
        SELECT o.created_at, o.id
        FROM getcourse.application_logs AS o
        WHERE o.created_at < lines_before
        ORDER BY o.created_at, o.id
        LIMIT at_most
    );
    GET DIAGNOSTICS lines = ROW_COUNT;
    DELETE FROM getcourse.error_logs AS l
    WHERE l.created_at < errors_before AND (l.created_at, l.id) IN (
        SELECT o.created_at, o.id
        FROM getcourse.error_logs AS o
        WHERE o.created_at < errors_before
        ORDER BY o.created_at, o.id
        LIMIT at_most - lines
    );
    GET DIAGNOSTICS errors = ROW_COUNT;
    RETURN lines + errors;
END
$$;

COMMENT ON FUNCTION getcourse.purge(boolean, bigint) IS
'Deletes what is older than the settings application_log_retention and error_log_retention from the two logs, the oldest first, at most so many rows. Returns how many; call it again while it returns that many. With dry_run, the default, nothing changes and it returns how many there are. For the owner; maintain_logs() drops whole months faster.';

CREATE FUNCTION getcourse.maintain_logs(dry_run boolean DEFAULT true)
RETURNS TABLE (made text[], dropped text[])
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    log record;
BEGIN
    made := '{}';
    dropped := '{}';
    FOR log IN
        SELECT l.name, make_interval(days => getcourse.setting(l.retention)::integer) AS keep
        FROM (
            VALUES
            ('application_logs', 'application_log_retention'), ('error_logs', 'error_log_retention')
        ) AS l (name, retention)
    LOOP
        dropped := dropped || platform.drop_months('getcourse', log.name, log.keep, dry_run);
        IF NOT dry_run THEN
            made := made || platform.make_months('getcourse', log.name);
        END IF;
    END LOOP;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION getcourse.maintain_logs(boolean) IS
'Makes the months ahead of application_logs and error_logs, and drops those all of whose rows are older than the settings application_log_retention and error_log_retention; returns their names. With dry_run, the default, nothing is made or dropped. For the owner, daily or monthly.';

CREATE FUNCTION getcourse.slow_queries(at_most integer DEFAULT 10)
RETURNS TABLE (query text, calls bigint, total_exec_time double precision, mean_exec_time double precision)
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    home name;
BEGIN
    SELECT n.nspname INTO home
    FROM pg_extension AS e
    INNER JOIN pg_namespace AS n ON e.extnamespace = n.oid
    WHERE e.extname = 'pg_stat_statements';
    IF FOUND THEN
        BEGIN
            RETURN QUERY EXECUTE format(
                'SELECT s.query, s.calls, s.total_exec_time, s.mean_exec_time FROM %I.pg_stat_statements AS s'
                ' WHERE s.dbid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())'
                ' ORDER BY s.mean_exec_time DESC LIMIT $1',
                home
            ) USING at_most;
            RETURN;
        EXCEPTION
            WHEN object_not_in_prerequisite_state THEN
                NULL; -- made, but its library is not loaded
        END;
    END IF;
    RAISE EXCEPTION 'this server does not count its queries' USING
        ERRCODE = 'MB401',
        DETAIL = format('extension=%s', home IS NOT NULL),
        HINT = 'A superuser adds pg_stat_statements to shared_preload_libraries in postgresql.conf, restarts the server, and runs in this database: CREATE EXTENSION pg_stat_statements.';
END
$$;

COMMENT ON FUNCTION getcourse.slow_queries(integer) IS
'The slowest queries of this database by mean time, in milliseconds, as pg_stat_statements counts them; of other logins'' queries only members of pg_read_all_stats see the text. Where the server does not count, the refusal says how a superuser enables it (MB401).';

CREATE FUNCTION getcourse.refuse_edit(in_view text, in_column text)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'this column of % cannot be edited, or not by itself', in_view USING
        ERRCODE = 'MB006',
        DETAIL = format('column=%s', in_column),
        HINT = 'Who or what a row is about does not change: end it, and insert another. valid_from says from when another change holds.';
END
$$;

COMMENT ON FUNCTION getcourse.refuse_edit(text, text) IS
'Says that a column of an editable view does not change (MB006). Always raises.';

CREATE VIEW getcourse.v_active_mentors AS
SELECT
    v.id,
    v.email,
    v.first_name,
    v.last_name,
    v.telegram_id,
    v.valid_from,
    v.valid_to,
    v.created_at,
    v.updated_at
FROM getcourse.mentors AS v
WHERE v.valid_from <= now() AND v.valid_to > now();

COMMENT ON VIEW getcourse.v_active_mentors IS
'The mentors of this moment, one row each. Editable, for those who may: a change makes another version from now on, a deletion ends the present one now, and what was stays in mentors.';
COMMENT ON COLUMN getcourse.v_active_mentors.id IS 'The mentor.';
COMMENT ON COLUMN getcourse.v_active_mentors.email IS 'E-mail address, as it was written. Personal data.';
COMMENT ON COLUMN getcourse.v_active_mentors.first_name IS 'First name. Personal data.';
COMMENT ON COLUMN getcourse.v_active_mentors.last_name IS 'Last name. Personal data.';
COMMENT ON COLUMN getcourse.v_active_mentors.telegram_id IS
'The Telegram account that notifications go to; NULL: none go. Personal data.';
COMMENT ON COLUMN getcourse.v_active_mentors.valid_from IS
'From when this holds; included. Set to another time with a change: the change holds from then on.';
COMMENT ON COLUMN getcourse.v_active_mentors.valid_to IS
'Until when this holds, not included; 9999-12-31 00:00 UTC: until further notice. Set to another time: it ends then.';
COMMENT ON COLUMN getcourse.v_active_mentors.created_at IS 'When the version was made.';
COMMENT ON COLUMN getcourse.v_active_mentors.updated_at IS 'When the version last changed.';

CREATE FUNCTION getcourse.edit_active_mentors()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- who may edit the view need not have rights on the table
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO getcourse.mentors AS v (
            id, email, first_name, last_name, telegram_id, valid_from, valid_to
        ) VALUES (
            NEW.id, NEW.email, NEW.first_name, NEW.last_name, NEW.telegram_id,
            coalesce(NEW.valid_from, now()), coalesce(NEW.valid_to, '9999-12-31 00:00:00+00')
        )
        RETURNING v.id, v.valid_from, v.valid_to, v.created_at, v.updated_at
        INTO NEW.id, NEW.valid_from, NEW.valid_to, NEW.created_at, NEW.updated_at;
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM getcourse.close_mentor(OLD.id);
        RETURN OLD;
    END IF;

    IF NEW.id <> OLD.id THEN
        PERFORM getcourse.refuse_edit('v_active_mentors', 'id');
    ELSIF (NEW.email, NEW.first_name, NEW.last_name, NEW.telegram_id) IS DISTINCT FROM (OLD.email, OLD.first_name, OLD.last_name, OLD.telegram_id) THEN
        PERFORM getcourse.revise_mentor(
            OLD.id, NEW.email, NEW.first_name, NEW.last_name, NEW.telegram_id,
            valid_from => CASE WHEN NEW.valid_from <> OLD.valid_from THEN NEW.valid_from END
        );
    ELSIF NEW.valid_from <> OLD.valid_from THEN
        PERFORM getcourse.refuse_edit('v_active_mentors', 'valid_from');
    END IF;
    IF NEW.valid_to <> OLD.valid_to THEN
        PERFORM getcourse.close_mentor(OLD.id, NEW.valid_to);
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION getcourse.edit_active_mentors() IS
'Makes v_active_mentors editable: an UPDATE revises, a DELETE closes, an INSERT adds a mentor or a version. Refusals: MB004, MB006, and the constraints of mentors.';

CREATE TRIGGER v_active_mentors_edit
INSTEAD OF INSERT OR UPDATE OR DELETE ON getcourse.v_active_mentors
FOR EACH ROW EXECUTE FUNCTION getcourse.edit_active_mentors();

CREATE VIEW getcourse.v_active_students AS
SELECT
    v.id,
    v.getcourse_user_id,
    v.email,
    v.first_name,
    v.last_name,
    v.valid_from,
    v.valid_to,
    v.created_at,
    v.updated_at
FROM getcourse.students AS v
WHERE v.valid_from <= now() AND v.valid_to > now();

COMMENT ON VIEW getcourse.v_active_students IS
'The students of this moment, one row each. Editable, for those who may: a change makes another version from now on, a deletion ends the present one now, and what was stays in students.';
COMMENT ON COLUMN getcourse.v_active_students.id IS 'The student.';
COMMENT ON COLUMN getcourse.v_active_students.getcourse_user_id IS
'The student in GetCourse (webhook_events.user_id); NULL: not known. Personal data.';
COMMENT ON COLUMN getcourse.v_active_students.email IS 'E-mail address, as it was written. Personal data.';
COMMENT ON COLUMN getcourse.v_active_students.first_name IS 'First name. Personal data.';
COMMENT ON COLUMN getcourse.v_active_students.last_name IS 'Last name. Personal data.';
COMMENT ON COLUMN getcourse.v_active_students.valid_from IS
'From when this holds; included. Set to another time with a change: the change holds from then on.';
COMMENT ON COLUMN getcourse.v_active_students.valid_to IS
'Until when this holds, not included; 9999-12-31 00:00 UTC: until further notice. Set to another time: it ends then.';
COMMENT ON COLUMN getcourse.v_active_students.created_at IS 'When the version was made.';
COMMENT ON COLUMN getcourse.v_active_students.updated_at IS 'When the version last changed.';

CREATE FUNCTION getcourse.edit_active_students()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- who may edit the view need not have rights on the table
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO getcourse.students AS v (
            id, getcourse_user_id, email, first_name, last_name, valid_from, valid_to
        ) VALUES (
            NEW.id, NEW.getcourse_user_id, NEW.email, NEW.first_name, NEW.last_name,
            coalesce(NEW.valid_from, now()), coalesce(NEW.valid_to, '9999-12-31 00:00:00+00')
        )
        RETURNING v.id, v.valid_from, v.valid_to, v.created_at, v.updated_at
        INTO NEW.id, NEW.valid_from, NEW.valid_to, NEW.created_at, NEW.updated_at;
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM getcourse.close_student(OLD.id);
        RETURN OLD;
    END IF;

    IF NEW.id <> OLD.id THEN
        PERFORM getcourse.refuse_edit('v_active_students', 'id');
    ELSIF (NEW.getcourse_user_id, NEW.email, NEW.first_name, NEW.last_name) IS DISTINCT FROM (OLD.getcourse_user_id, OLD.email, OLD.first_name, OLD.last_name) THEN
        PERFORM getcourse.revise_student(
            OLD.id, NEW.email, NEW.getcourse_user_id, NEW.first_name, NEW.last_name,
            valid_from => CASE WHEN NEW.valid_from <> OLD.valid_from THEN NEW.valid_from END
        );
    ELSIF NEW.valid_from <> OLD.valid_from THEN
        PERFORM getcourse.refuse_edit('v_active_students', 'valid_from');
    END IF;
    IF NEW.valid_to <> OLD.valid_to THEN
        PERFORM getcourse.close_student(OLD.id, NEW.valid_to);
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION getcourse.edit_active_students() IS
'Makes v_active_students editable: an UPDATE revises, a DELETE closes, an INSERT adds a student or a version. Refusals: MB004, MB006, and the constraints of students.';

CREATE TRIGGER v_active_students_edit
INSTEAD OF INSERT OR UPDATE OR DELETE ON getcourse.v_active_students
FOR EACH ROW EXECUTE FUNCTION getcourse.edit_active_students();

CREATE VIEW getcourse.v_active_trainings AS
SELECT
    v.training_id,
    v.title,
    v.is_active,
    v.valid_from,
    v.valid_to,
    v.created_at,
    v.updated_at
FROM getcourse.trainings AS v
WHERE v.valid_from <= now() AND v.valid_to > now();

COMMENT ON VIEW getcourse.v_active_trainings IS
'The trainings of this moment, one row each. Editable, for those who may: a change makes another version from now on, a deletion ends the present one now, and what was stays in trainings.';
COMMENT ON COLUMN getcourse.v_active_trainings.training_id IS 'The training.';
COMMENT ON COLUMN getcourse.v_active_trainings.title IS 'What the training is called.';
COMMENT ON COLUMN getcourse.v_active_trainings.is_active IS 'Whether it is taught at that time.';
COMMENT ON COLUMN getcourse.v_active_trainings.valid_from IS
'From when this holds; included. Set to another time with a change: the change holds from then on.';
COMMENT ON COLUMN getcourse.v_active_trainings.valid_to IS
'Until when this holds, not included; 9999-12-31 00:00 UTC: until further notice. Set to another time: it ends then.';
COMMENT ON COLUMN getcourse.v_active_trainings.created_at IS 'When the version was made.';
COMMENT ON COLUMN getcourse.v_active_trainings.updated_at IS 'When the version last changed.';

CREATE FUNCTION getcourse.edit_active_trainings()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- who may edit the view need not have rights on the table
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO getcourse.trainings AS v (
            training_id, title, is_active, valid_from, valid_to
        ) VALUES (
            NEW.training_id, NEW.title, coalesce(NEW.is_active, true),
            coalesce(NEW.valid_from, now()), coalesce(NEW.valid_to, '9999-12-31 00:00:00+00')
        )
        RETURNING v.training_id, v.valid_from, v.valid_to, v.created_at, v.updated_at
        INTO NEW.training_id, NEW.valid_from, NEW.valid_to, NEW.created_at, NEW.updated_at;
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM getcourse.close_training(OLD.training_id);
        RETURN OLD;
    END IF;

    IF NEW.training_id <> OLD.training_id THEN
        PERFORM getcourse.refuse_edit('v_active_trainings', 'training_id');
    ELSIF (NEW.title, NEW.is_active) IS DISTINCT FROM (OLD.title, OLD.is_active) THEN
        PERFORM getcourse.revise_training(
            OLD.training_id, NEW.title, NEW.is_active,
            valid_from => CASE WHEN NEW.valid_from <> OLD.valid_from THEN NEW.valid_from END
        );
    ELSIF NEW.valid_from <> OLD.valid_from THEN
        PERFORM getcourse.refuse_edit('v_active_trainings', 'valid_from');
    END IF;
    IF NEW.valid_to <> OLD.valid_to THEN
        PERFORM getcourse.close_training(OLD.training_id, NEW.valid_to);
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION getcourse.edit_active_trainings() IS
'Makes v_active_trainings editable: an UPDATE revises, a DELETE closes, an INSERT adds a training or a version. Refusals: MB004, MB006, and the constraints of trainings.';

CREATE TRIGGER v_active_trainings_edit
INSTEAD OF INSERT OR UPDATE OR DELETE ON getcourse.v_active_trainings
FOR EACH ROW EXECUTE FUNCTION getcourse.edit_active_trainings();

CREATE VIEW getcourse.v_active_lessons AS
SELECT
    v.lesson_id,
    v.training_id,
    v.title,
    v.position,
    v.valid_from,
    v.valid_to,
    v.created_at,
    v.updated_at
FROM getcourse.lessons AS v
WHERE v.valid_from <= now() AND v.valid_to > now();

COMMENT ON VIEW getcourse.v_active_lessons IS
'The lessons of this moment, one row each. Editable, for those who may: a change makes another version from now on, a deletion ends the present one now, and what was stays in lessons.';
COMMENT ON COLUMN getcourse.v_active_lessons.lesson_id IS 'The lesson.';
COMMENT ON COLUMN getcourse.v_active_lessons.training_id IS 'The training it belongs to.';
COMMENT ON COLUMN getcourse.v_active_lessons.title IS 'What the lesson is called.';
COMMENT ON COLUMN getcourse.v_active_lessons.position IS 'Its place in the training, from 1; NULL: none.';
COMMENT ON COLUMN getcourse.v_active_lessons.valid_from IS
'From when this holds; included. Set to another time with a change: the change holds from then on.';
COMMENT ON COLUMN getcourse.v_active_lessons.valid_to IS
'Until when this holds, not included; 9999-12-31 00:00 UTC: until further notice. Set to another time: it ends then.';
COMMENT ON COLUMN getcourse.v_active_lessons.created_at IS 'When the version was made.';
COMMENT ON COLUMN getcourse.v_active_lessons.updated_at IS 'When the version last changed.';

CREATE FUNCTION getcourse.edit_active_lessons()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- who may edit the view need not have rights on the table
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO getcourse.lessons AS v (
            lesson_id, training_id, title, position, valid_from, valid_to
        ) VALUES (
            NEW.lesson_id, NEW.training_id, NEW.title, NEW.position,
            coalesce(NEW.valid_from, now()), coalesce(NEW.valid_to, '9999-12-31 00:00:00+00')
        )
        RETURNING v.lesson_id, v.valid_from, v.valid_to, v.created_at, v.updated_at
        INTO NEW.lesson_id, NEW.valid_from, NEW.valid_to, NEW.created_at, NEW.updated_at;
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM getcourse.close_lesson(OLD.lesson_id);
        RETURN OLD;
    END IF;

    IF NEW.lesson_id <> OLD.lesson_id THEN
        PERFORM getcourse.refuse_edit('v_active_lessons', 'lesson_id');
    ELSIF (NEW.training_id, NEW.title, NEW.position) IS DISTINCT FROM (OLD.training_id, OLD.title, OLD.position) THEN
        PERFORM getcourse.revise_lesson(
            OLD.lesson_id, NEW.training_id, NEW.title, NEW.position,
            valid_from => CASE WHEN NEW.valid_from <> OLD.valid_from THEN NEW.valid_from END
        );
    ELSIF NEW.valid_from <> OLD.valid_from THEN
        PERFORM getcourse.refuse_edit('v_active_lessons', 'valid_from');
    END IF;
    IF NEW.valid_to <> OLD.valid_to THEN
        PERFORM getcourse.close_lesson(OLD.lesson_id, NEW.valid_to);
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION getcourse.edit_active_lessons() IS
'Makes v_active_lessons editable: an UPDATE revises, a DELETE closes, an INSERT adds a lesson or a version. Refusals: MB004, MB006, and the constraints of lessons.';

CREATE TRIGGER v_active_lessons_edit
INSTEAD OF INSERT OR UPDATE OR DELETE ON getcourse.v_active_lessons
FOR EACH ROW EXECUTE FUNCTION getcourse.edit_active_lessons();

CREATE VIEW getcourse.v_active_mappings AS
SELECT
    p.id,
    p.training_id,
    t.title AS training_title,
    p.student_id,
    s.getcourse_user_id AS student_getcourse_user_id,
    s.email AS student_email,
    s.first_name AS student_first_name,
    s.last_name AS student_last_name,
    p.mentor_id,
    m.email AS mentor_email,
    m.first_name AS mentor_first_name,
    m.last_name AS mentor_last_name,
    m.telegram_id AS mentor_telegram_id,
    p.valid_from,
    p.valid_to
FROM getcourse.mapping AS p
INNER JOIN getcourse.students AS s ON p.student_id = s.id AND s.valid_from <= now() AND s.valid_to > now()
INNER JOIN getcourse.mentors AS m ON p.mentor_id = m.id AND m.valid_from <= now() AND m.valid_to > now()
INNER JOIN getcourse.trainings AS t
    ON p.training_id = t.training_id AND t.valid_from <= now() AND t.valid_to > now()
WHERE p.valid_from <= now() AND p.valid_to > now();

COMMENT ON VIEW getcourse.v_active_mappings IS
'Who mentors which student in which training at this moment, with what is known of each now. Editable, for those who may: another mentor_id or mentor_email gives the student another mentor from now on, a deletion ends the mapping now, an INSERT takes ids or e-mail addresses.';
COMMENT ON COLUMN getcourse.v_active_mappings.id IS 'The pair of student and training.';
COMMENT ON COLUMN getcourse.v_active_mappings.training_id IS 'The training.';
COMMENT ON COLUMN getcourse.v_active_mappings.training_title IS 'What the training is called.';
COMMENT ON COLUMN getcourse.v_active_mappings.student_id IS 'The student.';
COMMENT ON COLUMN getcourse.v_active_mappings.student_getcourse_user_id IS 'The student in GetCourse.';
COMMENT ON COLUMN getcourse.v_active_mappings.student_email IS 'The student''s e-mail address.';
COMMENT ON COLUMN getcourse.v_active_mappings.student_first_name IS 'The student''s first name.';
COMMENT ON COLUMN getcourse.v_active_mappings.student_last_name IS 'The student''s last name.';
COMMENT ON COLUMN getcourse.v_active_mappings.mentor_id IS 'The mentor. Editable.';
COMMENT ON COLUMN getcourse.v_active_mappings.mentor_email IS 'The mentor''s e-mail address. Set to another mentor''s: that one.';
COMMENT ON COLUMN getcourse.v_active_mappings.mentor_first_name IS 'The mentor''s first name.';
COMMENT ON COLUMN getcourse.v_active_mappings.mentor_last_name IS 'The mentor''s last name.';
COMMENT ON COLUMN getcourse.v_active_mappings.mentor_telegram_id IS 'The mentor''s Telegram account.';
COMMENT ON COLUMN getcourse.v_active_mappings.valid_from IS
'Since when this mentor mentors the student in this training. Set to another time with a change: the change holds from then on.';
COMMENT ON COLUMN getcourse.v_active_mappings.valid_to IS
'Until when, not included; 9999-12-31 00:00 UTC: until further notice. Set to another time: it ends then.';

CREATE FUNCTION getcourse.edit_active_mappings()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- who may edit the view need not have rights on the table
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    who text[] := ARRAY['mentor_id', 'mentor_email', 'valid_from', 'valid_to'];
    fixed text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO getcourse.mapping AS v (student_id, mentor_id, training_id, valid_from, valid_to)
        VALUES (
            coalesce(
                NEW.student_id, (SELECT k.id FROM getcourse.student_ids AS k WHERE k.email = lower(NEW.student_email))
            ),
            coalesce(
                NEW.mentor_id, (SELECT k.id FROM getcourse.mentor_ids AS k WHERE k.email = lower(NEW.mentor_email))
            ),
            NEW.training_id, coalesce(NEW.valid_from, now()), coalesce(NEW.valid_to, '9999-12-31 00:00:00+00')
        )
        RETURNING v.id, v.student_id, v.mentor_id, v.valid_from, v.valid_to
        INTO NEW.id, NEW.student_id, NEW.mentor_id, NEW.valid_from, NEW.valid_to;
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM getcourse.close_mapping(OLD.id);
        RETURN OLD;
    END IF;

    SELECT o.key INTO fixed
    FROM jsonb_each(to_jsonb(OLD)) AS o
    WHERE o.value <> to_jsonb(NEW) -> o.key AND o.key <> ALL (who)
    ORDER BY o.key
    LIMIT 1;
    IF FOUND THEN
        PERFORM getcourse.refuse_edit('v_active_mappings', fixed);
    END IF;
    IF NEW.mentor_id = OLD.mentor_id AND NEW.mentor_email IS DISTINCT FROM OLD.mentor_email THEN
        SELECT k.id INTO NEW.mentor_id FROM getcourse.mentor_ids AS k WHERE k.email = lower(NEW.mentor_email);
    END IF;
    IF NEW.mentor_id IS DISTINCT FROM OLD.mentor_id THEN
        PERFORM getcourse.revise_mapping(
            OLD.id, NEW.mentor_id, valid_from => CASE WHEN NEW.valid_from <> OLD.valid_from THEN NEW.valid_from END
        );
    ELSIF NEW.valid_from <> OLD.valid_from THEN
        PERFORM getcourse.refuse_edit('v_active_mappings', 'valid_from');
    END IF;
    IF NEW.valid_to <> OLD.valid_to THEN
        PERFORM getcourse.close_mapping(OLD.id, NEW.valid_to);
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION getcourse.edit_active_mappings() IS
'Makes v_active_mappings editable: another mentor revises, a DELETE closes, an INSERT adds. What is known of people is edited where it stands, in v_active_mentors and v_active_students. Refusals: MB004, MB006, and the constraints of mapping.';

CREATE TRIGGER v_active_mappings_edit
INSTEAD OF INSERT OR UPDATE OR DELETE ON getcourse.v_active_mappings
FOR EACH ROW EXECUTE FUNCTION getcourse.edit_active_mappings();

CREATE VIEW getcourse.v_pending_webhooks AS
SELECT
    e.id,
    e.source,
    e.event_date,
    e.user_id,
    e.user_email,
    e.answer_id,
    e.answer_training_id,
    e.answer_lesson_id,
    e.answer_status,
    e.status,
    e.processed,
    e.attempts,
    e.next_attempt_at,
    e.error_message,
    e.duplicates,
    e.created_at
FROM getcourse.webhook_events AS e
WHERE NOT e.processed AND e.status IN ('received', 'retry', 'processing')
ORDER BY e.id;

COMMENT ON VIEW getcourse.v_pending_webhooks IS
'Webhooks that have yet to be processed, oldest first: all but what the student wrote.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.id IS 'The event.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.source IS 'Where it came from.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.event_date IS 'When it happened.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.user_id IS 'The student in GetCourse.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.user_email IS 'The student''s e-mail address.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.answer_id IS 'The answer that it is about.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.answer_training_id IS 'The training of the answer.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.answer_lesson_id IS 'The lesson of the answer.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.answer_status IS 'Where the answer stands.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.status IS 'received, retry (due at next_attempt_at), or processing (a worker has it).';
COMMENT ON COLUMN getcourse.v_pending_webhooks.processed IS 'Always false here.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.attempts IS 'How often it was claimed since it came in or was replayed.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.next_attempt_at IS 'When it is due; NULL: at once.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.error_message IS 'Why the last attempt did not succeed.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.duplicates IS 'How often the same came in again.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.created_at IS 'When it came in.';

CREATE VIEW getcourse.v_pending_notifications AS
SELECT
    n.id,
    n.mentor_id,
    n.type,
    n.status,
    n.webhook_event_id,
    n.message_hash,
    n.attempts,
    n.next_attempt_at,
    n.last_error,
    n.duplicates,
    n.created_at
FROM getcourse.notifications AS n
WHERE n.status = 'pending' OR n.status = 'waiting' AND n.next_attempt_at <= now();

COMMENT ON VIEW getcourse.v_pending_notifications IS
'Notifications that are ready to be sent: all but what they say.';
COMMENT ON COLUMN getcourse.v_pending_notifications.id IS 'The notification.';
COMMENT ON COLUMN getcourse.v_pending_notifications.mentor_id IS 'For whom.';
COMMENT ON COLUMN getcourse.v_pending_notifications.type IS 'What kind of notification it is.';
COMMENT ON COLUMN getcourse.v_pending_notifications.status IS 'pending, or waiting where it was put off and is due now.';
COMMENT ON COLUMN getcourse.v_pending_notifications.webhook_event_id IS 'The webhook that it is about.';
COMMENT ON COLUMN getcourse.v_pending_notifications.message_hash IS 'SHA-256 of type, message and webhook_event_id.';
COMMENT ON COLUMN getcourse.v_pending_notifications.attempts IS 'How many attempts have begun.';
COMMENT ON COLUMN getcourse.v_pending_notifications.next_attempt_at IS 'When it was due; NULL: at once.';
COMMENT ON COLUMN getcourse.v_pending_notifications.last_error IS 'Why the last attempt did not succeed.';
COMMENT ON COLUMN getcourse.v_pending_notifications.duplicates IS 'How often the same was queued again.';
COMMENT ON COLUMN getcourse.v_pending_notifications.created_at IS 'When it was queued.';

CREATE VIEW getcourse.v_webhook_backlog AS
SELECT
    e.source,
    e.status,
    count(*) AS events,
    sum(e.duplicates)::bigint AS duplicates,
    min(e.created_at) AS oldest_created_at,
    max(e.updated_at) AS latest_step_at
FROM getcourse.webhook_events AS e
GROUP BY e.source, e.status;

COMMENT ON VIEW getcourse.v_webhook_backlog IS
'How many webhooks stand where, by source; every webhook is counted once. With the duplicates these are all that were ever taken in. Reads the whole table; v_queues is quick.';
COMMENT ON COLUMN getcourse.v_webhook_backlog.source IS 'Where they came from.';
COMMENT ON COLUMN getcourse.v_webhook_backlog.status IS 'Where they stand.';
COMMENT ON COLUMN getcourse.v_webhook_backlog.events IS 'How many there are.';
COMMENT ON COLUMN getcourse.v_webhook_backlog.duplicates IS 'How often the same came in again.';
COMMENT ON COLUMN getcourse.v_webhook_backlog.oldest_created_at IS 'When the oldest of them came in.';
COMMENT ON COLUMN getcourse.v_webhook_backlog.latest_step_at IS 'When the last of them came to stand there.';

CREATE VIEW getcourse.v_notification_backlog AS
SELECT
    n.status,
    count(*) AS notifications,
    sum(n.duplicates)::bigint AS duplicates,
    min(n.created_at) AS oldest_created_at,
    max(n.updated_at) AS latest_step_at
FROM getcourse.notifications AS n
GROUP BY n.status;

COMMENT ON VIEW getcourse.v_notification_backlog IS
'How many notifications stand where; every notification is counted once. With the duplicates these are all that were ever queued. Reads the whole table; v_queues is quick.';
COMMENT ON COLUMN getcourse.v_notification_backlog.status IS 'Where they stand.';
COMMENT ON COLUMN getcourse.v_notification_backlog.notifications IS 'How many there are.';
COMMENT ON COLUMN getcourse.v_notification_backlog.duplicates IS 'How often the same were queued again.';
COMMENT ON COLUMN getcourse.v_notification_backlog.oldest_created_at IS 'When the oldest of them was queued.';
COMMENT ON COLUMN getcourse.v_notification_backlog.latest_step_at IS 'When the last of them came to stand there.';

CREATE VIEW getcourse.v_queues AS
SELECT
    'webhook_events' AS queue,
    (
        SELECT count(*) FROM getcourse.webhook_events AS e
        WHERE e.status = 'received'
    )
    + (
        SELECT count(*) FROM getcourse.webhook_events AS e
        WHERE e.status = 'retry'
    ) AS backlog,
    (
        SELECT count(*) FROM getcourse.webhook_events AS e
        WHERE e.status = 'processing'
    ) AS in_work,
    least(
        (
            SELECT e.created_at FROM getcourse.webhook_events AS e
            WHERE e.status = 'received'
            ORDER BY e.id + 0 LIMIT 1
        ),
        (
            SELECT min(e.created_at) FROM getcourse.webhook_events AS e
            WHERE e.status = 'retry'
        )
    ) AS oldest_waiting_since,
    (
        SELECT count(*) FROM getcourse.webhook_events AS e
        WHERE e.status = 'dead'
    ) AS dead,
    0::bigint AS uncertain,
    (SELECT count(*) FROM getcourse.webhook_quarantine) AS quarantined
UNION ALL
SELECT
    'notifications' AS queue,
    (
        SELECT count(*) FROM getcourse.notifications AS n
        WHERE n.status = 'pending'
    )
    + (
        SELECT count(*) FROM getcourse.notifications AS n
        WHERE n.status = 'waiting'
    ) AS backlog,
    (
        SELECT count(*) FROM getcourse.notifications AS n
        WHERE n.status IN ('processing', 'sending')
    ) AS in_work,
    least(
        (
            SELECT n.created_at FROM getcourse.notifications AS n
            WHERE n.status = 'pending'
            ORDER BY n.id + 0 LIMIT 1
        ),
        (
            SELECT min(n.created_at) FROM getcourse.notifications AS n
            WHERE n.status = 'waiting'
        )
    ) AS oldest_waiting_since,
    (
        SELECT count(*) FROM getcourse.notifications AS n
        WHERE n.status IN ('dead', 'uncertain') AND n.status = 'dead'
    ) AS dead,
    (
        SELECT count(*) FROM getcourse.notifications AS n
        WHERE n.status IN ('dead', 'uncertain') AND n.status = 'uncertain'
    ) AS uncertain,
    0::bigint AS quarantined;

COMMENT ON VIEW getcourse.v_queues IS
'How the two queues stand, one row each, for alarms: reads what is open or stuck, and nothing of what is done.';
COMMENT ON COLUMN getcourse.v_queues.queue IS 'The table: webhook_events or notifications.';
COMMENT ON COLUMN getcourse.v_queues.backlog IS 'How many wait for a worker, at once or at a later time.';
COMMENT ON COLUMN getcourse.v_queues.in_work IS 'How many a worker has.';
COMMENT ON COLUMN getcourse.v_queues.oldest_waiting_since IS 'When the oldest of those that wait came in; NULL: none waits.';
COMMENT ON COLUMN getcourse.v_queues.dead IS 'How many were given up.';
COMMENT ON COLUMN getcourse.v_queues.uncertain IS 'Of how many nobody knows whether they arrived.';
COMMENT ON COLUMN getcourse.v_queues.quarantined IS 'How many texts could not be taken.';

CREATE VIEW getcourse.v_webhook_quarantine AS
SELECT
    q.id AS quarantine_id,
    q.source,
    q.reason,
    q.detail,
    q.duplicates,
    octet_length(q.raw_text) AS bytes,
    q.created_at,
    q.updated_at
FROM getcourse.webhook_quarantine AS q;

COMMENT ON VIEW getcourse.v_webhook_quarantine IS 'Webhooks that could not be taken, for analysts: all but the text.';
COMMENT ON COLUMN getcourse.v_webhook_quarantine.quarantine_id IS 'The row, for retry_quarantined().';
COMMENT ON COLUMN getcourse.v_webhook_quarantine.source IS 'Where it came from.';
COMMENT ON COLUMN getcourse.v_webhook_quarantine.reason IS 'Why it was not taken.';
COMMENT ON COLUMN getcourse.v_webhook_quarantine.detail IS 'Which key it is about, or how large it is.';
COMMENT ON COLUMN getcourse.v_webhook_quarantine.duplicates IS 'How often the same came in again.';
COMMENT ON COLUMN getcourse.v_webhook_quarantine.bytes IS 'How long the text is.';
COMMENT ON COLUMN getcourse.v_webhook_quarantine.created_at IS 'When it came in.';
COMMENT ON COLUMN getcourse.v_webhook_quarantine.updated_at IS 'When it last came in again.';

CREATE VIEW getcourse.v_application_logs AS
SELECT
    l.id AS line_id,
    l.level,
    l.logger,
    l.message,
    l.created_at
FROM getcourse.application_logs AS l;

COMMENT ON VIEW getcourse.v_application_logs IS 'What applications log: all but the context. Filter by created_at.';
COMMENT ON COLUMN getcourse.v_application_logs.line_id IS 'Order of the lines.';
COMMENT ON COLUMN getcourse.v_application_logs.level IS 'How much it matters.';
COMMENT ON COLUMN getcourse.v_application_logs.logger IS 'Who says it.';
COMMENT ON COLUMN getcourse.v_application_logs.message IS 'What happened.';
COMMENT ON COLUMN getcourse.v_application_logs.created_at IS 'When.';

CREATE VIEW getcourse.v_error_logs AS
SELECT
    l.id AS error_id,
    l.error_type,
    l.message,
    l.created_at
FROM getcourse.error_logs AS l;

COMMENT ON VIEW getcourse.v_error_logs IS
'Errors of applications: all but where in the program, and the context. Filter by created_at.';
COMMENT ON COLUMN getcourse.v_error_logs.error_id IS 'Order of the errors.';
COMMENT ON COLUMN getcourse.v_error_logs.error_type IS 'The class of the error.';
COMMENT ON COLUMN getcourse.v_error_logs.message IS 'What went wrong.';
COMMENT ON COLUMN getcourse.v_error_logs.created_at IS 'When.';

CREATE VIEW getcourse.v_table_sizes AS
SELECT
    n.nspname::text AS schema_name,
    c.relname::text AS table_name,
    sum(pg_table_size(t.part))::bigint AS table_bytes,
    sum(pg_indexes_size(t.part))::bigint AS index_bytes,
    sum(pg_total_relation_size(t.part))::bigint AS total_bytes,
    pg_size_pretty(sum(pg_total_relation_size(t.part))) AS size
FROM pg_catalog.pg_class AS c
INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
CROSS JOIN
    LATERAL (
        SELECT c.oid::regclass AS part
        UNION
        SELECT p.relid FROM pg_partition_tree(c.oid) AS p
    ) AS t
WHERE n.nspname = 'getcourse' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
GROUP BY n.nspname, c.relname;

COMMENT ON VIEW getcourse.v_table_sizes IS
'How much room each table of this schema takes, partitions included. ORDER BY total_bytes DESC for the largest.';
COMMENT ON COLUMN getcourse.v_table_sizes.schema_name IS 'The schema, getcourse.';
COMMENT ON COLUMN getcourse.v_table_sizes.table_name IS 'Which table it is.';
COMMENT ON COLUMN getcourse.v_table_sizes.table_bytes IS 'Its rows, long values included, in bytes.';
COMMENT ON COLUMN getcourse.v_table_sizes.index_bytes IS 'Its indexes, in bytes.';
COMMENT ON COLUMN getcourse.v_table_sizes.total_bytes IS 'Both, in bytes.';
COMMENT ON COLUMN getcourse.v_table_sizes.size IS 'The same, for people to read.';

CREATE VIEW getcourse.v_audit_log AS
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
FROM getcourse.audit_log AS a;

COMMENT ON VIEW getcourse.v_audit_log IS
'Who changed which row of this schema and when, for analysts: all but the values and the database logins. Filter by occurred_at.';
COMMENT ON COLUMN getcourse.v_audit_log.change_id IS 'Order of the changes.';
COMMENT ON COLUMN getcourse.v_audit_log.table_name IS 'The table whose row changed.';
COMMENT ON COLUMN getcourse.v_audit_log.row_key IS 'The row: its key columns and their values.';
COMMENT ON COLUMN getcourse.v_audit_log.operation IS 'insert, update, delete, or scrub for an erasure of values from the log.';
COMMENT ON COLUMN getcourse.v_audit_log.changed_columns IS
'What an update changed, and which secret columns an insert or delete had filled.';
COMMENT ON COLUMN getcourse.v_audit_log.actor_kind IS 'As what the actor did it: user, admin or system.';
COMMENT ON COLUMN getcourse.v_audit_log.actor_id IS
'Who did it (telegram_id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN getcourse.v_audit_log.transaction_id IS 'The transaction, the same for all that it changed.';
COMMENT ON COLUMN getcourse.v_audit_log.occurred_at IS 'When: the start of the transaction.';

GRANT USAGE ON SCHEMA getcourse, platform TO getcourse_app;
GRANT EXECUTE ON FUNCTION
platform.current_actor(name), platform.is_application(name),
getcourse.mentors_as_of(timestamptz), getcourse.students_as_of(timestamptz), getcourse.trainings_as_of(timestamptz),
getcourse.lessons_as_of(timestamptz), getcourse.mapping_as_of(timestamptz),
getcourse.active_mappings_as_of(timestamptz),
getcourse.revise_mentor(bigint, text, text, text, bigint, timestamptz, bigint),
getcourse.revise_student(bigint, text, text, text, text, timestamptz, bigint),
getcourse.revise_training(text, text, boolean, timestamptz, bigint),
getcourse.revise_lesson(text, text, text, integer, timestamptz, bigint),
getcourse.revise_mapping(bigint, bigint, timestamptz, bigint),
getcourse.close_mentor(bigint, timestamptz, bigint), getcourse.close_student(bigint, timestamptz, bigint),
getcourse.close_training(text, timestamptz, bigint), getcourse.close_lesson(text, timestamptz, bigint),
getcourse.close_mapping(bigint, timestamptz, bigint),
getcourse.receive_webhook(text, text), getcourse.receive_webhooks(text[], text), getcourse.ingest_staged(integer),
getcourse.retry_quarantined(bigint),
getcourse.claim_webhooks(integer, interval, bigint, timestamptz, bigint),
getcourse.finish_webhook(bigint, uuid, getcourse.outcome, text, interval),
getcourse.recover_webhooks(timestamptz, integer), getcourse.replay_webhook(bigint),
getcourse.replay_dead_webhooks(integer), getcourse.allowed_webhook_steps(getcourse.webhook_status),
getcourse.enqueue(bigint, text, text, bigint),
getcourse.claim(integer, interval, bigint, timestamptz, bigint),
getcourse.begin_attempt(bigint, uuid, interval),
getcourse.finish(bigint, uuid, getcourse.outcome, text, interval, text),
getcourse.recover(timestamptz, integer), getcourse.replay(bigint), getcourse.replay_dead(integer),
getcourse.mark_reachable(bigint), getcourse.slow_queries(integer)
TO getcourse_app;

GRANT SELECT ON
getcourse.settings, getcourse.mentor_ids, getcourse.student_ids, getcourse.training_ids, getcourse.lesson_ids,
getcourse.mapping_ids, getcourse.webhook_transitions, getcourse.webhook_quarantine, getcourse.unreachable_mentors,
getcourse.bot_pauses, getcourse.notification_transitions,
getcourse.v_active_mentors, getcourse.v_active_students, getcourse.v_active_trainings, getcourse.v_active_lessons,
getcourse.v_active_mappings, getcourse.v_pending_webhooks, getcourse.v_pending_notifications, getcourse.v_queues,
getcourse.v_table_sizes
TO getcourse_app;

-- Versions are inserted and ended as the document does it; identities are found by triggers. updated_at stands in its
-- statements, and is stamped by the database whatever is given.
GRANT SELECT,
INSERT (id, email, first_name, last_name, telegram_id, valid_from, valid_to),
UPDATE (email, first_name, last_name, telegram_id, valid_from, valid_to, updated_at)
ON getcourse.mentors TO getcourse_app;
GRANT SELECT,
INSERT (id, getcourse_user_id, email, first_name, last_name, valid_from, valid_to),
UPDATE (getcourse_user_id, email, first_name, last_name, valid_from, valid_to, updated_at)
ON getcourse.students TO getcourse_app;
GRANT SELECT,
INSERT (training_id, title, is_active, valid_from, valid_to),
UPDATE (title, is_active, valid_from, valid_to, updated_at)
ON getcourse.trainings TO getcourse_app;
GRANT SELECT,
INSERT (lesson_id, training_id, title, position, valid_from, valid_to),
UPDATE (training_id, title, position, valid_from, valid_to, updated_at)
ON getcourse.lessons TO getcourse_app;
GRANT SELECT,
INSERT (id, student_id, mentor_id, training_id, valid_from, valid_to),
UPDATE (mentor_id, valid_from, valid_to, updated_at)
ON getcourse.mapping TO getcourse_app;

-- n8n inserts webhooks; whoever processes them without a worker marks them.
GRANT SELECT,
INSERT (
    source, event_date, user_id, user_email, answer_id, answer_training_id, answer_lesson_id, answer_status, answer_text,
    raw_payload, processed
),
UPDATE (processed, processed_at, error_message)
ON getcourse.webhook_events TO getcourse_app;
GRANT INSERT (source, body) ON getcourse.webhook_staging TO getcourse_app;
-- Other steps are taken by the functions above.
GRANT SELECT, INSERT (mentor_id, type, message, webhook_event_id) ON getcourse.notifications TO getcourse_app;

GRANT SELECT, INSERT (level, logger, message, context) ON getcourse.application_logs TO getcourse_app;
GRANT SELECT, INSERT (error_type, message, traceback, context) ON getcourse.error_logs TO getcourse_app;

GRANT USAGE ON SCHEMA getcourse TO mentorbase_reader;
GRANT USAGE ON TYPE
getcourse.webhook_status, getcourse.notification_status, getcourse.quarantine_reason, getcourse.log_level
TO mentorbase_reader;
GRANT SELECT ON
getcourse.v_active_mentors, getcourse.v_active_students, getcourse.v_active_trainings, getcourse.v_active_lessons,
getcourse.v_active_mappings, getcourse.v_pending_webhooks, getcourse.v_pending_notifications,
getcourse.v_webhook_backlog, getcourse.v_notification_backlog, getcourse.v_queues, getcourse.v_webhook_quarantine,
getcourse.v_application_logs, getcourse.v_error_logs, getcourse.v_table_sizes, getcourse.v_audit_log
TO mentorbase_reader;
