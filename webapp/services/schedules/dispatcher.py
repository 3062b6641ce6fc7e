"""The dispatcher: once a minute, every slot that is due becomes a run, or says why not.

Any number of dispatchers may do this at once. Runs go in first, then slots, schedules and audit
entries, each sort in one order, so that two of them, or one and the end of a run, never wait for
each other in a ring. What another has taken already is left to it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Row, Table, and_, bindparam, delete, select, update

from webapp import clock
from webapp.domain.actors import SYSTEM
from webapp.domain.due import Wanted, wanted
from webapp.domain.quotas import CODE
from webapp.domain.runs import RunState, RunType
from webapp.domain.schedules import SlotStatus, Trigger
from webapp.domain.slots import next_after, whole_minute
from webapp.extensions import db, doorbell
from webapp.models import BackupSchedule, BackupScheduleRun, Run, Source, Tenant, TenantStatus
from webapp.models.columns import new_id
from webapp.services import audit, holds, quotas, schedule_slots

log = logging.getLogger(__name__)

BATCH = 500

_IS_WATCHED = and_(BackupSchedule.is_enabled, BackupSchedule.archived_at.is_(None))
_TABLE = cast(Table, BackupSchedule.__table__)
_Due = Row[Any]
_COLUMNS = (
    BackupSchedule.id, BackupSchedule.tenant_id, BackupSchedule.source_id, BackupSchedule.name,
    BackupSchedule.frequency, BackupSchedule.timezone, BackupSchedule.time_of_day,
    BackupSchedule.days_of_week, BackupSchedule.cron, BackupSchedule.backup_type,
    BackupSchedule.policy_types, BackupSchedule.include_foundations, BackupSchedule.missed,
    BackupSchedule.paused_until, BackupSchedule.evaluated_until,
    Tenant.status.label("tenant_status"), Source.removed_at, Source.config,
)  # fmt: skip


@dataclass(kw_only=True)
class Dispatched:
    """What one tick did.

    Attributes:
        due: schedules that were looked at.
        started: slots that became runs; ``run_ids`` are those.
        skipped: slots of this minute that were left out, by the code that says why.
        missed: earlier slots, each as a row or counted by one.
        taken: slots that somebody else had taken already.
    """

    at: datetime
    due: int = 0
    started: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    missed: int = 0
    taken: int = 0
    seconds: float = 0.0
    run_ids: list[UUID] = field(default_factory=list)

    def note(self, slot: Mapping[str, Any], *, at: datetime) -> None:
        code = slot["error_code"]
        if slot["run_id"] is not None:
            self.started += 1
            self.run_ids.append(slot["run_id"])
        elif slot["scheduled_for"] < at:
            self.missed += 1 + int(slot["summary"].get("more", 0))
        else:
            self.skipped[code] = self.skipped.get(code, 0) + 1


def dispatch(*, at: datetime) -> Dispatched:
    """Start what is due in the minute of *at*, and note what was missed before. Commits in
    batches, and rings for each batch after its commit."""
    began, done = time.monotonic(), Dispatched(at=whole_minute(at))
    db.session.rollback()
    _forget_the_future(done.at)
    while batch := _due(done.at):
        started = len(done.run_ids)
        _dispatch(batch, done)
        db.session.commit()
        for run_id in done.run_ids[started:]:
            doorbell.ring(run_id)
    db.session.rollback()
    done.seconds = time.monotonic() - began
    return done


def _due(at: datetime) -> list[_Due]:
    return list(
        db.session.execute(
            select(*_COLUMNS)
            .join(Tenant, Tenant.id == BackupSchedule.tenant_id)
            .join(Source, Source.id == BackupSchedule.source_id)
            .where(
                _IS_WATCHED,
                BackupSchedule.next_run_at <= at,
            )
            .order_by(BackupSchedule.tenant_id, BackupSchedule.id)
            .limit(BATCH)
        )
    )


def _dispatch(batch: list[_Due], done: Dispatched) -> None:
    is_free = holds.look()
    full = quotas.used_up({schedule.tenant_id for schedule in batch})
    slots, runs = [], {}
    for schedule in batch:
        for want in _wanted(schedule, done.at):
            code = want.skipped or _why_not(schedule, is_free, full)
            slot = _slot(schedule, want, code=code)
            slots.append(slot)
            if not slot["error_code"]:
                runs[slot["id"]] = _run(schedule, slot)
    done.due += len(batch)
    open_slots = _not_taken(slots)
    done.taken += len(slots) - len(open_slots)
    mine = _store(open_slots, runs)
    for slot in mine:
        done.note(slot, at=done.at)
    done.taken += len(open_slots) - len(mine)
    _advance(batch, mine, at=done.at)
    _record(mine, runs)


def _wanted(schedule: _Due, at: datetime) -> list[Wanted]:
    try:
        return wanted(
            schedule_slots.timing(schedule),
            since=schedule.evaluated_until,
            at=at,
            rule=schedule.missed,
            paused_until=schedule.paused_until,
        )
    except Exception:  # one that cannot be understood must not stop the others
        log.exception("schedule %s has a time that cannot be understood", schedule.id)
        return [Wanted(minute=at, skipped="schedule_unusable")]


def _why_not(
    schedule: _Due, is_free: Callable[[Mapping[str, object]], bool], full: Collection[UUID]
) -> str:
    if schedule.tenant_status is not TenantStatus.ACTIVE:
        return "tenant_not_active"
    if schedule.removed_at is not None:
        return "source_removed"
    if schedule.tenant_id in full:
        return CODE
    return "" if is_free(schedule.config) else "restore_running"


def _slot(schedule: _Due, want: Wanted, *, code: str) -> dict[str, Any]:
    slot = {
        "id": new_id(), "tenant_id": schedule.tenant_id, "schedule_id": schedule.id,
        "scheduled_for": want.minute, "trigger": want.trigger, "status": SlotStatus.RUNNING,
        "run_id": None, "error_code": None, "error_message": None, "summary": {},
        "started_at": clock.now(), "finished_at": None,
    }  # fmt: skip
    if want.more:
        slot["summary"] = {"more": want.more, "since": want.since.isoformat() if want.since else ""}
    return _skip(slot, code) if code else slot


def _skip(slot: dict[str, Any], code: str) -> dict[str, Any]:
    message = schedule_slots.skipped_because(code)
    if slot["summary"].get("more"):
        message = f"{message} So were {slot['summary']['more']:,} slots before it."
    slot.update(
        status=SlotStatus.SKIPPED, error_code=code, error_message=message, finished_at=clock.now()
    )
    return slot


def _run(schedule: _Due, slot: dict[str, Any]) -> dict[str, Any]:
    now = clock.now()
    return {
        "id": new_id(), "tenant_id": schedule.tenant_id, "run_type": RunType.CAPTURE,
        "action": schedule_slots.SCHEDULED, "status": RunState.QUEUED,
        "idempotency_key": schedule_slots.key_of(schedule.id), "source_id": schedule.source_id,
        "requested_by": SYSTEM.label, "queued_at": now, "rung_at": now,
        "metadata": schedule_slots.run_metadata(
            schedule, slot["id"], slot["scheduled_for"], trigger=slot["trigger"]
        ),
    }  # fmt: skip


def _not_taken(slots: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the minutes that have a slot already, such as those of ``run now``."""
    if not slots:
        return []
    found = db.session.execute(
        select(BackupScheduleRun.schedule_id, BackupScheduleRun.scheduled_for).where(
            BackupScheduleRun.schedule_id.in_({slot["schedule_id"] for slot in slots}),
            BackupScheduleRun.scheduled_for >= min(slot["scheduled_for"] for slot in slots),
        )
    )
    taken = {(row.schedule_id, row.scheduled_for) for row in found}
    return [slot for slot in slots if (slot["schedule_id"], slot["scheduled_for"]) not in taken]


