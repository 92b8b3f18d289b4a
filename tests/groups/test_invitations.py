"""An invitation works once, until it expires, and what is wrong with one is not told."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg
import pytest
from groups.classes import assert_in_step, make_group, students_who
from groups.home import CLIENTS, COLLEAGUE, STUDENTS, TEACHER, Home
from mentorbase import (
    SYSTEM,
    AlreadyExists,
    Group,
    GroupClosed,
    GroupMember,
    GroupStatus,
    InvalidArgument,
    Invitation,
    InvitationInvalid,
    InvitationStatus,
    InvitationToken,
    MemberStatus,
    NotPermitted,
    TransitionRefused,
)
from mentoring.lifecycle import refused
from mentoring.racing import behind
from psycopg import IsolationLevel

A, B, C = STUDENTS[:3]
LOCK_GROUP = "SELECT FROM groups.groups WHERE id = %s FOR UPDATE"


def invite(home: Home, group: Group, student: int | None = None) -> tuple[InvitationToken, Invitation]:
    token = InvitationToken.new()
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    made = home.db.groups.invite(
        group.id, token.hash, expires_at=tomorrow, student_telegram_id=student, actor_id=TEACHER
    )
    return token, made


def accept(home: Home, token: InvitationToken, student: int) -> GroupMember:
    return home.db.groups.accept_invitation(InvitationToken(token.secret).hash, student, actor_id=student)


def make_old(home: Home, invitation: Invitation) -> None:
    with home.admin.transaction():
        home.admin.execute("SET LOCAL session_replication_role = replica")
        home.admin.execute(
            "UPDATE groups.group_invitations SET created_at = now() - interval '2 days', expires_at = now()"
            " WHERE id = %s",
            [invitation.id],
        )


def status(home: Home, invitation: Invitation) -> InvitationStatus:
    [found] = [i.status for i in home.db.groups.invitations(invitation.group_id) if i.id == invitation.id]
    return found


def test_an_invitation_leads_into_a_closed_group_once(home: Home) -> None:
    group = make_group(home, status=GroupStatus.CLOSED)
    token, made = invite(home, group)
    member = accept(home, token, A)
    assert (member.status, member.invitation_id) == (MemberStatus.ACTIVE, made.id)
    with refused(InvitationInvalid):
        accept(home, token, B)
    assert students_who(home, group, "active") == [A]
    [used] = home.db.groups.invitations(group.id)
    assert (used.status, used.student_telegram_id) == (InvitationStatus.ACCEPTED, A)
    assert_in_step(home)


@pytest.mark.parametrize("isolation", list(IsolationLevel)[1:])
def test_of_sixteen_who_use_one_token_at_once_one_comes_in(home: Home, isolation: IsolationLevel) -> None:
    group = make_group(home, capacity=CLIENTS)
    token, _ = invite(home, group)

    def use(student: int) -> GroupMember:
        return home.db.retrying(
            lambda tx: tx.groups.accept_invitation(token.hash, student, actor_id=student),
            isolation=isolation,
            attempts=100,
        )

    results = behind(home.admin, LOCK_GROUP, [partial(use, student) for student in STUDENTS[:CLIENTS]], [group.id])
    assert Counter(type(result) for result in results) == {InvitationInvalid: CLIENTS - 1, GroupMember: 1}, results
    assert len(students_who(home, group, "active")) == 1


def test_whatever_is_wrong_with_an_invitation_is_refused_in_the_same_words(home: Home) -> None:
    group = make_group(home)
    used, _ = invite(home, group)
    accept(home, used, A)
    revoked, made = invite(home, group)
    home.db.groups.revoke_invitation(made.id, actor_id=TEACHER)
    declined, _ = invite(home, group)
    home.db.groups.decline_invitation(declined.hash, C, actor_id=C)
    expired, made = invite(home, group)
    make_old(home, made)
    somebody_elses, _ = invite(home, group, C)
    unknown = InvitationToken.new()

    said = set()
    for token in (used, revoked, declined, expired, somebody_elses, unknown):
        with refused(InvitationInvalid) as caught:
            accept(home, token, B)
        said.add((caught.value.message, caught.value.detail, caught.value.hint))
        with refused(InvitationInvalid) as caught:
            home.db.groups.decline_invitation(token.hash, B, actor_id=B)
        said.add((caught.value.message, caught.value.detail, caught.value.hint))
    assert len(said) == 1
    assert students_who(home, group, "active") == [A]


def test_a_membership_typed_by_hand_names_an_invitation_that_its_own_student_has_accepted(home: Home) -> None:
    group = make_group(home)
    token, used = invite(home, group)
    member = accept(home, token, A)
    home.db.groups.change_member(member.id, to_status=MemberStatus.LEFT, actor_id=A)
    _, pending = invite(home, group)
    typed = "INSERT INTO groups.group_members (group_id, student_telegram_id, invitation_id) VALUES (%s, %s, %s)"
    for student, invitation in ((B, used), (B, pending)):
        with refused(InvitationInvalid):
            home.admin.execute(typed, [group.id, student, invitation.id])
    with refused(AlreadyExists, constraint="group_members_invitation_id_key"):
        home.admin.execute(typed, [group.id, A, used.id])


def test_whom_it_is_meant_for_uses_it(home: Home) -> None:
    group = make_group(home)
    token, made = invite(home, group, B)
    with refused(NotPermitted):
        home.db.groups.accept_invitation(token.hash, B, actor_id=A)
    accept(home, token, B)
    assert status(home, made) == InvitationStatus.ACCEPTED
    token, made = invite(home, group)
    with refused(AlreadyExists, constraint="group_members_live_key"):
        accept(home, token, B)
    assert status(home, made) == InvitationStatus.PENDING


def test_into_a_full_group_an_invitation_leads_to_the_end_of_the_line(home: Home) -> None:
    group = make_group(home, capacity=1)
    home.db.groups.join_group(group.id, A, actor_id=A)
    home.db.groups.join_group(group.id, B, actor_id=B)
    token, _ = invite(home, group)
    assert accept(home, token, C).status == MemberStatus.WAITING
    assert students_who(home, group, "waiting") == [B, C]


def test_with_a_group_its_invitations_end(home: Home) -> None:
    group = make_group(home)
    token, made = invite(home, group)
    home.db.groups.change_group_status(group.id, GroupStatus.CANCELLED, actor_id=TEACHER)
    assert status(home, made) == InvitationStatus.REVOKED
    with refused(InvitationInvalid):
        accept(home, token, A)
    with refused(GroupClosed):
        invite(home, group)


def test_the_system_marks_what_has_expired_and_nothing_else(home: Home) -> None:
    group = make_group(home)
    _, old = invite(home, group)
    _, fresh = invite(home, group)
    make_old(home, old)
    assert home.db.groups.expire_invitations() == 1
    assert home.db.groups.expire_invitations() == 0
    assert (status(home, old), status(home, fresh)) == (InvitationStatus.EXPIRED, InvitationStatus.PENDING)
    with refused(TransitionRefused):
        home.system(f"UPDATE groups.group_invitations SET status = 'expired' WHERE id = {fresh.id}")
    with refused(TransitionRefused):
        home.db.groups.revoke_invitation(old.id, actor_id=TEACHER)
    with refused(InvalidArgument):
        home.db.groups.invite(group.id, InvitationToken.new().hash, expires_at=datetime.now(UTC), actor_id=TEACHER)


def test_only_the_teacher_invites_and_revokes(home: Home) -> None:
    group = make_group(home)
    _, made = invite(home, group)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    for stranger in (COLLEAGUE, A):
        with refused(NotPermitted):
            home.db.groups.invite(group.id, InvitationToken.new().hash, expires_at=tomorrow, actor_id=stranger)
        with refused(NotPermitted):
            home.db.groups.revoke_invitation(made.id, actor_id=stranger)
    with home.db.transaction(actor=SYSTEM) as tx:
        assert tx.groups.revoke_invitation(made.id).status == InvitationStatus.REVOKED


def test_the_database_knows_only_the_hash_and_tells_nobody(home: Home) -> None:
    token, _ = invite(home, make_group(home))
    assert token.secret not in repr(token)
    assert InvitationToken.new().secret != token.secret
    assert len(token.secret) >= 43
    [[stored]] = home.admin.execute("SELECT token_hash FROM groups.group_invitations").fetchall()
    assert stored == token.hash
    [[same]] = home.admin.execute("SELECT sha256(%s::bytea)", [token.secret.encode()]).fetchall()
    assert same == token.hash
    dumped = home.admin.execute(
        "SELECT (SELECT jsonb_agg(to_jsonb(a)) FROM groups.audit_log AS a)::text,"
        " (SELECT jsonb_agg(to_jsonb(h)) FROM groups.group_history AS h)::text"
    ).fetchone()
    assert token.secret not in str(dumped)
    assert token.hash.hex() not in str(dumped)
    with psycopg.connect(home.dsn, autocommit=True) as app, refused(NotPermitted, "42501"):
        app.execute("SELECT token_hash FROM groups.group_invitations")
