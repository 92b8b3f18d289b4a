CREATE SCHEMA tutormax;

COMMENT ON SCHEMA tutormax IS
'How tutors perform: their sessions and feedback, metrics over windows of days, predictions that they will leave, what is done about it, and events. Knows tutors, students and sessions by the keys of the platform that they come from.';

CREATE TYPE tutormax.tutor_status AS ENUM ('active', 'inactive', 'churned');

COMMENT ON TYPE tutormax.tutor_status IS
'Whether a tutor teaches: active, inactive (pauses), churned (has left the platform).';

CREATE TYPE tutormax.session_status AS ENUM (
    'scheduled', 'completed', 'no_show_tutor', 'no_show_student', 'cancelled', 'rescheduled'
);

COMMENT ON TYPE tutormax.session_status IS
'How a session stands: scheduled (nothing else is known yet); settled: completed, no_show_tutor (the tutor did not come), no_show_student (the student did not), cancelled, rescheduled (another session takes its place).';

CREATE TYPE tutormax.metric_window AS ENUM ('7d', '30d', '90d');

COMMENT ON TYPE tutormax.metric_window IS
'How many days metrics look back: 7, 30 or 90, the day of the calculation included. tutormax.days_of() says it as a number.';

CREATE TYPE tutormax.performance_tier AS ENUM ('exemplary', 'strong', 'developing', 'needs_attention', 'at_risk');

COMMENT ON TYPE tutormax.performance_tier IS
'How a tutor does, from the best to the worst. tutormax.tier_of() says what makes it.';

CREATE TYPE tutormax.risk_level AS ENUM ('Low', 'Medium', 'High', 'Critical');

COMMENT ON TYPE tutormax.risk_level IS
'How likely a tutor is to leave, by the score of the prediction: Low 0-25, Medium 26-50, High 51-75, Critical 76-100.';

CREATE TYPE tutormax.intervention_status AS ENUM ('open', 'assigned', 'in_progress', 'completed', 'dismissed');

COMMENT ON TYPE tutormax.intervention_status IS
'Where an intervention stands: open (nobody has it), assigned (somebody is to do it), in_progress, completed (with an outcome), dismissed (without one). The last two have ended.';

CREATE TYPE tutormax.intervention_outcome AS ENUM ('improved', 'no_change', 'declined', 'churned');

COMMENT ON TYPE tutormax.intervention_outcome IS
'What came of an intervention: the tutor improved, did not change, got worse, or left.';

CREATE TYPE tutormax.party AS ENUM ('assignee', 'staff', 'admin', 'system');

COMMENT ON TYPE tutormax.party IS
'As what somebody changes an intervention: who is to do it, another member of the staff, an administrator, or the system (a job).';

CREATE TYPE tutormax.bulk_target AS ENUM ('sessions', 'student_feedback', 'churn_predictions', 'tutor_events');

COMMENT ON TYPE tutormax.bulk_target IS 'The tables that tutormax.store_bulk() fills.';

-- Limits, as rows rather than literals, so that a DBA can change them and everybody can read them.
CREATE TABLE tutormax.settings (
    name       text        NOT NULL,
    value      bigint      NOT NULL,
    unit       text        NOT NULL,
    meaning    text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT settings_pkey PRIMARY KEY (name),
    CONSTRAINT settings_value_check CHECK (value BETWEEN 1 AND 36500),
    CONSTRAINT settings_unit_check CHECK (unit = 'days')
);

COMMENT ON TABLE tutormax.settings IS
'Limits of this service, one a row. The owner changes values; names are fixed, because functions read them.';
COMMENT ON COLUMN tutormax.settings.name IS 'The limit.';
COMMENT ON COLUMN tutormax.settings.value IS 'Its value, counted in unit.';
COMMENT ON COLUMN tutormax.settings.unit IS 'What the value counts: days.';
COMMENT ON COLUMN tutormax.settings.meaning IS 'What it limits.';
COMMENT ON COLUMN tutormax.settings.created_at IS 'When the row was made.';
COMMENT ON COLUMN tutormax.settings.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT settings_pkey ON tutormax.settings IS 'One row a limit.';
COMMENT ON CONSTRAINT settings_value_check ON tutormax.settings IS 'A limit''s value is 1 to 36500.';
COMMENT ON CONSTRAINT settings_unit_check ON tutormax.settings IS 'A limit counts days, as the functions read it.';

CREATE TRIGGER settings_set_updated_at
BEFORE UPDATE ON tutormax.settings
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

INSERT INTO tutormax.settings (name, value, unit, meaning) VALUES
('event_retention', 730, 'days', 'How long tutor_events are kept; a month is dropped once all of it is older.');

-- One tutor.
CREATE TABLE tutormax.tutors (
    tutor_id                   text                  NOT NULL,
    name                       text                  NOT NULL,
    email                      text                  NOT NULL,
    onboarding_date            timestamptz           NOT NULL DEFAULT now(),
    status                     tutormax.tutor_status NOT NULL DEFAULT 'active',
    subjects                   text[]                NOT NULL DEFAULT '{}',
    baseline_sessions_per_week double precision,
    churned_at                 timestamptz,
    created_at                 timestamptz           NOT NULL DEFAULT now(),
    updated_at                 timestamptz           NOT NULL DEFAULT now(),

    CONSTRAINT tutors_pkey PRIMARY KEY (tutor_id),
    CONSTRAINT tutors_tutor_id_check CHECK (tutor_id ~ '\S' AND length(tutor_id) <= 50),
    CONSTRAINT tutors_name_check CHECK (name ~ '\S' AND length(name) <= 200),
    CONSTRAINT tutors_email_check CHECK (email ~ '^[^@\s]+@[^@\s]+$' AND length(email) <= 255),
    CONSTRAINT tutors_onboarding_date_check CHECK (isfinite(onboarding_date)),
    CONSTRAINT tutors_subjects_check CHECK (array_position(subjects, NULL) IS NULL),
    CONSTRAINT tutors_baseline_check CHECK (baseline_sessions_per_week BETWEEN 0 AND 168),
    CONSTRAINT tutors_churned_at_check CHECK (
        (churned_at IS NOT NULL) = (status = 'churned') AND isfinite(coalesce(churned_at, created_at))
    )
);

COMMENT ON TABLE tutormax.tutors IS
'A tutor, one row a person. Kept when the tutor leaves: churned rather than deleted, so that what led to it can be learned from.';
COMMENT ON COLUMN tutormax.tutors.tutor_id IS 'The tutor''s key in the platform that they come from, such as tutor_001; up to 50 characters.';
COMMENT ON COLUMN tutormax.tutors.name IS 'What the tutor is called. Personal data.';
COMMENT ON COLUMN tutormax.tutors.email IS 'The tutor''s e-mail address, unique in any case of letters. Personal data.';
COMMENT ON COLUMN tutormax.tutors.onboarding_date IS 'When the tutor began on the platform.';
COMMENT ON COLUMN tutormax.tutors.status IS 'Whether the tutor teaches: active, inactive, churned.';
COMMENT ON COLUMN tutormax.tutors.subjects IS 'What the tutor teaches, such as {Mathematics,Physics}.';
COMMENT ON COLUMN tutormax.tutors.baseline_sessions_per_week IS
'How many sessions a week the tutor is expected to hold; NULL: nothing is expected.';
COMMENT ON COLUMN tutormax.tutors.churned_at IS
'When the tutor left; set exactly while they are churned. Stamped by a trigger where it is not given.';
COMMENT ON COLUMN tutormax.tutors.created_at IS 'When the row was made.';
COMMENT ON COLUMN tutormax.tutors.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT tutors_pkey ON tutormax.tutors IS 'A tutor has one row.';
COMMENT ON CONSTRAINT tutors_tutor_id_check ON tutormax.tutors IS 'tutor_id has 1 to 50 characters.';
COMMENT ON CONSTRAINT tutors_name_check ON tutormax.tutors IS 'name has 1 to 200 characters.';
COMMENT ON CONSTRAINT tutors_email_check ON tutormax.tutors IS
'email has the form of an e-mail address, up to 255 characters.';
COMMENT ON CONSTRAINT tutors_onboarding_date_check ON tutormax.tutors IS 'onboarding_date is finite.';
COMMENT ON CONSTRAINT tutors_subjects_check ON tutormax.tutors IS 'No subject is NULL.';
COMMENT ON CONSTRAINT tutors_baseline_check ON tutormax.tutors IS 'baseline_sessions_per_week is 0 to 168.';
COMMENT ON CONSTRAINT tutors_churned_at_check ON tutormax.tutors IS
'churned_at is set exactly while the tutor is churned.';

CREATE UNIQUE INDEX tutors_email_key ON tutormax.tutors (lower(email));

COMMENT ON INDEX tutormax.tutors_email_key IS 'No two tutors have the same e-mail address.';

-- The tutors of a status, in pages.
CREATE INDEX tutors_status_idx ON tutormax.tutors (status, tutor_id);

CREATE TRIGGER tutors_require_actor
BEFORE INSERT OR UPDATE OR DELETE ON tutormax.tutors
FOR EACH STATEMENT EXECUTE FUNCTION platform.require_actor();

