-- What says nothing of a person by itself.
INSERT INTO platform.column_inventory (schema_name, table_name, column_name, class)
SELECT 'mentoring' AS schema_name, i.table_name, unnest(string_to_array(i.columns, ' ')) AS column_name, 'none' AS class
FROM (
    VALUES
    (
        'audit_log',
        'id table_name operation secret_columns actor_kind db_login db_role transaction_id occurred_at '
        'scrubbed_at'
    ),
    ('settings', 'name value unit meaning created_at updated_at'),
    ('mentor_mentee_transitions', 'id from_status to_status actor_kind'),
    ('subject_schedule_transitions', 'id from_status to_status actor_kind'),
    (
        'mentor_mentee',
        'id status initiated_by accepted_at paused_at resume_at completed_at ended_at version created_at '
        'updated_at'
    ),
    ('mentor_mentee_history', 'relationship_id id from_status to_status actor_kind db_login db_role occurred_at'),
    ('subjects', 'id created_at updated_at'),
    ('subject_schedule', 'id subject_id relationship_id status booked_date ends_at cancelled_at created_at updated_at'),
    ('subject_schedule_history', 'booking_id id from_status to_status actor_kind db_login db_role occurred_at'),
    ('publications', 'id kind reference created_at')
) AS i (table_name, columns);

