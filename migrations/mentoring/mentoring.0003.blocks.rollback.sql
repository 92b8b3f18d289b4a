SET LOCAL ROLE mentorbase_owner;

DROP FUNCTION mentoring.expire_requests(bigint);
DROP FUNCTION mentoring.unblock(bigint, bigint, bigint);
DROP FUNCTION mentoring.block(bigint, bigint, bigint);

CREATE OR REPLACE FUNCTION mentoring.check_may_ask(for_mentor_id bigint, for_mentee_id bigint, asker_id bigint)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
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
'Refuses a new request of this mentor and this mentee by the third: the mentor takes none (MB102), or the other side rejected one within the setting request_cooldown (MB103).';

COMMENT ON FUNCTION mentoring.request(bigint, bigint, mentoring.party, bigint, text) IS
'Asks for a relationship and returns it, without the notes: pending; active at once where the other side has asked already, or where an administrator or the system makes it. initiated_by: the side that asks (NULL: whatever the actor is). actor_id: who acts (NULL: the transaction''s actor). Refusals: MB001, MB002, MB101 to MB104, mentor_mentee_not_self_check.';

DROP INDEX mentoring.mentor_mentee_pending_idx;
DROP TABLE mentoring.blocks;
DROP FUNCTION mentoring.guard_blocks();

DELETE FROM mentoring.settings
WHERE name = 'open_requests';
ALTER TABLE mentoring.settings DROP CONSTRAINT settings_unit_check;
ALTER TABLE mentoring.settings ADD CONSTRAINT settings_unit_check CHECK (unit = 'days');
COMMENT ON CONSTRAINT settings_unit_check ON mentoring.settings IS 'A limit counts days, as the functions read it.';
COMMENT ON COLUMN mentoring.settings.unit IS 'What the value counts: days.';
