"""One SQLite database file as a part of a source: where it is, and copies of it in scratch."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from webapp.connectors.base import Surroundings
from webapp.connectors.sqlite_contents import Contents, contents_of, unsoundness
from webapp.connectors.sqlite_copy import NeedsStillCopy, alone_with, copy_online
from webapp.connectors.sqlite_still import still_copy
from webapp.connectors.tree import bounds_of, refusal
from webapp.errors import ConnectorError
from webapp.hosts.bounds import Place, locate
from webapp.hosts.local import Folder
from webapp.items import Entry, EntryKind, StoredContent, StoredEntry

_BLOCK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A copy in scratch, or the bytes of what is no sound database.

    Attributes:
        contents: None where it is damaged.
        digest: the logical digest; of a damaged file, ``raw:`` and the digest of its bytes.
        problem: what is wrong with it; empty if it is sound.
    """

    path: Path
    digest: str
    contents: Contents | None
    problem: str = ""


class Database:
    """A database file, item ``db:<stem of its name>``.

    Args:
        wait_seconds: how long another program's lock is waited for.
    """

    def __init__(
        self, path: str, *, surroundings: Surroundings, wait_seconds: float = 20.0
    ) -> None:
        self.path = path
        self.name = os.fsencode(Path(path).stem)
        self.wait_seconds = wait_seconds
        self.bounds = bounds_of(surroundings)
        self.surroundings = surroundings

    def place(self) -> Place:
        """Where the file is; checked against the bounds each time anew."""
        place = locate(self.path, self.bounds)
        if not place.relative:
            raise ConnectorError("not_a_file", f"{self.path} is a granted folder, not a file.")
        return place

    def file_name(self) -> bytes:
        """The name of the file in its folder, links followed."""
        return self.place().real.rpartition(b"/")[2]

    def folder(self) -> Folder:
        """Open the folder that the file is in.

        Raises:
            ConnectorError: with the reason why not.
        """
        parent = self.place().real.rpartition(b"/")[0] or b"/"
        try:
            return Folder(locate(parent, self.bounds))
        except OSError as error:
            raise refusal(self.path, error) from error

    def entry(self, folder: Folder, *, called: bytes = b"") -> Entry | None:
        """The file as it lies there, or None.

        Raises:
            ConnectorError: it is there and is no file, or may not be looked at.
        """
        try:
            entry, status = folder.entry(self.file_name(), called=called)
        except OSError as error:
            raise refusal(self.path, error) from error
        if status is None:
            return None
        if entry is None:
            raise ConnectorError("is_socket", f"{self.path} is a socket.")
        if entry.kind is not EntryKind.FILE:
            raise ConnectorError("not_a_file", f"{self.path} is not a file.")
        return entry

    def captured(self) -> tuple[Entry, Copy]:
        """Make a sound copy while other programs go on, and describe it.

        Raises:
            ConnectorError: ``locked``, ``damaged``, or why it cannot be read.
        """
        with self.folder() as folder:
            entry = self._present(folder)
            copy = self._fresh() / "copy"
            status = folder.status(self.file_name())
            assert status is not None
            identity = (status.st_dev, status.st_ino)
            with alone_with(identity):
                self._copy(folder, copy, identity)
        problem = unsoundness(copy)
        if problem:
            raise ConnectorError("damaged", f"{self.path} is damaged: {problem}")
        return _described(entry, copy), _sound(copy)

    def raw(self) -> tuple[Entry, Copy]:
        """The bytes of a damaged file as they are.

        Raises:
            ConnectorError: it cannot be read.
        """
        with self.folder() as folder:
            entry = self._present(folder)
            copy = self._fresh() / "raw"
            try:
                with folder.open(self.file_name()) as source, copy.open("wb") as target:
                    shutil.copyfileobj(source, target, _BLOCK)
            except OSError as error:
                raise refusal(self.path, error) from error
        return _described(entry, copy), _raw(copy, "damaged")

    def as_it_is(self) -> Copy | None:
        """Look at the live database without leaving a trace; None if there is none.

        Raises:
            ConnectorError: ``locked``, or why it cannot be read.
        """
        try:
            folder = self.folder()
        except ConnectorError as error:
            if error.code == "not_found":
                return None
            raise
        with folder:
            if self.entry(folder) is None:
                return None
            status = folder.status(self.file_name())
            assert status is not None
            with alone_with((status.st_dev, status.st_ino)):
                copy = still_copy(
                    folder, self.file_name(), self._fresh(), wait_seconds=self.wait_seconds
                )
        raw = _raw(copy, "")
        return self._looked_into(raw)

    def stored_copy(self, entry: StoredEntry, stored: StoredContent) -> Copy:
        """Write a stored database to scratch and look into it.

        Raises:
            ConnectorError: there is no space for it.
        """
        copy = self._fresh() / "stored"
        try:
            with stored.open(entry) as source, copy.open("wb") as target:
                shutil.copyfileobj(source, target, _BLOCK)
        except OSError as error:
            raise ConnectorError("disk_full", "There is no space for a copy to look at.") from error
        return self._looked_into(_raw(copy, ""))

    def drop(self, copy: Copy | None) -> None:
        """Remove a copy from scratch."""
        if copy is not None:
            shutil.rmtree(copy.path.parent, ignore_errors=True)

    def _present(self, folder: Folder) -> Entry:
        entry = self.entry(folder)
        if entry is None:
            raise ConnectorError("not_found", f"{self.path} does not exist.")
        return entry

    def _copy(self, folder: Folder, copy: Path, identity: tuple[int, int]) -> None:
        real = self.place().real
        try:
            if _sleeps(folder, self.file_name()):
                raise NeedsStillCopy
            copy_online(real, copy, identity=identity, wait_seconds=self.wait_seconds)
        except NeedsStillCopy:
            # Nobody has it open, or we may read its files and not open them as SQLite does.
            copy.unlink(missing_ok=True)
            still = still_copy(
                folder, self.file_name(), self._fresh(), wait_seconds=self.wait_seconds
            )
            _fold(still, copy)

    def _looked_into(self, raw: Copy) -> Copy:
        problem = unsoundness(raw.path)
        if problem:
            return Copy(path=raw.path, digest=raw.digest, contents=None, problem=problem)
        try:
            return _sound(raw.path)
        except ConnectorError as error:
            return Copy(path=raw.path, digest=raw.digest, contents=None, problem=str(error))

    def _fresh(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.surroundings.scratch, prefix="db-"))


