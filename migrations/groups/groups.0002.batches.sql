-- A batch of invitations, and the snapshot of one group, cost the same whatever the planner expects.
-- depends: groups.0001.init

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

CREATE OR REPLACE FUNCTION groups.snapshot_progress(of_group_id bigint DEFAULT NULL)
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
