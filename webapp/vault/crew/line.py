"""Rows in the order of their paths, though those of files that hands read come late."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

from webapp.items import PlaceSource, Seen, Sighting
from webapp.vault.crew.crew import Crew, Work
from webapp.vault.crew.hand import SHARD_BYTES, SHARD_FILES
from webapp.vault.glancing import Glance, Verdict, is_plain

BEGIN_BYTES = 8 << 20  # when this much is to be read, or this many files, forking is worth it
BEGIN_FILES = 1000
LARGEST_BYTES = 64 << 20  # of a file that one hand reads; the parent reads it with two threads
MOST_HELD_BYTES = 8 << 20  # of what waits in the line
EVERY = 32  # how many rows come between two looks at the hands
_FILE_BYTES = 1024  # what is held for a file that is being read, as a guess
_ROW_BYTES = 128  # and for any row, besides what is in it
Finish = Callable[[bytes, bytes | None, bytes | None], None]
Place = tuple[bytes, bytes | int | None, bytes | None]


class _Stretch:
    """Rows that follow each other, and the files among them that a hand reads together.

    Attributes:
        places: path, row or which of the files it is, parent's row.
        rows: those of the files, once they have been read.
        held_bytes: what all of it takes, about.
    """

    __slots__ = ("bytes", "held_bytes", "places", "rows", "work")

    def __init__(self) -> None:
        self.places: list[Place] = []
        self.work: Work = []
        self.bytes = self.held_bytes = 0
        self.rows: Sequence[bytes | None] | None = None

    @property
    def is_full(self) -> bool:
        return self.bytes >= SHARD_BYTES or len(self.work) >= SHARD_FILES


class Line:
    """Takes what the walk sees, and gives rows on in the same order.

    Args:
        finish: takes path, row and the parent's row.

    Attributes:
        held_bytes: what waits, about.
    """

    def __init__(self, crew: Crew, glance: Glance, source: PlaceSource, finish: Finish) -> None:
        self._crew, self._glance, self._source, self._finish = crew, glance, source, finish
        self._line: deque[_Stretch] = deque()
        self._unsent: deque[_Stretch] = deque()  # the last of them is being filled
        self._bytes = self._files = self._count = 0
        self.held_bytes = 0

    def see(self, sighting: Sighting, old: bytes | None) -> None:
        """A regular file with one name."""
        verdict = Verdict.READ if old is None else self._glance.judge(sighting, old)
        if verdict is Verdict.READ and self._crew.may_help and is_plain(sighting, LARGEST_BYTES):
            self._wait_for(sighting, old)
        else:
            self.add(sighting[0], self._glance.carry_out(verdict, sighting, old), old)

    def add(self, path: bytes, row: bytes | None, old: bytes | None) -> None:
        """A row that is known."""
        if not self._line:
            self._finish(path, row, old)
            return
        stretch = self._line[-1]
        stretch.places.append((path, row, old))
        self._hold(stretch, len(path) + len(row or b"") + len(old or b"") + _ROW_BYTES)
        self._look()

    def close(self) -> None:
        """Give on all that waits, and let the hands go."""
        self._clear(0)
        self._crew.finish()

    def _wait_for(self, sighting: Sighting, old: bytes | None) -> None:
        path, status, _, _ = sighting
        if not self._unsent or self._unsent[-1].is_full:
            stretch = _Stretch()
            self._unsent.append(stretch)
            self._line.append(stretch)
        stretch = self._unsent[-1]
        mode, inode, device, _, uid, gid, size = status[:7]
        times = status.st_mtime_ns, status.st_ctime_ns
        stretch.places.append((path, len(stretch.work), old))
        stretch.work.append((path, (mode, uid, gid, size, *times, inode, device)))
        stretch.bytes += size
        self._bytes += size
        self._files += 1
        self._hold(stretch, len(path) + len(old or b"") + _FILE_BYTES)
        self._look()

    def _hold(self, stretch: _Stretch, size_bytes: int) -> None:
        stretch.held_bytes += size_bytes
        self.held_bytes += size_bytes

    def _take(self, stretch: _Stretch, rows: Sequence[bytes | None]) -> None:
        """A hand has read its files."""
        stretch.rows = rows
        self._hold(stretch, sum(map(len, filter(None, rows))))

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
        if self.held_bytes >= MOST_HELD_BYTES or not crew.may_help:
            self._clear(MOST_HELD_BYTES // 2)

    def _clear(self, most_bytes: int) -> None:
        """Wait until no more than this is in the line."""
        self._send(partly=True)
        self._drain()
        while self.held_bytes > most_bytes:
            self._crew.attend()
            self._drain()

    def _send(self, *, partly: bool = False) -> None:
        """Give full stretches away; where nobody is at work, let them be read here."""
        while self._unsent and (partly or self._unsent[0].is_full):
            stretch = self._unsent.popleft()
            if self._crew.is_at_work:
                self._crew.give(stretch.work, stretch.bytes, partial(self._take, stretch))
            else:
                stretch.rows = [None] * len(stretch.work)
        if not self._unsent:
            self._bytes = self._files = 0

    def _drain(self) -> None:
        line, finish = self._line, self._finish
        while line and (rows := line[0].rows) is not None:
            stretch = line.popleft()
            self.held_bytes -= stretch.held_bytes
            for path, row, old in stretch.places:
                if isinstance(row, int):
                    finish(path, self._row(stretch.work[row], rows[row], old), old)
                else:
                    finish(path, row, old)

    def _row(
        self, work: tuple[bytes, tuple[int, ...]], row: bytes | None, old: bytes | None
    ) -> bytes | None:
        """What a hand could not, or what no hand was there for, is done here."""
        path, seen = work[0], Seen._make(work[1])
        if row is not None:
            self._glance.count_read(row, old, seen.st_size)
            return row
        try:
            folder, name = self._source.place(path)
        except OSError as error:
            self._glance.capture.leave_out(path, error)
            return None
        # Of a regular file it says all that anybody asks for.
        return self._glance.read((path, cast(os.stat_result, seen), folder, name), old)
