SET LOCAL ROLE mentorbase_owner;

DROP VIEW calendar.v_audit_log;
DROP VIEW calendar.v_teacher_unavailable;
DROP VIEW calendar.v_teacher_schedules;
DROP VIEW calendar.v_lesson_history;
DROP VIEW calendar.v_lesson_participants;
DROP VIEW calendar.v_lessons;
DROP FUNCTION calendar.free_slots(bigint, timestamptz, timestamptz, interval);
DROP FUNCTION calendar.window_on(date, time, time, text);
DROP FUNCTION calendar.instant_of(timestamp, text);
DROP FUNCTION calendar.mark_attendance(bigint, bigint[], calendar.attendance_status, bigint);
DROP FUNCTION calendar.remove_participant(bigint, bigint, bigint);
DROP FUNCTION calendar.add_participants(bigint, bigint[], bigint);
DROP FUNCTION calendar.change_status(bigint, calendar.lesson_status, bigint, text);
DROP FUNCTION calendar.reschedule(bigint, timestamptz, timestamptz, bigint, text);
DROP FUNCTION calendar.plan_lesson(
    bigint, text, timestamptz, timestamptz, bigint[], bigint, bigint, text
);
DROP FUNCTION calendar.enter_participants(calendar.lessons, bigint[]);
DROP FUNCTION calendar.check_teacher_here(bigint, timestamptz, timestamptz);
DROP FUNCTION calendar.check_students_free(bigint[], timestamptz, timestamptz, bigint);
DROP FUNCTION calendar.check_teacher_free(bigint, timestamptz, timestamptz, bigint);
DROP FUNCTION calendar.busy_people(bigint[], timestamptz, timestamptz, bigint);
DROP FUNCTION calendar.lock_people(bigint[]);
DROP FUNCTION calendar.check_reached(text, bigint, timestamptz);
DROP FUNCTION calendar.refuse_own_lesson(bigint);
DROP FUNCTION calendar.refuse_unknown(bigint);
DROP FUNCTION calendar.refuse_step(
    calendar.lesson_status, calendar.lesson_status, calendar.lesson_party, text
);
DROP FUNCTION calendar.allowed_steps(calendar.lesson_status);
DROP FUNCTION calendar.step_exists(calendar.lesson_status, calendar.lesson_status, calendar.lesson_party);
DROP FUNCTION calendar.side_of(bigint, platform.actor);
DROP TABLE calendar.audit_log;
DROP TABLE calendar.teacher_unavailable;
DROP TABLE calendar.teacher_schedules;
DROP TABLE calendar.lesson_attendance;
DROP TABLE calendar.lesson_participants;
DROP TABLE calendar.lesson_history;
DROP TABLE calendar.lessons;
DROP TABLE calendar.lesson_transitions;
DROP FUNCTION calendar.guard_own_times();
DROP FUNCTION calendar.guard_lesson_attendance();
DROP FUNCTION calendar.guard_lesson_participants();
DROP FUNCTION calendar.record_lesson_history();
DROP FUNCTION calendar.guard_lessons_delete();
DROP FUNCTION calendar.guard_lessons_update();
DROP FUNCTION calendar.guard_lessons_insert();
DROP TYPE calendar.attendance_status;
DROP TYPE calendar.lesson_party;
DROP TYPE calendar.lesson_status;
DROP SCHEMA calendar;

-- Stays where a DBA made it, and where something else needs it.
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_extension AS e
        WHERE e.extname = 'btree_gist' AND e.extowner = 'mentorbase_owner'::regrole
    ) THEN
        DROP EXTENSION btree_gist;
    END IF;
EXCEPTION
    WHEN dependent_objects_still_exist THEN
        NULL;
END
$$;

REVOKE EXECUTE ON FUNCTION
platform.current_actor(name), platform.is_application(name), platform.is_timezone(text) FROM calendar_app;
REVOKE USAGE ON SCHEMA platform FROM calendar_app;
