"""What must hold when a campaign of kills is over. Each function names what does not."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from tests.torture.people import OURS, People, Restore, files_below
from webapp.domain.outcomes import Counted, judge
from webapp.domain.restore_points import BackupType
from webapp.domain.runs import RunState, RunType
from webapp.domain.schedules import SlotStatus, Trigger
from webapp.domain.slots import minutes
from webapp.extensions import db
from webapp.models import (
    AuditEntry,
    BackupItem,
    BackupSchedule,
    BackupScheduleRun,
    BackupSet,
    BulkOperationRun,
    PlanItem,
    RestoreRun,
    Run,
    RunItem,
)
from webapp.services import audit_chain, holds, schedule_slots, vaults
from webapp.settings import Settings

_LEFT_SET = {RunState.SUCCEEDED, RunState.PARTIAL}
_COUNTED_AS = {
    "succeeded": "succeeded",
    "partial": "failed",
    "failed": "failed",
    "skipped": "skipped",
}


def _rows(query: Any) -> list[Any]:
    return list(db.session.scalars(query).unique())


@dataclass(kw_only=True)
class Books:
    """All rows, as they are at the end."""

    runs: dict[UUID, Run] = field(default_factory=lambda: {r.id: r for r in _rows(select(Run))})
    items: dict[UUID, list[RunItem]] = field(default_factory=lambda: _by_run(RunItem))
    sets: dict[UUID, list[BackupSet]] = field(default_factory=lambda: _by_run(BackupSet))
    slots: list[BackupScheduleRun] = field(default_factory=lambda: _rows(select(BackupScheduleRun)))
    entries: list[AuditEntry] = field(
        default_factory=lambda: _rows(select(AuditEntry).order_by(AuditEntry.chain, AuditEntry.seq))
    )

    def of(self, *types: RunType) -> Iterator[Run]:
        return (run for run in self.runs.values() if run.run_type in types)


def _by_run(model: type[Any]) -> dict[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = defaultdict(list)
    for row in _rows(select(model)):
        found[row.run_id].append(row)
    return found


def all_of(people: People, settings: Settings) -> list[str]:
    """Everything that is wrong; call it when nobody works any more."""
    db.session.rollback()
    books = Books()
    db.session.expunge_all()  # what is looked at from here on is as it was now
    checks = (
        of_promises(books, people), of_slots(books), of_sets(books), of_items(books),
        of_bulk(books), of_plans(books), of_ends(books), of_audit(books, people),
        of_restored(books, people), of_leftovers(settings), of_vaults(books, people),
    )  # fmt: skip
    problems = [problem for found in checks for problem in found]
    db.session.rollback()
    return problems


def of_promises(books: Books, people: People) -> Iterator[str]:
    """Nothing that was accepted is lost; nothing is there that nobody asked for."""
    for run_id in people.accepted - books.runs.keys():
        yield f"run {run_id} was accepted, and is gone"
    for run in books.runs.values():
        if not run.status.is_final:
            yield f"run {run.id} is still {run.status}"
        if run.lease_owner or run.lease_until or run.not_before:
            yield f"run {run.id} has ended and is still held"
    children = {note["run"] for run in books.of(RunType.BULK) for note in _children(run).values()}
    asked = Counter(
        run.reason for run in books.of(RunType.CAPTURE)
        if run.action == "capture" and str(run.id) not in children
    )  # fmt: skip
    yield from (f"{reason} has {n} runs" for reason, n in asked.items() if n > 1)
    unknown = [
        run for run in books.runs.values()
        if run.user_id and run.id not in people.accepted and str(run.id) not in children
    ]  # fmt: skip
    if len(unknown) > people.unanswered:
        yield f"{len(unknown)} runs that nobody was promised, {people.unanswered} without answer"


def _children(run: Run) -> dict[str, dict[str, Any]]:
    return dict(run.metadata_.get("children", {}))


def of_slots(books: Books) -> Iterator[str]:
    """Each minute of each schedule has one slot, with one run or with the reason for none; and a
    scheduler that was dead for seconds has missed none."""
    runs_of_slots = Counter(slot.run_id for slot in books.slots if slot.run_id)
    scheduled = {run.id for run in books.of(RunType.CAPTURE) if run.action == "scheduled"}
    yield from (f"run {run_id} is of no slot" for run_id in scheduled - runs_of_slots.keys())
    yield from (f"run {run_id} is of {n} slots" for run_id, n in runs_of_slots.items() if n > 1)
    for schedule in _rows(select(BackupSchedule)):
        slots = [slot for slot in books.slots if slot.schedule_id == schedule.id]
        yield from _of_schedule(schedule, slots)
    for slot in books.slots:
        yield from _of_slot(slot, books)


def _of_schedule(schedule: BackupSchedule, slots: list[BackupScheduleRun]) -> Iterator[str]:
    timing, until = schedule_slots.timing(schedule), schedule.evaluated_until
    due = takewhile(lambda at: at <= until, minutes(timing, schedule.created_at))
    found = Counter(s.scheduled_for for s in slots if s.trigger is not Trigger.RETRY)
    for minute in due:
        if found.pop(minute, 0) != 1:
            yield f"{schedule.name}: {minute:%H:%M} has no slot of its own"
    if found:
        yield f"{schedule.name}: slots at minutes that are none: {sorted(found)}"


def _of_slot(slot: BackupScheduleRun, books: Books) -> Iterator[str]:
    if slot.error_code == "missed" or slot.trigger is Trigger.MISSED:
        yield f"slot {slot.id} was missed, although no scheduler was away for long"
    run = books.runs.get(slot.run_id) if slot.run_id else None
    if run is None:
        if slot.status is not SlotStatus.SKIPPED or not slot.error_code:
            yield f"slot {slot.id} has no run and is {slot.status}, {slot.error_code!r}"
        return
    made = books.sets.get(run.id, [])
    if slot.status is SlotStatus.RUNNING:
        yield f"slot {slot.id} is still running"
    if [one.id for one in made] != ([slot.backup_set_id] if slot.backup_set_id else []):
        yield f"slot {slot.id} names another set than its run {run.id} made"


def of_sets(books: Books) -> Iterator[str]:
    """One backup set for each capture that left something; none for any other."""
    for run in books.runs.values():
        made = books.sets.get(run.id, [])
        if run.run_type is RunType.CAPTURE:
            if len(made) != int(run.status in _LEFT_SET):
                yield f"{run.status} capture {run.id} has {len(made)} sets"
        elif run.run_type is RunType.RESTORE:
            if len(made) > 1 or any(s.backup_type is not BackupType.PRE_RESTORE for s in made):
                yield f"restore {run.id} has {len(made)} sets"
        elif made:
            yield f"{run.run_type} {run.id} has sets"
    snapshots = Counter(one for sets in books.sets.values() for s in sets for one in s.snapshot_ids)
    yield from (f"snapshot {one} is in {n} sets" for one, n in snapshots.items() if n > 1)


def of_items(books: Books) -> Iterator[str]:
    """One outcome for each item; the run's counters are those of its items."""
    files: Counter[UUID] = Counter()
    for item in _rows(select(BackupItem)):
        files[item.backup_set_id] += item.file_count
    for run in books.runs.values():
        items = books.items.get(run.id, [])
        keys = Counter(item.item_key for item in items)
        yield from (f"run {run.id} has {key} twice" for key, n in keys.items() if n > 1)
        if any(item.outcome is None for item in items):
            yield f"run {run.id} has items without outcome"
        if run.run_type in {RunType.RESTORE, RunType.BULK} or run.action == "retention":
            yield from _of_counters(run, items)
        elif run.run_type is RunType.CAPTURE and run.status in _LEFT_SET:
            held = sum(files[one.id] for one in books.sets[run.id])
            if (run.succeeded, run.failed, run.skipped) != (held, 0, 0):
                yield f"capture {run.id} counts {run.succeeded} files, its set {held}"


