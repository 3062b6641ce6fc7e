"""Writing a whole database into a live one, while other programs have it open.

SQLite's own backup writes all pages in one transaction of the live database: others see the old
content or the new, and after a kill the journal or log brings the old one back. The live content
is read once more, and nobody can change it between that and the transaction:

- Without WAL the connection keeps its exclusive lock from before the reading to the end.
- In WAL mode writers are shut out from the first page on; then a second connection says whether
  anybody had committed since the reading.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from webapp.connectors.sqlite_contents import contents_of, uri
from webapp.connectors.sqlite_copy import Identity, require_opened
from webapp.connectors.write_errors import require_same
from webapp.errors import ConnectorError

_MOST_PAGES_AT_ONCE = 256
_CONFIRM_SECONDS = 1.0
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


class LiveDatabase:
    """A sound live database, opened to be overwritten.

    Args:
        path: without links.
        before: the digest that its content must have.
        scratch: a folder for a copy of it.
    """

    def __init__(
        self, path: bytes, *, identity: Identity, before: str, scratch: Path, wait_seconds: float
    ) -> None:
        self._path, self._identity, self._before = path, identity, before
        self._copy, self._wait = scratch / "before", wait_seconds

    def overwrite(self, source: Path, *, confirm: Callable[[], None]) -> None:
        """Write the database *source*, of the same page size, over the live one.

        Raises:
            ConnectorError: ``locked`` or ``target_changed``; nothing was changed.
            sqlite3.Error: nothing was changed.
        """
        with self._opened() as live:
            if _mode(live) == "wal":
                self._overwrite_with_log(live, source, confirm=confirm)
                return
            _journal_only(source)
            self._lock(live)
            require_same(self._digest(live) == self._before)
            confirm()
            watch = _Watch(self._wait, confirm)
            _backup(source, live, watch=watch)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep everybody out while the file is replaced by another one.

        Raises:
            ConnectorError: ``locked`` if another program has it open, or ``target_changed``.
        """
        with self._opened() as live:
            if _mode(live) == "wal" and _set_mode(live, "delete") != "delete":
                raise ConnectorError("locked", "Another program has the database open.")
            self._lock(live)
            require_same(self._digest(live) == self._before)
            yield

    def _overwrite_with_log(
        self, live: sqlite3.Connection, source: Path, *, confirm: Callable[[], None]
    ) -> None:
        with self._opened() as reader:
            before = _version(reader)
            require_same(self._digest(reader) == self._before)
            confirm()
            watch = _Watch(
                self._wait, confirm, on_first=lambda: require_same(_version(reader) == before)
            )
            _backup(source, live, watch=watch)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        address = uri(Path(os.fsdecode(self._path)), "mode=rw")
        with closing(
            sqlite3.connect(address, uri=True, timeout=self._wait, isolation_level=None)
        ) as live:
            live.execute("SELECT count(*) FROM sqlite_master").fetchone()
            require_opened(self._identity)
            yield live

    def _lock(self, live: sqlite3.Connection) -> None:
        live.execute("PRAGMA locking_mode = EXCLUSIVE")
        live.execute("BEGIN EXCLUSIVE")
        live.execute("COMMIT")  # in this mode the lock stays, and a backup may begin

    def _digest(self, live: sqlite3.Connection) -> str:
        self._copy.unlink(missing_ok=True)
        with closing(sqlite3.connect(self._copy)) as copy:
            copy.execute("PRAGMA synchronous = OFF")
            live.backup(copy)
        digest = contents_of(self._copy).digest
        self._copy.unlink()
        return digest


def _backup(source: Path, live: sqlite3.Connection, *, watch: _Watch) -> None:
    with closing(sqlite3.connect(source, isolation_level=None)) as copy:
        (count,) = copy.execute("PRAGMA page_count").fetchone()
        # More than one step, so that there is a moment between the lock and the end.
        pages = max(1, min(_MOST_PAGES_AT_ONCE, count - 1))
        copy.backup(live, pages=pages, progress=watch, sleep=0.005)


class _Watch:
    """Asks a last question once the target is locked, and now and then whether the run may still
    write: a large database takes long. Gives up on a lock of others."""

    def __init__(
        self,
        wait_seconds: float,
        confirm: Callable[[], None],
        on_first: Callable[[], None] | None = None,
    ) -> None:
        self._until = time.monotonic() + wait_seconds
        self._confirm, self._on_first = confirm, on_first
        self._confirm_at = time.monotonic() + _CONFIRM_SECONDS

    def __call__(self, status: int, remaining: int, total: int) -> None:
        if status in _BUSY:
            if time.monotonic() >= self._until:
                raise ConnectorError("locked", "Another program holds a lock on the database.")
        elif self._on_first is not None:
            self._on_first()
            self._on_first = None
        if time.monotonic() >= self._confirm_at:
            self._confirm()
            self._confirm_at = time.monotonic() + _CONFIRM_SECONDS


def _mode(database: sqlite3.Connection) -> str:
    return str(database.execute("PRAGMA journal_mode").fetchone()[0])


def _set_mode(database: sqlite3.Connection, mode: str) -> str:
    try:
        return str(database.execute(f"PRAGMA journal_mode = {mode}").fetchone()[0])
    except sqlite3.OperationalError:
        return ""


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA data_version").fetchone()[0])


def _journal_only(source: Path) -> None:
    """The mode is a part of the content: without this a live database would turn to WAL."""
    with closing(sqlite3.connect(source, isolation_level=None)) as copy:
        _set_mode(copy, "delete")
