CREATE FUNCTION getcourse.refuse_edit(in_view text, in_column text)
RETURNS void
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'this column of % cannot be edited, or not by itself', in_view USING
        ERRCODE = 'MB006',
        DETAIL = format('column=%s', in_column),
        HINT = 'Who or what a row is about does not change: end it, and insert another. valid_from says from when another change holds.';
END
$$;

COMMENT ON FUNCTION getcourse.refuse_edit(text, text) IS
'Says that a column of an editable view does not change (MB006). Always raises.';

CREATE VIEW getcourse.v_active_mentors AS
SELECT
    v.id,
    v.email,
    v.first_name,
    v.last_name,
    v.telegram_id,
    v.valid_from,
    v.valid_to,
    v.created_at,
    v.updated_at
FROM getcourse.mentors AS v
WHERE v.valid_from <= now() AND v.valid_to > now();

COMMENT ON VIEW getcourse.v_active_mentors IS
'The mentors of this moment, one row each. Editable, for those who may: a change makes another version from now on, a deletion ends the present one now, and what was stays in mentors.';
COMMENT ON COLUMN getcourse.v_active_mentors.id IS 'The mentor.';
COMMENT ON COLUMN getcourse.v_active_mentors.email IS 'E-mail address, as it was written. Personal data.';
COMMENT ON COLUMN getcourse.v_active_mentors.first_name IS 'First name. Personal data.';
COMMENT ON COLUMN getcourse.v_active_mentors.last_name IS 'Last name. Personal data.';
COMMENT ON COLUMN getcourse.v_active_mentors.telegram_id IS
'The Telegram account that notifications go to; NULL: none go. Personal data.';
COMMENT ON COLUMN getcourse.v_active_mentors.valid_from IS
'From when this holds; included. Set to another time with a change: the change holds from then on.';
COMMENT ON COLUMN getcourse.v_active_mentors.valid_to IS
'Until when this holds, not included; 9999-12-31 00:00 UTC: until further notice. Set to another time: it ends then.';
COMMENT ON COLUMN getcourse.v_active_mentors.created_at IS 'When the version was made.';
COMMENT ON COLUMN getcourse.v_active_mentors.updated_at IS 'When the version last changed.';

CREATE FUNCTION getcourse.edit_active_mentors()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- who may edit the view need not have rights on the table
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO getcourse.mentors AS v (
            id, email, first_name, last_name, telegram_id, valid_from, valid_to
        ) VALUES (
            NEW.id, NEW.email, NEW.first_name, NEW.last_name, NEW.telegram_id,
            coalesce(NEW.valid_from, now()), coalesce(NEW.valid_to, '9999-12-31 00:00:00+00')
        )
        RETURNING v.id, v.valid_from, v.valid_to, v.created_at, v.updated_at
        INTO NEW.id, NEW.valid_from, NEW.valid_to, NEW.created_at, NEW.updated_at;
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM getcourse.close_mentor(OLD.id);
        RETURN OLD;
    END IF;

    IF NEW.id <> OLD.id THEN
        PERFORM getcourse.refuse_edit('v_active_mentors', 'id');
    ELSIF (NEW.email, NEW.first_name, NEW.last_name, NEW.telegram_id) IS DISTINCT FROM (OLD.email, OLD.first_name, OLD.last_name, OLD.telegram_id) THEN
        PERFORM getcourse.revise_mentor(
            OLD.id, NEW.email, NEW.first_name, NEW.last_name, NEW.telegram_id,
            valid_from => CASE WHEN NEW.valid_from <> OLD.valid_from THEN NEW.valid_from END
        );
    ELSIF NEW.valid_from <> OLD.valid_from THEN
        PERFORM getcourse.refuse_edit('v_active_mentors', 'valid_from');
    END IF;
    IF NEW.valid_to <> OLD.valid_to THEN
        PERFORM getcourse.close_mentor(OLD.id, NEW.valid_to);
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION getcourse.edit_active_mentors() IS
'Makes v_active_mentors editable: an UPDATE revises, a DELETE closes, an INSERT adds a mentor or a version. Refusals: MB004, MB006, and the constraints of mentors.';

CREATE TRIGGER v_active_mentors_edit
INSTEAD OF INSERT OR UPDATE OR DELETE ON getcourse.v_active_mentors
FOR EACH ROW EXECUTE FUNCTION getcourse.edit_active_mentors();

CREATE VIEW getcourse.v_active_students AS
SELECT
    v.id,
    v.getcourse_user_id,
    v.email,
    v.first_name,
    v.last_name,
    v.valid_from,
    v.valid_to,
    v.created_at,
    v.updated_at
FROM getcourse.students AS v
WHERE v.valid_from <= now() AND v.valid_to > now();

COMMENT ON VIEW getcourse.v_active_students IS
'The students of this moment, one row each. Editable, for those who may: a change makes another version from now on, a deletion ends the present one now, and what was stays in students.';
COMMENT ON COLUMN getcourse.v_active_students.id IS 'The student.';
COMMENT ON COLUMN getcourse.v_active_students.getcourse_user_id IS
'The student in GetCourse (webhook_events.user_id); NULL: not known. Personal data.';
COMMENT ON COLUMN getcourse.v_active_students.email IS 'E-mail address, as it was written. Personal data.';
COMMENT ON COLUMN getcourse.v_active_students.first_name IS 'First name. Personal data.';
COMMENT ON COLUMN getcourse.v_active_students.last_name IS 'Last name. Personal data.';
COMMENT ON COLUMN getcourse.v_active_students.valid_from IS
'From when this holds; included. Set to another time with a change: the change holds from then on.';
COMMENT ON COLUMN getcourse.v_active_students.valid_to IS
'Until when this holds, not included; 9999-12-31 00:00 UTC: until further notice. Set to another time: it ends then.';
COMMENT ON COLUMN getcourse.v_active_students.created_at IS 'When the version was made.';
COMMENT ON COLUMN getcourse.v_active_students.updated_at IS 'When the version last changed.';

