-- What is whose, and what ends when somebody is erased.
-- depends: groups.0002.batches platform.0023.people

SET LOCAL ROLE mentorbase_owner;

CREATE FUNCTION groups.end_person(person platform.person)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_id bigint;
    ended    bigint := 0;
BEGIN
    SET LOCAL mentorbase.actor = ''; -- an administrator's step
    FOR found_id IN
        SELECT g.id
        FROM groups.groups AS g
        WHERE g.teacher_telegram_id = person.telegram_id AND g.status IN ('open', 'closed')
        ORDER BY g.id
    LOOP
        PERFORM groups.change_group_status(found_id, 'cancelled');
        ended := ended + 1;
    END LOOP;
    SET LOCAL mentorbase.actor = 'system';
    FOR found_id IN
        SELECT m.id
        FROM groups.group_members AS m
        WHERE m.student_telegram_id = person.telegram_id AND m.status IN ('waiting', 'active')
        ORDER BY m.group_id, m.id
    LOOP
        PERFORM groups.change_member(found_id, 'left');
        ended := ended + 1;
    END LOOP;
    FOR found_id IN
        SELECT i.id
        FROM groups.group_invitations AS i
        WHERE i.student_telegram_id = person.telegram_id AND i.status = 'pending'
        ORDER BY i.id
    LOOP
        PERFORM groups.revoke_invitation(found_id);
        ended := ended + 1;
    END LOOP;
    RETURN ended;
END
$$;

COMMENT ON FUNCTION groups.end_person(platform.person) IS
'Cancels the groups that a person teaches, takes them out of those they learn in, whose seats go on to who waits, and revokes their invitations; returns how many. For platform.erase_person().';

-- What says nothing of a person by itself.
INSERT INTO platform.column_inventory (schema_name, table_name, column_name, class)
SELECT 'groups' AS schema_name, i.table_name, unnest(string_to_array(i.columns, ' ')) AS column_name, 'none' AS class
FROM (
    VALUES
    (
        'audit_log',
        'id table_name operation secret_columns actor_kind db_login db_role transaction_id occurred_at '
        'scrubbed_at'
    ),
    ('groups_transitions', 'id from_status to_status actor_kind'),
    ('group_members_transitions', 'id from_status to_status actor_kind'),
    ('group_invitations_transitions', 'id from_status to_status actor_kind'),
    ('groups', 'id language level capacity status seats_version created_at updated_at'),
    ('group_members', 'id group_id status invitation_id requested_at joined_at ended_at created_at updated_at'),
    ('group_invitations', 'id group_id status expires_at ended_at created_at updated_at'),
    ('group_history', 'group_id subject subject_id id from_status to_status actor_kind db_login db_role occurred_at'),
    (
        'group_progress',
        'group_id as_of capacity active_members waiting_members completed_members left_members '
        'average_progress created_at updated_at'
    )
) AS i (table_name, columns);

-- Whose the rest is, and what erasing them does.
INSERT INTO platform.column_inventory (
    schema_name, table_name, column_name, class, found_by, erasure, replacement, step
) VALUES
('groups', 'audit_log', 'old_values', 'record', NULL, 'keep', NULL, 5),
('groups', 'audit_log', 'new_values', 'record', NULL, 'keep', NULL, 5),
(
    'groups', 'audit_log', 'row_key', 'record',
    't.row_key <> platform.renamed_key(t.row_key, p.telegram_id, p.pseudonym)',
    'replace', 'platform.renamed_key(t.row_key, p.telegram_id, p.pseudonym)', 7
),
('groups', 'audit_log', 'actor_id', 'identifier', 't.actor_id = p.telegram_id', 'replace', 'p.pseudonym', 7),
(
    'groups', 'groups', 'teacher_telegram_id', 'identifier',
    't.teacher_telegram_id = p.telegram_id',
    'replace', 'p.pseudonym', 7
),
('groups', 'groups', 'name', 'words', 't.teacher_telegram_id = p.telegram_id', 'replace', '''Erased''', 5),
(
    'groups', 'group_members', 'student_telegram_id', 'identifier',
    't.student_telegram_id = p.telegram_id',
    'replace', 'p.pseudonym', 7
),
('groups', 'group_members', 'progress', 'personal', 't.student_telegram_id = p.telegram_id', 'keep', NULL, 5),
(
    'groups', 'group_invitations', 'student_telegram_id', 'identifier',
    't.student_telegram_id = p.telegram_id',
    'replace', 'p.pseudonym', 7
),
('groups', 'group_invitations', 'token_hash', 'secret', NULL, 'keep', NULL, 5),
(
    'groups', 'group_history', 'student_telegram_id', 'identifier',
    't.student_telegram_id = p.telegram_id',
    'replace', 'p.pseudonym', 7
),
('groups', 'group_history', 'actor_id', 'identifier', 't.actor_id = p.telegram_id', 'replace', 'p.pseudonym', 7),
('groups', 'group_history', 'reason', 'words', 't.actor_id = p.telegram_id', 'clear', NULL, 5);
