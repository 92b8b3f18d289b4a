CREATE FUNCTION groups.side(of_teacher bigint, of_student bigint, actor platform.actor)
RETURNS groups.party
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
        WHEN actor.id = of_teacher THEN 'teacher'
        WHEN actor.id = of_student THEN 'student'
    END::groups.party
$$;

COMMENT ON FUNCTION groups.side(bigint, bigint, platform.actor) IS
'What the actor is to a group of this teacher and something that concerns this student: teacher, student, admin or system; NULL for an outsider.';

CREATE FUNCTION groups.refuse_closed(of_group groups.groups)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'the group takes no members this way, it is %', of_group.status USING
        ERRCODE = 'MB202',
        DETAIL = format('group_id=%s, status=%s', of_group.id, of_group.status),
        HINT = CASE of_group.status
            WHEN 'closed' THEN 'Ask its teacher for an invitation.'
            ELSE 'Choose another group.'
        END;
END
$$;

COMMENT ON FUNCTION groups.refuse_closed(groups.groups) IS 'Says that a group takes no members (MB202). Always raises.';

CREATE FUNCTION groups.refuse_teacher(of_group_id bigint)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'a teacher is no student of their own group' USING
        ERRCODE = 'MB007',
        DETAIL = format('group_id=%s', of_group_id),
        HINT = 'Name somebody else as the student.';
END
$$;

COMMENT ON FUNCTION groups.refuse_teacher(bigint) IS 'Says that a group''s teacher cannot be its student (MB007). Always raises.';

CREATE FUNCTION groups.refuse_invitation()
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'the invitation cannot be used' USING
        ERRCODE = 'MB203',
        HINT = 'Ask the teacher of the group for a new one.';
END
$$;

COMMENT ON FUNCTION groups.refuse_invitation() IS
'Says that an invitation cannot be used (MB203), in the same words whether it is unknown, used, revoked, expired or meant for somebody else. Always raises.';

CREATE FUNCTION groups.lock_group(of_group_id bigint)
RETURNS groups.groups
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    locked groups.groups;
BEGIN
    -- Locks by changing the row: under REPEATABLE READ a mere row lock would let two old snapshots count the same seats.
    UPDATE groups.groups AS g
    SET seats_version = g.seats_version + 1
    WHERE g.id = of_group_id
    RETURNING g.* INTO locked;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such group' USING
            ERRCODE = 'MB004',
            DETAIL = format('group_id=%s', coalesce(of_group_id::text, 'null')),
            HINT = 'Look the group up by its teacher.';
    END IF;
    RETURN locked;
END
$$;

COMMENT ON FUNCTION groups.lock_group(bigint) IS
'Until the end of the transaction, only this one takes and frees seats of the group. Returns the group, or refuses (MB004).';

CREATE FUNCTION groups.seats_taken(of_group_id bigint)
RETURNS bigint
LANGUAGE sql
VOLATILE -- counts what was committed while its caller waited for the lock
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT count(*) FROM groups.group_members AS m WHERE m.group_id = of_group_id AND m.status = 'active'
$$;

COMMENT ON FUNCTION groups.seats_taken(bigint) IS 'How many active members a group has.';

CREATE FUNCTION groups.check_seat(of_group groups.groups)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    taken bigint := groups.seats_taken(of_group.id);
BEGIN
    IF taken >= of_group.capacity THEN
        RAISE EXCEPTION 'the group has no free seat' USING
            ERRCODE = 'MB201',
            DETAIL = format('group_id=%s, capacity=%s, taken=%s', of_group.id, of_group.capacity, taken),
            HINT = 'Wait for a seat, or have its teacher raise capacity.';
    END IF;
END
$$;

COMMENT ON FUNCTION groups.check_seat(groups.groups) IS 'Refuses an active member more than a locked group has seats (MB201).';

