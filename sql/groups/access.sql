GRANT USAGE ON SCHEMA groups, platform TO groups_app;
GRANT EXECUTE ON FUNCTION
platform.current_actor(name), platform.is_application(name), platform.is_bulk_load(name),
groups.change_group_status(bigint, groups.group_status, bigint, text),
groups.join_group(bigint, bigint, boolean, bigint, text),
groups.change_member(bigint, groups.member_status, numeric, bigint, text),
groups.invite(bigint, bytea, timestamptz, bigint, bigint, text),
groups.accept_invitation(bytea, bigint, bigint, text),
groups.decline_invitation(bytea, bigint, bigint, text),
groups.revoke_invitation(bigint, bigint, text),
groups.expire_invitations(bigint),
groups.snapshot_progress(bigint)
TO groups_app;

GRANT SELECT ON
groups.groups_transitions, groups.group_members_transitions, groups.group_invitations_transitions,
groups.group_history, groups.group_progress, groups.v_groups
TO groups_app;

-- The guards decide about status.
GRANT SELECT,
INSERT (teacher_telegram_id, name, language, level, capacity, status),
UPDATE (name, language, level, capacity, status)
ON groups.groups TO groups_app;
GRANT SELECT, UPDATE (status, progress) ON groups.group_members TO groups_app;

-- All but the hash of the token.
GRANT SELECT (id, group_id, student_telegram_id, status, expires_at, ended_at, created_at, updated_at)
ON groups.group_invitations TO groups_app;

GRANT USAGE ON SCHEMA groups TO mentorbase_reader;
GRANT USAGE ON TYPE
groups.group_status, groups.member_status, groups.invitation_status, groups.party, groups.history_subject
TO mentorbase_reader;
GRANT SELECT ON
groups.v_groups, groups.v_group_members, groups.v_group_invitations, groups.v_group_progress,
groups.v_group_history, groups.v_audit_log
TO mentorbase_reader;
