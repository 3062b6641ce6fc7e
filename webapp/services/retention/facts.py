"""What the rules of retention look at: the living sets of sources, who made them, what uses them.

A constant number of queries for any number of sources.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select

from webapp.domain.plans import PlanState
from webapp.domain.restore_points import BackupType, SetStatus
from webapp.domain.retention import Decision, Origin, OwnRules, Point, Rules
from webapp.domain.retention_of_sources import decide_source
from webapp.domain.runs import ACTIVE, RunType
from webapp.extensions import db
from webapp.models import (
    BackupSchedule,
    BackupScheduleRun,
    BackupSet,
    RestorePlan,
    RestoreRun,
    Run,
    Tenant,
)

SETTING = "retention"
_OPEN = tuple(state for state in PlanState if not state.is_final)
_MADE_BY = {"protect": Origin.PROTECT, "drill": Origin.DRILL}


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A set and what becomes of it. ``schedule``: its name; empty if none made it."""

    set: BackupSet
    decision: Decision
    schedule: str


def own_rules(tenant: Tenant) -> OwnRules:
    """What this tenant chose for sets that no schedule made."""
    return rules_as(tenant.settings.get(SETTING, {}))


def rules_as(chosen: Mapping[str, Any]) -> OwnRules:
    """Rules as the tenant's settings keep them."""
    return OwnRules(
        hand_days=chosen.get("hand_days"),
        pre_restore_days=chosen.get("pre_restore_days", OwnRules.pre_restore_days),
    )


def judge(
    tenant: Tenant, source_ids: Collection[UUID], *, at: datetime, lock: bool = False
) -> list[Judged]:
    """Every living set of these sources and whether it stays; newest first within a source.

    Args:
        lock: who pins one of them meanwhile waits for the caller's commit.
    """
    sets = _living(tenant.id, source_ids, lock=lock)
    schedules = _schedules(tenant.id, source_ids)
    rules = {one.id: rules_of(one) for one in schedules.values() if one.archived_at is None}
    points = _points(tenant.id, sets, source_ids, known=schedules)
    names = {one.id: one.name for one in schedules.values()}
    found: list[Decision] = []
    for source_id in source_ids:
        own = [points[one.id] for one in sets if one.source_id == source_id]
        found += decide_source(own, rules, own_rules(tenant), at=at)
    by_id = {one.id: one for one in sets}
    return [
        Judged(
            set=by_id[decision.point.id],
            decision=decision,
            schedule=names.get(decision.point.schedule, "") if decision.point.schedule else "",
        )
        for decision in found
    ]


def rules_of(schedule: BackupSchedule) -> Rules:
    return Rules.of(
        schedule.retention_keep_last, schedule.retention or {}, timezone=schedule.timezone
    )


def _living(tenant_id: UUID, source_ids: Collection[UUID], *, lock: bool) -> list[BackupSet]:
    query = select(BackupSet).where(*_are_living(tenant_id, source_ids))
    if lock:
        query = (
            query.order_by(BackupSet.finished_at, BackupSet.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    return list(db.session.scalars(query))


def _schedules(tenant_id: UUID, source_ids: Collection[UUID]) -> dict[UUID, BackupSchedule]:
    query = select(BackupSchedule).where(
        BackupSchedule.tenant_id == tenant_id, BackupSchedule.source_id.in_(source_ids)
    )
    return {one.id: one for one in db.session.scalars(query)}


def _points(
    tenant_id: UUID,
    sets: Iterable[BackupSet],
    source_ids: Collection[UUID],
    *,
    known: Collection[UUID],
) -> dict[UUID, Point]:
    runs, slots = _runs(tenant_id, source_ids), _slots(tenant_id, source_ids)
    used = uses(tenant_id)
    found = {}
    for one in sets:
        schedule = slots.get(one.id) or _named(runs[one.run_id])
        found[one.id] = Point(
            id=one.id,
            made_at=one.finished_at,
            is_complete=one.status is SetStatus.COMPLETED,
            sort=one.backup_type,
            schedule=schedule if schedule in known else None,
            origin=_origin(one, runs[one.run_id], schedule),
            spared=why_spared(one, used),
        )
    return found


def _origin(backup_set: BackupSet, run: Run, schedule: UUID | None) -> Origin:
    if backup_set.backup_type is BackupType.PRE_RESTORE:
        return Origin.PRE_RESTORE
    if schedule is not None:
        return Origin.SCHEDULE
    if run.run_type is RunType.DRILL:
        return Origin.DRILL
    return _MADE_BY.get(str(run.metadata_.get("made_by", "")), Origin.HAND)


def _named(run: Run) -> UUID | None:
    """The schedule that a run says it works for; its slot may not be written yet."""
    named = run.metadata_.get("schedule_id")
    return UUID(str(named)) if named else None


def _runs(tenant_id: UUID, source_ids: Collection[UUID]) -> dict[UUID, Run]:
    """The runs that made living sets."""
    query = select(Run).join(BackupSet, BackupSet.run_id == Run.id)
    query = query.where(*_are_living(tenant_id, source_ids))
    return {run.id: run for run in db.session.scalars(query)}


def _slots(tenant_id: UUID, source_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Which schedule made which living set."""
    slot = BackupScheduleRun
    query = select(slot.backup_set_id, slot.schedule_id)
    query = query.join(BackupSet, BackupSet.id == slot.backup_set_id)
    query = query.where(*_are_living(tenant_id, source_ids))
    return {set_id: schedule for set_id, schedule in db.session.execute(query) if set_id}


def _are_living(tenant_id: UUID, source_ids: Collection[UUID]) -> tuple[ColumnElement[bool], ...]:
    return (
        BackupSet.tenant_id == tenant_id,
        BackupSet.source_id.in_(source_ids),
        BackupSet.deleted_at.is_(None),
    )


def why_spared(backup_set: BackupSet, used: dict[UUID, str]) -> str:
    """Why nothing may delete it; empty if it may."""
    if backup_set.on_hold:
        return f"on hold: {backup_set.on_hold}"
    if backup_set.pinned:
        return "pinned"
    return used.get(backup_set.id, "")


def uses(tenant_id: UUID) -> dict[UUID, str]:
    """Sets that something under way needs, and what that is."""
    found: dict[UUID, str] = defaultdict(str)
    plans = select(RestorePlan.backup_set_id).where(
        RestorePlan.tenant_id == tenant_id, RestorePlan.state.in_(_OPEN)
    )
    for set_id in db.session.scalars(plans):
        found[set_id] = "in use by an open restore plan"
    for set_id in _used_by_runs(tenant_id):
        found[set_id] = "in use by a run"
    return dict(found)


def _used_by_runs(tenant_id: UUID) -> Iterable[UUID]:
    active = (Run.tenant_id == tenant_id, Run.status.in_(ACTIVE))
    links = select(RestoreRun.backup_set_id, RestoreRun.safety_set_id).join(
        Run, RestoreRun.run_id == Run.id
    )
    for named in db.session.execute(links.where(*active)):
        yield from (set_id for set_id in named if set_id is not None)
    for metadata in db.session.scalars(select(Run.metadata_).where(*active)):
        if metadata.get("set_id"):
            yield UUID(str(metadata["set_id"]))
