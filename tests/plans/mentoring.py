"""Calls of the queries of mentoring, and what its specification wants indexes for."""

from __future__ import annotations

from conftest import APP, DEPLOY, READER
from mentorbase import PublicationKind, RelationshipStatus
from mentoring.booking import in_hours
from plans.calls import Call, Question

KNOWN = {
    "mentor": "SELECT 1",  # the busiest
    "mentee": "SELECT mentee_id FROM mentoring.mentor_mentee GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
    "newcomer": "SELECT max(id) FROM auth.users",
    "blocker": "SELECT blocker_id FROM mentoring.blocks GROUP BY 1 ORDER BY count(*) DESC LIMIT 1",
    # Of twenty bookings, which is the average.
    "typical": "SELECT relationship_id FROM mentoring.subject_schedule"
    " GROUP BY 1 HAVING count(*) = 20 ORDER BY 1 LIMIT 1",
    "busiest": "SELECT relationship_id FROM mentoring.subject_schedule WHERE relationship_id IS NOT NULL"
    " GROUP BY 1 ORDER BY count(*) DESC LIMIT 1",
    "mentor_of_15": "SELECT mentor_id FROM mentoring.v_mentor_load WHERE used = 15 ORDER BY 1 LIMIT 1",
    # What is written to belongs to others than what is read.
    "writer": """
        SELECT m.mentor_id
        FROM mentoring.mentor_mentee AS m INNER JOIN mentoring.user_profiles AS p ON m.mentor_id = p.user_id
        WHERE m.mentor_id > 1 AND p.max_mentees IS NULL AND m.status IN ('pending', 'active', 'paused')
            AND EXISTS (SELECT FROM mentoring.subjects AS s WHERE s.user_id = m.mentor_id AND s.is_active)
            AND 2 = (
                SELECT count(DISTINCT b.status) FROM mentoring.subject_schedule AS b
                WHERE b.mentor_id = m.mentor_id
                    AND (b.status = 'pending' OR (b.status = 'confirmed' AND b.ends_at < now()))
            )
        GROUP BY m.mentor_id
        HAVING count(DISTINCT m.status) = 3
            AND bool_or(m.status = 'pending' AND m.initiated_by = 'mentee')
        ORDER BY m.mentor_id
        LIMIT 1
    """,
    "writers_subject": "SELECT min(id) FROM mentoring.subjects WHERE user_id = {writer} AND is_active",
    "asked": "SELECT min(id) FROM mentoring.mentor_mentee WHERE mentor_id = {writer} AND status = 'pending'"
    " AND initiated_by = 'mentee'",
    "asker": "SELECT mentee_id FROM mentoring.mentor_mentee WHERE id = {asked}",
    "active": "SELECT min(id) FROM mentoring.mentor_mentee WHERE mentor_id = {writer} AND status = 'active'",
    "learner": "SELECT mentee_id FROM mentoring.mentor_mentee WHERE id = {active}",
    "paused": "SELECT min(id) FROM mentoring.mentor_mentee WHERE mentor_id = {writer} AND status = 'paused'",
    "pauser": "SELECT paused_by FROM mentoring.mentor_mentee WHERE id = {paused}",
    "booked": "SELECT min(id) FROM mentoring.subject_schedule WHERE mentor_id = {writer} AND status = 'pending'",
    "over": "SELECT min(id) FROM mentoring.subject_schedule WHERE mentor_id = {writer} AND status = 'confirmed'"
    " AND ends_at < now()",
}
RELATION = "mentor_mentee_pkey"
OF_MENTOR, OF_MENTEE = "mentor_mentee_mentor_id_status_idx", "mentor_mentee_mentee_id_status_idx"
STATISTICS = "subject_schedule_relationship_id_idx"
SUBSCRIBERS = "mentor_mentee_subscribers_idx"
QUIZ = PublicationKind.QUIZ
SESSION = {"booked_date": in_hours(24), "ends_at": in_hours(25)}
PRESENT = [RelationshipStatus.ACTIVE, RelationshipStatus.PAUSED]

