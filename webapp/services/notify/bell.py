"""The bell: lines for one person, over all tenants that the person may see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, delete, func, or_, select, update
from sqlalchemy.orm import joinedload

from webapp import clock
from webapp.domain.actors import Actor
from webapp.domain.channels import Event, wants_in_console
from webapp.errors import Forbidden
from webapp.extensions import db
from webapp.items import Json
from webapp.models import Channel, Membership, Notification, Run, Tenant, TenantStatus, User

RUN_STATUS = "run_status"
ALERT = "alert"
REQUEST = "request"  # a second person is asked for, or has decided
CONSOLE = "console"  # the kind of the row that holds a person's rules for the bell itself

_Query = Select[*tuple[Any, ...]]
_KEPT_READ = timedelta(days=30)
_KEPT_UNREAD = timedelta(days=180)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One notification with what its page says about it.

    Attributes:
        run: what it is about; None for an alert.
        earlier: what was told of the same run before, newest first.
    """

    notification: Notification
    tenant: Tenant
    run: Run | None = None
    earlier: list[Notification] = field(default_factory=list)


def tell(user_ids: Iterable[UUID], tenant_id: UUID, *, type: str, payload: Json) -> None:
    """Add a line for each person. The caller commits."""
    about = {
        "tenant_id": tenant_id,
        "type": type,
        "run_id": UUID(str(payload["run_id"])) if type == RUN_STATUS else None,
        "payload": payload,
        "created_at": clock.now(),
    }
    db.session.add_all(Notification(user_id=user_id, **about) for user_id in user_ids)


def wanting(tenant_id: UUID, event: Event) -> list[UUID]:
    """Who wants to hear of such events of a tenant: operators, managers and MSP admins, unless
    they said no; others of the tenant if they said yes."""
    rows = db.session.execute(
        select(User.id, Membership.role, User.is_msp_admin, Channel.rules)
        .outerjoin(
            Membership, (Membership.user_id == User.id) & (Membership.tenant_id == tenant_id)
        )
        .outerjoin(Channel, (Channel.user_id == User.id) & (Channel.kind == CONSOLE))
        .where(User.is_disabled.is_(False))
        .where(or_(Membership.id.is_not(None), User.is_msp_admin))
    )
    return [
        row.id
        for row in rows
        if wants_in_console(row.rules, event, role=row.role, is_msp_admin=row.is_msp_admin)
    ]


def unread_count(actor: Actor, *, most: int | None = None) -> int:
    """How many wait to be read; counted up to *most*, which is enough for a bell on every page."""
    query = _mine(select(Notification.id), actor).where(Notification.read_at.is_(None))
    counted = select(func.count()).select_from(query.limit(most).subquery())
    return db.session.scalar(counted) or 0


def latest(
    actor: Actor, *, before: datetime | None = None, unread_only: bool = False, limit: int = 100
) -> list[Line]:
    """The newest lines of the actor's, one for each run, by a constant number of queries."""
    query = (
        _mine(select(Notification, Tenant), actor)
        .join(Tenant, Tenant.id == Notification.tenant_id)
        .order_by(Notification.created_at.desc(), Notification.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(Notification.created_at < before)
    if unread_only:
        query = query.where(Notification.read_at.is_(None))
    found = [(row[0], row[1]) for row in db.session.execute(query)]
    return _lines(found)


def mark_read(actor: Actor, notification_id: UUID, *, at: datetime) -> None:
    """Commits.

    Raises:
        Forbidden: it is not the actor's, or there is none.
    """
    query = _mine(select(Notification), actor).where(Notification.id == notification_id)
    line = db.session.scalar(query)
    if line is None:
        raise Forbidden
    line.read_at = line.read_at or at
    db.session.commit()


def mark_all_read(actor: Actor, *, at: datetime) -> None:
    """Commits."""
    db.session.execute(
        update(Notification)
        .where(Notification.user_id == actor.user_id, Notification.read_at.is_(None))
        .values(read_at=at)
        .execution_options(synchronize_session=False)
    )
    db.session.commit()


def forget_old(at: datetime) -> None:
    """Drop lines that were read a month ago, and those that nobody read for half a year. A step
    of the scheduler; commits."""
    db.session.execute(
        delete(Notification)
        .where(
            or_(
                Notification.read_at < at - _KEPT_READ,
                Notification.created_at < at - _KEPT_UNREAD,
            )
        )
        .execution_options(synchronize_session=False)
    )
    db.session.commit()


def _mine(query: _Query, actor: Actor) -> _Query:
    """Only the actor's, and only of tenants that the actor may see today."""
    query = query.where(Notification.user_id == actor.user_id)
    if actor.is_msp_admin:
        gone = select(Tenant.id).where(Tenant.status == TenantStatus.GONE)
        return query.where(Notification.tenant_id.not_in(gone))
    mine = (
        select(Membership.tenant_id)
        .join(Tenant, Tenant.id == Membership.tenant_id)
        .where(Membership.user_id == actor.user_id, Tenant.status != TenantStatus.GONE)
    )
    return query.where(Notification.tenant_id.in_(mine))


def _lines(found: Sequence[tuple[Notification, Tenant]]) -> list[Line]:
    runs = _runs({UUID(one.payload["run_id"]) for one, _ in found if one.type == RUN_STATUS})
    by_run: dict[UUID, Line] = {}
    lines: list[Line] = []
    for one, tenant in found:
        run_id = UUID(one.payload["run_id"]) if one.type == RUN_STATUS else one.id
        if run_id in by_run:
            by_run[run_id].earlier.append(one)
            continue
        run = runs.get(run_id)
        line = Line(
            notification=one,
            tenant=tenant,
            run=run if run is not None and run.tenant_id == tenant.id else None,
        )
        by_run[run_id] = line
        lines.append(line)
    return lines


def _runs(ids: set[UUID]) -> dict[UUID, Run]:
    query = select(Run).where(Run.id.in_(ids)).options(joinedload(Run.source))
    return {run.id: run for run in db.session.scalars(query)}
