-- What is whose, and what ends when somebody is erased.
-- depends: quests.0001.init platform.0023.people

SET LOCAL ROLE mentorbase_owner;

CREATE FUNCTION quests.end_person(person platform.person)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_quest uuid;
    ended       bigint := 0;
    affected    bigint;
BEGIN
    FOR found_quest IN
        SELECT q.quest_id
        FROM quests.quests AS q
        WHERE q.creator_id = person.user_id AND q.status <> 'deleted'
        ORDER BY q.id
    LOOP
        PERFORM quests.set_quest_status(found_quest, 'deleted');
        ended := ended + 1;
    END LOOP;
    UPDATE quests.child_privacy_settings AS c
    SET share_completion_progress = false, share_educational_progress = false, share_play_frequency = false
    WHERE c.child_id = person.user_id
        AND (c.share_completion_progress OR c.share_educational_progress OR c.share_play_frequency);
    GET DIAGNOSTICS affected = ROW_COUNT;
    RETURN ended + affected;
END
$$;

COMMENT ON FUNCTION quests.end_person(platform.person) IS
'Deletes a parent''s quests (by status), and switches a child''s sharing off; returns how many. For platform.erase_person().';

-- What says nothing of a person by itself.
INSERT INTO platform.column_inventory (schema_name, table_name, column_name, class)
SELECT 'quests' AS schema_name, i.table_name, unnest(string_to_array(i.columns, ' ')) AS column_name, 'none' AS class
FROM (
    VALUES
    (
        'audit_log',
        'id table_name operation secret_columns actor_kind db_login db_role transaction_id occurred_at '
        'scrubbed_at'
    ),
    ('settings', 'name value unit meaning created_at updated_at'),
    ('quests_transitions', 'id from_status to_status actor_kind'),
    ('users', 'created_at updated_at'),
    ('quests', 'id quest_id status moderation_status deployed_at deleted_at version created_at updated_at'),
    ('quest_history', 'quest_id moderation_status id from_status to_status actor_kind db_login db_role occurred_at'),
    ('child_privacy_settings', 'id quest_id created_at updated_at'),
    ('consent_changes', 'id quest_id data_type shared actor_kind db_login db_role transaction_id changed_at'),
    ('privacy_reads', 'id step quest_id data_type result db_login db_role transaction_id occurred_at'),
    ('quest_analytics', 'id quest_id created_at updated_at'),
    ('quest_nodes', 'id quest_id node_key position type created_at')
) AS i (table_name, columns);

