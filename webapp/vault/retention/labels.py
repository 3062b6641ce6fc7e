"""What the log says about each snapshot now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from webapp.vault.retention.ledger import Entry, What
from webapp.vault.snapshots import Snapshot


@dataclass(kw_only=True)
class Label:
    """Of one snapshot.

    Attributes:
        forgotten: why and when; empty unless it is forgotten.
        drops: a prune has begun to remove it for good.
    """

    tags: set[str] = field(default_factory=set)
    pins: list[Entry] = field(default_factory=list)
    holds: list[Entry] = field(default_factory=list)
    forgotten: list[Entry] = field(default_factory=list)
    drops: list[Entry] = field(default_factory=list)

    @property
    def is_pinned(self) -> bool:
        return bool(self.pins)

    def hold(self, now_ns: int) -> Entry | None:
        """The hold that lasts longest, of those that are not over."""
        valid = [one for one in self.holds if not one.until_ns or one.until_ns > now_ns]
        return max(valid, key=lambda one: one.until_ns or 1 << 63, default=None)

    @property
    def forgotten_ns(self) -> int:
        """When it was forgotten, the last time if more than once."""
        return max((one.at_ns for one in self.forgotten), default=0)

    @property
    def even_last(self) -> bool:
        return any(one.even_last for one in self.forgotten)


class Labels(dict[str, Label]):
    """By snapshot id; one that nothing was said about has an empty label."""

    def __missing__(self, snapshot_id: str) -> Label:
        return Label()

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Labels:
        found = cls()
        for entry in entries:
            label = found.setdefault(entry.snapshot, Label())
            if entry.what is What.TAG:
                label.tags.add(entry.text)
            else:
                _list_of(label, entry.what).append(entry)
        return found


def _list_of(label: Label, what: What) -> list[Entry]:
    return {
        What.PIN: label.pins,
        What.HOLD: label.holds,
        What.FORGET: label.forgotten,
        What.DROP: label.drops,
    }[what]


def is_good(snapshot: Snapshot) -> bool:
    """Whether it holds all that it should: nothing failed."""
    return not snapshot.counts.get("failed") and snapshot.metadata.get("status") != "partial"


def tags_of(snapshot: Snapshot, label: Label) -> set[str]:
    """Tags that came with it, and those that were given later."""
    own = snapshot.metadata.get("tags")
    return label.tags | (set(map(str, own)) if isinstance(own, (list, tuple)) else set())
