"""What holds after a load, as queries that find who breaks it. At any volume: each reads its tables a few times."""

from __future__ import annotations

from typing import LiteralString

import psycopg


def _story(subject: LiteralString, history: LiteralString, key: LiteralString) -> LiteralString:
    """A history begins with nothing, goes by steps that exist, forward in time, and ends where its subject stands."""
    return f"""
SELECT {key}
FROM (
    SELECT
        h.{key}, h.from_status, h.to_status, h.occurred_at, s.status,
        lag(h.to_status) OVER w AS before, lag(h.occurred_at) OVER w AS earlier,
        lead(h.id) OVER w IS NULL AS is_last
    FROM {history} AS h LEFT JOIN {subject} AS s ON h.{key} = s.id
    WINDOW w AS (PARTITION BY h.{key} ORDER BY h.id)
) AS step
WHERE
    from_status IS DISTINCT FROM before OR occurred_at < earlier OR occurred_at > now() OR status IS NULL
    OR (is_last AND to_status <> status)
    OR NOT EXISTS (
        SELECT FROM {subject}_transitions AS t
        WHERE t.from_status IS NOT DISTINCT FROM step.from_status AND t.to_status = step.to_status
    )
UNION ALL
SELECT id FROM {subject} AS s WHERE NOT EXISTS (SELECT FROM {history} AS h WHERE h.{key} = s.id)
"""


def _twice(person: LiteralString, source: LiteralString) -> LiteralString:
    """Who is in two places at once."""
    return f"""
SELECT {person}
FROM (
    SELECT {person}, begins, lag(ends) OVER (PARTITION BY {person} ORDER BY begins) AS busy_until FROM {source} AS s
) AS t
WHERE begins < busy_until
"""


_SESSIONS: LiteralString = (
    "(SELECT mentor_id, user_id, booked_date AS begins, ends_at AS ends FROM mentoring.subject_schedule"
    " WHERE status <> 'cancelled')"
)
_EVERYTHING: LiteralString = """(
    SELECT u.telegram_id AS person, b.booked_date AS begins, b.ends_at AS ends
    FROM mentoring.subject_schedule AS b INNER JOIN auth.users AS u ON u.id IN (b.mentor_id, b.user_id)
    WHERE b.status <> 'cancelled'
    UNION ALL
    SELECT teacher_telegram_id, starts_at, ends_at FROM calendar.lessons WHERE occupies
    UNION ALL
    SELECT student_telegram_id, starts_at, ends_at FROM calendar.lesson_participants WHERE occupies
)"""

