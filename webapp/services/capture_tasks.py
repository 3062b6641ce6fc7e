"""What a capture needs to know, looked at once more before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from webapp.domain.permissions import Permission
from webapp.domain.restore_points import BackupType, SetStatus
from webapp.errors import Conflict, NotFound
from webapp.extensions import db
from webapp.models import BackupItem, BackupSet, Run, Source, Tenant, TenantStatus
from webapp.services import access as gate
from webapp.services import quotas, source_settings
from webapp.services.claims import Claim


@dataclass(frozen=True, kw_only=True)
class Task:
    """What the work needs, read once: no transaction is open while it goes on."""

    source_id: UUID
    source_name: str
    kind: str
    config: dict[str, Any]
    fingerprint: str
    backup_type: BackupType
    reason: str
    metadata: dict[str, Any]
    files_before: int | None
    items_before: int | None
    explanation: str
    host: str  # empty: this machine

    @property
    def set_metadata(self) -> dict[str, Any]:
        """What the set remembers: the person's metadata, and what was left out on purpose."""
        return {
            **self.metadata,
            "source_settings": self.fingerprint,
            "exclude": self.config.get("exclude", ""),
            "apart": source_settings.apart(self.config),
        }


def preflight(claim: Claim) -> Task:
    """Look once more, since it may have waited long, whether this may and can be done."""
    run = db.session.get_one(Run, claim.run_id)
    tenant = db.session.get_one(Tenant, claim.tenant_id)
    if tenant.status is not TenantStatus.ACTIVE:
        raise Conflict(f"{tenant.name} is {tenant.status}; nothing is captured.")
    quotas.require_room(tenant)
    access = gate.again(run.user_id, tenant, Permission.OPERATE)
    if run.source_id is None:
        raise NotFound("The run names no source.")
    source = gate.find(access, Source, run.source_id)
    backup_type = BackupType(run.metadata_.get("backup_type", "full"))
    fingerprint = source_settings.fingerprint(source)
    before = _last_good(source, backup_type, fingerprint)
    task = Task(
        source_id=source.id,
        source_name=source.name,
        kind=source.kind,
        config=dict(source.config),
        fingerprint=fingerprint,
        backup_type=backup_type,
        reason=run.reason,
        metadata=dict(run.metadata_.get("metadata", {})),
        files_before=sum(item.file_count for item in before) if before is not None else None,
        items_before=len(before) if before is not None else None,
        explanation=str(run.metadata_.get("explanation", "")),
        host=source.host or "",
    )
    db.session.rollback()
    return task


def _last_good(
    source: Source, backup_type: BackupType, fingerprint: str
) -> list[BackupItem] | None:
    """The items of the newest complete set that was made with the same settings."""
    last = db.session.scalar(
        select(BackupSet)
        .where(
            BackupSet.tenant_id == source.tenant_id,
            BackupSet.source_id == source.id,
            BackupSet.backup_type == backup_type,
            BackupSet.status == SetStatus.COMPLETED,
        )
        .order_by(BackupSet.finished_at.desc())
        .limit(1)
    )
    if last is None or last.metadata_.get("source_settings") != fingerprint:
        return None
    return list(last.items)