CREATE FUNCTION getcourse.edit_active_students()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- who may edit the view need not have rights on the table
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO getcourse.students AS v (
            id, getcourse_user_id, email, first_name, last_name, valid_from, valid_to
        ) VALUES (
            NEW.id, NEW.getcourse_user_id, NEW.email, NEW.first_name, NEW.last_name,
            coalesce(NEW.valid_from, now()), coalesce(NEW.valid_to, '9999-12-31 00:00:00+00')
        )
        RETURNING v.id, v.valid_from, v.valid_to, v.created_at, v.updated_at
        INTO NEW.id, NEW.valid_from, NEW.valid_to, NEW.created_at, NEW.updated_at;
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM getcourse.close_student(OLD.id);
        RETURN OLD;
    END IF;

    IF NEW.id <> OLD.id THEN
        PERFORM getcourse.refuse_edit('v_active_students', 'id');
    ELSIF (NEW.getcourse_user_id, NEW.email, NEW.first_name, NEW.last_name) IS DISTINCT FROM (OLD.getcourse_user_id, OLD.email, OLD.first_name, OLD.last_name) THEN
        PERFORM getcourse.revise_student(
            OLD.id, NEW.email, NEW.getcourse_user_id, NEW.first_name, NEW.last_name,
            valid_from => CASE WHEN NEW.valid_from <> OLD.valid_from THEN NEW.valid_from END
        );
    ELSIF NEW.valid_from <> OLD.valid_from THEN
        PERFORM getcourse.refuse_edit('v_active_students', 'valid_from');
    END IF;
    IF NEW.valid_to <> OLD.valid_to THEN
        PERFORM getcourse.close_student(OLD.id, NEW.valid_to);
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION getcourse.edit_active_students() IS
'Makes v_active_students editable: an UPDATE revises, a DELETE closes, an INSERT adds a student or a version. Refusals: MB004, MB006, and the constraints of students.';

CREATE TRIGGER v_active_students_edit
INSTEAD OF INSERT OR UPDATE OR DELETE ON getcourse.v_active_students
FOR EACH ROW EXECUTE FUNCTION getcourse.edit_active_students();

CREATE VIEW getcourse.v_active_trainings AS
SELECT
    v.training_id,
    v.title,
    v.is_active,
    v.valid_from,
    v.valid_to,
    v.created_at,
    v.updated_at
FROM getcourse.trainings AS v
WHERE v.valid_from <= now() AND v.valid_to > now();

COMMENT ON VIEW getcourse.v_active_trainings IS
'The trainings of this moment, one row each. Editable, for those who may: a change makes another version from now on, a deletion ends the present one now, and what was stays in trainings.';
COMMENT ON COLUMN getcourse.v_active_trainings.training_id IS 'The training.';
COMMENT ON COLUMN getcourse.v_active_trainings.title IS 'What the training is called.';
COMMENT ON COLUMN getcourse.v_active_trainings.is_active IS 'Whether it is taught at that time.';
COMMENT ON COLUMN getcourse.v_active_trainings.valid_from IS
'From when this holds; included. Set to another time with a change: the change holds from then on.';
COMMENT ON COLUMN getcourse.v_active_trainings.valid_to IS
'Until when this holds, not included; 9999-12-31 00:00 UTC: until further notice. Set to another time: it ends then.';
COMMENT ON COLUMN getcourse.v_active_trainings.created_at IS 'When the version was made.';
COMMENT ON COLUMN getcourse.v_active_trainings.updated_at IS 'When the version last changed.';

CREATE FUNCTION getcourse.edit_active_trainings()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- who may edit the view need not have rights on the table
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO getcourse.trainings AS v (
            training_id, title, is_active, valid_from, valid_to
        ) VALUES (
            NEW.training_id, NEW.title, coalesce(NEW.is_active, true),
            coalesce(NEW.valid_from, now()), coalesce(NEW.valid_to, '9999-12-31 00:00:00+00')
        )
        RETURNING v.training_id, v.valid_from, v.valid_to, v.created_at, v.updated_at
        INTO NEW.training_id, NEW.valid_from, NEW.valid_to, NEW.created_at, NEW.updated_at;
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM getcourse.close_training(OLD.training_id);
        RETURN OLD;
    END IF;

    IF NEW.training_id <> OLD.training_id THEN
        PERFORM getcourse.refuse_edit('v_active_trainings', 'training_id');
    ELSIF (NEW.title, NEW.is_active) IS DISTINCT FROM (OLD.title, OLD.is_active) THEN
        PERFORM getcourse.revise_training(
            OLD.training_id, NEW.title, NEW.is_active,
            valid_from => CASE WHEN NEW.valid_from <> OLD.valid_from THEN NEW.valid_from END
        );
    ELSIF NEW.valid_from <> OLD.valid_from THEN
        PERFORM getcourse.refuse_edit('v_active_trainings', 'valid_from');
    END IF;
    IF NEW.valid_to <> OLD.valid_to THEN
        PERFORM getcourse.close_training(OLD.training_id, NEW.valid_to);
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION getcourse.edit_active_trainings() IS
'Makes v_active_trainings editable: an UPDATE revises, a DELETE closes, an INSERT adds a training or a version. Refusals: MB004, MB006, and the constraints of trainings.';

CREATE TRIGGER v_active_trainings_edit
INSTEAD OF INSERT OR UPDATE OR DELETE ON getcourse.v_active_trainings
FOR EACH ROW EXECUTE FUNCTION getcourse.edit_active_trainings();

CREATE VIEW getcourse.v_active_lessons AS
SELECT
    v.lesson_id,
    v.training_id,
    v.title,
    v.position,
    v.valid_from,
    v.valid_to,
    v.created_at,
    v.updated_at
