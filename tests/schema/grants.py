"""Who may do what in this database, written out by hand: the whole of it, but for the owner, who may do everything.

A role has its objects, an object its privileges, a privilege its columns (``ALL``: the whole object). A new table,
view, function or role gets its lines here in the commit that adds the GRANT; ``test_grants`` names what is missing or
extra, as it has to be written. A function is named as PostgreSQL prints its ``regprocedure``.
"""

from __future__ import annotations

ALL = "*"
USE, READ, CALL = {"USAGE": ALL}, {"SELECT": ALL}, {"EXECUTE": ALL}

Privileges = dict[str, str]

GRANTS: dict[str, dict[str, Privileges]] = {
    "PUBLIC": {},
    "mentorbase_app": {},  # a member of each service's application role, and nothing else
    "auth_app": {
        "schema platform": USE,
        "function platform.current_actor(name)": CALL,
        "function platform.is_application(name)": CALL,
        "function platform.is_timezone(text)": CALL,
        "schema auth": USE,
        "table auth.users": {
            "SELECT": ALL,
            "INSERT": "telegram_id role username first_name last_name language_code timezone",
            "UPDATE": "telegram_id role username first_name last_name language_code timezone is_active",
        },
        "table auth.user_contacts": {
            "SELECT": ALL,
            "INSERT": "user_id kind sealed lookup_hash",
            "UPDATE": "sealed lookup_hash",
            "DELETE": ALL,
        },
    },
    "mentoring_app": {
        "schema platform": USE,
        "function platform.current_actor(name)": CALL,
        "function platform.is_application(name)": CALL,
        "function platform.is_bulk_load(name)": CALL,
        "function platform.is_timezone(text)": CALL,
        "schema mentoring": USE,
        "table mentoring.settings": READ,
        "table mentoring.user_profiles": {
            "SELECT": ALL,
            "INSERT": "user_id mentor_bio mentor_rate mentor_rate_currency mentor_available max_mentees learning_goals"
            " preferred_learning_style timezone",
            "UPDATE": "mentor_bio mentor_rate mentor_rate_currency mentor_available max_mentees learning_goals"
            " preferred_learning_style timezone",
        },
        "table mentoring.mentor_mentee_transitions": READ,
        "table mentoring.mentor_mentee_history": READ,
        "table mentoring.mentor_mentee": {
            # All but mentor_notes and mentee_notes.
            "SELECT": "id mentor_id mentee_id status initiated_by subscribe_to_quizzes subscribe_to_courses"
            " subscribe_to_subjects accepted_at paused_at paused_by resume_at completed_at ended_at ended_by"
            " hidden_by_mentor_at hidden_by_mentee_at version created_at updated_at",
            "UPDATE": "status subscribe_to_quizzes subscribe_to_courses subscribe_to_subjects",
        },
        "table mentoring.subjects": {
            "SELECT": ALL,
            "INSERT": "user_id title description is_active price price_currency",
            "UPDATE": "title description is_active price price_currency",
        },
        "table mentoring.subject_schedule_transitions": READ,
        "table mentoring.subject_schedule_history": READ,
        "table mentoring.subject_schedule": {"SELECT": ALL, "UPDATE": "status"},
        "table mentoring.blocks": {"SELECT": ALL, "INSERT": "blocker_id blocked_id", "DELETE": ALL},
        "table mentoring.publications": {"SELECT": ALL, "INSERT": "mentor_id kind reference title"},
        "view mentoring.mentor_mentee_statistics": READ,
        "view mentoring.own_mentor_notes": READ,
        "view mentoring.own_mentee_notes": READ,
        "view mentoring.v_mentor_load": READ,
        "function mentoring.request(bigint,bigint,mentoring.party,bigint,text)": CALL,
        "function mentoring.transition(bigint,mentoring.mentor_mentee_status,bigint,text,"
        "mentoring.mentor_mentee_status,timestamp with time zone)": CALL,
        "function mentoring.change_subscriptions(bigint,boolean,boolean,boolean,bigint,bigint)": CALL,
        "function mentoring.remove(bigint,bigint,text)": CALL,
        "function mentoring.expire_requests(bigint)": CALL,
        "function mentoring.allowed_booking_steps(mentoring.booking_status)": CALL,
        "function mentoring.book(bigint,bigint,timestamp with time zone,timestamp with time zone,bigint,text)": CALL,
        "function mentoring.change_booking(bigint,mentoring.booking_status,bigint,text)": CALL,
        "function mentoring.block(bigint,bigint,bigint)": CALL,
        "function mentoring.unblock(bigint,bigint,bigint)": CALL,
        "function mentoring.read_note(bigint,bigint)": CALL,
        "function mentoring.write_note(bigint,text,bigint)": CALL,
        "function mentoring.publish(bigint,mentoring.publication_kind,text,text,bigint)": CALL,
    },
    "teachers_app": {
        "schema platform": USE,
        "function platform.current_actor(name)": CALL,
        "function platform.is_application(name)": CALL,
        "function platform.is_timezone(text)": CALL,
        "schema teachers": USE,
        "table teachers.teacher_languages": {
            "SELECT": ALL,
            "INSERT": "teacher_telegram_id language level is_native",
            "UPDATE": "level is_native",
            "DELETE": ALL,
        },
        "table teachers.teachers": {
            "SELECT": ALL,
            "INSERT": "telegram_id specialization bio rate rate_currency timezone is_active",
            "UPDATE": "specialization bio rate rate_currency timezone is_active",
        },
        "view teachers.groups": READ,
    },
    "students_app": {
        "schema platform": USE,
        "function platform.allowed_steps(name,name,text,text)": CALL,
        "function platform.current_actor(name)": CALL,
        "function platform.is_application(name)": CALL,
        "function platform.is_timezone(text)": CALL,
        "schema students": USE,
        "table students.group_enrollments": {
            "SELECT": ALL,
            "INSERT": "student_telegram_id group_id status",
            "UPDATE": "status progress",
        },
        "table students.group_enrollments_history": READ,
        "table students.group_enrollments_transitions": READ,
        "table students.student_languages": {
            "SELECT": ALL,
            "INSERT": "student_telegram_id language current_level target_level",
            "UPDATE": "current_level target_level",
            "DELETE": ALL,
        },
        "table students.students": {
            "SELECT": ALL,
            "INSERT": "telegram_id learning_goals timezone is_active",
            "UPDATE": "learning_goals timezone is_active",
        },
        "function students.apply_to_group(bigint,bigint,students.enrollment_status,bigint,text)": CALL,
        "function students.change_enrollment(bigint,students.enrollment_status,numeric,bigint,text)": CALL,
    },
    "groups_app": {
        "schema platform": USE,
        "function platform.current_actor(name)": CALL,
        "function platform.is_application(name)": CALL,
        "function platform.is_bulk_load(name)": CALL,
        "schema groups": USE,
        "table groups.group_history": READ,
        "table groups.group_invitations": {
            "SELECT": "id group_id student_telegram_id status expires_at ended_at created_at updated_at"
        },
        "table groups.group_invitations_transitions": READ,
        "table groups.group_members": {"SELECT": ALL, "UPDATE": "status progress"},
        "table groups.group_members_transitions": READ,
        "table groups.group_progress": READ,
        "table groups.groups": {
            "SELECT": ALL,
            "INSERT": "teacher_telegram_id name language level capacity status",
            "UPDATE": "name language level capacity status",
        },
        "table groups.groups_transitions": READ,
        "view groups.v_groups": READ,
        "function groups.accept_invitation(bytea,bigint,bigint,text)": CALL,
        "function groups.change_group_status(bigint,groups.group_status,bigint,text)": CALL,
        "function groups.change_member(bigint,groups.member_status,numeric,bigint,text)": CALL,
        "function groups.decline_invitation(bytea,bigint,bigint,text)": CALL,
        "function groups.expire_invitations(bigint)": CALL,
        "function groups.invite(bigint,bytea,timestamp with time zone,bigint,bigint,text)": CALL,
        "function groups.join_group(bigint,bigint,boolean,bigint,text)": CALL,
        "function groups.revoke_invitation(bigint,bigint,text)": CALL,
        "function groups.snapshot_progress(bigint)": CALL,
    },
    "calendar_app": {
        "schema platform": USE,
        "function platform.current_actor(name)": CALL,
        "function platform.is_application(name)": CALL,
        "function platform.is_timezone(text)": CALL,
        "schema calendar": USE,
        "table calendar.lesson_attendance": READ,
        "table calendar.lesson_history": READ,
        "table calendar.lesson_participants": READ,
        "table calendar.lesson_transitions": READ,
        "table calendar.lessons": {"SELECT": ALL, "UPDATE": "group_id title status"},
        "table calendar.teacher_schedules": {
            "SELECT": ALL,
            "INSERT": "teacher_telegram_id weekday starts_local ends_local timezone valid_from valid_to",
            "UPDATE": "weekday starts_local ends_local timezone valid_from valid_to",
            "DELETE": ALL,
        },
        "table calendar.teacher_unavailable": {
            "SELECT": ALL,
            "INSERT": "teacher_telegram_id starts_at ends_at",
            "UPDATE": "starts_at ends_at",
            "DELETE": ALL,
        },
        "function calendar.add_participants(bigint,bigint[],bigint)": CALL,
        "function calendar.allowed_steps(calendar.lesson_status)": CALL,
        "function calendar.change_status(bigint,calendar.lesson_status,bigint,text)": CALL,
        "function calendar.free_slots(bigint,timestamp with time zone,timestamp with time zone,interval)": CALL,
        "function calendar.instant_of(timestamp without time zone,text)": CALL,
        "function calendar.mark_attendance(bigint,bigint[],calendar.attendance_status,bigint)": CALL,
        "function calendar.plan_lesson(bigint,text,timestamp with time zone,timestamp with time zone,"
        "bigint[],bigint,bigint,text)": CALL,
        "function calendar.refuse_unknown(bigint)": CALL,
        "function calendar.remove_participant(bigint,bigint,bigint)": CALL,
        "function calendar.reschedule(bigint,timestamp with time zone,timestamp with time zone,bigint,text)": CALL,
        "function calendar.window_on(date,time without time zone,time without time zone,text)": CALL,
    },
    "notifications_app": {
        "schema platform": USE,
        "function platform.current_actor(name)": CALL,
        "function platform.is_application(name)": CALL,
        "function platform.is_timezone(text)": CALL,
        "schema notifications": USE,
        "table notifications.channel_pauses": READ,
        "table notifications.notification_logs": READ,
        "table notifications.notification_templates": {
            "SELECT": ALL,
            "INSERT": "code language_code channel body",
            "UPDATE": "body",
        },
        "table notifications.notification_transitions": READ,
        "table notifications.notifications": READ,
        "table notifications.settings": READ,
        "table notifications.unreachable_recipients": READ,
        "table notifications.user_notification_settings": {
            "SELECT": ALL,
            "INSERT": "telegram_id notification_type channel is_enabled quiet_from quiet_to timezone",
            "UPDATE": "is_enabled quiet_from quiet_to timezone",
            "DELETE": ALL,
        },
        "function notifications.begin_attempt(bigint,uuid,interval)": CALL,
        "function notifications.claim(notifications.channel,integer,interval,bigint,timestamp with time zone,"
        "bigint)": CALL,
        "function notifications.enqueue(bigint,text,notifications.channel,jsonb,text,text,"
        "timestamp with time zone)": CALL,
        "function notifications.enqueue_many(bigint[],text,notifications.channel,jsonb,text,text[],"
        "timestamp with time zone)": CALL,
        "function notifications.finish(bigint,uuid,notifications.outcome,text,interval,text)": CALL,
        "function notifications.mark_reachable(bigint,notifications.channel)": CALL,
        "function notifications.recover(notifications.channel,timestamp with time zone,integer)": CALL,
        "function notifications.replay(bigint)": CALL,
        "function notifications.replay_dead(notifications.channel,integer)": CALL,
        "function notifications.save_settings(bigint,notifications.channel,text,boolean,"
        "time without time zone,time without time zone,text,bigint)": CALL,
        "function notifications.save_template(text,text,notifications.channel,text,bigint)": CALL,
    },
    "links_app": {
        "schema links": USE,
        "function links.create_lesson(bigint,bigint,bigint[],text,timestamp with time zone,timestamp with time zone,"
        "bigint,text)": CALL,
        "function links.user_profile(bigint,integer)": CALL,
    },
    "tutormax_app": {
        "schema platform": USE,
        "function platform.allowed_steps(name,name,text,text)": CALL,
        "function platform.current_actor(name)": CALL,
        "function platform.is_application(name)": CALL,
        "schema tutormax": USE,
        "table tutormax.bulk_rows": {"SELECT": ALL, "INSERT": ALL, "DELETE": ALL},
        "table tutormax.churn_predictions": {
            "SELECT": ALL,
            "INSERT": "tutor_id prediction_date churn_score probability_1d probability_7d probability_30d"
            " probability_90d contributing_factors model_version feature_cutoff",
        },
        "table tutormax.interventions": {
            "SELECT": ALL,
            "INSERT": "tutor_id intervention_type trigger_reason prediction_id status assigned_to due_date",
            "UPDATE": "status assigned_to due_date outcome",
        },
        "table tutormax.interventions_history": READ,
        "table tutormax.interventions_transitions": READ,
        "table tutormax.sessions": {
            "SELECT": ALL,
            "INSERT": "session_id tutor_id student_id subject scheduled_start actual_start duration_minutes"
            " session_number status engagement_score learning_objectives_met",
            "UPDATE": "tutor_id student_id subject scheduled_start actual_start duration_minutes session_number"
            " status engagement_score learning_objectives_met",
        },
        "table tutormax.settings": READ,
        "table tutormax.student_feedback": {
            "SELECT": ALL,
            "INSERT": "session_id tutor_id student_id overall_rating subject_knowledge_rating communication_rating"
            " patience_rating engagement_rating helpfulness_rating is_first_session would_recommend"
            " improvement_areas free_text submitted_at",
        },
        "table tutormax.students": {
            "SELECT": ALL,
            "INSERT": "student_id name grade_level",
            "UPDATE": "name grade_level",
        },
        "table tutormax.tutor_events": {
            "SELECT": ALL,
            "INSERT": "tutor_id event_type event_timestamp source source_event_id metadata",
        },
        "table tutormax.tutor_performance_metrics": READ,
        "table tutormax.tutors": {
            "SELECT": ALL,
            "INSERT": "tutor_id name email onboarding_date status subjects baseline_sessions_per_week churned_at",
            "UPDATE": "name email onboarding_date status subjects baseline_sessions_per_week churned_at",
        },
        "function tutormax.change_intervention(bigint,tutormax.intervention_status,bigint,date,"
        "tutormax.intervention_outcome,bigint,text)": CALL,
        "function tutormax.compute_performance_metrics(date,tutormax.metric_window[])": CALL,
        "function tutormax.definition_version()": CALL,
        "function tutormax.open_intervention(text,text,text,date,bigint,bigint,bigint,text)": CALL,
        "function tutormax.relations_of(text,integer)": CALL,
        "function tutormax.store_bulk(uuid,tutormax.bulk_target)": CALL,
        "function tutormax.store_range(uuid,tutormax.bulk_target,bigint,bigint)": CALL,
    },
    "mentorbase_reader": {
        "schema platform": USE,
        "type platform.actor_kind": USE,
        "type platform.audit_operation": USE,
        "schema auth": USE,
        "view auth.v_audit_log": READ,
        "schema mentoring": USE,
        "type mentoring.mentor_mentee_status": USE,
        "type mentoring.booking_status": USE,
        "type mentoring.party": USE,
        "view mentoring.v_mentor_mentee": READ,
        "view mentoring.v_mentor_mentee_history": READ,
        "view mentoring.v_mentor_board": READ,
        "view mentoring.v_mentor_load": READ,
        "view mentoring.v_audit_log": READ,
        "type platform.cefr_level": USE,
        "schema calendar": USE,
        "type calendar.attendance_status": USE,
        "type calendar.lesson_party": USE,
        "type calendar.lesson_status": USE,
        "view calendar.v_audit_log": READ,
        "view calendar.v_lesson_history": READ,
        "view calendar.v_lesson_participants": READ,
        "view calendar.v_lessons": READ,
        "view calendar.v_teacher_schedules": READ,
        "view calendar.v_teacher_unavailable": READ,
        "schema groups": USE,
        "type groups.group_status": USE,
        "type groups.history_subject": USE,
        "type groups.invitation_status": USE,
        "type groups.member_status": USE,
        "type groups.party": USE,
        "view groups.v_audit_log": READ,
        "view groups.v_group_history": READ,
        "view groups.v_group_invitations": READ,
        "view groups.v_group_members": READ,
        "view groups.v_group_progress": READ,
        "view groups.v_groups": READ,
        "schema notifications": USE,
        "type notifications.channel": USE,
        "type notifications.notification_status": USE,
        "view notifications.v_audit_log": READ,
        "view notifications.v_notification_backlog": READ,
        "view notifications.v_notification_logs": READ,
        "view notifications.v_notifications": READ,
        "schema students": USE,
        "type students.enrollment_status": USE,
        "view students.v_audit_log": READ,
        "view students.v_group_enrollments": READ,
        "view students.v_student_languages": READ,
        "view students.v_students": READ,
        "schema teachers": USE,
        "view teachers.v_audit_log": READ,
        "view teachers.v_teacher_languages": READ,
        "view teachers.v_teachers": READ,
        "schema tutormax": USE,
        "type tutormax.intervention_outcome": USE,
        "type tutormax.intervention_status": USE,
        "type tutormax.party": USE,
        "type tutormax.performance_tier": USE,
        "type tutormax.risk_level": USE,
        "type tutormax.tutor_status": USE,
        "view tutormax.v_audit_log": READ,
        "view tutormax.v_churn_watchlist": READ,
        "view tutormax.v_intervention_outcomes": READ,
        "view tutormax.v_interventions_history": READ,
        "view tutormax.v_tutor_dashboard": READ,
    },
}

OWNER = "mentorbase_owner"
"""Owns every object, and has every privilege of each."""

DEFAULTS = {"routines": {OWNER: "EXECUTE"}, "types": {OWNER: "USAGE"}}
"""What the owner makes later is for whom: its own only. Tables, sequences and schemas are nobody else's anyway."""

MEMBERS = {
    "mentorbase_app": {
        "auth_app",
        "calendar_app",
        "groups_app",
        "links_app",
        "mentoring_app",
        "notifications_app",
        "students_app",
        "teachers_app",
        "tutormax_app",
    }
}
"""Which of these roles are members of which; no other is a member of anything."""