-- Whose the rest is, and what erasing them does.
INSERT INTO platform.column_inventory (
    schema_name, table_name, column_name, class, found_by, erasure, replacement, step
) VALUES
('mentoring', 'audit_log', 'old_values', 'record', NULL, 'keep', NULL, 5),
('mentoring', 'audit_log', 'new_values', 'record', NULL, 'keep', NULL, 5),
('mentoring', 'audit_log', 'row_key', 'record', NULL, 'keep', NULL, 5),
('mentoring', 'audit_log', 'actor_id', 'identifier', 't.actor_id = p.user_id', 'keep', NULL, 5),
('mentoring', 'user_profiles', 'user_id', 'identifier', 't.user_id = p.user_id', 'delete', NULL, 5),
('mentoring', 'user_profiles', 'mentor_bio', 'words', 't.user_id = p.user_id', 'delete', NULL, 5),
('mentoring', 'user_profiles', 'learning_goals', 'words', 't.user_id = p.user_id', 'delete', NULL, 5),
('mentoring', 'user_profiles', 'mentor_rate', 'personal', 't.user_id = p.user_id', 'delete', NULL, 5),
('mentoring', 'user_profiles', 'mentor_rate_currency', 'personal', 't.user_id = p.user_id', 'delete', NULL, 5),
('mentoring', 'user_profiles', 'mentor_available', 'personal', 't.user_id = p.user_id', 'delete', NULL, 5),
('mentoring', 'user_profiles', 'max_mentees', 'personal', 't.user_id = p.user_id', 'delete', NULL, 5),
('mentoring', 'user_profiles', 'preferred_learning_style', 'personal', 't.user_id = p.user_id', 'delete', NULL, 5),
('mentoring', 'user_profiles', 'timezone', 'personal', 't.user_id = p.user_id', 'delete', NULL, 5),
('mentoring', 'user_profiles', 'places_version', 'none', 't.user_id = p.user_id', 'delete', NULL, 5),
('mentoring', 'user_profiles', 'created_at', 'none', 't.user_id = p.user_id', 'delete', NULL, 5),
('mentoring', 'user_profiles', 'updated_at', 'none', 't.user_id = p.user_id', 'delete', NULL, 5),
('mentoring', 'mentor_mentee', 'mentor_id', 'identifier', 't.mentor_id = p.user_id', 'keep', NULL, 5),
('mentoring', 'mentor_mentee', 'mentee_id', 'identifier', 't.mentee_id = p.user_id', 'keep', NULL, 5),
('mentoring', 'mentor_mentee', 'paused_by', 'identifier', 't.paused_by = p.user_id', 'keep', NULL, 5),
('mentoring', 'mentor_mentee', 'ended_by', 'identifier', 't.ended_by = p.user_id', 'keep', NULL, 5),
('mentoring', 'mentor_mentee', 'mentor_notes', 'words', 't.mentor_id = p.user_id', 'clear', NULL, 5),
('mentoring', 'mentor_mentee', 'mentee_notes', 'words', 't.mentee_id = p.user_id', 'clear', NULL, 5),
('mentoring', 'mentor_mentee', 'hidden_by_mentor_at', 'personal', 't.mentor_id = p.user_id', 'keep', NULL, 5),
('mentoring', 'mentor_mentee', 'hidden_by_mentee_at', 'personal', 't.mentee_id = p.user_id', 'keep', NULL, 5),
('mentoring', 'mentor_mentee', 'subscribe_to_quizzes', 'personal', 't.mentee_id = p.user_id', 'keep', NULL, 5),
('mentoring', 'mentor_mentee', 'subscribe_to_courses', 'personal', 't.mentee_id = p.user_id', 'keep', NULL, 5),
('mentoring', 'mentor_mentee', 'subscribe_to_subjects', 'personal', 't.mentee_id = p.user_id', 'keep', NULL, 5),
('mentoring', 'mentor_mentee_history', 'mentor_id', 'identifier', 't.mentor_id = p.user_id', 'keep', NULL, 5),
('mentoring', 'mentor_mentee_history', 'mentee_id', 'identifier', 't.mentee_id = p.user_id', 'keep', NULL, 5),
('mentoring', 'mentor_mentee_history', 'actor_id', 'identifier', 't.actor_id = p.user_id', 'keep', NULL, 5),
('mentoring', 'mentor_mentee_history', 'reason', 'words', 't.actor_id = p.user_id', 'clear', NULL, 5),
('mentoring', 'subjects', 'user_id', 'identifier', 't.user_id = p.user_id', 'keep', NULL, 5),
('mentoring', 'subjects', 'title', 'words', 't.user_id = p.user_id', 'replace', '''Erased''', 5),
('mentoring', 'subjects', 'description', 'words', 't.user_id = p.user_id', 'clear', NULL, 5),
('mentoring', 'subjects', 'is_active', 'personal', 't.user_id = p.user_id', 'replace', 'false', 5),
('mentoring', 'subjects', 'price', 'personal', 't.user_id = p.user_id', 'clear', NULL, 5),
('mentoring', 'subjects', 'price_currency', 'personal', 't.user_id = p.user_id', 'clear', NULL, 5),
('mentoring', 'subject_schedule', 'mentor_id', 'identifier', 't.mentor_id = p.user_id', 'keep', NULL, 5),
('mentoring', 'subject_schedule', 'user_id', 'identifier', 't.user_id = p.user_id', 'keep', NULL, 5),
('mentoring', 'subject_schedule', 'cancelled_by', 'identifier', 't.cancelled_by = p.user_id', 'keep', NULL, 5),
('mentoring', 'subject_schedule_history', 'mentor_id', 'identifier', 't.mentor_id = p.user_id', 'keep', NULL, 5),
('mentoring', 'subject_schedule_history', 'user_id', 'identifier', 't.user_id = p.user_id', 'keep', NULL, 5),
('mentoring', 'subject_schedule_history', 'actor_id', 'identifier', 't.actor_id = p.user_id', 'keep', NULL, 5),
('mentoring', 'subject_schedule_history', 'reason', 'words', 't.actor_id = p.user_id', 'clear', NULL, 5),
('mentoring', 'blocks', 'blocker_id', 'identifier', 't.blocker_id = p.user_id', 'delete', NULL, 5),
('mentoring', 'blocks', 'created_at', 'none', 't.blocker_id = p.user_id', 'delete', NULL, 5),
('mentoring', 'blocks', 'blocked_id', 'identifier', NULL, 'keep', NULL, 5),
('mentoring', 'publications', 'mentor_id', 'identifier', 't.mentor_id = p.user_id', 'keep', NULL, 5),
('mentoring', 'publications', 'title', 'words', 't.mentor_id = p.user_id', 'replace', '''Erased''', 5);
