CREATE FUNCTION links.enrollment_status(of_member groups.member_status)
RETURNS students.enrollment_status
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT
    CASE of_member
        WHEN 'waiting' THEN 'applied'
        WHEN 'active' THEN 'enrolled'
        WHEN 'completed' THEN 'completed'
        WHEN 'left' THEN 'dropped'
    END::students.enrollment_status
$$;

COMMENT ON FUNCTION links.enrollment_status(groups.member_status) IS
'What a membership of this status is to the students service.';

CREATE FUNCTION links.copy_membership()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- writes a copy that no role may write
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller_actor  text := current_setting('mentorbase.actor', true);
    caller_reason text := current_setting('mentorbase.reason', true);
BEGIN
    SET LOCAL mentorbase.actor = 'system';
    SET LOCAL mentorbase.reason = 'copied from the groups service';
    IF TG_OP = 'INSERT' THEN
        INSERT INTO students.group_enrollments (
            student_telegram_id, group_id, membership_id, status, progress, enrolled_at, ended_at
        ) VALUES (
            NEW.student_telegram_id, NEW.group_id, NEW.id, links.enrollment_status(NEW.status), NEW.progress,
            NEW.joined_at, NEW.ended_at
        );
    ELSE
        UPDATE students.group_enrollments AS e
        SET
            student_telegram_id = NEW.student_telegram_id,
            status = links.enrollment_status(NEW.status),
            progress = NEW.progress,
            enrolled_at = NEW.joined_at,
            ended_at = NEW.ended_at
        WHERE e.membership_id = NEW.id;
    END IF;
    EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    EXECUTE format('SET LOCAL mentorbase.reason = %L', coalesce(caller_reason, ''));
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION links.copy_membership() IS
'Row trigger of groups.group_members: keeps the copy in students.group_enrollments in step, as the system. One that is deleted goes by its foreign key.';

CREATE TRIGGER group_members_copy
AFTER INSERT OR UPDATE ON groups.group_members
FOR EACH ROW EXECUTE FUNCTION links.copy_membership();

CREATE FUNCTION links.refuse_enrollment()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- From within a trigger and with the owner's rights: the copy itself, or a foreign key.
    IF pg_trigger_depth() > 1 AND current_user = 'mentorbase_owner' THEN
        RETURN coalesce(NEW, OLD);
    END IF;
    RAISE EXCEPTION 'enrollments follow the memberships of the groups service' USING
        ERRCODE = 'MB006',
        DETAIL = format('group_id=%s', coalesce(NEW.group_id, OLD.group_id)),
        HINT = 'Change the membership: groups.join_group(), groups.change_member().';
END
$$;

COMMENT ON FUNCTION links.refuse_enrollment() IS
'Row trigger of students.group_enrollments, a copy where the groups service shares the database: refuses whoever writes it by hand (MB006).';

CREATE TRIGGER group_enrollments_copy_only
BEFORE INSERT OR UPDATE OR DELETE ON students.group_enrollments
FOR EACH ROW EXECUTE FUNCTION links.refuse_enrollment();

CREATE FUNCTION links.notify_subscribers()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- whoever publishes may not write notifications
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    publication record;
BEGIN
    FOR publication IN
        SELECT
            p.id, p.kind, p.reference, p.title,
            array_agg(u.telegram_id ORDER BY u.telegram_id) AS recipients,
            array_agg(u.language_code ORDER BY u.telegram_id) AS languages
        FROM published AS p
        INNER JOIN mentoring.mentor_mentee AS m ON p.mentor_id = m.mentor_id
        INNER JOIN auth.users AS u ON m.mentee_id = u.id
        WHERE m.status = 'active' AND u.telegram_id IS NOT NULL AND u.is_active
            AND CASE p.kind
                WHEN 'quiz' THEN m.subscribe_to_quizzes
                WHEN 'course' THEN m.subscribe_to_courses
                WHEN 'subject' THEN m.subscribe_to_subjects
            END
        GROUP BY p.id, p.kind, p.reference, p.title
        ORDER BY p.id
    LOOP
        PERFORM notifications.enqueue_many(
            publication.recipients, 'publication', 'telegram',
            jsonb_build_object(
                'publication_id', publication.id, 'kind', publication.kind,
                'reference', publication.reference, 'title', publication.title
            ),
            format('publication:%s', publication.id), publication.languages
        );
    END LOOP;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION links.notify_subscribers() IS
