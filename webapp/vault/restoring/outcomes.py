"""What became of each entry, counted by many threads."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from webapp.items import Fate, NotPlaced
from webapp.vault.snapshots import Snapshot

MOST_PROBLEMS = 1000
_MOST_TOLD = 200  # of one stretch of a pack: what a pipe takes at once


Told = tuple[int, int, int, int, list[Any]]


class Problem(NamedTuple):
    """An entry that is not as it should be.

    Attributes:
        path: as the snapshot has it.
        outcome: ``blocked`` before anything was done about it, or ``failed``.
        code: a stable word for scripts.
    """

    path: bytes
    outcome: str
    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class RestoreResult:
    """What a restore did, or would do.

    Attributes:
        created, updated, unchanged: entries of each sort; an entry of which only facts were set
            counts as updated.
        failed: could not be restored, or not with all its facts; the latter count above, too.
        bytes_written: content of files.
        bytes_fetched: read from packs of data.
        bytes_needed: what these would have been if nothing else lay in the same segments.
        problems: the first thousand of what was blocked or failed.
    """

    snapshot: Snapshot
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    blocked: int = 0
    failed: int = 0
    bytes_written: int = 0
    bytes_fetched: int = 0
    bytes_needed: int = 0
    problems: tuple[Problem, ...] = ()

    @property
    def is_complete(self) -> bool:
        return not self.blocked and not self.failed

    @property
    def amplification(self) -> float:
        """Bytes fetched for each byte needed; 1.0 where nothing was."""
        return self.bytes_fetched / self.bytes_needed if self.bytes_needed else 1.0


@dataclass(kw_only=True)
class Outcomes:
    """The count while it goes on."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    blocked: int = 0
    failed: int = 0
    bytes_written: int = 0
    bytes_done: int = 0  # written, or left because they are right
    problems: list[Problem] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def placed(self, fate: Fate, size: int) -> None:
        """*size* bytes of content were written, if *fate* is to write any."""
        with self._lock:
            self.bytes_done += size
            if fate is Fate.LEAVE:
                self.unchanged += 1
                return
            if fate is Fate.CREATE:
                self.created += 1
            else:
                self.updated += 1
            if fate is not Fate.MEND:
                self.bytes_written += size

    def told(self) -> Told:
        """What another process tells of its part."""
        problems = [tuple(one) for one in self.problems[:_MOST_TOLD]]
        return self.created, self.updated, self.failed, self.bytes_written, problems

    def absorb(self, told: Told) -> None:
        """Add what another process told."""
        created, updated, failed, bytes_written, problems = told
        with self._lock:
            self.created += created
            self.updated += updated
            self.failed += failed
            self.bytes_written += bytes_written
            self.bytes_done += bytes_written
            for one in problems:
                self._note(Problem(*one))

    def refused(self, path: bytes, why: NotPlaced) -> None:
        with self._lock:
            self.blocked += 1
            self._note(Problem(path, "blocked", why.code, str(why)))

    def failed_at(self, path: bytes, why: NotPlaced) -> None:
        with self._lock:
            self.failed += 1
            self._note(Problem(path, "failed", why.code, str(why)))

    def _note(self, problem: Problem) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)
