"""The short way from a sighting to a row: for small plain files, which most files are.

One ``lstat`` (the walk's) tells that a file did not change; one that did is opened in its folder,
read straight into the segment, and looked at once more. No entry, file object or path is made on
the way. Whatever is unusual in the least, and every error, goes the long way, by ``Capture``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from blake3 import blake3

from webapp.items import Eyes, Seen, Sighting
from webapp.vault import files, rows
from webapp.vault.capturing import Capture
from webapp.vault.chunk_store import ChunkStore
from webapp.vault.chunking import MEDIA, profile_of
from webapp.vault.matching import Match
from webapp.vault.progress import Progress

Xattrs = tuple[tuple[bytes, bytes], ...]
_TEXTS_AT = 4 + rows.FACTS_BYTES


class Verdict(Enum):
    """What a sighting and the parent's row say about a file."""

    KEEP = 1  # nothing is different
    READ = 2
    LOOK = 3  # only a closer look can tell


class Owners:
    """Names of users and groups, as rows hold them."""

    def __init__(self, eyes: Eyes) -> None:
        self._eyes = eyes
        self._known: dict[tuple[int, int], tuple[bytes, bytes]] = {}

    def of(self, uid: int, gid: int) -> tuple[bytes, bytes]:
        known = self._known.get((uid, gid))
        if known is None:
            user, group = self._eyes.owner(uid, gid)
            known = rows.name_bytes(user), rows.name_bytes(group)
            self._known[uid, gid] = known
        return known


@dataclass(kw_only=True)
class Glance:
    """Makes rows of sightings."""

    capture: Capture
    eyes: Eyes

    def __post_init__(self) -> None:
        capture = self.capture
        self._owner = Owners(self.eyes).of
        self._store: ChunkStore = capture.store
        self._progress: Progress = capture.progress
        self._match: Match = capture.match
        self._time_ns: Callable[[], int] = capture.time_ns

    def row(self, sighting: Sighting, old: bytes | None) -> bytes | None:
        """The row of a sighting; None if it had to be left out, which has then been reported.

        Args:
            old: the parent's row of the same path.
        """
        return self.carry_out(self.judge(sighting, old), sighting, old)

    def judge(self, sighting: Sighting, old: bytes | None) -> Verdict:
        """Compare a sighting with the parent's row, if there is one."""
        if old is None:
            return Verdict.READ
        path, status, _, _ = sighting
        user, group = self._owner(status.st_uid, status.st_gid)
        start, texts = rows.plain_start(status, path, user, group), path + user + group
        if self._is_same(status, start, texts, old):
            return Verdict.KEEP
        if rows.is_unsure_at(old, rows.content_at(old)) or not self._match.same(start, old[4:]):
            return Verdict.READ
        return Verdict.LOOK

    def carry_out(self, verdict: Verdict, sighting: Sighting, old: bytes | None) -> bytes | None:
        """The row, as in ``row``."""
        status = sighting[1]
        if verdict is Verdict.KEEP:
            self._progress.file(status.st_size, True, False)
            return old
        if verdict is Verdict.READ and is_plain(sighting, MEDIA.smallest):
            return self.read(sighting, old)
        return self._long_way(sighting, old)

    def read(self, sighting: Sighting, old: bytes | None) -> bytes | None:
        """The row of a plain file that is read now, as in ``row``."""
        size = sighting[1].st_size
        row = self._read(sighting) if size < MEDIA.smallest else None
        if row is None:
            return self._long_way(sighting, old)
        self.count_read(row, old, size)
        return row

    def count_read(self, row: bytes, old: bytes | None, size: int) -> None:
        """Count a file that was read the short way, here or elsewhere."""
        self._progress.tally.read_bytes += size
        self._progress.file(size, old is not None and _is_alike(row, old), old is None)

    def _is_same(self, status: os.stat_result, start: bytes, texts: bytes, old: bytes) -> bool:
        """Whether nothing at all is different. Extended attributes are not looked at: who
        changes them changes ctime."""
        if not (
            old.startswith(start, 4)
            and old.startswith(texts, _TEXTS_AT)
            and status.st_mtime_ns
            and status.st_ctime_ns
        ):
            return False
        chunk = rows.sure_chunk(old)
        return self._store.has(chunk) if chunk else self.capture.is_settled(old)

    def _read(self, sighting: Sighting) -> bytes | None:
        """The row of a file that is read now; None if it cannot be done here."""
        path, status, folder, name = sighting
        size = status.st_size
        space, started = self._store.space(size), self._time_ns()
        try:
            xattrs = fill(self.eyes, space, status, folder, name)
        except OSError:
            return None
        if xattrs is None:
            return None
        self.capture.pace(size)
        digest = blake3(space).digest()
        ref = self._store.placed(size) if size else b""
        names = self._owner(status.st_uid, status.st_gid)
        found = Found(path, status, xattrs, digest, ref)
        return found.row(names, started)

    def _long_way(self, sighting: Sighting, old: bytes | None) -> bytes | None:
        try:
            entry = self.eyes.entry(sighting)
        except OSError as error:
            self.capture.leave_out(sighting[0], error)
            return None
        return self.capture.row(entry, old)


class Found(NamedTuple):
    """All about a plain file that was read.

    Attributes:
        ref: references to its chunks, joined.
    """

    path: bytes
    status: os.stat_result | Seen
    xattrs: Xattrs
    digest: bytes
    ref: bytes

    def row(self, names: tuple[bytes, bytes], started: int) -> bytes:
        """Its row; the reading began at *started*."""
        path, status, xattrs, digest, ref = self
        user, group = names
        newest = max(status.st_mtime_ns, status.st_ctime_ns)
        flags = rows.UNSURE if files.is_young(newest, started) else 0
        start = rows.plain_start(status, path, user, group)
        facts = rows.plain_facts(start, path + user + group, xattrs)
        return rows.make_row(facts, rows.pack_plain(digest, flags, ref))


def is_plain(sighting: Sighting, below: int) -> bool:
    """Whether a file is smaller than that, has no holes, and is cut as most are."""
    path, status, _, _ = sighting
    size = status.st_size
    return size < below and status.st_blocks * 512 >= size and profile_of(path) is MEDIA


def fill(
    eyes: Eyes, space: memoryview, status: os.stat_result | Seen, folder: int, name: bytes
) -> Xattrs | None:
    """Read a file whole, and its xattrs; None if it is not what was seen."""
    file = eyes.open(folder, name)
    try:
        length = os.readv(file, (space,))
        after = os.fstat(file)
        xattrs = eyes.xattrs(file)
    finally:
        os.close(file)
    return xattrs if length == status.st_size and is_as_seen(after, status) else None


def is_as_seen(now: os.stat_result, seen: os.stat_result | Seen) -> bool:
    """Whether it is the same file, unchanged."""
    return (
        now.st_size == seen.st_size
        and now.st_ino == seen.st_ino
        and now.st_dev == seen.st_dev
        and now.st_ctime_ns == seen.st_ctime_ns
        and now.st_mtime_ns == seen.st_mtime_ns
    )


def _is_alike(row: bytes, old: bytes) -> bool:
    """Whether facts and digest are equal."""
    end = rows.content_at(row) + 32
    return row[:end] == old[:end]
