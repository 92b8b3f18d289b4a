-- name: create_quest
-- A quest as a draft, with its project.
-- budget: 150 buffers
SELECT
    id, quest_id, creator_id, child_name, child_age, quest_yaml, status, moderation_status, moderation_issues,
    deployed_at, version, created_at, updated_at
FROM quests.create_quest(:creator_id, :quest_data, :actor_id);

-- name: get_quest
-- One quest of the acting parent.
-- budget: 6 buffers
SELECT
    id, quest_id, creator_id, child_name, child_age, quest_yaml, status, moderation_status, moderation_issues,
    deployed_at, version, created_at, updated_at
FROM quests.quests
WHERE quest_id = :quest_id;

-- name: update_quest
-- A quest with changes.
-- budget: 55 buffers
SELECT
    id, quest_id, creator_id, child_name, child_age, quest_yaml, status, moderation_status, moderation_issues,
    deployed_at, version, created_at, updated_at
FROM quests.update_quest(:quest_id, :changes, :version, :actor_id);

-- name: get_user_quests
-- The acting parent's quests, newest first; after_id is the last id of the page before.
-- budget: 125 buffers
SELECT
    id, quest_id, creator_id, child_name, child_age, quest_yaml, status, moderation_status, moderation_issues,
    deployed_at, version, created_at, updated_at
FROM quests.quests
WHERE creator_id = :user_id AND id < :after_id
ORDER BY id DESC
LIMIT :page_size;

-- name: set_quest_status
-- Takes one step of a quest's life.
-- budget: 70 buffers
SELECT
    id, quest_id, creator_id, child_name, child_age, quest_yaml, status, moderation_status, moderation_issues,
    deployed_at, version, created_at, updated_at
FROM quests.set_quest_status(:quest_id, :status, :actor_id, :reason);

-- name: save_quest_yaml
-- A quest with another YAML.
-- budget: 50 buffers
SELECT
    id, quest_id, creator_id, child_name, child_age, quest_yaml, status, moderation_status, moderation_issues,
    deployed_at, version, created_at, updated_at
FROM quests.save_quest_yaml(:quest_id, :yaml_content, :version, :actor_id);

-- name: moderate_quest
-- A quest with what a moderator found.
-- budget: 65 buffers
SELECT
    id, quest_id, creator_id, child_name, child_age, quest_yaml, status, moderation_status, moderation_issues,
    deployed_at, version, created_at, updated_at
FROM quests.moderate_quest(:quest_id, :decision, :issues, :reason);

-- name: export_quest
-- A quest for Inner Edu, deployed.
-- budget: 65 buffers
SELECT
    id, quest_id, creator_id, child_name, child_age, quest_yaml, status, moderation_status, moderation_issues,
    deployed_at, version, created_at, updated_at
FROM quests.export_quest(:quest_id, :actor_id, :reason);

-- name: ask
-- A ticket to read what a child shares; on record once it is committed.
-- budget: 30 buffers
SELECT quests.ask(:quest_id, :data_type, :actor_id) AS ticket;

-- name: read
-- What the child shares of a quest at this moment.
-- budget: 60 buffers
SELECT
    quest_id, nodes_completed, total_nodes, completion_percentage, educational_progress, last_played, play_count,
    child_consented_to_sharing
FROM quests.read(:ticket, :actor_id);

-- name: get_privacy_settings
-- What the child of a quest shares.
-- budget: 15 buffers
SELECT
    quest_id, share_completion_progress, share_educational_progress, share_play_frequency, updated_at
FROM quests.get_privacy_settings(:quest_id, :actor_id);

-- name: can_share_with_parent
-- Whether the child of a quest shares this now.
-- budget: 10 buffers
SELECT quests.can_share_with_parent(:quest_id, :data_type, :actor_id) AS is_shared;

-- name: create_creative_project
-- A new project.
-- budget: 50 buffers
SELECT
    id, user_id, project_type, quest_id, letter_id, status, progress, completed_at, created_at, updated_at
FROM quests.create_creative_project(:user_id, :project_type, :linked_id, :actor_id);

-- name: get_all_projects
-- The acting person's projects of a kind and status, newest first; after_id is the last id of the page before.
-- budget: 60 buffers
SELECT
    id, user_id, project_type, quest_id, letter_id, status, progress, completed_at, created_at, updated_at
FROM quests.creative_projects
WHERE
    user_id = :user_id AND id < :after_id
    AND (:filters::jsonb ->> 'project_type' IS NULL OR project_type::text = :filters::jsonb ->> 'project_type')
    AND (:filters::jsonb ->> 'status' IS NULL OR status::text = :filters::jsonb ->> 'status')
ORDER BY id DESC
LIMIT :page_size;

-- name: update_project_progress
-- A project with how far it has come.
-- budget: 50 buffers
SELECT
    id, user_id, project_type, quest_id, letter_id, status, progress, completed_at, created_at, updated_at
FROM quests.update_project_progress(:project_id, :progress, :actor_id);

