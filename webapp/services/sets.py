"""Backup sets: the restore points of a tenant."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import joinedload

from webapp.domain.acts import Act
from webapp.domain.marks import Mark
from webapp.domain.permissions import Permission
from webapp.domain.restore_points import BackupType
from webapp.errors import Forbidden
from webapp.extensions import db
from webapp.models import BackupSet, Run, Source
from webapp.services import access as gate
from webapp.services import audit, verification
from webapp.services.access import Access
from webapp.services.paging import behind
from webapp.services.retention import letting_go


def rows(
    access: Access,
    *,
    source_id: UUID | None = None,
    limit: int = 200,
    before: Mark | None = None,
) -> list[BackupSet]:
    """The tenant's sets, newest first, with their sources. *before*: only what is behind it."""
    access.require(Permission.VIEW)
    query = gate.rows(BackupSet, access).where(BackupSet.deleted_at.is_(None))
    if source_id is not None:
        gate.find_even_deleted(access, Source, source_id)
        query = query.where(BackupSet.source_id == source_id)
    query = query.order_by(BackupSet.finished_at.desc(), BackupSet.id.desc())
    query = query.where(behind(before, BackupSet.finished_at, BackupSet.id))
    query = query.options(joinedload(BackupSet.source)).limit(limit)
    return list(db.session.scalars(query))


def find(access: Access, set_id: UUID) -> BackupSet:
    """One set of this tenant; ``Forbidden`` if it is not, ``NotFound`` if it was deleted."""
    return gate.find(access, BackupSet, set_id)


def called(access: Access, name: str) -> BackupSet:
    """The set with this id, or ``latest``: the newest that is no copy made before a restore.

    Raises:
        Forbidden: this tenant has none such.
    """
    if name == "latest":
        kept = (row for row in rows(access) if row.backup_type is not BackupType.PRE_RESTORE)
        newest = next(kept, None)
        if newest is not None:
            return newest
        raise Forbidden("There is no backup set that you may see.")
    try:
        return find(access, UUID(name))
    except ValueError:
        raise Forbidden(f"There is no backup set {name} that you may see.") from None


def of_run(access: Access, run: Run) -> BackupSet | None:
    """The set that a run made, if it made one."""
    query = gate.rows(BackupSet, access).where(BackupSet.run_id == run.id)
    found: list[BackupSet] = list(db.session.scalars(query))
    return found[0] if found else None


def pin(access: Access, set_id: UUID, *, pinned: bool) -> BackupSet:
    """Keep a set whatever retention says, or no more. Commits.

    Raises:
        Waiting: it is to be unpinned, and two people are demanded for that.
    """
    access.require(Permission.MANAGE)
    backup_set = find(access, set_id)
    if not pinned and (backup_set.pinned or access.approved):
        letting_go.require_allowed(access, backup_set, Act.UNPIN_SET)
    backup_set.pinned = pinned
    audit.record(
        access.actor,
        "set.pinned" if pinned else "set.unpinned",
        tenant=access.tenant,
        resource=f"set:{backup_set.id}",
    )
    db.session.commit()
    return backup_set


def verify(access: Access, set_id: UUID) -> tuple[Run, bool]:
    """Queue a run that reads the whole set back."""
    return verification.start(access, set_id)


def as_document(backup_set: BackupSet) -> dict[str, Any]:
    """A set as scripts see it."""
    return {
        "id": str(backup_set.id),
        "name": backup_set.name,
        "source": backup_set.source.name,
        "source_id": str(backup_set.source_id),
        "run_id": str(backup_set.run_id),
        "backup_type": backup_set.backup_type,
        "status": backup_set.status,
        "description": backup_set.description,
        "reason": backup_set.reason,
        "metadata": backup_set.metadata_,
        "started_at": backup_set.started_at,
        "finished_at": backup_set.finished_at,
        "item_count": backup_set.item_count,
        "total_size": backup_set.total_size,
        "stored_size": backup_set.stored_size,
        "destination": backup_set.destination,
        "pinned": backup_set.pinned,
        "on_hold": backup_set.on_hold or None,
        "verified_at": backup_set.verified_at,
    }
