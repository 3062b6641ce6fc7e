"""The retention run: what no rule keeps goes to the trash. Never inside a capture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update

from webapp import clock
from webapp.domain.actors import SYSTEM
from webapp.domain.outcomes import Counted
from webapp.domain.permissions import Permission
from webapp.errors import Conflict
from webapp.extensions import db
from webapp.models import BackupSchedule, BackupSet, Run, RunItem, Tenant, TenantStatus, VaultRecord
from webapp.services import access as gate
from webapp.services import claims, progress, run_log
from webapp.services.claims import Claim
from webapp.services.retention import facts, trash
from webapp.services.retention.facts import Judged
from webapp.services.run_ends import Ending

BATCH = 100  # so many sets at most in one transaction


@dataclass(frozen=True, kw_only=True)
class _Task:
    """``schedule_id``: only what this one made; None for everything of the tenant."""

    schedule_id: UUID | None
    source_ids: list[UUID]
    begun_at: datetime


def carry_out(claim: Claim) -> Ending:
    """Put what the rules do not keep into the trash, source by source.

    A run taken over goes on: what was put there is no longer judged.
    """
    task = _preflight(claim)
    progress.phase(claim, "looking at what the rules keep")
    for source_id in task.source_ids:
        while _sweep(claim, source_id, only=task.schedule_id):
            claim.check()
    return _ending(claim, task)


def _preflight(claim: Claim) -> _Task:
    run = db.session.get_one(Run, claim.run_id)
    tenant = db.session.get_one(Tenant, claim.tenant_id)
    if tenant.status is not TenantStatus.ACTIVE:
        raise Conflict(f"{tenant.name} is {tenant.status}; nothing is deleted.")
    access = gate.again(run.user_id, tenant, Permission.OPERATE)
    named = run.metadata_.get("schedule_id")
    if named:
        schedule = gate.find(access, BackupSchedule, UUID(named))
        source_ids = [schedule.source_id]
    else:
        living = select(BackupSet.source_id).where(
            BackupSet.tenant_id == tenant.id, BackupSet.deleted_at.is_(None)
        )
        source_ids = sorted(db.session.scalars(living.distinct()))
    db.session.rollback()
    return _Task(
        schedule_id=UUID(named) if named else None, source_ids=source_ids, begun_at=clock.now()
    )


def _sweep(claim: Claim, source_id: UUID, *, only: UUID | None) -> bool:
    """Judge one source and put a batch into the trash; say whether there is more. Commits."""
    with claims.writing(claim) as run:
        tenant = db.session.get_one(Tenant, claim.tenant_id)
        judged = [
            one
            for one in facts.judge(tenant, [source_id], at=clock.now(), lock=True)
            if only is None or one.decision.point.schedule == only
        ]
        doomed = [one for one in judged if not one.decision.is_kept]
        for one in doomed[:BATCH]:
            _put(run, tenant, one)
        if doomed:
            line = _line(judged, doomed[:BATCH])
            run_log.add(claim.tenant_id, claim.run_id, [run_log.Line("info", line)])
        return len(doomed) > BATCH


def _line(judged: Sequence[Judged], gone: Sequence[Judged]) -> str:
    source = gone[0].set.source.name
    return f"{source}: {len(judged) - len(gone)} sets stay, {len(gone)} go to the trash."


def _put(run: Run, tenant: Tenant, one: Judged) -> None:
    now, rule = clock.now(), one.decision.rule
    details = {"schedule": one.schedule, "run": str(run.id)}
    trash.put(one.set, rule, actor=SYSTEM, tenant=tenant, at=now, details=details)
    run.processed_items += 1
    run.succeeded += 1
    db.session.add(
        RunItem(
            tenant_id=tenant.id,
            run_id=run.id,
            position=run.processed_items,
            item_key=f"set:{one.set.id}",
            action="delete",
            outcome="succeeded",
            message=f"{one.set.name}: {rule}"[:500],
            finished_at=now,
        )
    )


def _ending(claim: Claim, task: _Task) -> Ending:
    done = db.session.scalar(
        select(func.count()).select_from(RunItem).where(RunItem.run_id == claim.run_id)
    )
    db.session.rollback()

    def also(_run: Run) -> None:
        _note(claim.tenant_id, task)

    counts = dict.fromkeys(("total_items", "processed_items", "succeeded"), done or 0)
    return Ending(counted=Counted(done=done or 0), values=counts, also=also)


def _note(tenant_id: UUID, task: _Task) -> None:
    """That retention ran, and when it began: what was made since then waits for the next run."""
    schedules = update(BackupSchedule).where(BackupSchedule.tenant_id == tenant_id)
    if task.schedule_id is not None:
        schedules = schedules.where(BackupSchedule.id == task.schedule_id)
    else:
        vault = update(VaultRecord).where(VaultRecord.tenant_id == tenant_id)
        db.session.execute(vault.values(retention_ran_at=task.begun_at))
    db.session.execute(
        schedules.values(retention_ran_at=task.begun_at).execution_options(
            synchronize_session=False
        )
    )