# Reads first: a write leaves pages behind of which an index cannot tell what is visible, though it is undone.
CALLS: dict[str, list[Call]] = {
    "relationship": [Call({"relationship_id": "@typical"}, {RELATION})],
    "mentees": [
        # A page of each status.
        Call({"mentor_id": "@mentor"}, {OF_MENTOR}),
        Call({"mentor_id": "@mentor", "after_id": 20_000}, {OF_MENTOR}),
        Call({"mentor_id": "@mentor", "statuses": PRESENT, "page_size": 15}, {OF_MENTOR}, pages=50),
    ],
    "mentors": [
        Call({"mentee_id": "@mentee"}, {OF_MENTEE}),
        Call({"mentee_id": "@mentee", "statuses": PRESENT}, {OF_MENTEE}),
    ],
    "history": [Call({"relationship_id": "@typical"}, {"mentor_mentee_history_relationship_id_idx"})],
    "profile": [Call({"user_id": "@mentor"}, {"user_profiles_pkey"})],
    "subject": [Call({"subject_id": "@writers_subject"}, {"subjects_pkey"})],
    "subjects": [Call({"mentor_id": "@mentor"}, {"subjects_user_id_idx"})],
    "booking": [Call({"booking_id": "@booked"}, {"subject_schedule_pkey"})],
    "mentor_bookings": [
        Call({"mentor_id": "@mentor"}, {"subject_schedule_mentor_id_idx"}),
        Call({"mentor_id": "@mentor", "from_date": in_hours(0)}, {"subject_schedule_mentor_id_idx"}),
    ],
    "mentee_bookings": [
        Call({"mentee_id": "@mentee"}, {"subject_schedule_user_id_idx"}),
        Call({"mentee_id": "@mentee", "from_date": in_hours(0)}, {"subject_schedule_user_id_idx"}),
    ],
    "booking_history": [Call({"booking_id": "@booked"}, {"subject_schedule_history_booking_id_idx"})],
    "statistics": [
        Call({"relationship_id": "@typical"}, {RELATION, STATISTICS}, {STATISTICS}, pages=14),
        Call({"relationship_id": "@busiest"}, {RELATION, STATISTICS}, {STATISTICS}),
    ],
    "mentor_statistics": [
        Call(
            {"mentor_id": "@mentor_of_15", "page_size": 15}, {OF_MENTOR, RELATION, STATISTICS}, {STATISTICS}, pages=150
        ),
        Call({"mentor_id": "@mentor"}, {OF_MENTOR, RELATION, STATISTICS}, {STATISTICS}),
    ],
    "mentee_statistics": [Call({"mentee_id": "@mentee"}, {OF_MENTEE, RELATION, STATISTICS}, {STATISTICS})],
    "get_session_statistics": [
        Call({"relationship_id": "@typical"}, {RELATION, STATISTICS}),
        # Its sessions to come are read one by one.
        Call({"relationship_id": "@busiest"}, {RELATION, STATISTICS}),
    ],
    "mentor_load": [Call({"mentor_id": "@mentor"}, {"user_profiles_pkey", OF_MENTOR})],
    "blocks": [Call({"blocker_id": "@blocker"}, {"blocks_pkey"})],
    "subscribers": [Call({"mentor_id": "@mentor", "kind": QUIZ}, {SUBSCRIBERS}, {SUBSCRIBERS})],
    "publications": [Call({"mentor_id": "@writer"}, {"publications_mentor_id_idx"})],
    "note": [Call({"relationship_id": "@active", "actor_id": "@writer"})],
    "request": [
        Call({"mentor_id": "@writer", "mentee_id": "@newcomer", "actor_id": "@newcomer"}),
        Call({"mentor_id": "@writer", "mentee_id": "@asker", "actor_id": "@writer"}),
    ],
    "accept": [Call({"relationship_id": "@asked", "actor_id": "@writer"})],
    "reject": [Call({"relationship_id": "@asked", "actor_id": "@writer"})],
    "cancel": [Call({"relationship_id": "@asked", "actor_id": "@asker"})],
    "pause": [Call({"relationship_id": "@active", "actor_id": "@writer"})],
    "resume": [Call({"relationship_id": "@paused", "actor_id": "@pauser"})],
    "complete": [Call({"relationship_id": "@active", "actor_id": "@writer"})],
    "terminate": [Call({"relationship_id": "@active", "actor_id": "@learner"})],
    "change_subscriptions": [Call({"relationship_id": "@active", "quizzes": False, "actor_id": "@learner"})],
    "save_profile": [Call({"user_id": "@writer", "max_mentees": 60}, actor="@writer")],
    "create_subject": [Call({"mentor_id": "@writer", "title": "x"}, actor="@writer")],
    "change_subject": [Call({"subject_id": "@writers_subject", "title": "x"}, {"subjects_pkey"}, actor="@writer")],
    "book": [
        Call({"subject_id": "@writers_subject", "mentee_id": "@learner", **SESSION, "actor_id": "@learner"}),
        Call({"subject_id": "@writers_subject", "mentee_id": "@newcomer", **SESSION, "actor_id": "@newcomer"}),
    ],
    "confirm": [Call({"booking_id": "@booked", "actor_id": "@writer"})],
    "cancel_booking": [Call({"booking_id": "@booked", "actor_id": "@writer"})],
    "complete_booking": [Call({"booking_id": "@over", "actor_id": "@writer"})],
    "mark_no_show": [Call({"booking_id": "@over", "actor_id": "@writer"})],
    "block": [Call({"blocker_id": "@writer", "blocked_id": "@learner", "actor_id": "@writer"})],
    "unblock": [Call({"blocker_id": "@writer", "blocked_id": "@learner", "actor_id": "@writer"})],
    "expire_requests": [
        Call(
            {"at_most": 10},
            before="UPDATE mentoring.mentor_mentee SET created_at = created_at - interval '1 month' WHERE id IN"
            " (SELECT id FROM mentoring.mentor_mentee WHERE status = 'pending' ORDER BY id LIMIT 10)",
        )
    ],
    "write_note": [Call({"relationship_id": "@active", "note": "x", "actor_id": "@writer"})],
    "remove": [Call({"relationship_id": "@active", "actor_id": "@learner"})],
    "publish": [Call({"mentor_id": "@writer", "kind": QUIZ, "reference": "q", "title": "x", "actor_id": "@writer"})],
    "backfill_relationships": [Call({"at_most": 1}, login=DEPLOY)],
}


