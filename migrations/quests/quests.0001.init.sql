-- Quests of parents for their children, and what the children share of them.
-- depends: platform.0021.quests

CALL platform.ensure_application_role('quests_app');

-- The two applications. mentorbase_app is a member of neither: who has one of them is one of the two sides.
DO $$
DECLARE
    role_name name;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['pas_bot_user', 'inner_edu_user']::name[]
    LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = role_name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN
                    NULL; -- another database of this cluster made it in the meantime
            END;
        END IF;

        IF NOT pg_has_role(role_name, 'quests_app', 'MEMBER') THEN
            BEGIN
                EXECUTE format('GRANT quests_app TO %I', role_name);
            EXCEPTION
                WHEN unique_violation THEN
                    NULL; -- granted by another database in the meantime
            END;
        END IF;
    END LOOP;
END
$$;

SET LOCAL ROLE mentorbase_owner;

CREATE SCHEMA quests;

COMMENT ON SCHEMA quests IS
'Quests that parents make for their children and children play, and what the child lets the parent know of it. Two applications: the PAS bot of the parents (pas_bot_user), Inner Edu of the children (inner_edu_user). Knows people by auth.users.id.';

CREATE TYPE quests.quest_status AS ENUM ('draft', 'ready', 'deployed', 'archived', 'deleted');

COMMENT ON TYPE quests.quest_status IS
'Where a quest stands: draft (being written), ready (written, may be deployed once it is approved), deployed (with Inner Edu), archived (put away), deleted (the parent no longer sees it; the child goes on playing).';

CREATE TYPE quests.moderation_status AS ENUM ('pending', 'approved', 'rejected');

COMMENT ON TYPE quests.moderation_status IS
'What a moderator says of a quest''s YAML: pending (not looked at as it is now), approved, rejected.';

CREATE TYPE quests.party AS ENUM ('creator', 'child', 'admin', 'system');

COMMENT ON TYPE quests.party IS
'As what somebody acts on a quest: the parent who made it, the child who plays it, an administrator, or the system (a job).';

CREATE TYPE quests.project_type AS ENUM ('quest', 'letter', 'goal');

COMMENT ON TYPE quests.project_type IS 'What a creative project is about: quest, letter or goal.';

CREATE TYPE quests.project_status AS ENUM ('in_progress', 'completed', 'abandoned');

COMMENT ON TYPE quests.project_status IS 'Where a creative project stands: in_progress, completed or abandoned.';

CREATE TYPE quests.data_type AS ENUM ('completion_progress', 'educational_progress', 'play_frequency');

COMMENT ON TYPE quests.data_type IS
'What a child may share of a quest, one setting each: completion_progress (nodes_completed, total_nodes, completion_percentage), educational_progress (the aggregate of that name), play_frequency (last_played, play_count).';

CREATE TYPE quests.read_step AS ENUM ('asked', 'read');

COMMENT ON TYPE quests.read_step IS
'What a row of the read ledger tells of: somebody asked (and was given a ticket), or the ticket was used.';

CREATE TYPE quests.read_result AS ENUM ('allowed', 'redacted', 'refused', 'missing', 'violation');

COMMENT ON TYPE quests.read_result IS
'What the check of consent found: allowed (all that was asked for), redacted (some of it), refused (none of it), missing (there is no such quest, or it is deleted), violation (it is another parent''s).';

CREATE TYPE quests.message_role AS ENUM ('user', 'assistant', 'system');

COMMENT ON TYPE quests.message_role IS
'Whose words a message is: the person''s (user), the bot''s (assistant) or an instruction (system).';

CREATE TYPE quests.letter_status AS ENUM ('draft', 'finished', 'sent');

COMMENT ON TYPE quests.letter_status IS 'Where a letter stands: draft, finished or sent.';

CREATE TYPE quests.goal_status AS ENUM ('active', 'completed', 'abandoned');

COMMENT ON TYPE quests.goal_status IS 'Where a goal stands: active, completed or abandoned.';

-- Limits of this service, as rows rather than literals.
CREATE TABLE quests.settings (
    name       text        NOT NULL,
    value      bigint      NOT NULL,
    unit       text        NOT NULL,
    meaning    text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT settings_pkey PRIMARY KEY (name),
    CONSTRAINT settings_value_check CHECK (value BETWEEN 1 AND 36500),
    CONSTRAINT settings_unit_check CHECK (unit IN ('seconds', 'days'))
);

COMMENT ON TABLE quests.settings IS
'Limits of this service, one a row. The owner changes values; names are fixed, because functions read them.';
COMMENT ON COLUMN quests.settings.name IS 'The limit.';
COMMENT ON COLUMN quests.settings.value IS 'Its value, counted in unit.';
COMMENT ON COLUMN quests.settings.unit IS 'What the value counts: seconds or days.';
COMMENT ON COLUMN quests.settings.meaning IS 'What it limits.';
COMMENT ON COLUMN quests.settings.created_at IS 'When the row was made.';
COMMENT ON COLUMN quests.settings.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT settings_pkey ON quests.settings IS 'One row a limit.';
COMMENT ON CONSTRAINT settings_value_check ON quests.settings IS 'A limit''s value is 1 to 36500.';
COMMENT ON CONSTRAINT settings_unit_check ON quests.settings IS
'A limit counts seconds or days, as the functions read it.';

CREATE TRIGGER settings_set_updated_at
BEFORE UPDATE ON quests.settings
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

INSERT INTO quests.settings (name, value, unit, meaning) VALUES
('ticket_validity', 60, 'seconds', 'How long a ticket of quests.ask() can be used.'),
('ledger_retention', 1095, 'days', 'How long the read ledger is kept.');

-- The life cycle of a quest, as data: who may go where.
CREATE TABLE quests.quests_transitions (
    id          bigint              GENERATED BY DEFAULT AS IDENTITY,
    from_status quests.quest_status,
    to_status   quests.quest_status NOT NULL,
    actor_kind  quests.party        NOT NULL,

    CONSTRAINT quests_transitions_pkey PRIMARY KEY (id),
    CONSTRAINT quests_transitions_step_key UNIQUE NULLS NOT DISTINCT (from_status, to_status, actor_kind)
);

COMMENT ON TABLE quests.quests_transitions IS
'Every allowed step of a quest and who may take it. A step that has no row here is refused (MB003), and so is one that has none for the actor (MB002). To deploy also takes approval (MB602).';
COMMENT ON COLUMN quests.quests_transitions.id IS 'Row number, without meaning.';
COMMENT ON COLUMN quests.quests_transitions.from_status IS 'Present status; NULL where the quest is new.';
COMMENT ON COLUMN quests.quests_transitions.to_status IS 'Next status.';
COMMENT ON COLUMN quests.quests_transitions.actor_kind IS 'As what the actor takes the step.';
COMMENT ON CONSTRAINT quests_transitions_pkey ON quests.quests_transitions IS 'One row a step and actor.';
COMMENT ON CONSTRAINT quests_transitions_step_key ON quests.quests_transitions IS
'Each step is allowed to each kind of actor once.';

INSERT INTO quests.quests_transitions (from_status, to_status, actor_kind) VALUES
(NULL, 'draft', 'creator'),
(NULL, 'draft', 'admin'),
(NULL, 'draft', 'system'),
('draft', 'ready', 'creator'),
('draft', 'ready', 'admin'),
('draft', 'ready', 'system'),
('ready', 'draft', 'creator'),
('ready', 'draft', 'admin'),
('ready', 'draft', 'system'),
('ready', 'deployed', 'creator'),
('ready', 'deployed', 'admin'),
('ready', 'deployed', 'system'),
('deployed', 'archived', 'creator'),
('deployed', 'archived', 'admin'),
('deployed', 'archived', 'system'),
('archived', 'deployed', 'creator'),
('archived', 'deployed', 'admin'),
('draft', 'deleted', 'creator'),
('draft', 'deleted', 'admin'),
('draft', 'deleted', 'system'),
('ready', 'deleted', 'creator'),
('ready', 'deleted', 'admin'),
('ready', 'deleted', 'system'),
('deployed', 'deleted', 'creator'),
('deployed', 'deleted', 'admin'),
('deployed', 'deleted', 'system'),
('archived', 'deleted', 'creator'),
('archived', 'deleted', 'admin'),
('archived', 'deleted', 'system');

CREATE FUNCTION quests.is_aggregate(document jsonb)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT
    jsonb_typeof(document) = 'object'
    AND NOT EXISTS (
        SELECT
        FROM jsonb_each(CASE WHEN jsonb_typeof(document) = 'object' THEN document ELSE '{}' END) AS e (name, value)
        WHERE e.name !~ '^[a-z][a-z_]{0,39}$' OR jsonb_typeof(e.value) <> 'number'
    )
$$;

COMMENT ON FUNCTION quests.is_aggregate(jsonb) IS
'Whether a JSON document is an object of numbers with plain names, so that nobody''s words are in it. For CHECK constraints.';

-- A parent, as the bot knows them. The id is auth.users.id; a database of this service alone has no more of a person.
CREATE TABLE quests.users (
    id              bigint      NOT NULL,
    recovery_tracks jsonb       NOT NULL DEFAULT '{}',
    primary_track   text,
    recovery_week   integer     NOT NULL DEFAULT 0,
    recovery_day    integer     NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_recovery_tracks_check CHECK (quests.is_aggregate(recovery_tracks)),
    CONSTRAINT users_primary_track_check CHECK (primary_track ~ '^[a-z][a-z_]{0,39}$'),
    CONSTRAINT users_recovery_week_check CHECK (recovery_week BETWEEN 0 AND 10000),
    CONSTRAINT users_recovery_day_check CHECK (recovery_day BETWEEN 0 AND 100000)
);

COMMENT ON TABLE quests.users IS
'One row a parent who uses the bot: how far their recovery has come. Written by the person, an administrator or the system.';
COMMENT ON COLUMN quests.users.id IS 'The person: auth.users.id.';
COMMENT ON COLUMN quests.users.recovery_tracks IS
'Steps taken on each track, by its name, as numbers. Making a quest is a step on primary_track.';
COMMENT ON COLUMN quests.users.primary_track IS
'The track the person follows mainly, such as child_connection; NULL: not chosen, which counts as child_connection.';
COMMENT ON COLUMN quests.users.recovery_week IS 'Week of the recovery, from 0.';
COMMENT ON COLUMN quests.users.recovery_day IS 'Day of the recovery, from 0.';
COMMENT ON COLUMN quests.users.created_at IS 'When the row was made.';
COMMENT ON COLUMN quests.users.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT users_pkey ON quests.users IS 'One row a person.';
COMMENT ON CONSTRAINT users_recovery_tracks_check ON quests.users IS
'recovery_tracks is an object of numbers with lower-case names.';
COMMENT ON CONSTRAINT users_primary_track_check ON quests.users IS
'primary_track has 1 to 40 small letters and underscores.';
COMMENT ON CONSTRAINT users_recovery_week_check ON quests.users IS 'recovery_week is 0 to 10000.';
COMMENT ON CONSTRAINT users_recovery_day_check ON quests.users IS 'recovery_day is 0 to 100000.';

CREATE TRIGGER users_guard
BEFORE INSERT OR UPDATE OR DELETE ON quests.users
FOR EACH ROW EXECUTE FUNCTION platform.guard_own('id');

CREATE TRIGGER users_require_actor
BEFORE INSERT OR UPDATE OR DELETE ON quests.users
FOR EACH STATEMENT EXECUTE FUNCTION platform.require_actor();

CREATE TRIGGER users_set_updated_at
BEFORE UPDATE ON quests.users
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

-- One quest. Written by the parent's side only: nothing that the child does touches this row.
CREATE TABLE quests.quests (
    id                bigint                   GENERATED BY DEFAULT AS IDENTITY,
    quest_id          uuid                     NOT NULL DEFAULT gen_random_uuid(),
    creator_id        bigint                   NOT NULL,
    child_name        text,
    child_age         integer,
    quest_yaml        text,
    status            quests.quest_status      NOT NULL DEFAULT 'draft',
    moderation_status quests.moderation_status NOT NULL DEFAULT 'pending',
    moderation_issues jsonb                    NOT NULL DEFAULT '[]',
    deployed_at       timestamptz,
    deleted_at        timestamptz,
    version           bigint                   NOT NULL DEFAULT 1,
    created_at        timestamptz              NOT NULL DEFAULT now(),
    updated_at        timestamptz              NOT NULL DEFAULT now(),

    CONSTRAINT quests_pkey PRIMARY KEY (id),
    CONSTRAINT quests_quest_id_key UNIQUE (quest_id),
    CONSTRAINT quests_creator_key UNIQUE (quest_id, creator_id),
    CONSTRAINT quests_creator_id_fkey FOREIGN KEY (creator_id) REFERENCES quests.users (id) ON DELETE RESTRICT,
    CONSTRAINT quests_child_name_check CHECK (length(child_name) <= 100 AND child_name ~ '\S'),
    CONSTRAINT quests_child_age_check CHECK (child_age BETWEEN 0 AND 25),
    CONSTRAINT quests_quest_yaml_check CHECK (octet_length(quest_yaml) <= 1000000 AND quest_yaml ~ '\S'),
    CONSTRAINT quests_ready_check CHECK (status IN ('draft', 'deleted') OR quest_yaml IS NOT NULL),
    CONSTRAINT quests_moderation_issues_check CHECK (jsonb_typeof(moderation_issues) = 'array'),
    CONSTRAINT quests_deployed_at_check CHECK (status NOT IN ('deployed', 'archived') OR deployed_at IS NOT NULL),
    CONSTRAINT quests_deleted_at_check CHECK ((status = 'deleted') = (deleted_at IS NOT NULL))
);

COMMENT ON TABLE quests.quests IS
'One quest that a parent made for their child. Its steps are those of quests_transitions, each leaves a row in quest_history. Deleted by status, not by DELETE. What the child does never changes this row, so nothing of it can be seen here.';
COMMENT ON COLUMN quests.quests.id IS 'The quest, inside this database.';
COMMENT ON COLUMN quests.quests.quest_id IS
'The quest, for applications: whoever is given it may open the quest once it is deployed. Never changes.';
COMMENT ON COLUMN quests.quests.creator_id IS 'The parent who made it (users.id). Never changes.';
COMMENT ON COLUMN quests.quests.child_name IS 'What the parent calls the child. Personal data, the parent''s.';
COMMENT ON COLUMN quests.quests.child_age IS
'The child''s age in years, as the parent said. Personal data, the parent''s.';
COMMENT ON COLUMN quests.quests.quest_yaml IS
'The quest itself; NULL until it was generated. A change takes the approval away; a deployed one does not change.';
COMMENT ON COLUMN quests.quests.status IS 'Where it stands; changes by the steps of quests_transitions only.';
COMMENT ON COLUMN quests.quests.moderation_status IS
'What a moderator says of quest_yaml. Written by administrators and the system only.';
COMMENT ON COLUMN quests.quests.moderation_issues IS
'What the moderator found, a list. Written by administrators and the system only.';
COMMENT ON COLUMN quests.quests.deployed_at IS 'When it was first given to Inner Edu; NULL before. Kept by a trigger.';
COMMENT ON COLUMN quests.quests.deleted_at IS 'When the parent deleted it; NULL while they see it. Kept by a trigger.';
COMMENT ON COLUMN quests.quests.version IS
'Grows by one with each change; whoever gives it is refused (MB005) if somebody was faster.';
COMMENT ON COLUMN quests.quests.created_at IS 'When the row was made.';
COMMENT ON COLUMN quests.quests.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT quests_pkey ON quests.quests IS 'One row a quest.';
COMMENT ON CONSTRAINT quests_quest_id_key ON quests.quests IS 'A quest_id belongs to one quest.';
COMMENT ON CONSTRAINT quests_creator_key ON quests.quests IS
'A quest has one parent; what belongs to both refers to this.';
COMMENT ON CONSTRAINT quests_creator_id_fkey ON quests.quests IS 'creator_id is the id of a user of this service.';
COMMENT ON CONSTRAINT quests_child_name_check ON quests.quests IS
'child_name has 1 to 100 characters, not all of them blank.';
COMMENT ON CONSTRAINT quests_child_age_check ON quests.quests IS 'child_age is 0 to 25 years.';
COMMENT ON CONSTRAINT quests_quest_yaml_check ON quests.quests IS
'quest_yaml has up to 1000000 bytes, not all of them blank.';
COMMENT ON CONSTRAINT quests_ready_check ON quests.quests IS 'A quest that is ready or further has its YAML.';
COMMENT ON CONSTRAINT quests_moderation_issues_check ON quests.quests IS 'moderation_issues is a list.';
COMMENT ON CONSTRAINT quests_deployed_at_check ON quests.quests IS 'A deployed or archived quest says since when.';
COMMENT ON CONSTRAINT quests_deleted_at_check ON quests.quests IS
'deleted_at is set exactly when the quest is deleted.';

-- A parent's quests, newest first.
CREATE INDEX quests_creator_id_idx ON quests.quests (creator_id, id);

CREATE FUNCTION quests.guard_quests()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- calls what the writing role may not
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor      platform.actor := platform.current_actor('quests_app');
    old_status quests.quest_status;
    side       quests.party := quests.side(NEW.creator_id, NULL, actor);
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW IS NOT DISTINCT FROM OLD THEN
            RETURN NEW;
        END IF;
        old_status := OLD.status;
        side := quests.side(OLD.creator_id, NULL, actor);
    END IF;

    IF NEW.status IS DISTINCT FROM old_status AND NOT EXISTS (
        SELECT FROM quests.quests_transitions AS t
        WHERE t.from_status IS NOT DISTINCT FROM old_status AND t.to_status = NEW.status AND t.actor_kind = side
    ) THEN
        PERFORM platform.refuse_step(
            'quests', 'quests', 'a quest', old_status::text, NEW.status::text, side::text,
            format('quest_id=%s', NEW.quest_id)
        );
    ELSIF side IS NULL THEN
        RAISE EXCEPTION 'a quest is changed by the parent who made it' USING
            ERRCODE = 'MB002',
            DETAIL = format('quest_id=%s, actor_is=outsider', NEW.quest_id),
            HINT = 'Act as that parent, as an administrator or as the system.';
    END IF;

    IF TG_OP = 'UPDATE' THEN
        IF (NEW.id, NEW.quest_id, NEW.creator_id, NEW.deployed_at, NEW.deleted_at, NEW.version, NEW.created_at)
            IS DISTINCT FROM
            (OLD.id, OLD.quest_id, OLD.creator_id, OLD.deployed_at, OLD.deleted_at, OLD.version, OLD.created_at)
        THEN
            RAISE EXCEPTION 'a quest keeps its keys, creator, version and times' USING
                ERRCODE = 'MB006',
                DETAIL = format('quest_id=%s', OLD.quest_id),
                HINT = 'Change the other columns.';
        ELSIF NEW.quest_yaml IS DISTINCT FROM OLD.quest_yaml AND OLD.status NOT IN ('draft', 'ready') THEN
            RAISE EXCEPTION 'the YAML of a quest that was deployed does not change' USING
                ERRCODE = 'MB006',
                DETAIL = format('quest_id=%s, status=%s', OLD.quest_id, OLD.status),
                HINT = 'Make another quest.';
        END IF;
        IF NEW.quest_yaml IS DISTINCT FROM OLD.quest_yaml AND side = 'creator' THEN
            NEW.moderation_status := 'pending';
            NEW.moderation_issues := '[]';
        END IF;
    END IF;

    IF side = 'creator' AND (
        (NEW.moderation_status <> 'pending' OR NEW.moderation_issues <> '[]')
        AND (
            TG_OP = 'INSERT'
            OR (NEW.moderation_status, NEW.moderation_issues)
            IS DISTINCT FROM (OLD.moderation_status, OLD.moderation_issues)
        )
    ) THEN
        RAISE EXCEPTION 'a quest is approved by somebody else than its parent' USING
            ERRCODE = 'MB002',
            DETAIL = format('quest_id=%s, actor_is=creator', NEW.quest_id),
            HINT = 'Have an administrator or the system moderate it.';
    ELSIF NEW.status = 'deployed' AND old_status IS DISTINCT FROM 'deployed'
        AND NEW.moderation_status <> 'approved'
    THEN
        RAISE EXCEPTION 'a quest is deployed once it is approved' USING
            ERRCODE = 'MB602',
            DETAIL = format('quest_id=%s, moderation_status=%s', NEW.quest_id, NEW.moderation_status),
            HINT = 'Have it moderated first.';
    END IF;

    IF TG_OP = 'UPDATE' THEN
        NEW.version := OLD.version + 1;
        NEW.updated_at := now();
    ELSE
        NEW.deployed_at := NULL;
        NEW.deleted_at := NULL;
    END IF;
    IF NEW.status = 'deployed' THEN
        NEW.deployed_at := coalesce(NEW.deployed_at, now());
    ELSIF NEW.status = 'deleted' AND old_status <> 'deleted' THEN
        NEW.deleted_at := now();
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION quests.guard_quests() IS
'Row trigger of quests: its parent, an administrator or the system writes a quest, by the steps of quests_transitions; approval is not the parent''s, and a changed YAML needs it anew.';

