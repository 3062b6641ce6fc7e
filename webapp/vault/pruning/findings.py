"""What is asked of a prune, and what it did."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from webapp.vault.retention.forgetting import UNDO_DAYS
from webapp.vault.storage.base import Storage

DAY_NS = 86_400 * 10**9


def _ignore(done: int, total: int, words: str) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, kw_only=True)
class PruneOrder:
    """What is asked of a prune.

    Attributes:
        dry_run: only say what would be done.
        grace_days: how long condemned packs stay for readers that still use them, and what a
            backup has stored after it was last heard of.
        least_live: packs of which a smaller share is needed are rewritten and condemned.
        budget_bytes: how much live data may be copied out of such packs; None for any amount.
        may_condemn_most: go on where more than half of the vault would be condemned.
        trust_clock: go on where the storage's clock is far ahead of all that is in the vault.
        storage_for_deletes: the same place with credentials that may delete.
        undo_days: how long forgotten snapshots can be brought back.
        drop_now: ids of forgotten snapshots that need not wait for that, as where they could be
            brought back elsewhere long enough.
        gone_days: after how long a silent host is taken for gone, and its writers for dead.
        on_progress: told how many of how many, and of what.
    """

    dry_run: bool = False
    grace_days: float = 7.0
    least_live: float = 0.5
    budget_bytes: int | None = None
    may_condemn_most: bool = False
    trust_clock: bool = False
    storage_for_deletes: Storage | None = None
    undo_days: float = UNDO_DAYS
    drop_now: Collection[str] = ()
    gone_days: float = 30.0
    on_progress: Callable[[int, int, str], None] = _ignore


@dataclass(kw_only=True)
class PruneReport:
    """What a prune did, or in a dry run would do.

    Attributes:
        total_bytes: of all packs before.
        live_bytes: of those, what snapshots need; an estimate by the number of chunks.
        condemned_packs: that were found worth it now; deleted by a later run, after the grace.
        copied_bytes: live data that was copied out of them; an estimate.
        rescued: chunks that were needed and lay in packs that had been condemned before.
        deleted_packs: condemned by an earlier run, and deleted now.
        waiting_bytes: of condemned packs whose grace is not over.
        unfinished_packs: that no snapshot needs, and backups have stored that go on.
        dropped: ids of forgotten snapshots that can be brought back no more.
        recoverable: of each forgotten snapshot that can be brought back, id and until when: in
            nanoseconds since 1970, by the storage's clock; 0 while it is held or pinned.
        revoked: ids of unfinished snapshots whose writers were taken for dead.
        notes: what is worth a word, in sentences.
    """

    dry_run: bool = False
    total_bytes: int = 0
    live_bytes: int = 0
    condemned_packs: int = 0
    condemned_bytes: int = 0
    copied_bytes: int = 0
    rescued: int = 0
    deleted_packs: int = 0
    deleted_bytes: int = 0
    waiting_packs: int = 0
    waiting_bytes: int = 0
    unfinished_packs: int = 0
    unfinished_bytes: int = 0
    index_objects: int = 0
    dropped: list[str] = field(default_factory=list)
    recoverable: dict[str, int] = field(default_factory=dict)
    revoked: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