FROM getcourse.lessons AS v
WHERE v.valid_from <= now() AND v.valid_to > now();

COMMENT ON VIEW getcourse.v_active_lessons IS
'The lessons of this moment, one row each. Editable, for those who may: a change makes another version from now on, a deletion ends the present one now, and what was stays in lessons.';
COMMENT ON COLUMN getcourse.v_active_lessons.lesson_id IS 'The lesson.';
COMMENT ON COLUMN getcourse.v_active_lessons.training_id IS 'The training it belongs to.';
COMMENT ON COLUMN getcourse.v_active_lessons.title IS 'What the lesson is called.';
COMMENT ON COLUMN getcourse.v_active_lessons.position IS 'Its place in the training, from 1; NULL: none.';
COMMENT ON COLUMN getcourse.v_active_lessons.valid_from IS
'From when this holds; included. Set to another time with a change: the change holds from then on.';
COMMENT ON COLUMN getcourse.v_active_lessons.valid_to IS
'Until when this holds, not included; 9999-12-31 00:00 UTC: until further notice. Set to another time: it ends then.';
COMMENT ON COLUMN getcourse.v_active_lessons.created_at IS 'When the version was made.';
COMMENT ON COLUMN getcourse.v_active_lessons.updated_at IS 'When the version last changed.';

CREATE FUNCTION getcourse.edit_active_lessons()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- who may edit the view need not have rights on the table
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO getcourse.lessons AS v (
            lesson_id, training_id, title, position, valid_from, valid_to
        ) VALUES (
            NEW.lesson_id, NEW.training_id, NEW.title, NEW.position,
            coalesce(NEW.valid_from, now()), coalesce(NEW.valid_to, '9999-12-31 00:00:00+00')
        )
        RETURNING v.lesson_id, v.valid_from, v.valid_to, v.created_at, v.updated_at
        INTO NEW.lesson_id, NEW.valid_from, NEW.valid_to, NEW.created_at, NEW.updated_at;
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM getcourse.close_lesson(OLD.lesson_id);
        RETURN OLD;
    END IF;

    IF NEW.lesson_id <> OLD.lesson_id THEN
        PERFORM getcourse.refuse_edit('v_active_lessons', 'lesson_id');
    ELSIF (NEW.training_id, NEW.title, NEW.position) IS DISTINCT FROM (OLD.training_id, OLD.title, OLD.position) THEN
        PERFORM getcourse.revise_lesson(
            OLD.lesson_id, NEW.training_id, NEW.title, NEW.position,
            valid_from => CASE WHEN NEW.valid_from <> OLD.valid_from THEN NEW.valid_from END
        );
    ELSIF NEW.valid_from <> OLD.valid_from THEN
        PERFORM getcourse.refuse_edit('v_active_lessons', 'valid_from');
    END IF;
    IF NEW.valid_to <> OLD.valid_to THEN
        PERFORM getcourse.close_lesson(OLD.lesson_id, NEW.valid_to);
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION getcourse.edit_active_lessons() IS
'Makes v_active_lessons editable: an UPDATE revises, a DELETE closes, an INSERT adds a lesson or a version. Refusals: MB004, MB006, and the constraints of lessons.';

CREATE TRIGGER v_active_lessons_edit
INSTEAD OF INSERT OR UPDATE OR DELETE ON getcourse.v_active_lessons
FOR EACH ROW EXECUTE FUNCTION getcourse.edit_active_lessons();

-- What stands beside an id is looked up row by row, as LIMIT 1 has it: a client that opens a view and fetches 200 rows
-- does not tell the planner so, and a join would then read the whole table.
CREATE VIEW getcourse.v_active_mappings AS
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
CROSS JOIN
    LATERAL (
        SELECT x.getcourse_user_id, x.email, x.first_name, x.last_name FROM getcourse.students AS x
        WHERE x.id = p.student_id AND x.valid_from <= now() AND x.valid_to > now()
        LIMIT 1
    ) AS s
CROSS JOIN
    LATERAL (
        SELECT x.email, x.first_name, x.last_name, x.telegram_id FROM getcourse.mentors AS x
        WHERE x.id = p.mentor_id AND x.valid_from <= now() AND x.valid_to > now()
        LIMIT 1
    ) AS m
CROSS JOIN
    LATERAL (
        SELECT x.title FROM getcourse.trainings AS x
        WHERE x.training_id = p.training_id AND x.valid_from <= now() AND x.valid_to > now()
        LIMIT 1
    ) AS t
WHERE p.valid_from <= now() AND p.valid_to > now();

COMMENT ON VIEW getcourse.v_active_mappings IS
'Who mentors which student in which training at this moment, with what is known of each now. Editable, for those who may: another mentor_id or mentor_email gives the student another mentor from now on, a deletion ends the mapping now, an INSERT takes ids or e-mail addresses.';
COMMENT ON COLUMN getcourse.v_active_mappings.id IS 'The pair of student and training.';
COMMENT ON COLUMN getcourse.v_active_mappings.training_id IS 'The training.';
COMMENT ON COLUMN getcourse.v_active_mappings.training_title IS 'What the training is called.';
COMMENT ON COLUMN getcourse.v_active_mappings.student_id IS 'The student.';
COMMENT ON COLUMN getcourse.v_active_mappings.student_getcourse_user_id IS 'The student in GetCourse.';
COMMENT ON COLUMN getcourse.v_active_mappings.student_email IS 'The student''s e-mail address.';
COMMENT ON COLUMN getcourse.v_active_mappings.student_first_name IS 'The student''s first name.';
COMMENT ON COLUMN getcourse.v_active_mappings.student_last_name IS 'The student''s last name.';
COMMENT ON COLUMN getcourse.v_active_mappings.mentor_id IS 'The mentor. Editable.';
COMMENT ON COLUMN getcourse.v_active_mappings.mentor_email IS 'The mentor''s e-mail address. Set to another mentor''s: that one.';
COMMENT ON COLUMN getcourse.v_active_mappings.mentor_first_name IS 'The mentor''s first name.';
COMMENT ON COLUMN getcourse.v_active_mappings.mentor_last_name IS 'The mentor''s last name.';
COMMENT ON COLUMN getcourse.v_active_mappings.mentor_telegram_id IS 'The mentor''s Telegram account.';
COMMENT ON COLUMN getcourse.v_active_mappings.valid_from IS
'Since when this mentor mentors the student in this training. Set to another time with a change: the change holds from then on.';
COMMENT ON COLUMN getcourse.v_active_mappings.valid_to IS
'Until when, not included; 9999-12-31 00:00 UTC: until further notice. Set to another time: it ends then.';

