"""Before the first write: capture what a restore will overwrite, all of it, or write nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from webapp.connectors.base import Connector
from webapp.connectors.states import state_of
from webapp.domain import patience
from webapp.domain.restore_points import BackupType, SetStatus
from webapp.errors import Refused
from webapp.extensions import db
from webapp.items import Tally, key_of, path_of
from webapp.models import PlanItem, RestoreRun, Run
from webapp.services import captures, claims, progress, restore_items, set_contents, vaults
from webapp.services.capture_report import CaptureReport
from webapp.services.claims import Claim
from webapp.services.progress import RunProgress
from webapp.services.set_contents import NewSet
from webapp.vault import BackupResult, CountedReport, Vault
from webapp.vault.errors import VaultError

OVERWRITES = ("update", "replace", "delete")


@dataclass(frozen=True)
class Before:
    """One item that will be overwritten, and its state as the plan saw it."""

    position: int
    key: str
    action: str
    state: str


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is secured: the target of one plan."""

    plan_id: UUID
    source_id: UUID
    source_name: str
    connector: Connector


def secure(claim: Claim, subject: Subject, vault: Vault) -> None:
    """Capture what the plan overwrites as a backup set of type pre-restore; once a run.

    Items that are not what the plan saw are noted as refused: what was captured of them is not
    what an undo should bring back, so they are not written at all.

    Raises:
        Refused: ``safety_failed``. Not one byte of the target has been written.
    """
    if _is_done(claim):
        return
    progress.phase(claim, "capturing what will be overwritten")
    rows = _rows(subject.plan_id)
    report = CaptureReport()
    try:
        result = _capture(claim, subject, rows, vault=vault, report=report)
        captures.require_sound(vault, result.snapshot)
    except VaultError as error:
        if patience.may_pass(error.code) and not claim.is_last_try:
            raise  # nothing is written yet; it is tried again later
        raise Refused("safety_failed", _sentence(f"the vault said {error.code}")) from error
    if report.problems:
        key, problem = next(iter(report.problems.items()))
        raise Refused("safety_failed", _sentence(f"{key}: {problem.message}"))
    moved = _moved(vault, result, rows, subject.connector)
    contents = set_contents.of(vault, result.snapshot, result.tally, {})
    new = NewSet(
        source_id=subject.source_id,
        source_name=subject.source_name,
        backup_type=BackupType.PRE_RESTORE,
        status=SetStatus.COMPLETED,
        snapshot=result.snapshot,
        contents=contents,
        tally=result.tally,
        metadata={"plan_id": str(subject.plan_id)},
    )
    with claims.writing(claim) as run:
        _remember(run, new, moved)


def _sentence(why: str) -> str:
    return f"What would be overwritten could not be captured, so nothing was written: {why}"


def _is_done(claim: Claim) -> bool:
    link = db.session.scalars(select(RestoreRun).where(RestoreRun.run_id == claim.run_id)).one()
    done = link.safety_set_id is not None
    db.session.rollback()
    return done


def _rows(plan_id: UUID) -> list[Before]:
    query = (
        select(PlanItem.position, PlanItem.item_key, PlanItem.action, PlanItem.before_hash)
        .where(PlanItem.plan_id == plan_id, PlanItem.action.in_(OVERWRITES))
        .order_by(PlanItem.position)
    )
    rows = [Before(*row) for row in db.session.execute(query)]
    db.session.rollback()
    return rows


def _capture(
    claim: Claim,
    subject: Subject,
    rows: Iterable[Before],
    *,
    vault: Vault,
    report: CaptureReport,
) -> BackupResult:
    counted = CountedReport(report)
    source = subject.connector.select([row.key for row in rows], counted)
    try:
        return vault.backup(
            source,
            name=f"safety:{subject.source_id}",
            report=counted,
            reason="before a restore",
            metadata={"run_id": str(claim.run_id), "plan_id": str(subject.plan_id)},
            parent=None,  # read everything: nothing about it is taken on trust
            on_progress=_Watch(claim),
        )
    finally:
        source.close()


class _Watch:
    """Counters of the restore itself must not show the safety capture's files: bytes only."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._progress = RunProgress(claim)

    def __call__(self, tally: Tally) -> None:
        self._claim.check()
        if self._progress.is_due():
            progress.write(self._claim, read_bytes=tally.read_bytes)


def _moved(
    vault: Vault, result: BackupResult, rows: Sequence[Before], connector: Connector
) -> list[Before]:
    """Which items were captured in another state than the plan saw, or not at all."""
    captured = {
        key_of(entry.path): state_of(entry, entry.digest)
        for entry in vault.entries(result.snapshot)
        if not entry.path.startswith(b"db/")
    }
    found = []
    for row in rows:
        if path_of(row.key).startswith(b"db/"):  # its state is not that of a file
            state = connector.state(row.key)
        else:
            state = captured.get(row.key, "")
        if state != row.state:
            found.append(row)
    return found


def _remember(run: Run, new: NewSet, moved: Sequence[Before]) -> None:
    made = set_contents.add(run, new)
    made.verified_at = new.snapshot.created_at
    vaults.note_head(run.tenant_id, new.snapshot, stored_bytes=new.tally.stored_bytes)
    link = db.session.scalars(select(RestoreRun).where(RestoreRun.run_id == run.id)).one()
    link.safety_set_id = made.id
    restore_items.refuse(run, [(row.position, row.key, row.action, row.state) for row in moved])
    run.stored_bytes += new.tally.stored_bytes
