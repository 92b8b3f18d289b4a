-- Profiles, and the relationships of mentors and mentees with their life cycle and history.
-- depends: platform.0001.init

CALL platform.ensure_application_role('mentoring_app');

SET LOCAL ROLE mentorbase_owner;

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
    CONSTRAINT settings_unit_check CHECK (unit = 'days')
);

COMMENT ON TABLE mentoring.settings IS
'Limits of this service, one a row. The owner changes values; names are fixed, because functions read them.';
COMMENT ON COLUMN mentoring.settings.name IS 'The limit.';
COMMENT ON COLUMN mentoring.settings.value IS 'Its value, counted in unit.';
COMMENT ON COLUMN mentoring.settings.unit IS 'What the value counts: days.';
COMMENT ON COLUMN mentoring.settings.meaning IS 'What it limits.';
COMMENT ON COLUMN mentoring.settings.created_at IS 'When the row was made.';
COMMENT ON COLUMN mentoring.settings.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT settings_pkey ON mentoring.settings IS 'One row a limit.';
COMMENT ON CONSTRAINT settings_value_check ON mentoring.settings IS 'A limit''s value is 0 to 36500.';
COMMENT ON CONSTRAINT settings_unit_check ON mentoring.settings IS 'A limit counts days, as the functions read it.';

CREATE TRIGGER settings_set_updated_at
BEFORE UPDATE ON mentoring.settings
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

INSERT INTO mentoring.settings (name, value, unit, meaning) VALUES
('request_cooldown', 30, 'days', 'After a rejection, how long the other side may not ask again; the rejecter may at any time.'),
('request_expiry', 14, 'days', 'How old an unanswered request must be before the system may let it expire.');

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
'Every allowed step of a relationship and who may take it. A step that has no row here is refused (MB003), and so is one that has none for the actor (MB002). Times, places and due dates that go with a step are code and constraints, so a new row comes with a migration.';
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
    version               bigint                         NOT NULL DEFAULT 1,
    created_at            timestamptz                    NOT NULL DEFAULT now(),
    updated_at            timestamptz                    NOT NULL DEFAULT now(),

    CONSTRAINT mentor_mentee_pkey PRIMARY KEY (id),
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
    CONSTRAINT mentor_mentee_ended_by_check CHECK (ended_by IS NULL OR ended_at IS NOT NULL)
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
COMMENT ON COLUMN mentoring.mentor_mentee.version IS 'Counts the changes of this row from 1, for optimistic locking.';
COMMENT ON COLUMN mentoring.mentor_mentee.created_at IS 'When the relationship was asked for or imported. Never changes.';
COMMENT ON COLUMN mentoring.mentor_mentee.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT mentor_mentee_pkey ON mentoring.mentor_mentee IS 'One row a relationship.';
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

-- The invariant "one live relationship a pair"; also finds it.
CREATE UNIQUE INDEX mentor_mentee_live_pair_key ON mentoring.mentor_mentee (mentor_id, mentee_id)
WHERE status IN ('pending', 'active', 'paused');

COMMENT ON INDEX mentoring.mentor_mentee_live_pair_key IS 'A pair has at most one relationship that is pending, active or paused.';

-- A mentor's relationships by status, newest first; the places taken.
CREATE INDEX mentor_mentee_mentor_id_status_idx ON mentoring.mentor_mentee (mentor_id, status, id);