CREATE FUNCTION getcourse.edit_active_mappings()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- who may edit the view need not have rights on the table
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    who text[] := ARRAY['mentor_id', 'mentor_email', 'valid_from', 'valid_to'];
    fixed text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO getcourse.mapping AS v (student_id, mentor_id, training_id, valid_from, valid_to)
        VALUES (
            coalesce(
                NEW.student_id, (SELECT k.id FROM getcourse.student_ids AS k WHERE k.email = lower(NEW.student_email))
            ),
            coalesce(
                NEW.mentor_id, (SELECT k.id FROM getcourse.mentor_ids AS k WHERE k.email = lower(NEW.mentor_email))
            ),
            NEW.training_id, coalesce(NEW.valid_from, now()), coalesce(NEW.valid_to, '9999-12-31 00:00:00+00')
        )
        RETURNING v.id, v.student_id, v.mentor_id, v.valid_from, v.valid_to
        INTO NEW.id, NEW.student_id, NEW.mentor_id, NEW.valid_from, NEW.valid_to;
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM getcourse.close_mapping(OLD.id);
        RETURN OLD;
    END IF;

    SELECT o.key INTO fixed
    FROM jsonb_each(to_jsonb(OLD)) AS o
    WHERE o.value <> to_jsonb(NEW) -> o.key AND o.key <> ALL (who)
    ORDER BY o.key
    LIMIT 1;
    IF FOUND THEN
        PERFORM getcourse.refuse_edit('v_active_mappings', fixed);
    END IF;
    IF NEW.mentor_id = OLD.mentor_id AND NEW.mentor_email IS DISTINCT FROM OLD.mentor_email THEN
        SELECT k.id INTO NEW.mentor_id FROM getcourse.mentor_ids AS k WHERE k.email = lower(NEW.mentor_email);
    END IF;
    IF NEW.mentor_id IS DISTINCT FROM OLD.mentor_id THEN
        PERFORM getcourse.revise_mapping(
            OLD.id, NEW.mentor_id, valid_from => CASE WHEN NEW.valid_from <> OLD.valid_from THEN NEW.valid_from END
        );
    ELSIF NEW.valid_from <> OLD.valid_from THEN
        PERFORM getcourse.refuse_edit('v_active_mappings', 'valid_from');
    END IF;
    IF NEW.valid_to <> OLD.valid_to THEN
        PERFORM getcourse.close_mapping(OLD.id, NEW.valid_to);
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION getcourse.edit_active_mappings() IS
'Makes v_active_mappings editable: another mentor revises, a DELETE closes, an INSERT adds. What is known of people is edited where it stands, in v_active_mentors and v_active_students. Refusals: MB004, MB006, and the constraints of mapping.';

CREATE TRIGGER v_active_mappings_edit
INSTEAD OF INSERT OR UPDATE OR DELETE ON getcourse.v_active_mappings
FOR EACH ROW EXECUTE FUNCTION getcourse.edit_active_mappings();

CREATE VIEW getcourse.v_pending_webhooks AS
SELECT
    e.id,
    e.source,
    e.event_date,
    e.user_id,
    e.user_email,
    e.answer_id,
    e.answer_training_id,
    e.answer_lesson_id,
    e.answer_status,
    e.status,
    e.processed,
    e.attempts,
    e.next_attempt_at,
    e.error_message,
    e.duplicates,
    e.created_at
FROM getcourse.webhook_events AS e
WHERE NOT e.processed AND e.status IN ('received', 'retry', 'processing')
ORDER BY e.id + 0; -- not by the primary key, which would lead past all that is processed

COMMENT ON VIEW getcourse.v_pending_webhooks IS
'Webhooks that have yet to be processed, oldest first: all but what the student wrote.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.id IS 'The event.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.source IS 'Where it came from.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.event_date IS 'When it happened.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.user_id IS 'The student in GetCourse.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.user_email IS 'The student''s e-mail address.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.answer_id IS 'The answer that it is about.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.answer_training_id IS 'The training of the answer.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.answer_lesson_id IS 'The lesson of the answer.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.answer_status IS 'Where the answer stands.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.status IS 'received, retry (due at next_attempt_at), or processing (a worker has it).';
COMMENT ON COLUMN getcourse.v_pending_webhooks.processed IS 'Always false here.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.attempts IS 'How often it was claimed since it came in or was replayed.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.next_attempt_at IS 'When it is due; NULL: at once.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.error_message IS 'Why the last attempt did not succeed.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.duplicates IS 'How often the same came in again.';
COMMENT ON COLUMN getcourse.v_pending_webhooks.created_at IS 'When it came in.';

CREATE VIEW getcourse.v_pending_notifications AS
SELECT
    n.id,
    n.mentor_id,
    n.type,
    n.status,
    n.webhook_event_id,
    n.message_hash,
    n.attempts,
    n.next_attempt_at,
    n.last_error,
    n.duplicates,
    n.created_at
FROM getcourse.notifications AS n
WHERE n.status = 'pending' OR n.status = 'waiting' AND n.next_attempt_at <= now();

