SET LOCAL ROLE mentorbase_owner;

REVOKE USAGE ON SCHEMA platform FROM mentorbase_reader;
REVOKE USAGE ON TYPE platform.actor_kind FROM mentorbase_reader;
DROP FUNCTION platform.scrub(name, name, jsonb);
DROP FUNCTION platform.drop_months(name, name, interval);
DROP FUNCTION platform.make_months(name, name, integer);
DROP FUNCTION platform.audit();
DROP FUNCTION platform.pick(jsonb, text[]);

CREATE OR REPLACE FUNCTION platform.refuse_change()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '% of %.% is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME USING
        ERRCODE = 'MB006',
        HINT = 'The rows of this table are kept.';
END
$$;

COMMENT ON FUNCTION platform.refuse_change() IS
'Statement trigger that refuses what it is attached to for every role (MB006): UPDATE, DELETE and TRUNCATE of append-only tables, TRUNCATE of tables with a history.';

DROP TYPE platform.audit_operation;