-- Whose the rest is, and what erasing them does.
INSERT INTO platform.column_inventory (
    schema_name, table_name, column_name, class, found_by, erasure, replacement, step
) VALUES
('quests', 'audit_log', 'old_values', 'record', NULL, 'keep', NULL, 5),
('quests', 'audit_log', 'new_values', 'record', NULL, 'keep', NULL, 5),
('quests', 'audit_log', 'row_key', 'record', NULL, 'keep', NULL, 5),
('quests', 'audit_log', 'actor_id', 'identifier', 't.actor_id = p.user_id', 'keep', NULL, 5),
('quests', 'users', 'id', 'identifier', 't.id = p.user_id', 'keep', NULL, 5),
('quests', 'users', 'recovery_tracks', 'personal', 't.id = p.user_id', 'replace', '''{}''', 5),
('quests', 'users', 'primary_track', 'personal', 't.id = p.user_id', 'clear', NULL, 5),
('quests', 'users', 'recovery_week', 'personal', 't.id = p.user_id', 'replace', '0', 5),
('quests', 'users', 'recovery_day', 'personal', 't.id = p.user_id', 'replace', '0', 5),
('quests', 'quests', 'creator_id', 'identifier', 't.creator_id = p.user_id', 'keep', NULL, 5),
('quests', 'quests', 'child_name', 'personal', 't.creator_id = p.user_id', 'clear', NULL, 5),
('quests', 'quests', 'child_age', 'personal', 't.creator_id = p.user_id', 'clear', NULL, 5),
('quests', 'quests', 'quest_yaml', 'words', 't.creator_id = p.user_id', 'clear', NULL, 5),
('quests', 'quests', 'moderation_issues', 'words', 't.creator_id = p.user_id', 'replace', '''[]''', 5),
('quests', 'quest_history', 'creator_id', 'identifier', 't.creator_id = p.user_id', 'keep', NULL, 5),
('quests', 'quest_history', 'actor_id', 'identifier', 't.actor_id = p.user_id', 'keep', NULL, 5),
('quests', 'quest_history', 'reason', 'words', 't.actor_id = p.user_id', 'clear', NULL, 5),
('quests', 'child_privacy_settings', 'child_id', 'identifier', 't.child_id = p.user_id', 'keep', NULL, 5),
(
    'quests', 'child_privacy_settings', 'share_completion_progress', 'personal',
    't.child_id = p.user_id',
    'keep', NULL, 5
),
(
    'quests', 'child_privacy_settings', 'share_educational_progress', 'personal',
    't.child_id = p.user_id',
    'keep', NULL, 5
),
('quests', 'child_privacy_settings', 'share_play_frequency', 'personal', 't.child_id = p.user_id', 'keep', NULL, 5),
('quests', 'consent_changes', 'actor_id', 'identifier', 't.actor_id = p.user_id', 'keep', NULL, 5),
('quests', 'privacy_reads', 'reader_id', 'identifier', 't.reader_id = p.user_id', 'keep', NULL, 5),
('quests', 'privacy_reads', 'ticket', 'secret', NULL, 'keep', NULL, 5),
(
    'quests', 'quest_analytics', 'total_nodes', 'personal',
    't.quest_id IN (SELECT c.quest_id FROM quests.child_privacy_settings AS c WHERE c.child_id = p.user_id)',
    'keep', NULL, 5
),
(
    'quests', 'quest_analytics', 'completion_percentage', 'personal',
    't.quest_id IN (SELECT c.quest_id FROM quests.child_privacy_settings AS c WHERE c.child_id = p.user_id)',
    'keep', NULL, 5
),
(
    'quests', 'quest_analytics', 'nodes_completed', 'personal',
    't.quest_id IN (SELECT c.quest_id FROM quests.child_privacy_settings AS c WHERE c.child_id = p.user_id)',
    'replace', '0', 5
),
(
    'quests', 'quest_analytics', 'play_count', 'personal',
    't.quest_id IN (SELECT c.quest_id FROM quests.child_privacy_settings AS c WHERE c.child_id = p.user_id)',
    'replace', '0', 5
),
(
    'quests', 'quest_analytics', 'educational_progress', 'personal',
    't.quest_id IN (SELECT c.quest_id FROM quests.child_privacy_settings AS c WHERE c.child_id = p.user_id)',
    'replace', '''{}''', 5
),
(
    'quests', 'quest_analytics', 'last_played', 'personal',
    't.quest_id IN (SELECT c.quest_id FROM quests.child_privacy_settings AS c WHERE c.child_id = p.user_id)',
    'clear', NULL, 5
),
('quests', 'messages', 'user_id', 'identifier', 't.user_id = p.user_id', 'delete', NULL, 3),
('quests', 'messages', 'content', 'words', 't.user_id = p.user_id', 'delete', NULL, 3),
('quests', 'messages', 'id', 'none', 't.user_id = p.user_id', 'delete', NULL, 3),
('quests', 'messages', 'session_id', 'none', 't.user_id = p.user_id', 'delete', NULL, 3),
('quests', 'messages', 'role', 'none', 't.user_id = p.user_id', 'delete', NULL, 3),
('quests', 'messages', 'key_id', 'none', 't.user_id = p.user_id', 'delete', NULL, 3),
('quests', 'messages', 'sent_at', 'none', 't.user_id = p.user_id', 'delete', NULL, 3),
('quests', 'messages', 'created_at', 'none', 't.user_id = p.user_id', 'delete', NULL, 3),
('quests', 'messages', 'updated_at', 'none', 't.user_id = p.user_id', 'delete', NULL, 3),
('quests', 'sessions', 'user_id', 'identifier', 't.user_id = p.user_id', 'delete', NULL, 4),
('quests', 'sessions', 'summary', 'words', 't.user_id = p.user_id', 'delete', NULL, 4),
('quests', 'sessions', 'mood_before', 'personal', 't.user_id = p.user_id', 'delete', NULL, 4),
('quests', 'sessions', 'mood_after', 'personal', 't.user_id = p.user_id', 'delete', NULL, 4),
('quests', 'sessions', 'id', 'none', 't.user_id = p.user_id', 'delete', NULL, 4),
('quests', 'sessions', 'started_at', 'none', 't.user_id = p.user_id', 'delete', NULL, 4),
('quests', 'sessions', 'ended_at', 'none', 't.user_id = p.user_id', 'delete', NULL, 4),
('quests', 'sessions', 'created_at', 'none', 't.user_id = p.user_id', 'delete', NULL, 4),
('quests', 'sessions', 'updated_at', 'none', 't.user_id = p.user_id', 'delete', NULL, 4),
('quests', 'creative_projects', 'user_id', 'identifier', 't.user_id = p.user_id', 'delete', NULL, 3),
('quests', 'creative_projects', 'status', 'personal', 't.user_id = p.user_id', 'delete', NULL, 3),
('quests', 'creative_projects', 'progress', 'personal', 't.user_id = p.user_id', 'delete', NULL, 3),
('quests', 'creative_projects', 'completed_at', 'personal', 't.user_id = p.user_id', 'delete', NULL, 3),
('quests', 'creative_projects', 'id', 'none', 't.user_id = p.user_id', 'delete', NULL, 3),
('quests', 'creative_projects', 'project_type', 'none', 't.user_id = p.user_id', 'delete', NULL, 3),
('quests', 'creative_projects', 'quest_id', 'none', 't.user_id = p.user_id', 'delete', NULL, 3),
('quests', 'creative_projects', 'letter_id', 'none', 't.user_id = p.user_id', 'delete', NULL, 3),
('quests', 'creative_projects', 'created_at', 'none', 't.user_id = p.user_id', 'delete', NULL, 3),
('quests', 'creative_projects', 'updated_at', 'none', 't.user_id = p.user_id', 'delete', NULL, 3),
('quests', 'letters', 'user_id', 'identifier', 't.user_id = p.user_id', 'delete', NULL, 4),
('quests', 'letters', 'recipient', 'words', 't.user_id = p.user_id', 'delete', NULL, 4),
('quests', 'letters', 'title', 'words', 't.user_id = p.user_id', 'delete', NULL, 4),
('quests', 'letters', 'body', 'words', 't.user_id = p.user_id', 'delete', NULL, 4),
('quests', 'letters', 'id', 'none', 't.user_id = p.user_id', 'delete', NULL, 4),
('quests', 'letters', 'key_id', 'none', 't.user_id = p.user_id', 'delete', NULL, 4),
('quests', 'letters', 'status', 'none', 't.user_id = p.user_id', 'delete', NULL, 4),
('quests', 'letters', 'created_at', 'none', 't.user_id = p.user_id', 'delete', NULL, 4),
('quests', 'letters', 'updated_at', 'none', 't.user_id = p.user_id', 'delete', NULL, 4),
('quests', 'goals', 'user_id', 'identifier', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'goals', 'title', 'words', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'goals', 'specific', 'words', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'goals', 'measurable', 'words', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'goals', 'achievable', 'words', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'goals', 'relevant', 'words', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'goals', 'due_date', 'personal', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'goals', 'status', 'personal', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'goals', 'progress', 'personal', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'goals', 'id', 'none', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'goals', 'created_at', 'none', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'goals', 'updated_at', 'none', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'metrics_snapshots', 'user_id', 'identifier', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'metrics_snapshots', 'taken_at', 'personal', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'metrics_snapshots', 'metrics', 'personal', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'metrics_snapshots', 'id', 'none', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'metrics_snapshots', 'created_at', 'none', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'metrics_snapshots', 'updated_at', 'none', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'psychological_profiles', 'user_id', 'identifier', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'psychological_profiles', 'crisis_history', 'words', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'psychological_profiles', 'emotional_trends', 'personal', 't.user_id = p.user_id', 'delete', NULL, 5),
(
    'quests', 'psychological_profiles', 'primary_coping_strategies', 'personal',
    't.user_id = p.user_id',
    'delete', NULL, 5
),
('quests', 'psychological_profiles', 'triggers', 'personal', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'psychological_profiles', 'communication_style', 'personal', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'psychological_profiles', 'toxic_patterns', 'personal', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'psychological_profiles', 'growth_areas', 'personal', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'psychological_profiles', 'quests_created', 'personal', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'psychological_profiles', 'recommended_techniques', 'personal', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'psychological_profiles', 'id', 'none', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'psychological_profiles', 'version', 'none', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'psychological_profiles', 'created_at', 'none', 't.user_id = p.user_id', 'delete', NULL, 5),
('quests', 'psychological_profiles', 'updated_at', 'none', 't.user_id = p.user_id', 'delete', NULL, 5),
(
    'quests', 'quest_nodes', 'content', 'words',
    't.quest_id IN (SELECT q.quest_id FROM quests.quests AS q WHERE q.creator_id = p.user_id)',
    'replace', '''{}''', 5
),
('quests', 'quest_nodes', 'child_id', 'identifier', 't.child_id = p.user_id', 'keep', NULL, 5),
('quests', 'quest_nodes', 'counted', 'personal', 't.child_id = p.user_id', 'keep', NULL, 5),
('quests', 'quest_nodes', 'updated_at', 'personal', 't.child_id = p.user_id', 'keep', NULL, 5),
('quests', 'child_progress', 'child_id', 'identifier', 't.child_id = p.user_id', 'delete', NULL, 5),
('quests', 'child_progress', 'started_at', 'personal', 't.child_id = p.user_id', 'delete', NULL, 5),
('quests', 'child_progress', 'completed_at', 'personal', 't.child_id = p.user_id', 'delete', NULL, 5),
('quests', 'child_progress', 'attempts', 'personal', 't.child_id = p.user_id', 'delete', NULL, 5),
('quests', 'child_progress', 'score', 'personal', 't.child_id = p.user_id', 'delete', NULL, 5),
('quests', 'child_progress', 'id', 'none', 't.child_id = p.user_id', 'delete', NULL, 5),
('quests', 'child_progress', 'quest_id', 'none', 't.child_id = p.user_id', 'delete', NULL, 5),
('quests', 'child_progress', 'node_key', 'none', 't.child_id = p.user_id', 'delete', NULL, 5),
('quests', 'child_progress', 'created_at', 'none', 't.child_id = p.user_id', 'delete', NULL, 5),
('quests', 'child_progress', 'updated_at', 'none', 't.child_id = p.user_id', 'delete', NULL, 5),
('quests', 'achievements', 'child_id', 'identifier', 't.child_id = p.user_id', 'delete', NULL, 5),
('quests', 'achievements', 'code', 'personal', 't.child_id = p.user_id', 'delete', NULL, 5),
('quests', 'achievements', 'title', 'personal', 't.child_id = p.user_id', 'delete', NULL, 5),
('quests', 'achievements', 'unlocked_at', 'personal', 't.child_id = p.user_id', 'delete', NULL, 5),
('quests', 'achievements', 'id', 'none', 't.child_id = p.user_id', 'delete', NULL, 5),
('quests', 'achievements', 'quest_id', 'none', 't.child_id = p.user_id', 'delete', NULL, 5),
('quests', 'achievements', 'created_at', 'none', 't.child_id = p.user_id', 'delete', NULL, 5),
('quests', 'achievements', 'updated_at', 'none', 't.child_id = p.user_id', 'delete', NULL, 5);
