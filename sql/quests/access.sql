-- Row-level security, forced: it holds for the owner too, so that no function and no slip of a grant goes around it.
-- Without an actor in the transaction no policy of an application is true. Policies look at the row and the setting only,
-- and compare numbers, so that a query that says whose rows it wants goes by the index for it.
ALTER TABLE quests.users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.quests ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.quest_history ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.child_privacy_settings ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.consent_changes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.privacy_reads ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.quest_analytics ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.sessions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.messages ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.letters ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.goals ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.metrics_snapshots ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.creative_projects ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.psychological_profiles ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.quest_nodes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.child_progress ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE quests.achievements ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

-- For the functions of this service, which ask for themselves, for views, and for pg_dump --enable-row-security.
CREATE POLICY users_owner ON quests.users TO mentorbase_owner USING (true);
CREATE POLICY quests_owner ON quests.quests TO mentorbase_owner USING (true);
CREATE POLICY quest_history_owner ON quests.quest_history TO mentorbase_owner USING (true);
CREATE POLICY child_privacy_settings_owner ON quests.child_privacy_settings TO mentorbase_owner USING (true);
CREATE POLICY consent_changes_owner ON quests.consent_changes TO mentorbase_owner USING (true);
CREATE POLICY privacy_reads_owner ON quests.privacy_reads TO mentorbase_owner USING (true);
CREATE POLICY quest_analytics_owner ON quests.quest_analytics TO mentorbase_owner USING (true);
CREATE POLICY sessions_owner ON quests.sessions TO mentorbase_owner USING (true);
CREATE POLICY messages_owner ON quests.messages TO mentorbase_owner USING (true);
CREATE POLICY letters_owner ON quests.letters TO mentorbase_owner USING (true);
CREATE POLICY goals_owner ON quests.goals TO mentorbase_owner USING (true);
CREATE POLICY metrics_snapshots_owner ON quests.metrics_snapshots TO mentorbase_owner USING (true);
CREATE POLICY creative_projects_owner ON quests.creative_projects TO mentorbase_owner USING (true);
CREATE POLICY psychological_profiles_owner ON quests.psychological_profiles TO mentorbase_owner USING (true);
CREATE POLICY quest_nodes_owner ON quests.quest_nodes TO mentorbase_owner USING (true);
CREATE POLICY child_progress_owner ON quests.child_progress TO mentorbase_owner USING (true);
CREATE POLICY achievements_owner ON quests.achievements TO mentorbase_owner USING (true);

-- The bot: what is the acting parent's own. A deleted quest is not.
CREATE POLICY users_parent ON quests.users TO pas_bot_user USING (
    id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    )
);

CREATE POLICY quests_parent ON quests.quests FOR SELECT TO pas_bot_user USING (
    creator_id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    ) AND status <> 'deleted'
);

CREATE POLICY sessions_parent ON quests.sessions TO pas_bot_user USING (
    user_id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    )
);

CREATE POLICY messages_parent ON quests.messages TO pas_bot_user USING (
    user_id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    )
);

CREATE POLICY letters_parent ON quests.letters TO pas_bot_user USING (
    user_id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    )
);

CREATE POLICY goals_parent ON quests.goals TO pas_bot_user USING (
    user_id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    )
);

CREATE POLICY metrics_snapshots_parent ON quests.metrics_snapshots TO pas_bot_user USING (
    user_id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    )
);

CREATE POLICY creative_projects_parent ON quests.creative_projects TO pas_bot_user USING (
    user_id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    )
);

CREATE POLICY psychological_profiles_parent ON quests.psychological_profiles TO pas_bot_user USING (
    user_id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    )
);


-- Inner Edu: what is the acting child's own.
CREATE POLICY child_privacy_settings_child ON quests.child_privacy_settings FOR SELECT TO inner_edu_user USING (
    child_id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    )
);

CREATE POLICY quest_nodes_child ON quests.quest_nodes FOR SELECT TO inner_edu_user USING (
    child_id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    )
);