-- A mentee's relationships by status, newest first; the pair's last rejection.
CREATE INDEX mentor_mentee_mentee_id_status_idx ON mentoring.mentor_mentee (mentee_id, status, id);

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
    actor platform.actor := platform.current_actor('mentoring_app');
    kinds mentoring.transition_actor[] := mentoring.actor_kinds(NEW, actor);
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

    PERFORM mentoring.lock_pair(NEW.mentor_id, NEW.mentee_id);
    IF NOT EXISTS (
        SELECT FROM mentoring.mentor_mentee_transitions AS t
        WHERE t.from_status IS NULL AND t.to_status = NEW.status AND t.actor_kind = ANY (kinds)
    ) THEN
        PERFORM mentoring.refuse_step(
            NULL, NEW.status, kinds, format('mentor_id=%s, mentee_id=%s', NEW.mentor_id, NEW.mentee_id)
        );
    END IF;
    IF NEW.initiated_by::text <> ALL (kinds::text[]) THEN
        RAISE EXCEPTION 'a relationship is initiated by who makes it' USING
            ERRCODE = 'MB002',
            DETAIL = format('initiated_by=%s, actor_is=%s', NEW.initiated_by, array_to_string(kinds, '|')),
            HINT = 'Act as that party, or name your own side in initiated_by.';
    END IF;

    IF NEW.status = 'pending' THEN
        PERFORM mentoring.check_may_ask(NEW.mentor_id, NEW.mentee_id, actor.id);
    ELSE
        NEW.accepted_at := coalesce(NEW.accepted_at, now());
        IF NEW.accepted_at > now() THEN
            RAISE EXCEPTION 'accepted_at must not lie in the future' USING
                ERRCODE = 'MB007',
                DETAIL = format('mentor_id=%s, mentee_id=%s', NEW.mentor_id, NEW.mentee_id),
                HINT = 'Leave it out for now, or give the instant at which the relationship began.';
        END IF;
        PERFORM mentoring.take_place(NEW.mentor_id);
    END IF;
    NEW.version := 1;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION mentoring.guard_mentor_mentee_insert() IS
'Row trigger of mentor_mentee: who may make a relationship in which status, whether the mentor takes requests, whether the pair cools down, whether a place is free.';

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

    NEW.version := OLD.version + 1;
    NEW.updated_at := now();
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
    mentor_id       bigint      NOT NULL,
    mentee_id       bigint      NOT NULL,
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
'Every step of every relationship: who, when, from, to, why. Append-only, written by a trigger, kept when the relationship itself is deleted.';
COMMENT ON COLUMN mentoring.mentor_mentee_history.id IS 'Order of the steps.';
COMMENT ON COLUMN mentoring.mentor_mentee_history.relationship_id IS 'The relationship (mentor_mentee.id), which may be gone.';
COMMENT ON COLUMN mentoring.mentor_mentee_history.mentor_id IS 'Its mentor (auth.users.id).';
COMMENT ON COLUMN mentoring.mentor_mentee_history.mentee_id IS 'Its mentee (auth.users.id).';
COMMENT ON COLUMN mentoring.mentor_mentee_history.from_status IS 'Status before; NULL for the first step.';
COMMENT ON COLUMN mentoring.mentor_mentee_history.to_status IS 'Status after; NULL where the row was deleted.';
COMMENT ON COLUMN mentoring.mentor_mentee_history.actor_kind IS 'As what the actor took the step: mentor, mentee, admin or system.';
COMMENT ON COLUMN mentoring.mentor_mentee_history.actor_id IS
'Who took it (auth.users.id); NULL for the system and for a database role that edited by hand.';
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

CREATE FUNCTION mentoring.setting(setting_name text)
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
    SELECT s.value INTO STRICT found_value FROM mentoring.settings AS s WHERE s.name = setting_name;
    RETURN found_value;
END
$$;

COMMENT ON FUNCTION mentoring.setting(text) IS
'One limit from mentoring.settings, in that row''s unit. A missing row is an error rather than no limit.';

CREATE FUNCTION mentoring.actor_kinds(relation mentoring.mentor_mentee, actor platform.actor)
RETURNS mentoring.transition_actor[]
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    side  mentoring.transition_actor;
    kinds mentoring.transition_actor[];
