CREATE SCHEMA mentoring;

COMMENT ON SCHEMA mentoring IS
'Who mentors whom: profiles, the relationships of mentors and mentees with their life cycle, and its history.';

CREATE TYPE mentoring.mentor_mentee_status AS ENUM (
    'pending', 'active', 'paused', 'completed', 'rejected', 'cancelled', 'expired', 'terminated'
);

COMMENT ON TYPE mentoring.mentor_mentee_status IS
'Where a relationship stands. Live: pending (asked, not answered), active, paused. Ended: completed (reached its aim), rejected (the other side declined), cancelled (withdrawn before an answer), expired (never answered), terminated (ended before its aim).';

CREATE TYPE mentoring.party AS ENUM ('mentor', 'mentee', 'system', 'admin');

COMMENT ON TYPE mentoring.party IS
'As what somebody makes or changes a relationship: its mentor, its mentee, the system (a job) or an administrator.';

CREATE TYPE mentoring.booking_status AS ENUM ('pending', 'confirmed', 'completed', 'cancelled', 'no_show');

COMMENT ON TYPE mentoring.booking_status IS
'Where a booking stands: pending (asked, not answered), confirmed (agreed), completed (took place), cancelled (called off by either side), no_show (the mentee did not come).';

CREATE TYPE mentoring.publication_kind AS ENUM ('quiz', 'course', 'subject');

COMMENT ON TYPE mentoring.publication_kind IS
'What a mentor publishes and a mentee subscribes to: quiz (subscribe_to_quizzes), course (subscribe_to_courses), subject (subscribe_to_subjects).';

CREATE TYPE mentoring.transition_actor AS ENUM (
    'initiator', 'counterparty', 'pauser', 'mentor', 'mentee', 'admin', 'system'
);

COMMENT ON TYPE mentoring.transition_actor IS
'What somebody is to a relationship: initiator (asked for it), counterparty (was asked), pauser (paused it), mentor, mentee, or as what they act: admin, system. One person is several of these at once.';

-- Limits, as rows rather than literals, so that a DBA can change them and everybody can read them.
CREATE TABLE mentoring.settings (
    name       text        NOT NULL,
    value      bigint      NOT NULL,
    unit       text        NOT NULL,
    meaning    text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT settings_pkey PRIMARY KEY (name),
    CONSTRAINT settings_value_check CHECK (value BETWEEN 0 AND 36500),
    CONSTRAINT settings_unit_check CHECK (unit IN ('days', 'requests'))
);

COMMENT ON TABLE mentoring.settings IS
'Limits of this service, one a row. The owner changes values; names are fixed, because functions read them.';
COMMENT ON COLUMN mentoring.settings.name IS 'The limit.';
COMMENT ON COLUMN mentoring.settings.value IS 'Its value, counted in unit.';
COMMENT ON COLUMN mentoring.settings.unit IS 'What the value counts: days or requests.';
COMMENT ON COLUMN mentoring.settings.meaning IS 'What it limits.';
COMMENT ON COLUMN mentoring.settings.created_at IS 'When the row was made.';
COMMENT ON COLUMN mentoring.settings.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT settings_pkey ON mentoring.settings IS 'One row a limit.';
COMMENT ON CONSTRAINT settings_value_check ON mentoring.settings IS 'A limit''s value is 0 to 36500.';
COMMENT ON CONSTRAINT settings_unit_check ON mentoring.settings IS 'A limit counts days or requests, as the functions read it.';

CREATE TRIGGER settings_set_updated_at
BEFORE UPDATE ON mentoring.settings
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

INSERT INTO mentoring.settings (name, value, unit, meaning) VALUES
('request_cooldown', 30, 'days', 'After a rejection, how long the other side may not ask again; the rejecter may at any time.'),
('request_expiry', 14, 'days', 'How old an unanswered request must be before the system may let it expire.'),
('open_requests', 5, 'requests', 'How many requests of their own a mentee may have waiting for an answer.'),
('request_retention', 365, 'days', 'How long a request that was never accepted keeps its people after it ended; then it is anonymised.');

-- A person as a mentor and as a learner. The row that is locked while a place of the mentor is taken.
CREATE TABLE mentoring.user_profiles (
    user_id                  bigint      NOT NULL,
    mentor_bio               text,
    mentor_rate              numeric(12, 2),
    mentor_rate_currency     text,
    mentor_available         boolean     NOT NULL DEFAULT true,
    max_mentees              integer,
    learning_goals           text,
    preferred_learning_style text,
    timezone                 text        NOT NULL DEFAULT 'UTC',
    places_version           bigint      NOT NULL DEFAULT 0,
    created_at               timestamptz NOT NULL DEFAULT now(),
    updated_at               timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT user_profiles_pkey PRIMARY KEY (user_id),
    CONSTRAINT user_profiles_mentor_bio_check CHECK (length(mentor_bio) <= 10000),
    CONSTRAINT user_profiles_mentor_rate_check CHECK (mentor_rate >= 0 AND mentor_rate <> 'NaN'),
    CONSTRAINT user_profiles_mentor_rate_currency_check CHECK (mentor_rate_currency ~ '^[A-Z]{3}$'),
    CONSTRAINT user_profiles_rate_has_currency_check
    CHECK ((mentor_rate IS NULL) = (mentor_rate_currency IS NULL)),
    CONSTRAINT user_profiles_max_mentees_check CHECK (max_mentees >= 0),
    CONSTRAINT user_profiles_learning_goals_check CHECK (length(learning_goals) <= 10000),
    CONSTRAINT user_profiles_preferred_learning_style_check CHECK (length(preferred_learning_style) <= 50),
    CONSTRAINT user_profiles_timezone_check CHECK (platform.is_timezone(timezone))
) WITH (fillfactor = 90);

COMMENT ON TABLE mentoring.user_profiles IS
'A person as a mentor and as a learner, one row a person. Made by the person, or by the database when a mentor without one first takes a mentee.';
COMMENT ON COLUMN mentoring.user_profiles.user_id IS 'The person (auth.users.id).';
COMMENT ON COLUMN mentoring.user_profiles.mentor_bio IS 'The mentor''s own description: biography, specialisation.';
COMMENT ON COLUMN mentoring.user_profiles.mentor_rate IS 'The mentor''s price for an hour, in mentor_rate_currency. NULL: not stated.';
COMMENT ON COLUMN mentoring.user_profiles.mentor_rate_currency IS 'ISO 4217 code of mentor_rate, such as EUR.';
COMMENT ON COLUMN mentoring.user_profiles.mentor_available IS
'Whether this mentor takes new requests; while false nobody may ask, not even the mentor. Requests that wait already can still be answered.';
COMMENT ON COLUMN mentoring.user_profiles.max_mentees IS
'How many relationships, active and paused together, this mentor may have at once. NULL: no limit. Lowering it below the present number keeps those and refuses new ones.';
COMMENT ON COLUMN mentoring.user_profiles.learning_goals IS 'What the person wants to learn, in their own words.';
COMMENT ON COLUMN mentoring.user_profiles.preferred_learning_style IS 'How the person likes to learn, up to 50 characters.';
COMMENT ON COLUMN mentoring.user_profiles.timezone IS 'IANA time zone of the person''s local times.';
COMMENT ON COLUMN mentoring.user_profiles.places_version IS
'Counts how often a limited place of this mentor was taken. Its UPDATE is the lock behind max_mentees; the number itself means nothing.';
COMMENT ON COLUMN mentoring.user_profiles.created_at IS 'When the row was made.';
COMMENT ON COLUMN mentoring.user_profiles.updated_at IS 'When a person last changed the row; kept by a trigger.';
COMMENT ON CONSTRAINT user_profiles_pkey ON mentoring.user_profiles IS 'A person has one profile.';
COMMENT ON CONSTRAINT user_profiles_mentor_bio_check ON mentoring.user_profiles IS 'mentor_bio has at most 10000 characters.';
COMMENT ON CONSTRAINT user_profiles_mentor_rate_check ON mentoring.user_profiles IS 'mentor_rate is a number from 0.';
COMMENT ON CONSTRAINT user_profiles_mentor_rate_currency_check ON mentoring.user_profiles IS
'mentor_rate_currency is an ISO 4217 code of three capital letters.';
COMMENT ON CONSTRAINT user_profiles_rate_has_currency_check ON mentoring.user_profiles IS
'mentor_rate and mentor_rate_currency are given together or not at all.';
COMMENT ON CONSTRAINT user_profiles_max_mentees_check ON mentoring.user_profiles IS 'max_mentees is 0 or more, or NULL for no limit.';
COMMENT ON CONSTRAINT user_profiles_learning_goals_check ON mentoring.user_profiles IS 'learning_goals has at most 10000 characters.';
COMMENT ON CONSTRAINT user_profiles_preferred_learning_style_check ON mentoring.user_profiles IS
'preferred_learning_style has at most 50 characters.';
COMMENT ON CONSTRAINT user_profiles_timezone_check ON mentoring.user_profiles IS
'timezone is an IANA name that the server knows, such as UTC or Europe/Berlin.';

CREATE FUNCTION mentoring.guard_user_profiles()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor platform.actor := platform.current_actor('mentoring_app');
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.user_id <> OLD.user_id THEN
        RAISE EXCEPTION 'a profile stays with its person' USING
            ERRCODE = 'MB006',
            DETAIL = format('user_id=%s', OLD.user_id),
            HINT = 'Write the other person''s own profile instead.';
    END IF;
    IF actor.kind = 'user' AND actor.id <> NEW.user_id THEN
        RAISE EXCEPTION 'a profile is written by its own person' USING
            ERRCODE = 'MB002',
            DETAIL = format('user_id=%s', NEW.user_id),
            HINT = 'Act as that person, as an administrator or as the system.';
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION mentoring.guard_user_profiles() IS
'Row trigger of user_profiles: only the person themselves, an administrator or the system writes a profile.';

-- Both triggers name the columns a person writes, so that taking a place (places_version) does not fire them.
CREATE TRIGGER user_profiles_guard
BEFORE INSERT OR UPDATE OF user_id, mentor_bio, mentor_rate, mentor_rate_currency, mentor_available,
max_mentees, learning_goals, preferred_learning_style, timezone
ON mentoring.user_profiles
FOR EACH ROW EXECUTE FUNCTION mentoring.guard_user_profiles();

