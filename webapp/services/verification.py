"""Proving that a backup set can be read: every byte, checked against what was written."""

from __future__ import annotations

from uuid import UUID

from webapp import clock
from webapp.domain.outcomes import Counted
from webapp.domain.permissions import Permission
from webapp.domain.runs import RunType
from webapp.errors import NotFound
from webapp.extensions import db
from webapp.models import BackupSet, Run
from webapp.services import access as gate
from webapp.services import progress, runs, vaults
from webapp.services.access import Access
from webapp.services.claims import Claim
from webapp.services.runs import Ending
from webapp.vault.checks.findings import VerifyReport


def start(access: Access, set_id: UUID, *, run_id: UUID | None = None) -> tuple[Run, bool]:
    """Queue the verification of one set; identical starts share one run. A new one is called
    *run_id*, for those who note it ahead."""
    access.require(Permission.OPERATE)
    backup_set = gate.find(access, BackupSet, set_id)
    return runs.request(
        access,
        RunType.MAINTENANCE,
        "verify",
        key=f"verify:{backup_set.id}",
        id=run_id,
        source_id=backup_set.source_id,
        metadata={"set_id": str(backup_set.id)},
    )


def carry_out(claim: Claim) -> Ending:
    """Read the whole set back, and note the moment if all of it is sound."""
    run = db.session.get_one(Run, claim.run_id)
    set_id = UUID(run.metadata_["set_id"])
    backup_set = db.session.get(BackupSet, set_id)
    if backup_set is None or backup_set.deleted_at is not None:
        raise NotFound("The backup set was deleted.")
    snapshot_ids = list(backup_set.snapshot_ids)
    db.session.rollback()
    progress.phase(claim, "reading everything back")
    with vaults.opened(claim.tenant_id) as vault:
        reports = [vault.verify(snapshot=found, read_data=1.0) for found in snapshot_ids]
    return _ending(set_id, reports)


def _ending(set_id: UUID, reports: list[VerifyReport]) -> Ending:
    problems = sum(len(report.errors) for report in reports)
    objects = sum(report.objects for report in reports)
    is_sound = all(report.ok for report in reports)

    def also(run: Run) -> None:
        if is_sound:
            db.session.get_one(BackupSet, set_id).verified_at = clock.now()

    return Ending(
        counted=Counted(done=max(objects, 1) if is_sound else 0, failed=0 if is_sound else 1),
        error_code=None if is_sound else "damaged",
        failure_reason=None if is_sound else f"{problems} objects of the vault are damaged.",
        values={
            "total_items": objects,
            "processed_items": objects,
            "succeeded": max(objects - problems, 0),
            "failed": problems,
            "read_bytes": sum(report.bytes_read for report in reports),
        },
        also=also,
    )
