"""Alerts: one open row for each condition and subject, which closes by itself.

The scheduler looks each minute what holds and what no longer does. Whoever finds a condition of
another kind uses ``open`` and ``close``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Update, func, select, update
from sqlalchemy.exc import IntegrityError

from webapp import clock
from webapp.domain.actors import Actor
from webapp.domain.alerts import Condition
from webapp.domain.permissions import Permission
from webapp.domain.redaction import safe
from webapp.extensions import db
from webapp.models import Alert, Membership, Tenant, TenantStatus
from webapp.models.columns import new_id
from webapp.services import access as gate
from webapp.services import alert_facts
from webapp.services.access import Access
from webapp.services.notify import alert_news

# What ``check`` looks for; other conditions are opened and closed by whoever finds them.
COMPUTED = tuple(Condition)

_SEEN_AGAIN = timedelta(minutes=10)  # how exact ``seen_at`` is: not each alert each minute
_CHUNK = 500


class Key(NamedTuple):
    tenant_id: UUID
    condition: str
    subject: str


def open(tenant_id: UUID, condition: str, subject: str, message: str) -> None:
    """Say that a condition holds; saying it again only brings the words up to date. Commits."""
    key, now = Key(tenant_id, condition, subject), clock.now()
    db.session.execute(
        _open(key)
        .values(message=safe(message), seen_at=now)
        .execution_options(synchronize_session=False)
    )
    _add({key: message} if not _present((condition,)).get(key) else {}, at=now)
    db.session.commit()


def close(tenant_id: UUID, condition: str, subject: str) -> None:
    """Say that it holds no longer; nothing happens if it did not. Commits."""
    db.session.execute(
        _open(Key(tenant_id, condition, subject))
        .values(closed_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    db.session.commit()


def check(at: datetime) -> None:
    """Open what holds now, and close what no longer does. A step of the scheduler; commits.

    Several schedulers may do this at once: the database allows one open row each.
    """
    db.session.rollback()
    holding = {
        Key(tenant_id, found.condition, found.subject): found.message
        for tenant_id, found in alert_facts.found(at=at)
    }
    present = _present(COMPUTED)
    _keep({key: row for key, row in present.items() if key in holding}, holding, at=at)
    _close([row.id for key, row in present.items() if key not in holding], at=at)
    _add({key: text for key, text in holding.items() if key not in present}, at=at)
    db.session.commit()


def of_tenant(
    access: Access, *, without: Collection[Condition] = (), limit: int = 50
) -> list[tuple[Alert, Tenant]]:
    """What is wrong in one tenant right now, the newest first; all conditions but *without*."""
    access.require(Permission.VIEW)
    query = (
        gate.rows(Alert, access)
        .where(Alert.closed_at.is_(None))
        .where(Alert.condition.not_in([str(one) for one in without]))
        .order_by(Alert.opened_at.desc(), Alert.id)
        .limit(limit)
    )
    return [(alert, access.tenant) for alert in db.session.scalars(query)]


def everywhere(
    actor: Actor, *, without: Collection[Condition] = (), limit: int = 10
) -> tuple[int, list[tuple[Alert, Tenant]]]:
    """How many alerts are open in the actor's tenants, and the newest of them; all conditions but
    those *without*."""
    query = (
        select(Alert, Tenant, func.count().over())
        .join(Tenant, Tenant.id == Alert.tenant_id)
        .where(Alert.closed_at.is_(None), Tenant.status != TenantStatus.GONE)
        .where(Alert.condition.not_in([str(one) for one in without]))
        .order_by(Alert.opened_at.desc(), Alert.id)
        .limit(limit)
    )
    if not actor.is_msp_admin:
        mine = select(Membership.tenant_id).where(Membership.user_id == actor.user_id)
        query = query.where(Alert.tenant_id.in_(mine))
    rows = list(db.session.execute(query))
    return (rows[0][2] if rows else 0), [(row[0], row[1]) for row in rows]


def _open(key: Key) -> Update:
    return update(Alert).where(
        Alert.tenant_id == key.tenant_id,
        Alert.condition == key.condition,
        Alert.subject == key.subject,
        Alert.closed_at.is_(None),
    )


def _present(conditions: Collection[str]) -> dict[Key, Alert]:
    query = select(Alert).where(Alert.closed_at.is_(None), Alert.condition.in_(conditions))
    rows = db.session.scalars(query)
    return {Key(row.tenant_id, row.condition, row.subject): row for row in rows}


def _keep(present: Mapping[Key, Alert], holding: Mapping[Key, str], *, at: datetime) -> None:
    for key, row in present.items():
        message = safe(holding[key])
        if row.message != message:
            row.message = message
        if at - row.seen_at > _SEEN_AGAIN:
            row.seen_at = at


def _close(ids: list[UUID], *, at: datetime) -> None:
    for start in range(0, len(ids), _CHUNK):
        db.session.execute(
            update(Alert)
            .where(Alert.id.in_(ids[start : start + _CHUNK]))
            .values(closed_at=at)
            .execution_options(synchronize_session=False)
        )


def _add(wanted: Mapping[Key, str], *, at: datetime) -> None:
    """Open alerts, and tell of those that nobody else opened at the same moment."""
    added = []
    for key, message in wanted.items():
        alert = Alert(id=new_id(), message=safe(message), opened_at=at, seen_at=at, **key._asdict())
        try:
            with db.session.begin_nested():
                db.session.add(alert)
        except IntegrityError:
            continue
        added.append(alert)
    alert_news.opened(added, at=at)
