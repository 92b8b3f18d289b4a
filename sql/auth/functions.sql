CREATE FUNCTION auth.known_as(person platform.person)
RETURNS platform.person
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known record;
BEGIN
    SELECT u.id, u.telegram_id INTO known
    FROM auth.users AS u
    WHERE u.id = person.user_id OR (person.user_id IS NULL AND u.telegram_id = person.telegram_id);
    IF FOUND THEN
        person.user_id := known.id;
        person.telegram_id := known.telegram_id;
    END IF;
    RETURN person;
END
$$;

COMMENT ON FUNCTION auth.known_as(platform.person) IS
'A person as users knows them: the id of whoever has a Telegram account, the account of whoever has an id. For platform.find_person().';
