"""The short way from a sighting to a row: for small plain files, which most files are.

One ``lstat`` (the walk's) tells that a file did not change; one that did is opened in its folder,
read straight into the segment, and looked at once more. No entry, file object or path is made on
the way. Whatever is unusual in the least, and every error, goes the long way, by ``Capture``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from blake3 import blake3

from webapp.items import Eyes, Sighting
from webapp.vault import files, rows
from webapp.vault.capturing import Capture
from webapp.vault.chunk_store import ChunkStore
from webapp.vault.chunking import MEDIA, profile_of
from webapp.vault.matching import Match
from webapp.vault.progress import Progress

Xattrs = tuple[tuple[bytes, bytes], ...]
_TEXTS_AT = 4 + rows.FACTS_BYTES


@dataclass(kw_only=True)
class Glance:
    """Makes rows of sightings."""

    capture: Capture
    eyes: Eyes
    _owners: dict[tuple[int, int], tuple[bytes, bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        capture = self.capture
        self._store: ChunkStore = capture.store
        self._progress: Progress = capture.progress
        self._match: Match = capture.match
        self._time_ns: Callable[[], int] = capture.time_ns

    def row(self, sighting: Sighting, old: bytes | None) -> bytes | None:
        """The row of a sighting; None if it had to be left out, which has then been reported.

        Args:
            old: the parent's row of the same path.
        """
        path, status, _, _ = sighting
        user, group = self._owner(status.st_uid, status.st_gid)
        start, texts = rows.plain_start(status, path, user, group), path + user + group
        row = None
        if old is None:
            row = self._read(sighting, start, texts)
        elif self._is_same(status, start, texts, old):
            self._progress.file(status.st_size, True, False)
            return old
        elif rows.is_unsure_at(old, rows.content_at(old)) or not self._match.same(start, old[4:]):
            row = self._read(sighting, start, texts)
        if row is None:
            return self._long_way(sighting, old)
        self._progress.file(status.st_size, old is not None and _is_alike(row, old), old is None)
        return row

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

    def _read(self, sighting: Sighting, start: bytes, texts: bytes) -> bytes | None:
        """The row of a file that is read now; None if it is not to be, or cannot be, done here."""
        path, status, _, _ = sighting
        size = status.st_size
        if size >= MEDIA.smallest or status.st_blocks * 512 < size or profile_of(path) != MEDIA:
            return None
        space, started = self._store.space(size), self._time_ns()
        try:
            xattrs = self._fill(space, sighting)
        except OSError:
            return None
        if xattrs is None:
            return None
        self._progress.tally.read_bytes += size
        newest = max(status.st_mtime_ns, status.st_ctime_ns)
        flags = rows.UNSURE if files.is_young(newest, started) else 0
        digest = blake3(space).digest()
        ref = self._store.placed(size) if size else b""
        content = rows.pack_whole(digest, flags, ref)
        return rows.make_row(rows.plain_facts(start, texts, xattrs), content)

    def _fill(self, space: memoryview, sighting: Sighting) -> Xattrs | None:
        """Read a file whole, and its xattrs; None if it is not what was seen."""
        _, status, folder, name = sighting
        file = self.eyes.open(folder, name)
        try:
            length = os.readv(file, (space,))
            after = os.fstat(file)
            xattrs = self.eyes.xattrs(file)
        finally:
            os.close(file)
        is_it = (
            length == status.st_size == after.st_size
            and after.st_ino == status.st_ino
            and after.st_dev == status.st_dev
            and after.st_ctime_ns == status.st_ctime_ns
            and after.st_mtime_ns == status.st_mtime_ns
        )
        return xattrs if is_it else None

    def _long_way(self, sighting: Sighting, old: bytes | None) -> bytes | None:
        try:
            entry = self.eyes.entry(sighting)
        except OSError as error:
            self.capture.leave_out(sighting[0], error)
            return None
        return self.capture.row(entry, old)

    def _owner(self, uid: int, gid: int) -> tuple[bytes, bytes]:
        known = self._owners.get((uid, gid))
        if known is None:
            user, group = self.eyes.owner(uid, gid)
            known = rows.name_bytes(user), rows.name_bytes(group)
            self._owners[uid, gid] = known
        return known


def _is_alike(row: bytes, old: bytes) -> bool:
    """Whether facts and digest are equal."""
    end = rows.content_at(row) + 32
    return row[:end] == old[:end]