CREATE TRIGGER quests_guard
BEFORE INSERT OR UPDATE ON quests.quests
FOR EACH ROW EXECUTE FUNCTION quests.guard_quests();

CREATE TRIGGER quests_require_actor
BEFORE DELETE ON quests.quests
FOR EACH STATEMENT EXECUTE FUNCTION platform.require_actor();

CREATE FUNCTION quests.make_companions()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write these tables by hand
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO quests.child_privacy_settings (quest_id) VALUES (NEW.quest_id);
    INSERT INTO quests.quest_analytics (quest_id) VALUES (NEW.quest_id);
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION quests.make_companions() IS
'Row trigger of quests: each has its settings, with nothing shared, and its aggregates from the beginning, so that neither being there tells anything.';

CREATE TRIGGER quests_make_companions
AFTER INSERT ON quests.quests
FOR EACH ROW EXECUTE FUNCTION quests.make_companions();

-- Every step of a quest and of its moderation.
CREATE TABLE quests.quest_history (
    id                bigint                   GENERATED ALWAYS AS IDENTITY,
    quest_id          uuid                     NOT NULL,
    creator_id        bigint                   NOT NULL,
    from_status       quests.quest_status,
    to_status         quests.quest_status,
    moderation_status quests.moderation_status NOT NULL,
    actor_kind        quests.party             NOT NULL,
    actor_id          bigint,
    db_login          text                     NOT NULL DEFAULT session_user,
    db_role           text                     DEFAULT nullif(current_setting('role'), 'none'),
    reason            text,
    occurred_at       timestamptz              NOT NULL DEFAULT now(),

    CONSTRAINT quest_history_pkey PRIMARY KEY (id),
    CONSTRAINT quest_history_reason_check CHECK (length(reason) <= 500)
);

COMMENT ON TABLE quests.quest_history IS
'Who took which step of a quest''s life cycle or moderation, when and why. Append-only; it outlives the quest.';
COMMENT ON COLUMN quests.quest_history.id IS 'Order of the steps.';
COMMENT ON COLUMN quests.quest_history.quest_id IS 'The quest (quests.quest_id).';
COMMENT ON COLUMN quests.quest_history.creator_id IS 'Its parent.';
COMMENT ON COLUMN quests.quest_history.from_status IS 'Status before; NULL where the quest is new.';
COMMENT ON COLUMN quests.quest_history.to_status IS 'Status after; NULL where the quest was removed.';
COMMENT ON COLUMN quests.quest_history.moderation_status IS 'What the moderator said of it then.';
COMMENT ON COLUMN quests.quest_history.actor_kind IS 'As what the actor took the step.';
COMMENT ON COLUMN quests.quest_history.actor_id IS
'Who took it; NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN quests.quest_history.db_login IS 'The database login of the session.';
COMMENT ON COLUMN quests.quest_history.db_role IS 'The role the session had set (SET ROLE), if any.';
COMMENT ON COLUMN quests.quest_history.reason IS 'Why, as the actor said (mentorbase.reason).';
COMMENT ON COLUMN quests.quest_history.occurred_at IS 'When: the start of the transaction.';
COMMENT ON CONSTRAINT quest_history_pkey ON quests.quest_history IS 'One row a step.';
COMMENT ON CONSTRAINT quest_history_reason_check ON quests.quest_history IS 'A reason has at most 500 characters.';

-- One quest's history.
CREATE INDEX quest_history_quest_id_idx ON quests.quest_history (quest_id, id);

CREATE TRIGGER quest_history_refuse_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON quests.quest_history
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE FUNCTION quests.record_quest_history()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write history itself
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor platform.actor := platform.current_actor('quests_app');
BEGIN
    INSERT INTO quests.quest_history (
        quest_id, creator_id, from_status, to_status, moderation_status, actor_kind, actor_id, reason
    ) VALUES (
        coalesce(NEW.quest_id, OLD.quest_id), coalesce(NEW.creator_id, OLD.creator_id),
        OLD.status, NEW.status, coalesce(NEW.moderation_status, OLD.moderation_status),
        coalesce(quests.side(coalesce(NEW.creator_id, OLD.creator_id), NULL, actor), 'admin'), actor.id,
        nullif(current_setting('mentorbase.reason', true), '')
    );
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION quests.record_quest_history() IS
'Row trigger of quests: writes one row of quest_history for each step, also for a DELETE.';

CREATE TRIGGER quests_record_history
AFTER INSERT OR DELETE ON quests.quests
FOR EACH ROW EXECUTE FUNCTION quests.record_quest_history();

CREATE TRIGGER quests_record_step
AFTER UPDATE ON quests.quests
FOR EACH ROW WHEN (
    old.status IS DISTINCT FROM new.status OR old.moderation_status IS DISTINCT FROM new.moderation_status
)
EXECUTE FUNCTION quests.record_quest_history();

-- What the child lets the parent know: nothing, until the child says otherwise.
CREATE TABLE quests.child_privacy_settings (
    id                         bigint      GENERATED BY DEFAULT AS IDENTITY,
    quest_id                   uuid        NOT NULL,
    child_id                   bigint,
    share_completion_progress  boolean     NOT NULL DEFAULT false,
    share_educational_progress boolean     NOT NULL DEFAULT false,
    share_play_frequency       boolean     NOT NULL DEFAULT false,
    created_at                 timestamptz NOT NULL DEFAULT now(),
    updated_at                 timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT child_privacy_settings_pkey PRIMARY KEY (id),
    CONSTRAINT child_privacy_settings_quest_id_key UNIQUE (quest_id),
    CONSTRAINT child_privacy_settings_quest_id_fkey FOREIGN KEY (quest_id)
    REFERENCES quests.quests (quest_id) ON DELETE CASCADE,
    CONSTRAINT child_privacy_settings_child_id_check CHECK (child_id > 0),
    CONSTRAINT child_privacy_settings_share_check CHECK (
        child_id IS NOT NULL OR NOT (share_completion_progress OR share_educational_progress OR share_play_frequency)
    )
);

COMMENT ON TABLE quests.child_privacy_settings IS
'Which child plays a quest, and what of it the parent may see. One row a quest, made with it. Only the child switches sharing on; administrators and the system may switch it off. Each change leaves a row in consent_changes, and holds for every statement that starts after its commit.';
COMMENT ON COLUMN quests.child_privacy_settings.id IS 'Row number, without meaning.';
COMMENT ON COLUMN quests.child_privacy_settings.quest_id IS 'The quest (quests.quest_id). Never changes.';
COMMENT ON COLUMN quests.child_privacy_settings.child_id IS
'The child who opened it first, auth.users.id; NULL before. Never changes then. Not the parent''s to see.';
COMMENT ON COLUMN quests.child_privacy_settings.share_completion_progress IS
'Whether the parent may see how far the child has come.';
COMMENT ON COLUMN quests.child_privacy_settings.share_educational_progress IS
'Whether the parent may see the aggregate of what the child learned, and whether details are kept in child_progress at all.';
COMMENT ON COLUMN quests.child_privacy_settings.share_play_frequency IS
'Whether the parent may see when and how often the child played.';
COMMENT ON COLUMN quests.child_privacy_settings.created_at IS 'When the row was made.';
COMMENT ON COLUMN quests.child_privacy_settings.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT child_privacy_settings_pkey ON quests.child_privacy_settings IS 'One row a quest.';
COMMENT ON CONSTRAINT child_privacy_settings_quest_id_key ON quests.child_privacy_settings IS
'A quest has one row of settings.';
COMMENT ON CONSTRAINT child_privacy_settings_quest_id_fkey ON quests.child_privacy_settings IS
'quest_id is the quest_id of a quest.';
COMMENT ON CONSTRAINT child_privacy_settings_child_id_check ON quests.child_privacy_settings IS
'child_id is a user''s id.';
COMMENT ON CONSTRAINT child_privacy_settings_share_check ON quests.child_privacy_settings IS
'Nothing is shared before there is a child to say so.';

-- A child's quests.
CREATE INDEX child_privacy_settings_child_id_idx ON quests.child_privacy_settings (child_id, quest_id);

CREATE FUNCTION quests.guard_child_privacy_settings()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- calls what the writing role may not
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor    platform.actor := platform.current_actor('quests_app');
    is_child boolean := actor.kind = 'user' AND actor.id = NEW.child_id;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.child_id IS NOT NULL OR NEW.share_completion_progress OR NEW.share_educational_progress
            OR NEW.share_play_frequency
        THEN
            RAISE EXCEPTION 'a quest begins without a child and with nothing shared' USING
                ERRCODE = 'MB006',
                DETAIL = format('quest_id=%s', NEW.quest_id),
                HINT = 'Have the child open it, and decide.';
        END IF;
        RETURN NEW;
    END IF;

    IF (NEW.id, NEW.quest_id, NEW.created_at) IS DISTINCT FROM (OLD.id, OLD.quest_id, OLD.created_at)
        OR (OLD.child_id IS NOT NULL AND NEW.child_id IS DISTINCT FROM OLD.child_id)
    THEN
        RAISE EXCEPTION 'settings stay those of their quest and child' USING
            ERRCODE = 'MB006',
            DETAIL = format('quest_id=%s', OLD.quest_id),
            HINT = 'Change what is shared.';
    ELSIF NOT is_child AND (
        actor.kind = 'user'
        OR NEW.child_id IS DISTINCT FROM OLD.child_id
        OR (NEW.share_completion_progress AND NOT OLD.share_completion_progress)
        OR (NEW.share_educational_progress AND NOT OLD.share_educational_progress)
        OR (NEW.share_play_frequency AND NOT OLD.share_play_frequency)
    ) THEN
        RAISE EXCEPTION 'only the child says what is shared' USING
            ERRCODE = 'MB002',
            DETAIL = format('quest_id=%s', OLD.quest_id),
            HINT = 'Act as the child. Administrators and the system may switch sharing off.';
    END IF;
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION quests.guard_child_privacy_settings() IS
'Row trigger of child_privacy_settings: nothing is shared at first; only the child switches it on; a child once there stays.';

CREATE TRIGGER child_privacy_settings_guard
BEFORE INSERT OR UPDATE ON quests.child_privacy_settings
FOR EACH ROW EXECUTE FUNCTION quests.guard_child_privacy_settings();

-- The consent ledger: every change of what is shared.
CREATE TABLE quests.consent_changes (
    id             bigint           GENERATED ALWAYS AS IDENTITY,
    quest_id       uuid             NOT NULL,
    data_type      quests.data_type NOT NULL,
    shared         boolean          NOT NULL,
    actor_kind     quests.party     NOT NULL,
    actor_id       bigint,
    db_login       text             NOT NULL DEFAULT session_user,
    db_role        text             DEFAULT nullif(current_setting('role'), 'none'),
    transaction_id xid8             NOT NULL DEFAULT pg_current_xact_id(),
    changed_at     timestamptz      NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT consent_changes_pkey PRIMARY KEY (id)
);

COMMENT ON TABLE quests.consent_changes IS
'Each time a child began or ceased to share something: what, when, and who did it. Append-only; it outlives the quest.';
COMMENT ON COLUMN quests.consent_changes.id IS 'Order of the changes.';
COMMENT ON COLUMN quests.consent_changes.quest_id IS 'The quest (quests.quest_id).';
COMMENT ON COLUMN quests.consent_changes.data_type IS 'What it is about.';
COMMENT ON COLUMN quests.consent_changes.shared IS 'Whether it is shared from now on.';
COMMENT ON COLUMN quests.consent_changes.actor_kind IS 'As what the actor changed it: child, admin or system.';
COMMENT ON COLUMN quests.consent_changes.actor_id IS
'Who changed it; NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN quests.consent_changes.db_login IS 'The database login of the session.';
COMMENT ON COLUMN quests.consent_changes.db_role IS 'The role the session had set (SET ROLE), if any.';
COMMENT ON COLUMN quests.consent_changes.transaction_id IS 'The transaction, the same for all that it changed.';
COMMENT ON COLUMN quests.consent_changes.changed_at IS 'When; it holds from the commit on.';
COMMENT ON CONSTRAINT consent_changes_pkey ON quests.consent_changes IS 'One row a change.';

-- One quest's consent over time.
CREATE INDEX consent_changes_quest_id_idx ON quests.consent_changes (quest_id, id);

CREATE TRIGGER consent_changes_refuse_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON quests.consent_changes
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE FUNCTION quests.record_consent()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write the ledger itself
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor platform.actor := platform.current_actor('quests_app');
BEGIN
    INSERT INTO quests.consent_changes (quest_id, data_type, shared, actor_kind, actor_id)
    SELECT NEW.quest_id, c.data_type, c.shared, quests.side(NULL, NEW.child_id, actor), actor.id
    FROM (
        VALUES
        ('completion_progress'::quests.data_type, OLD.share_completion_progress, NEW.share_completion_progress),
        ('educational_progress', OLD.share_educational_progress, NEW.share_educational_progress),
        ('play_frequency', OLD.share_play_frequency, NEW.share_play_frequency)
    ) AS c (data_type, was, shared)
    WHERE c.shared <> c.was;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION quests.record_consent() IS
'Row trigger of child_privacy_settings: writes one row of consent_changes for each setting that changed.';

CREATE TRIGGER child_privacy_settings_record_consent
AFTER UPDATE ON quests.child_privacy_settings
FOR EACH ROW EXECUTE FUNCTION quests.record_consent();

-- The read ledger: who asked for what of a child, and what the check found.
CREATE TABLE quests.privacy_reads (
    id             bigint             GENERATED ALWAYS AS IDENTITY,
    ticket         uuid               NOT NULL DEFAULT gen_random_uuid(),
    step           quests.read_step   NOT NULL,
    quest_id       uuid,
    data_type      quests.data_type,
    reader_id      bigint             NOT NULL,
    result         quests.read_result NOT NULL,
    db_login       text               NOT NULL DEFAULT session_user,
    db_role        text               DEFAULT nullif(current_setting('role'), 'none'),
    transaction_id xid8               NOT NULL DEFAULT pg_current_xact_id(),
    occurred_at    timestamptz        NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT privacy_reads_pkey PRIMARY KEY (id),
    CONSTRAINT privacy_reads_ticket_key UNIQUE (ticket, step)
);

COMMENT ON TABLE quests.privacy_reads IS
'Each time a parent asked for what a child did: written by ask() and committed before anything is shown, so that it also stands when the check refused or the reader rolled back; and once more when the ticket was used. Append-only; kept for ledger_retention.';
COMMENT ON COLUMN quests.privacy_reads.id IS 'Order of the rows.';
COMMENT ON COLUMN quests.privacy_reads.ticket IS 'What ask() gave and read() takes, once.';
COMMENT ON COLUMN quests.privacy_reads.step IS 'Whether it was asked for or read.';
COMMENT ON COLUMN quests.privacy_reads.quest_id IS
'The quest that was asked about, whether there is one or not; NULL: all of the reader''s.';
COMMENT ON COLUMN quests.privacy_reads.data_type IS 'What was asked for; NULL: all there is.';
COMMENT ON COLUMN quests.privacy_reads.reader_id IS 'Who asked.';
COMMENT ON COLUMN quests.privacy_reads.result IS 'What the check of consent found at that moment.';
COMMENT ON COLUMN quests.privacy_reads.db_login IS 'The database login of the session.';
COMMENT ON COLUMN quests.privacy_reads.db_role IS 'The role the session had set (SET ROLE), if any.';
COMMENT ON COLUMN quests.privacy_reads.transaction_id IS 'The transaction: a ticket is of no use in its own.';
COMMENT ON COLUMN quests.privacy_reads.occurred_at IS 'When.';
COMMENT ON CONSTRAINT privacy_reads_pkey ON quests.privacy_reads IS 'One row a step of a read.';
COMMENT ON CONSTRAINT privacy_reads_ticket_key ON quests.privacy_reads IS 'A ticket is given once and used once.';

-- Who looked at one quest.
CREATE INDEX privacy_reads_quest_id_idx ON quests.privacy_reads (quest_id, id);

-- What one person looked at.
CREATE INDEX privacy_reads_reader_id_idx ON quests.privacy_reads (reader_id, id);

-- Serves quests.purge(): the oldest first.
CREATE INDEX privacy_reads_occurred_at_idx ON quests.privacy_reads (occurred_at);

CREATE TRIGGER privacy_reads_refuse_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON quests.privacy_reads
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- What the child did in a quest, in numbers. No application may select it: they read through quests.read().
CREATE TABLE quests.quest_analytics (
    id                    bigint        GENERATED BY DEFAULT AS IDENTITY,
    quest_id              uuid          NOT NULL,
    nodes_completed       integer       NOT NULL DEFAULT 0,
    total_nodes           integer       NOT NULL DEFAULT 0,
    completion_percentage numeric(5, 2) NOT NULL GENERATED ALWAYS AS (
        CASE WHEN total_nodes > 0 THEN round(nodes_completed * 100.0 / total_nodes, 2) ELSE 0 END
    ) STORED,
    educational_progress  jsonb         NOT NULL DEFAULT '{}',
    last_played           timestamptz,
    play_count            bigint        NOT NULL DEFAULT 0,
    created_at            timestamptz   NOT NULL DEFAULT now(),
    updated_at            timestamptz   NOT NULL DEFAULT now(),

    CONSTRAINT quest_analytics_pkey PRIMARY KEY (id),
    CONSTRAINT quest_analytics_quest_id_key UNIQUE (quest_id),
    CONSTRAINT quest_analytics_quest_id_fkey FOREIGN KEY (quest_id)
    REFERENCES quests.quests (quest_id) ON DELETE CASCADE,
    CONSTRAINT quest_analytics_nodes_completed_check CHECK (nodes_completed BETWEEN 0 AND total_nodes),
    CONSTRAINT quest_analytics_total_nodes_check CHECK (total_nodes <= 100000),
    CONSTRAINT quest_analytics_educational_progress_check CHECK (quests.is_aggregate(educational_progress)),
    CONSTRAINT quest_analytics_play_count_check CHECK (play_count >= 0)
);

