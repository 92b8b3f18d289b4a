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
    IF platform.is_bulk_load('mentoring_app') THEN
        RETURN;
    END IF;
    LOOP
        -- Locks by changing the row: under REPEATABLE READ a mere row lock would let two old snapshots count the
        -- same places. Without a limit too, for somebody may set one meanwhile.
        UPDATE mentoring.user_profiles AS p
        SET places_version = p.places_version + 1
        WHERE p.user_id = for_mentor_id
        RETURNING p.max_mentees INTO places;
        EXIT WHEN FOUND;

        SET LOCAL mentorbase.actor = 'system';
        INSERT INTO mentoring.user_profiles (user_id) VALUES (for_mentor_id) ON CONFLICT DO NOTHING;
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END LOOP;
    IF places IS NULL THEN
        RETURN;
    END IF;

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
'Takes one of a mentor''s places for the row being written, or refuses (MB101). Locks the mentor''s profile until the end of the transaction. In a bulk load nobody is refused.';

CREATE FUNCTION mentoring.check_not_blocked(for_mentor_id bigint, for_mentee_id bigint)
RETURNS void
LANGUAGE plpgsql
VOLATILE -- sees what was committed while it waited
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (
        SELECT FROM mentoring.blocks AS b
        WHERE (b.blocker_id, b.blocked_id) IN ((for_mentor_id, for_mentee_id), (for_mentee_id, for_mentor_id))
    ) THEN
        RAISE EXCEPTION 'no request is possible between these two people' USING
            ERRCODE = 'MB105',
            DETAIL = format('mentor_id=%s, mentee_id=%s', for_mentor_id, for_mentee_id),
            HINT = 'Ask somebody else.';
    END IF;
END
$$;

COMMENT ON FUNCTION mentoring.check_not_blocked(bigint, bigint) IS
'Refuses a new relationship between two people of whom one blocks the other (MB105), whoever makes it.';

CREATE FUNCTION mentoring.check_may_ask(for_mentor_id bigint, for_mentee_id bigint, asker_id bigint)
RETURNS void
LANGUAGE plpgsql
VOLATILE -- counts what was committed while it waited
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked          bigint;
    allowed        bigint;
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

    IF asker_id = for_mentee_id THEN
        PERFORM pg_advisory_xact_lock(hashtextextended(format('mentoring.asker:%s', asker_id), 0));
        allowed := mentoring.setting('open_requests');
        SELECT count(*) INTO asked
        FROM mentoring.mentor_mentee AS m
        WHERE m.mentee_id = for_mentee_id AND m.status = 'pending' AND m.initiated_by = 'mentee';
        IF asked >= allowed THEN
            RAISE EXCEPTION 'a mentee waits for the answer to % requests at most', allowed USING
                ERRCODE = 'MB106',
                DETAIL = format('mentee_id=%s, open_requests=%s, allowed=%s', for_mentee_id, asked, allowed),
                HINT = 'Wait for an answer, or cancel one of them.';
        END IF;
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
'Refuses a new request of this mentor and this mentee by the third: the mentor takes none (MB102), the mentee waits for too many answers already (setting open_requests, MB106), or the other side rejected one within the setting request_cooldown (MB103).';

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
'Asks for a relationship and returns it, without the notes: pending; active at once where the other side has asked already, or where an administrator or the system makes it. initiated_by: the side that asks (NULL: whatever the actor is). actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB101 to MB106, mentor_mentee_not_self_check.';

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

