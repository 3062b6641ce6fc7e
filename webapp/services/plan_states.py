"""Plans that time or events make useless."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update

from webapp.domain.plans import PlanState
from webapp.extensions import db
from webapp.models import RestorePlan

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