CREATE TRIGGER user_profiles_set_updated_at
BEFORE UPDATE OF mentor_bio, mentor_rate, mentor_rate_currency, mentor_available,
max_mentees, learning_goals, preferred_learning_style, timezone
ON mentoring.user_profiles
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

CREATE TRIGGER user_profiles_require_actor
BEFORE DELETE ON mentoring.user_profiles
FOR EACH STATEMENT EXECUTE FUNCTION platform.require_actor();

-- The life cycle of mentor_mentee, as data: who may go where.
CREATE TABLE mentoring.mentor_mentee_transitions (
    id          bigint                         GENERATED BY DEFAULT AS IDENTITY,
    from_status mentoring.mentor_mentee_status,
    to_status   mentoring.mentor_mentee_status NOT NULL,
    actor_kind  mentoring.transition_actor     NOT NULL,

    CONSTRAINT mentor_mentee_transitions_pkey PRIMARY KEY (id),
    CONSTRAINT mentor_mentee_transitions_step_key UNIQUE NULLS NOT DISTINCT (from_status, to_status, actor_kind)
);

COMMENT ON TABLE mentoring.mentor_mentee_transitions IS
'Every allowed step of a relationship and who may take it. The system imports in any status (mentorbase.bulk_load). A step that has no row here is refused (MB003), and so is one that has none for the actor (MB002). Times, places and due dates that go with a step are code and constraints, so a new row comes with a migration.';
COMMENT ON COLUMN mentoring.mentor_mentee_transitions.id IS 'Row number, without meaning.';
COMMENT ON COLUMN mentoring.mentor_mentee_transitions.from_status IS 'Present status; NULL where the relationship is new.';
COMMENT ON COLUMN mentoring.mentor_mentee_transitions.to_status IS 'Next status.';
COMMENT ON COLUMN mentoring.mentor_mentee_transitions.actor_kind IS 'What the actor must be to the relationship.';
COMMENT ON CONSTRAINT mentor_mentee_transitions_pkey ON mentoring.mentor_mentee_transitions IS 'One row a step and actor.';
COMMENT ON CONSTRAINT mentor_mentee_transitions_step_key ON mentoring.mentor_mentee_transitions IS
'Each step is allowed to each kind of actor once.';

INSERT INTO mentoring.mentor_mentee_transitions (from_status, to_status, actor_kind) VALUES
(NULL, 'pending', 'mentor'),
(NULL, 'pending', 'mentee'),
(NULL, 'active', 'admin'),
(NULL, 'active', 'system'),
('pending', 'active', 'counterparty'),
('pending', 'active', 'admin'),
('pending', 'rejected', 'counterparty'),
('pending', 'rejected', 'admin'),
('pending', 'cancelled', 'initiator'),
('pending', 'cancelled', 'admin'),
('pending', 'expired', 'system'),
('active', 'paused', 'mentor'),
('active', 'paused', 'mentee'),
('paused', 'active', 'pauser'),
('paused', 'active', 'admin'),
('paused', 'active', 'system'),
('active', 'completed', 'mentor'),
('active', 'completed', 'admin'),
('paused', 'completed', 'mentor'),
('paused', 'completed', 'admin'),
('active', 'terminated', 'mentor'),
('active', 'terminated', 'mentee'),
('active', 'terminated', 'admin'),
('active', 'terminated', 'system'),
('paused', 'terminated', 'mentor'),
('paused', 'terminated', 'mentee'),
('paused', 'terminated', 'admin'),
('paused', 'terminated', 'system');

-- One relationship of a mentor and a mentee, from the request to its end. A pair may have several, one after another.
CREATE TABLE mentoring.mentor_mentee (
    id                    bigint                         GENERATED BY DEFAULT AS IDENTITY,
    mentor_id             bigint                         NOT NULL,
    mentee_id             bigint                         NOT NULL,
    status                mentoring.mentor_mentee_status NOT NULL DEFAULT 'pending',
    initiated_by          mentoring.party            NOT NULL,
    subscribe_to_quizzes  boolean                        NOT NULL DEFAULT true,
    subscribe_to_courses  boolean                        NOT NULL DEFAULT true,
    subscribe_to_subjects boolean                        NOT NULL DEFAULT false,
    mentor_notes          text,
    mentee_notes          text,
    accepted_at           timestamptz,
    paused_at             timestamptz,
    paused_by             bigint,
    resume_at             timestamptz,
    completed_at          timestamptz,
    ended_at              timestamptz,
    ended_by              bigint,
    hidden_by_mentor_at   timestamptz,
    hidden_by_mentee_at   timestamptz,
    version               bigint                         NOT NULL DEFAULT 1,
    created_at            timestamptz                    NOT NULL DEFAULT now(),
    updated_at            timestamptz                    NOT NULL DEFAULT now(),

    CONSTRAINT mentor_mentee_pkey PRIMARY KEY (id),
    CONSTRAINT mentor_mentee_id_mentor_id_mentee_id_key UNIQUE (id, mentor_id, mentee_id),
    CONSTRAINT mentor_mentee_not_self_check CHECK (mentor_id <> mentee_id),
    CONSTRAINT mentor_mentee_mentor_notes_check CHECK (length(mentor_notes) <= 10000),
    CONSTRAINT mentor_mentee_mentee_notes_check CHECK (length(mentee_notes) <= 10000),
    CONSTRAINT mentor_mentee_accepted_at_check CHECK (
        (accepted_at IS NOT NULL) = (status IN ('active', 'paused', 'completed', 'terminated'))
        AND isfinite(accepted_at)
    ),
    CONSTRAINT mentor_mentee_paused_at_check CHECK ((paused_at IS NOT NULL) = (status = 'paused')),
    CONSTRAINT mentor_mentee_paused_by_check CHECK (
        (paused_by IS NOT NULL) = (status = 'paused') AND paused_by IN (mentor_id, mentee_id)
    ),
    CONSTRAINT mentor_mentee_resume_at_check CHECK (
        resume_at IS NULL
        OR (status = 'paused' AND resume_at > paused_at AND resume_at < '9999-01-01 00:00:00+00')
    ),
    CONSTRAINT mentor_mentee_completed_at_check CHECK (
        (completed_at IS NOT NULL) = (status = 'completed') AND completed_at = ended_at
    ),
    CONSTRAINT mentor_mentee_ended_at_check CHECK (
        (ended_at IS NOT NULL) = (status IN ('completed', 'rejected', 'cancelled', 'expired', 'terminated'))
        AND ended_at >= accepted_at
    ),
    CONSTRAINT mentor_mentee_ended_by_check CHECK (ended_by IS NULL OR ended_at IS NOT NULL),
    CONSTRAINT mentor_mentee_hidden_by_mentor_at_check CHECK (hidden_by_mentor_at IS NULL OR ended_at IS NOT NULL),
    CONSTRAINT mentor_mentee_hidden_by_mentee_at_check CHECK (hidden_by_mentee_at IS NULL OR ended_at IS NOT NULL)
) WITH (fillfactor = 90);

