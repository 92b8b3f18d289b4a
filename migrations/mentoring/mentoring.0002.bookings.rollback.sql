SET LOCAL ROLE mentorbase_owner;

DROP VIEW mentoring.v_mentor_load;
DROP VIEW mentoring.v_mentor_board;
DROP VIEW mentoring.mentor_mentee_statistics;
DROP FUNCTION mentoring.change_booking(bigint, mentoring.booking_status, bigint, text);
DROP FUNCTION mentoring.book(bigint, bigint, timestamptz, timestamptz, bigint, text);
DROP FUNCTION mentoring.check_session_over(mentoring.booking_status, bigint, timestamptz);
DROP FUNCTION mentoring.refuse_booking_step(
    mentoring.booking_status, mentoring.booking_status, mentoring.party, text
);
DROP FUNCTION mentoring.allowed_booking_steps(mentoring.booking_status);
DROP FUNCTION mentoring.booking_step_exists(mentoring.booking_status, mentoring.booking_status, mentoring.party);
DROP FUNCTION mentoring.booking_side(mentoring.subject_schedule, platform.actor);
DROP FUNCTION mentoring.relationship_of(bigint, bigint);
DROP TRIGGER mentor_mentee_take_over_bookings ON mentoring.mentor_mentee;
DROP TABLE mentoring.subject_schedule_history;
DROP TABLE mentoring.subject_schedule;
DROP TABLE mentoring.subject_schedule_transitions;
DROP TABLE mentoring.subjects;
DROP FUNCTION mentoring.take_over_bookings();
DROP FUNCTION mentoring.record_subject_schedule_history();
DROP FUNCTION mentoring.guard_subject_schedule_update();
DROP FUNCTION mentoring.guard_subject_schedule_insert();
DROP FUNCTION mentoring.guard_subjects();
DROP TYPE mentoring.booking_status;

ALTER TABLE mentoring.mentor_mentee DROP CONSTRAINT mentor_mentee_id_mentor_id_mentee_id_key;