def _of_counters(run: Run, items: Iterable[RunItem]) -> Iterator[str]:
    counted = Counter(_COUNTED_AS.get(str(item.outcome), "") for item in items)
    for name in ("succeeded", "failed", "skipped"):
        if getattr(run, name) != counted[name]:
            yield f"{run.run_type} {run.id}: {name} {getattr(run, name)}, items {counted[name]}"
    if run.processed_items != counted.total():
        yield f"{run.run_type} {run.id}: processed {run.processed_items} of {counted.total()}"


def of_bulk(books: Books) -> Iterator[str]:
    """Each item of a bulk run once, and no run is the work of two of them."""
    for link in _rows(select(BulkOperationRun)):
        run, items = books.runs[link.run_id], books.items.get(link.run_id, [])
        wanted = {f"{link.resource}:{item_id}" for item_id in link.item_ids}
        if {item.item_key for item in items} != wanted:
            yield f"bulk run {run.id} has items {len(items)} of {len(wanted)}"
        for item_id, note in _children(run).items():
            child = books.runs.get(UUID(note["run"]))
            if child is None:
                yield f"bulk run {run.id}: the run of {item_id} is gone"
    owned = Counter(
        note["run"] for run in books.of(RunType.BULK)
        for note in _children(run).values() if note["is_own"]
    )  # fmt: skip
    yield from (f"run {one} is the child of {n} bulk runs" for one, n in owned.items() if n > 1)
    bulk_reasons = {run.reason: run for run in books.of(RunType.BULK)}
    for reason, run in bulk_reasons.items():
        made = [one for one in books.of(RunType.CAPTURE) if one.reason == reason]
        names = {note["run"] for note in _children(run).values()}
        for one in made:
            if str(one.id) not in names:
                yield f"bulk run {run.id} began {one.id} and does not know of it"