CREATE FUNCTION groups.check_next(of_group_id bigint, member_id bigint)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    next_id bigint;
BEGIN
    SELECT m.id INTO next_id
    FROM groups.group_members AS m
    WHERE m.group_id = of_group_id AND m.status = 'waiting'
    ORDER BY m.requested_at, m.id
    LIMIT 1;
    IF next_id <> member_id THEN
        RAISE EXCEPTION 'somebody has waited longer' USING
            ERRCODE = 'MB003',
            DETAIL = format('member_id=%s, group_id=%s', member_id, of_group_id),
            HINT = 'The waiting list moves by itself, in order, when a seat comes free.';
    END IF;
END
$$;

COMMENT ON FUNCTION groups.check_next(bigint, bigint) IS 'Refuses to let somebody in who is not the next in line (MB003).';

CREATE FUNCTION groups.fill_seats(of_group_id bigint)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    of_group      groups.groups;
    next_id       bigint;
BEGIN
    of_group := groups.lock_group(of_group_id);
    IF of_group.status NOT IN ('open', 'closed') THEN
        RETURN;
    END IF;
    SET LOCAL mentorbase.actor = 'system';
    SET LOCAL mentorbase.reason = 'a seat came free';
    FOR i IN 1..of_group.capacity - groups.seats_taken(of_group_id)::integer LOOP
        SELECT m.id INTO next_id
        FROM groups.group_members AS m
        WHERE m.group_id = of_group_id AND m.status = 'waiting'
        ORDER BY m.requested_at, m.id
        LIMIT 1
        FOR NO KEY UPDATE;
        EXIT WHEN NOT FOUND;
        UPDATE groups.group_members AS m SET status = 'active' WHERE m.id = next_id;
    END LOOP;
    EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
END
$$;

COMMENT ON FUNCTION groups.fill_seats(bigint) IS
'Lets in whoever waits for the group while there are seats, the longest first, as the system. Locks the group.';

CREATE FUNCTION groups.change_group_status(
    group_id bigint, to_status groups.group_status, actor_id bigint DEFAULT NULL, reason text DEFAULT NULL
)
RETURNS groups.groups
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- says what steps there are, through a function that no role may call
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    changed       groups.groups;
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', reason);
    END IF;

    changed := groups.lock_group(group_id);
    IF to_status IS NULL OR changed.status = to_status THEN
        PERFORM platform.refuse_step(
            'groups', 'groups', 'a group', changed.status::text, to_status::text, NULL, format('group_id=%s', group_id)
        );
    END IF;
    UPDATE groups.groups AS g
    SET status = to_status
    WHERE g.id = group_id
    RETURNING g.* INTO changed;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    END IF;
    RETURN changed;
END
$$;

COMMENT ON FUNCTION groups.change_group_status(bigint, groups.group_status, bigint, text) IS
'Takes one step of a group''s life and returns the group. With a group that is completed or cancelled its memberships and invitations end. actor_id: who acts (NULL: the transaction''s actor). reason: kept in the history. Refusals: MB001 to MB004.';

CREATE FUNCTION groups.join_group(
    group_id bigint,
    student_telegram_id bigint,
    may_wait boolean DEFAULT true,
    actor_id bigint DEFAULT NULL,
    reason text DEFAULT NULL
)
RETURNS groups.group_members
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may insert members by hand
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    member        groups.group_members;
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', reason);
    END IF;

    INSERT INTO groups.group_members AS m (group_id, student_telegram_id, status)
    VALUES (
        join_group.group_id, join_group.student_telegram_id,
        CASE WHEN NOT may_wait THEN 'active'::groups.member_status END
    )
    RETURNING m.* INTO member;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    END IF;
    RETURN member;
END
$$;

COMMENT ON FUNCTION groups.join_group(bigint, bigint, boolean, bigint, text) IS
'Brings a student into a group and returns the membership: active, or waiting where no seat is free (refused instead, unless may_wait). Students come by themselves into open groups, by their teacher into closed ones too. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB004, MB007, MB201, MB202, group_members_live_key.';

