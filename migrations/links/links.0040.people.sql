-- What others were told in a person's words goes with the person.
-- depends: links.0033.validate_quests platform.0023.people mentoring.0040.people notifications.0040.people calendar.0040.people

SET LOCAL ROLE mentorbase_owner;

CREATE FUNCTION links.end_person(person platform.person)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    affected bigint;
BEGIN
    -- What others were told in the person's words: titles of publications and lessons. What was said does not change, but here.
    ALTER TABLE notifications.notifications DISABLE TRIGGER USER;
    UPDATE notifications.notifications AS n
    SET payload = '{}', body = 'Erased'
    WHERE n.body <> 'Erased' AND (
        (
            n.template_code = 'publication' AND n.payload ->> 'publication_id' IN (
                SELECT p.id::text FROM mentoring.publications AS p WHERE p.mentor_id = person.user_id
            )
        ) OR (
            n.template_code LIKE 'lesson%' AND n.payload ->> 'lesson_id' IN (
                SELECT l.id::text FROM calendar.lessons AS l WHERE l.teacher_telegram_id = person.telegram_id
            )
        )
    );
    GET DIAGNOSTICS affected = ROW_COUNT;
    ALTER TABLE notifications.notifications ENABLE TRIGGER USER;
    RETURN affected;
END
$$;

COMMENT ON FUNCTION links.end_person(platform.person) IS
'Where services share a database: takes a person''s titles out of the notifications that others were sent of their publications and lessons; returns how many. For platform.erase_person().';