CREATE FUNCTION mentoring.remove(relationship_id bigint, actor_id bigint DEFAULT NULL, reason text DEFAULT NULL)
RETURNS mentoring.mentor_mentee
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- writes columns that no role may write
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    actor         platform.actor;
    by_mentor     boolean;
    relation      mentoring.mentor_mentee;
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', reason);
    END IF;
    actor := platform.current_actor('mentoring_app');

    SELECT m.* INTO relation FROM mentoring.mentor_mentee AS m WHERE m.id = relationship_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM mentoring.refuse_unchanged(relationship_id, NULL, NULL);
    ELSIF actor.kind <> 'user' OR actor.id NOT IN (relation.mentor_id, relation.mentee_id) THEN
        RAISE EXCEPTION 'a relationship is removed from one''s own lists only' USING
            ERRCODE = 'MB002',
            DETAIL = format('relationship_id=%s', relationship_id),
            HINT = 'Act as its mentor or mentee; administrators cancel or terminate it.';
    END IF;
    by_mentor := actor.id = relation.mentor_id;

    UPDATE mentoring.mentor_mentee AS m
    SET
        status = CASE
            WHEN m.status IN ('active', 'paused') THEN 'terminated'
            WHEN m.status <> 'pending' THEN m.status
            WHEN (m.initiated_by = 'mentor') = by_mentor THEN 'cancelled'
            ELSE 'rejected'
        END::mentoring.mentor_mentee_status,
        hidden_by_mentor_at = CASE WHEN by_mentor THEN coalesce(m.hidden_by_mentor_at, now()) ELSE m.hidden_by_mentor_at END,
        hidden_by_mentee_at = CASE WHEN by_mentor THEN m.hidden_by_mentee_at ELSE coalesce(m.hidden_by_mentee_at, now()) END
    WHERE m.id = relation.id
    RETURNING m.* INTO relation;

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

COMMENT ON FUNCTION mentoring.remove(bigint, bigint, text) IS
'Takes a relationship out of the actor''s own lists and returns it, without the notes. A live one ends first: one''s own request is withdrawn, the other side''s declined, an active or paused relationship terminated. The other side goes on seeing it. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB004.';

CREATE FUNCTION mentoring.relationship_of(of_mentor_id bigint, of_mentee_id bigint)
RETURNS bigint
LANGUAGE sql
VOLATILE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT m.id
FROM mentoring.mentor_mentee AS m
WHERE m.mentor_id = of_mentor_id AND m.mentee_id = of_mentee_id
ORDER BY m.status IN ('pending', 'active', 'paused') DESC, m.id DESC
LIMIT 1
$$;

COMMENT ON FUNCTION mentoring.relationship_of(bigint, bigint) IS
'The relationship that a new booking of this mentor and this mentee counts for: the live one, else the latest, else NULL. VOLATILE, so that it sees what was committed while its caller waited for a lock.';

CREATE FUNCTION mentoring.booking_side(booking mentoring.subject_schedule, actor platform.actor)
RETURNS mentoring.party
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SECURITY INVOKER
-- A body that is bound when it is made needs no search_path, and is inlined, which bulk loads are grateful for.
RETURN CASE
    WHEN actor.kind = 'admin' THEN 'admin'
    WHEN actor.kind = 'system' THEN 'system'
    WHEN actor.id = booking.mentor_id THEN 'mentor'
    WHEN actor.id = booking.user_id THEN 'mentee'
END::mentoring.party;

COMMENT ON FUNCTION mentoring.booking_side(mentoring.subject_schedule, platform.actor) IS
'What the actor is to this booking: mentor, mentee, admin or system; NULL for an outsider.';

CREATE FUNCTION mentoring.booking_step_exists(
    from_status mentoring.booking_status,
    to_status mentoring.booking_status,
    side mentoring.party
)
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT EXISTS (
    SELECT FROM mentoring.subject_schedule_transitions AS t
    WHERE t.from_status IS NOT DISTINCT FROM booking_step_exists.from_status
        AND t.to_status = booking_step_exists.to_status
        AND t.actor_kind = side
)
$$;

COMMENT ON FUNCTION mentoring.booking_step_exists(
    mentoring.booking_status, mentoring.booking_status, mentoring.party
) IS 'Whether subject_schedule_transitions allows this step to this side.';

