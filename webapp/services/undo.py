"""Undoing a restore: a plan like any other, made from what the restore captured beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from webapp import clock
from webapp.domain.permissions import Permission
from webapp.domain.runs import RunType
from webapp.errors import Conflict, Refused
from webapp.extensions import db
from webapp.items import path_of, sort_key
from webapp.models import BackupSet, PlanItem, RestorePlan, RestoreRun, Run, RunItem
from webapp.models.columns import new_id
from webapp.services import access as gate
from webapp.services import plans, restore_items, targets
from webapp.services.access import Access
from webapp.services.targets import Target


@dataclass(frozen=True, kw_only=True)
class Change:
    """One item that a restore changed, or was about to when its worker was lost.

    Attributes:
        existed: it was there before; else undoing removes it.
        left: its fingerprint as the restore left it.
    """

    key: str
    existed: bool
    left: str


def start(access: Access, run_id: UUID, *, at: datetime | None = None) -> tuple[Run, bool]:
    """Queue the preview of undoing a restore. Commits, rings.

    Raises:
        Conflict: it is no restore, or has not ended.
        Refused: ``nothing_to_undo``, ``target_differs``.
        NotFound: what it overwrote is no longer kept.
    """
    access.require(Permission.PREVIEW)
    run: Run = gate.find(access, Run, run_id)
    if run.run_type is not RunType.RESTORE or not run.status.is_final:
        raise Conflict("Only a restore that has ended can be undone.")
    link = db.session.scalars(
        select(RestoreRun).where(
            RestoreRun.tenant_id == access.tenant.id, RestoreRun.run_id == run.id
        )
    ).one()
    if link.safety_set_id is None or link.plan_id is None or not changes_of(run.id):
        raise Refused("nothing_to_undo", "This restore changed nothing.")
    gate.find(access, BackupSet, link.safety_set_id)  # gone, if retention took it after its time
    done: RestorePlan = gate.find(access, RestorePlan, link.plan_id)
    require_same_target(done, targets.of_plan(access, done))
    plan = RestorePlan(
        id=new_id(),
        tenant_id=access.tenant.id,
        backup_set_id=link.safety_set_id,
        target_source_id=done.target_source_id,
        target_path=done.target_path,
        scope=[],
        undo_of_run_id=run.id,
        created_at=at or clock.now(),
        previewed_by=access.actor.label,
    )
    return plans.queue(access, plan)


def require_same_target(done: RestorePlan, target: Target) -> None:
    """What a restore did in one place is not undone in another.

    Raises:
        Refused: ``target_differs``.
    """
    if target.fingerprint != done.source_fingerprint:
        raise Refused(
            "target_differs",
            "The target's settings have changed since that restore, so undoing it could reach "
            "something else. Set them back, or restore its safety set.",
        )


def changes_of(run_id: UUID) -> tuple[Change, ...]:
    """What the restore changed, or may have changed, in the order of a snapshot."""
    in_doubt = RunItem.intent_at.is_not(None) & (
        RunItem.outcome.is_(None) | (RunItem.reason_code == restore_items.IN_DOUBT)
    )
    was_written = RunItem.outcome.in_(("succeeded", "failed")) & (RunItem.after_hash != "")
    query = (
        select(RunItem.item_key, RunItem.before_hash, RunItem.after_hash, PlanItem.after_hash)
        .join(RestoreRun, RestoreRun.run_id == RunItem.run_id)
        .join(
            PlanItem,
            (PlanItem.plan_id == RestoreRun.plan_id) & (PlanItem.item_key == RunItem.item_key),
        )
        .where(
            RunItem.run_id == run_id,
            (RunItem.outcome == "succeeded") | was_written | in_doubt,
            RunItem.action.in_(("create", "update", "replace", "delete")),
        )
    )
    found = [
        Change(key=key, existed=bool(before), left=reached or planned)
        for key, before, reached, planned in db.session.execute(query)
    ]
    return tuple(sorted(found, key=lambda change: sort_key(path_of(change.key))))
