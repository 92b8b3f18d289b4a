SET LOCAL ROLE mentorbase_owner;

DROP VIEW mentoring.v_mentor_mentee_history;
DROP VIEW mentoring.v_mentor_mentee;
DROP FUNCTION mentoring.change_subscriptions(bigint, boolean, boolean, boolean, bigint, bigint);
DROP FUNCTION mentoring.request(bigint, bigint, mentoring.party, bigint, text);
DROP FUNCTION mentoring.transition(
    bigint, mentoring.mentor_mentee_status, bigint, text, mentoring.mentor_mentee_status, timestamptz
);
DROP FUNCTION mentoring.refuse_unchanged(
    bigint, mentoring.mentor_mentee_status, mentoring.mentor_mentee_status
);
DROP FUNCTION mentoring.check_due(text, bigint, timestamptz);
DROP FUNCTION mentoring.check_may_subscribe(
    bigint, mentoring.mentor_mentee_status, mentoring.transition_actor[]
);
DROP FUNCTION mentoring.check_may_ask(bigint, bigint, bigint);
DROP FUNCTION mentoring.take_place(bigint);
DROP FUNCTION mentoring.lock_pair(bigint, bigint);
DROP FUNCTION mentoring.refuse_step(
    mentoring.mentor_mentee_status, mentoring.mentor_mentee_status, mentoring.transition_actor[], text
);
DROP FUNCTION mentoring.allowed_steps(mentoring.mentor_mentee_status);
DROP FUNCTION mentoring.actor_kinds(mentoring.mentor_mentee, platform.actor);
DROP FUNCTION mentoring.setting(text);
DROP TABLE mentoring.mentor_mentee_history;
DROP TABLE mentoring.mentor_mentee;
DROP TABLE mentoring.mentor_mentee_transitions;
DROP TABLE mentoring.user_profiles;
DROP TABLE mentoring.settings;
DROP FUNCTION mentoring.record_mentor_mentee_history();
DROP FUNCTION mentoring.guard_mentor_mentee_delete();
DROP FUNCTION mentoring.guard_mentor_mentee_update();
DROP FUNCTION mentoring.guard_mentor_mentee_insert();
DROP FUNCTION mentoring.guard_user_profiles();
DROP TYPE mentoring.transition_actor;
DROP TYPE mentoring.party;
DROP TYPE mentoring.mentor_mentee_status;
DROP SCHEMA mentoring;

REVOKE EXECUTE ON FUNCTION
platform.current_actor(name), platform.is_application(name), platform.is_timezone(text) FROM mentoring_app;
REVOKE USAGE ON SCHEMA platform FROM mentoring_app;
