"""Calls of the queries of quests, by both applications."""

from __future__ import annotations

from typing import Any, Final, LiteralString

from mentorbase import DataType, GoalStatus, LetterStatus, MessageRole, ModerationStatus, ProjectType, QuestStatus
from plans.calls import Call
from quests.family import EDU, PAS

# Twenty thousand quests of four thousand parents, of which the first have many; five nodes each, and one with fifty.
ROWS: Final[LiteralString] = """
INSERT INTO quests.users (id, recovery_tracks) SELECT id, '{"child_connection": 1}' FROM auth.users WHERE id <= 4000;

INSERT INTO quests.quests (creator_id, child_name, child_age, quest_yaml, status, moderation_status, deployed_at)
SELECT 1 + i % 4000, 'Ann', 8, repeat('a: 1\n', 50), 'deployed', 'approved', now() FROM generate_series(1, 20000) AS i;
INSERT INTO quests.quests (creator_id, child_name) SELECT 1, 'Ann' FROM generate_series(1, 60);
INSERT INTO quests.quests (creator_id, quest_yaml, status, moderation_status) VALUES (2, 'a: 1', 'ready', 'approved');

INSERT INTO quests.child_privacy_settings (
    quest_id, child_id, share_completion_progress, share_educational_progress, share_play_frequency
)
SELECT quest_id, 4001, true, true, true FROM quests.quests;
INSERT INTO quests.quest_analytics (quest_id, total_nodes) SELECT quest_id, 50 FROM quests.quests;
INSERT INTO quests.quest_nodes (quest_id, node_key, position, type, child_id, counted)
SELECT q.quest_id, 'n' || n, n, 'task', 4001, n < 3
FROM quests.quests AS q CROSS JOIN generate_series(1, 50) AS n
WHERE n <= 5 OR q.id = 1;
INSERT INTO quests.child_progress (quest_id, node_key, child_id)
SELECT quest_id, node_key, 4001 FROM quests.quest_nodes WHERE node_key <> 'n3';
INSERT INTO quests.achievements (quest_id, child_id, code, title)
SELECT quest_id, 4001, 'a' || n, 'A' FROM quests.quests CROSS JOIN generate_series(1, 2) AS n;
INSERT INTO quests.creative_projects (user_id, project_type, quest_id)
SELECT creator_id, 'quest', quest_id FROM quests.quests;
INSERT INTO quests.psychological_profiles (
    user_id, primary_coping_strategies, growth_areas, recommended_techniques
)
SELECT id, '{"walk": 3, "music": 2}', '["patience"]', '["diary"]' FROM quests.users;

INSERT INTO quests.sessions (user_id, summary)
SELECT 1 + i % 4000, ('\\x010001'::bytea || sha256('x')) FROM generate_series(1, 20000) AS i;
INSERT INTO quests.messages (user_id, session_id, role, content)
SELECT s.user_id, s.id, 'user', s.summary FROM quests.sessions AS s CROSS JOIN generate_series(1, 10);
INSERT INTO quests.letters (user_id, recipient, title, body)
SELECT s.user_id, s.summary, s.summary, s.summary FROM quests.sessions AS s;
INSERT INTO quests.goals (user_id, title) SELECT user_id, 'Goal' FROM quests.sessions;
INSERT INTO quests.metrics_snapshots (user_id, metrics) SELECT user_id, '{"calm": 3}' FROM quests.sessions;
INSERT INTO quests.quest_history (quest_id, creator_id, to_status, moderation_status, actor_kind)
SELECT quest_id, creator_id, 'draft', 'pending', 'creator' FROM quests.quests;
INSERT INTO quests.consent_changes (quest_id, data_type, shared, actor_kind)
SELECT quest_id, 'play_frequency', true, 'child' FROM quests.quests;
INSERT INTO quests.privacy_reads (step, quest_id, reader_id, result)
SELECT 'asked', quest_id, creator_id, 'allowed' FROM quests.quests CROSS JOIN generate_series(1, 5);
"""

_ASKED: Final = (
    "INSERT INTO quests.privacy_reads (step, quest_id, reader_id, result)"
    " VALUES ('asked', {}, 2, 'allowed') RETURNING ticket"
)
KNOWN = {
    "quest": "SELECT quest_id FROM quests.quests WHERE creator_id = 2 ORDER BY id LIMIT 1",
    "ready": "SELECT quest_id FROM quests.quests WHERE creator_id = 2 AND status = 'ready'",
    "draft": "SELECT quest_id FROM quests.quests WHERE creator_id = 1 AND status = 'draft' ORDER BY id LIMIT 1",
    "long": "SELECT quest_id FROM quests.quests WHERE id = 1",
    "project": "SELECT min(id) FROM quests.creative_projects WHERE user_id = 1",
    "session": "SELECT max(id) FROM quests.sessions WHERE user_id = 1",
    "letter": "SELECT min(id) FROM quests.letters WHERE user_id = 1",
    "goal": "SELECT min(id) FROM quests.goals WHERE user_id = 1",
    "ticket": _ASKED.format("(SELECT min(quest_id::text)::uuid FROM quests.quests WHERE creator_id = 2)"),
    "ticket_of_all": _ASKED.format("NULL"),
}
LATER: Final[LiteralString] = "UPDATE quests.settings SET value = 36500 WHERE name = 'ticket_validity'"
SEALED = b"\1\0\1" + bytes(60)
NODES = [{"node_key": f"k{number}", "type": "task"} for number in range(50)]
LETTER = {"recipient": SEALED, "title": SEALED, "body": SEALED}