def of_plans(books: Books) -> Iterator[str]:
    """A plan is carried out by one run at most, and every row of it has its outcome there."""
    links = [link for link in _rows(select(RestoreRun)) if not link.is_dry_run]
    used = Counter(link.plan_id for link in links)
    yield from (f"plan {plan_id} was carried out {n} times" for plan_id, n in used.items() if n > 1)
    for link in links:
        run, items = books.runs[link.run_id], books.items.get(link.run_id, [])
        query = select(PlanItem.item_key).where(
            PlanItem.plan_id == link.plan_id, PlanItem.action != "unchanged"
        )
        rows = set(db.session.scalars(query))
        if run.total_items is not None and {item.item_key for item in items} != rows:
            yield f"restore {run.id} has {len(items)} items of {len(rows)}"


def of_ends(books: Books) -> Iterator[str]:
    """The end of each run is what the rules say of what was counted."""
    for run in books.runs.values():
        verdict = judge(_counted(run, books.items.get(run.id, [])))
        if (run.status, run.deciding_rule) != (verdict.state, verdict.rule):
            yield f"{run.run_type} {run.id} is {run.status} by {run.deciding_rule!r}, not {verdict}"


def _counted(run: Run, items: list[RunItem]) -> Counted:
    """The same facts, found in the rows."""
    done, failed = run.succeeded, run.failed
    if run.run_type is RunType.BULK and not run.error_code:
        done += sum(item.outcome == "partial" for item in items)
    if run.error_code and run.run_type in {RunType.CAPTURE, RunType.PREVIEW}:
        done = failed = 0  # it left nothing
    stopped = bool(run.error_code)
    return Counted(
        done=done,
        failed=0 if stopped else failed,
        skipped=0 if stopped else run.skipped,
        error_code=run.error_code or "",
        canceled=run.status is RunState.CANCELED and run.cancel_requested_at is not None,
    )


def of_audit(books: Books, people: People) -> Iterator[str]:
    """The chains are whole, and have one entry for each act."""
    for customer in people.customers:
        found = audit_chain.verify(customer.tenant_id)
        if not found.ok:
            yield f"the audit chain of {customer.slug}: {found.problem}"
    acts: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in books.entries:
        acts[entry.resource][entry.action.partition(".")[2]] += 1
    for run in books.runs.values():
        of_run = acts[f"run:{run.id}"]
        begun = of_run["started"] + (of_run["dispatched"] if run.action == "scheduled" else 0)
        if (begun, of_run["ended"]) != (1, 1):
            yield f"{run.run_type} {run.id} has {dict(of_run)} in the audit log"
    yield from _of_deleted(books, acts)
    yield from _of_changed(books)


