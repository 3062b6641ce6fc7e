"""The trash: what was deleted, by a rule or by a person, and can yet be brought back."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import joinedload

from webapp import clock
from webapp.domain.actors import Actor
from webapp.domain.acts import Act
from webapp.domain.permissions import Permission
from webapp.domain.restore_points import BackupType, SetStatus
from webapp.errors import Conflict, Invalid, Refused
from webapp.extensions import db
from webapp.items import Json
from webapp.models import BackupItem, BackupSet, Source, Tenant
from webapp.services import access as gate
from webapp.services import audit
from webapp.services.access import Access
from webapp.services.retention import facts, letting_go

PERIOD = timedelta(days=7)
MOST_AT_ONCE = 200


def rows(access: Access, *, limit: int = 200, offset: int = 0) -> list[BackupSet]:
    """What can be brought back, deleted last first, with the sources loaded."""
    access.require(Permission.VIEW)
    query = _of(access).order_by(BackupSet.deleted_at.desc(), BackupSet.id.desc())
    query = query.limit(limit).offset(offset)
    return list(db.session.scalars(query.options(joinedload(BackupSet.source))))


def count(access: Access) -> int:
    access.require(Permission.VIEW)
    return db.session.scalar(select(func.count()).select_from(_of(access).subquery())) or 0


def kept_until(backup_set: BackupSet) -> datetime | None:
    """Until when a deleted set can surely be brought back; None if it is not deleted."""
    return backup_set.deleted_at + PERIOD if backup_set.deleted_at else None


def put(
    backup_set: BackupSet,
    rule: str,
    *,
    actor: Actor,
    tenant: Tenant,
    at: datetime,
    details: Json | None = None,
) -> None:
    """Delete a set and its items; what they hold stays in the vault for now. The caller commits."""
    backup_set.deleted_at, backup_set.deleted_by_rule = at, rule
    _mark_items(backup_set, at)
    _record(actor, "set.deleted", backup_set, tenant=tenant, reason=rule, details=details)


def delete(access: Access, set_id: UUID, *, reason: str, at: datetime | None = None) -> BackupSet:
    """Delete a set by hand. For 7 days it can be brought back. Commits.

    Raises:
        Invalid: there is no reason.
        Conflict: it is pinned, on hold or in use.
        Refused: ``last_complete``; its source would be left without a backup.
        Waiting: two people are demanded for it.
    """
    access.require(Permission.MANAGE)
    reason = _required(reason)
    backup_set = _locked(access, set_id)
    gate.find(access, BackupSet, set_id)  # refuses what is deleted already
    spared = facts.why_spared(backup_set, facts.uses(access.tenant.id))
    if spared:
        raise Conflict(f"It cannot be deleted now: it is {spared}.")
    _require_another(backup_set)
    letting_go.require_allowed(access, backup_set, Act.DELETE_SET, reason=reason)
    rule = f"Deleted by {access.actor.label}: {reason}"
    put(backup_set, rule, actor=access.actor, tenant=access.tenant, at=at or clock.now())
    db.session.commit()
    return backup_set


def undelete(access: Access, set_id: UUID) -> BackupSet:
    """Bring a set back from the trash, pinned: no rule takes it away again. Commits.

    Raises:
        Conflict: it is not in the trash, or its data has been given up.
    """
    access.require(Permission.MANAGE)
    backup_set = _locked(access, set_id)
    if backup_set.deleted_at is None:
        raise Conflict("It is not in the trash.")
    if backup_set.purged_at is not None:
        raise Conflict("It was in the trash for 7 days; its data is no longer kept.")
    _bring_back(access, backup_set)
    db.session.commit()
    return backup_set


def undelete_many(access: Access, set_ids: Collection[UUID]) -> int:
    """Bring back those of these sets that are in the trash, pinned; commits, and says how many.

    Raises:
        Forbidden: one of them is not this tenant's; none is brought back then.
        Invalid: none is named, or more than fit on a page.
    """
    access.require(Permission.MANAGE)
    if not 0 < len(set_ids) <= MOST_AT_ONCE:
        raise Invalid({"items": f"Tick at least one, and at most {MOST_AT_ONCE:,}."})
    found = [_locked(access, set_id) for set_id in sorted(set(set_ids))]
    trashed = [one for one in found if one.deleted_at is not None and one.purged_at is None]
    for backup_set in trashed:
        _bring_back(access, backup_set)
    db.session.commit()
    return len(trashed)


def _bring_back(access: Access, backup_set: BackupSet) -> None:
    rule = backup_set.deleted_by_rule
    backup_set.deleted_at, backup_set.deleted_by_rule, backup_set.pinned = None, "", True
    _mark_items(backup_set, None)
    _record(
        access.actor,
        "set.undeleted",
        backup_set,
        tenant=access.tenant,
        details={"was_deleted_by": rule},
    )


def hold(access: Access, set_id: UUID, *, reason: str) -> BackupSet:
    """Keep a set for a reason, whatever rules and people say, until it is released. Commits.

    Raises:
        Invalid: there is no reason.
    """
    access.require(Permission.MANAGE)
    reason = _required(reason)
    backup_set = _locked(access, set_id)
    gate.find(access, BackupSet, set_id)
    backup_set.on_hold = reason
    _record(access.actor, "set.held", backup_set, tenant=access.tenant, reason=reason)
    db.session.commit()
    return backup_set


def release(access: Access, set_id: UUID, *, reason: str = "") -> BackupSet:
    """End a hold. Commits.

    Raises:
        Conflict: it is not on hold.
        Waiting: two people are demanded for it.
    """
    access.require(Permission.MANAGE)
    backup_set = _locked(access, set_id)
    gate.find(access, BackupSet, set_id)
    if not backup_set.on_hold:
        raise Conflict("It is not on hold.")
    letting_go.require_allowed(access, backup_set, Act.RELEASE_SET, reason=reason.strip())
    details = {"was_held_for": backup_set.on_hold}
    backup_set.on_hold = ""
    _record(
        access.actor,
        "set.released",
        backup_set,
        tenant=access.tenant,
        reason=reason.strip(),
        details=details,
    )
    db.session.commit()
    return backup_set


def _of(access: Access) -> Select[BackupSet]:
    query: Select[BackupSet] = gate.rows(BackupSet, access)
    return query.where(BackupSet.deleted_at.is_not(None), BackupSet.purged_at.is_(None))


def _locked(access: Access, set_id: UUID) -> BackupSet:
    backup_set: BackupSet = gate.find_even_deleted(access, BackupSet, set_id)
    db.session.refresh(backup_set, with_for_update=True)
    return backup_set


def _required(reason: str) -> str:
    if not reason.strip():
        raise Invalid({"reason": "Say why; it is kept in the audit log."})
    return reason.strip()[:500]


def _require_another(backup_set: BackupSet) -> None:
    """The last complete backup of what is still protected goes only after a newer one is there."""
    is_backup = backup_set.backup_type is not BackupType.PRE_RESTORE
    if backup_set.status is not SetStatus.COMPLETED or not is_backup:
        return
    if db.session.get_one(Source, backup_set.source_id).removed_at is not None:
        return
    newer = select(BackupSet.id).where(
        BackupSet.tenant_id == backup_set.tenant_id,
        BackupSet.source_id == backup_set.source_id,
        BackupSet.backup_type == backup_set.backup_type,
        BackupSet.status == SetStatus.COMPLETED,
        BackupSet.deleted_at.is_(None),
        BackupSet.finished_at >= backup_set.finished_at,
        BackupSet.id != backup_set.id,
    )
    if db.session.scalar(newer.limit(1)) is None:
        raise Refused(
            "last_complete",
            "It is the newest complete one of its source. Capture again first, or remove the "
            "source if it need not be protected any more.",
        )


def _mark_items(backup_set: BackupSet, at: datetime | None) -> None:
    db.session.execute(
        update(BackupItem)
        .where(BackupItem.backup_set_id == backup_set.id)
        .values(deleted_at=at)
        .execution_options(synchronize_session=False)
    )


def _record(
    actor: Actor,
    action: str,
    backup_set: BackupSet,
    *,
    tenant: Tenant,
    reason: str = "",
    details: Json | None = None,
) -> None:
    known = {"name": backup_set.name, "source": str(backup_set.source_id)}
    audit.record(
        actor,
        action,
        tenant=tenant,
        resource=f"set:{backup_set.id}",
        reason=reason,
        details={**known, **(details or {})},
    )
