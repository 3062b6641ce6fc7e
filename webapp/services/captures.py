"""Capturing a source: the request, and the work behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from webapp import clock
from webapp.connectors import registry
from webapp.connectors.base import Surroundings
from webapp.domain import redaction, sizes
from webapp.domain.outcomes import Counted, judge
from webapp.domain.permissions import Permission
from webapp.domain.restore_points import BackupType, SetStatus
from webapp.domain.runs import RunState, RunType
from webapp.errors import Invalid
from webapp.items import Json, Tally, path_of
from webapp.models import Run, Source
from webapp.services import access as gate
from webapp.services import (
    bandwidth,
    capture_report,
    holds,
    progress,
    run_log,
    runs,
    set_contents,
    surroundings,
    vaults,
)
from webapp.services.access import Access
from webapp.services.capture_report import CaptureReport
from webapp.services.capture_tasks import Task, preflight
from webapp.services.claims import Claim, writing
from webapp.services.progress import RunProgress
from webapp.services.runs import Ending
from webapp.vault import CountedReport, Snapshot, Vault
from webapp.vault.errors import Damaged

TYPES = (BackupType.FULL, BackupType.DB, BackupType.FILES)


def start(
    access: Access,
    source_id: UUID,
    *,
    backup_type: str = "full",
    reason: str = "",
    metadata: Json | None = None,
    run_id: UUID | None = None,
) -> tuple[Run, bool]:
    """Queue a capture of one source, commit, then ring the doorbell.

    Identical starts (source and type) while one is queued or running share that run. A reason
    also explains why there may be less in it than before.

    Args:
        run_id: what a new run is called, for those who note it ahead.

    Returns:
        The run, and whether it is new.

    Raises:
        Forbidden: the source is not in this tenant, or the role is too small.
        NotFound: it was removed.
        Invalid: there is no such type.
    """
    access.require(Permission.OPERATE)
    reason = redaction.safe(reason.strip())
    if backup_type not in TYPES:
        raise Invalid({"backup_type": f"There is no type {backup_type}; use full, db or files."})
    source = gate.find(access, Source, source_id)
    return runs.request(
        access,
        RunType.CAPTURE,
        "capture",
        key=f"capture:{source.id}:{backup_type}",
        id=run_id,
        source_id=source.id,
        reason=reason,
        metadata={
            "backup_type": backup_type,
            "metadata": dict(metadata or {}),
            "explanation": reason,
        },
    )


@dataclass(frozen=True, kw_only=True)
class _Taken:
    """``torn``: files that the snapshot holds and that never held still while they were read."""

    snapshot: Snapshot
    tally: Tally
    contents: list[set_contents.Content]
    torn: int

    @property
    def sound(self) -> int:
        return self.tally.files - self.torn


def carry_out(claim: Claim) -> Ending:
    """Capture the source of this run into its tenant's vault.

    Nothing of it shows until the run ends: the set is added in the transaction that ends the
    run, after the snapshot has been verified. A run taken over starts again; what the dead worker
    had stored is found by its content and not stored twice.
    """
    task = preflight(claim)
    capture_report.forget(claim)
    holds.take(claim, task.config)
    report = CaptureReport()
    with (
        surroundings.prepared(claim) as around,
        vaults.opened(claim.tenant_id, create=True) as vault,
    ):
        taken = _take(claim, task, around, vault, report)
    return _ending(claim, task, taken, report)


def _take(
    claim: Claim, task: Task, around: Surroundings, vault: Vault, report: CaptureReport
) -> _Taken:
    budget = bandwidth.Budget(claim, task.host)
    progress.phase(claim, "reading")
    _say_how_fast(claim, budget.bytes_per_second)
    connector = registry.connect(task.kind, task.config, around)
    counted = CountedReport(report)
    source = connector.source(task.backup_type, counted)
    try:
        result = vault.backup(
            source,
            name=f"source:{task.source_id}",
            report=counted,
            reason=task.reason,
            metadata={"run_id": str(claim.run_id), "backup_type": task.backup_type},
            on_progress=_Watch(claim, report),
            pace=budget,
        )
        facts: Mapping[str, Json] = source.facts()
    finally:
        source.close()
    progress.phase(claim, "verifying")
    require_sound(vault, result.snapshot)
    contents = set_contents.of(vault, result.snapshot, result.tally, facts)
    torn = sum(
        vault.find(result.snapshot, path_of(key)) is not None
        for key, problem in report.problems.items()
        if problem.code == "changed_while_read"
    )
    return _Taken(snapshot=result.snapshot, tally=result.tally, contents=contents, torn=torn)


def _say_how_fast(claim: Claim, bytes_per_second: int | None) -> None:
    if bytes_per_second is not None:
        rate = sizes.exact(bytes_per_second)
        run_log.append(claim, f"Limits let it read {rate} a second at most.")


def require_sound(vault: Vault, snapshot: Snapshot) -> None:
    """Check that a snapshot's structure is whole: every chunk that it needs is there.

    Raises:
        Damaged: it is not.
    """
    checked = vault.verify(snapshot=snapshot.id)
    if not checked.ok:
        raise Damaged(f"snapshots/{snapshot.id}", "the new restore point does not verify")


class _Watch:
    """Writes progress and log lines now and then, and stops the work when it must stop."""

    def __init__(self, claim: Claim, report: CaptureReport) -> None:
        self._claim, self._report = claim, report
        self._progress = RunProgress(claim)

    def __call__(self, tally: Tally) -> None:
        self._claim.check()
        if not self._progress.is_due():
            return
        progress.write(self._claim, **progress.columns(tally))
        lines = self._report.take_lines()
        if lines:
            with writing(self._claim):
                run_log.add(self._claim.tenant_id, self._claim.run_id, lines)


def _ending(claim: Claim, task: Task, taken: _Taken, report: CaptureReport) -> Ending:
    counted = _counted(task, taken, report)
    state = judge(counted).state
    status = SetStatus.COMPLETED if state is RunState.SUCCEEDED else SetStatus.PARTIAL
    new = set_contents.NewSet(
        source_id=task.source_id,
        source_name=task.source_name,
        backup_type=task.backup_type,
        status=status,
        snapshot=taken.snapshot,
        contents=taken.contents,
        tally=taken.tally,
        metadata=task.set_metadata,
    )

    def also(run: Run) -> None:
        """What becomes visible with the end, and not before."""
        run_log.add(claim.tenant_id, claim.run_id, report.take_lines())
        capture_report.add_items(run, taken.contents, report)
        vaults.note_head(claim.tenant_id, taken.snapshot, stored_bytes=taken.tally.stored_bytes)
        if state is not RunState.FAILED:
            made = set_contents.add(run, new)
            made.verified_at = clock.now()

    is_empty = _is_empty(taken) and not report.count("failed")
    return Ending(
        counted=counted,
        error_code="nothing_found" if is_empty else None,
        failure_reason="There is nothing in it; an empty backup is none." if is_empty else None,
        values=_values(taken, report),
        also=also,
    )


def _counted(task: Task, taken: _Taken, report: CaptureReport) -> Counted:
    """A folder of links, or of folders, is something, too. A capture that found nothing at all
    has failed, even if nobody said why: an empty backup is none."""
    nothing = _is_empty(taken)
    return Counted(
        done=0 if nothing else taken.sound or int(not report.count("failed")),
        failed=max(report.count("failed"), int(nothing)),
        skipped=report.count("skipped"),
        before=task.files_before,
        items=len(taken.contents),
        items_before=task.items_before,
        explanation=task.explanation,
    )


def _is_empty(taken: _Taken) -> bool:
    tally = taken.tally
    return not tally.files and not tally.others and tally.folders <= 1


def _values(taken: _Taken, report: CaptureReport) -> dict[str, Any]:
    tally, failed, skipped = taken.tally, report.count("failed"), report.count("skipped")
    total = taken.sound + failed + skipped
    return {
        **progress.columns(tally),
        "succeeded": taken.sound,
        "total_items": total,
        "processed_items": total,
        "failed": failed,
        "skipped": skipped,
        "total_bytes": tally.logical_bytes,
    }
