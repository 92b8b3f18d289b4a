"""What is audited, written out by hand, and how to read what an audit log says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

Row = dict[str, Any]
OPERATIONS = ("insert", "update", "delete")


@dataclass(frozen=True)
class Audited:
    """An audited table, and a row of it to make, change and delete, as the owner without an actor.

    Attributes:
        operations: those that the audit log tells of.
        key: the row that `insert` makes, as the log names it.
        insert: makes the row; 'Plaintext' stands in every secret column.
        change: what an UPDATE sets, secret columns included; None where the table takes no update.
        secret: columns that are recorded as changed, without values.
        elsewhere: operation to where it is recorded instead, or why it needs no record.
        before: what the row needs to exist.
    """

    operations: str
    key: Row
    insert: str
    change: str | None = None
    secret: tuple[str, ...] = ()
    elsewhere: tuple[tuple[str, str], ...] = ()
    before: str = "SELECT 1"


def sealed(key_id: int, text: str) -> str:
    """What looks like a ciphertext to the database, as a literal of bytea."""
    return "\\x01" + key_id.to_bytes(2).hex() + (bytes(20) + text.encode()).hex()


SUBJECT = "INSERT INTO mentoring.subjects (id, user_id, title) VALUES (50, 1, 'Algebra')"

AUDITED = {
    "auth.users": Audited(
        "insert update delete",
        key={"id": 50},
        insert="INSERT INTO auth.users (id, telegram_id, username, first_name, last_name)"
        " VALUES (50, 5050, 'Plaintext', 'Plaintext', 'Plaintext')",
        change="language_code = 'ru', username = 'Plaintext2', first_name = 'Plaintext2', last_name = 'Plaintext2'",
        secret=("username", "first_name", "last_name"),
    ),
    "auth.user_contacts": Audited(
        "insert update delete",
        key={"id": 50},
        insert="INSERT INTO auth.user_contacts (id, user_id, kind, sealed, lookup_hash)"
        f" VALUES (50, 1, 'email', '{sealed(1, 'Plaintext')}', sha256('Plaintext'))",
        change=f"sealed = '{sealed(2, 'Plaintext2')}', lookup_hash = sha256('Plaintext2')",
        secret=("sealed", "lookup_hash"),
    ),
    "mentoring.settings": Audited(
        "insert update delete",
        key={"name": "sample"},
        insert="INSERT INTO mentoring.settings (name, value, unit, meaning) VALUES ('sample', 1, 'days', 'A sample.')",
        change="value = 2",
    ),
    "mentoring.user_profiles": Audited(
        "insert update delete",
        key={"user_id": 1},
        insert="INSERT INTO mentoring.user_profiles (user_id, mentor_bio, learning_goals)"
        " VALUES (1, 'Teaches.', 'Plaintext')",
        change="mentor_bio = 'Teaches more.', max_mentees = 3, learning_goals = 'Plaintext2'",
        secret=("learning_goals",),
    ),
    "mentoring.mentor_mentee": Audited(
        "update delete",
        key={"id": 50},
        insert="INSERT INTO mentoring.mentor_mentee"
        " (id, mentor_id, mentee_id, initiated_by, status, mentor_notes, mentee_notes)"
        " VALUES (50, 1, 2, 'admin', 'active', 'Plaintext', 'Plaintext')",
        change="subscribe_to_quizzes = false, mentor_notes = 'Plaintext2', mentee_notes = 'Plaintext2'",
        secret=("mentor_notes", "mentee_notes"),
        elsewhere=(("insert", "mentor_mentee_history, the first step"),),
    ),
    "mentoring.subjects": Audited(
        "insert update delete",
        key={"id": 50},
        insert=SUBJECT,
        change="title = 'Geometry', price = 12.50, price_currency = 'EUR'",
    ),
    "mentoring.subject_schedule": Audited(
        "delete",
        key={"id": 50},
        before=SUBJECT,
        insert="INSERT INTO mentoring.subject_schedule (id, subject_id, user_id, booked_date, ends_at)"
        " VALUES (50, 50, 2, now() + interval '24 hours', now() + interval '25 hours')",
        elsewhere=(
            ("insert", "subject_schedule_history, the first step"),
            ("update", "subject_schedule_history; a booking changes by steps only"),
        ),
    ),
    "mentoring.blocks": Audited(
        "insert delete",
        key={"blocker_id": 1, "blocked_id": 2},
        insert="INSERT INTO mentoring.blocks (blocker_id, blocked_id) VALUES (1, 2)",
        elsewhere=(("update", "refused"),),
    ),
    "mentoring.publications": Audited(
        "insert delete",
        key={"id": 50},
        insert="INSERT INTO mentoring.publications (id, mentor_id, kind, reference, title)"
        " VALUES (50, 1, 'quiz', 'q1', 'A quiz')",
        elsewhere=(("update", "refused"),),
    ),
}
"""Every audited table by name. A new one gets an entry here; the catalog test says so."""

ALSO_AUDITED = {
    "calendar.lessons": "update delete",
    "calendar.lesson_participants": "insert update delete",
    "calendar.lesson_attendance": "insert update delete",
    "calendar.teacher_schedules": "insert update delete",
    "calendar.teacher_unavailable": "insert update delete",
    "getcourse.settings": "insert update delete",
    "getcourse.mentors": "insert update delete",
    "getcourse.students": "insert update delete",
    "getcourse.trainings": "insert update delete",
    "getcourse.lessons": "insert update delete",
    "getcourse.mapping": "insert update delete",
    "groups.groups": "update delete",
    "groups.group_members": "update delete",
    "groups.group_invitations": "update delete",
    "notifications.settings": "insert update delete",
    "notifications.notification_templates": "insert update delete",
    "notifications.user_notification_settings": "insert update delete",
    "quests.settings": "insert update delete",
    "quests.users": "insert update delete",
    "quests.quests": "update delete",
    "quests.creative_projects": "insert update delete",
    "quests.psychological_profiles": "insert update delete",
    "quests.sessions": "update delete",
    "quests.messages": "update delete",
    "quests.letters": "insert update delete",
    "quests.goals": "insert update delete",
    "students.students": "insert update delete",
    "students.student_languages": "insert update delete",
    "students.group_enrollments": "update delete",
    "teachers.teachers": "insert update delete",
    "teachers.teacher_languages": "insert update delete",
    "tutormax.settings": "insert update delete",
    "tutormax.tutors": "insert update delete",
    "tutormax.students": "insert update delete",
    "tutormax.student_feedback": "update delete",
    "tutormax.interventions": "update delete",
}
"""Audited tables that have no sample row above, and the operations that the audit log tells of."""

UNAUDITED = {
    "calendar.audit_log": "the log itself",
    "calendar.lesson_history": "a record itself, append-only",
    "calendar.lesson_transitions": "no people's data; changed by migrations only",
    "getcourse.mentor_ids": "no more than versions say",
    "getcourse.student_ids": "no more than versions say",
    "getcourse.training_ids": "no more than versions say",
    "getcourse.lesson_ids": "no more than versions say",
    "getcourse.mapping_ids": "no more than versions say",
    "getcourse.webhook_transitions": "no people's data; changed by migrations only",
    "getcourse.webhook_keys": "machine-fed, and many",
    "getcourse.webhook_events": "machine-fed, and many",
    "getcourse.webhook_quarantine": "machine-fed, and many",
    "getcourse.webhook_staging": "machine-fed, and many",
    "getcourse.unreachable_mentors": "machine-fed",
    "getcourse.bot_pauses": "machine-fed",
    "getcourse.notification_transitions": "no people's data; changed by migrations only",
    "getcourse.notifications": "machine-fed, and many",
    "getcourse.application_logs": "a record itself",
    "getcourse.error_logs": "a record itself",
    "getcourse.audit_log": "the log itself",
    "groups.audit_log": "the log itself",
    "groups.group_history": "a record itself, append-only",
    "groups.group_progress": "computed",
    "groups.groups_transitions": "no people's data; changed by migrations only",
    "groups.group_members_transitions": "no people's data; changed by migrations only",
    "groups.group_invitations_transitions": "no people's data; changed by migrations only",
    "notifications.audit_log": "the log itself",
    "notifications.channel_pauses": "machine-fed",
    "notifications.unreachable_recipients": "machine-fed",
    "notifications.notifications": "machine-fed, and many",
    "notifications.notification_logs": "a record itself, append-only",
    "notifications.notification_transitions": "no people's data; changed by migrations only",
    "quests.audit_log": "the log itself",
    "quests.quest_history": "a record itself, append-only",
    "quests.quests_transitions": "no people's data; changed by migrations only",
    "quests.child_privacy_settings": "consent_changes, which the child's side alone can cause",
    "quests.consent_changes": "a record itself, append-only",
    "quests.privacy_reads": "a record itself, append-only",
    "quests.quest_analytics": "machine-fed, and many",
    "quests.metrics_snapshots": "machine-fed, and many",
    "quests.quest_nodes": "machine-fed: what the YAML says",
    "quests.child_progress": "machine-fed, and many; what a child did is kept once",
    "quests.achievements": "machine-fed; what a child did is kept once",
    "students.audit_log": "the log itself",
    "students.group_enrollments_history": "a record itself, append-only",
    "students.group_enrollments_transitions": "no people's data; changed by migrations only",
    "teachers.audit_log": "the log itself",
    "tutormax.audit_log": "the log itself",
    "tutormax.bulk_rows": "machine-fed, and on its way",
    "tutormax.churn_predictions": "machine-fed; a record itself, append-only",
    "tutormax.interventions_history": "a record itself, append-only",
    "tutormax.interventions_transitions": "no people's data; changed by migrations only",
    "tutormax.metric_changes": "machine-fed",
    "tutormax.sessions": "machine-fed, and many",
    "tutormax.tutor_events": "machine-fed, and many",
    "tutormax.tutor_performance_metrics": "computed",
    "auth.audit_log": "the log itself",
    "mentoring.audit_log": "the log itself",
    "mentoring.mentor_mentee_history": "a record itself, append-only",
    "mentoring.subject_schedule_history": "a record itself, append-only",
    "mentoring.mentor_mentee_transitions": "no people's data; changed by migrations only",
    "mentoring.subject_schedule_transitions": "no people's data; changed by migrations only",
}
"""Every other table of a service, and why nothing records its changes."""

LOGS = (
    "auth",
    "calendar",
    "getcourse",
    "groups",
    "mentoring",
    "notifications",
    "quests",
    "students",
    "teachers",
    "tutormax",
)
"""The schemas that have an audit log."""

SAMPLED = ("auth", "mentoring")
"""Those whose tables have sample rows above."""


def steps(names: str = " ".join(OPERATIONS)) -> list[tuple[str, str]]:
    """Each audited table with each operation that its log tells of, of these."""
    return [
        (table, operation)
        for table, audited in AUDITED.items()
        for operation in audited.operations.split()
        if operation in names.split()
    ]


def prepare(conn: psycopg.Connection, table: str, operation: str) -> None:
    """Make what *operation* on the row of *table* needs."""
    conn.execute(AUDITED[table].before)
    if operation != "insert":
        conn.execute(AUDITED[table].insert)


def perform(conn: psycopg.Connection, table: str, operation: str) -> None:
    """Insert, update or delete the row of *table*, as somebody types it."""
    audited = AUDITED[table]
    where = " AND ".join(f"{column} = '{value}'" for column, value in audited.key.items())
    statements = {
        "insert": audited.insert,
        "update": f"UPDATE {table} SET {audited.change} WHERE {where}",
        "delete": f"DELETE FROM {table} WHERE {where}",
    }
    assert conn.execute(statements[operation]).rowcount == 1


def whole(admin: psycopg.Connection, table: str) -> Row:
    """The row of *table* as an audit log writes it, without secret and bookkeeping columns."""
    left_out = [*AUDITED[table].secret, "version", "updated_at"]
    query = sql.SQL("SELECT to_jsonb(t) - %s::text[] AS row FROM {} AS t WHERE to_jsonb(t) @> %s").format(
        sql.Identifier(*table.split("."))
    )
    with admin.transaction():
        admin.execute("SET LOCAL timezone = 'UTC'")
        [[row]] = admin.execute(query, [left_out, Jsonb(AUDITED[table].key)]).fetchall()
    return dict(row)


def audit_log(admin: psycopg.Connection, schema: str) -> list[Row]:
    """Every row of a schema's audit log, whole, in order."""
    query = sql.SQL("SELECT *, tableoid::regclass::text AS leaf FROM {} ORDER BY id").format(
        sql.Identifier(schema, "audit_log")
    )
    with admin.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query).fetchall()


def told(admin: psycopg.Connection, table: str) -> list[Row]:
    """What the audit log tells of a table, in order."""
    schema, _, name = table.partition(".")
    return [row for row in audit_log(admin, schema) if row["table_name"] == name]


def leaves(admin: psycopg.Connection, schema: str) -> list[str]:
    """The partitions of a schema's audit log, months first, DEFAULT last."""
    found = admin.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass",
        [f"{schema}.audit_log"],
    ).fetchall()
    return sorted((name for (name,) in found), key=lambda name: (name.endswith("_default"), name))