def _sleeps(folder: Folder, name: bytes) -> bool:
    """Say whether a database in WAL mode is opened by nobody.

    Opening it would leave files beside it that belong to the backup user, and that the program
    whose database it is might not be able to write.
    """
    with folder.open(name) as file:
        is_wal = file.read(20)[18:] == b"\x02\x02"
    return is_wal and folder.status(name + b"-shm") is None


def _fold(still: Path, copy: Path) -> None:
    """Make one file of a copied database and its log."""
    try:
        with closing(sqlite3.connect(still)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    except sqlite3.Error as error:
        raise ConnectorError("damaged", f"It is not a sound SQLite database: {error}.") from error
    shutil.rmtree(still.parent, ignore_errors=True)


def _sound(path: Path) -> Copy:
    try:
        contents = contents_of(path)
    except sqlite3.Error as error:
        raise ConnectorError("damaged", f"It cannot be read to its end: {error}.") from error
    return Copy(path=path, digest=contents.digest, contents=contents)


def _raw(path: Path, problem: str) -> Copy:
    hasher = blake3()
    hasher.update_mmap(path)
    return Copy(path=path, digest=f"raw:{hasher.hexdigest()}", contents=None, problem=problem)


def _described(entry: Entry, copy: Path) -> Entry:
    """The live file's facts with the copy's size; inode and ctime are the copy's, so that no
    later capture takes this content for unchanged."""
    status = copy.stat()
    entry.size, entry.ctime_ns, entry.inode = status.st_size, status.st_ctime_ns, status.st_ino
    return entry