OFFENDERS: dict[str, LiteralString] = {
    "relationships have gone by their life cycle": _story(
        "mentoring.mentor_mentee", "mentoring.mentor_mentee_history", "relationship_id"
    ),
    "bookings have gone by theirs": _story(
        "mentoring.subject_schedule", "mentoring.subject_schedule_history", "booking_id"
    ),
    "no mentor is in two sessions at once": _twice("mentor_id", _SESSIONS),
    "no mentee is in two sessions at once": _twice("user_id", _SESSIONS),
    "a session lies within its relationship": """
        SELECT b.id
        FROM mentoring.subject_schedule AS b INNER JOIN mentoring.mentor_mentee AS m ON b.relationship_id = m.id
        WHERE m.accepted_at IS NULL OR b.created_at < m.accepted_at OR b.ends_at > m.ended_at
    """,
    "a booking counts for its pair's relationship if there is any": """
        SELECT b.id
        FROM mentoring.subject_schedule AS b
        INNER JOIN mentoring.mentor_mentee AS m ON b.mentor_id = m.mentor_id AND b.user_id = m.mentee_id
        WHERE b.relationship_id IS NULL
    """,
    "what is over has an outcome, or waits for one; what is to come has none": """
        SELECT id FROM mentoring.subject_schedule
        WHERE (ends_at > now() AND status IN ('completed', 'no_show')) OR (ends_at <= now() AND status = 'pending')
            OR created_at > booked_date OR cancelled_at > booked_date OR updated_at > now()
    """,
    "nobody has more mentees than places": """
        SELECT p.user_id
        FROM mentoring.user_profiles AS p
        INNER JOIN mentoring.mentor_mentee AS m ON p.user_id = m.mentor_id AND m.status IN ('active', 'paused')
        GROUP BY p.user_id
        HAVING count(*) > p.max_mentees
    """,
    "nobody waits for more answers than allowed": """
        SELECT mentee_id FROM mentoring.mentor_mentee
        WHERE status = 'pending' AND initiated_by = 'mentee'
        GROUP BY 1
        HAVING count(*) > mentoring.setting('open_requests')
    """,
    "no request waits longer than it may": """
        SELECT id FROM mentoring.mentor_mentee
        WHERE status = 'pending'
            AND created_at <= now() - make_interval(days => mentoring.setting('request_expiry')::integer)
    """,
    "nobody is with whom they block": """
        SELECT m.id
        FROM mentoring.mentor_mentee AS m
        INNER JOIN mentoring.blocks AS b
            ON (b.blocker_id, b.blocked_id) IN ((m.mentor_id, m.mentee_id), (m.mentee_id, m.mentor_id))
        WHERE m.status IN ('pending', 'active', 'paused')
    """,
    "groups are not fuller than full, and nobody waits beside a free seat": """
        SELECT g.id
        FROM groups.groups AS g INNER JOIN groups.group_members AS m ON g.id = m.group_id
        GROUP BY g.id
        HAVING count(*) FILTER (WHERE m.status = 'active') > g.capacity
            OR (count(*) FILTER (WHERE m.status = 'waiting') > 0
                AND count(*) FILTER (WHERE m.status = 'active') < g.capacity)
            OR min(m.requested_at) FILTER (WHERE m.status = 'waiting')
                < max(m.requested_at) FILTER (WHERE m.status = 'active')
            OR (g.status IN ('completed', 'cancelled') AND bool_or(m.status IN ('waiting', 'active')))
    """,
    "enrollments say what memberships say": """
        SELECT m.id
        FROM groups.group_members AS m FULL JOIN students.group_enrollments AS e ON m.id = e.membership_id
        WHERE (m.group_id, m.student_telegram_id, m.progress, m.joined_at, m.ended_at)
            IS DISTINCT FROM (e.group_id, e.student_telegram_id, e.progress, e.enrolled_at, e.ended_at)
            OR links.enrollment_status(m.status) IS DISTINCT FROM e.status
    """,
    "what was last written down of a group is how it stands": """
        SELECT p.group_id
        FROM (SELECT *, row_number() OVER (PARTITION BY group_id ORDER BY as_of DESC) AS nth FROM groups.group_progress)
            AS p
        INNER JOIN groups.groups AS g ON p.group_id = g.id
        INNER JOIN groups.group_members AS m ON p.group_id = m.group_id
        WHERE p.nth = 1 AND g.status IN ('open', 'closed')
        GROUP BY p.group_id, p.active_members, p.waiting_members, p.left_members, p.average_progress
        HAVING count(*) FILTER (WHERE m.status = 'active') <> p.active_members
            OR count(*) FILTER (WHERE m.status = 'waiting') <> p.waiting_members
            OR count(*) FILTER (WHERE m.status = 'left') <> p.left_members
            OR abs(avg(m.progress) FILTER (WHERE m.status = 'active') - p.average_progress) > 0.01
        UNION ALL
        SELECT group_id FROM groups.group_progress WHERE active_members > capacity
    """,
    "lessons are over or to come": """
        SELECT id FROM calendar.lessons
        WHERE (status = 'completed' AND ends_at > now()) OR (status = 'planned' AND ends_at <= now())
    """,
    "nobody is in a lesson and in a session at once": _twice("person", _EVERYTHING),
    "nobody did anything before they came": """
        SELECT m.id
        FROM mentoring.mentor_mentee AS m INNER JOIN auth.users AS u ON u.id IN (m.mentor_id, m.mentee_id)
        WHERE m.created_at < u.created_at
    """,
    "a pair of the bot has one mentor after the other, without a gap, and one today": """
        SELECT id
        FROM (
            SELECT
                id, valid_from, lag(valid_to) OVER w AS before, lag(mentor_id) OVER w AS previous, mentor_id,
                is_open, lead(id) OVER w IS NULL AS is_last
            FROM getcourse.mapping
            WINDOW w AS (PARTITION BY id ORDER BY valid_from)
        ) AS v
        WHERE valid_from <> before OR previous = mentor_id OR is_open <> is_last
        UNION ALL
        SELECT k.id
        FROM getcourse.mapping_ids AS k LEFT JOIN getcourse.v_active_mappings AS v ON k.id = v.id
        WHERE v.id IS NULL
    """,
    "a webhook speaks of a pair of its time, and is known again when it comes again": """
        SELECT e.id
        FROM getcourse.webhook_events AS e
        LEFT JOIN getcourse.webhook_keys AS k ON e.source = k.source AND e.dedupe_key = k.dedupe_key
        LEFT JOIN getcourse.students AS s ON e.user_id = s.getcourse_user_id AND s.is_open
        LEFT JOIN getcourse.lessons AS l
            ON e.answer_lesson_id = l.lesson_id AND e.answer_training_id = l.training_id AND l.is_open
        LEFT JOIN getcourse.mapping AS p
            ON e.answer_training_id = p.training_id AND s.id = p.student_id
            AND p.valid_from <= e.event_date AND p.valid_to > e.event_date
        WHERE k.event_id IS DISTINCT FROM e.id OR l.lesson_id IS NULL OR p.id IS NULL OR e.updated_at > now()
            OR e.user_email <> s.email
            OR e.dedupe_key <> getcourse.dedupe_key(e.answer_id, e.answer_status, e.event_date)
    """,
    "a mentor of the bot was told of what was processed for them, once, while they could be reached": """
        SELECT n.id
        FROM getcourse.notifications AS n
        INNER JOIN getcourse.webhook_events AS e ON n.webhook_event_id = e.id
        INNER JOIN getcourse.students AS s ON e.user_id = s.getcourse_user_id AND s.is_open
        INNER JOIN getcourse.mapping AS p
            ON e.answer_training_id = p.training_id AND s.id = p.student_id
            AND p.valid_from <= e.event_date AND p.valid_to > e.event_date
        INNER JOIN getcourse.mentors AS m ON p.mentor_id = m.id AND m.is_open
        LEFT JOIN getcourse.unreachable_mentors AS u ON m.telegram_id = u.telegram_id
        WHERE e.status <> 'processed' OR n.mentor_id <> p.mentor_id OR n.created_at < e.processed_at
            OR n.sent_at > now() OR n.recipient_telegram_id <> m.telegram_id
            OR (u.created_at <= n.created_at) IS TRUE <> (n.status = 'cancelled')
            OR n.message_hash <> encode(
                sha256(convert_to(jsonb_build_array(n.type, n.message, n.webhook_event_id)::text, 'UTF8')), 'hex'
            )
        UNION ALL
        SELECT e.id
        FROM getcourse.webhook_events AS e LEFT JOIN getcourse.notifications AS n ON e.id = n.webhook_event_id
        WHERE e.status = 'processed'
        GROUP BY e.id
        HAVING count(n.id) <> 1
    """,
    "quests have gone by their life cycle": """
        SELECT step.quest_id
        FROM (
            SELECT
                h.*, q.status, q.moderation_status AS said, q.deployed_at, q.version, q.quest_yaml,
                lag(h.to_status) OVER w AS before, lag(h.occurred_at) OVER w AS earlier,
                lead(h.id) OVER w IS NULL AS is_last, row_number() OVER w AS nth
            FROM quests.quest_history AS h INNER JOIN quests.quests AS q ON h.quest_id = q.quest_id
            WINDOW w AS (PARTITION BY h.quest_id ORDER BY h.id)
        ) AS step
        WHERE from_status IS DISTINCT FROM before OR occurred_at < earlier OR occurred_at > now()
            OR (is_last AND (to_status, moderation_status, nth) <> (status, said, version))
            OR (to_status = 'deployed' AND (moderation_status <> 'approved' OR occurred_at <> deployed_at))
            OR (from_status IS DISTINCT FROM to_status AND NOT EXISTS (
                SELECT FROM quests.quests_transitions AS t
                WHERE t.from_status IS NOT DISTINCT FROM step.from_status AND t.to_status = step.to_status
                    AND t.actor_kind = step.actor_kind
            ))
            OR (actor_kind = 'creator' AND (actor_id <> creator_id OR moderation_status <> 'pending' AND nth < 4))
        UNION ALL
        SELECT q.quest_id FROM quests.quests AS q
        WHERE NOT EXISTS (SELECT FROM quests.quest_history AS h WHERE h.quest_id = q.quest_id)
    """,
    "a child shares what it last said, and plays what was given to it": """
        SELECT s.quest_id
        FROM quests.child_privacy_settings AS s
        INNER JOIN quests.quests AS q ON s.quest_id = q.quest_id
        INNER JOIN quests.quest_analytics AS a ON s.quest_id = a.quest_id
        CROSS JOIN LATERAL (
            VALUES ('completion_progress'::quests.data_type, s.share_completion_progress),
            ('educational_progress', s.share_educational_progress), ('play_frequency', s.share_play_frequency)
        ) AS k (data_type, shared)
        LEFT JOIN LATERAL (
            SELECT c.shared, c.actor_id FROM quests.consent_changes AS c
            WHERE c.quest_id = s.quest_id AND c.data_type = k.data_type
            ORDER BY c.id DESC LIMIT 1
        ) AS c ON true
        WHERE k.shared <> coalesce(c.shared, false) OR c.actor_id <> s.child_id OR s.child_id = q.creator_id
            OR (s.child_id IS NOT NULL AND (q.deployed_at IS NULL OR a.last_played < q.deployed_at))
            OR (s.child_id IS NULL) <> (a.play_count = 0) OR a.last_played > now()
    """,
    "numbers of a quest are those of its nodes, and details are there as far as they are shared": """
        SELECT a.quest_id
        FROM quests.quest_analytics AS a
        INNER JOIN quests.quests AS q ON a.quest_id = q.quest_id
        INNER JOIN quests.child_privacy_settings AS s ON a.quest_id = s.quest_id
        LEFT JOIN quests.quest_nodes AS n ON a.quest_id = n.quest_id
        LEFT JOIN quests.child_progress AS p ON n.quest_id = p.quest_id AND n.node_key = p.node_key
        GROUP BY a.id, q.id, s.id
        HAVING count(n.id) <> a.total_nodes OR count(n.id) FILTER (WHERE n.counted) <> a.nodes_completed
            OR coalesce((a.educational_progress ->> 'scored_nodes')::bigint, 0) <> a.nodes_completed
            OR (count(n.id) > 0) <> (q.deployed_at IS NOT NULL)
            OR count(p.id) FILTER (WHERE n.counted) <> count(p.id)
            OR count(p.id) <> CASE WHEN s.share_educational_progress THEN a.nodes_completed ELSE 0 END
            OR sum(p.score) <> (a.educational_progress ->> 'score_sum')::numeric
            OR bool_or(n.child_id IS DISTINCT FROM s.child_id AND n.id IS NOT NULL)
            OR max(p.completed_at) > a.last_played
    """,
    "every look at what a child does found what the child shares": """
        SELECT r.quest_id
        FROM quests.privacy_reads AS r
        INNER JOIN quests.quests AS q ON r.quest_id = q.quest_id
        INNER JOIN quests.child_privacy_settings AS s ON r.quest_id = s.quest_id
        WHERE r.reader_id <> q.creator_id OR r.result::text <> CASE
            WHEN q.status = 'deleted' THEN 'missing'
            WHEN s.share_completion_progress AND s.share_educational_progress AND s.share_play_frequency THEN 'allowed'
            WHEN s.share_completion_progress OR s.share_educational_progress OR s.share_play_frequency THEN 'redacted'
            ELSE 'refused'
        END
    """,
    "what an application encrypts is not made up": """
        SELECT id FROM quests.messages
        UNION ALL
        SELECT id FROM quests.letters
        UNION ALL
        SELECT id FROM quests.psychological_profiles WHERE crisis_history IS NOT NULL
    """,
    "nothing is addressed to a real account": """
        SELECT telegram_id FROM auth.users WHERE telegram_id < 1000000000000000
        UNION ALL
        SELECT recipient_telegram_id FROM notifications.notifications WHERE recipient_telegram_id < 1000000000000000
        UNION ALL
        SELECT telegram_id FROM getcourse.mentors WHERE telegram_id < 1000000000000000
    """,
    "what was sent is on record": """
        SELECT n.id FROM notifications.notifications AS n
        WHERE n.status IN ('sent', 'dead', 'uncertain') AND NOT EXISTS (
            SELECT FROM notifications.notification_logs AS l WHERE l.notification_id = n.id AND l.to_status = n.status
        )
    """,
    "every trigger is on again": "SELECT tgrelid::bigint FROM pg_trigger WHERE tgenabled <> 'O'",
    "the next id is free": """
        SELECT max(u.id) FROM auth.users AS u HAVING max(u.id) > (SELECT last_value FROM auth.users_id_seq)
        UNION ALL
        SELECT max(b.id) FROM mentoring.subject_schedule AS b
        HAVING max(b.id) > (SELECT last_value FROM mentoring.subject_schedule_id_seq)
    """,
}
"""What holds, and who breaks it: nobody."""


def broken(conn: psycopg.Connection[tuple[object, ...]]) -> dict[str, list[object]]:
    """Which of these do not hold, with some of those who break them."""
    found = {name: [row[0] for row in conn.execute(query).fetchmany(5)] for name, query in OFFENDERS.items()}
    return {name: offenders for name, offenders in found.items() if offenders}
