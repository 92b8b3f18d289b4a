CALL platform.ensure_application_role('quests_app');

-- The two applications. mentorbase_app is a member of neither: who has one of them is one of the two sides.
DO $$
DECLARE
    role_name name;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['pas_bot_user', 'inner_edu_user']::name[]
    LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = role_name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN
                    NULL; -- another database of this cluster made it in the meantime
            END;
        END IF;

        IF NOT pg_has_role(role_name, 'quests_app', 'MEMBER') THEN
            BEGIN
                EXECUTE format('GRANT quests_app TO %I', role_name);
            EXCEPTION
                WHEN unique_violation THEN
                    NULL; -- granted by another database in the meantime
            END;
        END IF;
    END LOOP;
END
$$;