def _of_deleted(books: Books, acts: dict[str, Counter[str]]) -> Iterator[str]:
    for one in (s for sets in books.sets.values() for s in sets):
        if acts[f"set:{one.id}"]["deleted"] != int(one.deleted_at is not None):
            yield f"set {one.id} was deleted {acts[f'set:{one.id}']['deleted']} times"


def _of_changed(books: Books) -> Iterator[str]:
    """What a restore wrote is named once, with the state that it reached."""
    named: Counter[tuple[str, str]] = Counter()
    for entry in books.entries:
        if entry.action == "restore.items_changed":
            named.update((entry.resource, item["key"]) for item in entry.details["items"])
    for run in books.of(RunType.RESTORE):
        for item in books.items.get(run.id, []):
            count = named[f"run:{run.id}", item.item_key]
            if item.outcome == "succeeded" and count != 1:
                yield f"restore {run.id}: {item.item_key} is in the audit log {count} times"


def of_restored(books: Books, people: People) -> Iterator[str]:
    """What is said to be restored is there, whole; and nothing of ours lies beside it."""
    yield from people.problems
    for one in people.restores:
        if one.run_id is not None and one.folder is not None:
            yield from _of_folder(one, books, people)


def _of_folder(one: Restore, books: Books, people: People) -> Iterator[str]:
    assert one.run_id is not None
    assert one.folder is not None
    run = books.runs[one.run_id]
    name = next(iter(sorted(one.customer.sources)))
    wanted = people.healthy[f"{one.customer.slug}/{name}"]
    there = files_below(one.folder)
    for path in there.keys() - wanted.keys():
        if OURS not in path or run.error_code != "worker_lost":
            yield f"restore {run.id}: {path} should not be there"
    for path, content in there.items():
        if path in wanted and content != wanted[path]:
            yield f"restore {run.id}: {path} is not what the backup holds"
    said = {item.item_key for item in books.items.get(run.id, []) if item.outcome == "succeeded"}
    for path in wanted:
        if f"tree:{path}" in said and path not in there:
            yield f"restore {run.id}: {path} is said to be there and is not"
    if run.status is RunState.SUCCEEDED and there != wanted:
        yield f"restore {run.id} succeeded and lacks something"


def of_leftovers(settings: Settings) -> Iterator[str]:
    """Nobody holds a place, a lock or a scratch folder any more."""
    if not holds.is_free({"path": "/"}):
        yield "a restore that has ended still holds its place"
    if settings.scratch.is_dir() and (left := sorted(settings.scratch.iterdir())):
        yield f"scratch is not empty: {left}"
    if db.engine.dialect.name == "postgresql":
        others = "locktype = 'advisory' AND pid <> pg_backend_pid()"
        if db.session.scalar(text(f"SELECT count(*) FROM pg_locks WHERE {others}")):
            yield "somebody still has a lock of the database, or waits for it"


def of_vaults(books: Books, people: People) -> Iterator[str]:
    """Each vault is sound to the last byte, and holds every set that is not given up."""
    for customer in people.customers:
        sets = [one for sets in books.sets.values() for one in sets]
        named = {
            snapshot: one.id for one in sets
            if one.tenant_id == customer.tenant_id and one.purged_at is None
            for snapshot in one.snapshot_ids
        }  # fmt: skip
        with vaults.opened(customer.tenant_id) as vault:
            errors = vault.verify(read_data=1.0).errors
            known = {one.id for one in vault.snapshots()}
        yield from (f"the vault of {customer.slug}: {error}" for error in errors)
        yield from (f"set {named[one]} is not in the vault" for one in named.keys() - known)


def runs_by_end() -> dict[str, int]:
    """How many runs of each sort ended how."""
    ends = Counter(
        f"{run.action} {run.status}{' ' + run.error_code if run.error_code else ''}"
        for run in _rows(select(Run))
    )
    db.session.rollback()
    return dict(sorted(ends.items()))