'Statement trigger of publications, where services share a database: queues a notification for each active subscriber of the mentor and kind who has a Telegram account, in their language and by their settings, once a publication. Without a template for publication nothing is published (MB301).';

CREATE TRIGGER publications_notify_subscribers
AFTER INSERT ON mentoring.publications
REFERENCING NEW TABLE AS published
FOR EACH STATEMENT EXECUTE FUNCTION links.notify_subscribers();

CREATE FUNCTION links.create_lesson(
    teacher_telegram_id bigint,
    group_id bigint,
    student_telegram_ids bigint[],
    title text,
    starts_at timestamptz,
    ends_at timestamptz,
    actor_id bigint DEFAULT NULL,
    reason text DEFAULT NULL
)
RETURNS calendar.lessons
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- the application of links has no rights in any service
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column -- parameters are written create_lesson.x
DECLARE
    caller_actor text := current_setting('mentorbase.actor', true);
    caller_bulk  text := current_setting('mentorbase.bulk_load', true);
    actor        platform.actor;
    teacher      teachers.teachers;
    of_group     groups.groups;
    lesson       calendar.lessons;
    missing      bigint[];
    students     bigint[] := create_lesson.student_telegram_ids;
    place        record;
BEGIN
    -- Which calendar refuses to its own application only.
    SET LOCAL mentorbase.bulk_load = off;
    IF create_lesson.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', create_lesson.actor_id);
    END IF;
    actor := platform.current_actor('links_app');

    SELECT t.* INTO teacher FROM teachers.teachers AS t WHERE t.telegram_id = create_lesson.teacher_telegram_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such teacher' USING
            ERRCODE = 'MB004',
            DETAIL = format('teacher_telegram_id=%s', coalesce(create_lesson.teacher_telegram_id::text, 'null')),
            HINT = 'Make their profile first: teachers.teachers.';
    ELSIF NOT teacher.is_active THEN
        RAISE EXCEPTION 'the teacher teaches no more' USING
            ERRCODE = 'MB007',
            DETAIL = format('teacher_telegram_id=%s', teacher.telegram_id),
            HINT = 'Name another teacher.';
    END IF;

    IF create_lesson.group_id IS NOT NULL THEN
        SELECT g.* INTO of_group FROM groups.groups AS g WHERE g.id = create_lesson.group_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'there is no such group' USING
                ERRCODE = 'MB004',
                DETAIL = format('group_id=%s', create_lesson.group_id),
                HINT = 'Look the group up by its teacher.';
        ELSIF of_group.teacher_telegram_id <> teacher.telegram_id AND actor.kind = 'user' THEN
            RAISE EXCEPTION 'a group is taught by its own teacher' USING
                ERRCODE = 'MB002',
                DETAIL = format('group_id=%s, actor_is=outsider', of_group.id),
                HINT = 'Have an administrator or the system plan it, if another teacher stands in.';
        ELSIF of_group.status IN ('completed', 'cancelled') THEN
            RAISE EXCEPTION 'a group that is % has no more lessons', of_group.status USING
                ERRCODE = 'MB003',
                DETAIL = format('group_id=%s, status=%s', of_group.id, of_group.status),
                HINT = 'Name another group, or none.';
        END IF;
        IF students IS NULL THEN
            students := ARRAY(
                SELECT m.student_telegram_id
                FROM groups.group_members AS m
                WHERE m.group_id = of_group.id AND m.status = 'active'
            );
        END IF;
    END IF;

    SELECT array_agg(DISTINCT n.id ORDER BY n.id) INTO missing
    FROM unnest(students) AS n (id)
    WHERE NOT EXISTS (SELECT FROM students.students AS s WHERE s.telegram_id = n.id);
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'there are no such students: % of %', cardinality(missing), cardinality(students) USING
            ERRCODE = 'MB004',
            DETAIL = format('student_telegram_ids=%s', array_to_string(missing, '|')),
            HINT = 'Make their profiles first: students.students.';
    END IF;
    SELECT array_agg(s.telegram_id ORDER BY s.telegram_id) INTO missing
    FROM students.students AS s
    WHERE s.telegram_id = ANY (students) AND NOT s.is_active;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'some of the students learn no more: % of %', cardinality(missing), cardinality(students) USING
            ERRCODE = 'MB007',
            DETAIL = format('student_telegram_ids=%s', array_to_string(missing, '|')),
            HINT = 'Leave those students out.';
    END IF;

    SELECT l.* INTO lesson
    FROM calendar.plan_lesson(
        teacher.telegram_id, create_lesson.title, create_lesson.starts_at, create_lesson.ends_at,
        coalesce(students, '{}'), create_lesson.group_id, reason => create_lesson.reason
    ) AS l;

    -- A notification says the time by its recipient's clock.
    FOR place IN
        SELECT
            s.timezone,
            array_agg(s.telegram_id ORDER BY s.telegram_id) AS recipients,
            array_agg(u.language_code ORDER BY s.telegram_id) AS languages
        FROM students.students AS s
        INNER JOIN auth.users AS u ON s.telegram_id = u.telegram_id
        WHERE s.telegram_id = ANY (students)
        GROUP BY s.timezone
        ORDER BY min(s.telegram_id)
    LOOP
        PERFORM notifications.enqueue_many(
            place.recipients, 'lesson_planned', 'telegram',
            jsonb_build_object(
                'lesson_id', lesson.id, 'title', lesson.title,
                'starts_at', to_char(lesson.starts_at AT TIME ZONE place.timezone, 'YYYY-MM-DD HH24:MI'),
                'timezone', place.timezone
            ),
            format('lesson:%s', lesson.id), place.languages
        );
    END LOOP;

    IF create_lesson.actor_id IS NOT NULL THEN
        EXECUTE format('SET LOCAL mentorbase.actor = %L', coalesce(caller_actor, ''));
    END IF;
    EXECUTE format('SET LOCAL mentorbase.bulk_load = %L', coalesce(caller_bulk, ''));
    RETURN lesson;
