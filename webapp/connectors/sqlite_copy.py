"""A copy of a live SQLite database by its online backup: never torn, and writers go on."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from webapp.connectors.sqlite_contents import uri
from webapp.errors import ConnectorError

_PAGES_AT_ONCE = 1024
_PAUSE_SECONDS = 0.005
_MOST_RESTARTS = 3
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}

Identity = tuple[int, int]


class NeedsStillCopy(Exception):
    """SQLite cannot open it as it lies there, for instance in a folder it may not write to."""


class _Restarted(Exception):
    """Writers change the database faster than it is copied in steps."""


_locks: dict[Identity, threading.Lock] = {}
_locks_guard = threading.Lock()


@contextmanager
def alone_with(identity: Identity) -> Iterator[None]:
    """Let one thread of this process at a time touch one database file.

    POSIX locks belong to the process: whoever closes any descriptor of the file drops the locks
    that SQLite holds on it for another thread.
    """
    with _locks_guard:
        lock = _locks.setdefault(identity, threading.Lock())
    with lock:
        yield


def copy_online(path: bytes, copy: Path, *, identity: Identity, wait_seconds: float) -> None:
    """Copy the database at *path* to the new file *copy*.

    Args:
        path: without links.
        identity: device and inode that *path* was found to be; anything else is refused.
        wait_seconds: how long another program's lock is waited for.

    Raises:
        ConnectorError: ``locked``, ``damaged``, ``vanished``, ``read_error`` or ``disk_full``.
        NeedsStillCopy: copy the files instead.
    """
    try:
        with closing(_connect(path, identity, wait_seconds)) as live:
            if _holds_snapshot(live):
                _copy(live, copy, steps=False, wait_seconds=wait_seconds)
                return
            try:
                _copy(live, copy, steps=True, wait_seconds=wait_seconds)
            except _Restarted:
                copy.unlink()
                # In one step: writers wait for the lock that it holds meanwhile.
                _copy(live, copy, steps=False, wait_seconds=wait_seconds)
    except sqlite3.Error as error:
        raise translated(error) from error


def translated(error: sqlite3.Error) -> Exception:
    """Turn an error of SQLite's into one that a person understands."""
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return ConnectorError("locked", "Another program holds a lock on the database.")
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")):
        return NeedsStillCopy(str(error))
    if name.startswith("SQLITE_FULL"):
        return ConnectorError("disk_full", "There is no space left for the copy.")
    if name.startswith("SQLITE_IOERR"):
        return ConnectorError("read_error", f"The database could not be read: {error}.")
    return ConnectorError("damaged", f"It is not a sound SQLite database: {error}.")


def _connect(path: bytes, identity: Identity, wait_seconds: float) -> sqlite3.Connection:
    live = sqlite3.connect(
        uri(Path(os.fsdecode(path)), "mode=ro"),
        uri=True,
        timeout=wait_seconds,
        isolation_level=None,
    )
    try:
        live.execute("SELECT count(*) FROM sqlite_master").fetchone()
        require_opened(identity)
    except BaseException:
        live.close()
        raise
    return live


def require_opened(identity: Identity) -> None:
    """Make sure that SQLite, which opens by path, has opened the very file that was found."""
    for name in os.listdir("/proc/self/fd"):
        try:
            status = os.fstat(int(name))
        except OSError:
            continue
        if (status.st_dev, status.st_ino) == identity:
            return
    raise ConnectorError("vanished", "Another file took the database's place while it was opened.")


def _holds_snapshot(live: sqlite3.Connection) -> bool:
    """In WAL mode, begin to read: the copy then sees one state, and writers go on."""
    if live.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        return False
    live.execute("BEGIN")
    live.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return True


def _copy(live: sqlite3.Connection, copy: Path, *, steps: bool, wait_seconds: float) -> None:
    watch = _Watch(wait_seconds, in_steps=steps)
    live.execute("PRAGMA busy_timeout = 100")
    with closing(sqlite3.connect(copy)) as target:
        target.execute("PRAGMA synchronous = OFF")  # a copy in scratch need not survive a crash
        pages = _PAGES_AT_ONCE if steps else -1
        live.backup(target, pages=pages, progress=watch, sleep=_PAUSE_SECONDS)


class _Watch:
    """Looks on while a copy goes on: gives up on a lock that stays, and on endless restarts."""

    def __init__(self, wait_seconds: float, *, in_steps: bool) -> None:
        self._wait, self._in_steps = wait_seconds, in_steps
        self._busy_since: float | None = None
        self._left: int | None = None
        self._restarts = 0

    def __call__(self, status: int, remaining: int, total: int) -> None:
        now = time.monotonic()
        if status in _BUSY:
            self._busy_since = self._busy_since or now
            if now - self._busy_since >= self._wait:
                raise ConnectorError("locked", "Another program holds a lock on the database.")
            return
        self._busy_since = None
        if self._left is not None and remaining >= self._left:
            self._restarts += 1
        self._left = remaining
        if self._restarts > _MOST_RESTARTS and self._in_steps:
            raise _Restarted
        if self._in_steps:
            time.sleep(_PAUSE_SECONDS)  # the lock is given back between steps: let writers in