CREATE FUNCTION tutormax.guard_tutors()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.status <> 'churned' THEN
        NEW.churned_at := NULL;
    ELSE
        NEW.churned_at := coalesce(NEW.churned_at, now());
    END IF;
    IF TG_OP = 'UPDATE' THEN
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION tutormax.guard_tutors() IS
'Row trigger of tutors: keeps churned_at in step with the status, and updated_at.';

CREATE TRIGGER tutors_guard
BEFORE INSERT OR UPDATE ON tutormax.tutors
FOR EACH ROW EXECUTE FUNCTION tutormax.guard_tutors();

-- One student.
CREATE TABLE tutormax.students (
    student_id  text        NOT NULL,
    name        text        NOT NULL,
    grade_level text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT students_pkey PRIMARY KEY (student_id),
    CONSTRAINT students_student_id_check CHECK (student_id ~ '\S' AND length(student_id) <= 50),
    CONSTRAINT students_name_check CHECK (name ~ '\S' AND length(name) <= 200),
    CONSTRAINT students_grade_level_check CHECK (length(grade_level) <= 50)
);

COMMENT ON TABLE tutormax.students IS 'A student of tutors, one row a person.';
COMMENT ON COLUMN tutormax.students.student_id IS 'The student''s key in the platform that they come from; up to 50 characters.';
COMMENT ON COLUMN tutormax.students.name IS 'What the student is called. Personal data, possibly of a child.';
COMMENT ON COLUMN tutormax.students.grade_level IS 'What class the student is in, as their school says it; NULL: not known.';
COMMENT ON COLUMN tutormax.students.created_at IS 'When the row was made.';
COMMENT ON COLUMN tutormax.students.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT students_pkey ON tutormax.students IS 'A student has one row.';
COMMENT ON CONSTRAINT students_student_id_check ON tutormax.students IS 'student_id has 1 to 50 characters.';
COMMENT ON CONSTRAINT students_name_check ON tutormax.students IS 'name has 1 to 200 characters.';
COMMENT ON CONSTRAINT students_grade_level_check ON tutormax.students IS 'grade_level has at most 50 characters.';

CREATE TRIGGER students_require_actor
BEFORE INSERT OR UPDATE OR DELETE ON tutormax.students
FOR EACH STATEMENT EXECUTE FUNCTION platform.require_actor();

CREATE TRIGGER students_set_updated_at
BEFORE UPDATE ON tutormax.students
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

-- One session of a tutor with a student. What every metric counts.
CREATE TABLE tutormax.sessions (
    session_id              text                    NOT NULL,
    tutor_id                text                    NOT NULL,
    student_id              text                    NOT NULL,
    subject                 text                    NOT NULL,
    scheduled_start         timestamptz             NOT NULL,
    actual_start            timestamptz,
    duration_minutes        integer                 NOT NULL,
    session_number          integer                 NOT NULL,
    status                  tutormax.session_status NOT NULL DEFAULT 'scheduled',
    engagement_score        numeric,
    learning_objectives_met boolean,
    created_at              timestamptz             NOT NULL DEFAULT now(),
    updated_at              timestamptz             NOT NULL DEFAULT now(),

    CONSTRAINT sessions_pkey PRIMARY KEY (session_id),
    -- What feedback refers to.
    CONSTRAINT sessions_session_id_tutor_id_student_id_key UNIQUE (session_id, tutor_id, student_id),
    CONSTRAINT sessions_tutor_id_fkey FOREIGN KEY (tutor_id)
    REFERENCES tutormax.tutors (tutor_id) ON DELETE RESTRICT,
    CONSTRAINT sessions_student_id_fkey FOREIGN KEY (student_id)
    REFERENCES tutormax.students (student_id) ON DELETE RESTRICT,
    CONSTRAINT sessions_session_id_check CHECK (session_id ~ '\S' AND length(session_id) <= 50),
    CONSTRAINT sessions_subject_check CHECK (subject ~ '\S' AND length(subject) <= 100),
    CONSTRAINT sessions_scheduled_start_check CHECK (isfinite(scheduled_start)),
    CONSTRAINT sessions_actual_start_check CHECK (isfinite(actual_start)),
    CONSTRAINT sessions_duration_minutes_check CHECK (duration_minutes BETWEEN 1 AND 1440),
    CONSTRAINT sessions_session_number_check CHECK (session_number >= 1),
    CONSTRAINT sessions_engagement_score_check CHECK (engagement_score BETWEEN 0 AND 1)
);

COMMENT ON TABLE tutormax.sessions IS
'A tutoring session, one row a session, as the platform that holds them reports it; reported again, it is changed. Fed by machines, and many, so it needs no actor and is not audited.';
COMMENT ON COLUMN tutormax.sessions.session_id IS 'The session''s key in the platform that it comes from; up to 50 characters.';
COMMENT ON COLUMN tutormax.sessions.tutor_id IS 'Who teaches (tutors.tutor_id).';
COMMENT ON COLUMN tutormax.sessions.student_id IS 'Who learns (students.student_id).';
COMMENT ON COLUMN tutormax.sessions.subject IS 'What is taught.';
COMMENT ON COLUMN tutormax.sessions.scheduled_start IS
'When it was to begin. Metrics count a session on this day, in UTC, whatever became of it.';
COMMENT ON COLUMN tutormax.sessions.actual_start IS 'When it began; NULL: it did not, or nobody recorded it.';
COMMENT ON COLUMN tutormax.sessions.duration_minutes IS 'How long it lasted, or was to last, in minutes: 1 to 1440.';
COMMENT ON COLUMN tutormax.sessions.session_number IS
'The how-manieth session of this student with this tutor it is, from 1.';
COMMENT ON COLUMN tutormax.sessions.status IS 'How it stands; all but scheduled are settled.';
COMMENT ON COLUMN tutormax.sessions.engagement_score IS
'How much the student took part, 0 to 1, as the platform measures it; NULL: not measured.';
COMMENT ON COLUMN tutormax.sessions.learning_objectives_met IS
'Whether what was to be learned was learned; NULL: nobody said.';
COMMENT ON COLUMN tutormax.sessions.created_at IS 'When the row was made.';
COMMENT ON COLUMN tutormax.sessions.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT sessions_pkey ON tutormax.sessions IS 'A session has one row.';
COMMENT ON CONSTRAINT sessions_session_id_tutor_id_student_id_key ON tutormax.sessions IS
'What feedback refers to: a session with its tutor and its student.';
COMMENT ON CONSTRAINT sessions_tutor_id_fkey ON tutormax.sessions IS 'tutor_id is the key of a tutor.';
COMMENT ON CONSTRAINT sessions_student_id_fkey ON tutormax.sessions IS 'student_id is the key of a student.';
COMMENT ON CONSTRAINT sessions_session_id_check ON tutormax.sessions IS 'session_id has 1 to 50 characters.';
COMMENT ON CONSTRAINT sessions_subject_check ON tutormax.sessions IS 'subject has 1 to 100 characters.';
COMMENT ON CONSTRAINT sessions_scheduled_start_check ON tutormax.sessions IS 'scheduled_start is finite.';
COMMENT ON CONSTRAINT sessions_actual_start_check ON tutormax.sessions IS 'actual_start is finite.';
COMMENT ON CONSTRAINT sessions_duration_minutes_check ON tutormax.sessions IS 'duration_minutes is 1 to 1440.';
COMMENT ON CONSTRAINT sessions_session_number_check ON tutormax.sessions IS 'session_number is a whole number from 1.';
COMMENT ON CONSTRAINT sessions_engagement_score_check ON tutormax.sessions IS 'engagement_score is 0 to 1.';

-- Serves get_tutor_statistics and the metrics: a tutor's sessions of some days, by an index-only scan.
CREATE INDEX sessions_tutor_id_idx ON tutormax.sessions (tutor_id, scheduled_start)
INCLUDE (status, engagement_score, learning_objectives_met);

-- A student's sessions.
CREATE INDEX sessions_student_id_idx ON tutormax.sessions (student_id, scheduled_start);

-- What was to take place at a time, for analysts.
CREATE INDEX sessions_scheduled_start_idx ON tutormax.sessions (scheduled_start);

-- A subject's sessions, for analysts.
CREATE INDEX sessions_subject_idx ON tutormax.sessions (subject, scheduled_start);

CREATE TRIGGER sessions_set_updated_at
BEFORE UPDATE ON tutormax.sessions
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

