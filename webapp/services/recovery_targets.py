"""How old the newest complete restore point may become: a tenant's target, and a source's own.

Set by managers, audited with what was and what is. A source without one of its own takes the
tenant's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from webapp.domain.health import MOST_TARGET_MINUTES
from webapp.domain.permissions import Permission
from webapp.errors import AppError, Conflict, Invalid
from webapp.extensions import db
from webapp.models import Source, Tenant
from webapp.services import access as gate
from webapp.services import audit, source_facts
from webapp.services.access import Access

PAGE = 100


@dataclass(frozen=True, kw_only=True)
class Change:
    """``was``: what the person saw when they chose ``now``; None is the tenant's target."""

    was: int | None
    now: int | None


@dataclass(frozen=True, kw_only=True)
class TargetRow:
    """A source with its own target, if it has one, and what counts for it."""

    source: Source
    own_minutes: int | None
    target_minutes: int
    newest_good_at: datetime | None


def rows(access: Access, *, offset: int = 0, limit: int | None = PAGE) -> list[TargetRow]:
    """The tenant's sources by name. One query."""
    access.require(Permission.VIEW)
    query = (
        select(Source, source_facts.newest_good_at())
        .where(Source.tenant_id == access.tenant.id, Source.removed_at.is_(None))
        .order_by(Source.name, Source.id)
        .offset(offset)
        .limit(limit)
    )
    usual = access.tenant.recovery_point_minutes
    return [
        TargetRow(
            source=source,
            own_minutes=source.recovery_point_minutes,
            target_minutes=source.recovery_point_minutes or usual,
            newest_good_at=good_at,
        )
        for source, good_at in db.session.execute(query)
    ]


def save(
    access: Access, *, tenant: Change | None = None, sources: Mapping[UUID, Change] | None = None
) -> int:
    """Set targets; commits all of them, or none. What is as it was chosen is left alone.

    Returns:
        How many were changed.

    Raises:
        Forbidden: a source is another tenant's, or the role is too small.
        NotFound: a source was removed.
        Conflict: somebody else set one of them to something else meanwhile.
        Invalid: shorter than a minute, or longer than a year.
    """
    access.require(Permission.MANAGE)
    wanted = sources or {}
    try:
        changed = int(tenant is not None and _set_tenant(access, tenant))
        for source_id in sorted(wanted):
            changed += _set_source(access, source_id, wanted[source_id])
    except AppError:
        db.session.rollback()
        raise
    db.session.commit()
    return changed


def set_tenant(access: Access, minutes: int) -> bool:
    """Set the tenant's target, whatever it was; commits. Says whether that changed anything."""
    was = access.tenant.recovery_point_minutes
    return bool(save(access, tenant=Change(was=was, now=minutes)))


def set_source(access: Access, source: Source, minutes: int | None) -> bool:
    """Set a source's own target, or (None) let it take the tenant's; commits."""
    change = Change(was=source.recovery_point_minutes, now=minutes)
    return bool(save(access, sources={source.id: change}))


def as_document(row: TargetRow) -> dict[str, Any]:
    """A source's target as scripts see it."""
    return {
        "source": row.source.name,
        "source_id": str(row.source.id),
        "own_minutes": row.own_minutes,
        "target_minutes": row.target_minutes,
        "newest_good_at": row.newest_good_at,
    }


def _set_tenant(access: Access, change: Change) -> bool:
    tenant = access.tenant
    db.session.refresh(tenant, with_for_update=True)
    if change.now is None:
        raise Invalid({"recovery_point": "A customer needs a target."})
    if not _is_to_do(tenant.recovery_point_minutes, change, name=tenant.name):
        return False
    _record(access, tenant, change)
    tenant.recovery_point_minutes = change.now
    return True


def _set_source(access: Access, source_id: UUID, change: Change) -> bool:
    source = gate.find(access, Source, source_id)
    db.session.refresh(source, with_for_update=True)
    if not _is_to_do(source.recovery_point_minutes, change, name=source.name):
        return False
    _record(access, source, change)
    source.recovery_point_minutes = change.now
    return True


def _is_to_do(present: int | None, change: Change, *, name: str) -> bool:
    if change.now is not None and not 1 <= change.now <= MOST_TARGET_MINUTES:
        raise Invalid({"recovery_point": "Between a minute and a year, please."})
    if change.now in {present, change.was}:
        return False  # it is so already, or nobody touched it
    if present != change.was:
        raise Conflict(
            f"Somebody else changed the target of {name} meanwhile; nothing of yours was saved. "
            "Look at what it is now, and save again."
        )
    return True


def _record(access: Access, row: Tenant | Source, change: Change) -> None:
    noun = "tenant" if isinstance(row, Tenant) else "source"
    audit.record(
        access.actor,
        f"{noun}.target_changed",
        tenant=access.tenant,
        resource=f"{noun}:{row.id}",
        details={
            "name": row.name,
            "before": {"recovery_point_minutes": row.recovery_point_minutes},
            "after": {"recovery_point_minutes": change.now},
        },
    )