COMMENT ON VIEW getcourse.v_pending_notifications IS
'Notifications that are ready to be sent: all but what they say.';
COMMENT ON COLUMN getcourse.v_pending_notifications.id IS 'The notification.';
COMMENT ON COLUMN getcourse.v_pending_notifications.mentor_id IS 'For whom.';
COMMENT ON COLUMN getcourse.v_pending_notifications.type IS 'What kind of notification it is.';
COMMENT ON COLUMN getcourse.v_pending_notifications.status IS 'pending, or waiting where it was put off and is due now.';
COMMENT ON COLUMN getcourse.v_pending_notifications.webhook_event_id IS 'The webhook that it is about.';
COMMENT ON COLUMN getcourse.v_pending_notifications.message_hash IS 'SHA-256 of type, message and webhook_event_id.';
COMMENT ON COLUMN getcourse.v_pending_notifications.attempts IS 'How many attempts have begun.';
COMMENT ON COLUMN getcourse.v_pending_notifications.next_attempt_at IS 'When it was due; NULL: at once.';
COMMENT ON COLUMN getcourse.v_pending_notifications.last_error IS 'Why the last attempt did not succeed.';
COMMENT ON COLUMN getcourse.v_pending_notifications.duplicates IS 'How often the same was queued again.';
COMMENT ON COLUMN getcourse.v_pending_notifications.created_at IS 'When it was queued.';

CREATE VIEW getcourse.v_webhook_backlog AS
SELECT
    e.source,
    e.status,
    count(*) AS events,
    sum(e.duplicates)::bigint AS duplicates,
    min(e.created_at) AS oldest_created_at,
    max(e.updated_at) AS latest_step_at
FROM getcourse.webhook_events AS e
GROUP BY e.source, e.status;

COMMENT ON VIEW getcourse.v_webhook_backlog IS
'How many webhooks stand where, by source; every webhook is counted once. With the duplicates these are all that were ever taken in. Reads the whole table; v_queues is quick.';
COMMENT ON COLUMN getcourse.v_webhook_backlog.source IS 'Where they came from.';
COMMENT ON COLUMN getcourse.v_webhook_backlog.status IS 'Where they stand.';
COMMENT ON COLUMN getcourse.v_webhook_backlog.events IS 'How many there are.';
COMMENT ON COLUMN getcourse.v_webhook_backlog.duplicates IS 'How often the same came in again.';
COMMENT ON COLUMN getcourse.v_webhook_backlog.oldest_created_at IS 'When the oldest of them came in.';
COMMENT ON COLUMN getcourse.v_webhook_backlog.latest_step_at IS 'When the last of them came to stand there.';

CREATE VIEW getcourse.v_notification_backlog AS
SELECT
    n.status,
    count(*) AS notifications,
    sum(n.duplicates)::bigint AS duplicates,
    min(n.created_at) AS oldest_created_at,
    max(n.updated_at) AS latest_step_at
FROM getcourse.notifications AS n
GROUP BY n.status;

COMMENT ON VIEW getcourse.v_notification_backlog IS
'How many notifications stand where; every notification is counted once. With the duplicates these are all that were ever queued. Reads the whole table; v_queues is quick.';
COMMENT ON COLUMN getcourse.v_notification_backlog.status IS 'Where they stand.';
COMMENT ON COLUMN getcourse.v_notification_backlog.notifications IS 'How many there are.';
COMMENT ON COLUMN getcourse.v_notification_backlog.duplicates IS 'How often the same were queued again.';
COMMENT ON COLUMN getcourse.v_notification_backlog.oldest_created_at IS 'When the oldest of them was queued.';
COMMENT ON COLUMN getcourse.v_notification_backlog.latest_step_at IS 'When the last of them came to stand there.';

CREATE VIEW getcourse.v_queues AS
SELECT
    'webhook_events' AS queue,
    (
        SELECT count(*) FROM getcourse.webhook_events AS e
        WHERE e.status = 'received'
    )
    + (
        SELECT count(*) FROM getcourse.webhook_events AS e
        WHERE e.status = 'retry'
    ) AS backlog,
    (
        SELECT count(*) FROM getcourse.webhook_events AS e
        WHERE NOT e.processed AND e.lease_until IS NOT NULL
    ) AS in_work,
    least(
        (
            SELECT e.created_at FROM getcourse.webhook_events AS e
            WHERE e.status = 'received'
            ORDER BY e.id + 0 LIMIT 1
        ),
        (
            SELECT min(e.created_at) FROM getcourse.webhook_events AS e
            WHERE e.status = 'retry'
        )
    ) AS oldest_waiting_since,
    (
        SELECT count(*) FROM getcourse.webhook_events AS e
        WHERE e.status = 'dead'
    ) AS dead,
    0::bigint AS uncertain,
    (SELECT count(*) FROM getcourse.webhook_quarantine) AS quarantined
UNION ALL
SELECT
    'notifications' AS queue,
    (
        SELECT count(*) FROM getcourse.notifications AS n
        WHERE n.status = 'pending'
    )
    + (
        SELECT count(*) FROM getcourse.notifications AS n
        WHERE n.status = 'waiting'
    ) AS backlog,
    (
        SELECT count(*) FROM getcourse.notifications AS n
        WHERE n.status IN ('processing', 'sending')
    ) AS in_work,
    least(
        (
            SELECT n.created_at FROM getcourse.notifications AS n
            WHERE n.status = 'pending'
            ORDER BY n.id + 0 LIMIT 1
        ),
        (
            SELECT min(n.created_at) FROM getcourse.notifications AS n
            WHERE n.status = 'waiting'
        )
    ) AS oldest_waiting_since,
    (
        SELECT count(*) FROM getcourse.notifications AS n
        WHERE n.status IN ('dead', 'uncertain') AND n.status = 'dead'
    ) AS dead,
    (
        SELECT count(*) FROM getcourse.notifications AS n
        WHERE n.status IN ('dead', 'uncertain') AND n.status = 'uncertain'
    ) AS uncertain,
    0::bigint AS quarantined;

