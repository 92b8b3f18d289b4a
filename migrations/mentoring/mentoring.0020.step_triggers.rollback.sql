SET LOCAL ROLE mentorbase_owner;

CREATE OR REPLACE TRIGGER mentor_mentee_audit_update
AFTER UPDATE ON mentoring.mentor_mentee
FOR EACH ROW WHEN (
    old.status = new.status
    OR old.subscribe_to_quizzes IS DISTINCT FROM new.subscribe_to_quizzes
    OR old.subscribe_to_courses IS DISTINCT FROM new.subscribe_to_courses
    OR old.subscribe_to_subjects IS DISTINCT FROM new.subscribe_to_subjects
    OR old.mentor_notes IS DISTINCT FROM new.mentor_notes
    OR old.mentee_notes IS DISTINCT FROM new.mentee_notes
    OR old.hidden_by_mentor_at IS DISTINCT FROM new.hidden_by_mentor_at
    OR old.hidden_by_mentee_at IS DISTINCT FROM new.hidden_by_mentee_at
)
EXECUTE FUNCTION platform.audit('id', 'mentor_notes,mentee_notes');
