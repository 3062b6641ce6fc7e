"""Reads one file of a source: its chunks, its digest, its holes, and whether it held still."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from blake3 import blake3

from webapp.vault.chunking import Profile, cuts

_YOUNG_NS = 2_000_000_000
_ZEROS = bytes(1 << 20)
_STEP_BYTES = 4 << 20
Store = Callable[[bytes | memoryview], bytes]


class Read(NamedTuple):
    """What one reading of a file found.

    Attributes:
        size: logical bytes, holes among them.
        refs: references to the chunks of what is not a hole.
        before, after: ``fstat`` around the reading; None for what has no descriptor.
    """

    size: int
    digest: bytes
    holes: tuple[tuple[int, int], ...]
    refs: tuple[bytes, ...]
    before: os.stat_result | None
    after: os.stat_result | None

    @property
    def is_stable(self) -> bool:
        """Whether nothing moved while it was read."""
        if self.before is None or self.after is None:
            return True
        return _state(self.before) == _state(self.after) and self.size == self.after.st_size


def read(
    file: BinaryIO,
    profile: Profile,
    *,
    store: Store,
    on_bytes: Callable[[int], None],
    window: Callable[[], bytearray],
) -> Read:
    """Read *file* once.

    Args:
        store: takes a chunk and returns its reference.
        on_bytes: told of each stretch that was read; may raise.
        window: gives room to work in, several times the size of the profile's largest chunk.

    Raises:
        OSError: it cannot be read.
    """
    handle = _descriptor(file)
    before = os.fstat(handle) if handle is not None else None
    if before is not None and not stat.S_ISREG(before.st_mode):
        before = None
    if before is not None and before.st_size < profile.smallest and not _is_sparse(before):
        return _read_small(file, before, store, on_bytes)
    holes: tuple[tuple[int, int], ...] = ()
    if before is not None and handle is not None and _is_sparse(before):
        holes = _find_holes(handle, before.st_size)
        file.seek(0)
    reading = _Reading(file, profile, store=store, on_bytes=on_bytes, window=window())
    if holes and before is not None:
        reading.read_around(holes, before.st_size)
    else:
        reading.read_to_end()
    after = os.fstat(handle) if before is not None and handle is not None else None
    digest, passed = reading.hasher.digest(), tuple(reading.holes)
    return Read(reading.position, digest, passed, tuple(reading.refs), before, after)


def is_young(times_ns: int, read_at_ns: int) -> bool:
    """Whether a file's times are too near to its reading, or ahead, to tell a later change."""
    return times_ns >= read_at_ns - _YOUNG_NS


def _read_small(
    file: BinaryIO, before: os.stat_result, store: Store, on_bytes: Callable[[int], None]
) -> Read:
    wanted = before.st_size + 1  # one more, to see that it ends where it should
    data = file.read(wanted)
    while 0 < len(data) < before.st_size:
        more = file.read(wanted - len(data))
        if not more:
            break
        data += more
    on_bytes(len(data))
    refs = (store(data),) if data else ()
    return Read(len(data), blake3(data).digest(), (), refs, before, os.fstat(file.fileno()))


class _Reading:
    """Cuts a stream into chunks through a window, and digests it on the way."""

    def __init__(
        self,
        file: BinaryIO,
        profile: Profile,
        *,
        store: Store,
        on_bytes: Callable[[int], None],
        window: bytearray,
    ) -> None:
        self._file = file
        self._profile = profile
        self._store = store
        self._on_bytes = on_bytes
        self._window = window
        self._filled = 0
        self.hasher = blake3()
        self.refs: list[bytes] = []
        self.holes: list[tuple[int, int]] = []
        self.position = 0

    def read_to_end(self) -> None:
        while self._take(_STEP_BYTES):
            pass
        self._cut(at_end=True)

    def read_around(self, holes: tuple[tuple[int, int], ...], size: int) -> None:
        """Read all but *holes*, which are digested as zeros."""
        for start, length in holes:
            if not self._read_until(start):
                break  # it shrank; the caller sees that by its size
            self._skip(length)
            self.holes.append((start, length))
        else:
            self._read_until(size)
        self._cut(at_end=True)

    def _read_until(self, end: int) -> bool:
        while self.position < end and self._take(min(_STEP_BYTES, end - self.position)):
            pass
        return self.position == end

    def _take(self, wanted: int) -> int:
        """Read up to *wanted* bytes into the window; return how many came."""
        if self._filled == len(self._window):
            self._cut(at_end=False)
        end = min(self._filled + wanted, len(self._window))
        view = memoryview(self._window)[self._filled : end]
        got = _read_into(self._file, view)
        self.hasher.update(view[:got])
        self._filled += got
        self.position += got
        if got:
            self._on_bytes(got)
        return got

    def _skip(self, length: int) -> None:
        left = length
        while left > 0:
            step = min(left, len(_ZEROS))
            self.hasher.update(_ZEROS if step == len(_ZEROS) else _ZEROS[:step])
            left -= step
            if not left % (64 * len(_ZEROS)):
                self._on_bytes(0)
        self.position += length
        self._file.seek(self.position)

    def _cut(self, *, at_end: bool) -> None:
        view = memoryview(self._window)[: self._filled]
        done = 0
        for start, end in cuts(view, self._profile, at_end=at_end):
            self.refs.append(self._store(view[start:end]))
            done = end
        view[: self._filled - done] = view[done:]
        self._filled -= done


def _read_into(file: BinaryIO, view: memoryview) -> int:
    readinto = getattr(file, "readinto", None)
    if readinto is not None:
        return int(readinto(view) or 0)
    data = file.read(len(view))
    view[: len(data)] = data
    return len(data)


def _descriptor(file: BinaryIO) -> int | None:
    try:
        return file.fileno()
    except (AttributeError, io.UnsupportedOperation):
        return None


def _is_sparse(found: os.stat_result) -> bool:
    return found.st_blocks * 512 < found.st_size


def _find_holes(handle: int, size: int) -> tuple[tuple[int, int], ...]:
    """``(offset, length)`` of each hole; empty where the file system cannot tell."""
    try:
        return tuple(_holes(handle, size))
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EOPNOTSUPP):
            return ()
        raise


def _holes(handle: int, size: int) -> Iterator[tuple[int, int]]:
    at = 0
    while at < size:
        start = min(os.lseek(handle, at, os.SEEK_HOLE), size)
        if start >= size:
            return
        try:
            at = min(os.lseek(handle, start, os.SEEK_DATA), size)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            at = size
        if at > start:
            yield start, at - start


def _state(found: os.stat_result) -> tuple[int, int, int, int]:
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