COMMENT ON TABLE quests.quest_analytics IS
'What the child did in a quest, in numbers only: no word of the child, no name, no age. No role but the owner may select it, because what the parent may see of a row changes with the child''s settings: quests.read() redacts it field by field. Kept when the quest is deleted or consent is revoked.';
COMMENT ON COLUMN quests.quest_analytics.id IS 'Row number, without meaning.';
COMMENT ON COLUMN quests.quest_analytics.quest_id IS 'The quest (quests.quest_id).';
COMMENT ON COLUMN quests.quest_analytics.nodes_completed IS
'How many nodes the child has completed; never goes back. Shown with completion_progress.';
COMMENT ON COLUMN quests.quest_analytics.total_nodes IS
'How many nodes the quest has; 0 until Inner Edu has read it. Shown with completion_progress.';
COMMENT ON COLUMN quests.quest_analytics.completion_percentage IS
'nodes_completed of total_nodes, 0 to 100; 0 while there are none. Shown with completion_progress.';
COMMENT ON COLUMN quests.quest_analytics.educational_progress IS
'What was learned, as numbers: achievements, scored_nodes (completed ones with a score), score_sum (of their scores, 0 to 100 each). Shown with educational_progress.';
COMMENT ON COLUMN quests.quest_analytics.last_played IS
'When the child last played; NULL: never. Shown with play_frequency.';
COMMENT ON COLUMN quests.quest_analytics.play_count IS 'How often the child opened it. Shown with play_frequency.';
COMMENT ON COLUMN quests.quest_analytics.created_at IS 'When the row was made.';
COMMENT ON COLUMN quests.quest_analytics.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT quest_analytics_pkey ON quests.quest_analytics IS 'One row a quest.';
COMMENT ON CONSTRAINT quest_analytics_quest_id_key ON quests.quest_analytics IS 'A quest has one row of aggregates.';
COMMENT ON CONSTRAINT quest_analytics_quest_id_fkey ON quests.quest_analytics IS 'quest_id is the quest_id of a quest.';
COMMENT ON CONSTRAINT quest_analytics_nodes_completed_check ON quests.quest_analytics IS
'nodes_completed is 0 to total_nodes.';
COMMENT ON CONSTRAINT quest_analytics_total_nodes_check ON quests.quest_analytics IS
'A quest has at most 100000 nodes.';
COMMENT ON CONSTRAINT quest_analytics_educational_progress_check ON quests.quest_analytics IS
'educational_progress is an object of numbers with plain names: nobody''s words.';
COMMENT ON CONSTRAINT quest_analytics_play_count_check ON quests.quest_analytics IS 'play_count is at least 0.';

CREATE FUNCTION quests.guard_quest_analytics()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.nodes_completed < OLD.nodes_completed OR NEW.play_count < OLD.play_count
        OR NEW.last_played < OLD.last_played OR NEW.quest_id <> OLD.quest_id
    THEN
        RAISE EXCEPTION 'progress does not go back' USING
            ERRCODE = 'MB006',
            DETAIL = format('quest_id=%s', OLD.quest_id),
            HINT = 'Give what was reached.';
    END IF;
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION quests.guard_quest_analytics() IS 'Row trigger of quest_analytics: what was reached stays reached.';

CREATE TRIGGER quest_analytics_guard
BEFORE UPDATE ON quests.quest_analytics
FOR EACH ROW EXECUTE FUNCTION quests.guard_quest_analytics();

-- A therapy session with the bot. The bot's alone.
CREATE TABLE quests.sessions (
    id          bigint      GENERATED BY DEFAULT AS IDENTITY,
    user_id     bigint      NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT now(),
    ended_at    timestamptz,
    summary     bytea,
    mood_before integer,
    mood_after  integer,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sessions_user_id_key UNIQUE (id, user_id),
    CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES quests.users (id) ON DELETE RESTRICT,
    CONSTRAINT sessions_ended_at_check CHECK (ended_at >= started_at),
    CONSTRAINT sessions_summary_check CHECK (
        octet_length(summary) >= 31 AND octet_length(summary) <= 1000000 AND substr(summary, 1, 1) = '\x01'
    ),
    CONSTRAINT sessions_mood_before_check CHECK (mood_before BETWEEN 1 AND 10),
    CONSTRAINT sessions_mood_after_check CHECK (mood_after BETWEEN 1 AND 10)
);

COMMENT ON TABLE quests.sessions IS
'Sessions of a parent with the bot. Not for Inner Edu. What it says of the person is encrypted by the application. Written by the person, an administrator or the system.';
COMMENT ON COLUMN quests.sessions.id IS 'The session.';
COMMENT ON COLUMN quests.sessions.user_id IS 'Whose it is (users.id).';
COMMENT ON COLUMN quests.sessions.started_at IS 'When it began.';
COMMENT ON COLUMN quests.sessions.ended_at IS 'When it ended; NULL while it goes on.';
COMMENT ON COLUMN quests.sessions.summary IS
'What it was about, encrypted by the application (AES-256-GCM): a byte with the format''s number (1), two with the key''s, 12 with the nonce, then ciphertext and tag. Personal data, readable with the key only.';
COMMENT ON COLUMN quests.sessions.mood_before IS 'How the person felt at the beginning, 1 (worst) to 10.';
COMMENT ON COLUMN quests.sessions.mood_after IS 'How the person felt at the end, 1 (worst) to 10.';
COMMENT ON COLUMN quests.sessions.created_at IS 'When the row was made.';
COMMENT ON COLUMN quests.sessions.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT sessions_pkey ON quests.sessions IS 'One row a session.';
COMMENT ON CONSTRAINT sessions_user_id_key ON quests.sessions IS 'A session is one person''s; messages refer to both.';
COMMENT ON CONSTRAINT sessions_user_id_fkey ON quests.sessions IS 'user_id is the id of a user of this service.';
COMMENT ON CONSTRAINT sessions_ended_at_check ON quests.sessions IS 'A session ends after it began.';
COMMENT ON CONSTRAINT sessions_summary_check ON quests.sessions IS
'summary is a ciphertext of format 1, 31 to 1000000 bytes.';
COMMENT ON CONSTRAINT sessions_mood_before_check ON quests.sessions IS 'mood_before is 1 to 10.';
COMMENT ON CONSTRAINT sessions_mood_after_check ON quests.sessions IS 'mood_after is 1 to 10.';

-- A person's sessions, newest first.
CREATE INDEX sessions_user_id_idx ON quests.sessions (user_id, id);

CREATE TRIGGER sessions_guard
BEFORE INSERT OR UPDATE OR DELETE ON quests.sessions
FOR EACH ROW EXECUTE FUNCTION platform.guard_own('user_id');

CREATE TRIGGER sessions_require_actor
BEFORE INSERT OR UPDATE OR DELETE ON quests.sessions
FOR EACH STATEMENT EXECUTE FUNCTION platform.require_actor();

CREATE TRIGGER sessions_set_updated_at
BEFORE UPDATE ON quests.sessions
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

-- What parent and bot said to each other. The bot's alone, and unreadable here.
CREATE TABLE quests.messages (
    id         bigint              GENERATED BY DEFAULT AS IDENTITY,
    user_id    bigint              NOT NULL,
    session_id bigint,
    role       quests.message_role NOT NULL,
    content    bytea               NOT NULL,
    key_id     integer             NOT NULL GENERATED ALWAYS AS (
        CASE WHEN octet_length(content) > 2 THEN get_byte(content, 1) * 256 + get_byte(content, 2) ELSE 0 END
    ) STORED,
    sent_at    timestamptz         NOT NULL DEFAULT now(),
    created_at timestamptz         NOT NULL DEFAULT now(),
    updated_at timestamptz         NOT NULL DEFAULT now(),

    CONSTRAINT messages_pkey PRIMARY KEY (id),
    CONSTRAINT messages_user_id_fkey FOREIGN KEY (user_id) REFERENCES quests.users (id) ON DELETE RESTRICT,
    CONSTRAINT messages_session_id_fkey FOREIGN KEY (session_id, user_id)
    REFERENCES quests.sessions (id, user_id) ON DELETE CASCADE,
    CONSTRAINT messages_content_check CHECK (
        octet_length(content) >= 31 AND octet_length(content) <= 1000000 AND substr(content, 1, 1) = '\x01'
    )
);

COMMENT ON TABLE quests.messages IS
'Messages between a parent and the bot, encrypted by the application. Not for Inner Edu. Written by the person, an administrator or the system.';
COMMENT ON COLUMN quests.messages.id IS 'Order of the messages.';
COMMENT ON COLUMN quests.messages.user_id IS 'Whose conversation it is (users.id).';
COMMENT ON COLUMN quests.messages.session_id IS 'The session it was said in; NULL: none.';
COMMENT ON COLUMN quests.messages.role IS 'Whose words they are.';
COMMENT ON COLUMN quests.messages.content IS
'What was said, encrypted by the application (AES-256-GCM): a byte with the format''s number (1), two with the key''s, 12 with the nonce, then ciphertext and tag. Personal data, readable with the key only.';
COMMENT ON COLUMN quests.messages.key_id IS
'Number of the key that content is encrypted with; read from it. A key is given up once no row has its number.';
COMMENT ON COLUMN quests.messages.sent_at IS 'When it was said.';
COMMENT ON COLUMN quests.messages.created_at IS 'When the row was made.';
COMMENT ON COLUMN quests.messages.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT messages_pkey ON quests.messages IS 'One row a message.';
COMMENT ON CONSTRAINT messages_user_id_fkey ON quests.messages IS 'user_id is the id of a user of this service.';
COMMENT ON CONSTRAINT messages_session_id_fkey ON quests.messages IS 'session_id is a session of the same person.';
COMMENT ON CONSTRAINT messages_content_check ON quests.messages IS
'content is a ciphertext of format 1, 31 to 1000000 bytes.';

-- A person's messages, newest first.
CREATE INDEX messages_user_id_idx ON quests.messages (user_id, id);

-- A session's messages.
CREATE INDEX messages_session_id_idx ON quests.messages (session_id, user_id);

-- What is still under a key that was replaced.
CREATE INDEX messages_key_id_idx ON quests.messages (key_id, id);

CREATE TRIGGER messages_guard
BEFORE INSERT OR UPDATE OR DELETE ON quests.messages
FOR EACH ROW EXECUTE FUNCTION platform.guard_own('user_id');

CREATE TRIGGER messages_require_actor
BEFORE INSERT OR UPDATE OR DELETE ON quests.messages
FOR EACH STATEMENT EXECUTE FUNCTION platform.require_actor();

CREATE TRIGGER messages_set_updated_at
BEFORE UPDATE ON quests.messages
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

-- A letter that the parent writes. The bot's alone, and unreadable here.
CREATE TABLE quests.letters (
    id         bigint               GENERATED BY DEFAULT AS IDENTITY,
    user_id    bigint               NOT NULL,
    recipient  bytea                NOT NULL,
    title      bytea                NOT NULL,
    body       bytea                NOT NULL,
    key_id     integer              NOT NULL GENERATED ALWAYS AS (
        CASE WHEN octet_length(body) > 2 THEN get_byte(body, 1) * 256 + get_byte(body, 2) ELSE 0 END
    ) STORED,
    status     quests.letter_status NOT NULL DEFAULT 'draft',
    created_at timestamptz          NOT NULL DEFAULT now(),
    updated_at timestamptz          NOT NULL DEFAULT now(),

    CONSTRAINT letters_pkey PRIMARY KEY (id),
    CONSTRAINT letters_user_id_key UNIQUE (id, user_id),
    CONSTRAINT letters_user_id_fkey FOREIGN KEY (user_id) REFERENCES quests.users (id) ON DELETE RESTRICT,
    CONSTRAINT letters_recipient_check CHECK (
        octet_length(recipient) >= 31 AND octet_length(recipient) <= 5000 AND substr(recipient, 1, 1) = '\x01'
    ),
    CONSTRAINT letters_title_check CHECK (
        octet_length(title) >= 31 AND octet_length(title) <= 5000 AND substr(title, 1, 1) = '\x01'
    ),
    CONSTRAINT letters_body_check CHECK (
        octet_length(body) >= 31 AND octet_length(body) <= 1000000 AND substr(body, 1, 1) = '\x01'
    )
);

COMMENT ON TABLE quests.letters IS
'Letters of a parent, such as to the child, encrypted by the application. Not for Inner Edu. Written by the person, an administrator or the system.';
COMMENT ON COLUMN quests.letters.id IS 'The letter.';
COMMENT ON COLUMN quests.letters.user_id IS 'Who writes it (users.id).';
COMMENT ON COLUMN quests.letters.recipient IS
'Whom it is for, encrypted as body is. Personal data, readable with the key only.';
COMMENT ON COLUMN quests.letters.title IS
'What it is called, encrypted as body is. Personal data, readable with the key only.';
COMMENT ON COLUMN quests.letters.body IS
'The letter, encrypted by the application (AES-256-GCM): a byte with the format''s number (1), two with the key''s, 12 with the nonce, then ciphertext and tag. Personal data, readable with the key only.';
COMMENT ON COLUMN quests.letters.key_id IS
'Number of the key that body is encrypted with; read from it. A key is given up once no row has its number.';
COMMENT ON COLUMN quests.letters.status IS 'Where it stands.';
COMMENT ON COLUMN quests.letters.created_at IS 'When the row was made.';
COMMENT ON COLUMN quests.letters.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT letters_pkey ON quests.letters IS 'One row a letter.';
COMMENT ON CONSTRAINT letters_user_id_key ON quests.letters IS 'A letter is one person''s; projects refer to both.';
COMMENT ON CONSTRAINT letters_user_id_fkey ON quests.letters IS 'user_id is the id of a user of this service.';
COMMENT ON CONSTRAINT letters_recipient_check ON quests.letters IS
'recipient is a ciphertext of format 1, 31 to 5000 bytes.';
COMMENT ON CONSTRAINT letters_title_check ON quests.letters IS 'title is a ciphertext of format 1, 31 to 5000 bytes.';
COMMENT ON CONSTRAINT letters_body_check ON quests.letters IS 'body is a ciphertext of format 1, 31 to 1000000 bytes.';

-- A person's letters, newest first.
CREATE INDEX letters_user_id_idx ON quests.letters (user_id, id);

-- What is still under a key that was replaced.
CREATE INDEX letters_key_id_idx ON quests.letters (key_id, id);

CREATE TRIGGER letters_guard
BEFORE INSERT OR UPDATE OR DELETE ON quests.letters
FOR EACH ROW EXECUTE FUNCTION platform.guard_own('user_id');

CREATE TRIGGER letters_require_actor
BEFORE INSERT OR UPDATE OR DELETE ON quests.letters
FOR EACH STATEMENT EXECUTE FUNCTION platform.require_actor();

CREATE TRIGGER letters_set_updated_at
BEFORE UPDATE ON quests.letters
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

-- A SMART goal of a parent. The bot's alone.
CREATE TABLE quests.goals (
    id         bigint             GENERATED BY DEFAULT AS IDENTITY,
    user_id    bigint             NOT NULL,
    title      text               NOT NULL,
    specific   text,
    measurable text,
    achievable text,
    relevant   text,
    due_date   date,
    status     quests.goal_status NOT NULL DEFAULT 'active',
    progress   integer            NOT NULL DEFAULT 0,
    created_at timestamptz        NOT NULL DEFAULT now(),
    updated_at timestamptz        NOT NULL DEFAULT now(),

    CONSTRAINT goals_pkey PRIMARY KEY (id),
    CONSTRAINT goals_user_id_fkey FOREIGN KEY (user_id) REFERENCES quests.users (id) ON DELETE RESTRICT,
    CONSTRAINT goals_title_check CHECK (length(title) <= 200 AND title ~ '\S'),
    CONSTRAINT goals_specific_check CHECK (length(specific) <= 2000),
    CONSTRAINT goals_measurable_check CHECK (length(measurable) <= 2000),
    CONSTRAINT goals_achievable_check CHECK (length(achievable) <= 2000),
    CONSTRAINT goals_relevant_check CHECK (length(relevant) <= 2000),
    CONSTRAINT goals_progress_check CHECK (progress BETWEEN 0 AND 100)
);

COMMENT ON TABLE quests.goals IS
'Goals of a parent: specific, measurable, achievable, relevant, with a day. Not for Inner Edu. Written by the person, an administrator or the system.';
COMMENT ON COLUMN quests.goals.id IS 'The goal.';
COMMENT ON COLUMN quests.goals.user_id IS 'Whose it is (users.id).';
COMMENT ON COLUMN quests.goals.title IS 'What it is called. Personal data.';
COMMENT ON COLUMN quests.goals.specific IS 'What exactly is to be reached. Personal data.';
COMMENT ON COLUMN quests.goals.measurable IS 'How it is seen that it is reached. Personal data.';
COMMENT ON COLUMN quests.goals.achievable IS 'Why it can be reached. Personal data.';
COMMENT ON COLUMN quests.goals.relevant IS 'Why it matters. Personal data.';
COMMENT ON COLUMN quests.goals.due_date IS 'Until when, by the person''s calendar; NULL: open.';
COMMENT ON COLUMN quests.goals.status IS 'Where it stands.';
COMMENT ON COLUMN quests.goals.progress IS 'How far it is reached, 0 to 100.';
COMMENT ON COLUMN quests.goals.created_at IS 'When the row was made.';
COMMENT ON COLUMN quests.goals.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT goals_pkey ON quests.goals IS 'One row a goal.';
COMMENT ON CONSTRAINT goals_user_id_fkey ON quests.goals IS 'user_id is the id of a user of this service.';
COMMENT ON CONSTRAINT goals_title_check ON quests.goals IS 'title has 1 to 200 characters, not all of them blank.';
COMMENT ON CONSTRAINT goals_specific_check ON quests.goals IS 'specific has at most 2000 characters.';
COMMENT ON CONSTRAINT goals_measurable_check ON quests.goals IS 'measurable has at most 2000 characters.';
COMMENT ON CONSTRAINT goals_achievable_check ON quests.goals IS 'achievable has at most 2000 characters.';
COMMENT ON CONSTRAINT goals_relevant_check ON quests.goals IS 'relevant has at most 2000 characters.';
COMMENT ON CONSTRAINT goals_progress_check ON quests.goals IS 'progress is 0 to 100.';

-- A person's goals, newest first.
CREATE INDEX goals_user_id_idx ON quests.goals (user_id, id);

CREATE TRIGGER goals_guard
BEFORE INSERT OR UPDATE OR DELETE ON quests.goals
FOR EACH ROW EXECUTE FUNCTION platform.guard_own('user_id');

CREATE TRIGGER goals_require_actor
BEFORE INSERT OR UPDATE OR DELETE ON quests.goals
FOR EACH STATEMENT EXECUTE FUNCTION platform.require_actor();

CREATE TRIGGER goals_set_updated_at
BEFORE UPDATE ON quests.goals
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

-- Figures about a parent at one moment. The bot's alone.
CREATE TABLE quests.metrics_snapshots (
    id         bigint      GENERATED BY DEFAULT AS IDENTITY,
    user_id    bigint      NOT NULL,
    taken_at   timestamptz NOT NULL DEFAULT now(),
    metrics    jsonb       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT metrics_snapshots_pkey PRIMARY KEY (id),
    CONSTRAINT metrics_snapshots_user_id_fkey FOREIGN KEY (user_id) REFERENCES quests.users (id) ON DELETE RESTRICT,
    CONSTRAINT metrics_snapshots_metrics_check CHECK (
        jsonb_typeof(metrics) = 'object' AND octet_length(metrics::text) <= 20000
    )
);

