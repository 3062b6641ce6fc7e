"""A copy of a live SQLite database that leaves no trace: for previews, which write nothing.

Opening a database in WAL mode makes files beside it even for reading. So its files are copied as
they are and SQLite opens the copy. That is sound when nothing wrote meanwhile:

- Without WAL a shared lock is held while copying, the same that SQLite takes for reading. An
  unfinished journal is copied too, and the copy is rolled back by it.
- In WAL mode writers only append to the log, whose frames are checked one by one by whoever opens
  the copy; the database file changes at a checkpoint only. So the copy counts if the database
  file has not changed, and the log has not begun anew.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from webapp.errors import ConnectorError
from webapp.hosts.local import Folder
from webapp.hosts.walk import reason

_PENDING, _SHARED_FIRST, _SHARED_SIZE = 0x40000000, 0x40000002, 510  # SQLite's lock bytes
_CALM_NS = 30_000_000  # younger than this, a time may not tell two writes apart
_PAUSE_SECONDS = 0.005
SIDES = (b"-wal", b"-journal")
ALL_SIDES = (*SIDES, b"-shm")


def still_copy(folder: Folder, name: bytes, into: Path, *, wait_seconds: float) -> Path:
    """Copy the database *name* and its log into the new folder *into*; return the copy's path.

    Raises:
        ConnectorError: ``locked`` if it is never still, or why it cannot be read.
        FileNotFoundError: there is none.
    """
    until = time.monotonic() + wait_seconds
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        try:
            with folder.open(name) as main, _read_lock(main.fileno()):
                if _copied(folder, name, main, into):
                    return into / "copy"
        except BlockingIOError:
            pass
        except FileNotFoundError:
            raise
        except OSError as error:
            raise ConnectorError(*_reason(error)) from error
        if time.monotonic() >= until:
            raise ConnectorError("locked", "Another program keeps writing to the database.")
        time.sleep(_PAUSE_SECONDS)


def _copied(folder: Folder, name: bytes, main: BinaryIO, into: Path) -> bool:
    """Copy all files once; say whether they belong together."""
    is_wal = os.pread(main.fileno(), 20, 0)[18:20] == b"\x02\x02"
    before = _mark(main.fileno())
    if is_wal and time.time_ns() - before[1] < _CALM_NS:
        return False
    heads = [_head(folder, name + side) for side in SIDES]
    _transfer(main.fileno(), into / "copy")
    after = [_copy_side(folder, name + side, into / f"copy{side.decode()}") for side in SIDES]
    status = folder.status(name)
    same_file = status is not None and status.st_ino == before[2]
    return heads == after and before == _mark(main.fileno()) and same_file


def _mark(descriptor: int) -> tuple[int, int, int]:
    status = os.fstat(descriptor)
    return status.st_size, max(status.st_mtime_ns, status.st_ctime_ns), status.st_ino


def _head(folder: Folder, name: bytes) -> bytes | None:
    """The head of a side file, which changes when it begins anew; None if absent."""
    try:
        with folder.open(name) as side:
            return os.pread(side.fileno(), 32, 0)
    except FileNotFoundError:
        return None


def _copy_side(folder: Folder, name: bytes, copy: Path) -> bytes | None:
    """Copy a side file and return its head."""
    copy.unlink(missing_ok=True)
    try:
        with folder.open(name) as side:
            _transfer(side.fileno(), copy)
            return os.pread(side.fileno(), 32, 0)
    except FileNotFoundError:
        return None


def _transfer(source: int, copy: Path) -> None:
    with copy.open("wb", buffering=0) as target:
        position = 0
        while count := os.sendfile(target.fileno(), source, position, 1 << 24):
            position += count


@contextmanager
def _read_lock(descriptor: int) -> Iterator[None]:
    """Hold the lock that SQLite's readers hold. It belongs to this descriptor alone.

    Raises:
        BlockingIOError: a writer is at work.
    """
    _lock(descriptor, fcntl.F_RDLCK, _PENDING, 1)
    try:
        _lock(descriptor, fcntl.F_RDLCK, _SHARED_FIRST, _SHARED_SIZE)
    finally:
        _lock(descriptor, fcntl.F_UNLCK, _PENDING, 1)
    yield  # closing the descriptor, which the caller does, gives the lock back


def _lock(descriptor: int, sort: int, start: int, length: int) -> None:
    request = struct.pack("hhxxxxqqixxxx", sort, os.SEEK_SET, start, length, 0)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, request)
    except OSError as error:
        if error.errno in {errno.EAGAIN, errno.EACCES}:
            raise BlockingIOError(errno.EAGAIN, "locked by a writer") from error
        if error.errno not in {errno.EINVAL, errno.ENOLCK, errno.ENOTSUP}:
            raise


def _reason(error: OSError) -> tuple[str, str]:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "disk_full", "There is no space left for a copy of the database to look at."
    return reason(error)
