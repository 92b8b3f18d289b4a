-- Notes: each side reads and writes its own.
-- depends: mentoring.0003.blocks

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
'Replaces the note of the actor''s own side about this relationship (NULL removes it) and returns the relationship''s new version. actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB004, MB007.';

-- Owner-rights, since no role may select the notes; security_barrier, so that no condition of a query sees other rows.
CREATE VIEW mentoring.own_mentor_notes WITH (security_barrier = true) AS
SELECT
    m.id AS relationship_id,
    m.mentee_id,
    m.mentor_notes AS note
FROM mentoring.mentor_mentee AS m
WHERE m.mentor_id = (
    SELECT a.id
    FROM platform.current_actor('mentoring_app') AS a
    WHERE a.kind = 'user'
)
AND m.mentor_notes IS NOT NULL;

COMMENT ON VIEW mentoring.own_mentor_notes IS
'The notes that the transaction''s actor wrote as a mentor. Empty for administrators and the system; refused without an actor (MB001).';
COMMENT ON COLUMN mentoring.own_mentor_notes.relationship_id IS 'The relationship (mentor_mentee.id).';
COMMENT ON COLUMN mentoring.own_mentor_notes.mentee_id IS 'Whom the note is about (auth.users.id).';
COMMENT ON COLUMN mentoring.own_mentor_notes.note IS 'What the mentor wrote.';

CREATE VIEW mentoring.own_mentee_notes WITH (security_barrier = true) AS
SELECT
    m.id AS relationship_id,
    m.mentor_id,
    m.mentee_notes AS note
FROM mentoring.mentor_mentee AS m
WHERE m.mentee_id = (
    SELECT a.id
    FROM platform.current_actor('mentoring_app') AS a
    WHERE a.kind = 'user'
)
AND m.mentee_notes IS NOT NULL;

COMMENT ON VIEW mentoring.own_mentee_notes IS
'The notes that the transaction''s actor wrote as a mentee. Empty for administrators and the system; refused without an actor (MB001).';
COMMENT ON COLUMN mentoring.own_mentee_notes.relationship_id IS 'The relationship (mentor_mentee.id).';
COMMENT ON COLUMN mentoring.own_mentee_notes.mentor_id IS 'Whom the note is about (auth.users.id).';
COMMENT ON COLUMN mentoring.own_mentee_notes.note IS 'What the mentee wrote.';

-- Each side's own note, and nobody else's.
GRANT EXECUTE ON FUNCTION
mentoring.read_note(bigint, bigint), mentoring.write_note(bigint, text, bigint) TO mentoring_app;
GRANT SELECT ON mentoring.own_mentor_notes, mentoring.own_mentee_notes TO mentoring_app;