def _store(
    slots: list[dict[str, Any]], runs: Mapping[UUID, dict[str, Any]]
) -> list[dict[str, Any]]:
    """Insert runs, then slots; return the slots that went in. Where the schedule has a run under
    way, the slot is skipped; where somebody took the minute meanwhile, our run goes again."""
    ours = [runs[slot["id"]] for slot in slots if slot["id"] in runs]
    accepted = schedule_slots.insert_new(Run, ours)
    for slot in slots:
        run = runs.get(slot["id"])
        if run is not None and run["id"] in accepted:
            slot["run_id"] = run["id"]
        elif run is not None:
            _skip(slot, "schedule_busy")
    stored = schedule_slots.insert_new(BackupScheduleRun, slots)
    useless = [slot["run_id"] for slot in slots if slot["id"] not in stored and slot["run_id"]]
    if useless:
        db.session.execute(delete(Run).where(Run.id.in_(useless)))
    return [slot for slot in slots if slot["id"] in stored]


def _advance(batch: list[_Due], slots: list[dict[str, Any]], *, at: datetime) -> None:
    """Note up to where schedules have been looked at, when they run next, and what was skipped.
    A run that is under way speaks for its schedule when it ends."""
    moves = [{"key": s.id, "seen": at, "following": _following(s, at)} for s in batch]
    db.session.connection().execute(
        update(_TABLE)
        .where(_TABLE.c.id == bindparam("key"))
        .values(evaluated_until=bindparam("seen"), next_run_at=bindparam("following")),
        moves,
    )
    ended = {s["schedule_id"]: s for s in slots if s["error_code"] not in {None, "schedule_busy"}}
    if ended:
        db.session.connection().execute(
            update(_TABLE)
            .where(_TABLE.c.id == bindparam("key"))
            .values(last_run_at=bindparam("began"), last_run_status=SlotStatus.SKIPPED),
            [{"key": key, "began": slot["scheduled_for"]} for key, slot in ended.items()],
        )