CREATE FUNCTION groups.change_member(
    member_id bigint,
    to_status groups.member_status DEFAULT NULL,
    progress numeric DEFAULT NULL,
    actor_id bigint DEFAULT NULL,
    reason text DEFAULT NULL
)
RETURNS groups.group_members
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- locks the group, which no role may
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    member        groups.group_members;
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', reason);
    END IF;

    SELECT m.* INTO member FROM groups.group_members AS m WHERE m.id = member_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such membership' USING
            ERRCODE = 'MB004',
            DETAIL = format('member_id=%s', coalesce(member_id::text, 'null')),
            HINT = 'Look the membership up by its group or student.';
    ELSIF to_status IS NOT NULL THEN
        -- The group first, then its members: the one order of locks.
        PERFORM groups.lock_group(member.group_id);
    END IF;

    UPDATE groups.group_members AS m
    SET
        status = coalesce(to_status, m.status),
        progress = coalesce(change_member.progress, m.progress)
    WHERE m.id = member_id AND (to_status IS NULL OR m.status <> to_status)
    RETURNING m.* INTO member;
    IF NOT FOUND THEN
        PERFORM platform.refuse_step(
            'groups', 'group_members', 'a membership', to_status::text, to_status::text, NULL,
            format('member_id=%s, status=%s', member_id, to_status)
        );
    END IF;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    END IF;
    RETURN member;
END
$$;

COMMENT ON FUNCTION groups.change_member(bigint, groups.member_status, numeric, bigint, text) IS
'Takes one step of a membership, or records progress (0 to 100), or both, and returns the membership. NULL leaves as it is. A seat that comes free goes to the next in line. actor_id: who acts (NULL: the transaction''s actor). reason: kept in the history. Refusals: MB001 to MB004.';

CREATE FUNCTION groups.invite(
    group_id bigint,
    token_hash bytea,
    expires_at timestamptz,
    student_telegram_id bigint DEFAULT NULL,
    actor_id bigint DEFAULT NULL,
    reason text DEFAULT NULL
)
RETURNS groups.group_invitations
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may insert invitations by hand
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    invitation    groups.group_invitations;
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', reason);
    END IF;

    INSERT INTO groups.group_invitations AS i (group_id, student_telegram_id, token_hash, expires_at)
    VALUES (invite.group_id, invite.student_telegram_id, invite.token_hash, invite.expires_at)
    RETURNING i.* INTO invitation;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    END IF;
    invitation.token_hash := NULL;
    RETURN invitation;
END
$$;

COMMENT ON FUNCTION groups.invite(bigint, bytea, timestamptz, bigint, bigint, text) IS
'Makes an invitation into a group and returns it, without the hash. token_hash: SHA-256 of a token that the application made. expires_at: until when it can be used. student_telegram_id: whom it is meant for (NULL: whoever has the token). actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB007, MB202, and the constraints of group_invitations.';

CREATE FUNCTION groups.answer_invitation(
    token_hash bytea, student_telegram_id bigint, to_status groups.invitation_status
)
RETURNS groups.group_invitations
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor      platform.actor := platform.current_actor('groups_app');
    invitation groups.group_invitations;
BEGIN
    IF actor.kind = 'user' AND actor.id <> student_telegram_id THEN
        RAISE EXCEPTION 'an invitation is answered for oneself' USING
            ERRCODE = 'MB002',
            HINT = 'Act as the invited person, as an administrator or as the system.';
    END IF;
    SELECT i.* INTO invitation
    FROM groups.group_invitations AS i
    WHERE i.token_hash = answer_invitation.token_hash AND i.status = 'pending';
    IF FOUND THEN
        -- The group first, then what belongs to it: the one order of locks.
        PERFORM groups.lock_group(invitation.group_id);
    END IF;

    UPDATE groups.group_invitations AS i
    SET status = to_status, student_telegram_id = answer_invitation.student_telegram_id
    WHERE i.id = invitation.id AND i.status = 'pending' AND i.expires_at > now()
        AND coalesce(i.student_telegram_id, answer_invitation.student_telegram_id)
        = answer_invitation.student_telegram_id
    RETURNING i.* INTO invitation;
    IF NOT FOUND THEN
        PERFORM groups.refuse_invitation();
    END IF;
    RETURN invitation;