CREATE FUNCTION mentoring.allowed_booking_steps(present mentoring.booking_status)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT format(
    'From %s a booking may go to: %s.',
    coalesce(present::text, 'nothing'),
    string_agg(format('%s (%s)', step.to_status, step.actors), ', ' ORDER BY step.to_status)
)
FROM (
    SELECT
        t.to_status,
        string_agg(t.actor_kind::text, ', ' ORDER BY t.actor_kind) AS actors
    FROM mentoring.subject_schedule_transitions AS t
    WHERE t.from_status IS NOT DISTINCT FROM present
    GROUP BY t.to_status
) AS step
$$;

COMMENT ON FUNCTION mentoring.allowed_booking_steps(mentoring.booking_status) IS
'What may follow a booking''s status and who may do it, in words: the HINT of a refusal. NULL: how a booking may begin.';

CREATE FUNCTION mentoring.refuse_booking_step(
    from_status mentoring.booking_status,
    to_status mentoring.booking_status,
    side mentoring.party,
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
    FROM mentoring.subject_schedule_transitions AS t
    WHERE t.from_status IS NOT DISTINCT FROM refuse_booking_step.from_status
        AND t.to_status = refuse_booking_step.to_status;

    IF permitted IS NULL THEN
        RAISE EXCEPTION 'a booking cannot go from % to %', coalesce(from_status::text, 'nothing'), to_status USING
            ERRCODE = 'MB003',
            DETAIL = detail,
            HINT = mentoring.allowed_booking_steps(from_status);
    END IF;
    RAISE EXCEPTION 'a booking goes from % to % only by: %',
        coalesce(from_status::text, 'nothing'), to_status, permitted
        USING
            ERRCODE = 'MB002',
            DETAIL = format('%s, actor_is=%s', detail, coalesce(side::text, 'outsider')),
            HINT = mentoring.allowed_booking_steps(from_status);
END
$$;

COMMENT ON FUNCTION mentoring.refuse_booking_step(
    mentoring.booking_status, mentoring.booking_status, mentoring.party, text
) IS
'Says why a guard refuses a booking''s step: subject_schedule_transitions does not list it (MB003), or not for this side (MB002). The fourth argument is the DETAIL. Always raises.';

CREATE FUNCTION mentoring.check_session_over(to_status mentoring.booking_status, booking_id bigint, due_at timestamptz)
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
    RAISE EXCEPTION 'the session cannot be % yet', to_status USING
        ERRCODE = 'MB003',
        DETAIL = format(
            'booking_id=%s, due_at=%s', booking_id,
            to_char(due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
        ),
        HINT = to_char(due_at AT TIME ZONE 'UTC', '"Wait until" YYYY-MM-DD HH24:MI "UTC, or cancel it."');
END
$$;

COMMENT ON FUNCTION mentoring.check_session_over(mentoring.booking_status, bigint, timestamptz) IS
'Refuses an outcome before its time (MB003): completed before the session''s end, no_show before its beginning.';

CREATE FUNCTION mentoring.book(
    subject_id bigint,
    user_id bigint,
    booked_date timestamptz,
    ends_at timestamptz,
    actor_id bigint DEFAULT NULL,
    reason text DEFAULT NULL
)
RETURNS mentoring.subject_schedule
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may insert bookings by hand
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    booking       mentoring.subject_schedule;
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', reason);
    END IF;

    INSERT INTO mentoring.subject_schedule AS b (subject_id, user_id, booked_date, ends_at)
    VALUES (book.subject_id, book.user_id, book.booked_date, book.ends_at)
    RETURNING b.* INTO booking;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    END IF;
    RETURN booking;
END
$$;

COMMENT ON FUNCTION mentoring.book(bigint, bigint, timestamptz, timestamptz, bigint, text) IS
'Books a session of a subject for a mentee (user_id) and returns the booking, pending. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB004, MB007, MB107, and the constraints of subject_schedule.';

CREATE FUNCTION mentoring.change_booking(
    booking_id bigint,
    to_status mentoring.booking_status,
    actor_id bigint DEFAULT NULL,
    reason text DEFAULT NULL
)
RETURNS mentoring.subject_schedule
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    present       mentoring.booking_status;
    booking       mentoring.subject_schedule;
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', reason);
    END IF;

    UPDATE mentoring.subject_schedule AS b
    SET status = change_booking.to_status
    WHERE b.id = booking_id AND b.status <> change_booking.to_status
    RETURNING b.* INTO booking;

    IF NOT FOUND THEN
        SELECT b.status INTO present FROM mentoring.subject_schedule AS b WHERE b.id = booking_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'there is no such booking' USING
                ERRCODE = 'MB004',
                DETAIL = format('booking_id=%s', coalesce(booking_id::text, 'null')),
                HINT = 'Look the booking up by its mentor or mentee.';
        END IF;
        RAISE EXCEPTION 'a booking cannot go from % to %', present, coalesce(to_status::text, 'nothing') USING
            ERRCODE = 'MB003',
            DETAIL = format('booking_id=%s, status=%s', booking_id, present),
            HINT = mentoring.allowed_booking_steps(present);
    END IF;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    END IF;
    RETURN booking;
END
$$;

COMMENT ON FUNCTION mentoring.change_booking(bigint, mentoring.booking_status, bigint, text) IS
'Takes one step of a booking''s life and returns the booking. actor_id: who acts (NULL: the transaction''s actor). reason: kept in the history. Refusals: MB001 to MB004.';

CREATE FUNCTION mentoring.block(blocker_id bigint, blocked_id bigint, actor_id bigint DEFAULT NULL)
RETURNS mentoring.blocks
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written block.x
DECLARE
    caller_actor text := current_setting('mentorbase.actor', true);
    made         mentoring.blocks;
BEGIN
    IF block.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', block.actor_id);
    END IF;
    LOOP
        INSERT INTO mentoring.blocks AS b (blocker_id, blocked_id)
        VALUES (block.blocker_id, block.blocked_id)
        ON CONFLICT (blocker_id, blocked_id) DO NOTHING
        RETURNING b.* INTO made;
        EXIT WHEN FOUND;
        SELECT b.* INTO made
        FROM mentoring.blocks AS b
        WHERE b.blocker_id = block.blocker_id AND b.blocked_id = block.blocked_id;
        EXIT WHEN FOUND; -- else somebody has lifted it meanwhile
    END LOOP;
    IF block.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN made;
END
$$;

COMMENT ON FUNCTION mentoring.block(bigint, bigint, bigint) IS
'Blocks a person for another and returns the block; one that exists already stays. actor_id: who acts (NULL: the transaction''s actor). Ends what is live between the two. Refusals: MB001, MB002, blocks_not_self_check.';

CREATE FUNCTION mentoring.unblock(blocker_id bigint, blocked_id bigint, actor_id bigint DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor text := current_setting('mentorbase.actor', true);
    lifted       boolean;
BEGIN
    IF unblock.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', unblock.actor_id);
    END IF;
    DELETE FROM mentoring.blocks AS b
    WHERE b.blocker_id = unblock.blocker_id AND b.blocked_id = unblock.blocked_id;
    lifted := FOUND;
    IF unblock.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN lifted;
END
$$;

COMMENT ON FUNCTION mentoring.unblock(bigint, bigint, bigint) IS
'Lifts a block and returns whether there was one. What it ended stays ended. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002.';

CREATE FUNCTION mentoring.expire_requests(at_most bigint DEFAULT 1000)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- reads a setting through a function that no role may call
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor text := current_setting('mentorbase.actor', true);
    expired      bigint;
BEGIN
    SET LOCAL mentorbase.actor = 'system';
    -- An array, so that the rows are found by their key whatever the planner expects of at_most.
    UPDATE mentoring.mentor_mentee AS m
    SET status = 'expired'
    WHERE m.id = ANY (
        ARRAY(
            SELECT o.id
            FROM mentoring.mentor_mentee AS o
            WHERE o.status = 'pending'
                AND o.created_at <= now() - make_interval(days => mentoring.setting('request_expiry')::integer)
            ORDER BY o.created_at, o.id
            LIMIT at_most
            FOR NO KEY UPDATE SKIP LOCKED
        )
    );
    GET DIAGNOSTICS expired = ROW_COUNT;
    EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    RETURN expired;
END
$$;

COMMENT ON FUNCTION mentoring.expire_requests(bigint) IS
'Lets the oldest unanswered requests expire, as the system: those older than the setting request_expiry, at most so many. Returns how many; call it again while it returns that many. Requests that somebody answers at this moment are left alone.';

CREATE FUNCTION mentoring.read_note(relationship_id bigint, actor_id bigint DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- reads a column that no role may select
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor    platform.actor;
    relation mentoring.mentor_mentee;
BEGIN
    actor := CASE
        WHEN read_note.actor_id IS NOT NULL THEN ROW('user', read_note.actor_id)::platform.actor
        ELSE platform.current_actor('mentoring_app')
    END;
    SELECT m.* INTO relation FROM mentoring.mentor_mentee AS m WHERE m.id = relationship_id;
    IF NOT FOUND THEN
        PERFORM mentoring.refuse_unchanged(relationship_id, NULL, NULL);
    END IF;
    IF actor.kind = 'user' AND actor.id = relation.mentor_id THEN
        RETURN relation.mentor_notes;
    ELSIF actor.kind = 'user' AND actor.id = relation.mentee_id THEN
        RETURN relation.mentee_notes;
    END IF;
    RAISE EXCEPTION 'a note is read by its own side only' USING
        ERRCODE = 'MB002',
        DETAIL = format('relationship_id=%s', relationship_id),
        HINT = 'Act as the mentor or the mentee of this relationship.';
END
$$;

COMMENT ON FUNCTION mentoring.read_note(bigint, bigint) IS
'The note that the actor''s own side wrote about this relationship, NULL if none: the mentor''s or the mentee''s, never the other''s, and nobody else''s business, administrators included. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB004.';

CREATE FUNCTION mentoring.write_note(relationship_id bigint, note text, actor_id bigint DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- writes a column that no role may write
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor text := current_setting('mentorbase.actor', true);
    actor        platform.actor;
    relation     mentoring.mentor_mentee;
BEGIN
    IF length(note) > 10000 THEN
        -- Here, since the constraint's own message would quote the row to whoever wrote it.
        RAISE EXCEPTION 'a note has at most 10000 characters' USING
            ERRCODE = 'MB007',
            DETAIL = format('relationship_id=%s, length=%s', relationship_id, length(note)),
            HINT = 'Shorten it.';
    END IF;
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;
    actor := platform.current_actor('mentoring_app');

    SELECT m.* INTO relation FROM mentoring.mentor_mentee AS m WHERE m.id = relationship_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM mentoring.refuse_unchanged(relationship_id, NULL, NULL);
    ELSIF actor.kind = 'user' AND actor.id = relation.mentor_id THEN
        UPDATE mentoring.mentor_mentee AS m SET mentor_notes = note WHERE m.id = relation.id
        RETURNING m.version INTO relation.version;
    ELSIF actor.kind = 'user' AND actor.id = relation.mentee_id THEN
        UPDATE mentoring.mentor_mentee AS m SET mentee_notes = note WHERE m.id = relation.id
        RETURNING m.version INTO relation.version;
    ELSE
        RAISE EXCEPTION 'a note is written by its own side only' USING
            ERRCODE = 'MB002',
            DETAIL = format('relationship_id=%s', relationship_id),
            HINT = 'Act as the mentor or the mentee of this relationship.';
    END IF;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN relation.version;
END
$$;

COMMENT ON FUNCTION mentoring.write_note(bigint, text, bigint) IS
'Replaces the note of the actor''s own side about this relationship (NULL removes it) and returns the relationship''s version, which a note does not change. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB004, MB007.';

CREATE FUNCTION mentoring.publish(
    mentor_id bigint,
    kind mentoring.publication_kind,
    reference text,
    title text,
    actor_id bigint DEFAULT NULL
)
RETURNS mentoring.publications
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written publish.x
DECLARE
    caller_actor text := current_setting('mentorbase.actor', true);
    published    mentoring.publications;
BEGIN
    IF publish.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', publish.actor_id);
    END IF;
    INSERT INTO mentoring.publications AS p (mentor_id, kind, reference, title)
    VALUES (publish.mentor_id, publish.kind, publish.reference, publish.title)
    ON CONFLICT (mentor_id, kind, reference) DO NOTHING
    RETURNING p.* INTO published;
    IF NOT FOUND THEN
        SELECT p.* INTO published
        FROM mentoring.publications AS p
        WHERE p.mentor_id = publish.mentor_id AND p.kind = publish.kind AND p.reference = publish.reference;
    END IF;
    IF publish.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    RETURN published;
END
$$;

COMMENT ON FUNCTION mentoring.publish(bigint, mentoring.publication_kind, text, text, bigint) IS
'Publishes a mentor''s quiz, course or subject and returns the publication; one that exists already stays as it is. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, and the constraints of publications.';

CREATE FUNCTION mentoring.attribute_bookings(of_mentor_id bigint, of_mentee_id bigint)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation_id bigint := mentoring.relationship_of(of_mentor_id, of_mentee_id);
BEGIN
    IF relation_id IS NOT NULL THEN
        UPDATE mentoring.subject_schedule AS b
        SET relationship_id = relation_id
        WHERE b.mentor_id = of_mentor_id AND b.user_id = of_mentee_id AND b.relationship_id IS NULL;
    END IF;
    RETURN relation_id;
END
$$;

COMMENT ON FUNCTION mentoring.attribute_bookings(bigint, bigint) IS
'Lets the bookings of this mentor and this mentee that count for no relationship count for the pair''s live one, else its latest, and returns that; NULL if the pair has none. For the owner.';

CREATE FUNCTION mentoring.backfill_relationships(
    after_mentor_id bigint DEFAULT 0,
    after_mentee_id bigint DEFAULT 0,
    at_most bigint DEFAULT 1000
)
RETURNS TABLE (
    pairs bigint,
    created bigint,
    attributed bigint,
    only_cancelled bigint,
    blocked bigint,
    over_capacity bigint[],
    last_mentor_id bigint,
    last_mentee_id bigint
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    caller_bulk   text := current_setting('mentorbase.bulk_load', true);
    pair          record;
    mentors       bigint[] := ARRAY[]::bigint[];
BEGIN
    SET LOCAL mentorbase.actor = 'system';
    SET LOCAL mentorbase.reason = 'made from bookings';
    SET LOCAL mentorbase.bulk_load = 'on';
    pairs := 0;
    created := 0;
    attributed := 0;
    only_cancelled := 0;
    blocked := 0;

    FOR pair IN
        SELECT
            b.mentor_id,
            b.user_id AS mentee_id,
            least(min(b.created_at) FILTER (WHERE b.status <> 'cancelled'), now()) AS began_at,
            count(*) FILTER (WHERE b.status <> 'cancelled') > 0 AS worked
        FROM mentoring.subject_schedule AS b
        WHERE b.relationship_id IS NULL AND (b.mentor_id, b.user_id) > (after_mentor_id, after_mentee_id)
        GROUP BY b.mentor_id, b.user_id
        ORDER BY b.mentor_id, b.user_id
        LIMIT at_most
    LOOP
        pairs := pairs + 1;
        last_mentor_id := pair.mentor_id;
        last_mentee_id := pair.mentee_id;
        PERFORM mentoring.lock_pair(pair.mentor_id, pair.mentee_id);
        IF mentoring.attribute_bookings(pair.mentor_id, pair.mentee_id) IS NOT NULL THEN
            attributed := attributed + 1;
        ELSIF NOT pair.worked THEN
            only_cancelled := only_cancelled + 1;
        ELSIF EXISTS (
            SELECT FROM mentoring.blocks AS b
            WHERE (b.blocker_id, b.blocked_id) IN ((pair.mentor_id, pair.mentee_id), (pair.mentee_id, pair.mentor_id))
        ) THEN
            blocked := blocked + 1;
        ELSE
            INSERT INTO mentoring.user_profiles (user_id) VALUES (pair.mentor_id) ON CONFLICT DO NOTHING;
            INSERT INTO mentoring.mentor_mentee (mentor_id, mentee_id, status, initiated_by, accepted_at)
            VALUES (pair.mentor_id, pair.mentee_id, 'active', 'system', pair.began_at);
            created := created + 1;
            mentors := mentors || pair.mentor_id;
        END IF;
    END LOOP;

    over_capacity := ARRAY(
        SELECT p.user_id
        FROM mentoring.user_profiles AS p
        WHERE p.user_id = ANY (mentors)
            AND p.max_mentees < (
                SELECT count(*)
                FROM mentoring.mentor_mentee AS m
                WHERE m.mentor_id = p.user_id AND m.status IN ('active', 'paused')
            )
        ORDER BY p.user_id
    );
    EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    EXECUTE format('SET LOCAL mentorbase.bulk_load = %L', coalesce(caller_bulk, ''));
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION mentoring.backfill_relationships(bigint, bigint, bigint) IS
'Makes active relationships, as the system, from bookings that count for none: one for each pair with a booking that is not cancelled, accepted when the first of those was made, past max_mentees too. For the owner, in batches: pass the last ids returned while pairs is at_most; it can be run again at any time. Returns how many pairs it looked at, and of these how many relationships it created, how many had one and got their bookings attributed, had cancelled bookings only, or block each other; and which mentors now have more than max_mentees.';

CREATE FUNCTION mentoring.purge(dry_run boolean DEFAULT true, at_most bigint DEFAULT 1000)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Not before the pair has cooled down, or it would ask again too early.
    ended_before       timestamptz := now() - make_interval(
        days => greatest(mentoring.setting('request_retention'), mentoring.setting('request_cooldown'))::integer
    );
    caller_actor       text := current_setting('mentorbase.actor', true);
    caller_reason      text := current_setting('mentorbase.reason', true);
    caller_maintenance text := current_setting('mentorbase.maintenance', true);
    requests           bigint[];
    mentors            bigint[];
    mentees            bigint[];
    pair               record;
    affected           bigint;
BEGIN
    IF dry_run THEN
        SELECT count(*) INTO affected
        FROM mentoring.mentor_mentee AS m
        WHERE m.status IN ('rejected', 'cancelled', 'expired') AND m.ended_at <= ended_before;
        RETURN affected;
    END IF;

    SET LOCAL mentorbase.actor = 'system';
    SET LOCAL mentorbase.reason = 'anonymised';
    SET LOCAL mentorbase.maintenance = 'mentoring';
    -- One at a time: two would each give bookings to what the other deletes.
    LOCK TABLE ONLY mentoring.audit_log IN SHARE UPDATE EXCLUSIVE MODE;
    requests := ARRAY(
        SELECT m.id
        FROM mentoring.mentor_mentee AS m
        WHERE m.status IN ('rejected', 'cancelled', 'expired') AND m.ended_at <= ended_before
        ORDER BY m.ended_at, m.id
        LIMIT at_most
    );
    -- A relationship that is made meanwhile takes over the bookings that are set free here, or is given them.
    FOR pair IN
        SELECT DISTINCT m.mentor_id, m.mentee_id
        FROM mentoring.mentor_mentee AS m
        WHERE m.id = ANY (requests)
        ORDER BY m.mentor_id, m.mentee_id
    LOOP
        PERFORM mentoring.lock_pair(pair.mentor_id, pair.mentee_id);
    END LOOP;
    -- Those that a booking is being made for stay until next time.
    requests := ARRAY(
        SELECT m.id FROM mentoring.mentor_mentee AS m WHERE m.id = ANY (requests) FOR UPDATE SKIP LOCKED
    );

    SELECT array_agg(p.mentor_id), array_agg(p.user_id) INTO mentors, mentees
    FROM (
        SELECT DISTINCT b.mentor_id, b.user_id
        FROM mentoring.subject_schedule AS b
        WHERE b.relationship_id = ANY (requests)
    ) AS p;

    DELETE FROM mentoring.mentor_mentee AS m WHERE m.id = ANY (requests);
    GET DIAGNOSTICS affected = ROW_COUNT;
    UPDATE mentoring.mentor_mentee_history AS h
    SET mentor_id = NULL, mentee_id = NULL, actor_id = NULL, reason = NULL
    WHERE h.relationship_id = ANY (requests);
    PERFORM platform.scrub_rows(
        'mentoring', 'mentor_mentee', ARRAY(SELECT jsonb_build_object('id', r.id) FROM unnest(requests) AS r (id)),
        with_actor => true
    );

    -- What was booked counts for another relationship of the pair from now on, if there is any.
    FOR pair IN SELECT p.mentor_id, p.mentee_id FROM unnest(mentors, mentees) AS p (mentor_id, mentee_id)
    LOOP
        PERFORM mentoring.attribute_bookings(pair.mentor_id, pair.mentee_id);
    END LOOP;

    EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    EXECUTE format('SET LOCAL mentorbase.maintenance = %L', coalesce(caller_maintenance, ''));
    RETURN affected;
END
$$;

COMMENT ON FUNCTION mentoring.purge(boolean, bigint) IS
'Anonymises requests that were never accepted (rejected, cancelled, expired) and ended longer ago than the setting request_retention, the oldest first, at most so many: the row goes with its notes, its history stays without people and reasons, its audit rows without people and values. Not before the pair has cooled down (request_cooldown). One at a time. Returns how many; call it again while it returns that many. With dry_run, the default, nothing changes and it returns how many there are. For the owner.';

CREATE FUNCTION mentoring.end_person(person platform.person)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation mentoring.mentor_mentee;
    ended    bigint := 0;
    affected bigint;
BEGIN
    FOR relation IN
        SELECT m.*
        FROM mentoring.mentor_mentee AS m
        WHERE (m.mentor_id = person.user_id OR m.mentee_id = person.user_id)
            AND m.status IN ('pending', 'active', 'paused')
        ORDER BY m.id
    LOOP
        IF relation.status = 'pending' THEN
            SET LOCAL mentorbase.actor = ''; -- an administrator's step
            PERFORM mentoring.transition(relation.id, 'cancelled');
            SET LOCAL mentorbase.actor = 'system';
        ELSE
            PERFORM mentoring.transition(relation.id, 'terminated');
        END IF;
        ended := ended + 1;
    END LOOP;

    SET LOCAL mentorbase.actor = '';
    UPDATE mentoring.subject_schedule AS b
    SET status = 'cancelled'
    WHERE (b.mentor_id = person.user_id OR b.user_id = person.user_id)
        AND b.status IN ('pending', 'confirmed') AND b.booked_date > now();
    GET DIAGNOSTICS affected = ROW_COUNT;
    SET LOCAL mentorbase.actor = 'system';
    RETURN ended + affected;
END
$$;

COMMENT ON FUNCTION mentoring.end_person(platform.person) IS
'Ends a person''s relationships and cancels their bookings to come; returns how many. Requests are cancelled, relationships terminated by the system. For platform.erase_person().';
