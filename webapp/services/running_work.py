"""Work under way, over all tenants of one person: what the widget on every page shows."""

from __future__ import annotations

from sqlalchemy import func, select

from webapp.domain.actors import Actor
from webapp.domain.runs import ACTIVE
from webapp.extensions import db
from webapp.models import Membership, Run


def count(actor: Actor) -> int:
    """How many runs are queued or running in the actor's tenants."""
    query = select(func.count()).select_from(Run).where(Run.status.in_(ACTIVE))
    if not actor.is_msp_admin:
        mine = select(Membership.tenant_id).where(Membership.user_id == actor.user_id)
        query = query.where(Run.tenant_id.in_(mine))
    return db.session.scalar(query) or 0
