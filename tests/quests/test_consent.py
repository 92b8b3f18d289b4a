"""Consent: nothing at first, the child's alone to give, on record, and asked at the moment of reading."""

from __future__ import annotations

import psycopg
import pytest
from mentorbase import (
    SYSTEM,
    Actor,
    ActorRequired,
    ConsentMissing,
    DataType,
    InvalidValue,
    IsolationRefused,
    NotFound,
    NotPermitted,
    PoolExhausted,
    Quests,
    ReadOnly,
    Settings,
    TicketInvalid,
)
from mentorbase.database import Database
from mentoring.lifecycle import refused
from psycopg import IsolationLevel
from psycopg.types.json import Jsonb
from quests.family import CHILD, EDU, OTHER_CHILD, OTHER_PARENT, PARENT, PAS, Family

ALL = {f"share_{kind}": True for kind in DataType}


def test_every_setting_is_off_by_default(shared_family: Family) -> None:
    defaults = shared_family.admin.execute(
        """
        SELECT column_name::text, column_default FROM information_schema.columns
        WHERE table_schema = 'quests' AND table_name = 'child_privacy_settings' AND column_name ~ '^share_'
        """
    ).fetchall()
    assert dict(defaults) == dict.fromkeys(ALL, "false")
    settings = shared_family.parent.quests.get_privacy_settings(shared_family.deployed(), actor_id=PARENT)
    assert {name: getattr(settings, name) for name in ALL} == dict.fromkeys(ALL, False)


def test_only_the_child_switches_sharing_on(shared_family: Family) -> None:
    quest_id, change = shared_family.played(), shared_family.child.quests.update_privacy_settings
    for actor in (PARENT, OTHER_PARENT, OTHER_CHILD):
        with pytest.raises(NotFound):
            change(quest_id, ALL, actor_id=actor)
    for authority in (Actor.admin(5), SYSTEM):
        with shared_family.child.transaction(actor=authority) as tx, pytest.raises(NotPermitted):
            tx.quests.update_privacy_settings(quest_id, ALL)
    with pytest.raises(NotPermitted) as caught:
        shared_family.parent.quests.update_privacy_settings(quest_id, ALL, actor_id=CHILD)
    assert caught.value.sqlstate == "42501"
    with refused(NotPermitted):
        shared_family.admin.execute("UPDATE quests.child_privacy_settings SET share_play_frequency = true")

    assert change(quest_id, ALL, actor_id=CHILD).share_play_frequency
    with shared_family.child.transaction(actor=SYSTEM) as tx:
        assert not tx.quests.update_privacy_settings(quest_id, {"share_play_frequency": False}).share_play_frequency


def test_a_parent_does_not_become_the_child(shared_family: Family) -> None:
    quest_id = shared_family.deployed()
    with pytest.raises(NotPermitted, match="a parent does not play as the child"):
        shared_family.child.quests.open_quest(quest_id, actor_id=PARENT)
    shared_family.child.quests.open_quest(quest_id, actor_id=CHILD)
    with pytest.raises(NotFound):
        shared_family.child.quests.open_quest(quest_id, actor_id=OTHER_CHILD)
    with refused(ReadOnly):
        shared_family.admin.execute(
            "UPDATE quests.child_privacy_settings SET child_id = %s WHERE quest_id = %s", [OTHER_CHILD, quest_id]
        )


def test_every_change_of_consent_is_on_record_for_good(family: Family) -> None:
    quest_id = family.played()
    family.share(quest_id, DataType.PLAY_FREQUENCY, DataType.COMPLETION_PROGRESS)
    family.share(quest_id, DataType.PLAY_FREQUENCY)
    family.share(quest_id, DataType.PLAY_FREQUENCY)
    found = family.admin.execute(
        "SELECT data_type::text, shared, actor_kind::text, actor_id, db_login FROM quests.consent_changes ORDER BY id"
    ).fetchall()
    assert found == [
        ("completion_progress", True, "child", CHILD, EDU),
        ("play_frequency", True, "child", CHILD, EDU),
        ("completion_progress", False, "child", CHILD, EDU),
    ]
    for table in ("consent_changes", "privacy_reads", "quest_history"):
        for change in (
            f"UPDATE quests.{table} SET id = DEFAULT",
            f"DELETE FROM quests.{table}",
            f"TRUNCATE quests.{table}",
        ):
            with refused(ReadOnly):
                family.admin.execute(change)


def test_every_read_is_on_record_with_its_result(family: Family) -> None:
    quest_id, others = family.played(), family.played(OTHER_PARENT, OTHER_CHILD)
    look = family.parent.quests.get_quest_analytics
    with pytest.raises(ConsentMissing):
        look(quest_id, actor_id=PARENT)
    family.share(quest_id, DataType.PLAY_FREQUENCY)
    look(quest_id, actor_id=PARENT)
    look(quest_id, actor_id=PARENT, data_type=DataType.PLAY_FREQUENCY)
    with pytest.raises(NotFound):
        look(others, actor_id=PARENT)
    with pytest.raises(NotFound):
        look(family.admin.execute("SELECT gen_random_uuid()").fetchone()[0], actor_id=PARENT)  # type: ignore[index]
    assert family.ledger() == [
        ("asked", PARENT, "refused"),
        ("asked", PARENT, "redacted"),
        ("read", PARENT, "redacted"),
        ("asked", PARENT, "allowed"),
        ("read", PARENT, "allowed"),
        ("asked", PARENT, "violation"),
        ("asked", PARENT, "missing"),
    ]