COMMENT ON TABLE quests.metrics_snapshots IS
'What the bot measured of a parent at one moment, as numbers. Not for Inner Edu. Written by the person, an administrator or the system.';
COMMENT ON COLUMN quests.metrics_snapshots.id IS 'Row number, without meaning.';
COMMENT ON COLUMN quests.metrics_snapshots.user_id IS 'Whose it is (users.id).';
COMMENT ON COLUMN quests.metrics_snapshots.taken_at IS 'When it was measured.';
COMMENT ON COLUMN quests.metrics_snapshots.metrics IS 'The figures, by name.';
COMMENT ON COLUMN quests.metrics_snapshots.created_at IS 'When the row was made.';
COMMENT ON COLUMN quests.metrics_snapshots.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT metrics_snapshots_pkey ON quests.metrics_snapshots IS 'One row a snapshot.';
COMMENT ON CONSTRAINT metrics_snapshots_user_id_fkey ON quests.metrics_snapshots IS
'user_id is the id of a user of this service.';
COMMENT ON CONSTRAINT metrics_snapshots_metrics_check ON quests.metrics_snapshots IS
'metrics is an object of at most 20000 bytes.';

-- A person's snapshots, newest first.
CREATE INDEX metrics_snapshots_user_id_idx ON quests.metrics_snapshots (user_id, id);

CREATE TRIGGER metrics_snapshots_guard
BEFORE INSERT OR UPDATE OR DELETE ON quests.metrics_snapshots
FOR EACH ROW EXECUTE FUNCTION platform.guard_own('user_id');

CREATE TRIGGER metrics_snapshots_require_actor
BEFORE INSERT OR UPDATE OR DELETE ON quests.metrics_snapshots
FOR EACH STATEMENT EXECUTE FUNCTION platform.require_actor();

CREATE TRIGGER metrics_snapshots_set_updated_at
BEFORE UPDATE ON quests.metrics_snapshots
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

-- What a parent makes, of whatever kind.
CREATE TABLE quests.creative_projects (
    id           bigint                GENERATED BY DEFAULT AS IDENTITY,
    user_id      bigint                NOT NULL,
    project_type quests.project_type   NOT NULL,
    quest_id     uuid,
    letter_id    bigint,
    status       quests.project_status NOT NULL DEFAULT 'in_progress',
    progress     integer               NOT NULL DEFAULT 0,
    completed_at timestamptz,
    created_at   timestamptz           NOT NULL DEFAULT now(),
    updated_at   timestamptz           NOT NULL DEFAULT now(),

    CONSTRAINT creative_projects_pkey PRIMARY KEY (id),
    CONSTRAINT creative_projects_user_id_fkey FOREIGN KEY (user_id) REFERENCES quests.users (id) ON DELETE RESTRICT,
    CONSTRAINT creative_projects_quest_id_key UNIQUE (quest_id, user_id),
    CONSTRAINT creative_projects_letter_id_key UNIQUE (letter_id, user_id),
    CONSTRAINT creative_projects_quest_id_fkey FOREIGN KEY (quest_id, user_id)
    REFERENCES quests.quests (quest_id, creator_id) ON DELETE CASCADE,
    CONSTRAINT creative_projects_letter_id_fkey FOREIGN KEY (letter_id, user_id)
    REFERENCES quests.letters (id, user_id) ON DELETE CASCADE,
    CONSTRAINT creative_projects_kind_check CHECK (
        (quest_id IS NULL OR project_type = 'quest') AND (letter_id IS NULL OR project_type = 'letter')
    ),
    CONSTRAINT creative_projects_progress_check CHECK (progress BETWEEN 0 AND 100),
    CONSTRAINT creative_projects_completed_at_check CHECK ((status = 'completed') = (completed_at IS NOT NULL))
);

COMMENT ON TABLE quests.creative_projects IS
'One row a creative project of a parent: a quest, a letter or a goal, with how far it has come. What the child does with a quest does not count here. Written by the person, an administrator or the system.';
COMMENT ON COLUMN quests.creative_projects.id IS 'The project.';
COMMENT ON COLUMN quests.creative_projects.user_id IS 'Whose it is (users.id).';
COMMENT ON COLUMN quests.creative_projects.project_type IS 'What it is about.';
COMMENT ON COLUMN quests.creative_projects.quest_id IS
'The quest that it is, one of the same person (quests.quest_id); NULL: none yet, or another kind.';
COMMENT ON COLUMN quests.creative_projects.letter_id IS
'The letter that it is, one of the same person; NULL: none yet, or another kind.';
COMMENT ON COLUMN quests.creative_projects.status IS 'Where it stands; completed at a progress of 100.';
COMMENT ON COLUMN quests.creative_projects.progress IS 'How far the parent has come with making it, 0 to 100.';
COMMENT ON COLUMN quests.creative_projects.completed_at IS 'When it was completed; NULL before. Kept by a trigger.';
COMMENT ON COLUMN quests.creative_projects.created_at IS 'When the row was made.';
COMMENT ON COLUMN quests.creative_projects.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT creative_projects_pkey ON quests.creative_projects IS 'One row a project.';
COMMENT ON CONSTRAINT creative_projects_user_id_fkey ON quests.creative_projects IS
'user_id is the id of a user of this service.';
COMMENT ON CONSTRAINT creative_projects_quest_id_key ON quests.creative_projects IS 'A quest is one project.';
COMMENT ON CONSTRAINT creative_projects_letter_id_key ON quests.creative_projects IS 'A letter is one project.';
COMMENT ON CONSTRAINT creative_projects_quest_id_fkey ON quests.creative_projects IS
'quest_id is a quest of the same person.';
COMMENT ON CONSTRAINT creative_projects_letter_id_fkey ON quests.creative_projects IS
'letter_id is a letter of the same person.';
COMMENT ON CONSTRAINT creative_projects_kind_check ON quests.creative_projects IS
'A project refers to what it is: a quest to a quest, a letter to a letter.';
COMMENT ON CONSTRAINT creative_projects_progress_check ON quests.creative_projects IS 'progress is 0 to 100.';
COMMENT ON CONSTRAINT creative_projects_completed_at_check ON quests.creative_projects IS
'completed_at is set exactly when the project is completed.';

-- A person's projects, newest first.
CREATE INDEX creative_projects_user_id_idx ON quests.creative_projects (user_id, id);

CREATE TRIGGER creative_projects_guard
BEFORE INSERT OR UPDATE OR DELETE ON quests.creative_projects
FOR EACH ROW EXECUTE FUNCTION platform.guard_own('user_id');

CREATE TRIGGER creative_projects_require_actor
BEFORE INSERT OR UPDATE OR DELETE ON quests.creative_projects
FOR EACH STATEMENT EXECUTE FUNCTION platform.require_actor();

CREATE FUNCTION quests.keep_creative_projects()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.progress = 100 AND (TG_OP = 'INSERT' OR OLD.progress < 100) THEN
        NEW.status := 'completed';
    END IF;
    NEW.completed_at := CASE WHEN NEW.status = 'completed' THEN coalesce(NEW.completed_at, now()) END;
    IF TG_OP = 'UPDATE' THEN
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION quests.keep_creative_projects() IS
'Row trigger of creative_projects: who reaches 100 has completed it, and completed_at says when.';

CREATE TRIGGER creative_projects_keep
BEFORE INSERT OR UPDATE ON quests.creative_projects
FOR EACH ROW EXECUTE FUNCTION quests.keep_creative_projects();

-- What is known of a parent, from all sources. Nothing in it is the child's.
CREATE TABLE quests.psychological_profiles (
    id                        bigint      GENERATED BY DEFAULT AS IDENTITY,
    user_id                   bigint      NOT NULL,
    emotional_trends          jsonb       NOT NULL DEFAULT '[]',
    crisis_history            bytea,
    primary_coping_strategies jsonb       NOT NULL DEFAULT '{}',
    triggers                  jsonb       NOT NULL DEFAULT '[]',
    communication_style       text,
    toxic_patterns            jsonb       NOT NULL DEFAULT '[]',
    growth_areas              jsonb       NOT NULL DEFAULT '[]',
    quests_created            integer     NOT NULL DEFAULT 0,
    recommended_techniques    jsonb       NOT NULL DEFAULT '[]',
    version                   bigint      NOT NULL DEFAULT 1,
    created_at                timestamptz NOT NULL DEFAULT now(),
    updated_at                timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT psychological_profiles_pkey PRIMARY KEY (id),
    CONSTRAINT psychological_profiles_user_id_key UNIQUE (user_id),
    CONSTRAINT psychological_profiles_user_id_fkey FOREIGN KEY (user_id)
    REFERENCES quests.users (id) ON DELETE RESTRICT,
    CONSTRAINT psychological_profiles_emotional_trends_check CHECK (jsonb_typeof(emotional_trends) = 'array'),
    CONSTRAINT psychological_profiles_crisis_history_check CHECK (
        octet_length(crisis_history) >= 31
        AND octet_length(crisis_history) <= 1000000
        AND substr(crisis_history, 1, 1) = '\x01'
    ),
    CONSTRAINT psychological_profiles_strategies_check CHECK (jsonb_typeof(primary_coping_strategies) = 'object'),
    CONSTRAINT psychological_profiles_triggers_check CHECK (jsonb_typeof(triggers) = 'array'),
    CONSTRAINT psychological_profiles_communication_style_check CHECK (length(communication_style) <= 200),
    CONSTRAINT psychological_profiles_toxic_patterns_check CHECK (jsonb_typeof(toxic_patterns) = 'array'),
    CONSTRAINT psychological_profiles_growth_areas_check CHECK (jsonb_typeof(growth_areas) = 'array'),
    CONSTRAINT psychological_profiles_quests_created_check CHECK (quests_created >= 0),
    CONSTRAINT psychological_profiles_techniques_check CHECK (jsonb_typeof(recommended_techniques) = 'array')
);

COMMENT ON TABLE quests.psychological_profiles IS
'The profile of a parent. child_engagement, which the document lists here, is not stored: it is the child''s, and quests.get_or_create_profile() counts it from what the children share at that moment. Written by the person, an administrator or the system.';
COMMENT ON COLUMN quests.psychological_profiles.id IS 'Row number, without meaning.';
COMMENT ON COLUMN quests.psychological_profiles.user_id IS 'Whose it is (users.id).';
COMMENT ON COLUMN quests.psychological_profiles.emotional_trends IS
'How the person felt, a list of objects, each with at (when), oldest first; the last 100. Personal data.';
COMMENT ON COLUMN quests.psychological_profiles.crisis_history IS
'Crises the person went through, encrypted by the application (AES-256-GCM): a byte with the format''s number (1), two with the key''s, 12 with the nonce, then ciphertext and tag. Personal data, readable with the key only; NULL: none.';
COMMENT ON COLUMN quests.psychological_profiles.primary_coping_strategies IS
'What helps, with how often it did. Personal data.';
COMMENT ON COLUMN quests.psychological_profiles.triggers IS 'What upsets the person, a list. Personal data.';
COMMENT ON COLUMN quests.psychological_profiles.communication_style IS
'How the person speaks with others. Personal data.';
COMMENT ON COLUMN quests.psychological_profiles.toxic_patterns IS
'What the person does and should not, a list. Personal data.';
COMMENT ON COLUMN quests.psychological_profiles.growth_areas IS 'What the person can work on, a list. Personal data.';
COMMENT ON COLUMN quests.psychological_profiles.quests_created IS 'How many quests the person has made.';
COMMENT ON COLUMN quests.psychological_profiles.recommended_techniques IS
'Techniques that were recommended, a list. Personal data.';
COMMENT ON COLUMN quests.psychological_profiles.version IS
'Grows by one with each change; whoever gives it is refused (MB005) if somebody was faster.';
COMMENT ON COLUMN quests.psychological_profiles.created_at IS 'When the row was made.';
COMMENT ON COLUMN quests.psychological_profiles.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT psychological_profiles_pkey ON quests.psychological_profiles IS 'One row a profile.';
COMMENT ON CONSTRAINT psychological_profiles_user_id_key ON quests.psychological_profiles IS
'A person has one profile.';
COMMENT ON CONSTRAINT psychological_profiles_user_id_fkey ON quests.psychological_profiles IS
'user_id is the id of a user of this service.';
COMMENT ON CONSTRAINT psychological_profiles_emotional_trends_check ON quests.psychological_profiles IS
'emotional_trends is a list.';
COMMENT ON CONSTRAINT psychological_profiles_crisis_history_check ON quests.psychological_profiles IS
'crisis_history is a ciphertext of format 1, 31 to 1000000 bytes.';
COMMENT ON CONSTRAINT psychological_profiles_strategies_check ON quests.psychological_profiles IS
'primary_coping_strategies is an object: strategy to how often it helped.';
COMMENT ON CONSTRAINT psychological_profiles_triggers_check ON quests.psychological_profiles IS 'triggers is a list.';
COMMENT ON CONSTRAINT psychological_profiles_communication_style_check ON quests.psychological_profiles IS
'communication_style has at most 200 characters.';
COMMENT ON CONSTRAINT psychological_profiles_toxic_patterns_check ON quests.psychological_profiles IS
'toxic_patterns is a list.';
COMMENT ON CONSTRAINT psychological_profiles_growth_areas_check ON quests.psychological_profiles IS
'growth_areas is a list.';
COMMENT ON CONSTRAINT psychological_profiles_quests_created_check ON quests.psychological_profiles IS
'quests_created is at least 0.';
COMMENT ON CONSTRAINT psychological_profiles_techniques_check ON quests.psychological_profiles IS
'recommended_techniques is a list.';

CREATE TRIGGER psychological_profiles_guard
BEFORE INSERT OR UPDATE OR DELETE ON quests.psychological_profiles
FOR EACH ROW EXECUTE FUNCTION platform.guard_own('user_id');

CREATE TRIGGER psychological_profiles_require_actor
BEFORE INSERT OR UPDATE OR DELETE ON quests.psychological_profiles
FOR EACH STATEMENT EXECUTE FUNCTION platform.require_actor();

CREATE FUNCTION quests.count_version()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.version := OLD.version + 1;
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION quests.count_version() IS 'Row trigger: counts version on with each change, and stamps updated_at.';

CREATE TRIGGER psychological_profiles_count_version
BEFORE UPDATE ON quests.psychological_profiles
FOR EACH ROW EXECUTE FUNCTION quests.count_version();

-- The nodes of a deployed quest. Inner Edu's alone. What the child causes refers to the settings rather than to quests:
-- the check of a foreign key would leave its mark (xmax) on the parent's row.
CREATE TABLE quests.quest_nodes (
    id         bigint      GENERATED BY DEFAULT AS IDENTITY,
    quest_id   uuid        NOT NULL,
    node_key   text        NOT NULL,
    position   integer     NOT NULL,
    type       text        NOT NULL,
    content    jsonb       NOT NULL DEFAULT '{}',
    child_id   bigint,
    counted    boolean     NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT quest_nodes_pkey PRIMARY KEY (id),
    CONSTRAINT quest_nodes_node_key_key UNIQUE (quest_id, node_key),
    CONSTRAINT quest_nodes_quest_id_fkey FOREIGN KEY (quest_id)
    REFERENCES quests.child_privacy_settings (quest_id) ON DELETE CASCADE,
    CONSTRAINT quest_nodes_node_key_check CHECK (node_key ~ '^[A-Za-z0-9_.-]{1,100}$'),
    CONSTRAINT quest_nodes_position_check CHECK (position BETWEEN 1 AND 100000),
    CONSTRAINT quest_nodes_type_check CHECK (type ~ '^[a-z][a-z_]{0,39}$'),
    CONSTRAINT quest_nodes_content_check CHECK (jsonb_typeof(content) = 'object')
);

COMMENT ON TABLE quests.quest_nodes IS
'What a deployed quest is made of, as Inner Edu read it from the YAML. Not for the bot.';
COMMENT ON COLUMN quests.quest_nodes.id IS 'Row number, without meaning.';
COMMENT ON COLUMN quests.quest_nodes.quest_id IS 'The quest (quests.quest_id).';
COMMENT ON COLUMN quests.quest_nodes.node_key IS 'The node, by its key in the YAML.';
COMMENT ON COLUMN quests.quest_nodes.position IS 'Order in the quest, from 1.';
COMMENT ON COLUMN quests.quest_nodes.type IS 'What kind of node it is, such as task or choice.';
COMMENT ON COLUMN quests.quest_nodes.content IS 'What the node shows and asks.';
COMMENT ON COLUMN quests.quest_nodes.child_id IS
'The child who plays (child_privacy_settings.child_id), copied here for row-level security; NULL until somebody opened the quest.';
COMMENT ON COLUMN quests.quest_nodes.counted IS
'Whether its completion counts in quest_analytics; all that is kept of it while the child shares no educational progress.';
COMMENT ON COLUMN quests.quest_nodes.created_at IS 'When the row was made.';
COMMENT ON COLUMN quests.quest_nodes.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT quest_nodes_pkey ON quests.quest_nodes IS 'One row a node.';
COMMENT ON CONSTRAINT quest_nodes_node_key_key ON quests.quest_nodes IS 'A node''s key is unique in its quest.';
COMMENT ON CONSTRAINT quest_nodes_quest_id_fkey ON quests.quest_nodes IS 'quest_id is the quest_id of a quest.';
COMMENT ON CONSTRAINT quest_nodes_node_key_check ON quests.quest_nodes IS
'node_key has 1 to 100 Latin letters, digits, dots, hyphens and underscores.';
COMMENT ON CONSTRAINT quest_nodes_position_check ON quests.quest_nodes IS 'position is 1 to 100000.';
COMMENT ON CONSTRAINT quest_nodes_type_check ON quests.quest_nodes IS 'type has 1 to 40 small letters and underscores.';
COMMENT ON CONSTRAINT quest_nodes_content_check ON quests.quest_nodes IS 'content is an object.';

CREATE TRIGGER quest_nodes_set_updated_at
BEFORE UPDATE ON quests.quest_nodes
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

-- What the child did, node by node: only with consent. Inner Edu's alone.
CREATE TABLE quests.child_progress (
    id           bigint        GENERATED BY DEFAULT AS IDENTITY,
    quest_id     uuid          NOT NULL,
    node_key     text          NOT NULL,
    child_id     bigint        NOT NULL,
    started_at   timestamptz   NOT NULL DEFAULT now(),
    completed_at timestamptz,
    attempts     integer       NOT NULL DEFAULT 1,
    score        numeric(5, 2),
    created_at   timestamptz   NOT NULL DEFAULT now(),
    updated_at   timestamptz   NOT NULL DEFAULT now(),

    CONSTRAINT child_progress_pkey PRIMARY KEY (id),
    CONSTRAINT child_progress_node_key_key UNIQUE (quest_id, node_key),
    CONSTRAINT child_progress_node_key_fkey FOREIGN KEY (quest_id, node_key)
    REFERENCES quests.quest_nodes (quest_id, node_key) ON DELETE CASCADE,
    CONSTRAINT child_progress_completed_at_check CHECK (completed_at >= started_at),
    CONSTRAINT child_progress_attempts_check CHECK (attempts > 0),
    CONSTRAINT child_progress_score_check CHECK (score BETWEEN 0 AND 100)
);

COMMENT ON TABLE quests.child_progress IS
'When and how a child went through each node. Written only while the child shares educational progress (MB601); kept when they no longer do. Not for the bot, whatever the settings.';
COMMENT ON COLUMN quests.child_progress.id IS 'Row number, without meaning.';
COMMENT ON COLUMN quests.child_progress.quest_id IS 'The quest (quests.quest_id).';
COMMENT ON COLUMN quests.child_progress.node_key IS 'The node, by its key in the YAML.';
COMMENT ON COLUMN quests.child_progress.child_id IS
'The child who plays (child_privacy_settings.child_id), copied here for row-level security.';
COMMENT ON COLUMN quests.child_progress.started_at IS 'When the child first came to the node.';
COMMENT ON COLUMN quests.child_progress.completed_at IS 'When the child first completed it; NULL before.';
COMMENT ON COLUMN quests.child_progress.attempts IS 'How often the child tried.';
COMMENT ON COLUMN quests.child_progress.score IS 'The best score, 0 to 100; NULL: none.';
COMMENT ON COLUMN quests.child_progress.created_at IS 'When the row was made.';
COMMENT ON COLUMN quests.child_progress.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT child_progress_pkey ON quests.child_progress IS 'One row a node of a child.';
COMMENT ON CONSTRAINT child_progress_node_key_key ON quests.child_progress IS
'A quest''s node has one row: it is played by one child.';
COMMENT ON CONSTRAINT child_progress_node_key_fkey ON quests.child_progress IS 'node_key is a node of the quest.';
COMMENT ON CONSTRAINT child_progress_completed_at_check ON quests.child_progress IS
'A node is completed after it was started.';
COMMENT ON CONSTRAINT child_progress_attempts_check ON quests.child_progress IS 'attempts is at least 1.';
COMMENT ON CONSTRAINT child_progress_score_check ON quests.child_progress IS 'score is 0 to 100.';