-- What a student says of a session.
CREATE TABLE tutormax.student_feedback (
    feedback_id              bigint      GENERATED BY DEFAULT AS IDENTITY,
    session_id               text        NOT NULL,
    tutor_id                 text        NOT NULL,
    student_id               text        NOT NULL,
    overall_rating           integer     NOT NULL,
    subject_knowledge_rating integer,
    communication_rating     integer,
    patience_rating          integer,
    engagement_rating        integer,
    helpfulness_rating       integer,
    is_first_session         boolean     NOT NULL DEFAULT false,
    would_recommend          boolean,
    improvement_areas        text[]      NOT NULL DEFAULT '{}',
    free_text                text,
    submitted_at             timestamptz NOT NULL DEFAULT now(),
    created_at               timestamptz NOT NULL DEFAULT now(),
    updated_at               timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT student_feedback_pkey PRIMARY KEY (feedback_id),
    CONSTRAINT student_feedback_session_id_key UNIQUE (session_id),
    CONSTRAINT student_feedback_session_id_fkey FOREIGN KEY (session_id, tutor_id, student_id)
    REFERENCES tutormax.sessions (session_id, tutor_id, student_id) ON DELETE RESTRICT,
    CONSTRAINT student_feedback_overall_rating_check CHECK (overall_rating BETWEEN 1 AND 5),
    CONSTRAINT student_feedback_part_ratings_check CHECK (
        subject_knowledge_rating >= 1 AND subject_knowledge_rating <= 5
        AND communication_rating >= 1 AND communication_rating <= 5
        AND patience_rating >= 1 AND patience_rating <= 5
        AND engagement_rating >= 1 AND engagement_rating <= 5
        AND helpfulness_rating >= 1 AND helpfulness_rating <= 5
    ),
    CONSTRAINT student_feedback_improvement_areas_check CHECK (array_position(improvement_areas, NULL) IS NULL),
    CONSTRAINT student_feedback_free_text_check CHECK (length(free_text) <= 10000),
    CONSTRAINT student_feedback_submitted_at_check CHECK (isfinite(submitted_at))
);

COMMENT ON TABLE tutormax.student_feedback IS
'What a student says of a session, one row a session at most, for the session''s own tutor and by its own student.';
COMMENT ON COLUMN tutormax.student_feedback.feedback_id IS 'Row number, without meaning.';
COMMENT ON COLUMN tutormax.student_feedback.session_id IS 'The session that it is about (sessions.session_id).';
COMMENT ON COLUMN tutormax.student_feedback.tutor_id IS 'That session''s tutor.';
COMMENT ON COLUMN tutormax.student_feedback.student_id IS 'That session''s student, whose feedback it is.';
COMMENT ON COLUMN tutormax.student_feedback.overall_rating IS 'How good it was altogether, 1 (bad) to 5 (very good).';
COMMENT ON COLUMN tutormax.student_feedback.subject_knowledge_rating IS 'How well the tutor knows the subject, 1 to 5; NULL: not said.';
COMMENT ON COLUMN tutormax.student_feedback.communication_rating IS 'How well the tutor explains, 1 to 5; NULL: not said.';
COMMENT ON COLUMN tutormax.student_feedback.patience_rating IS 'How patient the tutor was, 1 to 5; NULL: not said.';
COMMENT ON COLUMN tutormax.student_feedback.engagement_rating IS 'How much the tutor drew the student in, 1 to 5; NULL: not said.';
COMMENT ON COLUMN tutormax.student_feedback.helpfulness_rating IS 'How much it helped, 1 to 5; NULL: not said.';
COMMENT ON COLUMN tutormax.student_feedback.is_first_session IS 'Whether it was the student''s first session with this tutor.';
COMMENT ON COLUMN tutormax.student_feedback.would_recommend IS 'Whether the student would recommend the tutor; NULL: not said.';
COMMENT ON COLUMN tutormax.student_feedback.improvement_areas IS 'What could be better, as a list such as {pacing,examples}.';
COMMENT ON COLUMN tutormax.student_feedback.free_text IS 'The student''s own words, up to 10000 characters. Personal data, not for analysts.';
COMMENT ON COLUMN tutormax.student_feedback.submitted_at IS
'When the student said it. Metrics count a rating on this day, in UTC.';
COMMENT ON COLUMN tutormax.student_feedback.created_at IS 'When the row was made.';
COMMENT ON COLUMN tutormax.student_feedback.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT student_feedback_pkey ON tutormax.student_feedback IS 'One row a feedback.';
COMMENT ON CONSTRAINT student_feedback_session_id_key ON tutormax.student_feedback IS 'A session has one feedback.';
COMMENT ON CONSTRAINT student_feedback_session_id_fkey ON tutormax.student_feedback IS
'Feedback is of a session that exists, by its own student and for its own tutor.';
COMMENT ON CONSTRAINT student_feedback_overall_rating_check ON tutormax.student_feedback IS 'overall_rating is 1 to 5.';
COMMENT ON CONSTRAINT student_feedback_part_ratings_check ON tutormax.student_feedback IS
'Each of the five part ratings is 1 to 5, or is left out.';
COMMENT ON CONSTRAINT student_feedback_improvement_areas_check ON tutormax.student_feedback IS 'No improvement area is NULL.';
COMMENT ON CONSTRAINT student_feedback_free_text_check ON tutormax.student_feedback IS
'free_text has at most 10000 characters.';
COMMENT ON CONSTRAINT student_feedback_submitted_at_check ON tutormax.student_feedback IS 'submitted_at is finite.';

-- Serves get_tutor_statistics and the metrics: a tutor's ratings of some days, by an index-only scan.
CREATE INDEX student_feedback_tutor_id_idx ON tutormax.student_feedback (tutor_id, submitted_at)
INCLUDE (overall_rating, is_first_session);

-- A student's feedback.
CREATE INDEX student_feedback_student_id_idx ON tutormax.student_feedback (student_id, submitted_at);

CREATE TRIGGER student_feedback_require_actor
BEFORE INSERT OR UPDATE OR DELETE ON tutormax.student_feedback
FOR EACH STATEMENT EXECUTE FUNCTION platform.require_actor();

CREATE TRIGGER student_feedback_set_updated_at
BEFORE UPDATE ON tutormax.student_feedback
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

-- Which days of which tutors have changed since metrics were computed: what makes that incremental. Rows are only added,
-- one a statement and tutor, so that writers never wait for each other here; computing takes them out.
CREATE TABLE tutormax.metric_changes (
    change_id bigint GENERATED ALWAYS AS IDENTITY,
    tutor_id  text   NOT NULL,
    first_day date   NOT NULL,
    last_day  date   NOT NULL,

    CONSTRAINT metric_changes_pkey PRIMARY KEY (tutor_id, change_id),
    CONSTRAINT metric_changes_last_day_check CHECK (last_day >= first_day)
);

COMMENT ON TABLE tutormax.metric_changes IS
'Which days'' sessions or ratings of a tutor have changed since compute_performance_metrics() last ran, which takes the rows out. Written by triggers.';
COMMENT ON COLUMN tutormax.metric_changes.change_id IS 'Order of the changes.';
COMMENT ON COLUMN tutormax.metric_changes.tutor_id IS 'Whose (tutors.tutor_id).';
COMMENT ON COLUMN tutormax.metric_changes.first_day IS 'The first day (UTC) that changed.';
COMMENT ON COLUMN tutormax.metric_changes.last_day IS 'The last day (UTC) that changed; days in between may have.';
COMMENT ON CONSTRAINT metric_changes_pkey ON tutormax.metric_changes IS 'One row a statement and tutor.';
COMMENT ON CONSTRAINT metric_changes_last_day_check ON tutormax.metric_changes IS 'last_day is not before first_day.';

CREATE FUNCTION tutormax.note_sessions()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write the changes itself
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO tutormax.metric_changes (tutor_id, first_day, last_day)
    SELECT
        c.tutor_id,
        (min(c.scheduled_start) AT TIME ZONE 'UTC')::date,
        (max(c.scheduled_start) AT TIME ZONE 'UTC')::date
    FROM changed_rows AS c
    GROUP BY c.tutor_id;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION tutormax.note_sessions() IS
'Statement trigger of sessions with the transition table changed_rows: writes down whose days have changed.';

CREATE FUNCTION tutormax.note_feedback()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write the changes itself
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO tutormax.metric_changes (tutor_id, first_day, last_day)
    SELECT
        c.tutor_id,
        (min(c.submitted_at) AT TIME ZONE 'UTC')::date,
        (max(c.submitted_at) AT TIME ZONE 'UTC')::date
    FROM changed_rows AS c
    GROUP BY c.tutor_id;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION tutormax.note_feedback() IS
'Statement trigger of student_feedback with the transition table changed_rows: writes down whose days have changed.';

CREATE TRIGGER sessions_note_insert
AFTER INSERT ON tutormax.sessions
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION tutormax.note_sessions();

-- What was, and what is: a session may have moved to another day or tutor.
CREATE TRIGGER sessions_note_update_from
AFTER UPDATE ON tutormax.sessions
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION tutormax.note_sessions();

CREATE TRIGGER sessions_note_update_to
AFTER UPDATE ON tutormax.sessions
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION tutormax.note_sessions();

CREATE TRIGGER sessions_note_delete
AFTER DELETE ON tutormax.sessions
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION tutormax.note_sessions();

-- It would not be noted.
CREATE TRIGGER sessions_refuse_truncate
BEFORE TRUNCATE ON tutormax.sessions
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE TRIGGER student_feedback_note_insert
AFTER INSERT ON tutormax.student_feedback
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION tutormax.note_feedback();