COMMENT ON TABLE mentoring.mentor_mentee IS
'One relationship of a mentor and a mentee, from the request to its end. A pair has at most one live one (pending, active or paused); earlier ones stay. Steps are those of mentor_mentee_transitions, each leaves a row in mentor_mentee_history.';
COMMENT ON COLUMN mentoring.mentor_mentee.id IS 'The relationship.';
COMMENT ON COLUMN mentoring.mentor_mentee.mentor_id IS 'Who teaches (auth.users.id). Never changes.';
COMMENT ON COLUMN mentoring.mentor_mentee.mentee_id IS 'Who learns (auth.users.id). Never changes.';
COMMENT ON COLUMN mentoring.mentor_mentee.status IS 'Where the relationship stands; changes by the steps of mentor_mentee_transitions only.';
COMMENT ON COLUMN mentoring.mentor_mentee.initiated_by IS 'Who made the relationship: mentor, mentee, system or admin. Never changes.';
COMMENT ON COLUMN mentoring.mentor_mentee.subscribe_to_quizzes IS 'The mentee wants to hear of the mentor''s new quizzes. The mentee''s choice.';
COMMENT ON COLUMN mentoring.mentor_mentee.subscribe_to_courses IS 'The mentee wants to hear of the mentor''s new courses. The mentee''s choice.';
COMMENT ON COLUMN mentoring.mentor_mentee.subscribe_to_subjects IS 'The mentee wants to hear of the mentor''s new subjects. The mentee''s choice.';
COMMENT ON COLUMN mentoring.mentor_mentee.mentor_notes IS 'The mentor''s notes about the mentee. Nobody but the mentor may read them; no role but the owner may select the column.';
COMMENT ON COLUMN mentoring.mentor_mentee.mentee_notes IS 'The mentee''s notes about the mentor. Nobody but the mentee may read them; no role but the owner may select the column.';
COMMENT ON COLUMN mentoring.mentor_mentee.accepted_at IS 'When the relationship first became active. Set exactly when it ever was.';
COMMENT ON COLUMN mentoring.mentor_mentee.paused_at IS 'Since when it is paused; NULL while it is not.';
COMMENT ON COLUMN mentoring.mentor_mentee.paused_by IS 'Which of the two paused it (auth.users.id), and so may resume it; NULL while it is not paused.';
COMMENT ON COLUMN mentoring.mentor_mentee.resume_at IS 'From when on the system may resume a paused relationship; NULL: only on request.';
COMMENT ON COLUMN mentoring.mentor_mentee.completed_at IS 'When it reached its aim. Set exactly when status is completed.';
COMMENT ON COLUMN mentoring.mentor_mentee.ended_at IS 'When it ended, in whatever way. Set exactly when status is an ended one.';
COMMENT ON COLUMN mentoring.mentor_mentee.ended_by IS
'Who ended it (auth.users.id, of a party or an administrator); NULL while it is live, and where the system or a database role did. A fact to keep, so without a foreign key.';
COMMENT ON COLUMN mentoring.mentor_mentee.hidden_by_mentor_at IS
'When the mentor removed it from their own lists; NULL while it is shown there. It stays in the mentee''s.';
COMMENT ON COLUMN mentoring.mentor_mentee.hidden_by_mentee_at IS
'When the mentee removed it from their own lists; NULL while it is shown there. It stays in the mentor''s.';
COMMENT ON COLUMN mentoring.mentor_mentee.version IS 'Counts the changes of this row from 1, for optimistic locking. Notes and removals are not counted: they are not the other side''s to notice.';
COMMENT ON COLUMN mentoring.mentor_mentee.created_at IS 'When the relationship was asked for or imported. Never changes.';
COMMENT ON COLUMN mentoring.mentor_mentee.updated_at IS 'When version last changed; kept by a trigger.';
COMMENT ON CONSTRAINT mentor_mentee_pkey ON mentoring.mentor_mentee IS 'One row a relationship.';
COMMENT ON CONSTRAINT mentor_mentee_id_mentor_id_mentee_id_key ON mentoring.mentor_mentee IS
'A relationship has one mentor and one mentee; bookings refer to all three together.';
COMMENT ON CONSTRAINT mentor_mentee_not_self_check ON mentoring.mentor_mentee IS 'Nobody is their own mentor.';
COMMENT ON CONSTRAINT mentor_mentee_mentor_notes_check ON mentoring.mentor_mentee IS 'mentor_notes has at most 10000 characters.';
COMMENT ON CONSTRAINT mentor_mentee_mentee_notes_check ON mentoring.mentor_mentee IS 'mentee_notes has at most 10000 characters.';
COMMENT ON CONSTRAINT mentor_mentee_accepted_at_check ON mentoring.mentor_mentee IS 'accepted_at is set exactly when the relationship was ever active.';
COMMENT ON CONSTRAINT mentor_mentee_paused_at_check ON mentoring.mentor_mentee IS 'paused_at is set exactly while the relationship is paused.';
COMMENT ON CONSTRAINT mentor_mentee_paused_by_check ON mentoring.mentor_mentee IS
'paused_by is set exactly while the relationship is paused, and is one of its two people.';
COMMENT ON CONSTRAINT mentor_mentee_resume_at_check ON mentoring.mentor_mentee IS
'resume_at is given only while the relationship is paused, and lies after paused_at and before the year 9999.';
COMMENT ON CONSTRAINT mentor_mentee_completed_at_check ON mentoring.mentor_mentee IS
'completed_at is set exactly when the relationship is completed, and equals ended_at.';
COMMENT ON CONSTRAINT mentor_mentee_ended_at_check ON mentoring.mentor_mentee IS
'ended_at is set exactly when the relationship has ended, and does not lie before accepted_at.';
COMMENT ON CONSTRAINT mentor_mentee_ended_by_check ON mentoring.mentor_mentee IS 'ended_by is set only when the relationship has ended.';
COMMENT ON CONSTRAINT mentor_mentee_hidden_by_mentor_at_check ON mentoring.mentor_mentee IS
'hidden_by_mentor_at is set only when the relationship has ended.';
COMMENT ON CONSTRAINT mentor_mentee_hidden_by_mentee_at_check ON mentoring.mentor_mentee IS
'hidden_by_mentee_at is set only when the relationship has ended.';

-- The invariant "one live relationship a pair"; also finds it.
CREATE UNIQUE INDEX mentor_mentee_live_pair_key ON mentoring.mentor_mentee (mentor_id, mentee_id)
WHERE status IN ('pending', 'active', 'paused');

COMMENT ON INDEX mentoring.mentor_mentee_live_pair_key IS 'A pair has at most one relationship that is pending, active or paused.';

-- A mentor's relationships by status, newest first, without those that they removed; the places taken.
CREATE INDEX mentor_mentee_mentor_id_status_idx ON mentoring.mentor_mentee (mentor_id, status, id)
INCLUDE (hidden_by_mentor_at);

-- A mentee's relationships by status, newest first, without those that they removed; the pair's last rejection.
CREATE INDEX mentor_mentee_mentee_id_status_idx ON mentoring.mentor_mentee (mentee_id, status, id)
INCLUDE (hidden_by_mentee_at);

-- Relationships by date, for analysts.
CREATE INDEX mentor_mentee_created_at_idx ON mentoring.mentor_mentee (created_at);

CREATE FUNCTION mentoring.guard_mentor_mentee_insert()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- reads and locks what the inserting role may not
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor  platform.actor := platform.current_actor('mentoring_app');
    kinds  mentoring.transition_actor[] := mentoring.actor_kinds(NEW, actor);
    bulk   boolean := platform.is_bulk_load('mentoring_app');
    -- The system brings relationships from elsewhere in whatever status they are, with their times.
    import boolean := bulk AND actor.kind = 'system';
BEGIN
    IF NEW.mentor_id = NEW.mentee_id THEN
        -- Said here, since the checks that follow would say something else first.
        RAISE EXCEPTION 'nobody is their own mentor' USING
            ERRCODE = 'check_violation',
            SCHEMA = TG_TABLE_SCHEMA,
            TABLE = TG_TABLE_NAME,
            CONSTRAINT = 'mentor_mentee_not_self_check',
            DETAIL = format('mentor_id=%s, mentee_id=%s', NEW.mentor_id, NEW.mentee_id),
            HINT = 'Name two people.';
    END IF;

    IF NOT bulk THEN
        PERFORM mentoring.lock_pair(NEW.mentor_id, NEW.mentee_id);
    END IF;
    IF NOT import AND NOT EXISTS (
        SELECT FROM mentoring.mentor_mentee_transitions AS t
        WHERE t.from_status IS NULL AND t.to_status = NEW.status AND t.actor_kind = ANY (kinds)
    ) THEN
        PERFORM mentoring.refuse_step(
            NULL, NEW.status, kinds, format('mentor_id=%s, mentee_id=%s', NEW.mentor_id, NEW.mentee_id)
        );
    END IF;
    IF NOT import AND NEW.initiated_by::text <> ALL (kinds::text[]) THEN
        RAISE EXCEPTION 'a relationship is initiated by who makes it' USING
            ERRCODE = 'MB002',
            DETAIL = format('initiated_by=%s, actor_is=%s', NEW.initiated_by, array_to_string(kinds, '|')),
            HINT = 'Act as that party, or name your own side in initiated_by.';
    END IF;

    IF NEW.status IN ('pending', 'active', 'paused') THEN
        PERFORM mentoring.check_not_blocked(NEW.mentor_id, NEW.mentee_id);
    END IF;
    IF NEW.status = 'active' THEN
        NEW.accepted_at := coalesce(NEW.accepted_at, now());
    END IF;
    IF greatest(NEW.accepted_at, NEW.paused_at, NEW.ended_at) > now() THEN
        RAISE EXCEPTION 'the steps of a relationship do not lie in the future' USING
            ERRCODE = 'MB007',
            DETAIL = format('mentor_id=%s, mentee_id=%s', NEW.mentor_id, NEW.mentee_id),
            HINT = 'Leave accepted_at out for now, or give the instant at which the relationship began.';
    END IF;
    IF NEW.status = 'pending' AND NOT import THEN
        PERFORM mentoring.check_may_ask(NEW.mentor_id, NEW.mentee_id, actor.id);
    ELSIF NEW.status = 'active' THEN
        PERFORM mentoring.take_place(NEW.mentor_id);
    END IF;
    NEW.version := 1;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION mentoring.guard_mentor_mentee_insert() IS
'Row trigger of mentor_mentee: who may make a relationship in which status, whether one of the two blocks the other, whether the mentor takes requests, whether the pair cools down, whether a place is free. In a bulk load the system brings relationships in any status and with their times.';

CREATE TRIGGER mentor_mentee_guard_insert
BEFORE INSERT ON mentoring.mentor_mentee
FOR EACH ROW EXECUTE FUNCTION mentoring.guard_mentor_mentee_insert();

CREATE FUNCTION mentoring.guard_mentor_mentee_update()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- reads and locks what the updating role may not
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor platform.actor := platform.current_actor('mentoring_app');
    kinds mentoring.transition_actor[] := mentoring.actor_kinds(OLD, actor);
