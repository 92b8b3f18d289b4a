"""Where tutormax shares a database with auth, interventions are assigned to users."""

from __future__ import annotations

from datetime import date

from mentorbase import SYSTEM, Database, ReferenceViolation
from mentoring.lifecycle import refused


def test_an_intervention_is_assigned_to_a_user_only(db: Database) -> None:
    with db.transaction(actor=SYSTEM) as tx:
        user = tx.auth.create_user(first_name="Anna")
        tx.tutormax.save_tutor("tutor_001", name="Jane Doe", email="jane@example.com")
        made = tx.tutormax.open_intervention(
            "tutor_001", intervention_type="coaching", trigger_reason="No-shows.", due_date=date(2026, 4, 1)
        )
    with refused(ReferenceViolation, "23503", constraint="interventions_assigned_to_fkey"):
        db.tutormax.assign_intervention(made.intervention_id, user.id + 1, actor_id=user.id)
    assert db.tutormax.assign_intervention(made.intervention_id, user.id, actor_id=user.id).assigned_to == user.id
    begun = db.tutormax.begin_intervention(made.intervention_id, actor_id=user.id)
    assert begun.status == "in_progress"
