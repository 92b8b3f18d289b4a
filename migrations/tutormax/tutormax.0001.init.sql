-- How tutors perform: sessions, feedback, metrics, predictions, interventions, events.
-- depends: platform.0010.audit_locks

CALL platform.ensure_application_role('tutormax_app');

SET LOCAL ROLE mentorbase_owner;

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

CREATE FUNCTION tutormax.setting(setting_name text)
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
    SELECT s.value INTO STRICT found_value FROM tutormax.settings AS s WHERE s.name = setting_name;
    RETURN found_value;
END
$$;

COMMENT ON FUNCTION tutormax.setting(text) IS
'One limit from tutormax.settings, in that row''s unit. A missing row is an error rather than no limit.';

CREATE FUNCTION tutormax.days_of(metric_window tutormax.metric_window)
RETURNS integer
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE metric_window WHEN '7d' THEN 7 WHEN '30d' THEN 30 WHEN '90d' THEN 90 END
$$;

COMMENT ON FUNCTION tutormax.days_of(tutormax.metric_window) IS 'How many days a window of metrics has: 7, 30 or 90.';

CREATE FUNCTION tutormax.definition_version()
RETURNS bigint
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT 1
$$;

COMMENT ON FUNCTION tutormax.definition_version() IS
'The version of the definitions by which metrics are computed now. A migration that changes what a column of tutor_performance_metrics means, or tier_of(), counts it up: rows of different versions stand beside each other.';

CREATE FUNCTION tutormax.tier_of(
    settled integer, completion numeric, no_show numeric, reschedule numeric, rating numeric
)
RETURNS tutormax.performance_tier
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT
    CASE
        WHEN settled < 3 THEN NULL
        WHEN no_show >= 0.2 OR rating < 3 THEN 'at_risk'
        WHEN no_show >= 0.1 OR reschedule >= 0.3 OR rating < 3.5 THEN 'needs_attention'
        WHEN rating >= 4.7 AND completion >= 0.9 AND no_show < 0.02 AND reschedule < 0.1 THEN 'exemplary'
        WHEN rating >= 4.2 AND completion >= 0.8 AND no_show < 0.05 AND reschedule < 0.2 THEN 'strong'
        ELSE 'developing'
    END::tutormax.performance_tier
$$;

COMMENT ON FUNCTION tutormax.tier_of(integer, numeric, numeric, numeric, numeric) IS
'The tier of a tutor by settled sessions, rates of completion, no-show and rescheduling (0 to 1) and mean rating (NULL: none). NULL with fewer than 3 settled sessions. at_risk: no-shows from 0.2 on, or a rating below 3. needs_attention: no-shows from 0.1, rescheduling from 0.3, or a rating below 3.5. exemplary: a rating from 4.7, completion from 0.9, no-shows below 0.02, rescheduling below 0.1. strong: 4.2, 0.8, 0.05, 0.2. developing: all others. The first that holds.';

CREATE FUNCTION tutormax.compute_performance_metrics(
    as_of date DEFAULT NULL,
    windows tutormax.metric_window[] DEFAULT '{7d,30d,90d}'
)
RETURNS TABLE (as_of_date date, tutors bigint, rows_computed bigint, rows_changed bigint)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write metrics itself
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- whatever the statistics say of tables that were just loaded
SET enable_bitmapscan = off
SET enable_hashjoin = off -- it would read all metrics there have ever been
SET enable_mergejoin = off
SET jit = off
SET plan_cache_mode = force_custom_plan -- made for the size of the batch
AS $$
DECLARE
    today         date := coalesce(as_of, (now() AT TIME ZONE 'UTC')::date);
    version       CONSTANT bigint := tutormax.definition_version();
    batch         text[];
    last_tutor_id text := '';
    computed      bigint;
    changed       bigint;
    touched       bigint;