END
$$;

COMMENT ON FUNCTION links.create_lesson(
    bigint, bigint, bigint[], text, timestamptz, timestamptz, bigint, text
) IS
'Plans a lesson with its participants and queues a notification (lesson_planned) to each, all or nothing, and returns the lesson. group_id NULL: for no group. student_telegram_ids NULL: all who have a seat in the group. actor_id: who acts, a Telegram id (NULL: the transaction''s actor): the teacher, for a group of their own; an administrator; the system. Refusals: MB001, MB002, MB003 (the group has ended), MB004 (there is no such teacher, group or student; DETAIL names them), MB007 (inactive, in the past, the teacher among the students), MB250, MB251 (students are busy; DETAIL names all), MB252, MB301, MB302, and the constraints of lessons.';

CREATE FUNCTION links.user_profile(telegram_id bigint, at_most integer DEFAULT 50)
RETURNS TABLE ("user" jsonb, teacher jsonb, student jsonb, groups jsonb, lessons jsonb) -- noqa: RF06
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SECURITY DEFINER -- the application of links has no rights in any service
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC' -- of the times in the documents
AS $$
#variable_conflict use_column -- parameters are written user_profile.x
BEGIN
    RETURN QUERY
    SELECT
        to_jsonb(u),
        (
            SELECT to_jsonb(t)
            FROM (
                SELECT
                    t.telegram_id, t.specialization, t.bio, t.rate, t.rate_currency, t.timezone, t.is_active,
                    t.created_at, t.updated_at
                FROM teachers.teachers AS t
                WHERE t.telegram_id = user_profile.telegram_id
            ) AS t
        ),
        (
            SELECT to_jsonb(s)
            FROM (
                SELECT s.telegram_id, s.learning_goals, s.timezone, s.is_active, s.created_at, s.updated_at
                FROM students.students AS s
                WHERE s.telegram_id = user_profile.telegram_id
            ) AS s
        ),
        (
            SELECT coalesce(jsonb_agg(to_jsonb(g) ORDER BY g.id DESC), '[]')
            FROM (
                (
                    SELECT
                        t.id, t.teacher_telegram_id, t.name, t.language, t.level, t.capacity, t.status, t.created_at,
                        t.updated_at
                    FROM groups.groups AS t
                    WHERE t.teacher_telegram_id = user_profile.telegram_id
                    ORDER BY t.id DESC
                    LIMIT user_profile.at_most
                )
                UNION
                SELECT
                    j.id, j.teacher_telegram_id, j.name, j.language, j.level, j.capacity, j.status, j.created_at,
                    j.updated_at
                FROM groups.group_members AS m
                INNER JOIN groups.groups AS j ON m.group_id = j.id
                WHERE m.student_telegram_id = user_profile.telegram_id AND m.status IN ('waiting', 'active')
                ORDER BY id DESC
                LIMIT user_profile.at_most
            ) AS g
        ),
        (
            SELECT coalesce(jsonb_agg(to_jsonb(l) ORDER BY l.starts_at, l.id), '[]')
            FROM (
                (
                    SELECT
                        g.id, g.teacher_telegram_id, g.group_id, g.title, g.starts_at, g.ends_at, g.status,
                        g.rescheduled_from, g.created_at, g.updated_at
                    FROM calendar.lessons AS g
                    WHERE g.teacher_telegram_id = user_profile.telegram_id AND g.starts_at > now()
                    ORDER BY g.starts_at, g.id
                    LIMIT user_profile.at_most
                )
                UNION ALL
                (
                    SELECT
                        t.id, t.teacher_telegram_id, t.group_id, t.title, t.starts_at, t.ends_at, t.status,
                        t.rescheduled_from, t.created_at, t.updated_at
                    FROM calendar.lesson_participants AS p
                    INNER JOIN calendar.lessons AS t ON p.lesson_id = t.id
                    WHERE p.student_telegram_id = user_profile.telegram_id AND p.starts_at > now()
                    ORDER BY p.starts_at, p.lesson_id
                    LIMIT user_profile.at_most
                )
                ORDER BY starts_at, id
                LIMIT user_profile.at_most
            ) AS l
        )
    FROM (
        SELECT
            u.id, u.telegram_id, u.role, u.username, u.first_name, u.last_name, u.language_code, u.timezone,
            u.is_active, u.created_at, u.updated_at
        FROM auth.users AS u
        WHERE u.telegram_id = user_profile.telegram_id
    ) AS u;
