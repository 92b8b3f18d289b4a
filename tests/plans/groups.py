"""Calls of the queries of groups."""

from __future__ import annotations

from decimal import Decimal

from mentorbase import GroupStatus, InvitationToken, MemberStatus
from mentoring.booking import in_hours
from plans.calls import Call

KNOWN = {
    # The fullest that others wait for.
    "group": "SELECT group_id FROM groups.group_members WHERE status IN ('waiting', 'active') GROUP BY 1"
    " ORDER BY bool_or(status = 'waiting') DESC, count(*) DESC, 1 LIMIT 1",
    "teacher": "SELECT teacher_telegram_id FROM groups.groups WHERE id = {group}",
    "member": "SELECT min(id) FROM groups.group_members WHERE group_id = {group} AND status = 'active'",
    "student": "SELECT student_telegram_id FROM groups.group_members GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
    "newcomer": "SELECT max(telegram_id) FROM students.students",
    "invitation": "SELECT min(id) FROM groups.group_invitations WHERE status = 'pending'",
    "invited": "SELECT student_telegram_id FROM groups.group_invitations WHERE id = {invitation}",
}
TOKEN = InvitationToken("the secret of an invitation").hash
INVITED = (
    "UPDATE groups.group_invitations SET token_hash = sha256('the secret of an invitation'),"
    " student_telegram_id = (SELECT max(telegram_id) FROM students.students)"
    " WHERE id = (SELECT min(id) FROM groups.group_invitations WHERE status = 'pending')"
)

CALLS: dict[str, list[Call]] = {
    "group": [Call({"group_id": "@group"}, {"groups_pkey"})],
    "teacher_groups": [Call({"teacher_telegram_id": "@teacher"}, {"groups_teacher_telegram_id_idx"})],
    # By groups_open_idx, or by the key from the newest on: so few groups are all the same.
    "student_groups": [Call({"student_telegram_id": "@student"})],
    "open_groups": [Call({"language": "en"})],
    "group_seats": [Call({"group_id": "@group"}, {"groups_pkey", "group_members_group_id_idx"})],
    "member": [Call({"member_id": "@member"}, {"group_members_pkey"})],
    "active_members": [Call({"group_id": "@group"}), Call({"group_id": "@group", "after_id": "@member"})],
    "waiting_members": [Call({"group_id": "@group"})],
    "memberships": [Call({"student_telegram_id": "@student"}, {"group_members_student_telegram_id_idx"})],
    "invitations": [Call({"group_id": "@group"}, {"group_invitations_group_id_idx"})],
    "group_progress": [Call({"group_id": "@group"}, {"group_progress_pkey"})],
    "group_history": [Call({"group_id": "@group"}, {"group_history_group_id_idx"})],
    "create_group": [Call({"teacher_telegram_id": "@teacher", "name": "x", "language": "en", "capacity": 5})],
    "change_group": [Call({"group_id": "@group", "name": "x", "language": "en", "capacity": 50})],
    # Ends the group, all of its memberships and invitations.
    "change_group_status": [
        Call({"group_id": "@group", "to_status": GroupStatus.COMPLETED, "actor_id": "@teacher"}),
    ],
    "join_group": [Call({"group_id": "@group", "student_telegram_id": "@newcomer"})],
    "change_member": [
        Call({"member_id": "@member", "progress": Decimal(50)}),
        # The seat goes to the next one.
        Call({"member_id": "@member", "to_status": MemberStatus.LEFT}),
    ],
    "invite": [Call({"group_id": "@group", "token_hash": b"x" * 32, "expires_at": in_hours(24)})],
    "accept_invitation": [Call({"token_hash": TOKEN, "student_telegram_id": "@newcomer"}, before=INVITED)],
    "decline_invitation": [
        Call({"token_hash": TOKEN, "student_telegram_id": "@newcomer", "actor_id": "@newcomer"}, before=INVITED)
    ],
    "revoke_invitation": [Call({"invitation_id": "@invitation"})],
    "expire_invitations": [
        Call(
            {"at_most": 10},
            before="UPDATE groups.group_invitations SET expires_at = now() - interval '1 day' WHERE id IN"
            " (SELECT id FROM groups.group_invitations WHERE status = 'pending' ORDER BY id LIMIT 10)",
        )
    ],
    "snapshot_progress": [Call({"group_id": "@group"})],
}