COMMENT ON VIEW getcourse.v_queues IS
'How the two queues stand, one row each, for alarms: reads what is open or stuck, and nothing of what is done.';
COMMENT ON COLUMN getcourse.v_queues.queue IS 'The table: webhook_events or notifications.';
COMMENT ON COLUMN getcourse.v_queues.backlog IS 'How many wait for a worker, at once or at a later time.';
COMMENT ON COLUMN getcourse.v_queues.in_work IS 'How many a worker has.';
COMMENT ON COLUMN getcourse.v_queues.oldest_waiting_since IS 'When the oldest of those that wait came in; NULL: none waits.';
COMMENT ON COLUMN getcourse.v_queues.dead IS 'How many were given up.';
COMMENT ON COLUMN getcourse.v_queues.uncertain IS 'Of how many nobody knows whether they arrived.';
COMMENT ON COLUMN getcourse.v_queues.quarantined IS 'How many texts could not be taken.';

CREATE VIEW getcourse.v_webhook_quarantine AS
SELECT
    q.id AS quarantine_id,
    q.source,
    q.reason,
    q.detail,
    q.duplicates,
    octet_length(q.raw_text) AS bytes,
    q.created_at,
    q.updated_at
FROM getcourse.webhook_quarantine AS q;

COMMENT ON VIEW getcourse.v_webhook_quarantine IS 'Webhooks that could not be taken, for analysts: all but the text.';
COMMENT ON COLUMN getcourse.v_webhook_quarantine.quarantine_id IS 'The row, for retry_quarantined().';
COMMENT ON COLUMN getcourse.v_webhook_quarantine.source IS 'Where it came from.';
COMMENT ON COLUMN getcourse.v_webhook_quarantine.reason IS 'Why it was not taken.';
COMMENT ON COLUMN getcourse.v_webhook_quarantine.detail IS 'Which key it is about, or how large it is.';
COMMENT ON COLUMN getcourse.v_webhook_quarantine.duplicates IS 'How often the same came in again.';
COMMENT ON COLUMN getcourse.v_webhook_quarantine.bytes IS 'How long the text is.';
COMMENT ON COLUMN getcourse.v_webhook_quarantine.created_at IS 'When it came in.';
COMMENT ON COLUMN getcourse.v_webhook_quarantine.updated_at IS 'When it last came in again.';

CREATE VIEW getcourse.v_application_logs AS
SELECT
    l.id AS line_id,
    l.level,
    l.logger,
    l.message,
    l.created_at
FROM getcourse.application_logs AS l;

COMMENT ON VIEW getcourse.v_application_logs IS 'What applications log: all but the context. Filter by created_at.';
COMMENT ON COLUMN getcourse.v_application_logs.line_id IS 'Order of the lines.';
COMMENT ON COLUMN getcourse.v_application_logs.level IS 'How much it matters.';
COMMENT ON COLUMN getcourse.v_application_logs.logger IS 'Who says it.';
COMMENT ON COLUMN getcourse.v_application_logs.message IS 'What happened.';
COMMENT ON COLUMN getcourse.v_application_logs.created_at IS 'When.';

CREATE VIEW getcourse.v_error_logs AS
SELECT
    l.id AS error_id,
    l.error_type,
    l.message,
    l.created_at
FROM getcourse.error_logs AS l;

COMMENT ON VIEW getcourse.v_error_logs IS
'Errors of applications: all but where in the program, and the context. Filter by created_at.';
COMMENT ON COLUMN getcourse.v_error_logs.error_id IS 'Order of the errors.';
COMMENT ON COLUMN getcourse.v_error_logs.error_type IS 'The class of the error.';
COMMENT ON COLUMN getcourse.v_error_logs.message IS 'What went wrong.';
COMMENT ON COLUMN getcourse.v_error_logs.created_at IS 'When.';

CREATE VIEW getcourse.v_table_sizes AS
SELECT
    n.nspname::text AS schema_name,
    c.relname::text AS table_name,
    sum(pg_table_size(t.part))::bigint AS table_bytes,
    sum(pg_indexes_size(t.part))::bigint AS index_bytes,
    sum(pg_total_relation_size(t.part))::bigint AS total_bytes,
    pg_size_pretty(sum(pg_total_relation_size(t.part))) AS size
FROM pg_catalog.pg_class AS c
INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
CROSS JOIN
    LATERAL (
        SELECT c.oid::regclass AS part
        UNION
        SELECT p.relid FROM pg_partition_tree(c.oid) AS p
    ) AS t
WHERE n.nspname = 'getcourse' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
GROUP BY n.nspname, c.relname;

COMMENT ON VIEW getcourse.v_table_sizes IS
'How much room each table of this schema takes, partitions included. ORDER BY total_bytes DESC for the largest.';
COMMENT ON COLUMN getcourse.v_table_sizes.schema_name IS 'The schema, getcourse.';
COMMENT ON COLUMN getcourse.v_table_sizes.table_name IS 'Which table it is.';
COMMENT ON COLUMN getcourse.v_table_sizes.table_bytes IS 'Its rows, long values included, in bytes.';
COMMENT ON COLUMN getcourse.v_table_sizes.index_bytes IS 'Its indexes, in bytes.';
COMMENT ON COLUMN getcourse.v_table_sizes.total_bytes IS 'Both, in bytes.';
COMMENT ON COLUMN getcourse.v_table_sizes.size IS 'The same, for people to read.';

CREATE VIEW getcourse.v_mapping_versions AS
SELECT
    p.version_id,
    p.id AS mapping_id,
    p.training_id,
    t.title AS training_title,
    p.student_id,
    s.name AS student_name,
    p.mentor_id,
    m.name AS mentor_name,
    p.valid_from,
    p.valid_to,
    p.is_open,
    p.valid_from <= now() AND p.valid_to > now() AS is_active