class Regret(Exception):
    """Rolls a transaction back."""


def test_who_read_and_rolled_back_is_on_record(family: Family) -> None:
    quest_id = family.played()
    family.share(quest_id, *DataType)

    def look_and_regret() -> None:
        with family.parent.transaction(actor=PARENT) as tx:
            assert tx.quests.get_quest_analytics(quest_id, actor_id=PARENT).nodes_completed == 1
            raise Regret

    with pytest.raises(Regret):
        look_and_regret()
    assert family.ledger() == [("asked", PARENT, "allowed")]


def test_a_ticket_is_good_once_for_who_asked_after_it_is_committed(family: Family) -> None:
    quest_id, quests = family.played(), family.parent.quests
    family.share(quest_id, *DataType)
    with pytest.raises(TicketInvalid) as caught, family.parent.transaction(actor=PARENT) as tx:
        tx.quests.read(tx.quests.ask(quest_id))
    assert (caught.value.sqlstate, caught.value.values) == ("MB603", {"reason": "uncommitted"})
    with family.parent.transaction(actor=PARENT) as tx:
        with tx.savepoint():
            ticket = tx.quests.ask(quest_id)
        with pytest.raises(TicketInvalid) as caught:
            tx.quests.read(ticket)
    assert caught.value.values == {"reason": "uncommitted"}

    ticket = quests.ask(quest_id, actor_id=PARENT)
    with pytest.raises(TicketInvalid) as caught:
        quests.read(ticket, actor_id=OTHER_PARENT)
    assert caught.value.values == {"reason": "unknown"}
    quests.read(ticket, actor_id=PARENT)
    with pytest.raises(TicketInvalid) as caught:
        quests.read(ticket, actor_id=PARENT)
    assert caught.value.values == {"reason": "used"}

    ticket = quests.ask(quest_id, actor_id=PARENT)
    with family.admin.transaction():  # a minute later
        family.admin.execute("SET LOCAL session_replication_role = replica")
        family.admin.execute("UPDATE quests.privacy_reads SET occurred_at = occurred_at - interval '61 seconds'")
    with pytest.raises(TicketInvalid) as caught:
        quests.read(ticket, actor_id=PARENT)
    assert caught.value.values == {"reason": "expired"}


def test_a_ticket_shows_what_it_was_asked_for_only(shared_family: Family) -> None:
    quest_id, quests = shared_family.played(), shared_family.parent.quests
    shared_family.share(quest_id, *DataType)
    ticket = quests.ask(quest_id, data_type=DataType.PLAY_FREQUENCY, actor_id=PARENT)
    found = quests.read(ticket, actor_id=PARENT)
    assert (found.play_count, found.nodes_completed, found.educational_progress) == (1, None, None)
    ticket = quests.ask(quest_id, actor_id=PARENT)
    assert quests.read_profile(PARENT, ticket=ticket, actor_id=PARENT).child_engagement is None
    with pytest.raises(NotFound):
        quests.read(quests.ask(actor_id=PARENT), actor_id=PARENT)


