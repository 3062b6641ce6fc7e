"""Removes for good what has been forgotten long enough, and keeps the log of it short."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from webapp.vault.errors import Halted, ObjectMissing
from webapp.vault.pruning.findings import DAY_NS
from webapp.vault.pruning.ground import Ground
from webapp.vault.retention import moments
from webapp.vault.retention.forgetting import read_labels, undo_until_ns
from webapp.vault.retention.labels import Label, Labels, is_good
from webapp.vault.retention.ledger import FORGOTTEN, LABELS, Entry, What
from webapp.vault.snapshots import FINISHED, Snapshot

_MANY = 32


def drop_forgotten(ground: Ground) -> None:
    """Delete the roots of snapshots that were forgotten 7 days ago, unless held or pinned.

    Of a drop and an undo, or a hold, at once, one sees the other: both are written before the log
    is read again. Then nothing is deleted.

    A root that cannot be read may be dropped when its time is over, and not before: until then
    someone may bring it back.

    Raises:
        Halted: a source would lose its last good snapshot, or the log cannot be read.
    """
    engine = ground.engine
    labels = read_labels(engine)
    snapshots = {one.id: one for one in engine.roots.finished(forgotten=True)}
    unreadable = {one.object_name.removeprefix(FINISHED) for one in engine.roots.problems}
    ground.forgotten = {one for one in (*snapshots, *unreadable) if labels[one].forgotten}
    visible = [labels[one] for one in snapshots if not labels[one].forgotten]
    _pardon(ground, [drop for label in visible for drop in label.drops])
    due = _due(ground, labels)
    ground.excused = set(due)
    if due:
        _drop(ground, snapshots, due, labels=labels)
    left = ground.forgotten - set(ground.report.dropped)
    ground.report.recoverable = {one: _until_ns(ground, labels[one]) for one in sorted(left)}


def _until_ns(ground: Ground, label: Label) -> int:
    """Until when a forgotten snapshot can be brought back; 0 if for as long as it is kept."""
    if label.is_pinned or label.hold(ground.engine.storage.now_ns()) is not None:
        return 0
    return undo_until_ns(label, ground.order.undo_days)


def _drop(
    ground: Ground, snapshots: dict[str, Snapshot], due: list[str], *, labels: Labels
) -> None:
    engine = ground.engine
    _check_last(snapshots.values(), due, labels=labels)
    ground.report.dropped += sorted(due)
    if ground.order.dry_run:
        return
    names = {one: snapshots[one].name if one in snapshots else "" for one in due}
    entries = [Entry(what=What.DROP, snapshot=one, text=names[one]) for one in due]
    said = engine.roots.ledger.add(entries, new_id=engine.new_id, salt=engine.salt)
    ground.settle()
    _delete(ground, said)


def _due(ground: Ground, labels: Labels) -> list[str]:
    now_ns = ground.engine.storage.now_ns()
    free = [
        one
        for one in sorted(ground.forgotten)
        if not labels[one].is_pinned and labels[one].hold(now_ns) is None
    ]
    # Whether a hold is over is a question of time, too.
    at_once = {one for one in free if one in ground.order.drop_now and not labels[one].holds}
    later = [one for one in free if one not in at_once]
    return sorted([*at_once, *_over(ground, later, labels=labels)])


def _over(ground: Ground, candidates: list[str], *, labels: Labels) -> list[str]:
    """Those whose days are over, by a clock that can be believed."""
    if not candidates:
        return []
    try:
        notes: list[str] = []
        engine = ground.engine
        checked_ns = moments.checked(engine, notes=notes, trust=ground.order.trust_clock)
        now_ns = min(checked_ns, engine.storage.now_ns())
    except Halted:
        ground.note(
            "Forgotten snapshots stay for now: the vault's clock is more than a day ahead of the "
            "newest snapshot, or behind it. Back up first, or say that the clock is right."
        )
        return []
    last = now_ns - round(ground.order.undo_days * DAY_NS)
    return [
        one
        for one in candidates
        if labels[one].forgotten_ns <= last or not ground.order.undo_days  # 0: all of it, now
    ]


def _check_last(snapshots: Iterable[Snapshot], due: list[str], *, labels: Labels) -> None:
    left = {one.name for one in snapshots if is_good(one) and one.id not in due}
    for one in snapshots:
        if one.id in due and is_good(one) and one.name not in left and not labels[one.id].even_last:
            raise Halted(
                f"Prune stopped: {one.name} would lose its last good snapshot, {one.id}. Bring it "
                "back, make a new one, or forget it again and say that the last may go."
            )


def _delete(ground: Ground, said: list[Entry]) -> None:
    engine = ground.engine
    labels, now_ns = read_labels(engine), engine.storage.now_ns()
    saved: list[Entry] = []
    for entry in said:
        label = labels[entry.snapshot]
        stays = not label.forgotten or label.is_pinned or label.hold(now_ns) is not None
        if stays:
            ground.excused.discard(entry.snapshot)
        if stays or not ground.delete_unless_locked(FINISHED + entry.snapshot):
            saved.append(entry)
            ground.report.dropped.remove(entry.snapshot)
            continue
        engine.roots.forget(FINISHED + entry.snapshot)
    _pardon(ground, saved)


def _pardon(ground: Ground, drops: list[Entry]) -> None:
    """Take back what was said of snapshots that came into sight again meanwhile."""
    if not drops or ground.order.dry_run:
        return
    engine = ground.engine
    undo = Entry(what=What.UNDO, snapshot=drops[0].snapshot, undoes=tuple(one.id for one in drops))
    engine.roots.ledger.add([undo], new_id=engine.new_id, salt=engine.salt, folder=FORGOTTEN)


def shorten_log(ground: Ground) -> None:
    """Put many small objects of the log into one; it is durable before they go."""
    engine, ledger = ground.engine, ground.engine.roots.ledger
    for folder in (FORGOTTEN, LABELS):
        names = ledger.objects(folder)
        if len(names) < _MANY:
            continue
        try:
            found = {one.id: one for name in names for one in ledger.of_object(name)}
        except ObjectMissing:
            continue  # another prune is at it
        entries = [replace(one) for one in found.values()]
        ledger.write(folder, entries, identity=engine.new_id(), salt=engine.salt())
        ground.settle()  # or a list that is behind shows neither the one nor the others
        for name in names:
            ground.delete(name)
