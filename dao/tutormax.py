"""Tutor performance: schema ``tutormax``. Tutors, students and sessions are known by the keys of their own platform."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb
from pydantic import AfterValidator, AwareDatetime, Field
from pydantic.dataclasses import dataclass

from .query import Queries, S, query
from .types import LAST, AfterId, Id, PageSize, Reason, Text

END: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""Later than anything: ``until`` of the first page of a list that runs back in time."""

LAST_DAY: Final = END.date()
"""The same for days."""

Whole = Annotated[int, Field(ge=-(2**31), lt=2**31)]
Days = Annotated[int, Field(ge=1, le=36500)]
Recent = Annotated[int, Field(ge=0, le=500)]
Document = Annotated[dict[str, Any], AfterValidator(Jsonb), Field(validate_default=True)]
Texts = Annotated[Sequence[Text], AfterValidator(list), Field(validate_default=True)]


class TutorStatus(StrEnum):
    """Whether a tutor teaches (``tutormax.tutor_status``)."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    CHURNED = "churned"


class SessionStatus(StrEnum):
    """How a session stands (``tutormax.session_status``); all but SCHEDULED are settled."""

    SCHEDULED = "scheduled"
    COMPLETED = "completed"
    NO_SHOW_TUTOR = "no_show_tutor"
    NO_SHOW_STUDENT = "no_show_student"
    CANCELLED = "cancelled"
    RESCHEDULED = "rescheduled"


class MetricWindow(StrEnum):
    """How many days metrics look back (``tutormax.metric_window``)."""

    WEEK = "7d"
    MONTH = "30d"
    QUARTER = "90d"


class PerformanceTier(StrEnum):
    """How a tutor does, from the best to the worst (``tutormax.performance_tier``)."""

    EXEMPLARY = "exemplary"
    STRONG = "strong"
    DEVELOPING = "developing"
    NEEDS_ATTENTION = "needs_attention"
    AT_RISK = "at_risk"


class RiskLevel(StrEnum):
    """How likely a tutor is to leave, by the score (``tutormax.risk_level``)."""

    LOW = "Low"
    MEDIUM = "Medium"
    HIGH = "High"
    CRITICAL = "Critical"


class InterventionStatus(StrEnum):
    """Where an intervention stands (``tutormax.intervention_status``); the last two have ended."""

    OPEN = "open"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    DISMISSED = "dismissed"


class InterventionOutcome(StrEnum):
    """What came of an intervention (``tutormax.intervention_outcome``)."""

    IMPROVED = "improved"
    NO_CHANGE = "no_change"
    DECLINED = "declined"
    CHURNED = "churned"


class InterventionParty(StrEnum):
    """As what somebody changes an intervention (``tutormax.party``)."""

    ASSIGNEE = "assignee"
    STAFF = "staff"
    ADMIN = "admin"
    SYSTEM = "system"


class BulkTarget(StrEnum):
    """The tables that are loaded in bulk (``tutormax.bulk_target``)."""

    SESSIONS = "sessions"
    STUDENT_FEEDBACK = "student_feedback"
    CHURN_PREDICTIONS = "churn_predictions"
    TUTOR_EVENTS = "tutor_events"


Windows = Annotated[Sequence[MetricWindow], AfterValidator(list), Field(validate_default=True)]
ALL_WINDOWS: Final = (MetricWindow.WEEK, MetricWindow.MONTH, MetricWindow.QUARTER)


@dataclass(frozen=True, slots=True)
class Tutor:
    """A tutor (``tutormax.tutors``). Times are UTC instants.

    Attributes:
        baseline_sessions_per_week: how many are expected; None: nothing is.
        churned_at: when they left; None while they are here.
    """

    tutor_id: str
    name: str
    email: str
    onboarding_date: AwareDatetime
    status: TutorStatus
    subjects: list[str]
    baseline_sessions_per_week: float | None
    churned_at: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class TutoredStudent:
    """A student of tutors (``tutormax.students``). Times are UTC instants."""

    student_id: str
    name: str
    grade_level: str | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class TutoringSession:
    """A session (``tutormax.sessions``). Times are UTC instants.

    Attributes:
        session_number: the how-manieth of this student with this tutor, from 1.
        engagement_score: 0 to 1; None: not measured.
        learning_objectives_met: None: nobody said.
    """

    session_id: str
    tutor_id: str
    student_id: str
    subject: str
    scheduled_start: AwareDatetime
    actual_start: AwareDatetime | None
    duration_minutes: int
    session_number: int
    status: SessionStatus
    engagement_score: Decimal | None
    learning_objectives_met: bool | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class StudentFeedback:
    """What a student says of a session (``tutormax.student_feedback``). Ratings are 1 to 5; None: not said.

    Attributes:
        free_text: the student's own words. Personal data.
    """

    feedback_id: int
    session_id: str
    tutor_id: str
    student_id: str
    overall_rating: int
    subject_knowledge_rating: int | None
    communication_rating: int | None
    patience_rating: int | None
    engagement_rating: int | None
    helpfulness_rating: int | None
    is_first_session: bool
    would_recommend: bool | None
    improvement_areas: list[str]
    free_text: str | None
    submitted_at: AwareDatetime
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class PerformanceMetrics:
    """How a tutor has done over a window (``tutormax.tutor_performance_metrics``, whose comments define each figure).

    Rates are 0 to 1, and None where there is nothing to be a share of.

    Attributes:
        calculation_date: the last of the days (UTC) that are counted.
        performance_tier: None with fewer than 3 settled sessions.
    """

    tutor_id: str
    metric_window: MetricWindow
    calculation_date: date
    definition_version: int
    sessions_total: int
    sessions_settled: int
    sessions_completed: int
    completion_rate: Decimal | None
    no_show_count: int
    no_show_rate: Decimal | None
    student_no_show_count: int
    reschedule_count: int
    reschedule_rate: Decimal | None
    avg_rating: Decimal | None
    rating_count: int
    first_session_count: int
    first_session_success_rate: Decimal | None
    engagement_score: Decimal | None
    learning_objectives_met_pct: Decimal | None
    performance_tier: PerformanceTier | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class ChurnPrediction:
    """What a model says of whether a tutor will leave (``tutormax.churn_predictions``). Times are UTC instants.

    Attributes:
        churn_score: 0 to 100.
        probability_1d: that they leave within 1 day of ``prediction_date``, 0 to 1; the others likewise.
        feature_cutoff: until when the model knew what had happened.
        is_current: the latest one of a tutor who has not churned.
    """

    prediction_id: int
    tutor_id: str
    prediction_date: AwareDatetime
    churn_score: int
    risk_level: RiskLevel
    probability_1d: float
    probability_7d: float
    probability_30d: float
    probability_90d: float
    contributing_factors: dict[str, Any]
    model_version: str
    feature_cutoff: AwareDatetime
    is_current: bool
    created_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class HighRiskTutor:
    """A tutor who may leave soon, with the current prediction. Times are UTC instants."""

    tutor_id: str
    name: str
    status: TutorStatus
    churn_score: int
    risk_level: RiskLevel
    probability_1d: float
    probability_7d: float
    probability_30d: float
    probability_90d: float
    contributing_factors: dict[str, Any]
    model_version: str
    prediction_date: AwareDatetime
    feature_cutoff: AwareDatetime
    prediction_id: int


@dataclass(frozen=True, slots=True)
class Intervention:
    """What is done to keep a tutor (``tutormax.interventions``). Times are UTC instants.

    Attributes:
        prediction_id: the prediction that it answers; None: another reason.
        assigned_to: who is to do it, a user id; None while it is open.
        outcome: set exactly when it is completed.
        closed_at: set exactly when it is completed or dismissed.
    """

    intervention_id: int
    tutor_id: str
    intervention_type: str
    trigger_reason: str
    prediction_id: int | None
    status: InterventionStatus
    assigned_to: int | None
    due_date: date
    outcome: InterventionOutcome | None
    closed_at: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class InterventionStep:
    """One step of an intervention's life (``tutormax.interventions_history``). Times are UTC instants.

    Attributes:
        from_status: None for the first step.
        to_status: None where the row was deleted.
        actor_id: a user id; None for the system and for a database role that edited by hand.
    """

    id: int
    intervention_id: int
    tutor_id: str
    from_status: InterventionStatus | None
    to_status: InterventionStatus | None
    assigned_to: int | None
    outcome: InterventionOutcome | None
    actor_kind: InterventionParty
    actor_id: int | None
    reason: str | None
    occurred_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class TutorEvent:
    """Something that a tutor did (``tutormax.tutor_events``). Times are UTC instants.

    Attributes:
        source_event_id: the source's own key of it.
    """

    event_id: int
    tutor_id: str
    event_type: str
    event_timestamp: AwareDatetime
    source: str
    source_event_id: str
    metadata: dict[str, Any]
    created_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class SessionWithFeedback:
    """A session with what was said of it; None: nothing. Otherwise as `TutoringSession`."""

    session_id: str
    tutor_id: str
    student_id: str
    subject: str
    scheduled_start: AwareDatetime
    actual_start: AwareDatetime | None
    duration_minutes: int
    session_number: int
    status: SessionStatus
    engagement_score: Decimal | None
    learning_objectives_met: bool | None
    created_at: AwareDatetime
    updated_at: AwareDatetime
    feedback: StudentFeedback | None


@dataclass(frozen=True, slots=True)
class TutorWithRelations:
    """A tutor and what belongs to them, newest first; each is None where it was not asked for.

    Attributes:
        performance_metrics: the latest of each window.
        tutor_events: of the last 90 days.
    """

    tutor_id: str
    name: str
    email: str
    onboarding_date: AwareDatetime
    status: TutorStatus
    subjects: list[str]
    baseline_sessions_per_week: float | None
    churned_at: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime
    sessions: list[SessionWithFeedback] | None
    performance_metrics: list[PerformanceMetrics] | None
    churn_predictions: list[ChurnPrediction] | None
    interventions: list[Intervention] | None
    tutor_events: list[TutorEvent] | None


@dataclass(frozen=True, slots=True)
class TutorStatistics:
    """How a tutor has done in some days up to now.

    Attributes:
        total_sessions: those that were to begin in these days, whatever became of them.
        average_rating: of the feedback submitted in these days, 1 to 5, rounded to 2 places; None: there is none.
        no_shows: sessions to which the tutor did not come.
        reschedules: sessions that were rescheduled, whoever asked for it.
    """

    tutor_id: str
    total_sessions: int
    average_rating: float | None
    no_shows: int
    reschedules: int


@dataclass(frozen=True, slots=True)
class MetricsRun:
    """What a computation of metrics has done.

    Attributes:
        as_of_date: for which day (UTC).
        tutors: of how many something was computed.
        rows_computed: how many rows were looked at.
        rows_changed: how many of them are new or different.
    """

    as_of_date: date
    tutors: int
    rows_computed: int
    rows_changed: int


@dataclass(frozen=True, slots=True)
class BulkRefusal:
    """Why the database refuses one row of a bulk load, as it reports it."""

    position: int
    sqlstate: str
    constraint_name: str | None
    column_name: str | None
    message: str | None
    detail: str | None
    hint: str | None


@dataclass(frozen=True, slots=True)
class BulkStored:
    """What came of a part of a bulk load: how many rows, and which were refused."""

    inserted: int
    updated: int
    repeated: int
    refused: list[BulkRefusal]


class Tutormax(Queries[S], service="tutormax"):
    """Tutors, their sessions and feedback, metrics, predictions, interventions, events.

    Runs ``sql/tutormax/queries.sql``. What says something of people by people (tutors, students, feedback,
    interventions) needs an actor, ``db.transaction(actor=...)``: a member of the staff, an administrator or the system.
    Sessions, predictions, metrics and events are fed by machines and need none. For many rows at once: `load_rows`.
    """

    @query
    def save_tutor(
        self,
        tutor_id: Text,
        *,
        name: Text,
        email: Text,
        onboarding_date: AwareDatetime | None = None,
        status: TutorStatus = TutorStatus.ACTIVE,
        subjects: Texts = (),
        baseline_sessions_per_week: float | None = None,
    ) -> Tutor:
        """Make a tutor's row of ``tutormax.tutors``, or replace all that it says.

        Args:
            tutor_id: the key in the platform that they come from, up to 50 characters.
            onboarding_date: when they began; None: now, or as it is.
            status: who is churned gets ``churned_at``.

        Raises:
            AlreadyExists: another tutor has this e-mail address.
            InvalidValue: a value is outside what its column allows.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def change_tutor_status(
        self, tutor_id: Text, status: TutorStatus, *, churned_at: AwareDatetime | None = None
    ) -> Tutor:
        """Let a tutor pause, leave or come back: ``tutormax.tutors.status``.

        Args:
            churned_at: when they left; None: now. Nothing unless they are churned.

        Raises:
            NotFound: there is no such tutor.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def get_tutor_by_id(
        self, tutor_id: Text, with_relations: bool = False, *, recent: Recent = 50
    ) -> TutorWithRelations | None:
        """Return a tutor, or None if there is none; in one round trip with what belongs to them.

        Args:
            with_relations: with sessions and their feedback, metrics, predictions, interventions and events.
            recent: so many of each at most, the latest, 0 to 500; the lists of each have the rest.
        """
        ...

    @query
    def active_tutors(
        self, *, after_id: Text = "", page_size: PageSize = 100, recent: Recent = 50
    ) -> list[TutorWithRelations]:
        """Return one page of the active tutors, by key, each with what belongs to them, in one round trip.

        Args:
            after_id: the last ``tutor_id`` of the page before.
            page_size: tutors at most, 1 to 500.
            recent: so many sessions, predictions, interventions and events of each at most, the latest.
        """
        ...

    @query
    def tutors(
        self, *, status: TutorStatus = TutorStatus.ACTIVE, after_id: Text = "", page_size: PageSize = 100
    ) -> list[Tutor]:
        """Return one page of the tutors of a status, by key.

        Args:
            after_id: the last ``tutor_id`` of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def save_student(self, student_id: Text, *, name: Text, grade_level: Text | None = None) -> TutoredStudent:
        """Make a student's row of ``tutormax.students``, or replace all that it says.

        Raises:
            InvalidValue: a value is outside what its column allows.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def student(self, student_id: Text) -> TutoredStudent | None:
        """Return a student's row of ``tutormax.students``, or None if there is none."""
        ...

    @query
    def save_session(
        self,
        session_id: Text,
        *,
        tutor_id: Text,
        student_id: Text,
        subject: Text,
        scheduled_start: AwareDatetime,
        duration_minutes: Whole = 60,
        session_number: Whole = 1,
        status: SessionStatus = SessionStatus.SCHEDULED,
        actual_start: AwareDatetime | None = None,
        engagement_score: Decimal | None = None,
        learning_objectives_met: bool | None = None,
    ) -> TutoringSession:
        """Make a session's row of ``tutormax.sessions``, or replace all that it says.

        Args:
            duration_minutes: 1 to 1440.
            session_number: the how-manieth of this student with this tutor, from 1.
            engagement_score: 0 to 1.

        Raises:
            UnknownTutor: there is no such tutor.
            ReferenceViolation: there is no such student; or there is feedback, which holds tutor and student.
            InvalidValue: a value is outside what its column allows.
        """
        ...

    @query
    def session(self, session_id: Text) -> TutoringSession | None:
        """Return a session's row of ``tutormax.sessions``, or None if there is none."""
        ...

    @query
    def tutor_sessions(
        self, tutor_id: Text, *, until: AwareDatetime = END, after_id: Text = "", page_size: PageSize = 50
    ) -> list[TutoringSession]:
        """Return one page of a tutor's sessions, the latest first.

        Args:
            until: sessions that begin then or before; for the next page, the last one's ``scheduled_start``.
            after_id: for the next page, the last one's ``session_id``.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def record_feedback(
        self,
        session_id: Text,
        *,
        tutor_id: Text,
        student_id: Text,
        overall_rating: Whole,
        subject_knowledge_rating: Whole | None = None,
        communication_rating: Whole | None = None,
        patience_rating: Whole | None = None,
        engagement_rating: Whole | None = None,
        helpfulness_rating: Whole | None = None,
        is_first_session: bool = False,
        would_recommend: bool | None = None,
        improvement_areas: Texts = (),
        free_text: Text | None = None,
        submitted_at: AwareDatetime | None = None,
    ) -> StudentFeedback:
        """Record what a student says of a session, in ``tutormax.student_feedback``.

        Args:
            overall_rating: 1 to 5; the five part ratings too, None: not said.
            submitted_at: when they said it; None: now.

        Raises:
            InvalidRating: a rating is not 1 to 5.
            FeedbackMismatch: there is no such session, or another student or tutor is its own.
            AlreadyExists: the session has feedback.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def feedback(self, session_id: Text) -> StudentFeedback | None:
        """Return what was said of a session, or None: ``tutormax.student_feedback``."""
        ...

    @query
    def get_tutor_statistics(self, tutor_id: Text, days_back: Days = 30) -> TutorStatistics:
        """Count a tutor's sessions and ratings of so many times 24 hours up to now.

        Args:
            days_back: 1 to 36500.

        Raises:
            NotFound: there is no such tutor.
        """
        ...

    @query
    def compute_performance_metrics(self, as_of: date | None = None, *, windows: Windows = ALL_WINDOWS) -> MetricsRun:
        """Bring the metrics of a day up to date: ``tutormax.compute_performance_metrics()``.

        Computes what that day lacks, and again what changed sessions or ratings touch, of any day. A second run does
        nothing. For a job, daily; with many tutors it may take longer than ``db_statement_timeout``.

        Args:
            as_of: the last day (UTC) to count; None: today.
            windows: which of the day's own; what late data touch is computed in every window.
        """
        ...

    @query
    def performance_metrics(
        self,
        tutor_id: Text,
        *,
        metric_window: MetricWindow = MetricWindow.MONTH,
        until: date = LAST_DAY,
        page_size: PageSize = 50,
    ) -> list[PerformanceMetrics]:
        """Return one page of a tutor's rows of ``tutormax.tutor_performance_metrics``, the latest day first.

        Args:
            until: days up to this; for the next page, the day before the last one's.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def record_prediction(
        self,
        tutor_id: Text,
        *,
        churn_score: Whole,
        probability_1d: float,
        probability_7d: float,
        probability_30d: float,
        probability_90d: float,
        model_version: Text,
        feature_cutoff: AwareDatetime,
        contributing_factors: Document = {},  # noqa: B006 - never changed
        prediction_date: AwareDatetime | None = None,
    ) -> ChurnPrediction:
        """Record what a model says of a tutor, in ``tutormax.churn_predictions``.

        Args:
            churn_score: 0 to 100; the database makes the risk level of it.
            probability_1d: 0 to 1, like the others, which are not below those of nearer days.
            feature_cutoff: until when the model knew what had happened.
            contributing_factors: what it goes by: factors and weights.
            prediction_date: when it was made; None: now.

        Raises:
            UnknownTutor: there is no such tutor.
            InvalidProbability: a probability is not 0 to 1.
            HorizonNotMonotone: a probability is below that of nearer days.
            PredictionFromFuture: ``prediction_date`` is still to come.
            InvalidValue: ``feature_cutoff`` is after ``prediction_date``, or another value is not allowed.
            AlreadyExists: this model has predicted for this tutor and time.
        """
        ...

    @query
    def predictions(
        self, tutor_id: Text, *, until: AwareDatetime = END, after_id: AfterId = LAST, page_size: PageSize = 50
    ) -> list[ChurnPrediction]:
        """Return one page of what was predicted of a tutor, the latest first.

        Args:
            until: predictions of then or before; for the next page, the last one's ``prediction_date``.
            after_id: for the next page, the last one's ``prediction_id``.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def get_high_risk_tutors(self, min_score: Whole = 51, limit: PageSize = 10) -> list[HighRiskTutor]:
        """Return tutors who are still here and whose current prediction is that high, the highest first.

        Args:
            min_score: 0 to 100.
            limit: rows at most, 1 to 500.
        """
        ...

    @query
    def open_intervention(
        self,
        tutor_id: Text,
        *,
        intervention_type: Text,
        trigger_reason: Text,
        due_date: date,
        assigned_to: Id | None = None,
        prediction_id: Id | None = None,
        actor_id: Id | None = None,
        reason: Reason | None = None,
    ) -> Intervention:
        """Open an intervention for a tutor: ``tutormax.open_intervention()``.

        Args:
            intervention_type: such as coaching; small letters, digits and underscores.
            trigger_reason: why, in words, up to 1000 characters.
            assigned_to: who is to do it; None: open.
            prediction_id: the prediction that it answers, about the same tutor.
            reason: kept in the history.

        Raises:
            UnknownTutor: there is no such tutor.
            ReferenceViolation: there is no such user, or no such prediction about this tutor.
            InvalidValue: a value is outside what its column allows.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def assign_intervention(
        self,
        intervention_id: Id,
        assigned_to: Id,
        *,
        due_date: date | None = None,
        actor_id: Id | None = None,
        reason: Reason | None = None,
    ) -> Intervention:
        """Say who is to do an open intervention, or another one while it is assigned.

        Args:
            due_date: until when; None: as it is.

        Raises:
            TransitionRefused: it has begun or ended, or is theirs already.
            NotFound: there is no such intervention.
            ReferenceViolation: there is no such user.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def release_intervention(
        self, intervention_id: Id, *, actor_id: Id | None = None, reason: Reason | None = None
    ) -> Intervention:
        """Give an intervention back: assigned or in progress becomes open.

        Raises:
            TransitionRefused: it is open or has ended.
            NotPermitted: the actor is not who is to do it.
            NotFound: there is no such intervention.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def begin_intervention(
        self, intervention_id: Id, *, actor_id: Id | None = None, reason: Reason | None = None
    ) -> Intervention:
        """Begin with it, as who is to do it or an administrator: assigned becomes in progress.

        Raises:
            TransitionRefused: it is not assigned.
            NotPermitted: the actor is not who is to do it.
            NotFound: there is no such intervention.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def complete_intervention(
        self,
        intervention_id: Id,
        outcome: InterventionOutcome,
        *,
        actor_id: Id | None = None,
        reason: Reason | None = None,
    ) -> Intervention:
        """End it with what came of it, as who did it or an administrator: in progress becomes completed.

        Raises:
            TransitionRefused: it is not in progress.
            NotPermitted: the actor is not who is to do it.
            NotFound: there is no such intervention.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def dismiss_intervention(
        self, intervention_id: Id, *, actor_id: Id | None = None, reason: Reason | None = None
    ) -> Intervention:
        """End it without an outcome; ``tutormax.interventions_transitions`` says by whom.

        Raises:
            TransitionRefused: it has ended.
            NotPermitted: the step is not this actor's.
            NotFound: there is no such intervention.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def intervention(self, intervention_id: Id) -> Intervention:
        """Return one row of ``tutormax.interventions``.

        Raises:
            NotFound: there is none.
        """
        ...

    @query
    def tutor_interventions(
        self, tutor_id: Text, *, after_id: AfterId = LAST, page_size: PageSize = 50
    ) -> list[Intervention]:
        """Return one page of a tutor's interventions, newest first.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def interventions(
        self,
        *,
        status: InterventionStatus = InterventionStatus.OPEN,
        after_id: AfterId = 0,
        page_size: PageSize = 50,
    ) -> list[Intervention]:
        """Return one page of the interventions of a status, oldest first.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def intervention_history(
        self, intervention_id: Id, *, after_id: AfterId = 0, page_size: PageSize = 50
    ) -> list[InterventionStep]:
        """Return one page of an intervention's steps in ``tutormax.interventions_history``, oldest first.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def record_event(
        self,
        tutor_id: Text,
        event_type: Text,
        *,
        source: Text,
        source_event_id: Text | None = None,
        event_timestamp: AwareDatetime | None = None,
        metadata: Document = {},  # noqa: B006 - never changed
    ) -> bool:
        """Record an event in ``tutormax.tutor_events``; return False if it was there already.

        Args:
            event_type: such as login; small letters, digits and underscores.
            source: the system that reports it; likewise.
            source_event_id: that system's own key, by which a repeated delivery is known; None: it has none.
            event_timestamp: when it happened; None: now. A part of that key.
            metadata: what else the source says; JSON.

        Raises:
            UnknownTutor: there is no such tutor.
            InvalidValue: a value is outside what its column allows.
        """
        ...

    @query
    def tutor_events(
        self, tutor_id: Text, *, until: AwareDatetime = END, after_id: AfterId = LAST, page_size: PageSize = 50
    ) -> list[TutorEvent]:
        """Return one page of a tutor's events, the latest first.

        Args:
            until: events of then or before; for the next page, the last one's ``event_timestamp``.
            after_id: for the next page, the last one's ``event_id``.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def store_bulk(self, load_id: UUID, target: BulkTarget) -> BulkStored:
        """Store what was copied into ``tutormax.bulk_rows`` under *load_id*: ``tutormax.store_bulk()``.

        A part of `load_rows`, which is what applications call.

        Raises:
            ActorRequired: nobody is named who acts, and the rows are feedback.
        """
        ...