CREATE TRIGGER student_feedback_note_update_from
AFTER UPDATE ON tutormax.student_feedback
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION tutormax.note_feedback();

CREATE TRIGGER student_feedback_note_update_to
AFTER UPDATE ON tutormax.student_feedback
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION tutormax.note_feedback();

CREATE TRIGGER student_feedback_note_delete
AFTER DELETE ON tutormax.student_feedback
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION tutormax.note_feedback();

CREATE TRIGGER student_feedback_refuse_truncate
BEFORE TRUNCATE ON tutormax.student_feedback
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- How a tutor has done over some days.
CREATE TABLE tutormax.tutor_performance_metrics (
    tutor_id                    text                   NOT NULL,
    metric_window               tutormax.metric_window NOT NULL,
    calculation_date            date                   NOT NULL,
    definition_version          bigint                 NOT NULL,
    sessions_total              integer                NOT NULL,
    sessions_settled            integer                NOT NULL,
    sessions_completed          integer                NOT NULL,
    completion_rate             numeric(5, 4),
    no_show_count               integer                NOT NULL,
    no_show_rate                numeric(5, 4),
    student_no_show_count       integer                NOT NULL,
    reschedule_count            integer                NOT NULL,
    reschedule_rate             numeric(5, 4),
    avg_rating                  numeric(3, 2),
    rating_count                integer                NOT NULL,
    first_session_count         integer                NOT NULL,
    first_session_success_rate  numeric(5, 4),
    engagement_score            numeric(4, 3),
    learning_objectives_met_pct numeric(5, 2),
    performance_tier            tutormax.performance_tier,
    created_at                  timestamptz            NOT NULL DEFAULT now(),
    updated_at                  timestamptz            NOT NULL DEFAULT now(),

    CONSTRAINT tutor_performance_metrics_pkey
    PRIMARY KEY (tutor_id, metric_window, calculation_date, definition_version),
    CONSTRAINT tutor_performance_metrics_tutor_id_fkey FOREIGN KEY (tutor_id)
    REFERENCES tutormax.tutors (tutor_id) ON DELETE RESTRICT,
    CONSTRAINT tutor_performance_metrics_version_check CHECK (definition_version >= 1)
);

COMMENT ON TABLE tutormax.tutor_performance_metrics IS
'How a tutor has done over a window of days, one row a tutor, window, day and version of the definitions. Computed by compute_performance_metrics(), which the columns'' comments define; whole days of UTC. Written by nobody else.';
COMMENT ON COLUMN tutormax.tutor_performance_metrics.tutor_id IS 'The tutor (tutors.tutor_id).';
COMMENT ON COLUMN tutormax.tutor_performance_metrics.metric_window IS
'How many days are counted: 7, 30 or 90, the last of which is calculation_date.';
COMMENT ON COLUMN tutormax.tutor_performance_metrics.calculation_date IS
'The last day (UTC) that is counted. Sessions count on the day of scheduled_start, ratings on the day of submitted_at.';
COMMENT ON COLUMN tutormax.tutor_performance_metrics.definition_version IS
'Which version of these definitions the row was computed by (tutormax.definition_version()). These comments are version 1.';
COMMENT ON COLUMN tutormax.tutor_performance_metrics.sessions_total IS 'How many sessions were to begin in the window, whatever became of them.';
COMMENT ON COLUMN tutormax.tutor_performance_metrics.sessions_settled IS
'Those of sessions_total whose status is not scheduled any more: what the rates are shares of.';
COMMENT ON COLUMN tutormax.tutor_performance_metrics.sessions_completed IS 'Those with the status completed.';
COMMENT ON COLUMN tutormax.tutor_performance_metrics.completion_rate IS
'sessions_completed / sessions_settled, 0 to 1, rounded to 4 places; NULL where nothing is settled.';
COMMENT ON COLUMN tutormax.tutor_performance_metrics.no_show_count IS
'Sessions with the status no_show_tutor: the tutor did not come.';
COMMENT ON COLUMN tutormax.tutor_performance_metrics.no_show_rate IS
'no_show_count / sessions_settled, 0 to 1, rounded to 4 places; NULL where nothing is settled.';
COMMENT ON COLUMN tutormax.tutor_performance_metrics.student_no_show_count IS
'Sessions with the status no_show_student: the student did not come. Not the tutor''s fault.';
COMMENT ON COLUMN tutormax.tutor_performance_metrics.reschedule_count IS 'Sessions with the status rescheduled, whoever asked for it.';
COMMENT ON COLUMN tutormax.tutor_performance_metrics.reschedule_rate IS
'reschedule_count / sessions_settled, 0 to 1, rounded to 4 places; NULL where nothing is settled.';
COMMENT ON COLUMN tutormax.tutor_performance_metrics.avg_rating IS
'Mean of overall_rating of the feedback submitted in the window, 1 to 5, rounded to 2 places; NULL where there is none.';
COMMENT ON COLUMN tutormax.tutor_performance_metrics.rating_count IS 'How many ratings avg_rating is the mean of.';
COMMENT ON COLUMN tutormax.tutor_performance_metrics.first_session_count IS 'Those of rating_count that are about first sessions.';
COMMENT ON COLUMN tutormax.tutor_performance_metrics.first_session_success_rate IS
'Share of first_session_count with an overall_rating of 4 or 5, 0 to 1, rounded to 4 places; NULL where there is none.';
COMMENT ON COLUMN tutormax.tutor_performance_metrics.engagement_score IS
'Mean of engagement_score of the completed sessions that have one, 0 to 1, rounded to 3 places; NULL where none has.';
COMMENT ON COLUMN tutormax.tutor_performance_metrics.learning_objectives_met_pct IS
'Percentage of the completed sessions for which somebody said whether objectives were met, of which they were: 0 to 100, rounded to 2 places; NULL where nobody said.';
COMMENT ON COLUMN tutormax.tutor_performance_metrics.performance_tier IS
'What the rounded values above make, as tutormax.tier_of() says; NULL with fewer than 3 settled sessions.';
COMMENT ON COLUMN tutormax.tutor_performance_metrics.created_at IS 'When the row was first computed.';
COMMENT ON COLUMN tutormax.tutor_performance_metrics.updated_at IS 'When a computation last changed a value.';
COMMENT ON CONSTRAINT tutor_performance_metrics_pkey ON tutormax.tutor_performance_metrics IS
'One row a tutor, window, day and version of the definitions.';
COMMENT ON CONSTRAINT tutor_performance_metrics_tutor_id_fkey ON tutormax.tutor_performance_metrics IS
'tutor_id is the key of a tutor.';
COMMENT ON CONSTRAINT tutor_performance_metrics_version_check ON tutormax.tutor_performance_metrics IS
'definition_version is a whole number from 1.';

-- What was computed for a day, for analysts.
CREATE INDEX tutor_performance_metrics_calculation_date_idx
ON tutormax.tutor_performance_metrics (calculation_date);

-- What a model says of a tutor.
CREATE TABLE tutormax.churn_predictions (
    prediction_id        bigint              GENERATED BY DEFAULT AS IDENTITY,
    tutor_id             text                NOT NULL,
    prediction_date      timestamptz         NOT NULL DEFAULT now(),
    churn_score          integer             NOT NULL,
    risk_level           tutormax.risk_level NOT NULL GENERATED ALWAYS AS (
        CASE
            WHEN churn_score <= 25 THEN 'Low'::tutormax.risk_level
            WHEN churn_score <= 50 THEN 'Medium'::tutormax.risk_level
            WHEN churn_score <= 75 THEN 'High'::tutormax.risk_level
            ELSE 'Critical'::tutormax.risk_level
        END
    ) STORED,
    probability_1d       double precision    NOT NULL,
    probability_7d       double precision    NOT NULL,
    probability_30d      double precision    NOT NULL,
    probability_90d      double precision    NOT NULL,
    contributing_factors jsonb               NOT NULL DEFAULT '{}',
    model_version        text                NOT NULL,
    feature_cutoff       timestamptz         NOT NULL,
    is_current           boolean             NOT NULL DEFAULT false,
    created_at           timestamptz         NOT NULL DEFAULT now(),

    CONSTRAINT churn_predictions_pkey PRIMARY KEY (prediction_id),
    CONSTRAINT churn_predictions_tutor_id_key UNIQUE (tutor_id, prediction_date, model_version),
    -- What interventions refer to.
    CONSTRAINT churn_predictions_prediction_id_tutor_id_key UNIQUE (prediction_id, tutor_id),
    CONSTRAINT churn_predictions_tutor_id_fkey FOREIGN KEY (tutor_id)
    REFERENCES tutormax.tutors (tutor_id) ON DELETE RESTRICT,
    CONSTRAINT churn_predictions_churn_score_check CHECK (churn_score BETWEEN 0 AND 100),
    CONSTRAINT churn_predictions_probability_check CHECK (
        probability_1d >= 0 AND probability_1d <= 1
        AND probability_7d >= 0 AND probability_7d <= 1
        AND probability_30d >= 0 AND probability_30d <= 1
        AND probability_90d >= 0 AND probability_90d <= 1
    ),
    -- Where a probability is none, that is said instead.
    CONSTRAINT churn_predictions_horizon_check CHECK (
        (probability_1d <= probability_7d AND probability_7d <= probability_30d AND probability_30d <= probability_90d)
        OR NOT (
            probability_1d >= 0 AND probability_1d <= 1
            AND probability_7d >= 0 AND probability_7d <= 1
            AND probability_30d >= 0 AND probability_30d <= 1
            AND probability_90d >= 0 AND probability_90d <= 1
        )
    ),
    CONSTRAINT churn_predictions_contributing_factors_check CHECK (jsonb_typeof(contributing_factors) = 'object'),
    CONSTRAINT churn_predictions_model_version_check CHECK (model_version ~ '\S' AND length(model_version) <= 50),
    CONSTRAINT churn_predictions_feature_cutoff_check CHECK (
        feature_cutoff <= prediction_date AND isfinite(feature_cutoff)
    ),
    -- Clocks differ a little.
    CONSTRAINT churn_predictions_prediction_date_check CHECK (
        prediction_date <= created_at + interval '1 minute' AND isfinite(prediction_date)
    )
);