BY_DATE = "mentor_mentee_created_at_idx"
QUESTIONS = {
    "a mentor's mentees by status": Question(
        APP,
        "SELECT id FROM mentoring.mentor_mentee WHERE mentor_id = {mentor} AND status = 'active'",
        60,
        {OF_MENTOR},
    ),
    "a mentee's mentors by status": Question(
        APP,
        "SELECT id FROM mentoring.mentor_mentee WHERE mentee_id = {mentee} AND status = 'active'",
        40,
        {OF_MENTEE},
    ),
    "relations by date": Question(
        READER,
        "SELECT relationship_id FROM mentoring.v_mentor_mentee"
        " WHERE created_at >= now() - interval '1 day' AND created_at < now()",
        60,
        {BY_DATE},
    ),
    "the latest relations": Question(
        READER,
        "SELECT relationship_id FROM mentoring.v_mentor_mentee ORDER BY created_at DESC LIMIT 20",
        30,
        {BY_DATE},
    ),
    "a pair's active relation": Question(
        APP,
        "SELECT id FROM mentoring.mentor_mentee"
        " WHERE mentor_id = {writer} AND mentee_id = {learner} AND status = 'active'",
        5,
        {SUBSCRIBERS},
    ),
    "a pair's statistics": Question(
        APP,
        "SELECT total_bookings FROM mentoring.mentor_mentee_statistics"
        " WHERE mentor_id = {writer} AND mentee_id = {learner} AND status = 'active'",
        14,
        {SUBSCRIBERS, STATISTICS},
    ),
    "a relation's statistics": Question(
        APP,
        "SELECT total_bookings FROM mentoring.mentor_mentee_statistics WHERE relationship_id = {typical}",
        14,
        {RELATION, STATISTICS},
    ),
    "a board of fifteen mentees": Question(
        READER,
        "SELECT * FROM mentoring.v_mentor_board WHERE mentor_id = {mentor_of_15}",
        150,
        {OF_MENTOR, STATISTICS},
    ),
    "how full a mentor is": Question(
        READER,
        "SELECT used, free FROM mentoring.v_mentor_load WHERE mentor_id = {mentor}",
        14,
        {"user_profiles_pkey", OF_MENTOR},
    ),
}