-- name: read_profile
-- A person's profile, with what their children share at this moment. Measured with ten quests.
-- budget: 365 buffers
SELECT
    user_id, emotional_trends, crisis_history, primary_coping_strategies, triggers, communication_style,
    toxic_patterns, growth_areas, quests_created, child_engagement, recommended_techniques, version, updated_at
FROM quests.get_or_create_profile(:user_id, :ticket, :actor_id);

-- name: update_profile
-- Changes what a profile says; its version.
-- budget: 65 buffers
SELECT quests.update_profile(:user_id, :changes, :version, :actor_id) AS version;

-- name: update_profile_emotions
-- Adds how a person feels; the profile's version.
-- budget: 65 buffers
SELECT quests.update_profile_emotions(:user_id, :emotional_data, :version, :actor_id) AS version;

-- name: add_coping_strategy
-- Records what helped; the profile's version.
-- budget: 65 buffers
SELECT quests.add_coping_strategy(:user_id, :strategy, :actor_id) AS version;

-- name: save_crisis_history
-- Replaces a profile's crises, encrypted by the application; its version.
-- budget: 25 buffers
UPDATE quests.psychological_profiles
SET crisis_history = :crisis_history
WHERE user_id = :user_id
RETURNING version;

-- name: get_recommendations
-- What may help the acting person, from their own profile: what helped most often, techniques, then areas to grow in.
-- budget: 15 buffers
WITH own AS (
    SELECT primary_coping_strategies, recommended_techniques, growth_areas
    FROM quests.psychological_profiles
    WHERE user_id = :user_id
),

found AS (
    SELECT 1 AS kind_order, 'coping_strategy' AS kind, s.key AS suggestion, -s.value::bigint AS place
    FROM own AS p
    CROSS JOIN LATERAL jsonb_each_text(p.primary_coping_strategies) AS s (key, value)
    UNION ALL
    SELECT 2 AS kind_order, 'recommended_technique' AS kind, t.name AS suggestion, t.n AS place
    FROM own AS p
    CROSS JOIN LATERAL jsonb_array_elements_text(p.recommended_techniques) WITH ORDINALITY AS t (name, n)
    UNION ALL
    SELECT 3 AS kind_order, 'growth_area' AS kind, g.name AS suggestion, g.n AS place
    FROM own AS p
    CROSS JOIN LATERAL jsonb_array_elements_text(p.growth_areas) WITH ORDINALITY AS g (name, n)
)

SELECT kind, suggestion
FROM found
ORDER BY kind_order, place, suggestion
LIMIT :at_most;

-- name: save_recovery
-- Writes down how far the acting person's recovery has come.
-- budget: 15 buffers
INSERT INTO quests.users AS u (id, recovery_tracks, primary_track, recovery_week, recovery_day)
VALUES (:user_id, :recovery_tracks, :primary_track, :recovery_week, :recovery_day)
ON CONFLICT ON CONSTRAINT users_pkey DO UPDATE
    SET
        recovery_tracks = excluded.recovery_tracks,
        primary_track = excluded.primary_track,
        recovery_week = excluded.recovery_week,
        recovery_day = excluded.recovery_day
RETURNING
    u.id, u.recovery_tracks, u.primary_track, u.recovery_week, u.recovery_day, u.created_at, u.updated_at;

-- name: recovery
-- How far the acting person's recovery has come.
-- budget: 5 buffers
SELECT
    id, recovery_tracks, primary_track, recovery_week, recovery_day, created_at, updated_at
FROM quests.users
WHERE id = :user_id;

-- name: start_session
-- A session with the bot begins.
-- budget: 15 buffers
INSERT INTO quests.sessions (user_id, mood_before)
VALUES (:user_id, :mood_before)
RETURNING
    id, user_id, started_at, ended_at, summary, mood_before, mood_after, created_at, updated_at;

-- name: end_session
-- A session with the bot ends; what it was about is encrypted by the application.
-- budget: 10 buffers
UPDATE quests.sessions
SET ended_at = now(), summary = :summary, mood_after = :mood_after
WHERE id = :session_id
RETURNING
    id, user_id, started_at, ended_at, summary, mood_before, mood_after, created_at, updated_at;

-- name: sessions
-- The acting person's sessions, newest first; after_id is the last id of the page before.
-- budget: 60 buffers
SELECT
    id, user_id, started_at, ended_at, summary, mood_before, mood_after, created_at, updated_at
FROM quests.sessions
WHERE user_id = :user_id AND id < :after_id
ORDER BY id DESC
LIMIT :page_size;

-- name: add_message
-- A message, encrypted by the application.
-- budget: 25 buffers
INSERT INTO quests.messages (user_id, session_id, role, content)
VALUES (:user_id, :session_id, :role, :content)
RETURNING
    id, user_id, session_id, role, content, key_id, sent_at, created_at, updated_at;

-- name: messages
-- The acting person's messages, still encrypted, newest first; after_id is the last id of the page before.
-- budget: 225 buffers
SELECT
    id, user_id, session_id, role, content, key_id, sent_at, created_at, updated_at
FROM quests.messages
WHERE user_id = :user_id AND id < :after_id
ORDER BY id DESC
LIMIT :page_size;

