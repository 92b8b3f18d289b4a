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
    },
}

OWNER = "mentorbase_owner"
"""Owns every object, and has every privilege of each."""

DEFAULTS = {"routines": {OWNER: "EXECUTE"}, "types": {OWNER: "USAGE"}}
"""What the owner makes later is for whom: its own only. Tables, sequences and schemas are nobody else's anyway."""

MEMBERS = {"mentorbase_app": {"auth_app", "mentoring_app"}}
"""Which of these roles are members of which; no other is a member of anything."""