-- What one child did.
CREATE INDEX child_progress_child_id_idx ON quests.child_progress (child_id, id);

CREATE FUNCTION quests.guard_child_progress()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- reads what the writing role may not
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    shared boolean;
BEGIN
    SELECT s.share_educational_progress, s.child_id INTO shared, NEW.child_id
    FROM quests.child_privacy_settings AS s
    WHERE s.quest_id = NEW.quest_id;
    IF shared IS NOT TRUE THEN
        PERFORM quests.refuse_consent(NEW.quest_id, ARRAY['educational_progress']::quests.data_type[]);
    END IF;
    IF TG_OP = 'UPDATE' THEN
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION quests.guard_child_progress() IS
'Row trigger of child_progress: details are kept only while the child shares educational progress (MB601), and are the child''s whose quest it is.';

CREATE TRIGGER child_progress_guard
BEFORE INSERT OR UPDATE ON quests.child_progress
FOR EACH ROW EXECUTE FUNCTION quests.guard_child_progress();

-- What the child unlocked. Inner Edu's alone.
CREATE TABLE quests.achievements (
    id          bigint      GENERATED BY DEFAULT AS IDENTITY,
    quest_id    uuid        NOT NULL,
    child_id    bigint      NOT NULL,
    code        text        NOT NULL,
    title       text        NOT NULL,
    unlocked_at timestamptz NOT NULL DEFAULT now(),
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT achievements_pkey PRIMARY KEY (id),
    CONSTRAINT achievements_code_key UNIQUE (quest_id, code),
    CONSTRAINT achievements_quest_id_fkey FOREIGN KEY (quest_id)
    REFERENCES quests.child_privacy_settings (quest_id) ON DELETE CASCADE,
    CONSTRAINT achievements_code_check CHECK (code ~ '^[A-Za-z0-9_.-]{1,100}$'),
    CONSTRAINT achievements_title_check CHECK (length(title) <= 200 AND title ~ '\S')
);

COMMENT ON TABLE quests.achievements IS
'What a child unlocked in a quest. Not for the bot: of it the parent sees a number at most, with educational_progress.';
COMMENT ON COLUMN quests.achievements.id IS 'Row number, without meaning.';
COMMENT ON COLUMN quests.achievements.quest_id IS 'The quest (quests.quest_id).';
COMMENT ON COLUMN quests.achievements.child_id IS
'The child who plays (child_privacy_settings.child_id), copied here for row-level security.';
COMMENT ON COLUMN quests.achievements.code IS 'The achievement, by its key in the quest.';
COMMENT ON COLUMN quests.achievements.title IS 'What it is called, as the quest says.';
COMMENT ON COLUMN quests.achievements.unlocked_at IS 'When the child unlocked it.';
COMMENT ON COLUMN quests.achievements.created_at IS 'When the row was made.';
COMMENT ON COLUMN quests.achievements.updated_at IS 'When the row last changed; kept by a trigger.';
COMMENT ON CONSTRAINT achievements_pkey ON quests.achievements IS 'One row an achievement.';
COMMENT ON CONSTRAINT achievements_code_key ON quests.achievements IS 'An achievement is unlocked once.';
COMMENT ON CONSTRAINT achievements_quest_id_fkey ON quests.achievements IS 'quest_id is the quest_id of a quest.';
COMMENT ON CONSTRAINT achievements_code_check ON quests.achievements IS
'code has 1 to 100 Latin letters, digits, dots, hyphens and underscores.';
COMMENT ON CONSTRAINT achievements_title_check ON quests.achievements IS
'title has 1 to 200 characters, not all of them blank.';

-- What one child unlocked.
CREATE INDEX achievements_child_id_idx ON quests.achievements (child_id, id);

CREATE TRIGGER achievements_set_updated_at
BEFORE UPDATE ON quests.achievements
FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

