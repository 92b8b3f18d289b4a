SET LOCAL ROLE mentorbase_owner;

CREATE OR REPLACE FUNCTION getcourse.active_mappings_as_of(moment timestamptz DEFAULT now())
RETURNS TABLE (
    id bigint,
    training_id text,
    training_title text,
    student_id bigint,
    student_getcourse_user_id text,
    student_email text,
    student_first_name text,
    student_last_name text,
    mentor_id bigint,
    mentor_email text,
    mentor_first_name text,
    mentor_last_name text,
    mentor_telegram_id bigint,
    valid_from timestamptz,
    valid_to timestamptz
)
LANGUAGE sql
STABLE
PARALLEL SAFE
SECURITY INVOKER
BEGIN ATOMIC
    SELECT
        p.id,
        p.training_id,
        t.title AS training_title,
        p.student_id,
        s.getcourse_user_id AS student_getcourse_user_id,
        s.email AS student_email,
        s.first_name AS student_first_name,
        s.last_name AS student_last_name,
        p.mentor_id,
        m.email AS mentor_email,
        m.first_name AS mentor_first_name,
        m.last_name AS mentor_last_name,
        m.telegram_id AS mentor_telegram_id,
        p.valid_from,
        p.valid_to
    FROM getcourse.mapping AS p
    INNER JOIN getcourse.students_as_of(active_mappings_as_of.moment) AS s ON p.student_id = s.id -- noqa: RF01
    INNER JOIN getcourse.mentors_as_of(active_mappings_as_of.moment) AS m ON p.mentor_id = m.id -- noqa: RF01
    INNER JOIN getcourse.trainings_as_of(active_mappings_as_of.moment) AS t ON p.training_id = t.training_id -- noqa: RF01
    WHERE p.valid_from <= active_mappings_as_of.moment AND p.valid_to > active_mappings_as_of.moment; -- noqa: RF01
END;

CREATE OR REPLACE FUNCTION getcourse.ingest_staged(at_most integer DEFAULT 10000)
RETURNS TABLE (received bigint, duplicates bigint, quarantined bigint)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- no application writes the quarantine itself
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written ingest_staged.x
DECLARE
    batch record;
BEGIN
    received := 0;
    duplicates := 0;
    quarantined := 0;
    FOR batch IN
        WITH taken AS (
            DELETE FROM getcourse.webhook_staging AS s
            WHERE s.id IN (
                SELECT t.id
                FROM getcourse.webhook_staging AS t
                ORDER BY t.id
                LIMIT ingest_staged.at_most
                FOR UPDATE SKIP LOCKED
            )
            RETURNING s.id, s.source, s.body
        )
        SELECT r.received, r.duplicates, r.quarantined
        FROM (
            SELECT t.source, array_agg(t.body ORDER BY t.id) AS bodies FROM taken AS t GROUP BY t.source ORDER BY t.source
        ) AS b
        CROSS JOIN LATERAL getcourse.receive_webhooks(b.bodies, b.source) AS r
    LOOP
        received := received + batch.received;
        duplicates := duplicates + batch.duplicates;
        quarantined := quarantined + batch.quarantined;
    END LOOP;
    RETURN NEXT;
END
$$;
