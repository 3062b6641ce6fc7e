"""Rows in the order of their paths, though those of files that hands read come late."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from webapp.items import PlaceSource, Seen, Sighting
from webapp.vault.crew.crew import Crew
from webapp.vault.crew.hand import SHARD_BYTES, SHARD_FILES
from webapp.vault.glancing import Glance, Verdict, is_small

BEGIN_BYTES = 8 << 20  # when this much is to be read, or this many files, forking is worth it
BEGIN_FILES = 1000
MOST_WAITING = 8192  # rows in the line
EVERY = 16  # how many rows come between two looks at the hands
Finish = Callable[[bytes, bytes | None, bytes | None], None]


class _Shard:
    """Files that are read together; ``rows`` is None until they are."""

    def __init__(self) -> None:
        self.work: list[tuple[bytes, Seen]] = []
        self.bytes = 0
        self.rows: Sequence[bytes | None] | None = None

    def take(self, rows: Sequence[bytes | None]) -> None:
        self.rows = rows

    @property
    def is_full(self) -> bool:
        return self.bytes >= SHARD_BYTES or len(self.work) >= SHARD_FILES


class _Place(NamedTuple):
    """One in the line: with a row, or with the shard that will have it."""

    path: bytes
    row: bytes | None
    old: bytes | None
    shard: _Shard | None = None
    number: int = 0
    status: os.stat_result | None = None


class Line:
    """Takes what the walk sees, and gives rows on in the same order.

    Args:
        finish: takes path, row and the parent's row.
    """

    def __init__(self, crew: Crew, glance: Glance, source: PlaceSource, finish: Finish) -> None:
        self._crew, self._glance, self._source, self._finish = crew, glance, source, finish
        self._line: deque[_Place] = deque()
        self._shards: deque[_Shard] = deque()  # not given away yet; the last one is being filled
        self._bytes = self._files = self._count = 0

    def see(self, sighting: Sighting, old: bytes | None) -> None:
        """A regular file with one name."""
        verdict = self._glance.judge(sighting, old)
        if verdict is Verdict.READ and is_small(sighting) and self._crew.may_help:
            self._wait_for(sighting, old)
        else:
            self.add(sighting[0], self._glance.carry_out(verdict, sighting, old), old)

    def add(self, path: bytes, row: bytes | None, old: bytes | None) -> None:
        """A row that is known."""
        if not self._line:
            self._finish(path, row, old)
            return
        self._line.append(_Place(path, row, old))
        self._look()

    def close(self) -> None:
        """Give on all that waits, and let the hands go."""
        self._clear(0)
        self._crew.finish()

    def _wait_for(self, sighting: Sighting, old: bytes | None) -> None:
        path, status, _, _ = sighting
        if not self._shards or self._shards[-1].is_full:
            self._shards.append(_Shard())
        shard = self._shards[-1]
        self._line.append(_Place(path, None, old, shard, len(shard.work), status))
        seen = Seen(
            status.st_mode, status.st_uid, status.st_gid, status.st_size,
            status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev,
        )  # fmt: skip
        shard.work.append((path, seen))
        shard.bytes += seen.st_size
        self._bytes += seen.st_size
        self._files += 1
        self._look()

    def _look(self) -> None:
        """Now and then, see to the hands."""
        self._count += 1
        if self._count % EVERY:
            return
        crew = self._crew
        if not crew.is_at_work and (self._bytes >= BEGIN_BYTES or self._files >= BEGIN_FILES):
            crew.begin()
        if crew.is_at_work:
            self._send()
            crew.attend(0)
            self._drain()
        if len(self._line) >= MOST_WAITING or not crew.may_help:
            self._clear(MOST_WAITING // 2)

    def _clear(self, most: int) -> None:
        """Wait until no more than *most* are in the line."""
        self._send(partly=True)
        self._drain()
        while len(self._line) > most:
            self._crew.attend()
            self._drain()

    def _send(self, *, partly: bool = False) -> None:
        """Give full shards away; where nobody is at work, let them be read here."""
        while self._shards and (partly or self._shards[0].is_full):
            shard = self._shards.popleft()
            if self._crew.is_at_work:
                self._crew.give(shard.work, shard.take)
            else:
                shard.rows = [None] * len(shard.work)
        if not self._shards:
            self._bytes = self._files = 0

    def _drain(self) -> None:
        line = self._line
        while line:
            one = line[0]
            row = one.row
            if one.shard is not None:
                if one.shard.rows is None:
                    return
                row = self._row(one, one.shard.rows[one.number])
            line.popleft()
            self._finish(one.path, row, one.old)

    def _row(self, one: _Place, row: bytes | None) -> bytes | None:
        """What a hand could not, or what no hand was there for, is done here."""
        assert one.status is not None
        if row is not None:
            self._glance.count_read(row, one.old, one.status.st_size)
            return row
        try:
            folder, name = self._source.place(one.path)
        except OSError as error:
            self._glance.capture.leave_out(one.path, error)
            return None
        sighting = (one.path, one.status, folder, name)
        return self._glance.carry_out(Verdict.READ, sighting, one.old)
