"""Asking for retention: after a schedule's run, by hand, and once a day for everybody."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, or_, select, update

from webapp.domain.actors import SYSTEM
from webapp.domain.acts import Act
from webapp.domain.permissions import Permission
from webapp.domain.runs import RunType
from webapp.errors import AppError
from webapp.extensions import db
from webapp.models import BackupSchedule, Run, Tenant, TenantStatus, VaultRecord
from webapp.services import access as gate
from webapp.services import runs
from webapp.services.access import Access
from webapp.services.retention import purging
from webapp.services.second_person import asking
from webapp.services.second_person.asking import Ask

log = logging.getLogger(__name__)

EVERY = timedelta(days=1)
AT_LEAST = timedelta(days=30)  # a vault is pruned that often even if nothing was deleted
_MOST_AT_ONCE = 100


def enqueue(schedule_id: UUID, *, tenant_id: UUID) -> Run:
    """Queue retention for one schedule, as the product itself. Commits, rings.

    Raises:
        Forbidden: the tenant is suspended or leaving.
    """
    tenant = db.session.get_one(Tenant, tenant_id)
    access = gate.enter_tenant(SYSTEM, tenant, Permission.OPERATE)
    return of_schedule(access, schedule_id)[0]


def of_schedule(access: Access, schedule_id: UUID) -> tuple[Run, bool]:
    """Queue retention for one schedule; identical starts share one run."""
    access.require(Permission.OPERATE)
    schedule: BackupSchedule = gate.find(access, BackupSchedule, schedule_id)
    return runs.request(
        access,
        RunType.MAINTENANCE,
        "retention",
        key=f"retention:{schedule.id}",
        source_id=schedule.source_id,
        metadata={"schedule_id": str(schedule.id)},
    )


def of_all(access: Access) -> tuple[Run, bool]:
    """Queue retention for all that the tenant has; identical starts share one run."""
    return runs.request(access, RunType.MAINTENANCE, "retention", key="retention")


def purge(access: Access, *, may_free_most: bool = False, reason: str = "") -> tuple[Run, bool]:
    """Queue the clean-up of the vault; identical starts share one run.

    Args:
        may_free_most: more than half of the vault may go; for managers.

    Raises:
        Waiting: more than half may go, and two people are demanded for that.
    """
    access.require(Permission.MANAGE if may_free_most else Permission.OPERATE)
    if may_free_most:
        _require_allowed(access, reason=reason)
    return runs.request(
        access,
        RunType.MAINTENANCE,
        "purge",
        key="purge",
        reason=reason.strip(),
        metadata={"may_free_most": may_free_most},
    )


def _require_allowed(access: Access, *, reason: str) -> None:
    ask = Ask(
        act=Act.FREE_MOST,
        subject=f"tenant:{access.tenant.id}",
        name=f"vault of {access.tenant.name}",
        state="",
        parameters={},
        lines=(
            "A clean-up gives up what has been in the trash for 7 days, also if that is more than "
            "half of the vault.",
        ),
        reason=reason,
    )
    asking.require(access, ask)


def ask_daily(at: datetime) -> None:
    """Queue retention, and the clean-up where there is something to do, for each tenant whose last
    was a day ago. Safe to call often, and from several schedulers at once. Commits."""
    db.session.rollback()
    asked = func.coalesce(VaultRecord.retention_asked_at, VaultRecord.created_at)
    query = (
        select(VaultRecord.tenant_id)
        .join(Tenant, Tenant.id == VaultRecord.tenant_id)
        .where(Tenant.status == TenantStatus.ACTIVE, asked <= at - EVERY)
        .order_by(asked)
        .limit(_MOST_AT_ONCE)
    )
    for tenant_id in db.session.scalars(query).all():
        try:
            _ask(tenant_id, at)
        except AppError as error:  # it was suspended this very moment
            log.info("retention of tenant %s: %s", tenant_id, error)
            db.session.rollback()


def _ask(tenant_id: UUID, at: datetime) -> None:
    tenant = db.session.get_one(Tenant, tenant_id)
    access = gate.enter_tenant(SYSTEM, tenant, Permission.OPERATE)
    of_all(access)
    if is_purge_due(tenant_id, at=at):
        purge(access)
    db.session.execute(
        update(VaultRecord)
        .where(VaultRecord.tenant_id == tenant_id)
        .values(retention_asked_at=at)
        .execution_options(synchronize_session=False)
    )
    db.session.commit()


def is_purge_due(tenant_id: UUID, *, at: datetime) -> bool:
    """Whether the trash holds what is over, or the vault has something left to free."""
    if db.session.scalar(purging.due(tenant_id, at=at).limit(1)) is not None:
        return True
    last = func.coalesce(VaultRecord.pruned_at, VaultRecord.created_at)
    query = select(VaultRecord.id).where(
        VaultRecord.tenant_id == tenant_id,
        or_(VaultRecord.prune_again_at <= at, last <= at - AT_LEAST),
    )
    return db.session.scalar(query) is not None
