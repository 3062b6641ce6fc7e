"""Forget: snapshots go out of sight by rules, or by name, and can be brought back for 7 days."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from webapp.vault.engine import Engine
from webapp.vault.errors import Halted, SnapshotMissing
from webapp.vault.retention import moments
from webapp.vault.retention.doubts import DAY_NS
from webapp.vault.retention.labels import Label, Labels, is_good
from webapp.vault.retention.ledger import FORGOTTEN, LABELS, Entry, What
from webapp.vault.retention.rules import Policy, Verdict, decide
from webapp.vault.revoking import settle
from webapp.vault.snapshots import Snapshot

UNDO_DAYS = 7.0


@dataclass(frozen=True, kw_only=True)
class ForgetOrder:
    """What is asked of a forget: a policy, or snapshots by id.

    Attributes:
        names: only these sources; None for all.
        snapshots: ids; then the policy plays no part.
        dry_run: only say what would be done.
        even_last: a source may lose its last good snapshot, if it is named by id.
        trust_clock: go on where the storage's clock is far ahead of all that is in the vault.
    """

    policy: Policy = field(default_factory=Policy)
    names: Collection[str] | None = None
    snapshots: Sequence[str] = ()
    dry_run: bool = False
    even_last: bool = False
    trust_clock: bool = False


@dataclass(kw_only=True)
class ForgetReport:
    """One verdict for each snapshot that was judged; ``notes`` in sentences.

    Attributes:
        undo_until_ns: until when all that was forgotten can be brought back, unless a prune is told
            otherwise; 0 if nothing was.
    """

    verdicts: list[Verdict] = field(default_factory=list)
    undo_until_ns: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def forgotten(self) -> list[Snapshot]:
        return [one.snapshot for one in self.verdicts if not one.is_kept]


def forget(engine: Engine, order: ForgetOrder) -> ForgetReport:
    """Put snapshots out of sight.

    Raises:
        Halted: a brake; its sentence says what to do.
        SnapshotMissing: there is no such snapshot or source.
    """
    report = ForgetReport()
    labels = read_labels(engine)
    groups = _groups(engine, order.names)
    if order.snapshots:
        report.verdicts = _by_id(engine, order, groups, labels=labels)
    else:
        report.verdicts = _by_policy(engine, order, groups, labels=labels, report=report)
    if not order.dry_run and report.forgotten:
        entries = [
            Entry(
                what=What.FORGET,
                snapshot=one.snapshot.id,
                text=one.rule,
                even_last=order.even_last,
            )
            for one in report.verdicts
            if not one.is_kept
        ]
        said = engine.roots.ledger.add(
            entries,
            new_id=engine.new_id,
            salt=engine.salt,
            not_before_ns=moments.at_least_ns(engine),  # else a slow clock would shorten the undo
        )
        report.undo_until_ns = said[0].at_ns + round(UNDO_DAYS * DAY_NS)
    return report


def undo_until_ns(label: Label, undo_days: float = UNDO_DAYS) -> int:
    """Until when a forgotten snapshot can surely be brought back, by the storage's clock."""
    return label.forgotten_ns + round(undo_days * DAY_NS)


def unforget(engine: Engine, snapshot_id: str) -> Snapshot:
    """Bring a forgotten snapshot back.

    Raises:
        SnapshotMissing: it is not among the forgotten, or a prune is removing it for good.
    """
    ledger = engine.roots.ledger
    label = Labels.of(ledger.entries(FORGOTTEN))[snapshot_id]
    found = engine.roots.one(snapshot_id)
    if not label.forgotten:
        raise SnapshotMissing(f"Snapshot {snapshot_id} is not forgotten.")
    undo = Entry(
        what=What.UNDO, snapshot=snapshot_id, undoes=tuple(one.id for one in label.forgotten)
    )
    ledger.add([undo], new_id=engine.new_id, salt=engine.salt, folder=FORGOTTEN)
    # Mine is written; now theirs is read: of an undo and a drop at once, one sees the other.
    settle(engine)
    if Labels.of(ledger.entries(FORGOTTEN))[snapshot_id].drops:
        raise SnapshotMissing(
            f"Snapshot {snapshot_id} is being removed for good: it was forgotten too long ago."
        )
    return found


def read_labels(engine: Engine) -> Labels:
    """What the whole log says.

    Raises:
        Halted: a part of it cannot be read: it might hold what must not go.
    """
    ledger = engine.roots.ledger
    found = Labels.of(ledger.entries(FORGOTTEN, LABELS))
    if ledger.problems:
        raise Halted(
            f"Nothing was forgotten or removed: {ledger.problems[0]}. It may say that a snapshot "
            "is held. Run repair, which says what can be done."
        )
    return found


def _groups(engine: Engine, names: Collection[str] | None) -> dict[str, list[Snapshot]]:
    found: dict[str, list[Snapshot]] = {}
    for one in engine.roots.finished():
        found.setdefault(one.name, []).append(one)
    if engine.roots.problems:
        raise Halted(
            f"Nothing was forgotten: {engine.roots.problems[0]}. Run repair, which says "
            "what can be done."
        )
    for name in names or ():
        if name not in found:
            raise SnapshotMissing(f"The vault holds no snapshot of {name}.")
    return {name: group for name, group in found.items() if names is None or name in names}


def _by_policy(
    engine: Engine,
    order: ForgetOrder,
    groups: dict[str, list[Snapshot]],
    *,
    labels: Labels,
    report: ForgetReport,
) -> list[Verdict]:
    if order.policy.is_empty:
        raise Halted("Nothing was forgotten: no rule says what to keep. Give at least one.")
    now_ns = moments.checked(engine, notes=report.notes, trust=order.trust_clock)
    return [
        verdict
        for name in sorted(groups)
        for verdict in decide(groups[name], order.policy, labels=labels, now_ns=now_ns)
    ]


def _by_id(
    engine: Engine, order: ForgetOrder, groups: dict[str, list[Snapshot]], *, labels: Labels
) -> list[Verdict]:
    known = {one.id: one for group in groups.values() for one in group}
    wanted = dict.fromkeys(order.snapshots)
    for identity in wanted:
        if identity not in known:
            raise SnapshotMissing(f"The vault holds no snapshot {identity}.")
        _check_free(known[identity], labels[identity], engine.storage.now_ns())
    for group in groups.values():
        left = [one for one in group if one.id not in wanted]
        _check_last(group, left, even_last=order.even_last)
    return [Verdict(known[identity], False, "named") for identity in wanted]


def _check_free(snapshot: Snapshot, label: Label, now_ns: int) -> None:
    hold = label.hold(now_ns)
    if hold is not None:
        raise Halted(
            f"Snapshot {snapshot.id} is held ({hold.text}). End that first: hold --release."
        )
    if label.is_pinned:
        raise Halted(f"Snapshot {snapshot.id} is pinned. Unpin it first.")


def _check_last(group: list[Snapshot], left: list[Snapshot], *, even_last: bool) -> None:
    if even_last or not any(map(is_good, group)) or any(map(is_good, left)):
        return
    raise Halted(
        f"Nothing was forgotten: {group[0].name} would lose its last good snapshot. "
        "Make a new one first, or say that the last may go."
    )