BEGIN
    IF NEW IS NOT DISTINCT FROM OLD THEN
        RETURN NEW;
    END IF;

    IF NEW.status <> OLD.status AND NOT EXISTS (
        SELECT FROM mentoring.mentor_mentee_transitions AS t
        WHERE t.from_status = OLD.status AND t.to_status = NEW.status AND t.actor_kind = ANY (kinds)
    ) THEN
        PERFORM mentoring.refuse_step(
            OLD.status, NEW.status, kinds,
            format('relationship_id=%s, initiated_by=%s', OLD.id, OLD.initiated_by)
        );
    END IF;
    IF cardinality(kinds) = 0 THEN
        RAISE EXCEPTION 'a relationship is changed by its own people' USING
            ERRCODE = 'MB002',
            DETAIL = format('relationship_id=%s, actor_is=outsider', OLD.id),
            HINT = 'Act as its mentor or mentee, as an administrator or as the system.';
    END IF;
    IF (NEW.id, NEW.mentor_id, NEW.mentee_id, NEW.initiated_by, NEW.accepted_at, NEW.paused_at, NEW.paused_by,
        NEW.completed_at, NEW.ended_at, NEW.ended_by, NEW.version, NEW.created_at)
        IS DISTINCT FROM
        (OLD.id, OLD.mentor_id, OLD.mentee_id, OLD.initiated_by, OLD.accepted_at, OLD.paused_at, OLD.paused_by,
        OLD.completed_at, OLD.ended_at, OLD.ended_by, OLD.version, OLD.created_at)
        OR (NEW.resume_at IS DISTINCT FROM OLD.resume_at AND NOT (NEW.status = 'paused' AND OLD.status = 'active'))
    THEN
        RAISE EXCEPTION 'who a relationship belongs to and when its steps were taken are kept by the database' USING
            ERRCODE = 'MB006',
            DETAIL = format('relationship_id=%s', OLD.id),
            HINT = 'Change status, the subscriptions or the notes; resume_at only together with status = paused.';
    END IF;

    IF (NEW.mentor_notes IS DISTINCT FROM OLD.mentor_notes AND 'mentee' = ANY (kinds))
        OR (NEW.mentee_notes IS DISTINCT FROM OLD.mentee_notes AND 'mentor' = ANY (kinds))
    THEN
        RAISE EXCEPTION 'a note is written by its own side only' USING
            ERRCODE = 'MB002',
            DETAIL = format('relationship_id=%s', OLD.id),
            HINT = 'Write the note of your own side.';
    END IF;
    IF (NEW.hidden_by_mentor_at IS DISTINCT FROM OLD.hidden_by_mentor_at AND 'mentee' = ANY (kinds))
        OR (NEW.hidden_by_mentee_at IS DISTINCT FROM OLD.hidden_by_mentee_at AND 'mentor' = ANY (kinds))
    THEN
        RAISE EXCEPTION 'a relationship is removed from one''s own lists only' USING
            ERRCODE = 'MB002',
            DETAIL = format('relationship_id=%s', OLD.id),
            HINT = 'Change the column of your own side.';
    END IF;

    IF (NEW.subscribe_to_quizzes, NEW.subscribe_to_courses, NEW.subscribe_to_subjects)
        IS DISTINCT FROM (OLD.subscribe_to_quizzes, OLD.subscribe_to_courses, OLD.subscribe_to_subjects)
    THEN
        PERFORM mentoring.check_may_subscribe(OLD.id, OLD.status, kinds);
    END IF;

    IF NEW.status <> OLD.status THEN
        CASE NEW.status
            WHEN 'active' THEN
                IF OLD.status = 'pending' THEN
                    NEW.accepted_at := now();
                    PERFORM mentoring.take_place(NEW.mentor_id);
                ELSIF actor.kind = 'system' THEN
                    PERFORM mentoring.check_due('resume', OLD.id, OLD.resume_at);
                END IF;
            WHEN 'paused' THEN
                IF NEW.resume_at <= now() OR NEW.resume_at >= '9999-01-01 00:00:00+00' THEN
                    RAISE EXCEPTION 'resume_at must lie in the future, before the year 9999' USING
                        ERRCODE = 'MB007',
                        DETAIL = format('relationship_id=%s', OLD.id),
                        HINT = 'Give a later instant, or none to pause until somebody resumes.';
                END IF;
                NEW.paused_at := now();
                NEW.paused_by := actor.id;
            ELSE
                IF NEW.status = 'expired' THEN
                    PERFORM mentoring.check_due(
                        'expire', OLD.id,
                        OLD.created_at + make_interval(days => mentoring.setting('request_expiry')::integer)
                    );
                END IF;
                NEW.ended_at := greatest(now(), NEW.accepted_at); -- this transaction may be the older one
                NEW.ended_by := actor.id;
                IF NEW.status = 'completed' THEN
                    NEW.completed_at := NEW.ended_at;
                END IF;
        END CASE;

        IF OLD.status = 'paused' THEN
            NEW.paused_at := NULL;
            NEW.paused_by := NULL;
            NEW.resume_at := NULL;
        END IF;
    END IF;

    -- A note or a removal is not the other side's to notice.
    IF (NEW.status, NEW.resume_at, NEW.subscribe_to_quizzes, NEW.subscribe_to_courses, NEW.subscribe_to_subjects)
        IS DISTINCT FROM
        (OLD.status, OLD.resume_at, OLD.subscribe_to_quizzes, OLD.subscribe_to_courses, OLD.subscribe_to_subjects)
    THEN
        NEW.version := OLD.version + 1;
        NEW.updated_at := now();
    ELSE
        NEW.updated_at := OLD.updated_at;
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION mentoring.guard_mentor_mentee_update() IS
'Row trigger of mentor_mentee: allows the steps of mentor_mentee_transitions and nothing else, stamps their times, takes places, keeps version and updated_at.';

CREATE TRIGGER mentor_mentee_guard_update
BEFORE UPDATE ON mentoring.mentor_mentee
FOR EACH ROW EXECUTE FUNCTION mentoring.guard_mentor_mentee_update();

CREATE FUNCTION mentoring.guard_mentor_mentee_delete()
RETURNS trigger
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor platform.actor := platform.current_actor('mentoring_app');
BEGIN
    IF actor.kind = 'user' THEN
        RAISE EXCEPTION 'people end relationships, they do not delete them' USING
            ERRCODE = 'MB002',
            HINT = 'Cancel, reject, complete or terminate it; or delete as the owner, for an administrator or the system.';
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION mentoring.guard_mentor_mentee_delete() IS
'Statement trigger of mentor_mentee: refuses a DELETE in the name of a person (MB002). No application role has the privilege anyway.';

CREATE TRIGGER mentor_mentee_guard_delete
BEFORE DELETE ON mentoring.mentor_mentee
FOR EACH STATEMENT EXECUTE FUNCTION mentoring.guard_mentor_mentee_delete();

-- It would leave no history.
CREATE TRIGGER mentor_mentee_refuse_truncate
BEFORE TRUNCATE ON mentoring.mentor_mentee
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE FUNCTION mentoring.record_mentor_mentee_history()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write history itself
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor    platform.actor := platform.current_actor('mentoring_app');
    relation mentoring.mentor_mentee := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    INSERT INTO mentoring.mentor_mentee_history (
        relationship_id, mentor_id, mentee_id, from_status, to_status, actor_kind, actor_id,
        db_login, db_role, reason
    ) VALUES (
        relation.id, relation.mentor_id, relation.mentee_id,
        CASE WHEN TG_OP <> 'INSERT' THEN OLD.status END,
        CASE WHEN TG_OP <> 'DELETE' THEN NEW.status END,
        CASE
            WHEN actor.kind = 'admin' THEN 'admin'
            WHEN actor.kind = 'system' THEN 'system'
            WHEN actor.id = relation.mentor_id THEN 'mentor'
            ELSE 'mentee'
        END::mentoring.party,
        actor.id,
        session_user,
        nullif(current_setting('role'), 'none'),
        nullif(current_setting('mentorbase.reason', true), '')
    );
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION mentoring.record_mentor_mentee_history() IS
'Row trigger of mentor_mentee: writes one history row for each step, also for a DELETE.';

CREATE TRIGGER mentor_mentee_record_history
AFTER INSERT OR DELETE ON mentoring.mentor_mentee
FOR EACH ROW EXECUTE FUNCTION mentoring.record_mentor_mentee_history();

CREATE TRIGGER mentor_mentee_record_step
AFTER UPDATE ON mentoring.mentor_mentee
FOR EACH ROW WHEN (old.status IS DISTINCT FROM new.status)
EXECUTE FUNCTION mentoring.record_mentor_mentee_history();

-- What happened to relationships. No foreign key: the story outlives its subject.
CREATE TABLE mentoring.mentor_mentee_history (
    id              bigint      GENERATED ALWAYS AS IDENTITY,
    relationship_id bigint      NOT NULL,
    mentor_id       bigint,
    mentee_id       bigint,
    from_status     mentoring.mentor_mentee_status,
    to_status       mentoring.mentor_mentee_status,
    actor_kind      mentoring.party NOT NULL,
    actor_id        bigint,
    db_login        text        NOT NULL,
    db_role         text,
    reason          text,
    occurred_at     timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT mentor_mentee_history_pkey PRIMARY KEY (id),
    CONSTRAINT mentor_mentee_history_reason_check CHECK (length(reason) <= 500)
);

COMMENT ON TABLE mentoring.mentor_mentee_history IS
'Every step of every relationship: who, when, from, to, why. Append-only, written by a trigger, kept when the relationship itself is deleted. mentoring.purge() takes people and reasons out of the steps of requests that were never accepted.';
COMMENT ON COLUMN mentoring.mentor_mentee_history.id IS 'Order of the steps.';
COMMENT ON COLUMN mentoring.mentor_mentee_history.relationship_id IS 'The relationship (mentor_mentee.id), which may be gone.';
COMMENT ON COLUMN mentoring.mentor_mentee_history.mentor_id IS 'Its mentor (auth.users.id); NULL once anonymised.';
COMMENT ON COLUMN mentoring.mentor_mentee_history.mentee_id IS 'Its mentee (auth.users.id); NULL once anonymised.';
COMMENT ON COLUMN mentoring.mentor_mentee_history.from_status IS 'Status before; NULL for the first step.';
COMMENT ON COLUMN mentoring.mentor_mentee_history.to_status IS 'Status after; NULL where the row was deleted.';
COMMENT ON COLUMN mentoring.mentor_mentee_history.actor_kind IS 'As what the actor took the step: mentor, mentee, admin or system.';
COMMENT ON COLUMN mentoring.mentor_mentee_history.actor_id IS
'Who took it (auth.users.id); NULL for the system, for a database role that edited by hand, and once anonymised.';
COMMENT ON COLUMN mentoring.mentor_mentee_history.db_login IS 'The database login of the session.';
COMMENT ON COLUMN mentoring.mentor_mentee_history.db_role IS 'The role the session had set (SET ROLE), if any.';
COMMENT ON COLUMN mentoring.mentor_mentee_history.reason IS 'Why, in the actor''s words, up to 500 characters; NULL if not said.';
COMMENT ON COLUMN mentoring.mentor_mentee_history.occurred_at IS 'When: the start of the transaction that took the step.';
COMMENT ON CONSTRAINT mentor_mentee_history_pkey ON mentoring.mentor_mentee_history IS 'One row a step.';
COMMENT ON CONSTRAINT mentor_mentee_history_reason_check ON mentoring.mentor_mentee_history IS 'A reason has at most 500 characters.';

-- One relationship's history, in order.
CREATE INDEX mentor_mentee_history_relationship_id_idx ON mentoring.mentor_mentee_history (relationship_id, id);

CREATE TRIGGER mentor_mentee_history_refuse_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON mentoring.mentor_mentee_history
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- What a mentor teaches and a mentee can book.
CREATE TABLE mentoring.subjects (
    id             bigint      GENERATED BY DEFAULT AS IDENTITY,
    user_id        bigint      NOT NULL,
    title          text        NOT NULL,
    description    text,
    is_active      boolean     NOT NULL DEFAULT true,
    price          numeric(12, 2),
    price_currency text,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT subjects_pkey PRIMARY KEY (id),
    CONSTRAINT subjects_id_user_id_key UNIQUE (id, user_id),
    CONSTRAINT subjects_title_check CHECK (length(title) <= 200 AND title ~ '\S'),
    CONSTRAINT subjects_description_check CHECK (length(description) <= 10000),
    CONSTRAINT subjects_price_check CHECK (price >= 0 AND price <> 'NaN'),
    CONSTRAINT subjects_price_currency_check CHECK (price_currency ~ '^[A-Z]{3}$'),
    CONSTRAINT subjects_price_has_currency_check CHECK ((price IS NULL) = (price_currency IS NULL))
);

