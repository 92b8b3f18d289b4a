-- A step does not read the conditions of triggers that it does not concern: PostgreSQL parses them anew for each statement.
-- depends: mentoring.0016.bulk_bookings

SET LOCAL ROLE mentorbase_owner;

CREATE OR REPLACE TRIGGER mentor_mentee_audit_update
AFTER UPDATE OF subscribe_to_quizzes, subscribe_to_courses, subscribe_to_subjects, mentor_notes, mentee_notes,
hidden_by_mentor_at, hidden_by_mentee_at ON mentoring.mentor_mentee
FOR EACH ROW EXECUTE FUNCTION platform.audit('id', 'mentor_notes,mentee_notes');
