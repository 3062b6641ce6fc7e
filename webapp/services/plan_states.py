"""Plans that time or events make useless."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update

from webapp.domain.plans import PlanState
from webapp.domain.runs import RunState
from webapp.extensions import db
from webapp.models import RestorePlan, RestoreRun, Run

OPEN = (PlanState.READY, PlanState.REQUESTED, PlanState.APPROVED)


def expire(*, at: datetime) -> int:
    """Close the plans whose 24 hours are over, and commit; return how many."""
    db.session.rollback()
    expired = db.session.scalars(
        update(RestorePlan)
        .where(RestorePlan.state.in_(OPEN), RestorePlan.expires_at <= at)
        .values(state=PlanState.EXPIRED)
        .returning(RestorePlan.id)
        .execution_options(synchronize_session=False)
    ).all()
    db.session.commit()
    return len(expired)


def close(run: Run) -> None:
    """Take the plan of a run that has just ended along; the caller commits.

    A draft whose preview did not come to its end is of no use. A plan that was carried out, even
    in part, is used up: what it left undone needs a new preview.
    """
    plan: RestorePlan | None = db.session.scalars(
        select(RestorePlan)
        .join(RestoreRun, RestoreRun.plan_id == RestorePlan.id)
        .where(RestoreRun.run_id == run.id)
    ).one_or_none()
    if plan is None:
        return
    if plan.state is PlanState.EXECUTING and run.status in {RunState.SUCCEEDED, RunState.PARTIAL}:
        plan.move_to(PlanState.EXECUTED)
    elif plan.state in {PlanState.DRAFT, PlanState.EXECUTING}:
        plan.stale_reason = run.failure_reason or f"Its run was {run.status}."
        plan.move_to(PlanState.STALE)