END
$$;

COMMENT ON FUNCTION groups.answer_invitation(bytea, bigint, groups.invitation_status) IS
'Answers the invitation with this token for this student and returns it, or refuses (MB002, MB203). Locks its group.';

CREATE FUNCTION groups.accept_invitation(
    token_hash bytea, student_telegram_id bigint, actor_id bigint DEFAULT NULL, reason text DEFAULT NULL
)
RETURNS groups.group_members
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- reads and writes what no role may
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    invitation    groups.group_invitations;
    member        groups.group_members;
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', reason);
    END IF;

    invitation := groups.answer_invitation(token_hash, student_telegram_id, 'accepted');
    INSERT INTO groups.group_members AS m (group_id, student_telegram_id, invitation_id)
    VALUES (invitation.group_id, invitation.student_telegram_id, invitation.id)
    RETURNING m.* INTO member;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    END IF;
    RETURN member;
END
$$;

COMMENT ON FUNCTION groups.accept_invitation(bytea, bigint, bigint, text) IS
'Uses an invitation for a student and returns the membership: active, or waiting where no seat is free. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB007, MB203 (whatever is wrong with the invitation), group_members_live_key.';

CREATE FUNCTION groups.decline_invitation(
    token_hash bytea, student_telegram_id bigint, actor_id bigint DEFAULT NULL, reason text DEFAULT NULL
)
RETURNS groups.group_invitations
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- reads and writes what no role may
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    invitation    groups.group_invitations;
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', reason);
    END IF;

    invitation := groups.answer_invitation(token_hash, student_telegram_id, 'declined');

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    END IF;
    invitation.token_hash := NULL;
    RETURN invitation;
END
$$;

COMMENT ON FUNCTION groups.decline_invitation(bytea, bigint, bigint, text) IS
'Declines an invitation for a student and returns it, without the hash. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB203 (whatever is wrong with the invitation).';

CREATE FUNCTION groups.revoke_invitation(
    invitation_id bigint, actor_id bigint DEFAULT NULL, reason text DEFAULT NULL
)
RETURNS groups.group_invitations
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write invitations by hand
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
    invitation    groups.group_invitations;
BEGIN
    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', actor_id);
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', reason);
    END IF;

    UPDATE groups.group_invitations AS i
    SET status = 'revoked'
    WHERE i.id = invitation_id AND i.status <> 'revoked'
    RETURNING i.* INTO invitation;
    IF NOT FOUND THEN
        PERFORM FROM groups.group_invitations AS i WHERE i.id = invitation_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'there is no such invitation' USING
                ERRCODE = 'MB004',
                DETAIL = format('invitation_id=%s', coalesce(invitation_id::text, 'null')),
                HINT = 'Look the invitation up by its group.';
        END IF;
        PERFORM platform.refuse_step(
            'groups', 'group_invitations', 'an invitation', 'revoked', 'revoked', NULL,
            format('invitation_id=%s, status=revoked', invitation_id)
        );
    END IF;

    IF actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    IF reason IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    END IF;
    invitation.token_hash := NULL;
    RETURN invitation;
END
$$;

COMMENT ON FUNCTION groups.revoke_invitation(bigint, bigint, text) IS
'Takes back an invitation that nobody has answered and returns it, without the hash. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001 to MB004.';

CREATE FUNCTION groups.expire_invitations(at_most bigint DEFAULT 1000)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write invitations by hand
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor text := current_setting('mentorbase.actor', true);
    expired      bigint;
BEGIN
    SET LOCAL mentorbase.actor = 'system';
    -- An array, so that the rows are found by their key whatever the planner expects of at_most.
    UPDATE groups.group_invitations AS i
    SET status = 'expired'
    WHERE i.id = ANY (
        ARRAY(
            SELECT o.id
            FROM groups.group_invitations AS o
            WHERE o.status = 'pending' AND o.expires_at <= now()
            ORDER BY o.expires_at, o.id
            LIMIT at_most
            FOR NO KEY UPDATE SKIP LOCKED
        )
    );
    GET DIAGNOSTICS expired = ROW_COUNT;
    EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    RETURN expired;
