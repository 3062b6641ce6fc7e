"""Making a plan: compare a restore point with its target, row by row. Writes no target."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select

from webapp import clock
from webapp.connectors.base import Action, Desired, Planned
from webapp.connectors.excluding import excluder
from webapp.connectors.settings import patterns_of
from webapp.domain.outcomes import Counted
from webapp.domain.permissions import Permission
from webapp.domain.plans import VALID_HOURS, PlanState
from webapp.errors import Refused
from webapp.extensions import db
from webapp.items import StoredEntry, key_of, path_of
from webapp.models import (
    BackupItem,
    BackupSet,
    PlanItem,
    RestorePlan,
    RestoreRun,
    Run,
    RunItem,
    Tenant,
)
from webapp.services import access as gate
from webapp.services import (
    claims,
    plan_checks,
    plan_digests,
    plans,
    progress,
    surroundings,
    targets,
    undo,
    vaults,
)
from webapp.services.access import Access
from webapp.services.claims import Claim
from webapp.services.plan_digests import Digest
from webapp.services.plan_rows import Known, PlanRows
from webapp.services.progress import RunProgress
from webapp.services.runs import Ending
from webapp.services.targets import Target
from webapp.vault import Snapshot, Vault

_BATCH = 500


@dataclass(frozen=True, kw_only=True)
class _Task:
    """What the work needs, read once: no transaction is open while it goes on."""

    plan_id: UUID
    snapshot_id: str
    scope: tuple[str, ...]
    delete: bool
    target: Target
    undo: tuple[undo.Change, ...] | None
    missing: dict[str, str]  # keys that the capture did not get, and why
    exclude: list[str]  # patterns that left things out of the backup


def carry_out(claim: Claim) -> Ending:
    """Fill a draft plan with rows and freeze it, together with the end of this run."""
    task = _preflight(claim)
    with surroundings.prepared(claim) as around, vaults.opened(claim.tenant_id) as vault:
        progress.phase(claim, "comparing")
        connector = task.target.connect(around)
        _fix_target(claim, task, connector.identity())
        known = Known(missing=task.missing, undo=task.undo, excluded=excluder(task.exclude))
        found = PlanRows(claim.tenant_id, task.plan_id, _begin_digest(task.plan_id), known)
        rows = connector.plan(
            desired(vault, task.snapshot_id, task.scope, task.undo),
            stored=vault.content(),
            delete=task.delete,
            scope=() if task.undo is not None else task.scope,
            types=task.undo is not None,
        )
        _store(claim, rows, found)
        return _ending(task, found)


def _preflight(claim: Claim) -> _Task:
    run = db.session.get_one(Run, claim.run_id)
    tenant = db.session.get_one(Tenant, claim.tenant_id)
    access = gate.again(run.user_id, tenant, Permission.PREVIEW)
    plan = gate.find(access, RestorePlan, UUID(run.metadata_["plan_id"]))
    if plan.state is not PlanState.DRAFT:
        raise Refused("plan_not_draft", f"The plan is {plan.state} already.")
    backup_set = gate.find(access, BackupSet, plan.backup_set_id)
    target = targets.of_plan(access, plan)
    if plan.undo_of_run_id:
        _require_undoable(access, plan.undo_of_run_id, target)
    task = _Task(
        plan_id=plan.id,
        snapshot_id=backup_set.snapshot_ids[0],
        scope=tuple(plan.scope) or _whole(backup_set),
        delete=plan.with_delete,
        target=target,
        undo=undo.changes_of(plan.undo_of_run_id) if plan.undo_of_run_id else None,
        missing={} if plan.undo_of_run_id else _missing(backup_set),
        exclude=patterns_of(str(backup_set.metadata_.get("exclude", ""))),
    )
    db.session.rollback()
    return task


def _require_undoable(access: Access, run_id: UUID, target: Target) -> None:
    done = plans.of_run(access, run_id)
    if done is not None:
        undo.require_same_target(done, target)


def _whole(backup_set: BackupSet) -> tuple[str, ...]:
    """All that a set holds: what it does not hold is outside, and never removed."""
    items = select(BackupItem.item_key).where(BackupItem.backup_set_id == backup_set.id)
    return tuple(db.session.scalars(items.order_by(BackupItem.item_key)))


def _missing(backup_set: BackupSet) -> dict[str, str]:
    """What the capture failed to read or left out: that it is not in the set says nothing."""
    query = select(RunItem.item_key, RunItem.message).where(
        RunItem.run_id == backup_set.run_id, RunItem.outcome.in_(("failed", "skipped"))
    )
    apart = dict.fromkeys(backup_set.metadata_.get("apart", ()), "it was captured apart.")
    return apart | {key: message for key, message in db.session.execute(query)}


def _fix_target(claim: Claim, task: _Task, identity: str) -> None:
    """Write down what the target is, and drop the rows of an earlier attempt."""
    with claims.writing(claim):
        plan = db.session.get_one(RestorePlan, task.plan_id)
        plan.source_fingerprint, plan.target_fingerprint = task.target.fingerprint, identity
        db.session.execute(delete(PlanItem).where(PlanItem.plan_id == task.plan_id))


def _begin_digest(plan_id: UUID) -> Digest:
    plan = db.session.get_one(RestorePlan, plan_id)
    backup_set = db.session.get_one(BackupSet, plan.backup_set_id)
    digest = Digest(plan_digests.facts_of(plan, backup_set))
    db.session.rollback()
    return digest


def desired(
    vault: Vault,
    snapshot_id: str,
    scope: tuple[str, ...],
    changes: tuple[undo.Change, ...] | None = None,
) -> Iterator[Desired]:
    """What the target shall become, in the order of the snapshot.

    Folders on the way to a chosen item come too: they are made where they are missing.

    Raises:
        Refused: ``not_in_set``, if a chosen item is not in the restore point.
    """
    snapshot = vault.snapshot(snapshot_id)
    if changes is not None:
        yield from (_before(vault, snapshot, change) for change in changes)
        return
    given: set[bytes] = set()
    for key in scope:
        path = path_of(key)
        # A safety set holds a file without the folders above it: what is below counts, too.
        if next(vault.entries(snapshot, under=path), None) is None:
            raise Refused("not_in_set", f"This restore point does not hold {key}.")
        for entry in chain(_above(vault, snapshot, path), vault.entries(snapshot, under=path)):
            if entry.path not in given:
                yield Desired(key=key_of(entry.path), entry=entry)
            if len(scope) > 1:
                given.add(entry.path)


def _before(vault: Vault, snapshot: Snapshot, change: undo.Change) -> Desired:
    entry = vault.find(snapshot, path_of(change.key)) if change.existed else None
    if change.existed and entry is None:  # it must not be taken for one to be removed
        raise Refused("not_in_set", f"The safety set does not hold {change.key}.")
    return Desired(key=change.key, entry=entry)


def _above(vault: Vault, snapshot: Snapshot, path: bytes) -> Iterator[StoredEntry]:
    parts = path.split(b"/")
    for length in range(1, len(parts)):
        entry = vault.find(snapshot, b"/".join(parts[:length]))
        if entry is not None and parts[0] == b"tree":
            yield entry


def _store(claim: Claim, rows: Iterable[Planned], found: PlanRows) -> None:
    """Write the rows as they come, some hundred in a transaction."""
    batch: list[dict[str, Any]] = []
    watch = RunProgress(claim)
    for planned in rows:
        claim.check()
        batch.append(found.row(planned))
        if len(batch) >= _BATCH:
            _insert(claim, batch, found)
            batch = []
        elif watch.is_due():
            progress.write(claim, processed_items=found.position, current_item=planned.key[:500])
    _insert(claim, batch, found)


def _insert(claim: Claim, batch: list[dict[str, Any]], found: PlanRows) -> None:
    if not batch:
        return
    with claims.writing(claim) as run:
        db.session.execute(insert(PlanItem), batch)
        run.processed_items = run.succeeded = found.position


def _ending(task: _Task, found: PlanRows) -> Ending:
    counts = {action.value: found.counts[action.value] for action in Action}

    def also(run: Run) -> None:
        plan = db.session.get_one(RestorePlan, task.plan_id)
        backup_set = db.session.get_one(BackupSet, plan.backup_set_id)
        vault = vaults.folder(run.tenant_id)
        plan.digest, plan.counts = found.digest.hex(), counts
        plan.safety_bytes = found.sums.safety_bytes
        plan.checks = plan_checks.all_of(
            backup_set, task.target, vault, sums=found.sums, counts=counts
        )
        plan.ready_at = clock.now()
        plan.expires_at = plan.ready_at + timedelta(hours=VALID_HOURS)
        plan.move_to(PlanState.READY)
        link = db.session.scalars(select(RestoreRun).where(RestoreRun.run_id == run.id)).one()
        link.preview = {"plan_id": str(plan.id), "counts": counts}

    total = found.position
    values = {"total_items": total, "processed_items": total, "succeeded": total}
    return Ending(
        counted=Counted(done=total), values=values, also=also, details={"plan_counts": counts}
    )