FROM getcourse.mapping AS p
LEFT JOIN LATERAL (
    SELECT x.title FROM getcourse.trainings AS x
    WHERE x.training_id = p.training_id
    ORDER BY x.valid_from DESC
    LIMIT 1
) AS t ON true
LEFT JOIN LATERAL (
    SELECT nullif(concat_ws(' ', x.first_name, x.last_name), '') AS name FROM getcourse.students AS x
    WHERE x.id = p.student_id
    ORDER BY x.valid_from DESC
    LIMIT 1
) AS s ON true
LEFT JOIN LATERAL (
    SELECT nullif(concat_ws(' ', x.first_name, x.last_name), '') AS name FROM getcourse.mentors AS x
    WHERE x.id = p.mentor_id
    ORDER BY x.valid_from DESC
    LIMIT 1
) AS m ON true;

COMMENT ON VIEW getcourse.v_mapping_versions IS
'Who mentored which student in which training and when: every version, ended ones too, with the names of the latest versions.';
COMMENT ON COLUMN getcourse.v_mapping_versions.version_id IS 'The version (mapping.version_id).';
COMMENT ON COLUMN getcourse.v_mapping_versions.mapping_id IS
'The pair of student and training, the same in each version.';
COMMENT ON COLUMN getcourse.v_mapping_versions.training_id IS 'The training.';
COMMENT ON COLUMN getcourse.v_mapping_versions.training_title IS 'What the training is called.';
COMMENT ON COLUMN getcourse.v_mapping_versions.student_id IS 'The student.';
COMMENT ON COLUMN getcourse.v_mapping_versions.student_name IS
'What the student is called; NULL: not known. Personal data.';
COMMENT ON COLUMN getcourse.v_mapping_versions.mentor_id IS 'The mentor.';
COMMENT ON COLUMN getcourse.v_mapping_versions.mentor_name IS
'What the mentor is called; NULL: not known. Personal data.';
COMMENT ON COLUMN getcourse.v_mapping_versions.valid_from IS 'From when this held; included.';
COMMENT ON COLUMN getcourse.v_mapping_versions.valid_to IS
'Until when, not included; 9999-12-31 00:00 UTC: until further notice.';
COMMENT ON COLUMN getcourse.v_mapping_versions.is_open IS 'Whether it holds until further notice.';
COMMENT ON COLUMN getcourse.v_mapping_versions.is_active IS 'Whether it holds now.';

CREATE VIEW getcourse.v_webhook_events AS
SELECT
    e.id,
    e.source,
    e.event_date,
    e.user_id,
    s.student_id,
    s.student_name,
    e.answer_id,
    e.answer_training_id,
    t.training_title,
    e.answer_lesson_id,
    l.lesson_title,
    e.answer_status,
    e.status,
    e.processed,
    e.processed_at,
    e.attempts,
    e.next_attempt_at,
    e.error_message,
    e.duplicates,
    e.created_at
FROM getcourse.webhook_events AS e
LEFT JOIN LATERAL (
    SELECT
        x.id AS student_id,
        nullif(concat_ws(' ', x.first_name, x.last_name), '') AS student_name
    FROM getcourse.students AS x
    WHERE x.getcourse_user_id = e.user_id
    ORDER BY x.valid_from DESC
    LIMIT 1
) AS s ON true
LEFT JOIN LATERAL (
    SELECT x.title AS training_title FROM getcourse.trainings AS x
    WHERE x.training_id = e.answer_training_id
    ORDER BY x.valid_from DESC
    LIMIT 1
) AS t ON true
LEFT JOIN LATERAL (
    SELECT x.title AS lesson_title FROM getcourse.lessons AS x
    WHERE x.lesson_id = e.answer_lesson_id
    ORDER BY x.valid_from DESC
    LIMIT 1
) AS l ON true;

COMMENT ON VIEW getcourse.v_webhook_events IS
'Every webhook, done or not, with the names of student, training and lesson: all but what the student wrote and their e-mail address.';
COMMENT ON COLUMN getcourse.v_webhook_events.id IS 'The event.';
COMMENT ON COLUMN getcourse.v_webhook_events.source IS 'Where it came from.';
COMMENT ON COLUMN getcourse.v_webhook_events.event_date IS 'When it happened.';
COMMENT ON COLUMN getcourse.v_webhook_events.user_id IS 'The student in GetCourse.';
COMMENT ON COLUMN getcourse.v_webhook_events.student_id IS
'The student (v_active_students.id); NULL: none has this user_id.';
COMMENT ON COLUMN getcourse.v_webhook_events.student_name IS
'What the student is called; NULL: not known. Personal data.';
COMMENT ON COLUMN getcourse.v_webhook_events.answer_id IS 'The answer that it is about.';
COMMENT ON COLUMN getcourse.v_webhook_events.answer_training_id IS 'The training of the answer.';
COMMENT ON COLUMN getcourse.v_webhook_events.training_title IS 'What the training is called.';
COMMENT ON COLUMN getcourse.v_webhook_events.answer_lesson_id IS 'The lesson of the answer.';
COMMENT ON COLUMN getcourse.v_webhook_events.lesson_title IS 'What the lesson is called.';
COMMENT ON COLUMN getcourse.v_webhook_events.answer_status IS 'Where the answer stands.';
COMMENT ON COLUMN getcourse.v_webhook_events.status IS
'Where it stands: received, processing, processed, retry or dead.';
COMMENT ON COLUMN getcourse.v_webhook_events.processed IS 'Whether the bot is done with it.';
COMMENT ON COLUMN getcourse.v_webhook_events.processed_at IS 'When it was.';
COMMENT ON COLUMN getcourse.v_webhook_events.attempts IS 'How often it was claimed since it came in or was replayed.';
COMMENT ON COLUMN getcourse.v_webhook_events.next_attempt_at IS 'When it is or was due again; NULL: at once.';
COMMENT ON COLUMN getcourse.v_webhook_events.error_message IS 'Why the last attempt did not succeed.';
COMMENT ON COLUMN getcourse.v_webhook_events.duplicates IS 'How often the same came in again.';
COMMENT ON COLUMN getcourse.v_webhook_events.created_at IS 'When it came in.';

