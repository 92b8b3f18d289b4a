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