COMMENT ON TABLE tutormax.churn_predictions IS
'What a model says of whether a tutor will leave, one row a tutor, time and model, with what it was made from. Fed by machines; append-only, so that what was known when can be told later.';
COMMENT ON COLUMN tutormax.churn_predictions.prediction_id IS 'The prediction.';
COMMENT ON COLUMN tutormax.churn_predictions.tutor_id IS 'Whom it is about (tutors.tutor_id).';
COMMENT ON COLUMN tutormax.churn_predictions.prediction_date IS
'When it was made; not later than the row, but for a minute by which clocks may differ.';
COMMENT ON COLUMN tutormax.churn_predictions.churn_score IS 'How likely the tutor is to leave, 0 (not at all) to 100.';
COMMENT ON COLUMN tutormax.churn_predictions.risk_level IS
'What the score means: Low 0-25, Medium 26-50, High 51-75, Critical 76-100. Computed by the database.';
COMMENT ON COLUMN tutormax.churn_predictions.probability_1d IS 'Probability that the tutor leaves within 1 day of prediction_date, 0 to 1.';
COMMENT ON COLUMN tutormax.churn_predictions.probability_7d IS 'The same within 7 days; not below that within 1.';
COMMENT ON COLUMN tutormax.churn_predictions.probability_30d IS 'The same within 30 days; not below that within 7.';
COMMENT ON COLUMN tutormax.churn_predictions.probability_90d IS 'The same within 90 days; not below that within 30.';
COMMENT ON COLUMN tutormax.churn_predictions.contributing_factors IS
'What the model goes by, as a JSON object of factors and weights, such as {"no_shows": 0.4}.';
COMMENT ON COLUMN tutormax.churn_predictions.model_version IS 'Which model said it, such as churn-2026-10; up to 50 characters.';
COMMENT ON COLUMN tutormax.churn_predictions.feature_cutoff IS
'Until when the model knew what had happened; not after prediction_date.';
COMMENT ON COLUMN tutormax.churn_predictions.is_current IS
'Whether it is the latest prediction of a tutor who has not churned: what get_high_risk_tutors looks through. Kept by triggers; the only column that changes.';
COMMENT ON COLUMN tutormax.churn_predictions.created_at IS 'When the row was made.';
COMMENT ON CONSTRAINT churn_predictions_pkey ON tutormax.churn_predictions IS 'One row a prediction.';
COMMENT ON CONSTRAINT churn_predictions_tutor_id_key ON tutormax.churn_predictions IS
'A model predicts once for a tutor and time.';
COMMENT ON CONSTRAINT churn_predictions_prediction_id_tutor_id_key ON tutormax.churn_predictions IS
'What interventions refer to: a prediction with its tutor.';
COMMENT ON CONSTRAINT churn_predictions_tutor_id_fkey ON tutormax.churn_predictions IS 'tutor_id is the key of a tutor.';
COMMENT ON CONSTRAINT churn_predictions_churn_score_check ON tutormax.churn_predictions IS 'churn_score is 0 to 100.';
COMMENT ON CONSTRAINT churn_predictions_probability_check ON tutormax.churn_predictions IS 'Each probability is 0 to 1.';
COMMENT ON CONSTRAINT churn_predictions_horizon_check ON tutormax.churn_predictions IS
'Probabilities do not decrease with the horizon: 1, 7, 30, 90 days.';
COMMENT ON CONSTRAINT churn_predictions_contributing_factors_check ON tutormax.churn_predictions IS
'contributing_factors is a JSON object.';
COMMENT ON CONSTRAINT churn_predictions_model_version_check ON tutormax.churn_predictions IS
'model_version has 1 to 50 characters.';
COMMENT ON CONSTRAINT churn_predictions_feature_cutoff_check ON tutormax.churn_predictions IS
'feature_cutoff is not after prediction_date.';
COMMENT ON CONSTRAINT churn_predictions_prediction_date_check ON tutormax.churn_predictions IS
'A prediction is not from the future.';

CREATE UNIQUE INDEX churn_predictions_current_key ON tutormax.churn_predictions (tutor_id) WHERE is_current;

COMMENT ON INDEX tutormax.churn_predictions_current_key IS 'A tutor has one current prediction at most.';

-- Serves get_high_risk_tutors and v_churn_watchlist: the highest scores first.
CREATE INDEX churn_predictions_current_score_idx ON tutormax.churn_predictions (churn_score DESC, tutor_id)
WHERE is_current;

-- What was predicted at a time, for analysts.
CREATE INDEX churn_predictions_prediction_date_idx ON tutormax.churn_predictions (prediction_date);

-- Predictions of a level, for analysts.
CREATE INDEX churn_predictions_risk_level_idx ON tutormax.churn_predictions (risk_level, prediction_date);

CREATE TRIGGER churn_predictions_refuse_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON tutormax.churn_predictions
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE FUNCTION tutormax.take_over_prediction()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may change a prediction
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_setting text := current_setting('mentorbase.maintenance', true);
    present        tutormax.tutor_status;
BEGIN
    -- One at a time for a tutor; that the tutor exists is the foreign key's to say.
    SELECT t.status INTO present
    FROM tutormax.tutors AS t
    WHERE t.tutor_id = NEW.tutor_id
    FOR NO KEY UPDATE;

    NEW.is_current := coalesce(present <> 'churned', false) AND NOT EXISTS (
        SELECT FROM tutormax.churn_predictions AS p
        WHERE p.tutor_id = NEW.tutor_id AND p.prediction_date > NEW.prediction_date
    );
    IF NEW.is_current THEN
        SET LOCAL mentorbase.maintenance = 'tutormax';
        UPDATE tutormax.churn_predictions AS p
        SET is_current = false
        WHERE p.tutor_id = NEW.tutor_id AND p.is_current;
        EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_setting, ''));
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION tutormax.take_over_prediction() IS
'Row trigger of churn_predictions: the latest of a tutor who has not churned is the current one, and takes over from the one before.';

CREATE TRIGGER churn_predictions_take_over
BEFORE INSERT ON tutormax.churn_predictions
FOR EACH ROW EXECUTE FUNCTION tutormax.take_over_prediction();

CREATE FUNCTION tutormax.follow_tutor_status()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may change a prediction
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_setting text := current_setting('mentorbase.maintenance', true);
BEGIN
    SET LOCAL mentorbase.maintenance = 'tutormax';
    IF NEW.status = 'churned' THEN
        UPDATE tutormax.churn_predictions AS p
        SET is_current = false
        WHERE p.tutor_id = NEW.tutor_id AND p.is_current;
    ELSE
        UPDATE tutormax.churn_predictions AS p
        SET is_current = true
        WHERE p.prediction_id = (
            SELECT l.prediction_id
            FROM tutormax.churn_predictions AS l
            WHERE l.tutor_id = NEW.tutor_id
            ORDER BY l.prediction_date DESC, l.prediction_id DESC
            LIMIT 1
        );
    END IF;
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_setting, ''));
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION tutormax.follow_tutor_status() IS
'Row trigger of tutors: who churns has no current prediction any more, who comes back has.';

CREATE TRIGGER tutors_follow_status
AFTER UPDATE ON tutormax.tutors
FOR EACH ROW WHEN ((old.status = 'churned') <> (new.status = 'churned'))
EXECUTE FUNCTION tutormax.follow_tutor_status();

-- The life cycle of interventions, as data: who may go where.
CREATE TABLE tutormax.interventions_transitions (
    id          bigint                       GENERATED BY DEFAULT AS IDENTITY,
    from_status tutormax.intervention_status,
    to_status   tutormax.intervention_status NOT NULL,
    actor_kind  tutormax.party               NOT NULL,

    CONSTRAINT interventions_transitions_pkey PRIMARY KEY (id),
    CONSTRAINT interventions_transitions_step_key UNIQUE NULLS NOT DISTINCT (from_status, to_status, actor_kind)
);