-- name: write_letter
-- A letter, encrypted by the application.
-- budget: 10 buffers
INSERT INTO quests.letters (user_id, recipient, title, body)
VALUES (:user_id, :recipient, :title, :body)
RETURNING
    id, user_id, recipient, title, body, key_id, status, created_at, updated_at;

-- name: change_letter
-- A letter with another text and status.
-- budget: 35 buffers
UPDATE quests.letters
SET recipient = :recipient, title = :title, body = :body, status = :status
WHERE id = :letter_id
RETURNING
    id, user_id, recipient, title, body, key_id, status, created_at, updated_at;

-- name: letters
-- The acting person's letters, still encrypted, newest first; after_id is the last id of the page before.
-- budget: 20 buffers
SELECT
    id, user_id, recipient, title, body, key_id, status, created_at, updated_at
FROM quests.letters
WHERE user_id = :user_id AND id < :after_id
ORDER BY id DESC
LIMIT :page_size;

-- name: create_goal
-- A goal.
-- budget: 8 buffers
INSERT INTO quests.goals (user_id, title, specific, measurable, achievable, relevant, due_date)
VALUES (:user_id, :title, :specific, :measurable, :achievable, :relevant, :due_date)
RETURNING
    id, user_id, title, specific, measurable, achievable, relevant, due_date, status, progress, created_at,
    updated_at;

-- name: change_goal
-- A goal with how far it is reached.
-- budget: 25 buffers
UPDATE quests.goals
SET status = :status, progress = :progress
WHERE id = :goal_id
RETURNING
    id, user_id, title, specific, measurable, achievable, relevant, due_date, status, progress, created_at,
    updated_at;

-- name: goals
-- The acting person's goals, newest first; after_id is the last id of the page before.
-- budget: 20 buffers
SELECT
    id, user_id, title, specific, measurable, achievable, relevant, due_date, status, progress, created_at,
    updated_at
FROM quests.goals
WHERE user_id = :user_id AND id < :after_id
ORDER BY id DESC
LIMIT :page_size;

-- name: add_metrics
-- Figures about a person, of this moment.
-- budget: 8 buffers
INSERT INTO quests.metrics_snapshots (user_id, metrics)
VALUES (:user_id, :metrics)
RETURNING
    id, user_id, taken_at, metrics, created_at, updated_at;

-- name: metrics
-- Figures about the acting person, newest first; after_id is the last id of the page before.
-- budget: 20 buffers
SELECT
    id, user_id, taken_at, metrics, created_at, updated_at
FROM quests.metrics_snapshots
WHERE user_id = :user_id AND id < :after_id
ORDER BY id DESC
LIMIT :page_size;

-- name: open_quest
-- A deployed quest, for the child who plays it.
-- budget: 40 buffers
SELECT
    quest_id, child_name, child_age, quest_yaml, deployed_at
FROM quests.open_quest(:quest_id, :actor_id);

-- name: update_privacy_settings
-- What the child shares from now on.
-- budget: 55 buffers
SELECT
    quest_id, share_completion_progress, share_educational_progress, share_play_frequency, updated_at
FROM quests.update_privacy_settings(:quest_id, :settings, :actor_id);

-- name: save_nodes
-- The nodes of a quest as Inner Edu read them; how many. Measured with 50.
-- budget: 995 buffers
SELECT quests.save_nodes(:quest_id, :nodes) AS total_nodes;

-- name: start_node
-- The child tries a node; whether that is kept.
-- budget: 45 buffers
SELECT quests.start_node(:quest_id, :node_key, :actor_id) AS is_kept;

-- name: complete_node
-- The child completed a node; how much of the quest is done, in percent.
-- budget: 115 buffers
SELECT quests.complete_node(:quest_id, :node_key, :score, :actor_id) AS completion_percentage;

-- name: update_quest_progress
-- How many nodes the child has completed; how much of the quest is done, in percent.
-- budget: 35 buffers
SELECT quests.update_quest_progress(:quest_id, :nodes_completed, :actor_id) AS completion_percentage;

-- name: record_achievement
-- What the child unlocked.
-- budget: 60 buffers
SELECT
    id, quest_id, code, title, unlocked_at
FROM quests.record_achievement(:quest_id, :achievement_data, :actor_id);

-- name: quest_nodes
-- The nodes of the acting child's quest, in order; after is the last position of the page before.
-- budget: 20 buffers
SELECT quest_id, node_key, position, type, content
FROM quests.quest_nodes
WHERE quest_id = :quest_id AND position > :after
ORDER BY position
LIMIT :page_size;

-- name: child_progress
-- What is kept of how the acting child went through a quest.
-- budget: 20 buffers
SELECT quest_id, node_key, started_at, completed_at, attempts, score
FROM quests.child_progress
WHERE quest_id = :quest_id AND node_key > :after
ORDER BY node_key
LIMIT :page_size;

-- name: achievements
-- What the acting child unlocked, newest first; after_id is the last id of the page before.
-- budget: 7 buffers
SELECT id, quest_id, code, title, unlocked_at
FROM quests.achievements
WHERE quest_id = :quest_id AND id < :after_id
ORDER BY id DESC
LIMIT :page_size;
