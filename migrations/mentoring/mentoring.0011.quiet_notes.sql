-- Writing a note or removing a relationship from one's lists no longer shows to the other side.
-- depends: mentoring.0010.purge

SET LOCAL ROLE mentorbase_owner;

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

    -- A note or a removal is not the other side's to notice.
    IF (NEW.status, NEW.resume_at, NEW.subscribe_to_quizzes, NEW.subscribe_to_courses, NEW.subscribe_to_subjects)
        IS DISTINCT FROM
        (OLD.status, OLD.resume_at, OLD.subscribe_to_quizzes, OLD.subscribe_to_courses, OLD.subscribe_to_subjects)
    THEN
        NEW.version := OLD.version + 1;
        NEW.updated_at := now();
    ELSE
        NEW.updated_at := OLD.updated_at;
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON COLUMN mentoring.mentor_mentee.version IS 'Counts the changes of this row from 1, for optimistic locking. Notes and removals are not counted: they are not the other side''s to notice.';
COMMENT ON COLUMN mentoring.mentor_mentee.updated_at IS 'When version last changed; kept by a trigger.';
COMMENT ON FUNCTION mentoring.write_note(bigint, text, bigint) IS
'Replaces the note of the actor''s own side about this relationship (NULL removes it) and returns the relationship''s version, which a note does not change. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB004, MB007.';