CREATE POLICY child_progress_child ON quests.child_progress FOR SELECT TO inner_edu_user USING (
    child_id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    )
);

CREATE POLICY achievements_child ON quests.achievements FOR SELECT TO inner_edu_user USING (
    child_id = (
        CASE
            WHEN current_setting('mentorbase.actor', true) ~ '^[1-9][0-9]{0,17}$'
                THEN current_setting('mentorbase.actor', true)::bigint
        END
    )
);


COMMENT ON POLICY users_owner ON quests.users IS 'The owner has every row.';
COMMENT ON POLICY quests_owner ON quests.quests IS 'The owner has every row.';
COMMENT ON POLICY quest_history_owner ON quests.quest_history IS 'The owner has every row.';
COMMENT ON POLICY child_privacy_settings_owner ON quests.child_privacy_settings IS 'The owner has every row.';
COMMENT ON POLICY consent_changes_owner ON quests.consent_changes IS 'The owner has every row.';
COMMENT ON POLICY privacy_reads_owner ON quests.privacy_reads IS 'The owner has every row.';
COMMENT ON POLICY quest_analytics_owner ON quests.quest_analytics IS 'The owner has every row.';
COMMENT ON POLICY sessions_owner ON quests.sessions IS 'The owner has every row.';
COMMENT ON POLICY messages_owner ON quests.messages IS 'The owner has every row.';
COMMENT ON POLICY letters_owner ON quests.letters IS 'The owner has every row.';
COMMENT ON POLICY goals_owner ON quests.goals IS 'The owner has every row.';
COMMENT ON POLICY metrics_snapshots_owner ON quests.metrics_snapshots IS 'The owner has every row.';
COMMENT ON POLICY creative_projects_owner ON quests.creative_projects IS 'The owner has every row.';
COMMENT ON POLICY psychological_profiles_owner ON quests.psychological_profiles IS 'The owner has every row.';
COMMENT ON POLICY quest_nodes_owner ON quests.quest_nodes IS 'The owner has every row.';
COMMENT ON POLICY child_progress_owner ON quests.child_progress IS 'The owner has every row.';
COMMENT ON POLICY achievements_owner ON quests.achievements IS 'The owner has every row.';
COMMENT ON POLICY users_parent ON quests.users IS 'The bot has the row of the acting person.';
COMMENT ON POLICY quests_parent ON quests.quests IS 'The bot sees the quests of the acting person but for deleted ones.';
COMMENT ON POLICY sessions_parent ON quests.sessions IS 'The bot has the rows of the acting person.';
COMMENT ON POLICY messages_parent ON quests.messages IS 'The bot has the rows of the acting person.';
COMMENT ON POLICY letters_parent ON quests.letters IS 'The bot has the rows of the acting person.';
COMMENT ON POLICY goals_parent ON quests.goals IS 'The bot has the rows of the acting person.';
COMMENT ON POLICY metrics_snapshots_parent ON quests.metrics_snapshots IS 'The bot has the rows of the acting person.';
COMMENT ON POLICY creative_projects_parent ON quests.creative_projects IS 'The bot has the rows of the acting person.';
COMMENT ON POLICY psychological_profiles_parent ON quests.psychological_profiles IS 'The bot has the rows of the acting person.';
COMMENT ON POLICY child_privacy_settings_child ON quests.child_privacy_settings IS 'Inner Edu sees the rows of the acting child.';
COMMENT ON POLICY quest_nodes_child ON quests.quest_nodes IS 'Inner Edu sees the rows of the acting child.';
COMMENT ON POLICY child_progress_child ON quests.child_progress IS 'Inner Edu sees the rows of the acting child.';
COMMENT ON POLICY achievements_child ON quests.achievements IS 'Inner Edu sees the rows of the acting child.';

-- What both applications need. It shows nothing of anybody.
GRANT USAGE ON SCHEMA quests, platform TO quests_app;
GRANT EXECUTE ON FUNCTION
platform.current_actor(name), platform.is_application(name), quests.is_aggregate(jsonb)
TO quests_app;
GRANT SELECT ON quests.quests_transitions TO quests_app;

