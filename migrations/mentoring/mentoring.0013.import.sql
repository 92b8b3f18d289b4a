-- Relationships from another database come with their status and their times.
-- depends: mentoring.0012.races

SET LOCAL ROLE mentorbase_owner;

CREATE OR REPLACE FUNCTION mentoring.guard_mentor_mentee_insert()
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

COMMENT ON TABLE mentoring.mentor_mentee_transitions IS
'Every allowed step of a relationship and who may take it. The system imports in any status (mentorbase.bulk_load). A step that has no row here is refused (MB003), and so is one that has none for the actor (MB002). Times, places and due dates that go with a step are code and constraints, so a new row comes with a migration.';