def _following(schedule: _Due, at: datetime) -> datetime | None:
    try:
        return next_after(schedule_slots.timing(schedule), at)
    except Exception:  # logged above; edited, it goes on
        return None


def _record(slots: Iterable[dict[str, Any]], runs: Mapping[UUID, dict[str, Any]]) -> None:
    """One audit entry for each slot that became a run, in the chain of its tenant."""
    facts: dict[UUID, list[audit.Fact]] = {}
    for slot in slots:
        if slot["run_id"] is not None:
            run = runs[slot["id"]]
            fact = schedule_slots.dispatched(run["metadata"], run["id"], source_id=run["source_id"])
            facts.setdefault(run["tenant_id"], []).append(fact)
    audit.record_many(SYSTEM, facts)


def _forget_the_future(at: datetime) -> None:
    """After a clock that was far ahead: schedules are looked at from now on, and what was called
    missed before its time was not. What really ran keeps its slot, so nothing runs twice."""
    ahead = list(
        db.session.execute(
            select(*_COLUMNS)
            .join(Tenant, Tenant.id == BackupSchedule.tenant_id)
            .join(Source, Source.id == BackupSchedule.source_id)
            .where(_IS_WATCHED, BackupSchedule.evaluated_until > at + clock.BELIEVED_AHEAD)
        )
    )
    if not ahead:
        return
    log.warning("the clock was set back: %s schedules are looked at again", len(ahead))
    db.session.execute(
        delete(BackupScheduleRun).where(
            BackupScheduleRun.schedule_id.in_([schedule.id for schedule in ahead]),
            BackupScheduleRun.scheduled_for > at,
            BackupScheduleRun.run_id.is_(None),
            BackupScheduleRun.trigger == Trigger.SCHEDULE,
        )
    )
    _advance(ahead, [], at=at)
    db.session.commit()
