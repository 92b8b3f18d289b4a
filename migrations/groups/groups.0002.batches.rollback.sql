SET LOCAL ROLE mentorbase_owner;

CREATE OR REPLACE FUNCTION groups.expire_invitations(at_most bigint DEFAULT 1000)
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
    WITH old AS (
        SELECT i.id
        FROM groups.group_invitations AS i
        WHERE i.status = 'pending' AND i.expires_at <= now()
        ORDER BY i.expires_at, i.id
        LIMIT at_most
        FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE groups.group_invitations AS i
    SET status = 'expired'
    FROM old
    WHERE i.id = old.id;
    GET DIAGNOSTICS expired = ROW_COUNT;
    EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    RETURN expired;
END
$$;

CREATE OR REPLACE FUNCTION groups.snapshot_progress(of_group_id bigint DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no role may write snapshots by hand
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    taken bigint;
BEGIN
    INSERT INTO groups.group_progress AS p (
        group_id, as_of, capacity, active_members, waiting_members, completed_members, left_members, average_progress
    )
    SELECT
        g.id,
        (now() AT TIME ZONE 'UTC')::date,
        g.capacity,
        count(*) FILTER (WHERE m.status = 'active'),
        count(*) FILTER (WHERE m.status = 'waiting'),
        count(*) FILTER (WHERE m.status = 'completed'),
        count(*) FILTER (WHERE m.status = 'left'),
        round(avg(m.progress) FILTER (WHERE m.status IN ('active', 'completed')), 2)
    FROM groups.groups AS g
    LEFT JOIN groups.group_members AS m ON m.group_id = g.id
    WHERE CASE WHEN of_group_id IS NULL THEN g.status IN ('open', 'closed') ELSE g.id = of_group_id END
    GROUP BY g.id
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