COMMENT ON TABLE tutormax.interventions_transitions IS
'Every allowed step of an intervention and who may take it. A step that has no row here is refused (MB003), and so is one that has none for the actor (MB002). The system imports in any status.';
COMMENT ON COLUMN tutormax.interventions_transitions.id IS 'Row number, without meaning.';
COMMENT ON COLUMN tutormax.interventions_transitions.from_status IS 'Present status; NULL where the intervention is new.';
COMMENT ON COLUMN tutormax.interventions_transitions.to_status IS 'Next status.';
COMMENT ON COLUMN tutormax.interventions_transitions.actor_kind IS 'As what the actor takes the step.';
COMMENT ON CONSTRAINT interventions_transitions_pkey ON tutormax.interventions_transitions IS 'One row a step and actor.';
COMMENT ON CONSTRAINT interventions_transitions_step_key ON tutormax.interventions_transitions IS
'Each step is allowed to each kind of actor once.';

INSERT INTO tutormax.interventions_transitions (from_status, to_status, actor_kind) VALUES
(NULL, 'open', 'staff'),
(NULL, 'open', 'admin'),
(NULL, 'open', 'system'),
(NULL, 'assigned', 'assignee'),
(NULL, 'assigned', 'staff'),
(NULL, 'assigned', 'admin'),
(NULL, 'assigned', 'system'),
(NULL, 'in_progress', 'system'),
(NULL, 'completed', 'system'),
(NULL, 'dismissed', 'system'),
('open', 'assigned', 'staff'),
('open', 'assigned', 'admin'),
('open', 'assigned', 'system'),
('open', 'dismissed', 'staff'),
('open', 'dismissed', 'admin'),
('open', 'dismissed', 'system'),
('assigned', 'open', 'assignee'),
('assigned', 'open', 'admin'),
('assigned', 'open', 'system'),
('assigned', 'in_progress', 'assignee'),
('assigned', 'in_progress', 'admin'),
('assigned', 'dismissed', 'assignee'),
('assigned', 'dismissed', 'admin'),
('assigned', 'dismissed', 'system'),
('in_progress', 'open', 'assignee'),
('in_progress', 'open', 'admin'),
('in_progress', 'completed', 'assignee'),
('in_progress', 'completed', 'admin'),
('in_progress', 'dismissed', 'assignee'),
('in_progress', 'dismissed', 'admin');

-- What is done to keep a tutor.
CREATE TABLE tutormax.interventions (
    intervention_id   bigint                       GENERATED BY DEFAULT AS IDENTITY,
    tutor_id          text                         NOT NULL,
    intervention_type text                         NOT NULL,
    trigger_reason    text                         NOT NULL,
    prediction_id     bigint,
    status            tutormax.intervention_status NOT NULL DEFAULT 'open',
    assigned_to       bigint,
    due_date          date                         NOT NULL,
    outcome           tutormax.intervention_outcome,
    closed_at         timestamptz,
    created_at        timestamptz                  NOT NULL DEFAULT now(),
    updated_at        timestamptz                  NOT NULL DEFAULT now(),

    CONSTRAINT interventions_pkey PRIMARY KEY (intervention_id),
    CONSTRAINT interventions_tutor_id_fkey FOREIGN KEY (tutor_id)
    REFERENCES tutormax.tutors (tutor_id) ON DELETE RESTRICT,
    CONSTRAINT interventions_prediction_id_fkey FOREIGN KEY (prediction_id, tutor_id)
    REFERENCES tutormax.churn_predictions (prediction_id, tutor_id) ON DELETE RESTRICT,
    CONSTRAINT interventions_intervention_type_check CHECK (intervention_type ~ '^[a-z][a-z0-9_]{0,49}$'),
    CONSTRAINT interventions_trigger_reason_check CHECK (
        trigger_reason ~ '\S' AND length(trigger_reason) <= 1000
    ),
    CONSTRAINT interventions_assigned_to_check CHECK (
        CASE status
            WHEN 'open' THEN assigned_to IS NULL
            WHEN 'dismissed' THEN true
            ELSE assigned_to IS NOT NULL
        END
    ),
    CONSTRAINT interventions_due_date_check CHECK (isfinite(due_date)),
    CONSTRAINT interventions_outcome_check CHECK ((outcome IS NOT NULL) = (status = 'completed')),
    CONSTRAINT interventions_closed_at_check CHECK (
        (closed_at IS NOT NULL) = (status IN ('completed', 'dismissed')) AND isfinite(coalesce(closed_at, created_at))
    )
);

COMMENT ON TABLE tutormax.interventions IS
'What is done to keep a tutor, one row a task. Steps are those of interventions_transitions, each leaves a row in interventions_history.';
COMMENT ON COLUMN tutormax.interventions.intervention_id IS 'The intervention.';
COMMENT ON COLUMN tutormax.interventions.tutor_id IS 'For whom it is (tutors.tutor_id). Never changes.';
COMMENT ON COLUMN tutormax.interventions.intervention_type IS 'What is done, such as coaching or check_in_call. Never changes.';
COMMENT ON COLUMN tutormax.interventions.trigger_reason IS
'Why, in words, up to 1000 characters. Never changes; not for analysts.';
COMMENT ON COLUMN tutormax.interventions.prediction_id IS
'The prediction that it answers (churn_predictions.prediction_id), of the same tutor; NULL: another reason. Never changes.';
COMMENT ON COLUMN tutormax.interventions.status IS
'Where it stands; changes by the steps of interventions_transitions only.';
COMMENT ON COLUMN tutormax.interventions.assigned_to IS
'Who is to do it, a member of the staff (auth.users.id); NULL while it is open.';
COMMENT ON COLUMN tutormax.interventions.due_date IS 'The day by which it is to be done.';
COMMENT ON COLUMN tutormax.interventions.outcome IS 'What came of it. Set exactly when it is completed.';
COMMENT ON COLUMN tutormax.interventions.closed_at IS 'When it ended. Set exactly when it is completed or dismissed.';
COMMENT ON COLUMN tutormax.interventions.created_at IS 'When the row was made.';
COMMENT ON COLUMN tutormax.interventions.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT interventions_pkey ON tutormax.interventions IS 'One row an intervention.';
COMMENT ON CONSTRAINT interventions_tutor_id_fkey ON tutormax.interventions IS 'tutor_id is the key of a tutor.';
COMMENT ON CONSTRAINT interventions_prediction_id_fkey ON tutormax.interventions IS
'prediction_id is a prediction about the same tutor.';
COMMENT ON CONSTRAINT interventions_intervention_type_check ON tutormax.interventions IS
'intervention_type has up to 50 small letters, digits and underscores.';
COMMENT ON CONSTRAINT interventions_trigger_reason_check ON tutormax.interventions IS
'trigger_reason has 1 to 1000 characters.';
COMMENT ON CONSTRAINT interventions_assigned_to_check ON tutormax.interventions IS
'An open intervention is nobody''s; one that is assigned, in progress or completed is somebody''s.';
COMMENT ON CONSTRAINT interventions_due_date_check ON tutormax.interventions IS 'due_date is finite.';
COMMENT ON CONSTRAINT interventions_outcome_check ON tutormax.interventions IS
'outcome is set exactly when the intervention is completed.';
COMMENT ON CONSTRAINT interventions_closed_at_check ON tutormax.interventions IS
'closed_at is set exactly when the intervention is completed or dismissed.';

-- A tutor's interventions, newest first.
CREATE INDEX interventions_tutor_id_idx ON tutormax.interventions (tutor_id, intervention_id);

-- What there is to do, oldest first.
CREATE INDEX interventions_status_idx ON tutormax.interventions (status, intervention_id);

-- What somebody has to do.
CREATE INDEX interventions_assigned_to_idx ON tutormax.interventions (assigned_to, status, intervention_id);

-- What a prediction led to.
CREATE INDEX interventions_prediction_id_idx ON tutormax.interventions (prediction_id, tutor_id);

CREATE FUNCTION tutormax.intervention_side(assigned_to bigint, actor platform.actor)
RETURNS tutormax.party
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
        WHEN actor.id = assigned_to THEN 'assignee'
        ELSE 'staff'
    END::tutormax.party
$$;

COMMENT ON FUNCTION tutormax.intervention_side(bigint, platform.actor) IS
'What the actor is to an intervention that is assigned to this person, or with NULL to nobody: assignee, staff, admin or system.';

