SET LOCAL ROLE mentorbase_owner;

DROP TABLE auth.user_contacts;
DROP TYPE auth.contact_kind;

COMMENT ON SCHEMA auth IS 'People: who they are and how Telegram knows them.';