END
$$;

COMMENT ON FUNCTION links.user_profile(bigint, integer) IS
'What the services know of a person, a document each: the user; the teacher and the student, NULL where they are none; the groups that they teach, have a seat in or wait for, newest first; the lessons to come that they give or take part in, cancelled ones too, by beginning. Of groups and lessons at most so many. No row for somebody who has not registered.';

CREATE FUNCTION links.end_person(person platform.person)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    affected bigint;
BEGIN
    -- What others were told in the person's words: titles of publications and lessons. What was said does not change, but here.
    ALTER TABLE notifications.notifications DISABLE TRIGGER USER;
    UPDATE notifications.notifications AS n
    SET payload = '{}', body = 'Erased'
    WHERE n.body <> 'Erased' AND (
        (
            n.template_code = 'publication' AND n.payload ->> 'publication_id' IN (
                SELECT p.id::text FROM mentoring.publications AS p WHERE p.mentor_id = person.user_id
            )
        ) OR (
            n.template_code LIKE 'lesson%' AND n.payload ->> 'lesson_id' IN (
                SELECT l.id::text FROM calendar.lessons AS l WHERE l.teacher_telegram_id = person.telegram_id
            )
        )
    );
    GET DIAGNOSTICS affected = ROW_COUNT;
    ALTER TABLE notifications.notifications ENABLE TRIGGER USER;
    RETURN affected;
END
$$;

COMMENT ON FUNCTION links.end_person(platform.person) IS
'Where services share a database: takes a person''s titles out of the notifications that others were sent of their publications and lessons; returns how many. For platform.erase_person().';