BEGIN
    IF actor.kind = 'admin' THEN
        RETURN ARRAY['admin'];
    ELSIF actor.kind = 'system' THEN
        RETURN ARRAY['system'];
    ELSIF actor.id = relation.mentor_id THEN
        side := 'mentor';
    ELSIF actor.id = relation.mentee_id THEN
        side := 'mentee';
    ELSE
        RETURN ARRAY[]::mentoring.transition_actor[];
    END IF;

    kinds := ARRAY[side];
    IF relation.initiated_by IN ('mentor', 'mentee') THEN
        kinds := kinds
            || CASE WHEN relation.initiated_by::text = side::text THEN 'initiator' ELSE 'counterparty' END::mentoring.transition_actor;
    END IF;
    IF actor.id = relation.paused_by THEN
        kinds := kinds || 'pauser'::mentoring.transition_actor;
    END IF;
    RETURN kinds;
END
$$;

COMMENT ON FUNCTION mentoring.actor_kinds(mentoring.mentor_mentee, platform.actor) IS
'All that the actor is to this relationship: a side, initiator or counterparty, pauser; or admin or system alone. Empty for an outsider.';

CREATE FUNCTION mentoring.allowed_steps(present mentoring.mentor_mentee_status)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT format(
    'From %s a relationship may go to: %s.',
    coalesce(present::text, 'nothing'),
    coalesce(
        string_agg(format('%s (%s)', step.to_status, step.actors), ', ' ORDER BY step.to_status),
        'nowhere, it has ended'
    )
)
FROM (
    SELECT
        t.to_status,
        string_agg(t.actor_kind::text, ', ' ORDER BY t.actor_kind) AS actors
    FROM mentoring.mentor_mentee_transitions AS t
    WHERE t.from_status IS NOT DISTINCT FROM present
    GROUP BY t.to_status
) AS step
$$;

COMMENT ON FUNCTION mentoring.allowed_steps(mentoring.mentor_mentee_status) IS
'What may follow a status and who may do it, in words: the HINT of a refusal. NULL: how a relationship may begin.';