COMMENT ON TABLE mentoring.subjects IS
'What a mentor teaches, one row a subject. Written by its mentor, an administrator or the system; kept while it has bookings.';
COMMENT ON COLUMN mentoring.subjects.id IS 'The subject.';
COMMENT ON COLUMN mentoring.subjects.user_id IS 'The mentor who teaches it (auth.users.id). Never changes.';
COMMENT ON COLUMN mentoring.subjects.title IS 'What it is called, 1 to 200 characters.';
COMMENT ON COLUMN mentoring.subjects.description IS 'What it is about, in the mentor''s words.';
COMMENT ON COLUMN mentoring.subjects.is_active IS 'Whether it can be booked. Bookings made before stay.';
COMMENT ON COLUMN mentoring.subjects.price IS 'Price of one session, in price_currency. NULL: not stated.';
COMMENT ON COLUMN mentoring.subjects.price_currency IS 'ISO 4217 code of price, such as EUR.';
COMMENT ON COLUMN mentoring.subjects.created_at IS 'When the row was made.';
COMMENT ON COLUMN mentoring.subjects.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT subjects_pkey ON mentoring.subjects IS 'One row a subject.';
COMMENT ON CONSTRAINT subjects_id_user_id_key ON mentoring.subjects IS 'A subject has one mentor; bookings refer to both together.';
COMMENT ON CONSTRAINT subjects_title_check ON mentoring.subjects IS 'title has 1 to 200 characters, not all of them blank.';
COMMENT ON CONSTRAINT subjects_description_check ON mentoring.subjects IS 'description has at most 10000 characters.';
COMMENT ON CONSTRAINT subjects_price_check ON mentoring.subjects IS 'price is a number from 0.';
COMMENT ON CONSTRAINT subjects_price_currency_check ON mentoring.subjects IS
'price_currency is an ISO 4217 code of three capital letters.';
COMMENT ON CONSTRAINT subjects_price_has_currency_check ON mentoring.subjects IS
'price and price_currency are given together or not at all.';

-- A mentor's subjects, newest first.
CREATE INDEX subjects_user_id_idx ON mentoring.subjects (user_id, id);

CREATE FUNCTION mentoring.guard_subjects()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor platform.actor := platform.current_actor('mentoring_app');
BEGIN
    IF TG_OP = 'UPDATE'
        AND (NEW.id, NEW.user_id, NEW.created_at) IS DISTINCT FROM (OLD.id, OLD.user_id, OLD.created_at)
    THEN
        RAISE EXCEPTION 'a subject stays with its mentor' USING
            ERRCODE = 'MB006',
            DETAIL = format('subject_id=%s', OLD.id),
            HINT = 'Make a subject of the other mentor''s instead.';
    END IF;
    IF actor.kind = 'user' AND actor.id <> NEW.user_id THEN
        RAISE EXCEPTION 'a subject is written by its own mentor' USING
            ERRCODE = 'MB002',
            DETAIL = format('user_id=%s', NEW.user_id),
            HINT = 'Act as that mentor, as an administrator or as the system.';
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION mentoring.guard_subjects() IS
'Row trigger of subjects: only the mentor themselves, an administrator or the system writes a subject, and its mentor never changes.';

CREATE TRIGGER subjects_guard
BEFORE INSERT OR UPDATE ON mentoring.subjects
FOR EACH ROW EXECUTE FUNCTION mentoring.guard_subjects();

CREATE TRIGGER subjects_require_actor
BEFORE DELETE ON mentoring.subjects
FOR EACH STATEMENT EXECUTE FUNCTION platform.require_actor();

CREATE TRIGGER subjects_set_updated_at
BEFORE UPDATE ON mentoring.subjects
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

-- The life cycle of subject_schedule, as data: who may go where.
CREATE TABLE mentoring.subject_schedule_transitions (
    id          bigint                   GENERATED BY DEFAULT AS IDENTITY,
    from_status mentoring.booking_status,
    to_status   mentoring.booking_status NOT NULL,
    actor_kind  mentoring.party          NOT NULL,

    CONSTRAINT subject_schedule_transitions_pkey PRIMARY KEY (id),
    CONSTRAINT subject_schedule_transitions_step_key UNIQUE NULLS NOT DISTINCT (from_status, to_status, actor_kind)
);

COMMENT ON TABLE mentoring.subject_schedule_transitions IS
'Every allowed step of a booking and who may take it. A step that has no row here is refused (MB003), and so is one that has none for the actor (MB002). Corrections are an administrator''s; the system imports in any status.';
COMMENT ON COLUMN mentoring.subject_schedule_transitions.id IS 'Row number, without meaning.';
COMMENT ON COLUMN mentoring.subject_schedule_transitions.from_status IS 'Present status; NULL where the booking is new.';
COMMENT ON COLUMN mentoring.subject_schedule_transitions.to_status IS 'Next status.';
COMMENT ON COLUMN mentoring.subject_schedule_transitions.actor_kind IS 'As what the actor takes the step.';
COMMENT ON CONSTRAINT subject_schedule_transitions_pkey ON mentoring.subject_schedule_transitions IS 'One row a step and actor.';
COMMENT ON CONSTRAINT subject_schedule_transitions_step_key ON mentoring.subject_schedule_transitions IS
'Each step is allowed to each kind of actor once.';

INSERT INTO mentoring.subject_schedule_transitions (from_status, to_status, actor_kind) VALUES
(NULL, 'pending', 'mentee'),
(NULL, 'pending', 'admin'),
(NULL, 'pending', 'system'),
(NULL, 'confirmed', 'system'),
(NULL, 'completed', 'system'),
(NULL, 'cancelled', 'system'),
(NULL, 'no_show', 'system'),
('pending', 'confirmed', 'mentor'),
('pending', 'confirmed', 'admin'),
('pending', 'cancelled', 'mentor'),
('pending', 'cancelled', 'mentee'),
('pending', 'cancelled', 'admin'),
('confirmed', 'cancelled', 'mentor'),
('confirmed', 'cancelled', 'mentee'),
('confirmed', 'cancelled', 'admin'),
('confirmed', 'completed', 'mentor'),
('confirmed', 'completed', 'admin'),
('confirmed', 'completed', 'system'),
('confirmed', 'no_show', 'mentor'),
('confirmed', 'no_show', 'admin'),
('completed', 'no_show', 'admin'),
('completed', 'cancelled', 'admin'),
('no_show', 'completed', 'admin'),
('no_show', 'cancelled', 'admin'),
('cancelled', 'confirmed', 'admin');

-- One booking of a subject by a mentee. The unit that every statistic counts.
CREATE TABLE mentoring.subject_schedule (
    id              bigint                   GENERATED BY DEFAULT AS IDENTITY,
    subject_id      bigint                   NOT NULL,
    mentor_id       bigint                   NOT NULL,
    user_id         bigint                   NOT NULL,
    relationship_id bigint,
    status          mentoring.booking_status NOT NULL DEFAULT 'pending',
    booked_date     timestamptz              NOT NULL,
    ends_at         timestamptz              NOT NULL,
    cancelled_by    bigint,
    cancelled_at    timestamptz,
    created_at      timestamptz              NOT NULL DEFAULT now(),
    updated_at      timestamptz              NOT NULL DEFAULT now(),

    CONSTRAINT subject_schedule_pkey PRIMARY KEY (id),
    CONSTRAINT subject_schedule_subject_id_fkey FOREIGN KEY (subject_id, mentor_id)
    REFERENCES mentoring.subjects (id, user_id) ON DELETE RESTRICT,
    CONSTRAINT subject_schedule_relationship_id_fkey FOREIGN KEY (relationship_id, mentor_id, user_id)
    REFERENCES mentoring.mentor_mentee (id, mentor_id, mentee_id) ON DELETE SET NULL (relationship_id),
    CONSTRAINT subject_schedule_not_own_subject_check CHECK (user_id <> mentor_id),
    CONSTRAINT subject_schedule_booked_date_check CHECK (
        booked_date > '1970-01-01 00:00:00+00' AND booked_date < '9999-01-01 00:00:00+00'
    ),
    CONSTRAINT subject_schedule_ends_at_check CHECK (
        ends_at > booked_date AND ends_at - booked_date <= interval '24 hours'
    ),
    CONSTRAINT subject_schedule_cancelled_at_check CHECK ((cancelled_at IS NOT NULL) = (status = 'cancelled')),
    CONSTRAINT subject_schedule_cancelled_by_check CHECK (cancelled_by IS NULL OR status = 'cancelled')
) WITH (fillfactor = 90);