@pytest.mark.parametrize("isolation", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
def test_a_snapshot_from_before_the_revocation_is_of_no_use(shared_family: Family, isolation: IsolationLevel) -> None:
    quest_id, quests = shared_family.played(), shared_family.parent.quests
    shared_family.share(quest_id, *DataType)
    ticket = quests.ask(quest_id, actor_id=PARENT)
    for read in (
        lambda tx: tx.quests.read(ticket),
        lambda tx: tx.quests.read_profile(PARENT, ticket=ticket),
        lambda tx: tx.quests.ask(quest_id),
        lambda tx: tx.quests.get_privacy_settings(quest_id),
        lambda tx: tx.quests.can_share_with_parent(quest_id, DataType.PLAY_FREQUENCY),
    ):
        with (
            pytest.raises(IsolationRefused) as caught,
            shared_family.parent.transaction(actor=PARENT, isolation=isolation) as tx,
        ):
            read(tx)
        assert caught.value.sqlstate == "MB604"


def test_a_revocation_counts_in_a_transaction_that_began_before(shared_family: Family) -> None:
    quest_id, quests = shared_family.played(), shared_family.parent.quests
    shared_family.share(quest_id, *DataType)
    tickets = [quests.ask(quest_id, actor_id=PARENT) for _ in range(3)]
    with shared_family.parent.transaction(actor=PARENT) as tx:
        assert tx.quests.read(tickets[0]).play_count == 1
        shared_family.share(quest_id, DataType.COMPLETION_PROGRESS)
        assert tx.quests.read(tickets[1]).play_count is None
        shared_family.share(quest_id)
        with pytest.raises(ConsentMissing):
            tx.quests.read(tickets[2])


def test_a_revocation_counts_for_a_cursor_that_was_open_before(shared_family: Family) -> None:
    quest_id, quests = shared_family.played(), shared_family.parent.quests
    shared_family.share(quest_id, *DataType)
    ticket = quests.ask(quest_id, actor_id=PARENT)
    with shared_family.parent.transaction(actor=PARENT) as tx, tx.connection.cursor("look") as cursor:
        cursor.execute("SELECT nodes_completed FROM quests.read(%s)", [ticket])
        shared_family.share(quest_id)
        with refused(ConsentMissing):
            cursor.fetchone()


def test_nothing_is_read_in_a_read_only_transaction(shared_family: Family) -> None:
    """As on a standby, where nothing can be written down."""
    quest_id = shared_family.played()
    shared_family.share(quest_id, *DataType)
    ticket = shared_family.parent.quests.ask(quest_id, actor_id=PARENT)
    with (
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
        shared_family.parent.transaction(actor=PARENT, read_only=True) as tx,
    ):
        tx.quests.read(ticket)


def test_details_are_kept_with_consent_only_whoever_writes(shared_family: Family) -> None:
    quest_id = shared_family.played()
    typed = "INSERT INTO quests.child_progress (quest_id, node_key) VALUES (%s, 'b')"
    with refused(ConsentMissing):
        shared_family.admin.execute(typed, [quest_id])
    shared_family.share(quest_id, DataType.EDUCATIONAL_PROGRESS)
    shared_family.admin.execute(typed, [quest_id])
    shared_family.share(quest_id)
    with refused(ConsentMissing):
        shared_family.admin.execute("UPDATE quests.child_progress SET attempts = 9 WHERE quest_id = %s", [quest_id])
    kept = shared_family.admin.execute(
        "SELECT child_id, attempts FROM quests.child_progress WHERE quest_id = %s", [quest_id]
    ).fetchall()
    assert kept == [(CHILD, 1)]


@pytest.mark.parametrize(
    "document", [{"name": "Ann"}, {"child_said": "I hate it"}, {"Ann": 3}, {"a": {"b": 1}}, {"a": [1]}, [], "Ann", None]
)
def test_no_word_of_a_child_gets_into_the_aggregates(shared_family: Family, document: object) -> None:
    shared_family.deployed()
    with refused(InvalidValue, "23514", constraint="quest_analytics_educational_progress_check"):
        shared_family.admin.execute("UPDATE quests.quest_analytics SET educational_progress = %s", [Jsonb(document)])


def test_who_asks_must_be_a_person_who_is_named(shared_family: Family) -> None:
    quest_id = shared_family.played()
    with pytest.raises(ActorRequired):
        shared_family.parent.quests.ask(quest_id)
    for authority in (Actor.admin(PARENT), SYSTEM):
        with shared_family.parent.transaction(actor=authority) as tx, pytest.raises(NotPermitted):
            tx.quests.ask(quest_id)


def test_a_full_pool_does_not_keep_its_own_transactions_from_asking(family: Family) -> None:
    quest_id = family.played()
    family.share(quest_id, *DataType)
    settings = Settings(_env_file=None, db_pool_min_size=1, db_pool_max_size=1, db_pool_timeout=1)
    with Database.connect(family.dsn(PAS), settings=settings) as parent, parent.transaction(actor=PARENT) as tx:
        with pytest.raises(PoolExhausted):
            parent.quests.can_share_with_parent(quest_id, DataType.PLAY_FREQUENCY, actor_id=PARENT)
        assert tx.quests.get_quest_analytics(quest_id, actor_id=PARENT).play_count == 1


def test_on_a_connection_of_the_application_s_own_asking_needs_another(family: Family) -> None:
    quest_id = family.played()
    family.share(quest_id, *DataType)
    with psycopg.connect(family.dsn(PAS)) as own, psycopg.connect(family.dsn(PAS), autocommit=True) as other:
        with pytest.raises(TicketInvalid):
            Quests(own).get_quest_analytics(quest_id, actor_id=PARENT)
        own.rollback()
        assert Quests(own, other).get_quest_analytics(quest_id, actor_id=PARENT).play_count == 1
        assert Quests(other).get_quest_analytics(quest_id, actor_id=PARENT).play_count == 1


def test_the_read_ledger_is_kept_as_long_as_its_setting_says(family: Family) -> None:
    family.parent.quests.ask(family.played(), actor_id=PARENT)
    with family.admin.transaction():
        family.admin.execute("SET LOCAL session_replication_role = replica")
        family.admin.execute("UPDATE quests.privacy_reads SET occurred_at = now() - interval '1096 days'")
    family.parent.quests.ask(family.played(), actor_id=PARENT)
    purge = "SELECT quests.purge(%s)"
    assert family.admin.execute(purge, [True]).fetchone() == (1,)
    assert len(family.ledger()) == 2
    assert family.admin.execute(purge, [False]).fetchone() == (1,)
    assert len(family.ledger()) == 1