-- Who changed what: one row a changed row, written by triggers. Partitioned by month; DEFAULT takes what has no month yet.
CREATE TABLE quests.audit_log (
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

COMMENT ON TABLE quests.audit_log IS
'Every change of a row of this schema that holds people''s data or decisions: who, when, what was and what is. Append-only for every role; platform.scrub() erases values, and expired months are dropped. Read by the owner; analysts read v_audit_log.';
COMMENT ON COLUMN quests.audit_log.id IS 'Order of the changes.';
COMMENT ON COLUMN quests.audit_log.table_name IS 'The table whose row changed.';
COMMENT ON COLUMN quests.audit_log.row_key IS 'The row: its key columns and their values.';
COMMENT ON COLUMN quests.audit_log.operation IS 'insert, update, delete, or scrub for an erasure from this log.';
COMMENT ON COLUMN quests.audit_log.old_values IS
'What an update changed, before; the whole row of a delete. Without secret columns; NULL for an insert and once scrubbed.';
COMMENT ON COLUMN quests.audit_log.new_values IS
'What an update changed, after; the whole row of an insert; how many rows a scrub erased. Without secret columns; NULL for a delete and once scrubbed.';
COMMENT ON COLUMN quests.audit_log.secret_columns IS 'Secret columns that were changed or filled; their values are not kept here.';
COMMENT ON COLUMN quests.audit_log.actor_kind IS 'As what the actor did it: user, admin or system.';
COMMENT ON COLUMN quests.audit_log.actor_id IS
'Who did it (auth.users.id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN quests.audit_log.db_login IS 'The database login of the session.';
COMMENT ON COLUMN quests.audit_log.db_role IS 'The role the session had set (SET ROLE), if any.';
COMMENT ON COLUMN quests.audit_log.transaction_id IS 'The transaction, the same for all that it changed.';
COMMENT ON COLUMN quests.audit_log.occurred_at IS 'When: the start of the transaction.';
COMMENT ON COLUMN quests.audit_log.scrubbed_at IS 'When the values were erased; NULL while they are kept.';
COMMENT ON CONSTRAINT audit_log_pkey ON quests.audit_log IS 'One row a changed row.';

-- One row's changes; what platform.scrub() erases.
CREATE INDEX audit_log_row_key_idx ON quests.audit_log (table_name, row_key, occurred_at);

CREATE TABLE quests.audit_log_default PARTITION OF quests.audit_log DEFAULT;

COMMENT ON TABLE quests.audit_log_default IS
'Rows of audit_log of a month that has no partition yet. platform.make_months() moves them.';

CREATE TRIGGER audit_log_refuse_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON quests.audit_log
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- A statement trigger of the whole does not guard the parts.
CREATE TRIGGER audit_log_refuse_change
BEFORE UPDATE OR DELETE OR TRUNCATE ON quests.audit_log_default
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

SELECT platform.make_months('quests', 'audit_log');

CREATE TRIGGER settings_audit_insert
AFTER INSERT ON quests.settings
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('name');

CREATE TRIGGER settings_audit_update
AFTER UPDATE ON quests.settings
FOR EACH ROW EXECUTE FUNCTION platform.audit('name');

CREATE TRIGGER settings_audit_delete
AFTER DELETE ON quests.settings
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('name');

CREATE TRIGGER users_audit_insert
AFTER INSERT ON quests.users
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('id');

CREATE TRIGGER users_audit_update
AFTER UPDATE ON quests.users
FOR EACH ROW EXECUTE FUNCTION platform.audit('id');

CREATE TRIGGER users_audit_delete
AFTER DELETE ON quests.users
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('id');

-- What the child is called, how old it is and the quest itself are recorded as changed only; that it was made stands in quest_history.
CREATE TRIGGER quests_audit_update
AFTER UPDATE ON quests.quests
FOR EACH ROW EXECUTE FUNCTION platform.audit('id', 'child_name,child_age,quest_yaml');

CREATE TRIGGER quests_audit_delete
AFTER DELETE ON quests.quests
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('id', 'child_name,child_age,quest_yaml');

CREATE TRIGGER creative_projects_audit_insert
AFTER INSERT ON quests.creative_projects
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('id');

CREATE TRIGGER creative_projects_audit_update
AFTER UPDATE ON quests.creative_projects
FOR EACH ROW EXECUTE FUNCTION platform.audit('id');

CREATE TRIGGER creative_projects_audit_delete
AFTER DELETE ON quests.creative_projects
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('id');

-- What it says of the person is recorded as changed only.
CREATE TRIGGER psychological_profiles_audit_insert
AFTER INSERT ON quests.psychological_profiles
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('id', 'emotional_trends,crisis_history,primary_coping_strategies,triggers,communication_style,toxic_patterns,growth_areas,recommended_techniques');

CREATE TRIGGER psychological_profiles_audit_update
AFTER UPDATE ON quests.psychological_profiles
FOR EACH ROW EXECUTE FUNCTION platform.audit('id', 'emotional_trends,crisis_history,primary_coping_strategies,triggers,communication_style,toxic_patterns,growth_areas,recommended_techniques');

CREATE TRIGGER psychological_profiles_audit_delete
AFTER DELETE ON quests.psychological_profiles
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('id', 'emotional_trends,crisis_history,primary_coping_strategies,triggers,communication_style,toxic_patterns,growth_areas,recommended_techniques');

-- That it was made stands in itself.
CREATE TRIGGER sessions_audit_update
AFTER UPDATE ON quests.sessions
FOR EACH ROW EXECUTE FUNCTION platform.audit('id', 'summary');

CREATE TRIGGER sessions_audit_delete
AFTER DELETE ON quests.sessions
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('id', 'summary');

-- Many, and never changed but for another key.
CREATE TRIGGER messages_audit_update
AFTER UPDATE ON quests.messages
FOR EACH ROW EXECUTE FUNCTION platform.audit('id', 'content');

CREATE TRIGGER messages_audit_delete
AFTER DELETE ON quests.messages
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('id', 'content');

CREATE TRIGGER letters_audit_insert
AFTER INSERT ON quests.letters
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('id', 'recipient,title,body');

CREATE TRIGGER letters_audit_update
AFTER UPDATE ON quests.letters
FOR EACH ROW EXECUTE FUNCTION platform.audit('id', 'recipient,title,body');

CREATE TRIGGER letters_audit_delete
AFTER DELETE ON quests.letters
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('id', 'recipient,title,body');

CREATE TRIGGER goals_audit_insert
AFTER INSERT ON quests.goals
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('id', 'title,specific,measurable,achievable,relevant');

CREATE TRIGGER goals_audit_update
AFTER UPDATE ON quests.goals
FOR EACH ROW EXECUTE FUNCTION platform.audit('id', 'title,specific,measurable,achievable,relevant');

CREATE TRIGGER goals_audit_delete
AFTER DELETE ON quests.goals
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT EXECUTE FUNCTION platform.audit('id', 'title,specific,measurable,achievable,relevant');

-- It would leave no trace.
CREATE TRIGGER quests_refuse_truncate
BEFORE TRUNCATE ON quests.quests
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE TRIGGER child_privacy_settings_refuse_truncate
BEFORE TRUNCATE ON quests.child_privacy_settings
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE TRIGGER quest_analytics_refuse_truncate
BEFORE TRUNCATE ON quests.quest_analytics
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE TRIGGER quest_nodes_refuse_truncate
BEFORE TRUNCATE ON quests.quest_nodes
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE TRIGGER child_progress_refuse_truncate
BEFORE TRUNCATE ON quests.child_progress
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE TRIGGER achievements_refuse_truncate
BEFORE TRUNCATE ON quests.achievements
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE TRIGGER settings_refuse_truncate
BEFORE TRUNCATE ON quests.settings
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE TRIGGER users_refuse_truncate
BEFORE TRUNCATE ON quests.users
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE TRIGGER creative_projects_refuse_truncate
BEFORE TRUNCATE ON quests.creative_projects
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE TRIGGER psychological_profiles_refuse_truncate
BEFORE TRUNCATE ON quests.psychological_profiles
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE TRIGGER sessions_refuse_truncate
BEFORE TRUNCATE ON quests.sessions
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE TRIGGER messages_refuse_truncate
BEFORE TRUNCATE ON quests.messages
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE TRIGGER letters_refuse_truncate
BEFORE TRUNCATE ON quests.letters
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE TRIGGER goals_refuse_truncate
BEFORE TRUNCATE ON quests.goals
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE FUNCTION quests.setting(name text)
RETURNS bigint
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT s.value FROM quests.settings AS s WHERE s.name = setting.name
$$;

COMMENT ON FUNCTION quests.setting(text) IS
'The value of a limit of this service.';

CREATE FUNCTION quests.side(of_creator bigint, of_child bigint, actor platform.actor)
RETURNS quests.party
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
        WHEN actor.id = of_creator THEN 'creator'
        WHEN actor.id = of_child THEN 'child'
    END::quests.party
$$;

COMMENT ON FUNCTION quests.side(bigint, bigint, platform.actor) IS
'What the actor is to a quest of this parent and this child: creator, child, admin or system; NULL for an outsider.';

CREATE FUNCTION quests.refuse_unknown(of_quest_id uuid)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'there is no such quest' USING
        ERRCODE = 'MB004',
        DETAIL = format('quest_id=%s', of_quest_id),
        HINT = 'Look it up first. A quest of somebody else, or one that was deleted, is none.';
END
$$;

COMMENT ON FUNCTION quests.refuse_unknown(uuid) IS
'Says that there is no such quest (MB004), whether there is none or it is somebody else''s. Always raises.';

CREATE FUNCTION quests.refuse_consent(of_quest_id uuid, asked quests.data_type[])
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'Child hasn''t consented' USING
        ERRCODE = 'MB601',
        DETAIL = format(
            'quest_id=%s, setting=%s', of_quest_id,
            (SELECT string_agg('share_' || a.data_type, '|' ORDER BY a.data_type) FROM unnest(asked) AS a (data_type))
        ),
        HINT = 'Only the child can share it, in the settings of the quest.';
END
$$;

COMMENT ON FUNCTION quests.refuse_consent(uuid, quests.data_type[]) IS
'Says that the child shares nothing of what was asked for (MB601), with the settings. Always raises.';

CREATE FUNCTION quests.require_read_committed()
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'what a child shares is read at READ COMMITTED only' USING
            ERRCODE = 'MB604',
            DETAIL = format('isolation=%s', replace(current_setting('transaction_isolation'), ' ', '_')),
            HINT = 'Any other isolation would show what was revoked since the transaction began.';
    END IF;
END
$$;

COMMENT ON FUNCTION quests.require_read_committed() IS
'Refuses a transaction that looks at an older state than the present one (MB604).';

CREATE FUNCTION quests.check_keys(document jsonb, allowed text[], argument text)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jsonb_typeof(document) IS DISTINCT FROM 'object' OR NOT ARRAY(SELECT jsonb_object_keys(document)) <@ allowed THEN
        RAISE EXCEPTION '% is not an object of what can be given', argument USING
            ERRCODE = 'MB007',
            DETAIL = format('argument=%s', argument),
            HINT = format('Give: %s.', array_to_string(allowed, ', '));
    END IF;
END
$$;

COMMENT ON FUNCTION quests.check_keys(jsonb, text[], text) IS
'Refuses a JSON document that is no object, or has other keys than these (MB007).';

CREATE FUNCTION quests.own_quest(of_quest_id uuid, with_version bigint DEFAULT NULL)
RETURNS quests.quests
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor platform.actor := platform.current_actor('quests_app');
    quest quests.quests;
BEGIN
    SELECT q.* INTO quest FROM quests.quests AS q WHERE q.quest_id = of_quest_id FOR NO KEY UPDATE;
    IF NOT FOUND OR quests.side(quest.creator_id, NULL, actor) IS NULL
        OR (quest.status = 'deleted' AND actor.kind = 'user')
    THEN
        PERFORM quests.refuse_unknown(of_quest_id);
    ELSIF quest.version <> with_version THEN
        RAISE EXCEPTION 'the quest was changed since it was read' USING
            ERRCODE = 'MB005',
            DETAIL = format('quest_id=%s, version=%s', quest.quest_id, quest.version),
            HINT = 'Read it again and decide again.';
    END IF;
    RETURN quest;
END
$$;

COMMENT ON FUNCTION quests.own_quest(uuid, bigint) IS
'Locks the actor''s own quest and returns it. Administrators and the system have any; a deleted one is nobody''s but theirs. Refusals: MB004, MB005.';

CREATE FUNCTION quests.create_quest(creator_id bigint, quest_data jsonb, actor_id bigint DEFAULT NULL)
RETURNS quests.quests
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- writes tables that no role may write
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    quest        quests.quests;
    caller_actor text := current_setting('mentorbase.actor', true);
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;

    PERFORM quests.check_keys(quest_data, ARRAY['child_name', 'child_age', 'quest_yaml'], 'quest_data');
    INSERT INTO quests.users AS u (id, recovery_tracks)
    VALUES (create_quest.creator_id, '{"child_connection": 1}')
    ON CONFLICT ON CONSTRAINT users_pkey DO UPDATE
        SET recovery_tracks = jsonb_set(
            u.recovery_tracks, ARRAY[coalesce(u.primary_track, 'child_connection')],
            to_jsonb(coalesce((u.recovery_tracks ->> coalesce(u.primary_track, 'child_connection'))::numeric, 0) + 1)
        );
    INSERT INTO quests.quests AS q (creator_id, child_name, child_age, quest_yaml)
    SELECT create_quest.creator_id, d.child_name, d.child_age, d.quest_yaml
    FROM jsonb_to_record(quest_data) AS d (child_name text, child_age integer, quest_yaml text)
    RETURNING q.* INTO quest;
    INSERT INTO quests.creative_projects (user_id, project_type, quest_id)
    VALUES (create_quest.creator_id, 'quest', quest.quest_id);
    INSERT INTO quests.psychological_profiles AS p (user_id, quests_created)
    VALUES (create_quest.creator_id, 1)
    ON CONFLICT ON CONSTRAINT psychological_profiles_user_id_key DO UPDATE
        SET quests_created = p.quests_created + 1;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN quest;
END
$$;

COMMENT ON FUNCTION quests.create_quest(bigint, jsonb, bigint) IS
'Makes a quest as a draft with its creative project, moves the parent''s recovery track by a step, counts it in their profile, and returns it. quest_data: child_name, child_age, quest_yaml, any of them. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB007, and the constraints of quests.';

CREATE FUNCTION quests.update_quest(
    quest_id uuid, changes jsonb, version bigint DEFAULT NULL, actor_id bigint DEFAULT NULL
)
RETURNS quests.quests
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- writes a table that no role may write
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    quest        quests.quests;
    caller_actor text := current_setting('mentorbase.actor', true);
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;

    PERFORM quests.check_keys(changes, ARRAY['child_name', 'child_age', 'quest_yaml'], 'changes');
    quest := quests.own_quest(update_quest.quest_id, update_quest.version);
    UPDATE quests.quests AS q
    SET
        child_name = CASE WHEN changes ? 'child_name' THEN d.child_name ELSE q.child_name END,
        child_age = CASE WHEN changes ? 'child_age' THEN d.child_age ELSE q.child_age END,
        quest_yaml = CASE WHEN changes ? 'quest_yaml' THEN d.quest_yaml ELSE q.quest_yaml END
    FROM jsonb_to_record(changes) AS d (child_name text, child_age integer, quest_yaml text)
    WHERE q.id = quest.id
    RETURNING q.* INTO quest;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN quest;
END
$$;

COMMENT ON FUNCTION quests.update_quest(uuid, jsonb, bigint, bigint) IS
'Changes a quest and returns it. changes: child_name, child_age, quest_yaml, any of them; null empties. version: refuse if the quest has changed since (NULL: do not ask). actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004 to MB007, and the constraints of quests.';

CREATE FUNCTION quests.save_quest_yaml(
    quest_id uuid, yaml_content text, version bigint DEFAULT NULL, actor_id bigint DEFAULT NULL
)
RETURNS quests.quests
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN quests.update_quest(
        save_quest_yaml.quest_id, jsonb_build_object('quest_yaml', yaml_content), save_quest_yaml.version, actor_id
    );
END
$$;

COMMENT ON FUNCTION quests.save_quest_yaml(uuid, text, bigint, bigint) IS
'As quests.update_quest(), of the YAML alone; it takes an approval away.';

CREATE FUNCTION quests.set_quest_status(
    quest_id uuid, status quests.quest_status, actor_id bigint DEFAULT NULL, reason text DEFAULT NULL
)
RETURNS quests.quests
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- writes a table that no role may write
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    quest         quests.quests;
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', reason);
    END IF;

    quest := quests.own_quest(set_quest_status.quest_id);
    IF quest.status = set_quest_status.status THEN
        PERFORM platform.refuse_step(
            'quests', 'quests', 'a quest', quest.status::text, quest.status::text, NULL,
            format('quest_id=%s', quest.quest_id)
        );
    END IF;
    UPDATE quests.quests AS q SET status = set_quest_status.status WHERE q.id = quest.id RETURNING q.* INTO quest;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    END IF;
    RETURN quest;
END
$$;

COMMENT ON FUNCTION quests.set_quest_status(uuid, quests.quest_status, bigint, text) IS
'Takes one step of a quest''s life cycle and returns the quest. deleted hides it from the parent; the child goes on, and nothing is removed. actor_id: who acts (NULL: the transaction''s actor). reason: kept in the history. Refusals: MB001 to MB004, MB602.';

CREATE FUNCTION quests.moderate_quest(
    quest_id uuid, decision quests.moderation_status, issues jsonb DEFAULT '[]', reason text DEFAULT NULL
)
RETURNS quests.quests
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- writes a table that no role may write
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    quest         quests.quests;
    caller_reason text := current_setting('mentorbase.reason', true);
BEGIN
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', reason);
    END IF;
    quest := quests.own_quest(moderate_quest.quest_id);
    UPDATE quests.quests AS q
    SET moderation_status = decision, moderation_issues = coalesce(issues, '[]')
    WHERE q.id = quest.id
    RETURNING q.* INTO quest;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    END IF;
    RETURN quest;
END
$$;

COMMENT ON FUNCTION quests.moderate_quest(uuid, quests.moderation_status, jsonb, text) IS
'Says what a moderator found of a quest, and returns it. issues: a list. reason: kept in the history. For an administrator or the system, as the transaction''s actor. Refusals: MB001, MB002, MB004, and the constraints of quests.';

CREATE FUNCTION quests.export_quest(quest_id uuid, actor_id bigint DEFAULT NULL, reason text DEFAULT NULL)
RETURNS quests.quests
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- writes a table that no role may write
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    quest         quests.quests;
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', reason);
    END IF;

    quest := quests.own_quest(export_quest.quest_id);
    IF quest.status <> 'deployed' THEN
        UPDATE quests.quests AS q SET status = 'deployed' WHERE q.id = quest.id RETURNING q.* INTO quest;
    END IF;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    END IF;
    RETURN quest;
END
$$;

COMMENT ON FUNCTION quests.export_quest(uuid, bigint, text) IS
'Deploys a quest that is ready and approved, and returns it, for Inner Edu to take the YAML; one that is deployed is returned again. actor_id: who acts (NULL: the transaction''s actor). reason: kept in the history. Refusals: MB001 to MB004, MB602.';

CREATE FUNCTION quests.shared_types(settings quests.child_privacy_settings)
RETURNS quests.data_type[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT ARRAY(
    SELECT s.data_type
    FROM (
        VALUES
        ('completion_progress'::quests.data_type, settings.share_completion_progress),
        ('educational_progress', settings.share_educational_progress),
        ('play_frequency', settings.share_play_frequency)
    ) AS s (data_type, shared)
    WHERE s.shared
    ORDER BY s.data_type
)
$$;

COMMENT ON FUNCTION quests.shared_types(quests.child_privacy_settings) IS
'What a child shares by these settings.';

CREATE FUNCTION quests.asked_types(data_type quests.data_type)
RETURNS quests.data_type[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN data_type IS NULL THEN enum_range(NULL::quests.data_type) ELSE ARRAY[data_type] END
$$;

COMMENT ON FUNCTION quests.asked_types(quests.data_type) IS
'What somebody asks for who names this; NULL: all there is.';

CREATE FUNCTION quests.result_of(shared quests.data_type[], asked quests.data_type[])
RETURNS quests.read_result
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT
    CASE
        WHEN asked <@ shared THEN 'allowed'
        WHEN asked && shared THEN 'redacted'
        ELSE 'refused'
    END::quests.read_result
$$;

COMMENT ON FUNCTION quests.result_of(quests.data_type[], quests.data_type[]) IS
'What the check of consent finds, of what is shared and what was asked for.';

CREATE FUNCTION quests.check_reader()
RETURNS bigint
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor platform.actor := platform.current_actor('quests_app');
BEGIN
    IF actor.kind <> 'user' THEN
        RAISE EXCEPTION 'what a child does is read by the parent of the quest' USING
            ERRCODE = 'MB002',
            DETAIL = format('actor_is=%s', actor.kind),
            HINT = 'Act as that parent.';
    END IF;
    RETURN actor.id;
END
$$;

COMMENT ON FUNCTION quests.check_reader() IS
'The person who reads; refuses everybody who does not act for themselves (MB001, MB002).';

CREATE FUNCTION quests.check_read(reader_id bigint, of_quest_id uuid, data_type quests.data_type)
RETURNS quests.read_result
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    some_shared  boolean;
    all_shared   boolean;
    creator      bigint;
    quest_status quests.quest_status;
    shared       quests.data_type[];
BEGIN
    IF of_quest_id IS NULL THEN
        SELECT coalesce(bool_or(s.share_play_frequency), false), coalesce(bool_and(s.share_play_frequency), false)
        INTO some_shared, all_shared
        FROM quests.quests AS q
        INNER JOIN quests.child_privacy_settings AS s ON q.quest_id = s.quest_id
        WHERE q.creator_id = reader_id AND q.status <> 'deleted';
        RETURN CASE WHEN all_shared THEN 'allowed' WHEN some_shared THEN 'redacted' ELSE 'refused' END;
    END IF;
    SELECT q.creator_id, q.status, quests.shared_types(s) INTO creator, quest_status, shared
    FROM quests.quests AS q
    INNER JOIN quests.child_privacy_settings AS s ON q.quest_id = s.quest_id
    WHERE q.quest_id = of_quest_id;
    IF NOT FOUND THEN
        RETURN 'missing';
    ELSIF creator <> reader_id THEN
        RETURN 'violation';
    ELSIF quest_status = 'deleted' THEN
        RETURN 'missing';
    END IF;
    RETURN quests.result_of(shared, quests.asked_types(data_type));
END
$$;

COMMENT ON FUNCTION quests.check_read(bigint, uuid, quests.data_type) IS
'What the check of consent finds for this reader now. Without a quest: about play frequency, over all quests of the reader.';

CREATE FUNCTION quests.ask(
    quest_id uuid DEFAULT NULL, data_type quests.data_type DEFAULT NULL, actor_id bigint DEFAULT NULL
)
RETURNS uuid
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write the ledger or read what it tells of
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reader       bigint;
    ticket       uuid;
    caller_actor text := current_setting('mentorbase.actor', true);
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;

    PERFORM quests.require_read_committed();
    reader := quests.check_reader();
    INSERT INTO quests.privacy_reads AS r (step, quest_id, data_type, reader_id, result)
    VALUES (
        'asked', ask.quest_id, ask.data_type, reader, quests.check_read(reader, ask.quest_id, ask.data_type)
    )
    RETURNING r.ticket INTO ticket;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN ticket;
END
$$;

COMMENT ON FUNCTION quests.ask(uuid, quests.data_type, bigint) IS
'The first half of a privacy-relevant read: writes who asks for what, and what the check of consent found, to the read ledger, and returns a ticket for quests.read(). Commit it before: a ticket is of no use in its own transaction. quest_id: NULL for child_engagement. data_type: NULL for all there is. Whether it was refused is not said here. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB604.';

CREATE FUNCTION quests.use_ticket(of_ticket uuid, reader bigint)
RETURNS quests.privacy_reads
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked   quests.privacy_reads;
    problem text;
BEGIN
    PERFORM quests.require_read_committed();
    SELECT r.* INTO asked FROM quests.privacy_reads AS r WHERE r.ticket = of_ticket AND r.step = 'asked';
    problem := CASE
        WHEN NOT FOUND OR asked.reader_id <> reader THEN 'unknown'
        WHEN asked.transaction_id = pg_current_xact_id() THEN 'uncommitted'
        WHEN asked.occurred_at <= clock_timestamp() - make_interval(secs => quests.setting('ticket_validity'))
            THEN 'expired'
    END;
    IF problem IS NULL THEN
        asked.result := quests.check_read(reader, asked.quest_id, asked.data_type);
        INSERT INTO quests.privacy_reads (ticket, step, quest_id, data_type, reader_id, result)
        VALUES (of_ticket, 'read', asked.quest_id, asked.data_type, reader, asked.result)
        ON CONFLICT ON CONSTRAINT privacy_reads_ticket_key DO NOTHING;
        problem := CASE WHEN NOT FOUND THEN 'used' END;
    END IF;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION 'the ticket cannot be used' USING
            ERRCODE = 'MB603',
            DETAIL = format('reason=%s', problem),
            HINT = 'Ask for one, commit, and read with it once, soon, as the same person.';
    END IF;
    RETURN asked;
END
$$;

COMMENT ON FUNCTION quests.use_ticket(uuid, bigint) IS
'Takes a ticket of quests.ask(): records that it is used, with what the check of consent finds now, and returns what was asked. Refusals: MB603, MB604.';

CREATE FUNCTION quests.read(ticket uuid, actor_id bigint DEFAULT NULL)
RETURNS TABLE (
    quest_id uuid,
    nodes_completed integer,
    total_nodes integer,
    completion_percentage numeric,
    educational_progress jsonb,
    last_played timestamptz,
    play_count bigint,
    child_consented_to_sharing boolean
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may select what it redacts
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reader       bigint;
    asked        quests.privacy_reads;
    caller_actor text := current_setting('mentorbase.actor', true);
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;

    reader := quests.check_reader();
    asked := quests.use_ticket(read.ticket, reader);
    -- Consent and values in one statement, so of one moment: what was revoked before it began is not shown.
    SELECT
        s.quest_id,
        CASE WHEN s.share_completion_progress AND t.completion THEN a.nodes_completed END,
        CASE WHEN s.share_completion_progress AND t.completion THEN a.total_nodes END,
        CASE WHEN s.share_completion_progress AND t.completion THEN a.completion_percentage END,
        CASE WHEN s.share_educational_progress AND t.education THEN a.educational_progress END,
        CASE WHEN s.share_play_frequency AND t.frequency THEN a.last_played END,
        CASE WHEN s.share_play_frequency AND t.frequency THEN a.play_count END,
        (s.share_completion_progress AND t.completion)
        OR (s.share_educational_progress AND t.education)
        OR (s.share_play_frequency AND t.frequency)
    INTO
        quest_id, nodes_completed, total_nodes, completion_percentage, educational_progress, last_played, play_count,
        child_consented_to_sharing
    FROM quests.quests AS q
    INNER JOIN quests.child_privacy_settings AS s ON q.quest_id = s.quest_id
    INNER JOIN quests.quest_analytics AS a ON q.quest_id = a.quest_id
    CROSS JOIN (
        SELECT
            coalesce(asked.data_type = 'completion_progress', true) AS completion,
            coalesce(asked.data_type = 'educational_progress', true) AS education,
            coalesce(asked.data_type = 'play_frequency', true) AS frequency
    ) AS t
    WHERE q.quest_id = asked.quest_id AND q.creator_id = reader AND q.status <> 'deleted';
    IF NOT FOUND THEN
        PERFORM quests.refuse_unknown(asked.quest_id);
    ELSIF NOT child_consented_to_sharing THEN
        PERFORM quests.refuse_consent(asked.quest_id, quests.asked_types(asked.data_type));
    END IF;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION quests.read(uuid, bigint) IS
'The second half of a privacy-relevant read: takes a ticket of quests.ask(), checks consent again, and returns what of the quest''s aggregates the child shares at this moment; every other field is NULL. A ticket is good for one read, by who asked, for ticket_validity, not in its own transaction. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB004, MB601, MB603, MB604.';

CREATE FUNCTION quests.get_privacy_settings(of_quest_id uuid, actor_id bigint DEFAULT NULL)
RETURNS TABLE (
    quest_id uuid,
    share_completion_progress boolean,
    share_educational_progress boolean,
    share_play_frequency boolean,
    updated_at timestamptz
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- the parent's role may not select the settings
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor        platform.actor;
    caller_actor text := current_setting('mentorbase.actor', true);
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;

    PERFORM quests.require_read_committed();
    actor := platform.current_actor('quests_app');
    SELECT
        s.quest_id, s.share_completion_progress, s.share_educational_progress, s.share_play_frequency,
        CASE WHEN quests.side(NULL, s.child_id, actor) = 'child' AND platform.is_application('inner_edu_user')
            THEN s.updated_at END
    INTO quest_id, share_completion_progress, share_educational_progress, share_play_frequency, updated_at
    FROM quests.child_privacy_settings AS s
    INNER JOIN quests.quests AS q ON s.quest_id = q.quest_id
    WHERE s.quest_id = of_quest_id
        AND (
            (quests.side(q.creator_id, NULL, actor) IS NOT NULL AND q.status <> 'deleted')
            OR (quests.side(NULL, s.child_id, actor) IS NOT NULL AND platform.is_application('inner_edu_user'))
        );
    IF NOT FOUND THEN
        PERFORM quests.refuse_unknown(of_quest_id);
    END IF;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION quests.get_privacy_settings(uuid, bigint) IS
'What the child of a quest shares, to its parent and its child. updated_at: the child''s alone to see, since it tells that the child was there. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004, MB604.';

CREATE FUNCTION quests.can_share_with_parent(quest_id uuid, data_type quests.data_type, actor_id bigint DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- the parent's role may not select the settings
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor        platform.actor;
    settings     quests.child_privacy_settings;
    caller_actor text := current_setting('mentorbase.actor', true);
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;

    PERFORM quests.require_read_committed();
    actor := platform.current_actor('quests_app');
    SELECT s.* INTO settings
    FROM quests.child_privacy_settings AS s
    INNER JOIN quests.quests AS q ON s.quest_id = q.quest_id
    WHERE s.quest_id = can_share_with_parent.quest_id
        AND (
            (quests.side(q.creator_id, NULL, actor) IS NOT NULL AND q.status <> 'deleted')
            OR (quests.side(NULL, s.child_id, actor) IS NOT NULL AND platform.is_application('inner_edu_user'))
        );
    IF NOT FOUND THEN
        PERFORM quests.refuse_unknown(can_share_with_parent.quest_id);
    END IF;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN data_type = ANY (quests.shared_types(settings));
END
$$;

COMMENT ON FUNCTION quests.can_share_with_parent(uuid, quests.data_type, bigint) IS
'Whether the child of a quest shares this with the parent now; to both of them. It is a question, not a permit: quests.read() checks again. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004, MB604.';

CREATE FUNCTION quests.child_settings(of_quest_id uuid)
RETURNS quests.child_privacy_settings
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor    platform.actor := platform.current_actor('quests_app');
    settings quests.child_privacy_settings;
BEGIN
    SELECT s.* INTO settings
    FROM quests.child_privacy_settings AS s
    WHERE s.quest_id = of_quest_id
    FOR NO KEY UPDATE;
    IF NOT FOUND OR settings.child_id IS NULL OR quests.side(NULL, settings.child_id, actor) IS NULL THEN
        PERFORM quests.refuse_unknown(of_quest_id);
    END IF;
    RETURN settings;
END
$$;

COMMENT ON FUNCTION quests.child_settings(uuid) IS
'Locks the settings of the quest that the acting child plays, and returns them; administrators and the system have any that a child has opened. The lock of everything that a child does in a quest. Refusals: MB001, MB004.';

CREATE FUNCTION quests.open_quest(of_quest_id uuid, actor_id bigint DEFAULT NULL)
RETURNS TABLE (
    quest_id uuid,
    child_name text,
    child_age integer,
    quest_yaml text,
    deployed_at timestamptz
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- the child's role may not select quests
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor        platform.actor;
    settings     quests.child_privacy_settings;
    quest        quests.quests;
    caller_actor text := current_setting('mentorbase.actor', true);
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;

    actor := platform.current_actor('quests_app');
    SELECT s.* INTO settings
    FROM quests.child_privacy_settings AS s
    WHERE s.quest_id = of_quest_id
    FOR NO KEY UPDATE;
    SELECT q.* INTO quest FROM quests.quests AS q WHERE q.quest_id = of_quest_id;
    IF NOT FOUND OR actor.kind <> 'user' OR settings.child_id <> actor.id OR quest.deployed_at IS NULL
        OR (settings.child_id IS NULL AND quest.status <> 'deployed')
    THEN
        PERFORM quests.refuse_unknown(of_quest_id);
    ELSIF quest.creator_id = actor.id THEN
        RAISE EXCEPTION 'a parent does not play as the child' USING
            ERRCODE = 'MB002',
            DETAIL = format('quest_id=%s, actor_is=creator', of_quest_id),
            HINT = 'Have the child open it.';
    ELSIF settings.child_id IS NULL THEN
        UPDATE quests.child_privacy_settings AS s SET child_id = actor.id WHERE s.id = settings.id;
        UPDATE quests.quest_nodes AS n SET child_id = actor.id WHERE n.quest_id = of_quest_id;
    END IF;
    UPDATE quests.quest_analytics AS a
    SET play_count = a.play_count + 1, last_played = greatest(a.last_played, now())
    WHERE a.quest_id = of_quest_id;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN QUERY SELECT of_quest_id, quest.child_name, quest.child_age, quest.quest_yaml, quest.deployed_at;
END
$$;

COMMENT ON FUNCTION quests.open_quest(uuid, bigint) IS
'Opens a deployed quest for the child, counts that, and returns it. Who opens it first is its child from then on; for everybody else there is none. A child goes on when the parent archives or deletes it. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB004.';

CREATE FUNCTION quests.update_privacy_settings(of_quest_id uuid, settings jsonb, actor_id bigint DEFAULT NULL)
RETURNS TABLE (
    quest_id uuid,
    share_completion_progress boolean,
    share_educational_progress boolean,
    share_play_frequency boolean,
    updated_at timestamptz
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write settings by hand
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present      quests.child_privacy_settings;
    caller_actor text := current_setting('mentorbase.actor', true);
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;

    PERFORM quests.check_keys(
        settings, ARRAY['share_completion_progress', 'share_educational_progress', 'share_play_frequency'], 'settings'
    );
    present := quests.child_settings(of_quest_id);
    SELECT (jsonb_populate_record(present, settings)).* INTO present;
    UPDATE quests.child_privacy_settings AS s
    SET
        share_completion_progress = present.share_completion_progress,
        share_educational_progress = present.share_educational_progress,
        share_play_frequency = present.share_play_frequency
    WHERE s.id = present.id
    RETURNING
        s.quest_id, s.share_completion_progress, s.share_educational_progress, s.share_play_frequency, s.updated_at
    INTO quest_id, share_completion_progress, share_educational_progress, share_play_frequency, updated_at;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION quests.update_privacy_settings(uuid, jsonb, bigint) IS
'Changes what the child shares, and returns the settings. settings: share_completion_progress, share_educational_progress, share_play_frequency, any of them; the others stay. It holds for every statement that starts after the commit. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB004, MB007.';

CREATE FUNCTION quests.save_nodes(quest_id uuid, nodes jsonb)
RETURNS integer
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write nodes by hand
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    settings quests.child_privacy_settings;
    total    integer;
BEGIN
    IF platform.current_actor('quests_app') IS DISTINCT FROM ROW('system', NULL)::platform.actor THEN
        RAISE EXCEPTION 'nodes are read from the YAML by the system' USING
            ERRCODE = 'MB002',
            DETAIL = format('quest_id=%s', save_nodes.quest_id),
            HINT = 'Act as the system.';
    ELSIF jsonb_typeof(nodes) IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION 'nodes is not a list' USING
            ERRCODE = 'MB007',
            DETAIL = 'argument=nodes',
            HINT = 'Give a list of objects with node_key, type and content.';
    END IF;
    SELECT s.* INTO settings
    FROM quests.child_privacy_settings AS s
    INNER JOIN quests.quests AS q ON s.quest_id = q.quest_id
    WHERE s.quest_id = save_nodes.quest_id AND q.deployed_at IS NOT NULL
    FOR NO KEY UPDATE OF s;
    IF NOT FOUND THEN
        PERFORM quests.refuse_unknown(save_nodes.quest_id);
    END IF;
    INSERT INTO quests.quest_nodes AS n (quest_id, node_key, position, type, content, child_id)
    SELECT settings.quest_id, d.node_key, e.position, d.type, coalesce(d.content, '{}'), settings.child_id
    FROM jsonb_array_elements(nodes) WITH ORDINALITY AS e (node, position)
    CROSS JOIN LATERAL jsonb_to_record(e.node) AS d (node_key text, type text, content jsonb)
    ON CONFLICT ON CONSTRAINT quest_nodes_node_key_key DO UPDATE
        SET position = excluded.position, type = excluded.type, content = excluded.content;
    UPDATE quests.quest_analytics AS a
    SET total_nodes = (SELECT count(*) FROM quests.quest_nodes AS n WHERE n.quest_id = a.quest_id)
    WHERE a.quest_id = settings.quest_id
    RETURNING a.total_nodes INTO total;
    RETURN total;
END
$$;

COMMENT ON FUNCTION quests.save_nodes(uuid, jsonb) IS
'Writes down the nodes of a deployed quest as Inner Edu read them from the YAML, and returns how many it has; again it changes those there are. nodes: a list of objects with node_key, type and content, in order. For the system, as the transaction''s actor. Refusals: MB001, MB002, MB004, MB007, and the constraints of quest_nodes.';

CREATE FUNCTION quests.refuse_node(of_quest_id uuid)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'the quest has no such node' USING
        ERRCODE = 'MB004',
        DETAIL = format('quest_id=%s', of_quest_id),
        HINT = 'Give the key of one of its nodes.';
END
$$;

COMMENT ON FUNCTION quests.refuse_node(uuid) IS
'Says that a quest has no such node (MB004). Always raises.';

CREATE FUNCTION quests.start_node(quest_id uuid, node_key text, actor_id bigint DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write progress by hand
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    settings     quests.child_privacy_settings;
    caller_actor text := current_setting('mentorbase.actor', true);
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;

    settings := quests.child_settings(start_node.quest_id);
    PERFORM FROM quests.quest_nodes AS n
    WHERE n.quest_id = settings.quest_id AND n.node_key = start_node.node_key;
    IF NOT FOUND THEN
        PERFORM quests.refuse_node(settings.quest_id);
    END IF;
    IF settings.share_educational_progress THEN
        INSERT INTO quests.child_progress AS p (quest_id, node_key)
        VALUES (settings.quest_id, start_node.node_key)
        ON CONFLICT ON CONSTRAINT child_progress_node_key_key DO UPDATE SET attempts = p.attempts + 1;
    END IF;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN settings.share_educational_progress;
END
$$;

COMMENT ON FUNCTION quests.start_node(uuid, text, bigint) IS
'Says that the child tries a node. Kept only while the child shares educational progress; returns whether it was. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004.';

CREATE FUNCTION quests.complete_node(
    quest_id uuid, node_key text, score numeric DEFAULT NULL, actor_id bigint DEFAULT NULL
)
RETURNS numeric
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write progress by hand
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    settings     quests.child_privacy_settings;
    is_new       boolean;
    percentage   numeric;
    caller_actor text := current_setting('mentorbase.actor', true);
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;

    settings := quests.child_settings(complete_node.quest_id);
    UPDATE quests.quest_nodes AS n SET counted = true
    WHERE n.quest_id = settings.quest_id AND n.node_key = complete_node.node_key AND NOT n.counted;
    is_new := FOUND;
    IF NOT is_new AND NOT EXISTS (
        SELECT FROM quests.quest_nodes AS n
        WHERE n.quest_id = settings.quest_id AND n.node_key = complete_node.node_key
    ) THEN
        PERFORM quests.refuse_node(settings.quest_id);
    ELSIF score NOT BETWEEN 0 AND 100 THEN
        RAISE EXCEPTION 'a score is 0 to 100' USING
            ERRCODE = 'MB007',
            DETAIL = 'argument=score',
            HINT = 'Give a score in that range, or none.';
    END IF;
    IF is_new THEN
        UPDATE quests.quest_analytics AS a
        SET
            nodes_completed = greatest(
                a.nodes_completed,
                (SELECT count(*) FROM quests.quest_nodes AS n WHERE n.quest_id = a.quest_id AND n.counted)
            ),
            educational_progress = CASE
                WHEN score IS NULL THEN a.educational_progress
                ELSE a.educational_progress || jsonb_build_object(
                    'scored_nodes', coalesce((a.educational_progress ->> 'scored_nodes')::numeric, 0) + 1,
                    'score_sum', coalesce((a.educational_progress ->> 'score_sum')::numeric, 0) + score
                )
            END,
            last_played = greatest(a.last_played, now())
        WHERE a.quest_id = settings.quest_id;
    END IF;
    IF settings.share_educational_progress THEN
        INSERT INTO quests.child_progress AS p (quest_id, node_key, completed_at, score)
        VALUES (settings.quest_id, complete_node.node_key, now(), complete_node.score)
        ON CONFLICT ON CONSTRAINT child_progress_node_key_key DO UPDATE
            SET
                completed_at = coalesce(p.completed_at, excluded.completed_at),
                score = greatest(p.score, excluded.score);
    END IF;
    SELECT a.completion_percentage INTO percentage FROM quests.quest_analytics AS a
    WHERE a.quest_id = settings.quest_id;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN percentage;
END
$$;

COMMENT ON FUNCTION quests.complete_node(uuid, text, numeric, bigint) IS
'Says that the child completed a node, and returns how much of the quest is done, 0 to 100. Once or often is the same. The aggregates move in any case; details are kept only while the child shares educational progress. score: 0 to 100 (NULL: none). actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004, MB007.';

CREATE FUNCTION quests.update_quest_progress(quest_id uuid, nodes_completed integer, actor_id bigint DEFAULT NULL)
RETURNS numeric
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write aggregates by hand
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    settings     quests.child_privacy_settings;
    percentage   numeric;
    caller_actor text := current_setting('mentorbase.actor', true);
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;

    settings := quests.child_settings(update_quest_progress.quest_id);
    UPDATE quests.quest_analytics AS a
    SET
        nodes_completed = greatest(a.nodes_completed, update_quest_progress.nodes_completed),
        last_played = greatest(a.last_played, now())
    WHERE a.quest_id = settings.quest_id
    RETURNING a.completion_percentage INTO percentage;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN percentage;
END
$$;

COMMENT ON FUNCTION quests.update_quest_progress(uuid, integer, bigint) IS
'Says how many nodes the child has completed, and returns how much of the quest is done, 0 to 100. It never goes back. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004, and the constraints of quest_analytics.';

CREATE FUNCTION quests.record_achievement(quest_id uuid, achievement_data jsonb, actor_id bigint DEFAULT NULL)
RETURNS quests.achievements
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write achievements by hand
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    settings     quests.child_privacy_settings;
    achievement  quests.achievements;
    caller_actor text := current_setting('mentorbase.actor', true);
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;

    PERFORM quests.check_keys(achievement_data, ARRAY['code', 'title'], 'achievement_data');
    settings := quests.child_settings(record_achievement.quest_id);
    INSERT INTO quests.achievements AS v (quest_id, child_id, code, title)
    SELECT settings.quest_id, settings.child_id, achievement_data ->> 'code', achievement_data ->> 'title'
    ON CONFLICT ON CONSTRAINT achievements_code_key DO NOTHING
    RETURNING v.* INTO achievement;
    IF FOUND THEN
        UPDATE quests.quest_analytics AS a
        SET
            educational_progress = a.educational_progress || jsonb_build_object(
                'achievements', coalesce((a.educational_progress ->> 'achievements')::numeric, 0) + 1
            ),
            last_played = greatest(a.last_played, now())
        WHERE a.quest_id = settings.quest_id;
    ELSE
        SELECT v.* INTO achievement FROM quests.achievements AS v
        WHERE v.quest_id = settings.quest_id AND v.code = achievement_data ->> 'code';
    END IF;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN achievement;
END
$$;

COMMENT ON FUNCTION quests.record_achievement(uuid, jsonb, bigint) IS
'Writes down what the child unlocked, and returns it; again it returns what there is. achievement_data: code and title. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004, MB007, and the constraints of achievements.';

CREATE FUNCTION quests.create_creative_project(
    user_id bigint, project_type quests.project_type, linked_id text DEFAULT NULL, actor_id bigint DEFAULT NULL
)
RETURNS quests.creative_projects
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- registers the person too
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    project      quests.creative_projects;
    caller_actor text := current_setting('mentorbase.actor', true);
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;

    IF linked_id !~ (
        CASE project_type
            WHEN 'quest' THEN '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
            WHEN 'letter' THEN '^[1-9][0-9]{0,17}$'
            ELSE '^$'
        END
    ) THEN
        RAISE EXCEPTION 'linked_id is not what a project of this kind is linked to' USING
            ERRCODE = 'MB007',
            DETAIL = format('argument=linked_id, project_type=%s', project_type),
            HINT = 'Give the quest_id of a quest, the id of a letter, or NULL.';
    END IF;
    INSERT INTO quests.users (id) VALUES (create_creative_project.user_id) ON CONFLICT DO NOTHING;
    INSERT INTO quests.creative_projects AS p (user_id, project_type, quest_id, letter_id)
    VALUES (
        create_creative_project.user_id, create_creative_project.project_type,
        CASE WHEN project_type = 'quest' THEN linked_id::uuid END,
        CASE WHEN project_type = 'letter' THEN linked_id::bigint END
    )
    RETURNING p.* INTO project;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN project;
END
$$;

COMMENT ON FUNCTION quests.create_creative_project(bigint, quests.project_type, text, bigint) IS
'Makes a creative project and returns it. linked_id: the quest_id of a quest or the id of a letter, of the same person (NULL: not linked yet; goals are not linked). actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB007, and the constraints of creative_projects.';

CREATE FUNCTION quests.update_project_progress(project_id bigint, progress integer, actor_id bigint DEFAULT NULL)
RETURNS quests.creative_projects
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    project      quests.creative_projects;
    caller_actor text := current_setting('mentorbase.actor', true);
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;

    UPDATE quests.creative_projects AS p SET progress = update_project_progress.progress
    WHERE p.id = project_id
    RETURNING p.* INTO project;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such project' USING
            ERRCODE = 'MB004',
            DETAIL = format('project_id=%s', project_id),
            HINT = 'Look it up first.';
    END IF;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN project;
END
$$;

COMMENT ON FUNCTION quests.update_project_progress(bigint, integer, bigint) IS
'Says how far a project has come, 0 to 100, and returns it; 100 completes it. Row-level security shows a person''s own only. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB004, and the constraints of creative_projects.';

CREATE FUNCTION quests.own_profile(of_user_id bigint, with_version bigint DEFAULT NULL)
RETURNS quests.psychological_profiles
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    profile quests.psychological_profiles;
BEGIN
    INSERT INTO quests.users (id) VALUES (of_user_id) ON CONFLICT DO NOTHING;
    INSERT INTO quests.psychological_profiles (user_id) VALUES (of_user_id) ON CONFLICT DO NOTHING;
    SELECT p.* INTO profile
    FROM quests.psychological_profiles AS p
    WHERE p.user_id = of_user_id
    FOR NO KEY UPDATE;
    IF profile.version <> with_version THEN
        RAISE EXCEPTION 'the profile was changed since it was read' USING
            ERRCODE = 'MB005',
            DETAIL = format('user_id=%s, version=%s', of_user_id, profile.version),
            HINT = 'Read it again and decide again.';
    END IF;
    RETURN profile;
END
$$;

COMMENT ON FUNCTION quests.own_profile(bigint, bigint) IS
'Locks the acting person''s profile and returns it; makes it if there is none. Refusals: MB001, MB002, MB005.';

CREATE FUNCTION quests.check_own(of_user_id bigint)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor platform.actor := platform.current_actor('quests_app');
BEGIN
    IF actor.kind = 'user' AND actor.id <> of_user_id THEN
        RAISE EXCEPTION 'a profile is its own person''s' USING
            ERRCODE = 'MB002',
            DETAIL = format('user_id=%s', of_user_id),
            HINT = 'Act as that person, as an administrator or as the system.';
    END IF;
END
$$;

COMMENT ON FUNCTION quests.check_own(bigint) IS
'Refuses whoever acts for themselves on somebody else''s profile (MB001, MB002).';

CREATE FUNCTION quests.get_or_create_profile(of_user_id bigint, ticket uuid DEFAULT NULL, actor_id bigint DEFAULT NULL)
RETURNS TABLE (
    user_id bigint,
    emotional_trends jsonb,
    crisis_history bytea,
    primary_coping_strategies jsonb,
    triggers jsonb,
    communication_style text,
    toxic_patterns jsonb,
    growth_areas jsonb,
    quests_created integer,
    child_engagement bigint,
    recommended_techniques jsonb,
    version bigint,
    updated_at timestamptz
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may select what it redacts
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    profile      quests.psychological_profiles;
    reader       bigint;
    asked        quests.privacy_reads;
    caller_actor text := current_setting('mentorbase.actor', true);
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;

    PERFORM quests.check_own(of_user_id);
    IF ticket IS NOT NULL THEN
        reader := quests.check_reader();
        asked := quests.use_ticket(get_or_create_profile.ticket, reader);
    END IF;
    profile := quests.own_profile(of_user_id);
    RETURN QUERY
    SELECT
        profile.user_id, profile.emotional_trends, profile.crisis_history, profile.primary_coping_strategies,
        profile.triggers, profile.communication_style, profile.toxic_patterns, profile.growth_areas,
        profile.quests_created,
        (
            -- Consent and values in one statement, so of one moment.
            SELECT sum(a.play_count)::bigint
            FROM quests.quests AS q
            INNER JOIN quests.child_privacy_settings AS s ON q.quest_id = s.quest_id
            INNER JOIN quests.quest_analytics AS a ON q.quest_id = a.quest_id
            WHERE q.creator_id = reader AND q.status <> 'deleted' AND asked.quest_id IS NULL
                AND s.share_play_frequency
        ),
        profile.recommended_techniques, profile.version, profile.updated_at;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN;
END
$$;

COMMENT ON FUNCTION quests.get_or_create_profile(bigint, uuid, bigint) IS
'A person''s profile, made if there is none. ticket: of quests.ask() without a quest; with it child_engagement says how often the person''s quests were opened, of the children who share play frequency at this moment; NULL where none does, and without a ticket. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB603, MB604.';

CREATE FUNCTION quests.update_profile_emotions(
    user_id bigint, emotional_data jsonb, version bigint DEFAULT NULL, actor_id bigint DEFAULT NULL
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- writes a profile that may have to be made
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    profile      quests.psychological_profiles;
    caller_actor text := current_setting('mentorbase.actor', true);
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;

    IF jsonb_typeof(emotional_data) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'emotional_data is not an object' USING
            ERRCODE = 'MB007',
            DETAIL = 'argument=emotional_data',
            HINT = 'Give an object, such as emotions with their strength.';
    END IF;
    PERFORM quests.check_own(update_profile_emotions.user_id);
    profile := quests.own_profile(update_profile_emotions.user_id, update_profile_emotions.version);
    UPDATE quests.psychological_profiles AS p
    SET emotional_trends = (
        SELECT jsonb_agg(e.trend ORDER BY e.n)
        FROM jsonb_array_elements(
            p.emotional_trends || jsonb_build_array(emotional_data || jsonb_build_object('at', now()))
        ) WITH ORDINALITY AS e (trend, n)
        WHERE e.n > jsonb_array_length(p.emotional_trends) - 99
    )
    WHERE p.id = profile.id
    RETURNING p.version INTO profile.version;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN profile.version;
END
$$;

COMMENT ON FUNCTION quests.update_profile_emotions(bigint, jsonb, bigint, bigint) IS
'Adds to a person''s profile how they feel now, and returns its version; the last 100 are kept. version: refuse if the profile has changed since (NULL: do not ask). actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB005, MB007.';

CREATE FUNCTION quests.update_profile(
    user_id bigint, changes jsonb, version bigint DEFAULT NULL, actor_id bigint DEFAULT NULL
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- writes a profile that may have to be made
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    profile      quests.psychological_profiles;
    caller_actor text := current_setting('mentorbase.actor', true);
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;

    PERFORM quests.check_keys(
        changes,
        ARRAY['triggers', 'communication_style', 'toxic_patterns', 'growth_areas', 'recommended_techniques'],
        'changes'
    );
    PERFORM quests.check_own(update_profile.user_id);
    profile := quests.own_profile(update_profile.user_id, update_profile.version);
    SELECT (jsonb_populate_record(profile, changes)).* INTO profile;
    UPDATE quests.psychological_profiles AS p
    SET
        triggers = profile.triggers,
        communication_style = profile.communication_style,
        toxic_patterns = profile.toxic_patterns,
        growth_areas = profile.growth_areas,
        recommended_techniques = profile.recommended_techniques
    WHERE p.id = profile.id
    RETURNING p.version INTO profile.version;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN profile.version;
END
$$;

COMMENT ON FUNCTION quests.update_profile(bigint, jsonb, bigint, bigint) IS
'Changes what a person''s profile says, and returns its version. changes: triggers, communication_style, toxic_patterns, growth_areas, recommended_techniques, any of them; the others stay. version: refuse if the profile has changed since (NULL: do not ask). actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB005, MB007, and the constraints of psychological_profiles.';

CREATE FUNCTION quests.add_coping_strategy(user_id bigint, strategy text, actor_id bigint DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- writes a profile that may have to be made
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    profile      quests.psychological_profiles;
    caller_actor text := current_setting('mentorbase.actor', true);
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;

    IF strategy !~ '\S' OR length(strategy) > 200 THEN
        RAISE EXCEPTION 'a strategy has 1 to 200 characters' USING
            ERRCODE = 'MB007',
            DETAIL = 'argument=strategy',
            HINT = 'Say shortly what helped.';
    END IF;
    PERFORM quests.check_own(add_coping_strategy.user_id);
    profile := quests.own_profile(add_coping_strategy.user_id);
    UPDATE quests.psychological_profiles AS p
    SET primary_coping_strategies = jsonb_set(
        p.primary_coping_strategies, ARRAY[strategy],
        to_jsonb(coalesce((p.primary_coping_strategies ->> strategy)::bigint, 0) + 1)
    )
    WHERE p.id = profile.id
    RETURNING p.version INTO profile.version;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN profile.version;
END
$$;

COMMENT ON FUNCTION quests.add_coping_strategy(bigint, text, bigint) IS
'Records that a strategy helped a person, once more, and returns the profile''s version. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB007.';

CREATE FUNCTION quests.purge(dry_run boolean DEFAULT true, at_most bigint DEFAULT 10000)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_setting text := current_setting('mentorbase.maintenance', true);
    counted        bigint;
BEGIN
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', 'quests');
    WITH expired AS (
        SELECT r.id
        FROM quests.privacy_reads AS r
        WHERE r.occurred_at < now() - make_interval(days => quests.setting('ledger_retention')::integer)
        ORDER BY r.occurred_at
        LIMIT at_most
    ),

    gone AS (
        DELETE FROM quests.privacy_reads AS r USING expired AS e
        WHERE r.id = e.id AND NOT dry_run
        RETURNING r.id
    )

    SELECT count(*) INTO counted FROM expired;
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_setting, ''));
    RETURN counted;
END
$$;

COMMENT ON FUNCTION quests.purge(boolean, bigint) IS
'Removes rows of the read ledger that are older than ledger_retention, at_most of them, the oldest first, and returns how many; with dry_run it only counts. For the owner, daily.';

CREATE VIEW quests.v_quests AS
SELECT
    q.quest_id,
    q.creator_id,
    q.status,
    q.moderation_status,
    jsonb_array_length(q.moderation_issues) AS issues,
    octet_length(q.quest_yaml) AS yaml_bytes,
    q.deployed_at,
    q.deleted_at,
    q.created_at,
    q.updated_at
FROM quests.quests AS q;

COMMENT ON VIEW quests.v_quests IS
'Quests as their parents made them, for analysts and moderators: without the child''s name and age and without the YAML. Nothing in it is of what a child did.';
COMMENT ON COLUMN quests.v_quests.quest_id IS 'The quest.';
COMMENT ON COLUMN quests.v_quests.creator_id IS 'The parent who made it (auth.users.id).';
COMMENT ON COLUMN quests.v_quests.status IS 'Where it stands: draft, ready, deployed, archived or deleted.';
COMMENT ON COLUMN quests.v_quests.moderation_status IS 'What a moderator says of it: pending, approved or rejected.';
COMMENT ON COLUMN quests.v_quests.issues IS 'How many things the moderator found.';
COMMENT ON COLUMN quests.v_quests.yaml_bytes IS 'How long the YAML is, in bytes; NULL: there is none yet.';
COMMENT ON COLUMN quests.v_quests.deployed_at IS 'When it was first given to Inner Edu; NULL before.';
COMMENT ON COLUMN quests.v_quests.deleted_at IS 'When the parent deleted it; NULL while they see it.';
COMMENT ON COLUMN quests.v_quests.created_at IS 'When it was made.';
COMMENT ON COLUMN quests.v_quests.updated_at IS 'When the parent or a moderator last changed it.';

CREATE VIEW quests.v_quest_history AS
SELECT
    h.id AS step_id,
    h.quest_id,
    h.creator_id,
    h.from_status,
    h.to_status,
    h.moderation_status,
    h.actor_kind,
    h.actor_id,
    h.occurred_at
FROM quests.quest_history AS h;

COMMENT ON VIEW quests.v_quest_history IS 'Who took which step of a quest and when, for analysts: without reasons and database logins.';
COMMENT ON COLUMN quests.v_quest_history.step_id IS 'Order of the steps.';
COMMENT ON COLUMN quests.v_quest_history.quest_id IS 'The quest; it may be gone.';
COMMENT ON COLUMN quests.v_quest_history.creator_id IS 'Its parent (auth.users.id).';
COMMENT ON COLUMN quests.v_quest_history.from_status IS 'Status before; NULL where the quest is new.';
COMMENT ON COLUMN quests.v_quest_history.to_status IS 'Status after; NULL where the quest was removed.';
COMMENT ON COLUMN quests.v_quest_history.moderation_status IS 'What the moderator said of it then.';
COMMENT ON COLUMN quests.v_quest_history.actor_kind IS 'As what the actor took the step.';
COMMENT ON COLUMN quests.v_quest_history.actor_id IS
'Who took it (auth.users.id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN quests.v_quest_history.occurred_at IS 'When: the start of the transaction.';

CREATE VIEW quests.v_consent_changes AS
SELECT
    c.id AS change_id,
    c.quest_id,
    c.data_type,
    c.shared,
    c.actor_kind,
    c.changed_at
FROM quests.consent_changes AS c;

COMMENT ON VIEW quests.v_consent_changes IS
'The consent ledger, for those who answer for it: when a child began or ceased to share what. Without who the child is.';
COMMENT ON COLUMN quests.v_consent_changes.change_id IS 'Order of the changes.';
COMMENT ON COLUMN quests.v_consent_changes.quest_id IS 'The quest.';
COMMENT ON COLUMN quests.v_consent_changes.data_type IS 'What it is about.';
COMMENT ON COLUMN quests.v_consent_changes.shared IS 'Whether it was shared from then on.';
COMMENT ON COLUMN quests.v_consent_changes.actor_kind IS 'As what somebody changed it: child, admin or system.';
COMMENT ON COLUMN quests.v_consent_changes.changed_at IS 'When.';

CREATE VIEW quests.v_privacy_reads AS
SELECT
    r.id AS read_id,
    r.ticket,
    r.step,
    r.quest_id,
    r.data_type,
    r.reader_id,
    r.result,
    r.occurred_at
FROM quests.privacy_reads AS r;

COMMENT ON VIEW quests.v_privacy_reads IS
'The read ledger, for those who answer for it: who asked for what of a child, and what the check found. Rows with the result violation are attempts to read another parent''s quest.';
COMMENT ON COLUMN quests.v_privacy_reads.read_id IS 'Order of the rows.';
COMMENT ON COLUMN quests.v_privacy_reads.ticket IS 'Joins what was asked with what was read; used up or expired.';
COMMENT ON COLUMN quests.v_privacy_reads.step IS 'Whether it was asked for or read.';
COMMENT ON COLUMN quests.v_privacy_reads.quest_id IS 'The quest that was asked about; NULL: all of the reader''s.';
COMMENT ON COLUMN quests.v_privacy_reads.data_type IS 'What was asked for; NULL: all there is.';
COMMENT ON COLUMN quests.v_privacy_reads.reader_id IS 'Who asked (auth.users.id).';
COMMENT ON COLUMN quests.v_privacy_reads.result IS 'What the check found: allowed, redacted, refused, missing or violation.';
COMMENT ON COLUMN quests.v_privacy_reads.occurred_at IS 'When.';

CREATE VIEW quests.v_audit_log AS
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
FROM quests.audit_log AS a;

COMMENT ON VIEW quests.v_audit_log IS
'Who changed which row of this schema and when, for analysts: all but the values and the database logins. Filter by occurred_at.';
COMMENT ON COLUMN quests.v_audit_log.change_id IS 'Order of the changes.';
COMMENT ON COLUMN quests.v_audit_log.table_name IS 'The table whose row changed.';
COMMENT ON COLUMN quests.v_audit_log.row_key IS 'The row: its key columns and their values.';
COMMENT ON COLUMN quests.v_audit_log.operation IS 'insert, update, delete, or scrub for an erasure of values from the log.';
COMMENT ON COLUMN quests.v_audit_log.changed_columns IS
'What an update changed, and which secret columns an insert or delete had filled.';
COMMENT ON COLUMN quests.v_audit_log.actor_kind IS 'As what the actor did it: user, admin or system.';
COMMENT ON COLUMN quests.v_audit_log.actor_id IS
'Who did it (auth.users.id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN quests.v_audit_log.transaction_id IS 'The transaction, the same for all that it changed.';
COMMENT ON COLUMN quests.v_audit_log.occurred_at IS 'When: the start of the transaction.';

-- Row-level security, forced: it holds for the owner too, so that no function and no slip of a grant goes around it.
-- Without an actor in the transaction no policy of an application is true. Policies look at the row and the setting only,
-- and compare numbers, so that a query that says whose rows it wants goes by the index for it.
ALTER TABLE quests.users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.quests ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.quest_history ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.child_privacy_settings ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.consent_changes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.privacy_reads ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.quest_analytics ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.sessions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.messages ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.letters ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.goals ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.metrics_snapshots ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.creative_projects ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.psychological_profiles ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.quest_nodes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.child_progress ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.achievements ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

-- For the functions of this service, which ask for themselves, for views, and for pg_dump --enable-row-security.
CREATE POLICY users_owner ON quests.users TO mentorbase_owner USING (true);
CREATE POLICY quests_owner ON quests.quests TO mentorbase_owner USING (true);
CREATE POLICY quest_history_owner ON quests.quest_history TO mentorbase_owner USING (true);
CREATE POLICY child_privacy_settings_owner ON quests.child_privacy_settings TO mentorbase_owner USING (true);
CREATE POLICY consent_changes_owner ON quests.consent_changes TO mentorbase_owner USING (true);
CREATE POLICY privacy_reads_owner ON quests.privacy_reads TO mentorbase_owner USING (true);
CREATE POLICY quest_analytics_owner ON quests.quest_analytics TO mentorbase_owner USING (true);
CREATE POLICY sessions_owner ON quests.sessions TO mentorbase_owner USING (true);
CREATE POLICY messages_owner ON quests.messages TO mentorbase_owner USING (true);
CREATE POLICY letters_owner ON quests.letters TO mentorbase_owner USING (true);
CREATE POLICY goals_owner ON quests.goals TO mentorbase_owner USING (true);
CREATE POLICY metrics_snapshots_owner ON quests.metrics_snapshots TO mentorbase_owner USING (true);
CREATE POLICY creative_projects_owner ON quests.creative_projects TO mentorbase_owner USING (true);
CREATE POLICY psychological_profiles_owner ON quests.psychological_profiles TO mentorbase_owner USING (true);
CREATE POLICY quest_nodes_owner ON quests.quest_nodes TO mentorbase_owner USING (true);
CREATE POLICY child_progress_owner ON quests.child_progress TO mentorbase_owner USING (true);
CREATE POLICY achievements_owner ON quests.achievements TO mentorbase_owner USING (true);

-- The bot: what is the acting parent's own. A deleted quest is not.
CREATE POLICY users_parent ON quests.users TO pas_bot_user USING (
    id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    )
);

CREATE POLICY quests_parent ON quests.quests FOR SELECT TO pas_bot_user USING (
    creator_id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    ) AND status <> 'deleted'
);

CREATE POLICY sessions_parent ON quests.sessions TO pas_bot_user USING (
    user_id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    )
);

CREATE POLICY messages_parent ON quests.messages TO pas_bot_user USING (
    user_id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    )
);

CREATE POLICY letters_parent ON quests.letters TO pas_bot_user USING (
    user_id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    )
);

CREATE POLICY goals_parent ON quests.goals TO pas_bot_user USING (
    user_id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    )
);

CREATE POLICY metrics_snapshots_parent ON quests.metrics_snapshots TO pas_bot_user USING (
    user_id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    )
);

CREATE POLICY creative_projects_parent ON quests.creative_projects TO pas_bot_user USING (
    user_id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    )
);

CREATE POLICY psychological_profiles_parent ON quests.psychological_profiles TO pas_bot_user USING (
    user_id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    )
);


-- Inner Edu: what is the acting child's own.
CREATE POLICY child_privacy_settings_child ON quests.child_privacy_settings FOR SELECT TO inner_edu_user USING (
    child_id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    )
);

CREATE POLICY quest_nodes_child ON quests.quest_nodes FOR SELECT TO inner_edu_user USING (
    child_id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    )
);

