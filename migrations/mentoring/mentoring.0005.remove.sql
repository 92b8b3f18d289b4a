-- Everybody can take ended relationships out of their own lists.
-- depends: mentoring.0004.notes

SET LOCAL ROLE mentorbase_owner;

ALTER TABLE mentoring.mentor_mentee
ADD COLUMN hidden_by_mentor_at timestamptz,
ADD COLUMN hidden_by_mentee_at timestamptz,
ADD CONSTRAINT mentor_mentee_hidden_by_mentor_at_check CHECK (
    hidden_by_mentor_at IS NULL OR ended_at IS NOT NULL
) NOT VALID,
ADD CONSTRAINT mentor_mentee_hidden_by_mentee_at_check CHECK (
    hidden_by_mentee_at IS NULL OR ended_at IS NOT NULL
) NOT VALID;

COMMENT ON COLUMN mentoring.mentor_mentee.hidden_by_mentor_at IS
'When the mentor removed it from their own lists; NULL while it is shown there. It stays in the mentee''s.';
COMMENT ON COLUMN mentoring.mentor_mentee.hidden_by_mentee_at IS
'When the mentee removed it from their own lists; NULL while it is shown there. It stays in the mentor''s.';
COMMENT ON CONSTRAINT mentor_mentee_hidden_by_mentor_at_check ON mentoring.mentor_mentee IS
'hidden_by_mentor_at is set only when the relationship has ended.';
COMMENT ON CONSTRAINT mentor_mentee_hidden_by_mentee_at_check ON mentoring.mentor_mentee IS
'hidden_by_mentee_at is set only when the relationship has ended.';

CREATE OR REPLACE FUNCTION mentoring.guard_mentor_mentee_update()
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

    IF (NEW.mentor_notes IS DISTINCT FROM OLD.mentor_notes AND 'mentee' = ANY (kinds))
        OR (NEW.mentee_notes IS DISTINCT FROM OLD.mentee_notes AND 'mentor' = ANY (kinds))
    THEN
        RAISE EXCEPTION 'a note is written by its own side only' USING
            ERRCODE = 'MB002',
            DETAIL = format('relationship_id=%s', OLD.id),
            HINT = 'Write the note of your own side.';
    END IF;
    IF (NEW.hidden_by_mentor_at IS DISTINCT FROM OLD.hidden_by_mentor_at AND 'mentee' = ANY (kinds))
        OR (NEW.hidden_by_mentee_at IS DISTINCT FROM OLD.hidden_by_mentee_at AND 'mentor' = ANY (kinds))
    THEN
        RAISE EXCEPTION 'a relationship is removed from one''s own lists only' USING
            ERRCODE = 'MB002',
            DETAIL = format('relationship_id=%s', OLD.id),
            HINT = 'Change the column of your own side.';
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

GRANT SELECT (hidden_by_mentor_at, hidden_by_mentee_at) ON mentoring.mentor_mentee TO mentoring_app;
GRANT EXECUTE ON FUNCTION mentoring.remove(bigint, bigint, text) TO mentoring_app;