def parent(given: dict[str, Any], actor: str = "1", **more: Any) -> Call:
    return Call(given, actor=actor, login=PAS, **more)


def child(given: dict[str, Any], actor: str = "4001", **more: Any) -> Call:
    return Call({"quest_id": "@long"} | given, actor=actor, login=EDU, **more)


CALLS: dict[str, list[Call]] = {
    "create_quest": [parent({"creator_id": 1, "quest_data": {"child_name": "Ann", "quest_yaml": "a: 1"}})],
    "get_quest": [parent({"quest_id": "@quest"}, "2")],
    "update_quest": [parent({"quest_id": "@quest", "changes": {"child_age": 9}}, "2")],
    "get_user_quests": [parent({"user_id": 1}, indexes={"quests_creator_id_idx"})],
    "set_quest_status": [parent({"quest_id": "@quest", "status": QuestStatus.ARCHIVED, "reason": "x"}, "2")],
    "save_quest_yaml": [parent({"quest_id": "@draft", "yaml_content": "b: 1"})],
    "moderate_quest": [parent({"quest_id": "@draft", "decision": ModerationStatus.REJECTED}, "admin:9")],
    "export_quest": [parent({"quest_id": "@ready"}, "2")],
    "ask": [parent({"quest_id": "@quest"}, "2"), parent({}, "2", pages=120)],
    "read": [parent({"ticket": "@ticket"}, "2", before=LATER)],
    "get_privacy_settings": [parent({"quest_id": "@quest"}, "2"), child({})],
    "can_share_with_parent": [parent({"quest_id": "@quest", "data_type": DataType.PLAY_FREQUENCY}, "2")],
    "create_creative_project": [parent({"user_id": 1, "project_type": ProjectType.GOAL})],
    "get_all_projects": [
        parent({"user_id": 1}, indexes={"creative_projects_user_id_idx"}),
        parent({"user_id": 1, "filters": {"project_type": "quest", "status": "in_progress"}}),
    ],
    "update_project_progress": [parent({"project_id": "@project", "progress": 100})],
    "read_profile": [parent({"user_id": 1}), parent({"user_id": 2, "ticket": "@ticket_of_all"}, "2", before=LATER)],
    "update_profile": [parent({"user_id": 1, "changes": {"growth_areas": ["x"]}})],
    "update_profile_emotions": [parent({"user_id": 1, "emotional_data": {"joy": 1}})],
    "add_coping_strategy": [parent({"user_id": 1, "strategy": "a walk"})],
    "save_crisis_history": [parent({"user_id": 1, "crisis_history": SEALED})],
    "get_recommendations": [parent({"user_id": 1}, indexes={"psychological_profiles_user_id_key"})],
    "save_recovery": [parent({"user_id": 1, "recovery_tracks": {"self_work": 1}})],
    "recovery": [parent({"user_id": 1}, indexes={"users_pkey"})],
    "start_session": [parent({"user_id": 1})],
    "end_session": [parent({"session_id": "@session", "summary": SEALED})],
    "sessions": [parent({"user_id": 1}, indexes={"sessions_user_id_idx"})],
    "add_message": [parent({"user_id": 1, "role": MessageRole.USER, "content": SEALED, "session_id": "@session"})],
    "messages": [parent({"user_id": 1}, indexes={"messages_user_id_idx"})],
    "write_letter": [parent({"user_id": 1, **LETTER})],
    "change_letter": [parent({"letter_id": "@letter", "status": LetterStatus.SENT, **LETTER})],
    "letters": [parent({"user_id": 1}, indexes={"letters_user_id_idx"})],
    "create_goal": [parent({"user_id": 1, "title": "Call"})],
    "change_goal": [parent({"goal_id": "@goal", "status": GoalStatus.ACTIVE, "progress": 5})],
    "goals": [parent({"user_id": 1}, indexes={"goals_user_id_idx"})],
    "add_metrics": [parent({"user_id": 1, "metrics": {"calm": 4}})],
    "metrics": [parent({"user_id": 1}, indexes={"metrics_snapshots_user_id_idx"})],
    "open_quest": [child({})],
    "update_privacy_settings": [child({"settings": {"share_play_frequency": False}})],
    "save_nodes": [child({"nodes": NODES}, "system")],
    "start_node": [child({"node_key": "n3"})],
    "complete_node": [child({"node_key": "n3"})],
    "update_quest_progress": [child({"nodes_completed": 9})],
    "record_achievement": [child({"achievement_data": {"code": "zz", "title": "Z"}})],
    "quest_nodes": [child({})],
    "child_progress": [child({})],
    "achievements": [child({})],
}