-- The bot of the parents. Nothing that a child writes: what of it a parent may see comes from ask() and read().
GRANT EXECUTE ON FUNCTION
quests.create_quest(bigint, jsonb, bigint),
quests.update_quest(uuid, jsonb, bigint, bigint),
quests.save_quest_yaml(uuid, text, bigint, bigint),
quests.set_quest_status(uuid, quests.quest_status, bigint, text),
quests.moderate_quest(uuid, quests.moderation_status, jsonb, text),
quests.export_quest(uuid, bigint, text),
quests.ask(uuid, quests.data_type, bigint),
quests.read(uuid, bigint),
quests.get_privacy_settings(uuid, bigint),
quests.can_share_with_parent(uuid, quests.data_type, bigint),
quests.create_creative_project(bigint, quests.project_type, text, bigint),
quests.update_project_progress(bigint, integer, bigint),
quests.get_or_create_profile(bigint, uuid, bigint),
quests.update_profile(bigint, jsonb, bigint, bigint),
quests.update_profile_emotions(bigint, jsonb, bigint, bigint),
quests.add_coping_strategy(bigint, text, bigint)
TO pas_bot_user;
GRANT SELECT ON quests.quests TO pas_bot_user;
GRANT SELECT,
INSERT (id, recovery_tracks, primary_track, recovery_week, recovery_day),
UPDATE (recovery_tracks, primary_track, recovery_week, recovery_day)
ON quests.users TO pas_bot_user;
GRANT SELECT, UPDATE (status, progress) ON quests.creative_projects TO pas_bot_user;
GRANT SELECT, UPDATE (crisis_history) ON quests.psychological_profiles TO pas_bot_user;
GRANT SELECT,
INSERT (user_id, started_at, ended_at, summary, mood_before, mood_after),
UPDATE (ended_at, summary, mood_before, mood_after), DELETE
ON quests.sessions TO pas_bot_user;
GRANT SELECT, INSERT (user_id, session_id, role, content, sent_at), UPDATE (content), DELETE
ON quests.messages TO pas_bot_user;
GRANT SELECT,
INSERT (user_id, recipient, title, body, status),
UPDATE (recipient, title, body, status), DELETE
ON quests.letters TO pas_bot_user;
GRANT SELECT,
INSERT (user_id, title, specific, measurable, achievable, relevant, due_date, status, progress),
UPDATE (title, specific, measurable, achievable, relevant, due_date, status, progress), DELETE
ON quests.goals TO pas_bot_user;
GRANT SELECT, INSERT (user_id, taken_at, metrics), DELETE ON quests.metrics_snapshots TO pas_bot_user;

-- Inner Edu of the children. Nothing of the bot's.
GRANT EXECUTE ON FUNCTION
quests.open_quest(uuid, bigint),
quests.get_privacy_settings(uuid, bigint),
quests.update_privacy_settings(uuid, jsonb, bigint),
quests.can_share_with_parent(uuid, quests.data_type, bigint),
quests.save_nodes(uuid, jsonb),
quests.start_node(uuid, text, bigint),
quests.complete_node(uuid, text, numeric, bigint),
quests.update_quest_progress(uuid, integer, bigint),
quests.record_achievement(uuid, jsonb, bigint)
TO inner_edu_user;
GRANT SELECT ON
quests.child_privacy_settings, quests.quest_nodes, quests.child_progress, quests.achievements
TO inner_edu_user;

GRANT USAGE ON SCHEMA quests TO mentorbase_reader;
GRANT USAGE ON TYPE
quests.quest_status, quests.moderation_status, quests.party, quests.data_type, quests.read_step, quests.read_result
TO mentorbase_reader;
GRANT SELECT ON
quests.v_quests, quests.v_quest_history, quests.v_consent_changes, quests.v_privacy_reads, quests.v_audit_log
TO mentorbase_reader;

GRANT USAGE ON TYPE quests.project_type, quests.project_status TO mentorbase_reader;
GRANT SELECT ON quests.v_creative_projects TO mentorbase_reader;