CREATE FUNCTION tutormax.guard_interventions()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- calls what the writing role may not
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor      platform.actor := platform.current_actor('tutormax_app');
    old_status tutormax.intervention_status;
    side       tutormax.party := tutormax.intervention_side(NEW.assigned_to, actor);
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW IS NOT DISTINCT FROM OLD THEN
            RETURN NEW;
        END IF;
        old_status := OLD.status;
        side := tutormax.intervention_side(OLD.assigned_to, actor);
    END IF;

    IF NEW.status IS DISTINCT FROM old_status AND NOT EXISTS (
        SELECT FROM tutormax.interventions_transitions AS t
        WHERE t.from_status IS NOT DISTINCT FROM old_status AND t.to_status = NEW.status AND t.actor_kind = side
    ) THEN
        PERFORM platform.refuse_step(
            'tutormax', 'interventions', 'an intervention', old_status::text, NEW.status::text, side::text,
            format('intervention_id=%s, tutor_id=%s', NEW.intervention_id, NEW.tutor_id)
        );
    END IF;

    IF TG_OP = 'UPDATE' THEN
        IF (NEW.intervention_id, NEW.tutor_id, NEW.intervention_type, NEW.trigger_reason, NEW.prediction_id,
            NEW.created_at)
            IS DISTINCT FROM
            (OLD.intervention_id, OLD.tutor_id, OLD.intervention_type, OLD.trigger_reason, OLD.prediction_id,
            OLD.created_at)
            OR (NEW.closed_at IS DISTINCT FROM OLD.closed_at AND side NOT IN ('admin', 'system'))
        THEN
            RAISE EXCEPTION 'what an intervention is for, and when it ended, is kept by the database' USING
                ERRCODE = 'MB006',
                DETAIL = format('intervention_id=%s', OLD.intervention_id),
                HINT = 'Change status, assigned_to, due_date or outcome; or dismiss it and open another.';
        ELSIF NEW.status = OLD.status AND OLD.status IN ('completed', 'dismissed') AND side NOT IN ('admin', 'system')
        THEN
            RAISE EXCEPTION 'an intervention that has ended is changed by an administrator' USING
                ERRCODE = 'MB002',
                DETAIL = format('intervention_id=%s, actor_is=%s', OLD.intervention_id, side),
                HINT = 'Act as an administrator, or open another one.';
        END IF;
        NEW.updated_at := now();
    END IF;

    IF NEW.status = 'open' THEN
        NEW.assigned_to := NULL;
    END IF;
    IF NEW.status IN ('completed', 'dismissed') THEN
        NEW.closed_at := coalesce(NEW.closed_at, now());
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION tutormax.guard_interventions() IS
'Row trigger of interventions: allows the steps of interventions_transitions and nothing else, stamps closed_at and updated_at; what is open again is nobody''s.';

CREATE TRIGGER interventions_guard
BEFORE INSERT OR UPDATE ON tutormax.interventions
FOR EACH ROW EXECUTE FUNCTION tutormax.guard_interventions();

CREATE TRIGGER interventions_require_actor
BEFORE DELETE ON tutormax.interventions
FOR EACH STATEMENT EXECUTE FUNCTION platform.require_actor();

-- It would leave no history.
CREATE TRIGGER interventions_refuse_truncate
BEFORE TRUNCATE ON tutormax.interventions
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE FUNCTION tutormax.record_interventions_history()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write history itself
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor        platform.actor := platform.current_actor('tutormax_app');
    intervention tutormax.interventions := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    INSERT INTO tutormax.interventions_history (
        intervention_id, tutor_id, from_status, to_status, assigned_to, outcome, actor_kind, actor_id,
        db_login, db_role, reason
    ) VALUES (
        intervention.intervention_id, intervention.tutor_id,
        CASE WHEN TG_OP <> 'INSERT' THEN OLD.status END,
        CASE WHEN TG_OP <> 'DELETE' THEN NEW.status END,
        intervention.assigned_to,
        intervention.outcome,
        tutormax.intervention_side(CASE WHEN TG_OP = 'INSERT' THEN NEW.assigned_to ELSE OLD.assigned_to END, actor),
        actor.id,
        session_user,
        nullif(current_setting('role'), 'none'),
        nullif(current_setting('mentorbase.reason', true), '')
    );
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION tutormax.record_interventions_history() IS
'Row trigger of interventions: writes one history row for each step, also for a DELETE.';

CREATE TRIGGER interventions_record_history
AFTER INSERT OR DELETE ON tutormax.interventions
FOR EACH ROW EXECUTE FUNCTION tutormax.record_interventions_history();

CREATE TRIGGER interventions_record_step
AFTER UPDATE ON tutormax.interventions
FOR EACH ROW WHEN (old.status IS DISTINCT FROM new.status)
EXECUTE FUNCTION tutormax.record_interventions_history();

-- What happened to interventions. No foreign key: the story outlives its subject.
CREATE TABLE tutormax.interventions_history (
    id              bigint         GENERATED ALWAYS AS IDENTITY,
    intervention_id bigint         NOT NULL,
    tutor_id        text           NOT NULL,
    from_status     tutormax.intervention_status,
    to_status       tutormax.intervention_status,
    assigned_to     bigint,
    outcome         tutormax.intervention_outcome,
    actor_kind      tutormax.party NOT NULL,
    actor_id        bigint,
    db_login        text           NOT NULL,
    db_role         text,
    reason          text,
    occurred_at     timestamptz    NOT NULL DEFAULT now(),

    CONSTRAINT interventions_history_pkey PRIMARY KEY (id),
    CONSTRAINT interventions_history_reason_check CHECK (length(reason) <= 500)
);

COMMENT ON TABLE tutormax.interventions_history IS
'Every step of every intervention: who, when, from, to, why. Append-only, written by a trigger, kept when the intervention itself is deleted.';
COMMENT ON COLUMN tutormax.interventions_history.id IS 'Order of the steps.';
COMMENT ON COLUMN tutormax.interventions_history.intervention_id IS 'The intervention, which may be gone.';
COMMENT ON COLUMN tutormax.interventions_history.tutor_id IS 'Its tutor.';
COMMENT ON COLUMN tutormax.interventions_history.from_status IS 'Status before; NULL for the first step.';
COMMENT ON COLUMN tutormax.interventions_history.to_status IS 'Status after; NULL where the row was deleted.';
COMMENT ON COLUMN tutormax.interventions_history.assigned_to IS 'Who was to do it after the step (auth.users.id).';
COMMENT ON COLUMN tutormax.interventions_history.outcome IS 'What came of it, where it was completed.';
COMMENT ON COLUMN tutormax.interventions_history.actor_kind IS
'As what the actor took the step: assignee (as it was before), staff, admin or system.';
COMMENT ON COLUMN tutormax.interventions_history.actor_id IS
'Who took it (auth.users.id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN tutormax.interventions_history.db_login IS 'The database login of the session.';
COMMENT ON COLUMN tutormax.interventions_history.db_role IS 'The role the session had set (SET ROLE), if any.';
COMMENT ON COLUMN tutormax.interventions_history.reason IS 'Why, in the actor''s words, up to 500 characters; NULL if not said.';
COMMENT ON COLUMN tutormax.interventions_history.occurred_at IS 'When: the start of the transaction that took the step.';
COMMENT ON CONSTRAINT interventions_history_pkey ON tutormax.interventions_history IS 'One row a step.';
COMMENT ON CONSTRAINT interventions_history_reason_check ON tutormax.interventions_history IS
'A reason has at most 500 characters.';

-- One intervention's history, in order.
CREATE INDEX interventions_history_intervention_id_idx ON tutormax.interventions_history (intervention_id, id);

CREATE TRIGGER interventions_history_refuse_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON tutormax.interventions_history
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- What tutors do: logins, reschedules and so on. Partitioned by month; DEFAULT takes what has no month yet.
CREATE TABLE tutormax.tutor_events (
    event_id        bigint      GENERATED ALWAYS AS IDENTITY,
    tutor_id        text        NOT NULL,
    event_type      text        NOT NULL,
    event_timestamp timestamptz NOT NULL,
    source          text        NOT NULL,
    source_event_id text        NOT NULL DEFAULT gen_random_uuid()::text,
    metadata        jsonb       NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT tutor_events_pkey PRIMARY KEY (event_timestamp, event_id),
    CONSTRAINT tutor_events_source_key UNIQUE (source, source_event_id, event_timestamp),
    CONSTRAINT tutor_events_tutor_id_fkey FOREIGN KEY (tutor_id)
    REFERENCES tutormax.tutors (tutor_id) ON DELETE RESTRICT,
    CONSTRAINT tutor_events_event_type_check CHECK (event_type ~ '^[a-z][a-z0-9_]{0,49}$'),
    CONSTRAINT tutor_events_event_timestamp_check CHECK (isfinite(event_timestamp)),
    CONSTRAINT tutor_events_source_check CHECK (source ~ '^[a-z][a-z0-9_]{0,49}$'),
    CONSTRAINT tutor_events_source_event_id_check CHECK (source_event_id ~ '\S' AND length(source_event_id) <= 200),
    CONSTRAINT tutor_events_metadata_check CHECK (jsonb_typeof(metadata) = 'object')
) PARTITION BY RANGE (event_timestamp);

