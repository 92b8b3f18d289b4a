CREATE VIEW mentoring.v_mentor_mentee AS
SELECT
    m.id AS relationship_id,
    m.mentor_id,
    m.mentee_id,
    m.status,
    m.initiated_by,
    m.subscribe_to_quizzes,
    m.subscribe_to_courses,
    m.subscribe_to_subjects,
    m.created_at,
    m.accepted_at,
    m.paused_at,
    m.resume_at,
    m.completed_at,
    m.ended_at
FROM mentoring.mentor_mentee AS m;

COMMENT ON VIEW mentoring.v_mentor_mentee IS 'Every relationship, for analysts: all but the two sides'' notes.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.relationship_id IS 'The relationship (mentor_mentee.id).';
COMMENT ON COLUMN mentoring.v_mentor_mentee.mentor_id IS 'Who teaches (auth.users.id).';
COMMENT ON COLUMN mentoring.v_mentor_mentee.mentee_id IS 'Who learns (auth.users.id).';
COMMENT ON COLUMN mentoring.v_mentor_mentee.status IS
'Where it stands: pending, active, paused are live; completed, rejected, cancelled, expired, terminated are ended.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.initiated_by IS 'Who made it: mentor, mentee, system or admin.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.subscribe_to_quizzes IS 'The mentee wants to hear of the mentor''s new quizzes.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.subscribe_to_courses IS 'The mentee wants to hear of the mentor''s new courses.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.subscribe_to_subjects IS 'The mentee wants to hear of the mentor''s new subjects.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.created_at IS 'When it was asked for or imported.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.accepted_at IS 'When it first became active; NULL if it never was.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.paused_at IS 'Since when it is paused; NULL while it is not.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.resume_at IS 'From when on the system may resume it; NULL: only on request.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.completed_at IS 'When it reached its aim; NULL unless completed.';
COMMENT ON COLUMN mentoring.v_mentor_mentee.ended_at IS 'When it ended, in whatever way; NULL while it is live.';

CREATE VIEW mentoring.v_mentor_mentee_history AS
SELECT
    h.id AS step_id,
    h.relationship_id,
    h.mentor_id,
    h.mentee_id,
    h.from_status,
    h.to_status,
    h.actor_kind,
    h.actor_id,
    h.occurred_at
FROM mentoring.mentor_mentee_history AS h;

COMMENT ON VIEW mentoring.v_mentor_mentee_history IS
'Every step of every relationship, for analysts: all but the reasons, which are people''s own words, and the database logins.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.step_id IS 'Order of the steps.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.relationship_id IS 'The relationship, which may be gone.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.mentor_id IS 'Its mentor (auth.users.id).';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.mentee_id IS 'Its mentee (auth.users.id).';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.from_status IS 'Status before; NULL for the first step.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.to_status IS 'Status after; NULL where the relationship was deleted.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.actor_kind IS 'As what the actor took the step: mentor, mentee, admin or system.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.actor_id IS
'Who took it (auth.users.id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.occurred_at IS 'When: the start of the transaction that took the step.';
