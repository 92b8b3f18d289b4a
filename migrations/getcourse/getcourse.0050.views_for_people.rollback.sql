SET LOCAL ROLE mentorbase_owner;

DROP VIEW getcourse.v_unreachable_mentors;
DROP VIEW getcourse.v_notifications;
DROP VIEW getcourse.v_webhook_events;
DROP VIEW getcourse.v_mapping_versions;

CREATE OR REPLACE VIEW getcourse.v_active_mappings AS
SELECT
    p.id,
    p.training_id,
    t.title AS training_title,
    p.student_id,
    s.getcourse_user_id AS student_getcourse_user_id,
    s.email AS student_email,
    s.first_name AS student_first_name,
    s.last_name AS student_last_name,
    p.mentor_id,
    m.email AS mentor_email,
    m.first_name AS mentor_first_name,
    m.last_name AS mentor_last_name,
    m.telegram_id AS mentor_telegram_id,
    p.valid_from,
    p.valid_to
FROM getcourse.mapping AS p
INNER JOIN getcourse.students AS s ON p.student_id = s.id AND s.valid_from <= now() AND s.valid_to > now()
INNER JOIN getcourse.mentors AS m ON p.mentor_id = m.id AND m.valid_from <= now() AND m.valid_to > now()
INNER JOIN getcourse.trainings AS t
    ON p.training_id = t.training_id AND t.valid_from <= now() AND t.valid_to > now()
WHERE p.valid_from <= now() AND p.valid_to > now();