COMMENT ON TABLE mentoring.subject_schedule IS
'One booking of a subject by a mentee. Steps are those of subject_schedule_transitions, each leaves a row in subject_schedule_history. Every booking belongs to at most one relationship.';
COMMENT ON COLUMN mentoring.subject_schedule.id IS 'The booking.';
COMMENT ON COLUMN mentoring.subject_schedule.subject_id IS 'What was booked. Never changes.';
COMMENT ON COLUMN mentoring.subject_schedule.mentor_id IS 'Who teaches it (auth.users.id), copied from the subject. Never changes.';
COMMENT ON COLUMN mentoring.subject_schedule.user_id IS 'The mentee who booked (auth.users.id). Never changes.';
COMMENT ON COLUMN mentoring.subject_schedule.relationship_id IS
'The relationship that the booking counts for: the pair''s live one when it was booked, else the latest ended one. NULL until the pair has any; the first one made takes it over. Kept by triggers.';
COMMENT ON COLUMN mentoring.subject_schedule.status IS
'Where the booking stands; changes by the steps of subject_schedule_transitions only.';
COMMENT ON COLUMN mentoring.subject_schedule.booked_date IS 'When the session begins. Never changes.';
COMMENT ON COLUMN mentoring.subject_schedule.ends_at IS 'When the session ends: up to 24 hours later, not included. Never changes.';
COMMENT ON COLUMN mentoring.subject_schedule.cancelled_by IS
'Who cancelled it (auth.users.id); NULL unless cancelled, and where the system or a database role did. A fact to keep, so without a foreign key.';
COMMENT ON COLUMN mentoring.subject_schedule.cancelled_at IS 'When it was cancelled. Set exactly when status is cancelled.';
COMMENT ON COLUMN mentoring.subject_schedule.created_at IS 'When it was booked or imported. Never changes.';
COMMENT ON COLUMN mentoring.subject_schedule.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT subject_schedule_pkey ON mentoring.subject_schedule IS 'One row a booking.';
COMMENT ON CONSTRAINT subject_schedule_subject_id_fkey ON mentoring.subject_schedule IS
'subject_id is the id of a subject, and mentor_id its mentor.';
COMMENT ON CONSTRAINT subject_schedule_relationship_id_fkey ON mentoring.subject_schedule IS
'relationship_id is a relationship of this mentor and this mentee.';
COMMENT ON CONSTRAINT subject_schedule_not_own_subject_check ON mentoring.subject_schedule IS 'Nobody books their own subject.';
COMMENT ON CONSTRAINT subject_schedule_booked_date_check ON mentoring.subject_schedule IS
'booked_date lies between the years 1970 and 9999.';
COMMENT ON CONSTRAINT subject_schedule_ends_at_check ON mentoring.subject_schedule IS
'ends_at lies after booked_date, by 24 hours at most.';
COMMENT ON CONSTRAINT subject_schedule_cancelled_at_check ON mentoring.subject_schedule IS
'cancelled_at is set exactly when the booking is cancelled.';
COMMENT ON CONSTRAINT subject_schedule_cancelled_by_check ON mentoring.subject_schedule IS
'cancelled_by is set only when the booking is cancelled.';

-- Serves every statistic: one index-only scan a relationship.
CREATE INDEX subject_schedule_relationship_id_idx
ON mentoring.subject_schedule (relationship_id, status, booked_date) INCLUDE (ends_at);

-- A subject's bookings.
CREATE INDEX subject_schedule_subject_id_idx ON mentoring.subject_schedule (subject_id, mentor_id);

-- A mentor's calendar, and a mentee's.
CREATE INDEX subject_schedule_mentor_id_idx ON mentoring.subject_schedule (mentor_id, booked_date, id);
CREATE INDEX subject_schedule_user_id_idx ON mentoring.subject_schedule (user_id, booked_date, id);

-- The bookings that a pair's first relationship takes over.
CREATE INDEX subject_schedule_unattributed_idx ON mentoring.subject_schedule (mentor_id, user_id)
WHERE relationship_id IS NULL;

CREATE FUNCTION mentoring.fill_subject_schedule()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- reads and locks what the inserting role may not
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.mentor_id IS NULL THEN
        SELECT s.user_id INTO NEW.mentor_id FROM mentoring.subjects AS s WHERE s.id = NEW.subject_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'there is no such subject' USING
                ERRCODE = 'MB004',
                DETAIL = format('subject_id=%s', coalesce(NEW.subject_id::text, 'null')),
                HINT = 'Look the subject up by its mentor.';
        END IF;
    END IF;
    IF NEW.relationship_id IS NULL AND NEW.user_id <> NEW.mentor_id THEN
        NEW.relationship_id := mentoring.relationship_of(NEW.mentor_id, NEW.user_id);
        IF NOT platform.is_bulk_load('mentoring_app') THEN
            -- purge() may be deleting it; the foreign key would wait for that, and then refuse.
            SELECT m.id INTO NEW.relationship_id
            FROM mentoring.mentor_mentee AS m
            WHERE m.id = NEW.relationship_id
            FOR KEY SHARE;
        END IF;
        IF NEW.relationship_id IS NULL AND NOT platform.is_bulk_load('mentoring_app') THEN
            -- Either this booking sees a relationship that is being made, or that one sees this booking.
            PERFORM mentoring.lock_pair(NEW.mentor_id, NEW.user_id);
            NEW.relationship_id := mentoring.relationship_of(NEW.mentor_id, NEW.user_id);
        END IF;
    END IF;
    IF NEW.status = 'cancelled' THEN
        NEW.cancelled_at := coalesce(NEW.cancelled_at, now());
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION mentoring.fill_subject_schedule() IS
'Row trigger of subject_schedule: copies the mentor from the subject, and finds the relationship that the booking counts for. A bulk load that gives both does without.';

CREATE TRIGGER subject_schedule_fill
BEFORE INSERT ON mentoring.subject_schedule
FOR EACH ROW WHEN (
    new.mentor_id IS NULL OR new.relationship_id IS NULL OR (new.status = 'cancelled' AND new.cancelled_at IS NULL)
)
EXECUTE FUNCTION mentoring.fill_subject_schedule();

CREATE FUNCTION mentoring.guard_subject_schedule_insert()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- reads what the inserting role may not
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor   platform.actor := platform.current_actor('mentoring_app');
    wrong   record;
BEGIN
    -- The system brings bookings in every status: then there is nothing to look for among what may be a million rows.
    IF actor.kind = 'system' AND NOT EXISTS (
        SELECT FROM unnest(enum_range(NULL::mentoring.booking_status)) AS s (status)
        WHERE NOT EXISTS (
            SELECT FROM mentoring.subject_schedule_transitions AS t
            WHERE t.from_status IS NULL AND t.to_status = s.status AND t.actor_kind = 'system'
        )
    ) THEN
        RETURN NULL;
    END IF;

    SELECT c.status, c.subject_id, mentoring.booking_side(c, actor) AS side INTO wrong
    FROM changed_rows AS c
    WHERE NOT EXISTS (
        SELECT FROM mentoring.subject_schedule_transitions AS t
        WHERE t.from_status IS NULL AND t.to_status = c.status AND t.actor_kind = mentoring.booking_side(c, actor)
    )
    LIMIT 1;
    IF FOUND THEN
        PERFORM mentoring.refuse_booking_step(NULL, wrong.status, wrong.side, format('subject_id=%s', wrong.subject_id));
    END IF;
    IF actor.kind = 'system' THEN
        RETURN NULL; -- it brings bookings of the past, and of subjects that are gone
    END IF;

    SELECT c.subject_id, c.booked_date, s.is_active INTO wrong
    FROM changed_rows AS c
    INNER JOIN mentoring.subjects AS s ON c.subject_id = s.id
    WHERE NOT s.is_active OR c.booked_date <= now()
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    ELSIF NOT wrong.is_active THEN
        RAISE EXCEPTION 'the subject cannot be booked any more' USING
            ERRCODE = 'MB107',
            DETAIL = format('subject_id=%s', wrong.subject_id),
            HINT = 'Book another subject, or have its mentor set is_active.';
    END IF;
    RAISE EXCEPTION 'a session is booked before it begins' USING
        ERRCODE = 'MB007',
        DETAIL = format('subject_id=%s', wrong.subject_id),
        HINT = 'Give a later booked_date.';
END
$$;

COMMENT ON FUNCTION mentoring.guard_subject_schedule_insert() IS
'Statement trigger of subject_schedule: who may book, in which status and when. One look at all new rows, so that a bulk load costs little.';

CREATE TRIGGER subject_schedule_guard_insert
AFTER INSERT ON mentoring.subject_schedule
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION mentoring.guard_subject_schedule_insert();

CREATE FUNCTION mentoring.guard_subject_schedule_update()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- reads what the updating role may not
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor platform.actor := platform.current_actor('mentoring_app');
    side  mentoring.party := mentoring.booking_side(OLD, actor);
BEGIN
    IF NEW IS NOT DISTINCT FROM OLD THEN
        RETURN NEW;
    END IF;
    IF NEW.status <> OLD.status AND NOT mentoring.booking_step_exists(OLD.status, NEW.status, side) THEN
        PERFORM mentoring.refuse_booking_step(OLD.status, NEW.status, side, format('booking_id=%s', OLD.id));
    END IF;
    IF (NEW.id, NEW.subject_id, NEW.mentor_id, NEW.user_id, NEW.booked_date, NEW.ends_at, NEW.cancelled_by,
        NEW.cancelled_at, NEW.created_at)
        IS DISTINCT FROM
        (OLD.id, OLD.subject_id, OLD.mentor_id, OLD.user_id, OLD.booked_date, OLD.ends_at, OLD.cancelled_by,
        OLD.cancelled_at, OLD.created_at)
        OR (
            NEW.relationship_id IS DISTINCT FROM OLD.relationship_id
            AND OLD.relationship_id IS NOT NULL
            AND (
                NEW.relationship_id IS NOT NULL
                OR EXISTS (SELECT FROM mentoring.mentor_mentee AS m WHERE m.id = OLD.relationship_id)
            )
        )
    THEN
        RAISE EXCEPTION 'who booked what and when is kept by the database' USING
            ERRCODE = 'MB006',
            DETAIL = format('booking_id=%s', OLD.id),
            HINT = 'Change status; to move a session, cancel it and book another.';
    END IF;

    IF NEW.status <> OLD.status THEN
        IF NEW.status IN ('completed', 'no_show') THEN
            PERFORM mentoring.check_session_over(
                NEW.status, OLD.id, CASE WHEN NEW.status = 'completed' THEN OLD.ends_at ELSE OLD.booked_date END
            );
        END IF;
        NEW.cancelled_by := CASE WHEN NEW.status = 'cancelled' THEN actor.id END;
        NEW.cancelled_at := CASE WHEN NEW.status = 'cancelled' THEN now() END;
    END IF;
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION mentoring.guard_subject_schedule_update() IS
'Row trigger of subject_schedule: allows the steps of subject_schedule_transitions and nothing else, completes no session before its end, stamps cancellations. relationship_id changes only from NULL (the pair''s first relationship takes the booking over) and to NULL (its relationship is gone).';

CREATE TRIGGER subject_schedule_guard_update
BEFORE UPDATE ON mentoring.subject_schedule
FOR EACH ROW EXECUTE FUNCTION mentoring.guard_subject_schedule_update();