END
$$;

COMMENT ON FUNCTION groups.expire_invitations(bigint) IS
'Marks invitations whose time is over as expired, as the system, the oldest first, at most so many. Returns how many; call it again while it returns that many. They cannot be used any more anyway.';

CREATE FUNCTION groups.snapshot_progress(of_group_id bigint DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write snapshots by hand
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    chosen bigint[] := ARRAY[of_group_id];
    taken  bigint;
BEGIN
    -- First which groups, so that one of them is not looked for among all.
    IF of_group_id IS NULL THEN
        chosen := ARRAY(SELECT g.id FROM groups.groups AS g WHERE g.status IN ('open', 'closed'));
    END IF;
    INSERT INTO groups.group_progress AS p (
        group_id, as_of, capacity, active_members, waiting_members, completed_members, left_members, average_progress
    )
    SELECT
        g.id, (now() AT TIME ZONE 'UTC')::date, g.capacity,
        m.active_members, m.waiting_members, m.completed_members, m.left_members, m.average_progress
    FROM groups.groups AS g
    CROSS JOIN LATERAL (
        SELECT
            count(*) FILTER (WHERE m.status = 'active') AS active_members,
            count(*) FILTER (WHERE m.status = 'waiting') AS waiting_members,
            count(*) FILTER (WHERE m.status = 'completed') AS completed_members,
            count(*) FILTER (WHERE m.status = 'left') AS left_members,
            round(avg(m.progress) FILTER (WHERE m.status IN ('active', 'completed')), 2) AS average_progress
        FROM groups.group_members AS m
        WHERE m.group_id = g.id
    ) AS m
    WHERE g.id = ANY (chosen)
    ORDER BY g.id -- two at once wait for each other, and do not deadlock
    ON CONFLICT (group_id, as_of) DO UPDATE
    SET
        capacity = excluded.capacity,
        active_members = excluded.active_members,
        waiting_members = excluded.waiting_members,
        completed_members = excluded.completed_members,
        left_members = excluded.left_members,
        average_progress = excluded.average_progress;
    GET DIAGNOSTICS taken = ROW_COUNT;
    RETURN taken;
END
$$;

COMMENT ON FUNCTION groups.snapshot_progress(bigint) IS
'Writes down how a group stands today (UTC) in group_progress, or every group that is open or closed; once more on the same day replaces it. Returns how many groups. Needs no actor.';

CREATE FUNCTION groups.end_person(person platform.person)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_id bigint;
    ended    bigint := 0;
BEGIN
    SET LOCAL mentorbase.actor = ''; -- an administrator's step
    FOR found_id IN
        SELECT g.id
        FROM groups.groups AS g
        WHERE g.teacher_telegram_id = person.telegram_id AND g.status IN ('open', 'closed')
        ORDER BY g.id
    LOOP
        PERFORM groups.change_group_status(found_id, 'cancelled');
        ended := ended + 1;
    END LOOP;
    SET LOCAL mentorbase.actor = 'system';
    FOR found_id IN
        SELECT m.id
        FROM groups.group_members AS m
        WHERE m.student_telegram_id = person.telegram_id AND m.status IN ('waiting', 'active')
        ORDER BY m.group_id, m.id
    LOOP
        PERFORM groups.change_member(found_id, 'left');
        ended := ended + 1;
    END LOOP;
    FOR found_id IN
        SELECT i.id
        FROM groups.group_invitations AS i
        WHERE i.student_telegram_id = person.telegram_id AND i.status = 'pending'
        ORDER BY i.id
    LOOP
        PERFORM groups.revoke_invitation(found_id);
        ended := ended + 1;
    END LOOP;
    RETURN ended;
END
$$;

COMMENT ON FUNCTION groups.end_person(platform.person) IS
'Cancels the groups that a person teaches, takes them out of those they learn in, whose seats go on to who waits, and revokes their invitations; returns how many. For platform.erase_person().';