COMMENT ON TABLE tutormax.tutor_events IS
'What tutors do on the platform, such as logins and reschedules, one row an event. Fed by machines, append-only, kept for the setting event_retention. A delivery that is repeated is one event.';
COMMENT ON COLUMN tutormax.tutor_events.event_id IS 'Order in which events were recorded.';
COMMENT ON COLUMN tutormax.tutor_events.tutor_id IS 'Who did it (tutors.tutor_id).';
COMMENT ON COLUMN tutormax.tutor_events.event_type IS 'What happened, such as login or reschedule.';
COMMENT ON COLUMN tutormax.tutor_events.event_timestamp IS 'When it happened.';
COMMENT ON COLUMN tutormax.tutor_events.source IS 'The system that reports it, such as web.';
COMMENT ON COLUMN tutormax.tutor_events.source_event_id IS
'That system''s own key of the event, up to 200 characters; made up where there is none.';
COMMENT ON COLUMN tutormax.tutor_events.metadata IS 'What else the source says, a JSON object.';
COMMENT ON COLUMN tutormax.tutor_events.created_at IS 'When it was recorded.';
COMMENT ON CONSTRAINT tutor_events_pkey ON tutormax.tutor_events IS 'One row an event.';
COMMENT ON CONSTRAINT tutor_events_source_key ON tutormax.tutor_events IS
'An event of a source is recorded once, however often it is delivered.';
COMMENT ON CONSTRAINT tutor_events_tutor_id_fkey ON tutormax.tutor_events IS 'tutor_id is the key of a tutor.';
COMMENT ON CONSTRAINT tutor_events_event_type_check ON tutormax.tutor_events IS
'event_type has up to 50 small letters, digits and underscores.';
COMMENT ON CONSTRAINT tutor_events_event_timestamp_check ON tutormax.tutor_events IS 'event_timestamp is finite.';
COMMENT ON CONSTRAINT tutor_events_source_check ON tutormax.tutor_events IS
'source has up to 50 small letters, digits and underscores.';
COMMENT ON CONSTRAINT tutor_events_source_event_id_check ON tutormax.tutor_events IS
'source_event_id has 1 to 200 characters.';
COMMENT ON CONSTRAINT tutor_events_metadata_check ON tutormax.tutor_events IS 'metadata is a JSON object.';

-- A tutor's events, newest first.
CREATE INDEX tutor_events_tutor_id_idx ON tutormax.tutor_events (tutor_id, event_timestamp, event_id);

-- Events of a type, for analysts.
CREATE INDEX tutor_events_event_type_idx ON tutormax.tutor_events (event_type, event_timestamp);

CREATE TABLE tutormax.tutor_events_default PARTITION OF tutormax.tutor_events DEFAULT;

COMMENT ON TABLE tutormax.tutor_events_default IS
'Rows of tutor_events of a month that has no partition yet. platform.make_months() moves them.';

CREATE TRIGGER tutor_events_refuse_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON tutormax.tutor_events
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- A statement trigger of the whole does not guard the parts.
CREATE TRIGGER tutor_events_refuse_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON tutormax.tutor_events_default
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

SELECT platform.make_months('tutormax', 'tutor_events');

-- Rows on their way: a bulk load is copied here, and tutormax.store_bulk() stores it in the same transaction. Unlogged,
-- because nothing stays.
CREATE UNLOGGED TABLE tutormax.bulk_rows (
    load_id  uuid   NOT NULL,
    position bigint NOT NULL,
    document text   NOT NULL,

    CONSTRAINT bulk_rows_pkey PRIMARY KEY (load_id, position)
);

COMMENT ON TABLE tutormax.bulk_rows IS
'Rows of bulk loads on their way: COPY brings them here, store_bulk() takes them out in the same transaction. What is left was never stored, and may go.';
COMMENT ON COLUMN tutormax.bulk_rows.load_id IS 'The load, made up by whoever loads.';
COMMENT ON COLUMN tutormax.bulk_rows.position IS 'Place of the row in its load, from 0; what a refusal names.';
COMMENT ON COLUMN tutormax.bulk_rows.document IS
'The row as a JSON object with the columns'' names. Text, so that one that is no JSON is a row that is refused. May hold personal data.';
COMMENT ON CONSTRAINT bulk_rows_pkey ON tutormax.bulk_rows IS 'A load has one row a position.';

-- Who changed what: one row a changed row, written by triggers. Partitioned by month; DEFAULT takes what has no month yet.
CREATE TABLE tutormax.audit_log (
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

COMMENT ON TABLE tutormax.audit_log IS
'Every change of a row of this schema that holds people''s data or decisions: who, when, what was and what is. The steps of interventions stand in interventions_history instead; sessions, predictions, metrics and events are fed by machines. Append-only for every role; platform.scrub() erases values, and expired months are dropped. Read by the owner; analysts read v_audit_log.';
COMMENT ON COLUMN tutormax.audit_log.id IS 'Order of the changes.';
COMMENT ON COLUMN tutormax.audit_log.table_name IS 'The table whose row changed.';
COMMENT ON COLUMN tutormax.audit_log.row_key IS 'The row: its key columns and their values.';
COMMENT ON COLUMN tutormax.audit_log.operation IS 'insert, update, delete, or scrub for an erasure from this log.';
COMMENT ON COLUMN tutormax.audit_log.old_values IS
'What an update changed, before; the whole row of a delete. Without secret columns; NULL for an insert and once scrubbed.';
COMMENT ON COLUMN tutormax.audit_log.new_values IS
'What an update changed, after; the whole row of an insert; how many rows a scrub erased. Without secret columns; NULL for a delete and once scrubbed.';
COMMENT ON COLUMN tutormax.audit_log.secret_columns IS 'Secret columns that were changed or filled; their values are not kept here.';
COMMENT ON COLUMN tutormax.audit_log.actor_kind IS 'As what the actor did it: user, admin or system.';
COMMENT ON COLUMN tutormax.audit_log.actor_id IS
'Who did it (auth.users.id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN tutormax.audit_log.db_login IS 'The database login of the session.';
COMMENT ON COLUMN tutormax.audit_log.db_role IS 'The role the session had set (SET ROLE), if any.';
COMMENT ON COLUMN tutormax.audit_log.transaction_id IS 'The transaction, the same for all that it changed.';
COMMENT ON COLUMN tutormax.audit_log.occurred_at IS 'When: the start of the transaction.';
COMMENT ON COLUMN tutormax.audit_log.scrubbed_at IS 'When the values were erased; NULL while they are kept.';
COMMENT ON CONSTRAINT audit_log_pkey ON tutormax.audit_log IS 'One row a changed row.';

-- One row's changes; what platform.scrub() erases.
CREATE INDEX audit_log_row_key_idx ON tutormax.audit_log (table_name, row_key, occurred_at);

CREATE TABLE tutormax.audit_log_default PARTITION OF tutormax.audit_log DEFAULT;

COMMENT ON TABLE tutormax.audit_log_default IS
'Rows of audit_log of a month that has no partition yet. platform.make_months() moves them.';

CREATE TRIGGER audit_log_refuse_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON tutormax.audit_log
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- A statement trigger of the whole does not guard the parts.
CREATE TRIGGER audit_log_refuse_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON tutormax.audit_log_default
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

SELECT platform.make_months('tutormax', 'audit_log');

CREATE TRIGGER settings_audit_insert
AFTER INSERT ON tutormax.settings
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('name');

CREATE TRIGGER settings_audit_update
AFTER UPDATE ON tutormax.settings
FOR EACH ROW EXECUTE FUNCTION platform.audit('name');

CREATE TRIGGER settings_audit_delete
AFTER DELETE ON tutormax.settings
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('name');

-- Who people are is recorded as changed only.
CREATE TRIGGER tutors_audit_insert
AFTER INSERT ON tutormax.tutors
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('tutor_id', 'name,email');

CREATE TRIGGER tutors_audit_update
AFTER UPDATE ON tutormax.tutors
FOR EACH ROW EXECUTE FUNCTION platform.audit('tutor_id', 'name,email');

CREATE TRIGGER tutors_audit_delete
AFTER DELETE ON tutormax.tutors
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('tutor_id', 'name,email');

CREATE TRIGGER students_audit_insert
AFTER INSERT ON tutormax.students
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('student_id', 'name,grade_level');

CREATE TRIGGER students_audit_update
AFTER UPDATE ON tutormax.students
FOR EACH ROW EXECUTE FUNCTION platform.audit('student_id', 'name,grade_level');

CREATE TRIGGER students_audit_delete
AFTER DELETE ON tutormax.students
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('student_id', 'name,grade_level');

-- Feedback comes in large numbers, and says itself what it was at first: corrections are what is left.
CREATE TRIGGER student_feedback_audit_update
AFTER UPDATE ON tutormax.student_feedback
FOR EACH ROW EXECUTE FUNCTION platform.audit('feedback_id', 'free_text');

CREATE TRIGGER student_feedback_audit_delete
AFTER DELETE ON tutormax.student_feedback
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('feedback_id', 'free_text');

-- Steps stand in interventions_history: who is to do it, until when, and corrections are what is left.
CREATE TRIGGER interventions_audit_update
AFTER UPDATE ON tutormax.interventions
FOR EACH ROW WHEN (old.status = new.status)
EXECUTE FUNCTION platform.audit('intervention_id', 'trigger_reason');

CREATE TRIGGER interventions_audit_delete
AFTER DELETE ON tutormax.interventions
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('intervention_id', 'trigger_reason');