CREATE TRIGGER subject_schedule_require_actor
BEFORE DELETE ON mentoring.subject_schedule
FOR EACH STATEMENT EXECUTE FUNCTION platform.require_actor();

-- It would leave no history.
CREATE TRIGGER subject_schedule_refuse_truncate
BEFORE TRUNCATE ON mentoring.subject_schedule
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE FUNCTION mentoring.record_subject_schedule_history()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write history itself
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor  platform.actor := platform.current_actor('mentoring_app');
    -- Once, since what a million rows are recorded with is the same for each.
    login  text := session_user;
    role   text := nullif(current_setting('role'), 'none');
    reason text := nullif(current_setting('mentorbase.reason', true), '');
BEGIN
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO mentoring.subject_schedule_history (
            booking_id, mentor_id, user_id, from_status, to_status, actor_kind, actor_id, db_login, db_role, reason
        ) VALUES (
            NEW.id, NEW.mentor_id, NEW.user_id, OLD.status, NEW.status,
            coalesce(mentoring.booking_side(NEW, actor), 'admin'), actor.id,
            login, role, reason
        );
    ELSE
        INSERT INTO mentoring.subject_schedule_history (
            booking_id, mentor_id, user_id, from_status, to_status, actor_kind, actor_id, db_login, db_role, reason
        )
        SELECT
            c.id, c.mentor_id, c.user_id,
            CASE WHEN TG_OP = 'DELETE' THEN c.status END,
            CASE WHEN TG_OP = 'INSERT' THEN c.status END,
            coalesce(mentoring.booking_side(c, actor), 'admin'), actor.id,
            login, role, reason
        FROM changed_rows AS c;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION mentoring.record_subject_schedule_history() IS
'Trigger of subject_schedule: writes one history row for each step. Row trigger of a step; statement trigger of INSERT and DELETE with the transition table changed_rows, so that a bulk load is recorded by one statement.';

CREATE TRIGGER subject_schedule_record_history
AFTER INSERT ON mentoring.subject_schedule
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION mentoring.record_subject_schedule_history();

CREATE TRIGGER subject_schedule_record_deletion
AFTER DELETE ON mentoring.subject_schedule
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION mentoring.record_subject_schedule_history();

CREATE TRIGGER subject_schedule_record_step
AFTER UPDATE ON mentoring.subject_schedule
FOR EACH ROW WHEN (old.status IS DISTINCT FROM new.status)
EXECUTE FUNCTION mentoring.record_subject_schedule_history();

CREATE FUNCTION mentoring.take_over_bookings()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write relationship_id
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE mentoring.subject_schedule AS b
    SET relationship_id = NEW.id
    WHERE b.mentor_id = NEW.mentor_id AND b.user_id = NEW.mentee_id AND b.relationship_id IS NULL;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION mentoring.take_over_bookings() IS
'Row trigger of mentor_mentee: the bookings that the pair made before it had any relationship count for the first one.';

CREATE TRIGGER mentor_mentee_take_over_bookings
AFTER INSERT ON mentoring.mentor_mentee
FOR EACH ROW EXECUTE FUNCTION mentoring.take_over_bookings();

-- What happened to bookings. No foreign key: the story outlives its subject.
CREATE TABLE mentoring.subject_schedule_history (
    id          bigint          GENERATED ALWAYS AS IDENTITY,
    booking_id  bigint          NOT NULL,
    mentor_id   bigint          NOT NULL,
    user_id     bigint          NOT NULL,
    from_status mentoring.booking_status,
    to_status   mentoring.booking_status,
    actor_kind  mentoring.party NOT NULL,
    actor_id    bigint,
    db_login    text            NOT NULL,
    db_role     text,
    reason      text,
    occurred_at timestamptz     NOT NULL DEFAULT now(),

    CONSTRAINT subject_schedule_history_pkey PRIMARY KEY (id),
    CONSTRAINT subject_schedule_history_reason_check CHECK (length(reason) <= 500)
);

COMMENT ON TABLE mentoring.subject_schedule_history IS
'Every step of every booking: who, when, from, to, why. Append-only, written by a trigger, kept when the booking itself is deleted.';
COMMENT ON COLUMN mentoring.subject_schedule_history.id IS 'Order of the steps.';
COMMENT ON COLUMN mentoring.subject_schedule_history.booking_id IS 'The booking (subject_schedule.id), which may be gone.';
COMMENT ON COLUMN mentoring.subject_schedule_history.mentor_id IS 'Its mentor (auth.users.id).';
COMMENT ON COLUMN mentoring.subject_schedule_history.user_id IS 'The mentee who booked (auth.users.id).';
COMMENT ON COLUMN mentoring.subject_schedule_history.from_status IS 'Status before; NULL for the first step.';
COMMENT ON COLUMN mentoring.subject_schedule_history.to_status IS 'Status after; NULL where the row was deleted.';
COMMENT ON COLUMN mentoring.subject_schedule_history.actor_kind IS 'As what the actor took the step: mentor, mentee, admin or system.';
COMMENT ON COLUMN mentoring.subject_schedule_history.actor_id IS
'Who took it (auth.users.id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN mentoring.subject_schedule_history.db_login IS 'The database login of the session.';
COMMENT ON COLUMN mentoring.subject_schedule_history.db_role IS 'The role the session had set (SET ROLE), if any.';
COMMENT ON COLUMN mentoring.subject_schedule_history.reason IS 'Why, in the actor''s words, up to 500 characters; NULL if not said.';
COMMENT ON COLUMN mentoring.subject_schedule_history.occurred_at IS 'When: the start of the transaction that took the step.';
COMMENT ON CONSTRAINT subject_schedule_history_pkey ON mentoring.subject_schedule_history IS 'One row a step.';
COMMENT ON CONSTRAINT subject_schedule_history_reason_check ON mentoring.subject_schedule_history IS 'A reason has at most 500 characters.';

-- One booking's history, in order.
CREATE INDEX subject_schedule_history_booking_id_idx ON mentoring.subject_schedule_history (booking_id, id);

CREATE TRIGGER subject_schedule_history_refuse_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON mentoring.subject_schedule_history
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- Who wants nothing to do with whom.
CREATE TABLE mentoring.blocks (
    blocker_id bigint      NOT NULL,
    blocked_id bigint      NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT blocks_pkey PRIMARY KEY (blocker_id, blocked_id),
    CONSTRAINT blocks_not_self_check CHECK (blocker_id <> blocked_id)
);

COMMENT ON TABLE mentoring.blocks IS
'Who has blocked whom, one row a pair and direction. Between the two no relationship can be made, by whomever and in either direction; a live one ends when the block is made. Seen by nobody but the blocker.';
COMMENT ON COLUMN mentoring.blocks.blocker_id IS 'Who blocks (auth.users.id).';
COMMENT ON COLUMN mentoring.blocks.blocked_id IS 'Who is blocked (auth.users.id).';
COMMENT ON COLUMN mentoring.blocks.created_at IS 'Since when.';
COMMENT ON CONSTRAINT blocks_pkey ON mentoring.blocks IS 'Nobody blocks the same person twice.';
COMMENT ON CONSTRAINT blocks_not_self_check ON mentoring.blocks IS 'Nobody blocks themselves.';

-- Who blocked a person: the other direction of a request.
CREATE INDEX blocks_blocked_id_idx ON mentoring.blocks (blocked_id, blocker_id);

CREATE FUNCTION mentoring.guard_blocks()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- ends relationships with the rights of the life cycle
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor   platform.actor := platform.current_actor('mentoring_app');
    blocker bigint := CASE WHEN TG_OP = 'DELETE' THEN OLD.blocker_id ELSE NEW.blocker_id END;
    live    mentoring.mentor_mentee;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'a block is made or lifted, not changed' USING
            ERRCODE = 'MB006',
            DETAIL = format('blocker_id=%s', OLD.blocker_id),
            HINT = 'Delete it, and insert another.';
    END IF;
    -- The system lifts one where it deletes a user.
    IF NOT (
        actor.kind = 'admin'
        OR (actor.kind = 'user' AND actor.id = blocker)
        OR (actor.kind = 'system' AND TG_OP = 'DELETE')
    ) THEN
        RAISE EXCEPTION 'a block is its blocker''s own decision' USING
            ERRCODE = 'MB002',
            DETAIL = format('blocker_id=%s', blocker),
            HINT = 'Act as that person or as an administrator.';
    END IF;
    IF TG_OP = 'DELETE' OR NEW.blocker_id = NEW.blocked_id THEN
        RETURN coalesce(NEW, OLD); -- blocks_not_self_check refuses the latter
    END IF;

    PERFORM mentoring.lock_pair(NEW.blocker_id, NEW.blocked_id);
    FOR live IN
        SELECT m.*
        FROM mentoring.mentor_mentee AS m
        WHERE m.status IN ('pending', 'active', 'paused')
            AND (m.mentor_id, m.mentee_id) IN ((NEW.blocker_id, NEW.blocked_id), (NEW.blocked_id, NEW.blocker_id))
        ORDER BY m.id
        FOR NO KEY UPDATE
    LOOP
        PERFORM mentoring.transition(
            live.id,
            CASE
                WHEN live.status <> 'pending' THEN 'terminated'
                WHEN (live.initiated_by = 'mentor') = (live.mentor_id = NEW.blocker_id) THEN 'cancelled'
                ELSE 'rejected'
            END::mentoring.mentor_mentee_status,
            reason => 'blocked'
        );
    END LOOP;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION mentoring.guard_blocks() IS
'Row trigger of blocks: only the blocker or an administrator makes and lifts a block, and the system lifts those of a user that it deletes; making one withdraws, declines or terminates what is live between the two, with the reason blocked.';

CREATE TRIGGER blocks_guard
BEFORE INSERT OR UPDATE OR DELETE ON mentoring.blocks
FOR EACH ROW EXECUTE FUNCTION mentoring.guard_blocks();

-- The requests that the system lets expire, oldest first.
CREATE INDEX mentor_mentee_pending_idx ON mentoring.mentor_mentee (created_at, id) WHERE status = 'pending';

