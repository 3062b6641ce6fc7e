"""The morning digest: how every source of a customer stands, once a day, in one message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from webapp.domain import digests
from webapp.domain.channels import DAILY, NEVER
from webapp.domain.health import Health
from webapp.domain.runs import RunState
from webapp.extensions import db
from webapp.models import Alert, Channel, Membership, Run, Tenant, TenantStatus, User
from webapp.services import overview
from webapp.services.notify import messages
from webapp.services.notify.bell import CONSOLE
from webapp.services.overview import SourceHealth

_MOST_NAMED = 60
_SPAN = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class _Standing:
    """Everything that digests of this moment tell, by tenant."""

    sources: Mapping[UUID, list[SourceHealth]]
    alerts: Mapping[UUID, int]
    failures: Mapping[UUID, int]


def write_due(at: datetime) -> None:
    """Write the digests whose time has come; a day and channel gets one. A step of the scheduler;
    commits."""
    db.session.rollback()
    due = list(_due(at))
    if not due:
        db.session.rollback()
        return
    tenants = _tenants()
    standing = _gather(tenants, at)
    for channel, day in due:
        theirs = _of(channel, tenants)
        channel.digest_sent_for = day
        if any(standing.sources.get(tenant.id) for tenant in theirs):
            _write(channel, theirs, standing=standing, day=day, at=at)
    db.session.commit()


def _due(at: datetime) -> Iterable[tuple[Channel, str]]:
    query = (
        select(Channel, Tenant.timezone)
        .outerjoin(Tenant, Tenant.id == Channel.tenant_id)
        .outerjoin(User, User.id == Channel.user_id)
        .where(Channel.is_enabled, Channel.kind != CONSOLE, User.is_disabled.is_not(True))
    )
    for channel, zone in db.session.execute(query):
        if channel.rules.get("digest") != DAILY:
            continue
        day = digests.day_due(
            at,
            zone=zone or channel.rules.get("zone") or "UTC",
            time_of_day=channel.rules.get("digest_at") or "07:00",
            sent_for=channel.digest_sent_for,
        )
        if day is not None:
            yield channel, day


def _tenants() -> list[Tenant]:
    query = select(Tenant).where(Tenant.status == TenantStatus.ACTIVE).order_by(Tenant.name)
    return list(db.session.scalars(query))


def _of(channel: Channel, tenants: Sequence[Tenant]) -> list[Tenant]:
    """The tenants that a channel tells of: its own, or those that its person may see."""
    if channel.tenant_id is not None:
        return [tenant for tenant in tenants if tenant.id == channel.tenant_id]
    user = db.session.get_one(User, channel.user_id)
    if user.is_msp_admin:
        return list(tenants)
    theirs = set(
        db.session.scalars(select(Membership.tenant_id).where(Membership.user_id == user.id))
    )
    return [tenant for tenant in tenants if tenant.id in theirs]


def _gather(tenants: Sequence[Tenant], at: datetime) -> _Standing:
    alerts = select(Alert.tenant_id, func.count()).where(Alert.closed_at.is_(None))
    failed = select(Run.tenant_id, func.count()).where(
        Run.status == RunState.FAILED, Run.finished_at > at - _SPAN
    )
    return _Standing(
        sources=overview.judged(tenants, at=at),
        alerts=_counted(alerts.group_by(Alert.tenant_id)),
        failures=_counted(failed.group_by(Run.tenant_id)),
    )


def _counted(query: Any) -> dict[UUID, int]:
    return {row[0]: row[1] for row in db.session.execute(query)}


def _write(
    channel: Channel, tenants: Sequence[Tenant], *, standing: _Standing, day: str, at: datetime
) -> None:
    judged = [one for tenant in tenants for one in standing.sources.get(tenant.id, [])]
    whose = tenants[0].name if len(tenants) == 1 else f"{len(tenants)} customers"
    lines = list(_lines(tenants, standing, failures=channel.rules.get("failures") != NEVER))
    if len(lines) > _MOST_NAMED:
        lines = [*lines[:_MOST_NAMED], f"… and {len(lines) - _MOST_NAMED} more."]
    messages.add(
        channel.id,
        f"digest:{day}",
        tenant_id=channel.tenant_id,
        subject=f"{whose}: {digests.counts(one.health for one in judged)}",
        body="\n".join([*(lines or ["Nothing needs you."]), *messages.link("")]),
        at=at,
    )


def _lines(tenants: Sequence[Tenant], standing: _Standing, *, failures: bool) -> Iterable[str]:
    for tenant in tenants:
        for one in sorted(standing.sources.get(tenant.id, []), key=lambda one: one.health.rank):
            if one.health.needs_a_person:
                yield f"{tenant.name}: {one.name} is {_WORDS[one.health]}. {one.why}".rstrip()
        if standing.alerts.get(tenant.id):
            yield f"{tenant.name}: {_many(standing.alerts[tenant.id], 'open alert')}."
        if failures and standing.failures.get(tenant.id):
            yield f"{tenant.name}: {_many(standing.failures[tenant.id], 'run')} failed in 24 h."


_WORDS = {
    Health.FAILED: "failed",
    Health.OVERDUE: "overdue",
    Health.PARTIAL: "partial",
    Health.UNKNOWN: "unprotected",
}


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
