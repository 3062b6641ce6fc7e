"""Carrying out an approved plan: the rows of the plan, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing, suppress

from sqlalchemy import select

from webapp.connectors.base import REASONS, Action, Connector, Planned, Writer
from webapp.connectors.permits import Permit, PermitRefused
from webapp.connectors.writing import open_for_writing
from webapp.domain import patience
from webapp.domain.actors import Actor
from webapp.domain.outcomes import Counted
from webapp.errors import ConnectorError, Refused
from webapp.extensions import db
from webapp.items import path_of
from webapp.models import RestoreRun, Run
from webapp.services import claims, holds, progress, restore_items, safety, surroundings, vaults
from webapp.services.claims import Canceled, Claim
from webapp.services.permits import DatabaseAuthority
from webapp.services.restore_items import Outcome, Row
from webapp.services.restore_tasks import Task, preflight
from webapp.services.runs import Ending
from webapp.services.safety import Subject
from webapp.services.stored_entries import StoredEntries
from webapp.vault import Vault
from webapp.vault.errors import VaultError

BATCH = 50  # intents that are committed together, before the first of them is written
SETTLE_SECONDS = 0.5

_STOPS = {"disk_full"}  # what would befall every further item, too


def carry_out(claim: Claim) -> Ending:
    """Capture what will be overwritten, then write the plan's rows one by one.

    Safe to take over: what an earlier worker finished is not repeated, what it left in doubt is
    decided by looking at the target, and a target that fits neither is reported, never overwritten.
    """
    task = preflight(claim)
    holds.take(claim, task.target.config)
    with surroundings.prepared(claim) as around, vaults.opened(claim.tenant_id) as vault:
        connector = task.target.connect(around)
        if not task.has_begun:
            _require_same_target(task, connector)
        subject = Subject(
            plan_id=task.plan_id,
            source_id=task.target.source_id,
            source_name=task.source_name,
            connector=connector,
        )
        safety.secure(claim, subject, vault)
        progress.phase(claim, "restoring")
        restore = _Restore(claim, task, connector, vault)
        restore.run()
    return _ending(claim, restore)


def _require_same_target(task: Task, connector: Connector) -> None:
    if connector.identity() != task.target_fingerprint:
        raise Refused("plan_stale", "Another thing is in the target's place since the preview.")


class _Restore:
    """The writing itself."""

    def __init__(self, claim: Claim, task: Task, connector: Connector, vault: Vault) -> None:
        self._claim, self._task, self._connector = claim, task, connector
        self.plan_id = task.plan_id
        self._vault, self._stored = vault, vault.content()
        self._entries = StoredEntries(vault, vault.snapshot(task.snapshot_id))
        self._actor = _actor_of(claim)
        self._outcomes: list[Outcome] = []
        self._intended: set[str] = set()
        self._dealt: set[str] = set()
        self._settle_at = time.monotonic() + SETTLE_SECONDS
        self.problem: ConnectorError | None = None
        self.is_canceled = False

    def run(self) -> None:
        rows = restore_items.rows_left(self._claim.run_id, self._task.plan_id)
        mend = self._folders_to_mend()
        db.session.rollback()
        blocked = [row for row in rows if row.planned.action is Action.BLOCKED]
        held = self._held(blocked)
        lacking = [row for row in blocked if row.position in held]
        kept = [row for row in blocked if row.position not in held]
        with claims.writing(self._claim) as run:
            message = "It cannot be restored."
            restore_items.leave(run, lacking, code="blocked", message=message, outcome="failed")
            restore_items.leave(run, kept, code="blocked", message="It cannot be removed.")
        rows = [row for row in rows if row.planned.action is not Action.BLOCKED]
        permit = Permit(
            run_id=self._claim.run_id,
            fence=self._claim.fence,
            plan_id=self._task.plan_id,
            digest=self._task.digest,
        )
        try:
            with closing(open_for_writing(self._connector, permit, DatabaseAuthority())) as writer:
                self._write_all(writer, rows, mend)
        except PermitRefused:
            self._claim.check()  # canceled or taken over is the better word, if it is so
            raise

    def _held(self, blocked: Sequence[Row]) -> set[int]:
        """Positions of the blocked rows whose items the restore point holds: they should be there
        afterwards. Of a removal that is blocked the backup lacks nothing."""
        entries = StoredEntries(self._vault, self._vault.snapshot(self._task.snapshot_id))
        held = set()
        for row in blocked:
            try:
                is_held = entries.find(path_of(row.planned.key)) is not None
            except ValueError:  # the restore point holds a path that leads out
                is_held = True
            if is_held:
                held.add(row.position)
        return held

    def _folders_to_mend(self) -> list[Planned]:
        if not self._task.has_begun:
            return []
        return restore_items.folders_to_mend(self._claim.run_id, self._task.plan_id)

    def _write_all(self, writer: Writer, rows: Sequence[Row], mend: Sequence[Planned]) -> None:
        for planned in mend:
            # A folder that cannot be mended is no worse than before.
            with suppress(ConnectorError, VaultError):
                self._apply(writer, planned)
        try:
            self._write(writer, rows)
        except Canceled:
            self.is_canceled = True
        finally:
            self._settle()
        if self.is_canceled or self.problem is not None:
            self._leave(rows)
        self._finish(writer)

    def _write(self, writer: Writer, rows: Sequence[Row]) -> None:
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            self._claim.check()
            with claims.writing(self._claim) as run:
                restore_items.intend(run, batch)
                run.current_item = batch[0].planned.key[:500]
            self._intended.update(row.planned.key for row in batch)
            for row in batch:
                self._claim.check()  # between two items is the place to stop
                self._one(writer, row)
                if self.problem is not None:
                    return

    def _leave(self, rows: Sequence[Row]) -> None:
        """Give every row that was not tried its outcome. What an earlier worker left in doubt is
        decided by looking, without writing."""
        message = f"Not tried: {self.problem or 'the restore was canceled.'}"
        left = [row for row in rows if row.planned.key not in self._dealt]
        for row in left:
            if row.planned.key in self._intended or row.in_doubt:
                self._outcomes.append(self._decided(row, message))
        self._settle()
        fresh = [row for row in left if row.planned.key not in self._dealt]
        with claims.writing(self._claim) as run:
            restore_items.leave(run, fresh, code="not_attempted", message=message)

    def _decided(self, row: Row, message: str) -> Outcome:
        planned = row.planned
        if row.in_doubt and not self._is_decidable(planned):
            return Outcome(row=row, outcome="failed", code="conflict", message=REASONS["conflict"])
        if row.in_doubt and self._connector.state(planned.key) == planned.after:
            return Outcome(row=row, outcome="succeeded", reached=planned.after)
        return Outcome(row=row, outcome="skipped", code="not_attempted", message=message)

    def _one(self, writer: Writer, row: Row) -> None:
        if row.in_doubt and not self._is_decidable(row.planned):
            found = Outcome(row=row, outcome="failed", code="conflict", message=REASONS["conflict"])
        else:
            found = self._attempt(writer, row)
        self._outcomes.append(found)
        if time.monotonic() >= self._settle_at:
            self._settle()

    def _attempt(self, writer: Writer, row: Row) -> Outcome:
        try:
            reached = self._apply(writer, row.planned)
        except ConnectorError as error:
            self._stop_if_lasting(error.code, error)
            return Outcome(row=row, outcome="failed", code=error.code, message=str(error))
        except VaultError as error:
            self._stop_if_lasting(error.code, ConnectorError(error.code, vaults.told(error)))
            message = "The restore point does not give its content."
            return Outcome(row=row, outcome="failed", code=error.code, message=message)
        if reached != row.planned.after:
            message = "It was written, and is not what the plan said it would be."
            return Outcome(
                row=row, outcome="failed", code="write_error", message=message, reached=reached
            )
        return Outcome(row=row, outcome="succeeded", reached=reached)

    def _stop_if_lasting(self, code: str, problem: ConnectorError) -> None:
        """What would befall every further item ends the restore; if it may pass, the run waits,
        and goes on from what is written."""
        if not patience.may_pass(code):
            self.problem = problem if code in _STOPS else self.problem
            return
        if not self._claim.is_last_try:
            raise problem
        self.problem = problem

    def _apply(self, writer: Writer, planned: Planned) -> str:
        entry = None
        if planned.action is not Action.DELETE:
            entry = self._entries.find(path_of(planned.key))
            if entry is None:
                raise ConnectorError("not_found", "The restore point does not hold it any more.")
        return writer.apply(planned, entry, self._stored)

    def _is_decidable(self, planned: Planned) -> bool:
        """An item in doubt is as before, or as after; else somebody else had a hand in it."""
        if planned.kind == "folder" and planned.action is not Action.DELETE:
            return True  # the writer knows a folder that is half prepared
        try:
            return self._connector.state(planned.key) in {planned.before, planned.after}
        except ConnectorError:
            return False

    def _settle(self) -> None:
        outcomes, self._outcomes = self._outcomes, []
        self._dealt.update(found.row.planned.key for found in outcomes)
        self._settle_at = time.monotonic() + SETTLE_SECONDS
        if outcomes:
            with claims.writing(self._claim) as run:
                restore_items.settle(run, outcomes, self._actor)

    def _finish(self, writer: Writer) -> None:
        progress.write(self._claim, phase="finishing", current_item="")
        try:
            writer.finish()
        except ConnectorError as error:
            self.problem = self.problem or error


def _actor_of(claim: Claim) -> Actor:
    run = db.session.get_one(Run, claim.run_id)
    actor = Actor(label=run.requested_by, user_id=run.user_id)
    db.session.rollback()
    return actor


def _ending(claim: Claim, restore: _Restore) -> Ending:
    run = db.session.get_one(Run, claim.run_id)
    counted = Counted(
        done=run.succeeded,
        failed=run.failed,
        skipped=run.skipped,
        error_code=restore.problem.code if restore.problem else "",
        canceled=restore.is_canceled,
    )
    db.session.rollback()

    def also(run: Run) -> None:
        link = db.session.scalars(select(RestoreRun).where(RestoreRun.run_id == run.id)).one()
        link.results = restore_items.results_of(run.id)

    return Ending(
        counted=counted,
        error_code=restore.problem.code if restore.problem else None,
        failure_reason=str(restore.problem) if restore.problem else None,
        also=also,
        details={"plan": str(restore.plan_id)},
    )