BEGIN
    IF NOT isfinite(today) OR windows IS NULL OR array_position(windows, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'metrics are computed for a day and some windows' USING
            ERRCODE = 'MB007',
            DETAIL = 'argument=as_of|windows',
            HINT = 'Give a date, and windows among 7d, 30d and 90d.';
    END IF;
    -- One at a time: of two, the one that looked earlier could write later.
    PERFORM pg_advisory_xact_lock(hashtextextended('tutormax.compute_performance_metrics', 0));

    as_of_date := today;
    tutors := 0;
    rows_computed := 0;
    rows_changed := 0;
    LOOP
        -- So many tutors at once: what a computation remembers does not grow with their number.
        SELECT array_agg(b.tutor_id), max(b.tutor_id) INTO batch, last_tutor_id
        FROM (
            SELECT t.tutor_id
            FROM tutormax.tutors AS t
            WHERE t.tutor_id > last_tutor_id
            ORDER BY t.tutor_id
            LIMIT 500
        ) AS b;
        EXIT WHEN batch IS NULL;

        -- OFFSET 0 below: each key is looked up. A planner that knows little of this table, which has just grown, would
        -- join it as a whole.
        WITH spans AS MATERIALIZED ( -- asked once, not for each row
            SELECT
                w.metric_window,
                tutormax.days_of(w.metric_window) AS days,
                today AS as_of
            FROM unnest(enum_range(NULL::tutormax.metric_window)) AS w (metric_window)
        ),
        taken AS (
            DELETE FROM tutormax.metric_changes AS c
            WHERE c.tutor_id = ANY (batch)
            RETURNING c.tutor_id, c.first_day, c.last_day
        ),
        wanted AS (
            -- What a change has touched, on whichever day it was computed for.
            SELECT m.tutor_id, m.metric_window, m.calculation_date
            FROM taken AS c
            CROSS JOIN spans AS p
            CROSS JOIN LATERAL (
                SELECT x.tutor_id, x.metric_window, x.calculation_date
                FROM tutormax.tutor_performance_metrics AS x
                WHERE x.tutor_id = c.tutor_id AND x.metric_window = p.metric_window
                    AND x.calculation_date >= c.first_day AND x.calculation_date < c.last_day + p.days
                    AND x.definition_version = version
                OFFSET 0
            ) AS m
            UNION
            -- What this day lacks: of those who had begun by then, and were still there when the window began.
            SELECT t.tutor_id, p.metric_window, p.as_of
            FROM unnest(batch) AS b (tutor_id)
            INNER JOIN tutormax.tutors AS t ON b.tutor_id = t.tutor_id
            CROSS JOIN spans AS p
            WHERE p.metric_window = ANY (windows)
                AND (t.onboarding_date AT TIME ZONE 'UTC')::date <= p.as_of
                AND (t.churned_at IS NULL OR (t.churned_at AT TIME ZONE 'UTC')::date > p.as_of - p.days)
                AND NOT EXISTS (
                    SELECT FROM tutormax.tutor_performance_metrics AS m
                    WHERE m.tutor_id = t.tutor_id AND m.metric_window = p.metric_window
                        AND m.calculation_date = p.as_of AND m.definition_version = version
                    OFFSET 0
                )
        ),
        figures AS (
            SELECT
                w.tutor_id,
                w.metric_window,
                w.calculation_date,
                s.total,
                s.settled,
                s.completed,
                round(s.completed::numeric / nullif(s.settled, 0), 4) AS completion_rate,
                s.no_show,
                round(s.no_show::numeric / nullif(s.settled, 0), 4) AS no_show_rate,
                s.student_no_show,
                s.rescheduled,
                round(s.rescheduled::numeric / nullif(s.settled, 0), 4) AS reschedule_rate,
                round(f.rating, 2) AS avg_rating,
                f.ratings,
                f.firsts,
                round(f.good_firsts::numeric / nullif(f.firsts, 0), 4) AS first_session_success_rate,
                round(s.engagement, 3) AS engagement_score,
                round(100 * s.objectives, 2) AS learning_objectives_met_pct
            FROM wanted AS w
            INNER JOIN spans AS p ON w.metric_window = p.metric_window
            CROSS JOIN LATERAL (
                SELECT
                    (w.calculation_date - p.days + 1)::timestamp AT TIME ZONE 'UTC' AS from_time,
                    (w.calculation_date + 1)::timestamp AT TIME ZONE 'UTC' AS to_time
            ) AS d
            CROSS JOIN LATERAL (
                SELECT
                    count(*) AS total,
                    count(*) FILTER (WHERE x.status <> 'scheduled') AS settled,
                    count(*) FILTER (WHERE x.status = 'completed') AS completed,
                    count(*) FILTER (WHERE x.status = 'no_show_tutor') AS no_show,
                    count(*) FILTER (WHERE x.status = 'no_show_student') AS student_no_show,
                    count(*) FILTER (WHERE x.status = 'rescheduled') AS rescheduled,
                    avg(x.engagement_score) FILTER (WHERE x.status = 'completed') AS engagement,
                    avg(x.learning_objectives_met::integer) FILTER (WHERE x.status = 'completed') AS objectives
                FROM tutormax.sessions AS x
                WHERE x.tutor_id = w.tutor_id AND x.scheduled_start >= d.from_time AND x.scheduled_start < d.to_time
            ) AS s
            CROSS JOIN LATERAL (
                SELECT
                    avg(x.overall_rating) AS rating,
                    count(*) AS ratings,
                    count(*) FILTER (WHERE x.is_first_session) AS firsts,
                    count(*) FILTER (WHERE x.is_first_session AND x.overall_rating >= 4) AS good_firsts
                FROM tutormax.student_feedback AS x
                WHERE x.tutor_id = w.tutor_id AND x.submitted_at >= d.from_time AND x.submitted_at < d.to_time
            ) AS f
        ),
        written AS (
            INSERT INTO tutormax.tutor_performance_metrics AS m (
                tutor_id, metric_window, calculation_date, definition_version, sessions_total, sessions_settled,
                sessions_completed, completion_rate, no_show_count, no_show_rate, student_no_show_count,
                reschedule_count, reschedule_rate, avg_rating, rating_count, first_session_count,
                first_session_success_rate, engagement_score, learning_objectives_met_pct, performance_tier
            )
            SELECT
                r.tutor_id, r.metric_window, r.calculation_date, version, r.total, r.settled, r.completed,
                r.completion_rate, r.no_show, r.no_show_rate, r.student_no_show, r.rescheduled, r.reschedule_rate,
                r.avg_rating, r.ratings, r.firsts, r.first_session_success_rate, r.engagement_score,
                r.learning_objectives_met_pct,
                tutormax.tier_of(
                    r.settled::integer, r.completion_rate, r.no_show_rate, r.reschedule_rate, r.avg_rating
                )
            FROM figures AS r
            ON CONFLICT ON CONSTRAINT tutor_performance_metrics_pkey DO UPDATE
            SET
                sessions_total = excluded.sessions_total,
                sessions_settled = excluded.sessions_settled,
                sessions_completed = excluded.sessions_completed,
                completion_rate = excluded.completion_rate,
                no_show_count = excluded.no_show_count,
                no_show_rate = excluded.no_show_rate,
                student_no_show_count = excluded.student_no_show_count,
                reschedule_count = excluded.reschedule_count,
                reschedule_rate = excluded.reschedule_rate,
                avg_rating = excluded.avg_rating,
                rating_count = excluded.rating_count,
                first_session_count = excluded.first_session_count,
                first_session_success_rate = excluded.first_session_success_rate,
                engagement_score = excluded.engagement_score,
                learning_objectives_met_pct = excluded.learning_objectives_met_pct,
                performance_tier = excluded.performance_tier,
                updated_at = now()
            WHERE (
                m.sessions_total, m.sessions_settled, m.sessions_completed, m.no_show_count, m.student_no_show_count,
                m.reschedule_count, m.avg_rating, m.rating_count, m.first_session_count, m.first_session_success_rate,
                m.engagement_score, m.learning_objectives_met_pct
            ) IS DISTINCT FROM (
                excluded.sessions_total, excluded.sessions_settled, excluded.sessions_completed,
                excluded.no_show_count, excluded.student_no_show_count, excluded.reschedule_count,
                excluded.avg_rating, excluded.rating_count, excluded.first_session_count,
                excluded.first_session_success_rate, excluded.engagement_score, excluded.learning_objectives_met_pct
            )
            RETURNING m.tutor_id
        )
        SELECT
            (SELECT count(*) FROM wanted),
            (SELECT count(*) FROM written),
            (SELECT count(DISTINCT w.tutor_id) FROM wanted AS w)
        INTO computed, changed, touched;

        tutors := tutors + touched;
        rows_computed := rows_computed + computed;
        rows_changed := rows_changed + changed;
    END LOOP;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION tutormax.compute_performance_metrics(date, tutormax.metric_window[]) IS
'Brings tutor_performance_metrics up to date, and says for which day, and of how many tutors how many rows were computed and how many of them are new or different. Computes the rows that this day (UTC, today by default) lacks in these windows, for who had begun by then and had not left before the window; and again every row of any day and window that a changed session or rating touches. Nothing else is looked at, so a second run does nothing. One at a time; 500 tutors at once, in one transaction. Refusals: MB007.';

CREATE FUNCTION tutormax.relations_of(of_tutor text, recent integer)
RETURNS TABLE (
    sessions jsonb, performance_metrics jsonb, churn_predictions jsonb, interventions jsonb, tutor_events jsonb
)
LANGUAGE sql
STABLE
STRICT -- not asked about anybody, it looks nowhere
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT
    (
        SELECT coalesce(jsonb_agg(to_jsonb(s) || jsonb_build_object('feedback', s.feedback) ORDER BY s.n), '[]')
        FROM (
            SELECT
                x.session_id, x.tutor_id, x.student_id, x.subject, x.scheduled_start, x.actual_start,
                x.duration_minutes, x.session_number, x.status, x.engagement_score, x.learning_objectives_met,
                x.created_at, x.updated_at, to_jsonb(f) AS feedback,
                row_number() OVER (ORDER BY x.scheduled_start DESC, x.session_id) AS n
            FROM (
                SELECT y.*
                FROM tutormax.sessions AS y
                WHERE y.tutor_id = of_tutor
                ORDER BY y.scheduled_start DESC, y.session_id
                LIMIT recent
            ) AS x
            LEFT JOIN tutormax.student_feedback AS f ON x.session_id = f.session_id
        ) AS s
    ),
    (
        SELECT coalesce(jsonb_agg(to_jsonb(m) ORDER BY m.metric_window), '[]')
        FROM unnest(enum_range(NULL::tutormax.metric_window)) AS w (metric_window)
        CROSS JOIN LATERAL (
            SELECT x.*
            FROM tutormax.tutor_performance_metrics AS x
            WHERE x.tutor_id = of_tutor AND x.metric_window = w.metric_window
            ORDER BY x.calculation_date DESC, x.definition_version DESC
            LIMIT 1
        ) AS m
    ),
    (
        SELECT coalesce(jsonb_agg(to_jsonb(p) ORDER BY p.prediction_date DESC, p.prediction_id DESC), '[]')
        FROM (
            SELECT x.*
            FROM tutormax.churn_predictions AS x
            WHERE x.tutor_id = of_tutor
            ORDER BY x.prediction_date DESC, x.prediction_id DESC
            LIMIT recent
        ) AS p
    ),
    (
        SELECT coalesce(jsonb_agg(to_jsonb(i) ORDER BY i.intervention_id DESC), '[]')
        FROM (
            SELECT x.*
            FROM tutormax.interventions AS x
            WHERE x.tutor_id = of_tutor
            ORDER BY x.intervention_id DESC
            LIMIT recent
        ) AS i
    ),
    (
        SELECT coalesce(jsonb_agg(to_jsonb(e) ORDER BY e.event_timestamp DESC, e.event_id DESC), '[]')
        FROM (
            SELECT x.*
            FROM tutormax.tutor_events AS x
            WHERE x.tutor_id = of_tutor AND x.event_timestamp > now() - interval '90 days' -- not in every month
            ORDER BY x.event_timestamp DESC, x.event_id DESC
            LIMIT recent
        ) AS e
    )
$$;

COMMENT ON FUNCTION tutormax.relations_of(text, integer) IS
'What belongs to a tutor, as JSON arrays of rows: the latest sessions, each with its feedback or null, the latest metrics of each window, the latest predictions and interventions, and the latest events of 90 days; of each so many at most, newest first. Nothing for NULL.';

CREATE FUNCTION tutormax.open_intervention(
    tutor_id text,
    intervention_type text,
    trigger_reason text,
    due_date date,
    assigned_to bigint DEFAULT NULL,
    prediction_id bigint DEFAULT NULL,
    actor_id bigint DEFAULT NULL,
    reason text DEFAULT NULL
)
RETURNS tutormax.interventions
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written open_intervention.x
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    opened        tutormax.interventions;
BEGIN
    IF open_intervention.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', open_intervention.actor_id);
    END IF;
    IF open_intervention.reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', open_intervention.reason);
    END IF;

    INSERT INTO tutormax.interventions AS i (
        tutor_id, intervention_type, trigger_reason, due_date, assigned_to, prediction_id, status
    ) VALUES (
        open_intervention.tutor_id, open_intervention.intervention_type, open_intervention.trigger_reason,
        open_intervention.due_date, open_intervention.assigned_to, open_intervention.prediction_id,
        CASE
            WHEN open_intervention.assigned_to IS NULL THEN 'open' ELSE 'assigned'
        END::tutormax.intervention_status
    )
    RETURNING i.* INTO opened;

    IF open_intervention.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    IF open_intervention.reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    END IF;
    RETURN opened;
END
$$;

COMMENT ON FUNCTION tutormax.open_intervention(text, text, text, date, bigint, bigint, bigint, text) IS
'Opens an intervention for a tutor and returns it: assigned if somebody is named to do it, else open. actor_id: who acts (NULL: the transaction''s actor). reason: kept in the history. Refusals: MB001, MB002, and the constraints of interventions.';

CREATE FUNCTION tutormax.change_intervention(
    intervention_id bigint,
    to_status tutormax.intervention_status DEFAULT NULL,
    assigned_to bigint DEFAULT NULL,
    due_date date DEFAULT NULL,
    outcome tutormax.intervention_outcome DEFAULT NULL,
    actor_id bigint DEFAULT NULL,
    reason text DEFAULT NULL
)
RETURNS tutormax.interventions
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written change_intervention.x
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    present       tutormax.intervention_status;
    changed       tutormax.interventions;
BEGIN
    IF change_intervention.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', change_intervention.actor_id);
    END IF;
    IF change_intervention.reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', change_intervention.reason);
    END IF;

    -- Who is to do it may change while it stays assigned; every other step leads elsewhere.
    UPDATE tutormax.interventions AS i
    SET
        status = coalesce(change_intervention.to_status, i.status),
        assigned_to = coalesce(change_intervention.assigned_to, i.assigned_to),
        due_date = coalesce(change_intervention.due_date, i.due_date),
        outcome = coalesce(change_intervention.outcome, i.outcome)
    WHERE i.intervention_id = change_intervention.intervention_id
        AND (
            change_intervention.to_status IS NULL
            OR i.status <> change_intervention.to_status
            OR (i.status = 'assigned' AND i.assigned_to <> change_intervention.assigned_to)
        )
    RETURNING i.* INTO changed;

    IF NOT FOUND THEN
        SELECT i.status INTO present
        FROM tutormax.interventions AS i
        WHERE i.intervention_id = change_intervention.intervention_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'there is no such intervention' USING
                ERRCODE = 'MB004',
                DETAIL = format('intervention_id=%s', coalesce(change_intervention.intervention_id::text, 'null')),
                HINT = 'Look the intervention up by its tutor or status.';
        END IF;
        RAISE EXCEPTION 'an intervention cannot go from % to %', present, change_intervention.to_status USING
            ERRCODE = 'MB003',
            DETAIL = format('intervention_id=%s, status=%s', change_intervention.intervention_id, present),
            HINT = platform.allowed_steps('tutormax', 'interventions', 'an intervention', present::text);
    END IF;

    IF change_intervention.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    IF change_intervention.reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    END IF;
    RETURN changed;
END
$$;

COMMENT ON FUNCTION tutormax.change_intervention(
    bigint, tutormax.intervention_status, bigint, date, tutormax.intervention_outcome, bigint, text
) IS
'Takes one step of an intervention, or says who is to do it until when, or both, and returns it. NULL leaves as it is. actor_id: who acts (NULL: the transaction''s actor). reason: kept in the history. Refusals: MB001 to MB004, MB006, and the constraints of interventions.';

CREATE FUNCTION tutormax.store_range(
    of_load uuid, target tutormax.bulk_target, from_position bigint, to_position bigint,
    OUT inserted bigint, OUT updated bigint
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    updated := 0;
    IF target = 'sessions' THEN
        WITH stored AS (
            INSERT INTO tutormax.sessions AS s (
                session_id, tutor_id, student_id, subject, scheduled_start, actual_start, duration_minutes,
                session_number, status, engagement_score, learning_objectives_met
            )
            SELECT
                d.session_id, d.tutor_id, d.student_id, d.subject, d.scheduled_start, d.actual_start,
                d.duration_minutes, d.session_number, coalesce(d.status, 'scheduled'), d.engagement_score,
                d.learning_objectives_met
            FROM tutormax.bulk_rows AS b
            CROSS JOIN LATERAL jsonb_to_record(b.document::jsonb) AS d (
                session_id text, tutor_id text, student_id text, subject text, scheduled_start timestamptz,
                actual_start timestamptz, duration_minutes integer, session_number integer,
                status tutormax.session_status, engagement_score numeric, learning_objectives_met boolean
            )
            WHERE b.load_id = of_load AND b.position >= from_position AND b.position <= to_position
            ORDER BY d.session_id -- all lock in one order
            ON CONFLICT ON CONSTRAINT sessions_pkey DO UPDATE
            SET
                tutor_id = excluded.tutor_id,
                student_id = excluded.student_id,
                subject = excluded.subject,
                scheduled_start = excluded.scheduled_start,
                actual_start = excluded.actual_start,
                duration_minutes = excluded.duration_minutes,
                session_number = excluded.session_number,
                status = excluded.status,
                engagement_score = excluded.engagement_score,
                learning_objectives_met = excluded.learning_objectives_met
            WHERE (
                s.tutor_id, s.student_id, s.subject, s.scheduled_start, s.actual_start, s.duration_minutes,
                s.session_number, s.status, s.engagement_score, s.learning_objectives_met
            ) IS DISTINCT FROM (
                excluded.tutor_id, excluded.student_id, excluded.subject, excluded.scheduled_start,
                excluded.actual_start, excluded.duration_minutes, excluded.session_number, excluded.status,
                excluded.engagement_score, excluded.learning_objectives_met
            )
            RETURNING s.xmax = 0 AS is_new
        )
        SELECT count(*) FILTER (WHERE t.is_new), count(*) FILTER (WHERE NOT t.is_new) INTO inserted, updated
        FROM stored AS t;
        RETURN;
    ELSIF target = 'student_feedback' THEN
        INSERT INTO tutormax.student_feedback (
            session_id, tutor_id, student_id, overall_rating, subject_knowledge_rating, communication_rating,
            patience_rating, engagement_rating, helpfulness_rating, is_first_session, would_recommend,
            improvement_areas, free_text, submitted_at
        )
        SELECT
            d.session_id, d.tutor_id, d.student_id, d.overall_rating, d.subject_knowledge_rating,
            d.communication_rating, d.patience_rating, d.engagement_rating, d.helpfulness_rating,
            coalesce(d.is_first_session, false), d.would_recommend, coalesce(d.improvement_areas, '{}'), d.free_text,
            coalesce(d.submitted_at, now())
        FROM tutormax.bulk_rows AS b
        CROSS JOIN LATERAL jsonb_to_record(b.document::jsonb) AS d (
            session_id text, tutor_id text, student_id text, overall_rating integer, subject_knowledge_rating integer,
            communication_rating integer, patience_rating integer, engagement_rating integer,
            helpfulness_rating integer, is_first_session boolean, would_recommend boolean, improvement_areas text[],
            free_text text, submitted_at timestamptz
        )
        WHERE b.load_id = of_load AND b.position >= from_position AND b.position <= to_position
        ORDER BY d.session_id;
    ELSIF target = 'churn_predictions' THEN
        INSERT INTO tutormax.churn_predictions (
            tutor_id, prediction_date, churn_score, probability_1d, probability_7d, probability_30d, probability_90d,
            contributing_factors, model_version, feature_cutoff
        )
        SELECT
            d.tutor_id, coalesce(d.prediction_date, now()), d.churn_score, d.probability_1d, d.probability_7d,
            d.probability_30d, d.probability_90d, coalesce(d.contributing_factors, '{}'), d.model_version,
            d.feature_cutoff
        FROM tutormax.bulk_rows AS b
        CROSS JOIN LATERAL jsonb_to_record(b.document::jsonb) AS d (
            tutor_id text, prediction_date timestamptz, churn_score integer, probability_1d double precision,
            probability_7d double precision, probability_30d double precision, probability_90d double precision,
            contributing_factors jsonb, model_version text, feature_cutoff timestamptz
        )
        WHERE b.load_id = of_load AND b.position >= from_position AND b.position <= to_position
        ORDER BY d.tutor_id, d.prediction_date;
    ELSE
        INSERT INTO tutormax.tutor_events (
            tutor_id, event_type, event_timestamp, source, source_event_id, metadata
        )
        SELECT
            d.tutor_id, d.event_type, d.event_timestamp, d.source,
            coalesce(d.source_event_id, gen_random_uuid()::text), coalesce(d.metadata, '{}')
        FROM tutormax.bulk_rows AS b
        CROSS JOIN LATERAL jsonb_to_record(b.document::jsonb) AS d (
            tutor_id text, event_type text, event_timestamp timestamptz, source text, source_event_id text,
            metadata jsonb
        )
        WHERE b.load_id = of_load AND b.position >= from_position AND b.position <= to_position
        ORDER BY d.source, d.source_event_id, d.event_timestamp
        ON CONFLICT ON CONSTRAINT tutor_events_source_key DO NOTHING;
    END IF;
    GET DIAGNOSTICS inserted = ROW_COUNT;
END
$$;

COMMENT ON FUNCTION tutormax.store_range(uuid, tutormax.bulk_target, bigint, bigint) IS
'Stores some rows of bulk_rows, all or none, and says how many are new and how many have changed another one; the rest was there already. A part of store_bulk().';

CREATE FUNCTION tutormax.store_bulk(load_id uuid, target tutormax.bulk_target)
RETURNS TABLE (inserted bigint, updated bigint, repeated bigint, refused jsonb)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written store_bulk.x
DECLARE
    given           bigint;
    from_positions  bigint[];
    to_positions    bigint[];
    from_position   bigint;
    to_position     bigint;
    middle          bigint;
    stored          record;
    state           text;
    said            text;
    said_detail     text;
    said_hint       text;
    constraint_name text;
    column_name     text;
BEGIN
    SELECT count(*), ARRAY[min(b.position)], ARRAY[max(b.position)] INTO given, from_positions, to_positions
    FROM tutormax.bulk_rows AS b
    WHERE b.load_id = store_bulk.load_id;
    inserted := 0;
    updated := 0;
    refused := '[]';

    -- All at once; what refuses is halved until the row stands alone. So the rules are the table's own, and many good
    -- rows cost no more than one statement.
    WHILE given > 0 AND cardinality(from_positions) > 0 LOOP
        from_position := from_positions[cardinality(from_positions)];
        to_position := to_positions[cardinality(to_positions)];
        from_positions := trim_array(from_positions, 1);
        to_positions := trim_array(to_positions, 1);
        BEGIN
            SELECT r.inserted, r.updated INTO stored
            FROM tutormax.store_range(store_bulk.load_id, store_bulk.target, from_position, to_position) AS r;
            inserted := inserted + stored.inserted;
            updated := updated + stored.updated;
        EXCEPTION
            WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS
                    state = RETURNED_SQLSTATE, said = MESSAGE_TEXT, said_detail = PG_EXCEPTION_DETAIL,
                    said_hint = PG_EXCEPTION_HINT, constraint_name = CONSTRAINT_NAME, column_name = COLUMN_NAME;
                -- Of the row: a rule, a constraint, a value that cannot be read, twice the same key.
                IF state !~ '^(MB|21|22|23)' OR state = 'MB001' THEN
                    RAISE;
                ELSIF from_position = to_position THEN
                    -- PostgreSQL's own words may quote the row.
                    refused := refused || jsonb_build_object(
                        'position', from_position, 'sqlstate', state, 'constraint_name', nullif(constraint_name, ''),
                        'column_name', nullif(column_name, ''),
                        'message', CASE WHEN state ~ '^MB' THEN said END,
                        'detail', CASE WHEN state ~ '^MB' THEN said_detail END,
                        'hint', CASE WHEN state ~ '^MB' THEN said_hint END
                    );
                ELSE
                    middle := (from_position + to_position) / 2;
                    from_positions := from_positions || (middle + 1) || from_position;
                    to_positions := to_positions || to_position || middle;
                END IF;
        END;
    END LOOP;

    repeated := given - inserted - updated - jsonb_array_length(refused);
    DELETE FROM tutormax.bulk_rows AS b WHERE b.load_id = store_bulk.load_id;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION tutormax.store_bulk(uuid, tutormax.bulk_target) IS
'Stores what was copied into bulk_rows under this load, takes it out of there, and says how many rows are new, have changed another one (sessions), were there already (sessions, events), and which are refused: position, sqlstate, constraint_name, column_name, and of business refusals message, detail and hint. The good rows are stored: who wants all or nothing rolls back. Refusals: MB001 and those of each row, which are reported instead.';

CREATE FUNCTION tutormax.maintain_events(dry_run boolean DEFAULT true)
RETURNS TABLE (made text[], dropped text[])
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    made := CASE WHEN dry_run THEN '{}' ELSE platform.make_months('tutormax', 'tutor_events') END;
    dropped := platform.drop_months(
        'tutormax', 'tutor_events',
        make_interval(days => tutormax.setting('event_retention')::integer), dry_run
    );
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION tutormax.maintain_events(boolean) IS
'Makes the months ahead of tutor_events, and drops those that are older than the setting event_retention; returns their names. With dry_run, the default, nothing is made or dropped. For the owner, daily or monthly.';

CREATE VIEW tutormax.v_tutor_dashboard AS
SELECT
    t.tutor_id,
    t.status,
    t.subjects,
    t.onboarding_date,
    t.churned_at,
    t.baseline_sessions_per_week,
    m.calculation_date,
    m.definition_version,
    m.performance_tier,
    m.sessions_total,
    m.sessions_settled,
    m.sessions_completed,
    m.completion_rate,
    m.no_show_count,
    m.no_show_rate,
    m.reschedule_rate,
    m.avg_rating,
    m.rating_count,
    m.first_session_success_rate,
    m.engagement_score,
    m.learning_objectives_met_pct,
    w.performance_tier AS performance_tier_last_week,
    w.sessions_completed AS sessions_completed_last_week,
    m.avg_rating - q.avg_rating AS rating_change,
    m.no_show_rate - q.no_show_rate AS no_show_change,
    p.churn_score,
    p.risk_level,
    p.prediction_date,
    coalesce(i.live, 0) AS live_interventions,
    i.next_due_date
FROM tutormax.tutors AS t
LEFT JOIN LATERAL (
    SELECT
        x.calculation_date, x.definition_version, x.performance_tier, x.sessions_total, x.sessions_settled,
        x.sessions_completed, x.completion_rate, x.no_show_count, x.no_show_rate, x.reschedule_rate, x.avg_rating,
        x.rating_count, x.first_session_success_rate, x.engagement_score, x.learning_objectives_met_pct
    FROM tutormax.tutor_performance_metrics AS x
    WHERE x.tutor_id = t.tutor_id AND x.metric_window = '30d'
    ORDER BY x.calculation_date DESC, x.definition_version DESC
    LIMIT 1
) AS m ON true
LEFT JOIN tutormax.tutor_performance_metrics AS w
    ON
        t.tutor_id = w.tutor_id AND w.metric_window = '7d' AND m.calculation_date = w.calculation_date
        AND m.definition_version = w.definition_version
LEFT JOIN tutormax.tutor_performance_metrics AS q
    ON
        t.tutor_id = q.tutor_id AND q.metric_window = '90d' AND m.calculation_date = q.calculation_date
        AND m.definition_version = q.definition_version
LEFT JOIN tutormax.churn_predictions AS p ON t.tutor_id = p.tutor_id AND p.is_current
LEFT JOIN LATERAL (
    SELECT
        count(*) AS live,
        min(x.due_date) AS next_due_date
    FROM tutormax.interventions AS x
    WHERE x.tutor_id = t.tutor_id AND x.status IN ('open', 'assigned', 'in_progress')
) AS i ON true;

COMMENT ON VIEW tutormax.v_tutor_dashboard IS
'How each tutor does: the latest metrics over 30 days beside those of 7 and 90, the current prediction, and what is being done. One row a tutor, without names.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.tutor_id IS 'The tutor.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.status IS 'Whether the tutor teaches: active, inactive, churned.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.subjects IS 'What the tutor teaches.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.onboarding_date IS 'When the tutor began on the platform.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.churned_at IS 'When the tutor left; NULL while they are here.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.baseline_sessions_per_week IS
'How many sessions a week the tutor is expected to hold; NULL: nothing is expected.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.calculation_date IS
'The last of the days (UTC) that the figures count; NULL: nothing was computed yet.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.definition_version IS 'By which version of the definitions they were computed.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.performance_tier IS
'How the tutor does, over 30 days: exemplary, strong, developing, needs_attention, at_risk; NULL: too few sessions.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.sessions_total IS 'Sessions that were to begin in 30 days, whatever became of them.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.sessions_settled IS 'Those of which it is known what became of them.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.sessions_completed IS 'Those that took place.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.completion_rate IS 'Share of the settled ones that took place, 0 to 1.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.no_show_count IS 'Those to which the tutor did not come.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.no_show_rate IS 'Their share of the settled ones, 0 to 1.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.reschedule_rate IS 'Share of the settled ones that were rescheduled, 0 to 1.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.avg_rating IS 'Mean rating by students in 30 days, 1 to 5; NULL: none.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.rating_count IS 'How many ratings that is the mean of.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.first_session_success_rate IS
'Share of first sessions rated 4 or 5, 0 to 1; NULL: none was rated.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.engagement_score IS 'Mean engagement of students in completed sessions, 0 to 1.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.learning_objectives_met_pct IS
'Percentage of completed sessions whose objectives were met, where somebody said so.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.performance_tier_last_week IS 'The tier over the last 7 of these days.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.sessions_completed_last_week IS 'Sessions that took place in the last 7 of these days.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.rating_change IS
'avg_rating less that of 90 days: below 0, ratings are getting worse. NULL where either is missing.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.no_show_change IS
'no_show_rate less that of 90 days: above 0, the tutor misses more than before. NULL where either is missing.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.churn_score IS
'How likely the tutor is to leave by the current prediction, 0 to 100; NULL: none, or they have left.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.risk_level IS 'What the score means: Low, Medium, High, Critical.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.prediction_date IS 'When that was predicted.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.live_interventions IS 'Interventions that have not ended.';
COMMENT ON COLUMN tutormax.v_tutor_dashboard.next_due_date IS 'The earliest day by which one of them is to be done.';

CREATE VIEW tutormax.v_churn_watchlist AS
SELECT
    p.tutor_id,
    t.status,
    p.churn_score,
    p.risk_level,
    b.churn_score AS score_before,
    p.churn_score - b.churn_score AS score_change,
    p.probability_1d,
    p.probability_7d,
    p.probability_30d,
    p.probability_90d,
    p.contributing_factors,
    p.model_version,
    p.prediction_date,
    p.feature_cutoff,
    s.last_session_at,
    i.intervention_id,
    i.status AS intervention_status,
    i.assigned_to,
    i.due_date
FROM tutormax.churn_predictions AS p
INNER JOIN tutormax.tutors AS t ON p.tutor_id = t.tutor_id
LEFT JOIN LATERAL (
    SELECT x.churn_score
    FROM tutormax.churn_predictions AS x
    WHERE x.tutor_id = p.tutor_id AND x.prediction_date < p.prediction_date
    ORDER BY x.prediction_date DESC, x.model_version DESC
    LIMIT 1
) AS b ON true
LEFT JOIN LATERAL (
    SELECT x.scheduled_start AS last_session_at
    FROM tutormax.sessions AS x
    WHERE x.tutor_id = p.tutor_id AND x.scheduled_start <= now() AND x.status = 'completed'
    ORDER BY x.scheduled_start DESC
    LIMIT 1
) AS s ON true
LEFT JOIN LATERAL (
    SELECT x.intervention_id, x.status, x.assigned_to, x.due_date
    FROM tutormax.interventions AS x
    WHERE x.tutor_id = p.tutor_id AND x.status IN ('open', 'assigned', 'in_progress')
    ORDER BY x.intervention_id DESC
    LIMIT 1
) AS i ON true
WHERE p.is_current AND p.churn_score >= 51;

COMMENT ON VIEW tutormax.v_churn_watchlist IS
'Tutors who are likely to leave: those still here whose current prediction is High or Critical, and what is being done for them. Sort by churn_score.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.tutor_id IS 'The tutor.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.status IS 'Whether the tutor teaches: active or inactive.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.churn_score IS 'How likely they are to leave, 51 to 100.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.risk_level IS 'High from 51, Critical from 76.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.score_before IS 'The score of the prediction before; NULL: it is the first.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.score_change IS 'How much the score has grown since; below 0: it has fallen.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.probability_1d IS 'Probability that they leave within 1 day of prediction_date, 0 to 1.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.probability_7d IS 'The same within 7 days.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.probability_30d IS 'The same within 30 days.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.probability_90d IS 'The same within 90 days.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.contributing_factors IS 'What the model goes by: factors and weights.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.model_version IS 'Which model said it.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.prediction_date IS 'When it was said.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.feature_cutoff IS 'Until when the model knew what had happened.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.last_session_at IS 'When their last completed session was to begin; NULL: they held none.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.intervention_id IS 'Their newest intervention that has not ended; NULL: nothing is being done.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.intervention_status IS 'Where it stands: open, assigned, in_progress.';
COMMENT ON COLUMN tutormax.v_churn_watchlist.assigned_to IS 'Who is to do it (auth.users.id).';
COMMENT ON COLUMN tutormax.v_churn_watchlist.due_date IS 'The day by which it is to be done.';

CREATE VIEW tutormax.v_intervention_outcomes AS
SELECT
    i.intervention_id,
    i.tutor_id,
    i.intervention_type,
    i.status,
    i.outcome,
    i.assigned_to,
    i.created_at AS opened_at,
    i.due_date,
    i.closed_at,
    coalesce((i.closed_at AT TIME ZONE 'UTC')::date, (now() AT TIME ZONE 'UTC')::date) > i.due_date AS is_late,
    extract(EPOCH FROM i.closed_at - i.created_at) / 86400 AS days_taken,
    i.prediction_id,
    b.churn_score AS score_before,
    a.churn_score AS score_after,
    a.churn_score - b.churn_score AS score_change,
    mb.avg_rating AS rating_before,
    ma.avg_rating AS rating_after,
    mb.performance_tier AS tier_before,
    ma.performance_tier AS tier_after,
    t.status AS tutor_status,
    t.churned_at
FROM tutormax.interventions AS i
INNER JOIN tutormax.tutors AS t ON i.tutor_id = t.tutor_id
LEFT JOIN LATERAL (
    SELECT x.churn_score
    FROM tutormax.churn_predictions AS x
    WHERE x.tutor_id = i.tutor_id AND x.prediction_date <= i.created_at
    ORDER BY x.prediction_date DESC, x.model_version DESC
    LIMIT 1
) AS b ON true
LEFT JOIN LATERAL (
    SELECT x.churn_score
    FROM tutormax.churn_predictions AS x
    WHERE x.tutor_id = i.tutor_id AND x.prediction_date > i.closed_at
    ORDER BY x.prediction_date DESC, x.model_version DESC
    LIMIT 1
) AS a ON true
LEFT JOIN LATERAL (
    SELECT x.avg_rating, x.performance_tier
    FROM tutormax.tutor_performance_metrics AS x
    WHERE
        x.tutor_id = i.tutor_id AND x.metric_window = '30d'
        AND x.calculation_date < (i.created_at AT TIME ZONE 'UTC')::date
    ORDER BY x.calculation_date DESC, x.definition_version DESC
    LIMIT 1
) AS mb ON true
LEFT JOIN LATERAL (
    SELECT x.avg_rating, x.performance_tier
    FROM tutormax.tutor_performance_metrics AS x
    WHERE
        x.tutor_id = i.tutor_id AND x.metric_window = '30d'
        AND x.calculation_date > (i.closed_at AT TIME ZONE 'UTC')::date
    ORDER BY x.calculation_date DESC, x.definition_version DESC
    LIMIT 1
) AS ma ON true;

COMMENT ON VIEW tutormax.v_intervention_outcomes IS
'What interventions led to: scores, ratings and tiers before one was opened and since it ended. One row an intervention, without its reason in words.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.intervention_id IS 'The intervention.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.tutor_id IS 'For whom it was.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.intervention_type IS 'What was done, such as coaching.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.status IS
'Where it stands: open, assigned, in_progress; completed and dismissed have ended.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.outcome IS
'What came of it by who did it: improved, no_change, declined, churned; NULL unless completed.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.assigned_to IS 'Who was to do it (auth.users.id).';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.opened_at IS 'When it was opened.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.due_date IS 'The day by which it was to be done.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.closed_at IS 'When it ended; NULL: it has not.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.is_late IS
'Whether it ended after due_date (UTC), or has not ended and that day is over.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.days_taken IS 'Days from opening to end; NULL: it has not ended.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.prediction_id IS 'The prediction that it answers; NULL: another reason.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.score_before IS 'The last churn score before it was opened, 0 to 100.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.score_after IS 'The latest churn score since it ended, 0 to 100.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.score_change IS 'By how much the score has changed: below 0, the risk has fallen.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.rating_before IS
'Mean rating over 30 days, as last computed before the day it was opened.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.rating_after IS
'Mean rating over 30 days, as last computed after the day it ended.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.tier_before IS 'The tier that goes with rating_before.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.tier_after IS 'The tier that goes with rating_after.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.tutor_status IS 'Whether the tutor teaches now.';
COMMENT ON COLUMN tutormax.v_intervention_outcomes.churned_at IS 'When the tutor left; NULL while they are here.';

CREATE VIEW tutormax.v_interventions_history AS
SELECT
    h.id AS step_id,
    h.intervention_id,
    h.tutor_id,
    h.from_status,
    h.to_status,
    h.assigned_to,
    h.outcome,
    h.actor_kind,
    h.actor_id,
    h.occurred_at
FROM tutormax.interventions_history AS h;

COMMENT ON VIEW tutormax.v_interventions_history IS
'Every step of every intervention, for analysts: all but the reasons in words and the database logins.';
COMMENT ON COLUMN tutormax.v_interventions_history.step_id IS 'Order of the steps.';
COMMENT ON COLUMN tutormax.v_interventions_history.intervention_id IS 'The intervention, which may be gone.';
COMMENT ON COLUMN tutormax.v_interventions_history.tutor_id IS 'Its tutor.';
COMMENT ON COLUMN tutormax.v_interventions_history.from_status IS 'Status before; NULL for the first step.';
COMMENT ON COLUMN tutormax.v_interventions_history.to_status IS 'Status after; NULL where the row was deleted.';
COMMENT ON COLUMN tutormax.v_interventions_history.assigned_to IS 'Who was to do it after the step (auth.users.id).';
COMMENT ON COLUMN tutormax.v_interventions_history.outcome IS 'What came of it, where it was completed.';
COMMENT ON COLUMN tutormax.v_interventions_history.actor_kind IS 'As what the actor took the step: assignee, staff, admin or system.';
COMMENT ON COLUMN tutormax.v_interventions_history.actor_id IS
'Who took it (auth.users.id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN tutormax.v_interventions_history.occurred_at IS 'When: the start of the transaction.';

CREATE VIEW tutormax.v_audit_log AS
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
FROM tutormax.audit_log AS a;

COMMENT ON VIEW tutormax.v_audit_log IS
'Who changed which row of this schema and when, for analysts: all but the values and the database logins. Filter by occurred_at.';
COMMENT ON COLUMN tutormax.v_audit_log.change_id IS 'Order of the changes.';
COMMENT ON COLUMN tutormax.v_audit_log.table_name IS 'The table whose row changed.';
COMMENT ON COLUMN tutormax.v_audit_log.row_key IS 'The row: its key columns and their values.';
COMMENT ON COLUMN tutormax.v_audit_log.operation IS 'insert, update, delete, or scrub for an erasure of values from the log.';
COMMENT ON COLUMN tutormax.v_audit_log.changed_columns IS
'What an update changed, and which secret columns an insert or delete had filled.';
COMMENT ON COLUMN tutormax.v_audit_log.actor_kind IS 'As what the actor did it: user, admin or system.';
COMMENT ON COLUMN tutormax.v_audit_log.actor_id IS
'Who did it (auth.users.id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN tutormax.v_audit_log.transaction_id IS 'The transaction, the same for all that it changed.';
COMMENT ON COLUMN tutormax.v_audit_log.occurred_at IS 'When: the start of the transaction.';

GRANT USAGE ON SCHEMA tutormax, platform TO tutormax_app;
GRANT EXECUTE ON FUNCTION
platform.current_actor(name), platform.is_application(name), platform.allowed_steps(name, name, text, text),
tutormax.definition_version(), tutormax.relations_of(text, integer),
tutormax.compute_performance_metrics(date, tutormax.metric_window[]),
tutormax.open_intervention(text, text, text, date, bigint, bigint, bigint, text),
tutormax.change_intervention(
    bigint, tutormax.intervention_status, bigint, date, tutormax.intervention_outcome, bigint, text
),
tutormax.store_range(uuid, tutormax.bulk_target, bigint, bigint),
tutormax.store_bulk(uuid, tutormax.bulk_target)
TO tutormax_app;

GRANT SELECT ON
tutormax.settings, tutormax.tutor_performance_metrics, tutormax.interventions_transitions,
tutormax.interventions_history
TO tutormax_app;

GRANT SELECT,
INSERT (tutor_id, name, email, onboarding_date, status, subjects, baseline_sessions_per_week, churned_at),
UPDATE (name, email, onboarding_date, status, subjects, baseline_sessions_per_week, churned_at)
ON tutormax.tutors TO tutormax_app;
GRANT SELECT, INSERT (student_id, name, grade_level), UPDATE (name, grade_level) ON tutormax.students TO tutormax_app;
GRANT SELECT,
INSERT (
    session_id, tutor_id, student_id, subject, scheduled_start, actual_start, duration_minutes, session_number, status,
    engagement_score, learning_objectives_met
),
UPDATE (
    tutor_id, student_id, subject, scheduled_start, actual_start, duration_minutes, session_number, status,
    engagement_score, learning_objectives_met
)
ON tutormax.sessions TO tutormax_app;
GRANT SELECT,
INSERT (
    session_id, tutor_id, student_id, overall_rating, subject_knowledge_rating, communication_rating, patience_rating,
    engagement_rating, helpfulness_rating, is_first_session, would_recommend, improvement_areas, free_text, submitted_at
)
ON tutormax.student_feedback TO tutormax_app;
GRANT SELECT,
INSERT (
    tutor_id, prediction_date, churn_score, probability_1d, probability_7d, probability_30d, probability_90d,
    contributing_factors, model_version, feature_cutoff
)
ON tutormax.churn_predictions TO tutormax_app;
GRANT SELECT,
INSERT (tutor_id, intervention_type, trigger_reason, prediction_id, status, assigned_to, due_date),
UPDATE (status, assigned_to, due_date, outcome)
ON tutormax.interventions TO tutormax_app;
GRANT SELECT, INSERT (tutor_id, event_type, event_timestamp, source, source_event_id, metadata)
ON tutormax.tutor_events TO tutormax_app;
GRANT SELECT, INSERT, DELETE ON tutormax.bulk_rows TO tutormax_app;

GRANT USAGE ON SCHEMA tutormax TO mentorbase_reader;
GRANT USAGE ON TYPE
tutormax.tutor_status, tutormax.performance_tier, tutormax.risk_level, tutormax.intervention_status,
tutormax.intervention_outcome, tutormax.party
TO mentorbase_reader;
GRANT SELECT ON
tutormax.v_tutor_dashboard, tutormax.v_churn_watchlist, tutormax.v_intervention_outcomes,
tutormax.v_interventions_history, tutormax.v_audit_log
TO mentorbase_reader;
