-- Requests that nobody accepted are anonymised after a year.
-- depends: mentoring.0009.audit platform.0006.maintenance

SET LOCAL ROLE mentorbase_owner;

INSERT INTO mentoring.settings (name, value, unit, meaning) VALUES
('request_retention', 365, 'days', 'How long a request that was never accepted keeps its people after it ended; then it is anonymised.');

ALTER TABLE mentoring.mentor_mentee_history
ALTER COLUMN mentor_id DROP NOT NULL,
ALTER COLUMN mentee_id DROP NOT NULL;

COMMENT ON TABLE mentoring.mentor_mentee_history IS
'Every step of every relationship: who, when, from, to, why. Append-only, written by a trigger, kept when the relationship itself is deleted. mentoring.purge() takes people and reasons out of the steps of requests that were never accepted.';
COMMENT ON COLUMN mentoring.mentor_mentee_history.mentor_id IS 'Its mentor (auth.users.id); NULL once anonymised.';
COMMENT ON COLUMN mentoring.mentor_mentee_history.mentee_id IS 'Its mentee (auth.users.id); NULL once anonymised.';
COMMENT ON COLUMN mentoring.mentor_mentee_history.actor_id IS
'Who took it (auth.users.id); NULL for the system, for a database role that edited by hand, and once anonymised.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.mentor_id IS 'Its mentor (auth.users.id); NULL once anonymised.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.mentee_id IS 'Its mentee (auth.users.id); NULL once anonymised.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.actor_id IS
'Who took it (auth.users.id); NULL for the system, for a database role that edited by hand, and once anonymised.';

-- Requests that were never accepted, by their end: what mentoring.purge() anonymises.
CREATE INDEX mentor_mentee_unaccepted_idx ON mentoring.mentor_mentee (ended_at, id)
WHERE status IN ('rejected', 'cancelled', 'expired');

CREATE FUNCTION mentoring.purge(dry_run boolean DEFAULT true, at_most bigint DEFAULT 1000)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ended_before       timestamptz := now() - make_interval(days => mentoring.setting('request_retention')::integer);
    caller_actor       text := current_setting('mentorbase.actor', true);
    caller_reason      text := current_setting('mentorbase.reason', true);
    caller_maintenance text := current_setting('mentorbase.maintenance', true);
    requests           bigint[];
    request            bigint;
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
    requests := ARRAY(
        SELECT m.id
        FROM mentoring.mentor_mentee AS m
        WHERE m.status IN ('rejected', 'cancelled', 'expired') AND m.ended_at <= ended_before
        ORDER BY m.ended_at, m.id
        LIMIT at_most
        FOR UPDATE SKIP LOCKED
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
    FOREACH request IN ARRAY requests LOOP
        PERFORM platform.scrub('mentoring', 'mentor_mentee', jsonb_build_object('id', request));
    END LOOP;

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
'Anonymises requests that were never accepted (rejected, cancelled, expired) and ended longer ago than the setting request_retention, the oldest first, at most so many: the row goes with its notes, its history stays without people and reasons, its audit rows without values. Returns how many; call it again while it returns that many. With dry_run, the default, nothing changes and it returns how many there are. For the owner.';
