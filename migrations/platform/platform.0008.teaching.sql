-- What the teaching services share: levels of a language, their refusals, and how a step of a life cycle is refused.
-- depends: platform.0006.maintenance

SET LOCAL ROLE mentorbase_owner;

CREATE TYPE platform.cefr_level AS ENUM ('a1', 'a2', 'b1', 'b2', 'c1', 'c2');

COMMENT ON TYPE platform.cefr_level IS
'How well somebody speaks a language, by the Common European Framework of Reference, from a1 (beginner) to c2 (mastery). Labels compare in that order.';

COMMENT ON COLUMN platform.actor.id IS
'The acting person: auth.users.id, or their telegram_id in the services that know people by that (teachers, students, groups). NULL for the system and for a database role that edits by hand.';

COMMENT ON TABLE platform.refusals IS
'Every business refusal of this database: class MB of SQLSTATE, 0xx for all services, 1xx for mentoring, 2xx for the teaching services. Reference data, changed by migrations only. The DETAIL of a refusal is a list of key=value pairs, its HINT the way out.';

INSERT INTO platform.refusals (sqlstate, name, meaning) VALUES
('MB201', 'group_full', 'The group has no free seat.'),
('MB202', 'group_closed', 'The group takes no members, or none that come by themselves.'),
('MB203', 'invitation_invalid', 'The invitation cannot be used: unknown, used, revoked, expired or meant for somebody else.');

CREATE FUNCTION platform.guard_own()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor  platform.actor := platform.current_actor(TG_TABLE_SCHEMA || '_app');
    before bigint := CASE WHEN TG_OP <> 'INSERT' THEN (to_jsonb(OLD) ->> TG_ARGV[0])::bigint END;
    after  bigint := CASE WHEN TG_OP <> 'DELETE' THEN (to_jsonb(NEW) ->> TG_ARGV[0])::bigint END;
BEGIN
    IF actor.kind = 'user' AND (actor.id <> coalesce(before, after) OR actor.id <> coalesce(after, before)) THEN
        RAISE EXCEPTION 'a row of %.% is written by its own person', TG_TABLE_SCHEMA, TG_TABLE_NAME USING
            ERRCODE = 'MB002',
            DETAIL = format('%s=%s', TG_ARGV[0], coalesce(before, after)),
            HINT = 'Act as that person, as an administrator or as the system.';
    END IF;
    RETURN coalesce(NEW, OLD);
END
$$;

COMMENT ON FUNCTION platform.guard_own() IS
'Row trigger of tables whose rows belong to one person each: only that person, an administrator or the system writes them (MB002). The argument is the column that names the person.';

CREATE FUNCTION platform.allowed_steps(in_schema name, in_table name, subject text, present text)
RETURNS text
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    steps text;
BEGIN
    EXECUTE format(
        'SELECT string_agg(format(''%%s (%%s)'', s.to_status, s.actors), '', '' ORDER BY s.to_status)'
        ' FROM ('
        'SELECT t.to_status, string_agg(t.actor_kind::text, '', '' ORDER BY t.actor_kind) AS actors'
        ' FROM %I.%I AS t WHERE t.from_status::text IS NOT DISTINCT FROM $1 GROUP BY t.to_status'
        ') AS s',
        in_schema, in_table || '_transitions'
    ) INTO steps USING present;
    RETURN format(
        'From %s %s may go to: %s.', coalesce(present, 'nothing'), subject, coalesce(steps, 'nowhere, it has ended')
    );
END
$$;

COMMENT ON FUNCTION platform.allowed_steps(name, name, text, text) IS
'What may follow a status by the table of transitions that belongs to this table, and who may do it, in words: the HINT of a refusal. The third argument is what the rows are called, such as a group; the fourth the present status, NULL for how it may begin.';

CREATE FUNCTION platform.refuse_step(
    in_schema name, in_table name, subject text, from_status text, to_status text, actor_is text, detail text
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
    EXECUTE format(
        'SELECT string_agg(t.actor_kind::text, '', '' ORDER BY t.actor_kind) FROM %I.%I AS t'
        ' WHERE t.from_status::text IS NOT DISTINCT FROM $1 AND t.to_status::text = $2',
        in_schema, in_table || '_transitions'
    ) INTO permitted USING from_status, to_status;

    IF permitted IS NULL THEN
        RAISE EXCEPTION '% cannot go from % to %', subject, coalesce(from_status, 'nothing'),
            coalesce(to_status, 'nothing')
            USING
                ERRCODE = 'MB003',
                DETAIL = detail,
                HINT = platform.allowed_steps(in_schema, in_table, subject, from_status);
    END IF;
    RAISE EXCEPTION '% goes from % to % only by: %', subject, coalesce(from_status, 'nothing'), to_status, permitted
        USING
            ERRCODE = 'MB002',
            DETAIL = format('%s, actor_is=%s', detail, coalesce(actor_is, 'outsider')),
            HINT = platform.allowed_steps(in_schema, in_table, subject, from_status);
END
$$;

COMMENT ON FUNCTION platform.refuse_step(name, name, text, text, text, text, text) IS
'Says why a guard refuses a step: the table of transitions that belongs to this table does not list it (MB003), or not for what the actor is to the row (MB002). The last argument is the DETAIL. Always raises.';

GRANT USAGE ON TYPE platform.cefr_level TO mentorbase_reader;
