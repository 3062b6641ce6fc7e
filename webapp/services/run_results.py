"""What a run left behind: restore points, a plan, a restore that can be undone."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from webapp.domain.permissions import Permission
from webapp.domain.plans import PlanState
from webapp.domain.runs import RunState, RunType
from webapp.extensions import db
from webapp.models import BackupSet, RestorePlan, RestoreRun, Run
from webapp.services import access as gate
from webapp.services.access import Access


@dataclass(frozen=True, kw_only=True)
class RunResults:
    """Attributes:
    sets: restore points that the run made, its safety capture left out.
    safety_set: for a live restore, what was there before.
    undo_plan: the plan, if this restore is being undone or has been.
    retries: the run that repeats this one, if there is one.
    """

    sets: list[BackupSet]
    plan: RestorePlan | None = None
    restore: RestoreRun | None = None
    safety_set: BackupSet | None = None
    undo_plan: RestorePlan | None = None
    retried_by: Run | None = None

    @property
    def plan_id(self) -> UUID | None:
        return self.plan.id if self.plan else None

    @property
    def plan_state(self) -> PlanState | None:
        return self.plan.state if self.plan else None


def of(access: Access, run: Run) -> RunResults:
    access.require(Permission.VIEW)
    if not run.status.is_final:
        return RunResults(sets=[], plan=_plan(access, run))
    restore = _restore(access, run)
    safety_id = restore.safety_set_id if restore else None
    made = _made_sets(access, run)
    return RunResults(
        sets=[found for found in made if found.id != safety_id],
        plan=_plan(access, run),
        restore=restore,
        safety_set=next((found for found in made if found.id == safety_id), None),
        undo_plan=_undo_plan(access, run),
        retried_by=_retry_of(access, run) if run.status is not RunState.SUCCEEDED else None,
    )


def _made_sets(access: Access, run: Run) -> list[BackupSet]:
    query = gate.rows(BackupSet, access).where(
        BackupSet.run_id == run.id, BackupSet.deleted_at.is_(None)
    )
    return list(db.session.scalars(query.order_by(BackupSet.finished_at)))


def _restore(access: Access, run: Run) -> RestoreRun | None:
    if run.run_type not in {RunType.RESTORE, RunType.PREVIEW}:
        return None
    return db.session.scalar(gate.rows(RestoreRun, access).where(RestoreRun.run_id == run.id))


def _plan(access: Access, run: Run) -> RestorePlan | None:
    query = gate.rows(RestorePlan, access)
    if run.run_type is RunType.PREVIEW:
        return db.session.scalar(query.where(RestorePlan.run_id == run.id))
    if run.run_type is RunType.RESTORE:
        used = select(RestoreRun.plan_id).where(RestoreRun.run_id == run.id)
        return db.session.scalar(query.where(RestorePlan.id.in_(used)))
    return None


def _undo_plan(access: Access, run: Run) -> RestorePlan | None:
    query = gate.rows(RestorePlan, access).where(
        RestorePlan.undo_of_run_id == run.id,
        RestorePlan.state.in_(
            (PlanState.READY, PlanState.REQUESTED, PlanState.APPROVED, PlanState.EXECUTING,
             PlanState.EXECUTED)
        ),
    )  # fmt: skip
    return db.session.scalar(query.order_by(RestorePlan.created_at.desc()).limit(1))


def _retry_of(access: Access, run: Run) -> Run | None:
    query = gate.rows(Run, access).where(Run.parent_run_id == run.id)
    return db.session.scalar(query.order_by(Run.queued_at.desc()).limit(1))