CREATE FUNCTION mentoring.refuse_step(
    from_status mentoring.mentor_mentee_status,
    to_status mentoring.mentor_mentee_status,
    kinds mentoring.transition_actor[],
    detail text
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    permitted text;
BEGIN
    SELECT string_agg(t.actor_kind::text, ', ' ORDER BY t.actor_kind) INTO permitted
    FROM mentoring.mentor_mentee_transitions AS t
    WHERE t.from_status IS NOT DISTINCT FROM refuse_step.from_status
        AND t.to_status = refuse_step.to_status;

    IF permitted IS NULL THEN
        RAISE EXCEPTION 'a relationship cannot go from % to %', coalesce(from_status::text, 'nothing'), to_status USING
            ERRCODE = 'MB003',
            DETAIL = detail,
            HINT = mentoring.allowed_steps(from_status);
    END IF;
    RAISE EXCEPTION 'a relationship goes from % to % only by: %',
        coalesce(from_status::text, 'nothing'), to_status, permitted
        USING
            ERRCODE = 'MB002',
            DETAIL = format('%s, actor_is=%s', detail, coalesce(nullif(array_to_string(kinds, '|'), ''), 'outsider')),
            HINT = mentoring.allowed_steps(from_status);
END
$$;

COMMENT ON FUNCTION mentoring.refuse_step(
    mentoring.mentor_mentee_status, mentoring.mentor_mentee_status, mentoring.transition_actor[], text
) IS
'Says why a guard refuses a step: mentor_mentee_transitions does not list it (MB003), or not for any of these kinds of actor (MB002). The fourth argument is the DETAIL. Always raises.';

CREATE FUNCTION mentoring.lock_pair(one_id bigint, other_id bigint)
RETURNS void
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT pg_advisory_xact_lock(
    hashtextextended(format('mentoring.pair:%s:%s', least(one_id, other_id), greatest(one_id, other_id)), 0)
)
$$;

COMMENT ON FUNCTION mentoring.lock_pair(bigint, bigint) IS
'Until the end of the transaction, only this one makes something new between these two people. Order of the two does not matter.';

CREATE FUNCTION mentoring.take_place(for_mentor_id bigint)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    places       integer;
    taken        bigint;
    caller_actor text := current_setting('mentorbase.actor', true);
BEGIN
    LOOP
        -- Locks by changing the row: under REPEATABLE READ a mere row lock would let two old snapshots count the
        -- same places.
        UPDATE mentoring.user_profiles AS p
        SET places_version = p.places_version + 1
        WHERE p.user_id = for_mentor_id AND p.max_mentees IS NOT NULL
        RETURNING p.max_mentees INTO places;
        EXIT WHEN FOUND;

        -- Without a limit mentors take mentees side by side, but who sets one has to wait for them and count them.
        SELECT p.max_mentees INTO places
        FROM mentoring.user_profiles AS p
        WHERE p.user_id = for_mentor_id
        FOR SHARE;
        IF NOT FOUND THEN
            SET LOCAL mentorbase.actor = 'system';
            INSERT INTO mentoring.user_profiles (user_id) VALUES (for_mentor_id) ON CONFLICT DO NOTHING;
            EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
        ELSIF places IS NULL THEN
            RETURN;
        END IF;
    END LOOP;

    SELECT count(*) INTO taken
    FROM mentoring.mentor_mentee AS m
    WHERE m.mentor_id = for_mentor_id AND m.status IN ('active', 'paused');

    IF taken >= places THEN
        RAISE EXCEPTION 'the mentor has no free place' USING
            ERRCODE = 'MB101',
            DETAIL = format('mentor_id=%s, max_mentees=%s, taken=%s', for_mentor_id, places, taken),
            HINT = 'Wait until a relationship of this mentor ends, or have the mentor raise max_mentees.';
    END IF;
END
$$;

COMMENT ON FUNCTION mentoring.take_place(bigint) IS
'Takes one of a mentor''s places for the row being written, or refuses (MB101). Locks the mentor''s profile until the end of the transaction where there is a limit.';

CREATE FUNCTION mentoring.check_may_ask(for_mentor_id bigint, for_mentee_id bigint, asker_id bigint)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    last_rejection record;
    asks_again_at  timestamptz;
BEGIN
    IF EXISTS (
        SELECT FROM mentoring.user_profiles AS p WHERE p.user_id = for_mentor_id AND NOT p.mentor_available
    ) THEN
        RAISE EXCEPTION 'the mentor takes no new requests' USING
            ERRCODE = 'MB102',
            DETAIL = format('mentor_id=%s', for_mentor_id),
            HINT = 'Ask another mentor, or have this one set mentor_available.';
    END IF;

    SELECT m.ended_at, m.ended_by INTO last_rejection
    FROM mentoring.mentor_mentee AS m
    WHERE m.mentee_id = for_mentee_id AND m.mentor_id = for_mentor_id AND m.status = 'rejected'
    ORDER BY m.id DESC
    LIMIT 1;

    asks_again_at := last_rejection.ended_at + make_interval(days => mentoring.setting('request_cooldown')::integer);
    IF asks_again_at > now() AND last_rejection.ended_by IS DISTINCT FROM asker_id THEN
        RAISE EXCEPTION 'a request of this pair was rejected a short time ago' USING
            ERRCODE = 'MB103',
            DETAIL = format(
                'mentor_id=%s, mentee_id=%s, asks_again_at=%s', for_mentor_id, for_mentee_id,
                to_char(asks_again_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
            ),
            HINT = format(
                'Wait until %s, or let the side that rejected ask.',
                to_char(asks_again_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
            );
    END IF;
END
$$;

COMMENT ON FUNCTION mentoring.check_may_ask(bigint, bigint, bigint) IS
'Refuses a new request of this mentor and this mentee by the third: the mentor takes none (MB102), or the other side rejected one within the setting request_cooldown (MB103).';

CREATE FUNCTION mentoring.check_may_subscribe(
    relationship_id bigint,
    present mentoring.mentor_mentee_status,
    kinds mentoring.transition_actor[]
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT kinds && ARRAY['mentee', 'admin', 'system']::mentoring.transition_actor[] THEN
        RAISE EXCEPTION 'subscriptions are the mentee''s choice' USING
            ERRCODE = 'MB002',
            DETAIL = format('relationship_id=%s', relationship_id),
            HINT = 'Act as the mentee, as an administrator or as the system.';
    ELSIF present NOT IN ('pending', 'active', 'paused') THEN
        RAISE EXCEPTION 'a % relationship has no subscriptions any more', present USING
            ERRCODE = 'MB003',
            DETAIL = format('relationship_id=%s, status=%s', relationship_id, present),
            HINT = 'Subscriptions change while a relationship is pending, active or paused.';
    END IF;
END
$$;

COMMENT ON FUNCTION mentoring.check_may_subscribe(
    bigint, mentoring.mentor_mentee_status, mentoring.transition_actor[]
) IS
'Refuses a change of subscriptions by anybody but the mentee, an administrator or the system (MB002), and in an ended relationship (MB003).';

CREATE FUNCTION mentoring.check_due(step text, relationship_id bigint, due_at timestamptz)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF due_at <= now() THEN
        RETURN;
    END IF;
    RAISE EXCEPTION 'the system may not % this relationship yet', step USING
        ERRCODE = 'MB003',
        DETAIL = format(
            'relationship_id=%s, due_at=%s', relationship_id,
            coalesce(to_char(due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'never')
        ),
        HINT = coalesce(to_char(due_at AT TIME ZONE 'UTC', '"Wait until" YYYY-MM-DD HH24:MI "UTC, or let"'), 'Let')
            || ' one of its people or an administrator decide.';
END
$$;

COMMENT ON FUNCTION mentoring.check_due(text, bigint, timestamptz) IS
'Refuses a step of the system before its time (MB003); without a time the system may never take it.';

CREATE FUNCTION mentoring.refuse_unchanged(
    relationship_id bigint,
    to_status mentoring.mentor_mentee_status,
    from_status mentoring.mentor_mentee_status
)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present mentoring.mentor_mentee_status;
BEGIN
    SELECT m.status INTO present FROM mentoring.mentor_mentee AS m WHERE m.id = relationship_id;

    IF present IS NULL THEN
        RAISE EXCEPTION 'there is no such relationship' USING
            ERRCODE = 'MB004',
            DETAIL = format('relationship_id=%s', coalesce(relationship_id::text, 'null')),
            HINT = 'Look the relationship up by its mentor or mentee.';
    ELSIF present <> from_status THEN
        RAISE EXCEPTION 'this step starts from %, the relationship is %', from_status, present USING
            ERRCODE = 'MB003',
            DETAIL = format('relationship_id=%s, status=%s', relationship_id, present),
            HINT = mentoring.allowed_steps(present);
    END IF;
    RAISE EXCEPTION 'a relationship cannot go from % to %', present, to_status USING
        ERRCODE = 'MB003',
        DETAIL = format('relationship_id=%s, status=%s', relationship_id, present),
        HINT = mentoring.allowed_steps(present);
END
$$;

COMMENT ON FUNCTION mentoring.refuse_unchanged(
    bigint, mentoring.mentor_mentee_status, mentoring.mentor_mentee_status
) IS
'Says why mentoring.transition() changed nothing: no such relationship (MB004), or it stands elsewhere (MB003). Always raises.';

CREATE FUNCTION mentoring.transition(
    relationship_id bigint,
    to_status mentoring.mentor_mentee_status,
    actor_id bigint DEFAULT NULL,
    reason text DEFAULT NULL,
    from_status mentoring.mentor_mentee_status DEFAULT NULL,
    resume_at timestamptz DEFAULT NULL
)
RETURNS mentoring.mentor_mentee
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- writes resume_at, which no role may write by hand
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    relation      mentoring.mentor_mentee;
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', reason);
    END IF;

    IF to_status IS NULL THEN
        RAISE EXCEPTION 'a step leads to a status' USING
            ERRCODE = 'MB007',
            DETAIL = format('relationship_id=%s', relationship_id),
            HINT = 'Give to_status.';
    END IF;
    UPDATE mentoring.mentor_mentee AS m
    SET
        status = transition.to_status,
        resume_at = coalesce(transition.resume_at, m.resume_at)
    WHERE m.id = relationship_id
        AND m.status <> transition.to_status
        AND (transition.from_status IS NULL OR m.status = transition.from_status)
    RETURNING m.* INTO relation;

    IF NOT FOUND THEN
        PERFORM mentoring.refuse_unchanged(relationship_id, to_status, from_status);
    END IF;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    END IF;
    relation.mentor_notes := NULL; -- each side reads only its own note, and not here
    relation.mentee_notes := NULL;
    RETURN relation;
END
$$;

COMMENT ON FUNCTION mentoring.transition(
    bigint, mentoring.mentor_mentee_status, bigint, text, mentoring.mentor_mentee_status, timestamptz
) IS
'Takes one step of a relationship''s life and returns it, without the notes. actor_id: who acts (NULL: the transaction''s actor). reason: kept in the history. from_status: refuse unless it stands there. resume_at: with paused, when the system may resume. Refusals: MB001 to MB004, MB006, MB007, MB101.';

CREATE FUNCTION mentoring.request(
    mentor_id bigint,
    mentee_id bigint,
    initiated_by mentoring.party DEFAULT NULL,
    actor_id bigint DEFAULT NULL,
    reason text DEFAULT NULL
)
RETURNS mentoring.mentor_mentee
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may insert relationships by hand
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written request.x; ON CONFLICT cannot qualify its columns
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    actor         platform.actor;
    side          mentoring.party := request.initiated_by;
    relation      mentoring.mentor_mentee;
BEGIN
    IF request.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', request.actor_id);
    END IF;
    IF request.reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', request.reason);
    END IF;
    actor := platform.current_actor('mentoring_app');
    IF side IS NULL THEN
        side := CASE
            WHEN actor.kind = 'user' THEN CASE WHEN actor.id = request.mentor_id THEN 'mentor' ELSE 'mentee' END
            ELSE actor.kind::text
        END;
    END IF;

    PERFORM mentoring.lock_pair(request.mentor_id, request.mentee_id);
    SELECT m.* INTO relation
    FROM mentoring.mentor_mentee AS m
    WHERE m.mentor_id = request.mentor_id
        AND m.mentee_id = request.mentee_id
        AND m.status IN ('pending', 'active', 'paused')
    FOR NO KEY UPDATE;

    IF NOT FOUND THEN
        -- The pair is locked, so only an old snapshot can have missed a row: with ON CONFLICT that is a serialization
        -- failure, which a retry cures, and not a duplicate.
        INSERT INTO mentoring.mentor_mentee AS m (mentor_id, mentee_id, status, initiated_by)
        VALUES (
            request.mentor_id, request.mentee_id,
            CASE WHEN side IN ('mentor', 'mentee') THEN 'pending' ELSE 'active' END::mentoring.mentor_mentee_status,
            side
        )
        ON CONFLICT (mentor_id, mentee_id) WHERE status IN ('pending', 'active', 'paused') DO NOTHING
        RETURNING m.* INTO STRICT relation;
    ELSIF relation.status = 'pending' AND actor.kind = 'user' AND relation.initiated_by <> side THEN
        relation := mentoring.transition(
            relation.id, 'active', from_status => 'pending',
            reason => coalesce(
                request.reason, nullif(current_setting('mentorbase.reason', true), ''), 'both sides asked'
            )
        );
    ELSE
        RAISE EXCEPTION 'the pair already has a relationship, it is %', relation.status USING
            ERRCODE = 'MB104',
            DETAIL = format('relationship_id=%s, status=%s', relation.id, relation.status),
            HINT = mentoring.allowed_steps(relation.status);
    END IF;

    IF request.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    IF request.reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    END IF;
    relation.mentor_notes := NULL; -- each side reads only its own note, and not here
    relation.mentee_notes := NULL;
    RETURN relation;
END
$$;

COMMENT ON FUNCTION mentoring.request(bigint, bigint, mentoring.party, bigint, text) IS
'Asks for a relationship and returns it, without the notes: pending; active at once where the other side has asked already, or where an administrator or the system makes it. initiated_by: the side that asks (NULL: whatever the actor is). actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB101 to MB104, mentor_mentee_not_self_check.';

CREATE FUNCTION mentoring.change_subscriptions(
    relationship_id bigint,
    quizzes boolean DEFAULT NULL,
    courses boolean DEFAULT NULL,
    subjects boolean DEFAULT NULL,
    actor_id bigint DEFAULT NULL,
    version bigint DEFAULT NULL
)
RETURNS mentoring.mentor_mentee
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- returns the whole row, which no role may select
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor text := current_setting('mentorbase.actor', true);
    relation     mentoring.mentor_mentee;
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;

    SELECT m.* INTO relation FROM mentoring.mentor_mentee AS m WHERE m.id = relationship_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM mentoring.refuse_unchanged(relationship_id, NULL, NULL);
    ELSIF relation.version <> change_subscriptions.version THEN
        RAISE EXCEPTION 'the relationship was changed since it was read' USING
            ERRCODE = 'MB005',
            DETAIL = format('relationship_id=%s, version=%s', relation.id, relation.version),
            HINT = 'Read it again and decide again.';
    END IF;
    PERFORM mentoring.check_may_subscribe(
        relation.id, relation.status, mentoring.actor_kinds(relation, platform.current_actor('mentoring_app'))
    );

    UPDATE mentoring.mentor_mentee AS m
    SET
        subscribe_to_quizzes = coalesce(quizzes, m.subscribe_to_quizzes),
        subscribe_to_courses = coalesce(courses, m.subscribe_to_courses),
        subscribe_to_subjects = coalesce(subjects, m.subscribe_to_subjects)
    WHERE m.id = relationship_id
    RETURNING m.* INTO relation;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    relation.mentor_notes := NULL; -- each side reads only its own note, and not here
    relation.mentee_notes := NULL;
    RETURN relation;
END
$$;

COMMENT ON FUNCTION mentoring.change_subscriptions(bigint, boolean, boolean, boolean, bigint, bigint) IS
'Changes what the mentee hears of, and returns the relationship, without the notes. NULL leaves a subscription as it is. version: refuse if the row has changed since (NULL: do not ask). Refusals: MB001 to MB005.';

CREATE VIEW mentoring.v_mentor_mentee AS
SELECT
    m.id AS relationship_id,
    m.mentor_id,
    m.mentee_id,
    m.status,
    m.initiated_by,
    m.subscribe_to_quizzes,
    m.subscribe_to_courses,
    m.subscribe_to_subjects,
    m.created_at,
    m.accepted_at,
    m.paused_at,
    m.resume_at,
    m.completed_at,
    m.ended_at
FROM mentoring.mentor_mentee AS m;

COMMENT ON VIEW mentoring.v_mentor_mentee IS 'Every relationship, for analysts: all but the two sides'' notes.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.relationship_id IS 'The relationship (mentor_mentee.id).';
COMMENT ON COLUMN mentoring.v_mentor_mentee.mentor_id IS 'Who teaches (auth.users.id).';
COMMENT ON COLUMN mentoring.v_mentor_mentee.mentee_id IS 'Who learns (auth.users.id).';
COMMENT ON COLUMN mentoring.v_mentor_mentee.status IS
'Where it stands: pending, active, paused are live; completed, rejected, cancelled, expired, terminated are ended.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.initiated_by IS 'Who made it: mentor, mentee, system or admin.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.subscribe_to_quizzes IS 'The mentee wants to hear of the mentor''s new quizzes.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.subscribe_to_courses IS 'The mentee wants to hear of the mentor''s new courses.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.subscribe_to_subjects IS 'The mentee wants to hear of the mentor''s new subjects.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.created_at IS 'When it was asked for or imported.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.accepted_at IS 'When it first became active; NULL if it never was.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.paused_at IS 'Since when it is paused; NULL while it is not.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.resume_at IS 'From when on the system may resume it; NULL: only on request.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.completed_at IS 'When it reached its aim; NULL unless completed.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.ended_at IS 'When it ended, in whatever way; NULL while it is live.';

CREATE VIEW mentoring.v_mentor_mentee_history AS
SELECT
    h.id AS step_id,
    h.relationship_id,
    h.mentor_id,
    h.mentee_id,
    h.from_status,
    h.to_status,
    h.actor_kind,
    h.actor_id,
    h.occurred_at
FROM mentoring.mentor_mentee_history AS h;

COMMENT ON VIEW mentoring.v_mentor_mentee_history IS
'Every step of every relationship, for analysts: all but the reasons, which are people''s own words, and the database logins.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.step_id IS 'Order of the steps.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.relationship_id IS 'The relationship, which may be gone.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.mentor_id IS 'Its mentor (auth.users.id).';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.mentee_id IS 'Its mentee (auth.users.id).';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.from_status IS 'Status before; NULL for the first step.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.to_status IS 'Status after; NULL where the relationship was deleted.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.actor_kind IS 'As what the actor took the step: mentor, mentee, admin or system.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.actor_id IS
'Who took it (auth.users.id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.occurred_at IS 'When: the start of the transaction that took the step.';

GRANT USAGE ON SCHEMA mentoring, platform TO mentoring_app;
GRANT EXECUTE ON FUNCTION
platform.current_actor(name), platform.is_application(name), platform.is_timezone(text),
mentoring.transition(
    bigint, mentoring.mentor_mentee_status, bigint, text, mentoring.mentor_mentee_status, timestamptz
),
mentoring.request(bigint, bigint, mentoring.party, bigint, text),
mentoring.change_subscriptions(bigint, boolean, boolean, boolean, bigint, bigint)
TO mentoring_app;

GRANT SELECT ON
mentoring.settings, mentoring.mentor_mentee_transitions, mentoring.mentor_mentee_history
TO mentoring_app;

GRANT SELECT ON mentoring.user_profiles TO mentoring_app;
GRANT INSERT (
    user_id, mentor_bio, mentor_rate, mentor_rate_currency, mentor_available, max_mentees,
    learning_goals, preferred_learning_style, timezone
), UPDATE (
    mentor_bio, mentor_rate, mentor_rate_currency, mentor_available, max_mentees,
    learning_goals, preferred_learning_style, timezone
) ON mentoring.user_profiles TO mentoring_app;

-- All but the notes, which are their own side's only. The guard decides about status.
GRANT SELECT (
    id, mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes, subscribe_to_courses,
    subscribe_to_subjects, accepted_at, paused_at, paused_by, resume_at, completed_at, ended_at, ended_by,
    version, created_at, updated_at
), UPDATE (
    status, subscribe_to_quizzes, subscribe_to_courses, subscribe_to_subjects
) ON mentoring.mentor_mentee TO mentoring_app;

GRANT USAGE ON SCHEMA mentoring TO mentorbase_reader;
GRANT USAGE ON TYPE mentoring.mentor_mentee_status, mentoring.party TO mentorbase_reader;
GRANT SELECT ON mentoring.v_mentor_mentee, mentoring.v_mentor_mentee_history TO mentorbase_reader;
