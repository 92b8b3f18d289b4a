-- Views for people: what the documents ask of this service, with names beside ids; none reads a whole table to show a page.
-- depends: auth.0004.contacts

SET LOCAL ROLE mentorbase_owner;

CREATE VIEW auth.v_users AS
SELECT
    u.id AS user_id,
    u.telegram_id,
    concat_ws(' ', u.first_name, u.last_name) AS name,
    u.role,
    u.is_active,
    u.language_code,
    u.timezone,
    date_trunc('minute', now() AT TIME ZONE u.timezone) AS now_local,
    c.has_email,
    c.has_phone,
    u.created_at,
    u.created_at AT TIME ZONE u.timezone AS created_local
FROM auth.users AS u
CROSS JOIN
    LATERAL (
        SELECT
            count(*) FILTER (WHERE x.kind = 'email') > 0 AS has_email,
            count(*) FILTER (WHERE x.kind = 'phone') > 0 AS has_phone
        FROM auth.user_contacts AS x
        WHERE x.user_id = u.id
    ) AS c;

COMMENT ON VIEW auth.v_users IS
'Everybody, for analysts and support: who an id or a Telegram account is. Without contacts, which are only said to be there or not.';
COMMENT ON COLUMN auth.v_users.user_id IS 'The person (users.id), as mentoring, quests and tutormax know them.';
COMMENT ON COLUMN auth.v_users.telegram_id IS
'The person in Telegram, as the teaching services know them; NULL: came another way.';
COMMENT ON COLUMN auth.v_users.name IS 'What they are called: first and last name. Personal data.';
COMMENT ON COLUMN auth.v_users.role IS 'What the person mainly is: student, teacher or admin.';
COMMENT ON COLUMN auth.v_users.is_active IS 'False once the person has left or was blocked by the platform.';
COMMENT ON COLUMN auth.v_users.language_code IS 'Language of the interface, a BCP 47 tag.';
COMMENT ON COLUMN auth.v_users.timezone IS 'IANA time zone in which the person reads local times.';
COMMENT ON COLUMN auth.v_users.now_local IS 'What time it is for them now, to the minute.';
COMMENT ON COLUMN auth.v_users.has_email IS 'Whether an e-mail address is kept, encrypted.';
COMMENT ON COLUMN auth.v_users.has_phone IS 'Whether a phone number is kept, encrypted.';
COMMENT ON COLUMN auth.v_users.created_at IS 'When the row was made.';
COMMENT ON COLUMN auth.v_users.created_local IS 'The same by the person''s clock.';

GRANT USAGE ON TYPE auth.user_role TO mentorbase_reader;
GRANT SELECT ON auth.v_users TO mentorbase_reader;
