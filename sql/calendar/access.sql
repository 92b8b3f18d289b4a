GRANT USAGE ON SCHEMA calendar, platform TO calendar_app;
GRANT EXECUTE ON FUNCTION
platform.current_actor(name), platform.is_application(name), platform.is_timezone(text),
calendar.allowed_steps(calendar.lesson_status),
calendar.refuse_unknown(bigint),
calendar.plan_lesson(bigint, text, timestamptz, timestamptz, bigint[], bigint, bigint, text),
calendar.reschedule(bigint, timestamptz, timestamptz, bigint, text),
calendar.change_status(bigint, calendar.lesson_status, bigint, text),
calendar.add_participants(bigint, bigint[], bigint),
calendar.remove_participant(bigint, bigint, bigint),
calendar.mark_attendance(bigint, bigint[], calendar.attendance_status, bigint),
calendar.instant_of(timestamp, text),
calendar.window_on(date, time, time, text),
calendar.free_slots(bigint, timestamptz, timestamptz, interval)
TO calendar_app;

GRANT SELECT ON
calendar.lesson_transitions, calendar.lessons, calendar.lesson_history, calendar.lesson_participants,
calendar.lesson_attendance, calendar.teacher_schedules, calendar.teacher_unavailable
TO calendar_app;

-- The guard decides about status. Lessons, participants and attendance are made by functions only.
GRANT UPDATE (status, title, group_id) ON calendar.lessons TO calendar_app;

GRANT
INSERT (teacher_telegram_id, weekday, starts_local, ends_local, timezone, valid_from, valid_to),
UPDATE (weekday, starts_local, ends_local, timezone, valid_from, valid_to),
DELETE ON calendar.teacher_schedules TO calendar_app;
GRANT
INSERT (teacher_telegram_id, starts_at, ends_at),
UPDATE (starts_at, ends_at),
DELETE ON calendar.teacher_unavailable TO calendar_app;

GRANT USAGE ON SCHEMA calendar TO mentorbase_reader;
GRANT USAGE ON TYPE calendar.lesson_status, calendar.lesson_party, calendar.attendance_status TO mentorbase_reader;
GRANT SELECT ON
calendar.v_lessons, calendar.v_lesson_participants, calendar.v_lesson_history, calendar.v_teacher_schedules,
calendar.v_teacher_unavailable, calendar.v_audit_log
TO mentorbase_reader;
