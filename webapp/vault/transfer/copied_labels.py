"""Brings along what was said about snapshots that were copied: tags, pins, holds.

Each entry of the target that came along names the entry that it is a copy of. So what is there is
not said again, what the target's own people took back stays so, and what the source took back is
taken back here: tags and pins. A hold is not: who may write in one place ends no duty in another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from webapp.vault.engine import Engine
from webapp.vault.retention.ledger import LABELS, Entry, What
from webapp.vault.snapshots import Snapshot

Pair = tuple[Snapshot, Snapshot]  # in the source, and in the target


class _Log:
    """All labels of a vault that were ever given, by snapshot."""

    def __init__(self, engine: Engine) -> None:
        found = engine.roots.ledger.history(LABELS)
        self.is_whole = not engine.roots.ledger.problems
        self.undone = {one for entry in found for one in entry.undoes}
        self._vault = engine.ring.vault_id.hex()
        self._given: dict[str, list[Entry]] = {}
        for entry in found:
            if entry.what is not What.UNDO:
                self.add(entry)

    def add(self, entry: Entry) -> None:
        self._given.setdefault(entry.snapshot, []).append(entry)

    def of(self, snapshot_id: str) -> dict[str, Entry]:
        """By the entry that was made first, whose copies they all are; one that counts, if any."""
        given = self._given.get(snapshot_id, [])
        ordered = sorted(given, key=self.counts)
        return {one.origin or f"{self._vault}/{one.id}": one for one in ordered}

    def counts(self, entry: Entry) -> bool:
        return entry.id not in self.undone


@dataclass(kw_only=True)
class CopiedLabels:
    """Carries labels from one vault to another.

    Attributes:
        changes: how many labels were given or taken back in the target.
        notes: what could not be, or was not, in sentences.
    """

    source: Engine
    target: Engine
    changes: int = 0
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._there, self._here = _Log(self.source), _Log(self.target)
        if not self._there.is_whole:
            self.notes.append(
                "Some labels of the vault that is copied from cannot be read and did not come "
                "along. Run verify there."
            )

    def bring(self, pairs: Iterable[Pair]) -> None:
        """Give each copy the labels of its original, and take back what was taken back there."""
        entries = [entry for pair in pairs for entry in self._changes(*pair)]
        if not entries:
            return
        ledger, target = self.target.roots.ledger, self.target
        made = ledger.add(entries, new_id=target.new_id, salt=target.salt, folder=LABELS)
        self.changes += len(made)

    def _changes(self, original: Snapshot, copy: Snapshot) -> Iterable[Entry]:
        given, known = self._there.of(original.id), self._here.of(copy.id)
        for first, entry in given.items():
            if self._there.counts(entry):
                if first not in known:
                    yield replace(entry, snapshot=copy.id, origin=first)
            elif first in known and known[first].origin and self._here.counts(known[first]):
                yield from self._take_back(known[first], copy)

    def _take_back(self, entry: Entry, copy: Snapshot) -> Iterable[Entry]:
        if entry.what is not What.HOLD:
            yield Entry(what=What.UNDO, snapshot=copy.id, undoes=(entry.id,))
            return
        if entry.until_ns and entry.until_ns <= self.target.storage.now_ns():
            return  # it is over here as well
        self.notes.append(
            f"Snapshot {copy.id[:8]} of {copy.name} stays held in the copy ({entry.text}), though "
            "its original is no longer held. Release it there if it may go."
        )