-- Whom to tell when a mentor publishes: read by index alone.
CREATE INDEX mentor_mentee_subscribers_idx ON mentoring.mentor_mentee (mentor_id, mentee_id)
INCLUDE (subscribe_to_quizzes, subscribe_to_courses, subscribe_to_subjects)
WHERE status = 'active';

-- What mentors have published: the outbox that a notification service reads.
CREATE TABLE mentoring.publications (
    id         bigint                     GENERATED BY DEFAULT AS IDENTITY,
    mentor_id  bigint                     NOT NULL,
    kind       mentoring.publication_kind NOT NULL,
    reference  text                       NOT NULL,
    title      text                       NOT NULL,
    created_at timestamptz                NOT NULL DEFAULT now(),

    CONSTRAINT publications_pkey PRIMARY KEY (id),
    CONSTRAINT publications_mentor_id_kind_reference_key UNIQUE (mentor_id, kind, reference),
    CONSTRAINT publications_reference_check CHECK (length(reference) <= 200 AND reference ~ '\S'),
    CONSTRAINT publications_title_check CHECK (length(title) <= 200 AND title ~ '\S')
);

COMMENT ON TABLE mentoring.publications IS
'What mentors have published and their subscribers are to hear of, one row a publication. Append-only; published twice it is still one. Who subscribes at that moment: mentor_mentee.';
COMMENT ON COLUMN mentoring.publications.id IS 'The publication.';
COMMENT ON COLUMN mentoring.publications.mentor_id IS 'Who published it (auth.users.id).';
COMMENT ON COLUMN mentoring.publications.kind IS 'What it is: quiz, course or subject.';
COMMENT ON COLUMN mentoring.publications.reference IS 'The application''s own key or address of what was published, 1 to 200 characters.';
COMMENT ON COLUMN mentoring.publications.title IS 'What subscribers are told, 1 to 200 characters.';
COMMENT ON COLUMN mentoring.publications.created_at IS 'When it was published.';
COMMENT ON CONSTRAINT publications_pkey ON mentoring.publications IS 'One row a publication.';
COMMENT ON CONSTRAINT publications_mentor_id_kind_reference_key ON mentoring.publications IS
'A mentor publishes the same thing once.';
COMMENT ON CONSTRAINT publications_reference_check ON mentoring.publications IS
'reference has 1 to 200 characters, not all of them blank.';
COMMENT ON CONSTRAINT publications_title_check ON mentoring.publications IS
'title has 1 to 200 characters, not all of them blank.';

-- A mentor's publications, newest first.
CREATE INDEX publications_mentor_id_idx ON mentoring.publications (mentor_id, id);

CREATE FUNCTION mentoring.guard_publications()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor platform.actor := platform.current_actor('mentoring_app');
BEGIN
    IF actor.kind = 'user' AND actor.id <> NEW.mentor_id THEN
        RAISE EXCEPTION 'a mentor publishes for themselves only' USING
            ERRCODE = 'MB002',
            DETAIL = format('mentor_id=%s', NEW.mentor_id),
            HINT = 'Act as that mentor, as an administrator or as the system.';
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION mentoring.guard_publications() IS
'Row trigger of publications: only the mentor themselves, an administrator or the system publishes.';

CREATE TRIGGER publications_guard
BEFORE INSERT ON mentoring.publications
FOR EACH ROW EXECUTE FUNCTION mentoring.guard_publications();

CREATE TRIGGER publications_require_actor
BEFORE DELETE ON mentoring.publications
FOR EACH STATEMENT EXECUTE FUNCTION platform.require_actor();

CREATE TRIGGER publications_refuse_change
BEFORE UPDATE OR TRUNCATE ON mentoring.publications
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- Who changed what: one row a changed row, written by triggers. Partitioned by month; DEFAULT takes what has no month yet.
CREATE TABLE mentoring.audit_log (
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

COMMENT ON TABLE mentoring.audit_log IS
'Every change of a row of this schema that holds people''s data or decisions: who, when, what was and what is. The steps of relationships and bookings stand in their own histories instead. Append-only for every role; platform.scrub() erases values, and expired months are dropped. Read by the owner; analysts read v_audit_log.';
COMMENT ON COLUMN mentoring.audit_log.id IS 'Order of the changes.';
COMMENT ON COLUMN mentoring.audit_log.table_name IS 'The table whose row changed.';
COMMENT ON COLUMN mentoring.audit_log.row_key IS 'The row: its key columns and their values.';
COMMENT ON COLUMN mentoring.audit_log.operation IS 'insert, update, delete, or scrub for an erasure from this log.';
COMMENT ON COLUMN mentoring.audit_log.old_values IS
'What an update changed, before; the whole row of a delete. Without secret columns; NULL for an insert and once scrubbed.';
COMMENT ON COLUMN mentoring.audit_log.new_values IS
'What an update changed, after; the whole row of an insert; how many rows a scrub erased. Without secret columns; NULL for a delete and once scrubbed.';
COMMENT ON COLUMN mentoring.audit_log.secret_columns IS 'Secret columns that were changed or filled; their values are not kept here.';
COMMENT ON COLUMN mentoring.audit_log.actor_kind IS 'As what the actor did it: user, admin or system.';
COMMENT ON COLUMN mentoring.audit_log.actor_id IS
'Who did it (auth.users.id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN mentoring.audit_log.db_login IS 'The database login of the session.';
COMMENT ON COLUMN mentoring.audit_log.db_role IS 'The role the session had set (SET ROLE), if any.';
COMMENT ON COLUMN mentoring.audit_log.transaction_id IS 'The transaction, the same for all that it changed.';
COMMENT ON COLUMN mentoring.audit_log.occurred_at IS 'When: the start of the transaction.';
COMMENT ON COLUMN mentoring.audit_log.scrubbed_at IS 'When the values were erased; NULL while they are kept.';
COMMENT ON CONSTRAINT audit_log_pkey ON mentoring.audit_log IS 'One row a changed row.';

-- One row's changes; what platform.scrub() erases.
CREATE INDEX audit_log_row_key_idx ON mentoring.audit_log (table_name, row_key, occurred_at);

CREATE TABLE mentoring.audit_log_default PARTITION OF mentoring.audit_log DEFAULT;

COMMENT ON TABLE mentoring.audit_log_default IS
'Rows of audit_log of a month that has no partition yet. platform.make_months() moves them.';

CREATE TRIGGER audit_log_refuse_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON mentoring.audit_log
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- A statement trigger of the whole does not guard the parts.
CREATE TRIGGER audit_log_refuse_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON mentoring.audit_log_default
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

SELECT platform.make_months('mentoring', 'audit_log');

CREATE TRIGGER settings_audit_insert
AFTER INSERT ON mentoring.settings
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('name');

CREATE TRIGGER settings_audit_update
AFTER UPDATE ON mentoring.settings
FOR EACH ROW EXECUTE FUNCTION platform.audit('name');

CREATE TRIGGER settings_audit_delete
AFTER DELETE ON mentoring.settings
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('name');

-- Taking a place (places_version) changes nothing that anybody decided.
CREATE TRIGGER user_profiles_audit_insert
AFTER INSERT ON mentoring.user_profiles
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('user_id', 'learning_goals');

CREATE TRIGGER user_profiles_audit_update
AFTER UPDATE OF user_id, mentor_bio, mentor_rate, mentor_rate_currency, mentor_available,
max_mentees, learning_goals, preferred_learning_style, timezone ON mentoring.user_profiles
FOR EACH ROW EXECUTE FUNCTION platform.audit('user_id', 'learning_goals');

CREATE TRIGGER user_profiles_audit_delete
AFTER DELETE ON mentoring.user_profiles
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('user_id', 'learning_goals');

-- A step stands in mentor_mentee_history: who, when, from, to, why. Not recorded twice; and no WHEN, which would be
-- parsed for every step. The guard keeps the other columns.
CREATE TRIGGER mentor_mentee_audit_update
AFTER UPDATE OF subscribe_to_quizzes, subscribe_to_courses, subscribe_to_subjects, mentor_notes, mentee_notes,
hidden_by_mentor_at, hidden_by_mentee_at ON mentoring.mentor_mentee
FOR EACH ROW EXECUTE FUNCTION platform.audit('id', 'mentor_notes,mentee_notes');

CREATE TRIGGER mentor_mentee_audit_delete
AFTER DELETE ON mentoring.mentor_mentee
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('id', 'mentor_notes,mentee_notes');

CREATE TRIGGER subjects_audit_insert
AFTER INSERT ON mentoring.subjects
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('id');

CREATE TRIGGER subjects_audit_update
AFTER UPDATE ON mentoring.subjects
FOR EACH ROW EXECUTE FUNCTION platform.audit('id');

CREATE TRIGGER subjects_audit_delete
AFTER DELETE ON mentoring.subjects
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('id');

-- Steps stand in subject_schedule_history, and nothing else of a booking ever changes.
CREATE TRIGGER subject_schedule_audit_delete
AFTER DELETE ON mentoring.subject_schedule
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('id');

CREATE TRIGGER blocks_audit_insert
AFTER INSERT ON mentoring.blocks
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('blocker_id,blocked_id');

CREATE TRIGGER blocks_audit_delete
AFTER DELETE ON mentoring.blocks
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('blocker_id,blocked_id');

CREATE TRIGGER publications_audit_insert
AFTER INSERT ON mentoring.publications
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('id');

CREATE TRIGGER publications_audit_delete
AFTER DELETE ON mentoring.publications
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('id');

-- Requests that were never accepted, by their end: what mentoring.purge() anonymises.
CREATE INDEX mentor_mentee_unaccepted_idx ON mentoring.mentor_mentee (ended_at, id)
WHERE status IN ('rejected', 'cancelled', 'expired');

-- It would leave no trace.
CREATE TRIGGER settings_refuse_truncate
BEFORE TRUNCATE ON mentoring.settings
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE TRIGGER user_profiles_refuse_truncate
BEFORE TRUNCATE ON mentoring.user_profiles
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE TRIGGER subjects_refuse_truncate
BEFORE TRUNCATE ON mentoring.subjects
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE TRIGGER blocks_refuse_truncate
BEFORE TRUNCATE ON mentoring.blocks
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();
