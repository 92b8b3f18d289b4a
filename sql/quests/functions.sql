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

CREATE FUNCTION quests.end_person(person platform.person)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_quest uuid;
    ended       bigint := 0;
    affected    bigint;
BEGIN
    FOR found_quest IN
        SELECT q.quest_id
        FROM quests.quests AS q
        WHERE q.creator_id = person.user_id AND q.status <> 'deleted'
        ORDER BY q.id
    LOOP
        PERFORM quests.set_quest_status(found_quest, 'deleted');
        ended := ended + 1;
    END LOOP;
    UPDATE quests.child_privacy_settings AS c
    SET share_completion_progress = false, share_educational_progress = false, share_play_frequency = false
    WHERE c.child_id = person.user_id
        AND (c.share_completion_progress OR c.share_educational_progress OR c.share_play_frequency);
    GET DIAGNOSTICS affected = ROW_COUNT;
    RETURN ended + affected;
END
$$;

COMMENT ON FUNCTION quests.end_person(platform.person) IS
'Deletes a parent''s quests (by status), and switches a child''s sharing off; returns how many. For platform.erase_person().';