CREATE VIEW getcourse.v_notifications AS
SELECT
    n.id,
    n.mentor_id,
    (
        SELECT nullif(concat_ws(' ', x.first_name, x.last_name), '') FROM getcourse.mentors AS x
        WHERE x.id = n.mentor_id
        ORDER BY x.valid_from DESC
        LIMIT 1
    ) AS mentor_name,
    n.type,
    n.status,
    n.webhook_event_id,
    n.attempts,
    n.next_attempt_at,
    n.last_error,
    n.duplicates,
    n.sent_at,
    n.created_at
FROM getcourse.notifications AS n;

COMMENT ON VIEW getcourse.v_notifications IS 'Every notification of a mentor, sent or not: all but what it says.';
COMMENT ON COLUMN getcourse.v_notifications.id IS 'The notification.';
COMMENT ON COLUMN getcourse.v_notifications.mentor_id IS 'For whom.';
COMMENT ON COLUMN getcourse.v_notifications.mentor_name IS 'What the mentor is called; NULL: not known. Personal data.';
COMMENT ON COLUMN getcourse.v_notifications.type IS 'What kind of notification it is.';
COMMENT ON COLUMN getcourse.v_notifications.status IS
'Where it stands; sent, cancelled, dead and uncertain ones are done.';
COMMENT ON COLUMN getcourse.v_notifications.webhook_event_id IS 'The webhook that it is about (v_webhook_events.id).';
COMMENT ON COLUMN getcourse.v_notifications.attempts IS 'How many attempts have begun.';
COMMENT ON COLUMN getcourse.v_notifications.next_attempt_at IS 'When it is or was due; NULL: at once.';
COMMENT ON COLUMN getcourse.v_notifications.last_error IS 'Why the last attempt did not succeed.';
COMMENT ON COLUMN getcourse.v_notifications.duplicates IS 'How often the same was queued again.';
COMMENT ON COLUMN getcourse.v_notifications.sent_at IS 'When it was sent; NULL: it was not.';
COMMENT ON COLUMN getcourse.v_notifications.created_at IS 'When it was queued.';

CREATE VIEW getcourse.v_unreachable_mentors AS
SELECT
    (
        SELECT x.id FROM getcourse.mentors AS x
        WHERE x.telegram_id = u.telegram_id
        ORDER BY x.valid_from DESC
        LIMIT 1
    ) AS mentor_id,
    (
        SELECT nullif(concat_ws(' ', x.first_name, x.last_name), '') FROM getcourse.mentors AS x
        WHERE x.telegram_id = u.telegram_id
        ORDER BY x.valid_from DESC
        LIMIT 1
    ) AS mentor_name,
    u.telegram_id,
    u.created_at AS unreachable_since
FROM getcourse.unreachable_mentors AS u;

COMMENT ON VIEW getcourse.v_unreachable_mentors IS
'Whom the bot does not reach, because they blocked it; mark_reachable() takes a mentor off.';
COMMENT ON COLUMN getcourse.v_unreachable_mentors.mentor_id IS 'The mentor with this account now or last; NULL: none.';
COMMENT ON COLUMN getcourse.v_unreachable_mentors.mentor_name IS
'What the mentor is called; NULL: not known. Personal data.';
COMMENT ON COLUMN getcourse.v_unreachable_mentors.telegram_id IS 'The Telegram account.';
COMMENT ON COLUMN getcourse.v_unreachable_mentors.unreachable_since IS 'Since when.';

CREATE VIEW getcourse.v_audit_log AS
SELECT
    a.id AS change_id,
    a.table_name,
    a.row_key,
    a.operation,
    coalesce(
        (
            SELECT array_agg(c.name ORDER BY c.name)
            FROM (
                SELECT k.name
                FROM jsonb_object_keys(coalesce(a.new_values, a.old_values)) AS k (name)
                WHERE a.operation = 'update'
                UNION ALL
                SELECT s.name FROM unnest(a.secret_columns) AS s (name)
            ) AS c
        ),
        '{}'
    ) AS changed_columns,
    a.actor_kind,
    a.actor_id,
    a.transaction_id,
    a.occurred_at
FROM getcourse.audit_log AS a;

COMMENT ON VIEW getcourse.v_audit_log IS
'Who changed which row of this schema and when, for analysts: all but the values and the database logins. Filter by occurred_at.';
COMMENT ON COLUMN getcourse.v_audit_log.change_id IS 'Order of the changes.';
COMMENT ON COLUMN getcourse.v_audit_log.table_name IS 'The table whose row changed.';
COMMENT ON COLUMN getcourse.v_audit_log.row_key IS 'The row: its key columns and their values.';
COMMENT ON COLUMN getcourse.v_audit_log.operation IS 'insert, update, delete, or scrub for an erasure of values from the log.';
COMMENT ON COLUMN getcourse.v_audit_log.changed_columns IS
'What an update changed, and which secret columns an insert or delete had filled.';
COMMENT ON COLUMN getcourse.v_audit_log.actor_kind IS 'As what the actor did it: user, admin or system.';
COMMENT ON COLUMN getcourse.v_audit_log.actor_id IS
'Who did it (telegram_id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN getcourse.v_audit_log.transaction_id IS 'The transaction, the same for all that it changed.';
COMMENT ON COLUMN getcourse.v_audit_log.occurred_at IS 'When: the start of the transaction.';
