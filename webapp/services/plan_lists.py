"""Plans as pages list them, and what belongs to one."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from webapp import clock
from webapp.domain.permissions import Permission
from webapp.domain.plans import PlanState
from webapp.errors import Forbidden
from webapp.extensions import db
from webapp.models import BackupSet, PlanItem, RestorePlan, RestoreRun, Run
from webapp.services import access as gate
from webapp.services.access import Access


def latest(access: Access, *, limit: int = 100) -> list[RestorePlan]:
    """The tenant's plans, newest first, with their sets and targets loaded."""
    access.require(Permission.VIEW)
    query = (
        gate.rows(RestorePlan, access)
        .order_by(RestorePlan.created_at.desc(), RestorePlan.id.desc())
        .options(
            joinedload(RestorePlan.backup_set).joinedload(BackupSet.source),
            joinedload(RestorePlan.target_source),
        )
        .limit(limit)
    )
    return list(db.session.scalars(query))


def requested(access: Access, *, limit: int = 50) -> list[RestorePlan]:
    """Plans whose live restore somebody asked for and nobody has decided about, oldest first."""
    access.require(Permission.VIEW)
    query = (
        gate.rows(RestorePlan, access)
        .where(RestorePlan.state == PlanState.REQUESTED, RestorePlan.expires_at > clock.now())
        .order_by(RestorePlan.requested_at, RestorePlan.id)
        .options(
            joinedload(RestorePlan.backup_set).joinedload(BackupSet.source),
            joinedload(RestorePlan.target_source),
        )
        .limit(limit)
    )
    return list(db.session.scalars(query))


def changes(
    access: Access, plan: RestorePlan, *, action: str, query: str, limit: int, offset: int
) -> list[PlanItem]:
    """Rows of a plan in their order: those of one *action*, or all that is not unchanged.

    Args:
        query: part of an item's key, in any case; empty for all.
    """
    access.require(Permission.VIEW)
    found = gate.rows(PlanItem, access).where(
        PlanItem.plan_id == plan.id,
        PlanItem.action == action if action else PlanItem.action != "unchanged",
    )
    if query:
        found = found.where(PlanItem.item_key.icontains(query, autoescape=True))
    return list(db.session.scalars(found.order_by(PlanItem.position).limit(limit).offset(offset)))


def item(access: Access, plan: RestorePlan, item_id: UUID) -> PlanItem:
    """One row of a plan.

    Raises:
        Forbidden: it is not this plan's, or there is none.
    """
    found: PlanItem = gate.find(access, PlanItem, item_id)
    if found.plan_id != plan.id:
        raise Forbidden
    return found


def run_of(access: Access, plan: RestorePlan) -> Run | None:
    """The live run that carries, or carried, a plan out."""
    access.require(Permission.VIEW)
    live = select(RestoreRun.run_id).where(
        RestoreRun.plan_id == plan.id, RestoreRun.is_dry_run.is_(False)
    )
    query = gate.rows(Run, access).where(Run.id.in_(live)).order_by(Run.queued_at.desc())
    return db.session.scalar(query.limit(1))
