"""The clean-up run: what was in the trash for 7 days is given up, and the vault freed of it.

Three steps, each of which may be the last before a crash: sets are marked as purged; the vault
forgets the snapshots that only purged sets name; a prune frees what they alone needed. The next
run goes on from what the rows say, so nothing is left behind and nothing goes that a set needs.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, select

from webapp import clock
from webapp.domain.actors import SYSTEM
from webapp.domain.acts import Act
from webapp.domain.permissions import Permission
from webapp.domain.runs import RunState, RunType
from webapp.errors import Conflict, Refused
from webapp.extensions import db
from webapp.models import BackupSet, Run, RunItem, Source, Tenant, TenantStatus
from webapp.services import access as gate
from webapp.services import audit, claims, progress, vaults
from webapp.services.claims import Claim
from webapp.services.progress import RunProgress
from webapp.services.retention import facts, purge_ends, trash
from webapp.services.run_ends import Ending
from webapp.services.second_person import asking
from webapp.vault import Halted, Vault
from webapp.vault.errors import VaultError
from webapp.vault.pruning.findings import PruneReport

BATCH = 100
SAFETY = "safety:"  # how the snapshots are named that restores take before they write


@dataclass(kw_only=True)
class Purge:
    """What one run has done so far. ``stuck``: snapshots that the vault would not forget, and
    why."""

    forgotten: int = 0
    stuck: dict[str, str] = field(default_factory=dict)
    report: PruneReport | None = None
    error: VaultError | Refused | None = None
    held_bytes: int | None = None  # by the vault afterwards, where nobody was storing anything


def carry_out(claim: Claim) -> Ending:
    """Give up what has been in the trash long enough, then prune the vault."""
    may_free_most = _preflight(claim)
    progress.phase(claim, "giving up what was in the trash for 7 days")
    while _mark(claim):
        claim.check()
    done = Purge()
    try:
        with vaults.opened(claim.tenant_id) as vault:
            _free(claim, vault, done, may_free_most=may_free_most)
    except (VaultError, Refused) as error:
        done.error = error
    return purge_ends.ending(claim, done)


def _preflight(claim: Claim) -> bool:
    """Whether more than half of the vault may go."""
    run = db.session.get_one(Run, claim.run_id)
    tenant = db.session.get_one(Tenant, claim.tenant_id)
    if tenant.status is not TenantStatus.ACTIVE:
        raise Conflict(f"{tenant.name} is {tenant.status}; nothing is deleted.")
    may_free_most = bool(run.metadata_.get("may_free_most")) and not _is_repeated(run, tenant)
    gate.again(run.user_id, tenant, Permission.MANAGE if may_free_most else Permission.OPERATE)
    db.session.rollback()
    return may_free_most


def _is_repeated(run: Run, tenant: Tenant) -> bool:
    """What two people allowed was allowed once: a retry is a clean-up like any other."""
    return run.parent_run_id is not None and asking.is_demanded(tenant, Act.FREE_MOST)


def _mark(claim: Claim) -> bool:
    """Give up a batch of sets; say whether there may be more. Commits.

    From here on nobody can bring them back: only then does the vault hear of it.
    """
    with claims.writing(claim) as run:
        tenant = db.session.get_one(Tenant, claim.tenant_id)
        used = facts.uses(tenant.id)
        rows = list(db.session.scalars(due(tenant.id, at=clock.now()).with_for_update()))
        free = [row for row in rows if not facts.why_spared(row, used)]
        for row in free[:BATCH]:
            _give_up(run, tenant, row)
        return len(free) > BATCH


def due(tenant_id: UUID, *, at: datetime) -> Select[BackupSet]:
    """A query for the sets whose time in the trash is over."""
    return (
        select(BackupSet)
        .where(
            BackupSet.tenant_id == tenant_id,
            BackupSet.deleted_at <= at - trash.PERIOD,
            BackupSet.purged_at.is_(None),
        )
        .order_by(BackupSet.deleted_at, BackupSet.id)
        .execution_options(populate_existing=True)
    )


def _give_up(run: Run, tenant: Tenant, row: BackupSet) -> None:
    row.purged_at = clock.now()
    run.processed_items += 1
    run.succeeded += 1
    db.session.add(
        RunItem(
            tenant_id=tenant.id,
            run_id=run.id,
            position=run.processed_items,
            item_key=f"set:{row.id}",
            action="purge",
            outcome="succeeded",
            message=f"{row.name}: in the trash since {row.deleted_at:%Y-%m-%d}"[:500],
            finished_at=row.purged_at,
        )
    )
    audit.record(
        SYSTEM,
        "set.purged",
        tenant=tenant,
        resource=f"set:{row.id}",
        reason=row.deleted_by_rule,
        details={"name": row.name, "snapshots": row.snapshot_ids, "run": str(run.id)},
    )


def _free(claim: Claim, vault: Vault, done: Purge, *, may_free_most: bool) -> None:
    gone, unprotected = _given_up(claim.tenant_id)
    visible = {one.id: one.name for one in vault.snapshots()}
    named = [one for one in visible if one in gone]
    if named:
        progress.phase(claim, "forgetting restore points in the vault")
    last_may_go = {
        one for one in named if visible[one].startswith(SAFETY) or visible[one] in unprotected
    }
    _forget(vault, [one for one in named if one not in last_may_go], done, even_last=False)
    _forget(vault, [one for one in named if one in last_may_go], done, even_last=True)
    claim.check()
    progress.phase(claim, "freeing what no restore point needs")
    done.report = vault.prune(
        drop_now=gone,  # they could be brought back from the trash for as long
        grace_days=purge_ends.GRACE_DAYS,
        may_condemn_most=may_free_most,
        on_progress=_Watch(claim),
    )
    if not _is_being_filled(claim.tenant_id):
        done.held_bytes = sum(one.size_bytes for one in vault.objects())


def _is_being_filled(tenant_id: UUID) -> bool:
    """Whether a run goes on that adds what it stores to what is counted when it ends."""
    query = select(Run.id).where(
        Run.tenant_id == tenant_id,
        Run.status == RunState.RUNNING,
        Run.run_type.in_((RunType.CAPTURE, RunType.RESTORE)),
    )
    found = db.session.scalars(query).first()
    db.session.rollback()
    return found is not None


def _given_up(tenant_id: UUID) -> tuple[set[str], set[str]]:
    """Snapshots that purged sets name and no other set; and names of sources under which even the
    last snapshot may go, since nobody protects them any more."""
    gone: set[str] = set()
    needed: set[str] = set()
    query = select(BackupSet.snapshot_ids, BackupSet.purged_at).where(
        BackupSet.tenant_id == tenant_id
    )
    for snapshot_ids, purged_at in db.session.execute(query):
        (gone if purged_at else needed).update(snapshot_ids)
    removed = select(Source.id).where(Source.tenant_id == tenant_id, Source.removed_at.is_not(None))
    names = {f"source:{source_id}" for source_id in db.session.scalars(removed)}
    db.session.rollback()
    return gone - needed, names


def _forget(vault: Vault, ids: Collection[str], done: Purge, *, even_last: bool) -> None:
    """All at once; where the vault says no, one by one, so that one does not keep the others."""
    if not ids:
        return
    try:
        vault.forget(snapshots=list(ids), even_last=even_last)
        done.forgotten += len(ids)
    except Halted:
        for one in ids:
            _forget_one(vault, one, done, even_last=even_last)


def _forget_one(vault: Vault, snapshot_id: str, done: Purge, *, even_last: bool) -> None:
    try:
        vault.forget(snapshots=[snapshot_id], even_last=even_last)
        done.forgotten += 1
    except Halted as error:
        done.stuck[snapshot_id] = str(error)


class _Watch:
    """What the page sees of a prune; and what stops it."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._progress = RunProgress(claim)

    def __call__(self, done: int, total: int, words: str) -> None:
        self._claim.check()
        if self._progress.is_due():
            progress.write(self._claim, current_item=f"{done} of {total} {words}")