CREATE POLICY child_progress_child ON quests.child_progress FOR SELECT TO inner_edu_user USING (
    child_id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    )
);

CREATE POLICY achievements_child ON quests.achievements FOR SELECT TO inner_edu_user USING (
    child_id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    )
);


COMMENT ON POLICY users_owner ON quests.users IS 'The owner has every row.';
COMMENT ON POLICY quests_owner ON quests.quests IS 'The owner has every row.';
COMMENT ON POLICY quest_history_owner ON quests.quest_history IS 'The owner has every row.';
COMMENT ON POLICY child_privacy_settings_owner ON quests.child_privacy_settings IS 'The owner has every row.';
COMMENT ON POLICY consent_changes_owner ON quests.consent_changes IS 'The owner has every row.';
COMMENT ON POLICY privacy_reads_owner ON quests.privacy_reads IS 'The owner has every row.';
COMMENT ON POLICY quest_analytics_owner ON quests.quest_analytics IS 'The owner has every row.';
COMMENT ON POLICY sessions_owner ON quests.sessions IS 'The owner has every row.';
COMMENT ON POLICY messages_owner ON quests.messages IS 'The owner has every row.';
COMMENT ON POLICY letters_owner ON quests.letters IS 'The owner has every row.';
COMMENT ON POLICY goals_owner ON quests.goals IS 'The owner has every row.';
COMMENT ON POLICY metrics_snapshots_owner ON quests.metrics_snapshots IS 'The owner has every row.';
COMMENT ON POLICY creative_projects_owner ON quests.creative_projects IS 'The owner has every row.';
COMMENT ON POLICY psychological_profiles_owner ON quests.psychological_profiles IS 'The owner has every row.';
COMMENT ON POLICY quest_nodes_owner ON quests.quest_nodes IS 'The owner has every row.';
COMMENT ON POLICY child_progress_owner ON quests.child_progress IS 'The owner has every row.';
COMMENT ON POLICY achievements_owner ON quests.achievements IS 'The owner has every row.';
COMMENT ON POLICY users_parent ON quests.users IS 'The bot has the row of the acting person.';
COMMENT ON POLICY quests_parent ON quests.quests IS 'The bot sees the quests of the acting person but for deleted ones.';
COMMENT ON POLICY sessions_parent ON quests.sessions IS 'The bot has the rows of the acting person.';
COMMENT ON POLICY messages_parent ON quests.messages IS 'The bot has the rows of the acting person.';
COMMENT ON POLICY letters_parent ON quests.letters IS 'The bot has the rows of the acting person.';
COMMENT ON POLICY goals_parent ON quests.goals IS 'The bot has the rows of the acting person.';
COMMENT ON POLICY metrics_snapshots_parent ON quests.metrics_snapshots IS 'The bot has the rows of the acting person.';
COMMENT ON POLICY creative_projects_parent ON quests.creative_projects IS 'The bot has the rows of the acting person.';
COMMENT ON POLICY psychological_profiles_parent ON quests.psychological_profiles IS 'The bot has the rows of the acting person.';
COMMENT ON POLICY child_privacy_settings_child ON quests.child_privacy_settings IS 'Inner Edu sees the rows of the acting child.';
COMMENT ON POLICY quest_nodes_child ON quests.quest_nodes IS 'Inner Edu sees the rows of the acting child.';
COMMENT ON POLICY child_progress_child ON quests.child_progress IS 'Inner Edu sees the rows of the acting child.';
COMMENT ON POLICY achievements_child ON quests.achievements IS 'Inner Edu sees the rows of the acting child.';

