"""The parts of an open vault, and what is asked of a backup."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from webapp.items import EntrySource, Json, Report, Tally
from webapp.vault import levels
from webapp.vault.chunking import boundary_table
from webapp.vault.config import PRIVATE_BOUNDARIES, Config
from webapp.vault.derivation import KeyRing
from webapp.vault.hooks import Hooks
from webapp.vault.matching import Match
from webapp.vault.progress import unpaced
from webapp.vault.reader import ChunkReader
from webapp.vault.snapshots import Roots, Snapshot
from webapp.vault.stock import Stock
from webapp.vault.storage.base import Storage


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What a writer, a reader and a check work with."""

    storage: Storage
    ring: KeyRing
    config: Config
    stock: Stock
    roots: Roots
    chunks: ChunkReader
    hooks: Hooks

    @cached_property
    def boundaries(self) -> bytes:
        """By which table files are cut; empty if by the bytes themselves."""
        is_private = PRIVATE_BOUNDARIES in self.config.features
        return boundary_table(self.ring.cuts) if is_private else b""

    def salt(self) -> bytes:
        """32 random bytes, for one sealed object."""
        return self.hooks.random_bytes(32)

    def new_id(self) -> bytes:
        return self.hooks.random_bytes(16)


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to back up and how.

    Attributes:
        parent: a snapshot's id, ``"auto"`` for the newest of this name, None to read everything.
        match: which facts tell that a file did not change.
        verify: open each sealed segment again before it is stored.
        threads: how many compress and seal.
        level: how hard; see ``levels``. What is stored already stays as it is.
        pace: told of each stretch of the source that was read, also in forks of this process;
            waits if it comes too fast. Whatever it raises stops the backup.
    """

    source: EntrySource
    report: Report
    name: str
    reason: str = ""
    metadata: Json = field(default_factory=dict)
    parent: str | None = "auto"
    match: Match = Match.FULL
    verify: bool = True
    threads: int = 2
    level: int = levels.DEFAULT
    pace: Callable[[int], None] = unpaced
    on_progress: Callable[[Tally], None]

    def __post_init__(self) -> None:
        levels.check(self.level)


@dataclass(frozen=True, kw_only=True)
class BackupResult:
    snapshot: Snapshot
    tally: Tally
