"""How a clean-up run ends: what was given up, what the vault freed, what it would not let go."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import func, select

from webapp import clock
from webapp.domain.outcomes import Counted
from webapp.errors import Refused
from webapp.extensions import db
from webapp.formatting import size
from webapp.models import Run, RunItem, VaultRecord
from webapp.services import run_log, vaults
from webapp.services.claims import Claim
from webapp.services.run_ends import Ending
from webapp.vault import Halted
from webapp.vault.errors import NotAVault
from webapp.vault.pruning.findings import PruneReport

if TYPE_CHECKING:
    from webapp.services.retention.purging import Purge

GRACE_DAYS = 7.0  # of packs that a prune found to be of no use: somebody may be reading them
TRY_AGAIN = timedelta(days=1)


def ending(claim: Claim, done: Purge) -> Ending:
    """The facts by which the run ends; the items are the truth, also after a takeover."""
    outcomes = _outcomes(claim.run_id)
    failed = len(done.stuck) + (1 if done.error else 0)
    counted = Counted(
        done=outcomes["succeeded"] + (1 if done.report else 0),
        failed=failed,
        error_code=done.error.code if done.error else "",
    )

    def also(run: Run) -> None:
        _add_items(run, done)
        run_log.add(claim.tenant_id, claim.run_id, _lines(done))
        _note(run, done)

    return Ending(
        counted=counted,
        error_code=done.error.code if done.error else None,
        failure_reason=_why(done),
        values={
            "total_items": counted.done + counted.failed,
            "processed_items": counted.done + counted.failed,
            "succeeded": counted.done,
            "failed": counted.failed,
        },
        also=also,
        details=_figures(done.report) if done.report else {},
    )


def _outcomes(run_id: UUID) -> Counter[str]:
    query = (
        select(RunItem.outcome, func.count())
        .where(RunItem.run_id == run_id)
        .group_by(RunItem.outcome)
    )
    found = Counter({str(outcome): count for outcome, count in db.session.execute(query)})
    db.session.rollback()
    return found


def _why(done: Purge) -> str | None:
    if isinstance(done.error, Halted | NotAVault | Refused):
        return str(done.error)
    if done.error is not None:
        return vaults.told(done.error)
    return next(iter(done.stuck.values()), None)


def _add_items(run: Run, done: Purge) -> None:
    found = [("vault:", "prune", "succeeded", "", _freed(done.report))] if done.report else []
    if done.error is not None:
        found.append(("vault:", "prune", "failed", done.error.code, _why(done) or ""))
    found += [
        (f"snapshot:{snapshot_id}", "forget", "failed", "halted", why)
        for snapshot_id, why in done.stuck.items()
    ]
    for number, (key, action, outcome, code, message) in enumerate(found, start=1):
        db.session.add(
            RunItem(
                tenant_id=run.tenant_id,
                run_id=run.id,
                position=run.processed_items + number,
                item_key=key,
                action=action,
                outcome=outcome,
                reason_code=code,
                message=message[:500],
                finished_at=clock.now(),
            )
        )


def _lines(done: Purge) -> list[run_log.Line]:
    lines = [run_log.Line("warning", why) for why in done.stuck.values()]
    if done.forgotten:
        lines.append(run_log.Line("info", f"{done.forgotten} restore points left the vault."))
    if done.report is not None:
        lines += [run_log.Line("info", note) for note in done.report.notes]
        lines.append(run_log.Line("info", _freed(done.report)))
    return lines


def _freed(report: PruneReport) -> str:
    text = f"{size(report.deleted_bytes)} freed."
    later = _later(report)
    if later:
        text += f" {size(later)} more are freed by a clean-up in 7 days, when nobody reads them."
    return text


def _later(report: PruneReport) -> int:
    return report.waiting_bytes + (report.condemned_bytes if GRACE_DAYS else 0)


def _figures(report: PruneReport) -> dict[str, object]:
    return {
        "freed_bytes": report.deleted_bytes,
        "freed_later_bytes": _later(report),
        "dropped_snapshots": len(report.dropped),
    }


def _note(run: Run, done: Purge) -> None:
    record = db.session.scalar(
        select(VaultRecord).where(VaultRecord.tenant_id == run.tenant_id).with_for_update()
    )
    if record is None:
        return
    if done.report is None:
        record.prune_again_at = clock.now() + TRY_AGAIN
        return
    run.metadata_ = {**run.metadata_, **_figures(done.report)}
    _add_up(record, done.report)
    if done.held_bytes is not None:  # captures that were stopped half way stored something, too
        record.stored_bytes = done.held_bytes


def _add_up(record: VaultRecord, report: PruneReport) -> None:
    later, now = _later(report), clock.now()
    record.pruned_at = now
    record.prune_again_at = now + timedelta(days=GRACE_DAYS) if later else None
    record.freed_later_bytes = later
    record.freed_bytes += report.deleted_bytes
    left = record.stored_bytes + report.copied_bytes - report.deleted_bytes
    record.stored_bytes = max(left, 0)