-- What both applications need. It shows nothing of anybody.
GRANT USAGE ON SCHEMA quests, platform TO quests_app;
GRANT EXECUTE ON FUNCTION
platform.current_actor(name), platform.is_application(name), quests.is_aggregate(jsonb)
TO quests_app;
GRANT SELECT ON quests.quests_transitions TO quests_app;

-- The bot of the parents. Nothing that a child writes: what of it a parent may see comes from ask() and read().
GRANT EXECUTE ON FUNCTION
quests.create_quest(bigint, jsonb, bigint),
quests.update_quest(uuid, jsonb, bigint, bigint),
quests.save_quest_yaml(uuid, text, bigint, bigint),
quests.set_quest_status(uuid, quests.quest_status, bigint, text),
quests.moderate_quest(uuid, quests.moderation_status, jsonb, text),
quests.export_quest(uuid, bigint, text),
quests.ask(uuid, quests.data_type, bigint),
quests.read(uuid, bigint),
quests.get_privacy_settings(uuid, bigint),
quests.can_share_with_parent(uuid, quests.data_type, bigint),
quests.create_creative_project(bigint, quests.project_type, text, bigint),
quests.update_project_progress(bigint, integer, bigint),
quests.get_or_create_profile(bigint, uuid, bigint),
quests.update_profile(bigint, jsonb, bigint, bigint),
quests.update_profile_emotions(bigint, jsonb, bigint, bigint),
quests.add_coping_strategy(bigint, text, bigint)
TO pas_bot_user;
GRANT SELECT ON quests.quests TO pas_bot_user;
GRANT SELECT,
INSERT (id, recovery_tracks, primary_track, recovery_week, recovery_day),
UPDATE (recovery_tracks, primary_track, recovery_week, recovery_day)
ON quests.users TO pas_bot_user;
GRANT SELECT, UPDATE (status, progress) ON quests.creative_projects TO pas_bot_user;
GRANT SELECT, UPDATE (crisis_history) ON quests.psychological_profiles TO pas_bot_user;
GRANT SELECT,
INSERT (user_id, started_at, ended_at, summary, mood_before, mood_after),
UPDATE (ended_at, summary, mood_before, mood_after), DELETE
ON quests.sessions TO pas_bot_user;
GRANT SELECT, INSERT (user_id, session_id, role, content, sent_at), UPDATE (content), DELETE
ON quests.messages TO pas_bot_user;
GRANT SELECT,
INSERT (user_id, recipient, title, body, status),
UPDATE (recipient, title, body, status), DELETE
ON quests.letters TO pas_bot_user;
GRANT SELECT,
INSERT (user_id, title, specific, measurable, achievable, relevant, due_date, status, progress),
UPDATE (title, specific, measurable, achievable, relevant, due_date, status, progress), DELETE
ON quests.goals TO pas_bot_user;
GRANT SELECT, INSERT (user_id, taken_at, metrics), DELETE ON quests.metrics_snapshots TO pas_bot_user;

-- Inner Edu of the children. Nothing of the bot's.
GRANT EXECUTE ON FUNCTION
quests.open_quest(uuid, bigint),
quests.get_privacy_settings(uuid, bigint),
quests.update_privacy_settings(uuid, jsonb, bigint),
quests.can_share_with_parent(uuid, quests.data_type, bigint),
quests.save_nodes(uuid, jsonb),
quests.start_node(uuid, text, bigint),
quests.complete_node(uuid, text, numeric, bigint),
quests.update_quest_progress(uuid, integer, bigint),
quests.record_achievement(uuid, jsonb, bigint)
TO inner_edu_user;
GRANT SELECT ON
quests.child_privacy_settings, quests.quest_nodes, quests.child_progress, quests.achievements
TO inner_edu_user;

GRANT USAGE ON SCHEMA quests TO mentorbase_reader;
GRANT USAGE ON TYPE
quests.quest_status, quests.moderation_status, quests.party, quests.data_type, quests.read_step, quests.read_result
TO mentorbase_reader;
GRANT SELECT ON
quests.v_quests, quests.v_quest_history, quests.v_consent_changes, quests.v_privacy_reads, quests.v_audit_log
TO mentorbase_reader;
