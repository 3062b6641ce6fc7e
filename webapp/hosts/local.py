"""One folder of this machine, opened for reading: entries, content, and nothing else.

What can change a folder is in ``webapp.hosts.changing``.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import threading
from types import TracebackType
from typing import BinaryIO, cast

from blake3 import blake3

from webapp.hosts.beneath import open_beneath, open_file, open_quietly
from webapp.hosts.bounds import Place
from webapp.hosts.facts import describe
from webapp.hosts.walk import Rules, Walk
from webapp.items import Entry, Report

_FOLDER = os.O_RDONLY | os.O_DIRECTORY
_BLOCK = 1 << 20
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


class Folder:
    """A folder on this machine and what lies below it.

    Keeps the last parent folder open, since entries are asked for in order. Safe to use from
    more than one thread.

    Raises:
        OSError: it is not there, not a folder, or may not be opened.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._lock = threading.Lock()
        self._parent: tuple[bytes, int] | None = None
        self.descriptor = self._open_root(place)

    @staticmethod
    def _open_root(place: Place) -> int:
        try:
            return place.open(_FOLDER | os.O_NOATIME)
        except PermissionError:
            return place.open(_FOLDER)

    def __enter__(self) -> Folder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def walk(self, section: bytes, rules: Rules, report: Report) -> Walk:
        """Prepare a walk of all that lies below."""
        return Walk(root=self.descriptor, section=section, rules=rules, report=report)

    def status(self, path: bytes) -> os.stat_result | None:
        """``lstat`` of a relative path; None where there is nothing, or a link on the way."""
        try:
            with self._lock:
                folder, name = self._step(path)
                return os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise

    def entry(self, path: bytes, *, called: bytes) -> tuple[Entry | None, os.stat_result | None]:
        """The entry of a relative path; ``(None, status)`` for a socket, two Nones if absent.

        Raises:
            OSError: it is there and cannot be looked at.
        """
        try:
            with self._lock:
                folder, name = self._step(path)
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                return describe(called, status, folder=folder, name=name), status
        except OSError as error:
            if error.errno in _ABSENT:
                return None, None
            raise

    def open(self, path: bytes) -> BinaryIO:
        """Open a regular file for reading, unbuffered.

        Raises:
            OSError: also ``EISDIR`` if it is no regular file any more.
        """
        with self._lock:
            folder, name = self._step(path)
            descriptor = open_file(folder, name)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EISDIR, "another thing took its place")
        return cast(BinaryIO, io.FileIO(descriptor, "rb"))

    def place_of(self, path: bytes) -> tuple[int, bytes]:
        """The open folder around a relative path, and its name there; the descriptor is good until
        something else is asked for.

        Raises:
            OSError: there is no such folder, or a link is on the way.
        """
        with self._lock:
            return self._step(path)

    def digest(self, path: bytes) -> bytes:
        """BLAKE3 of a file's whole content.

        Raises:
            OSError: as ``open``; also while reading.
        """
        hasher, block = blake3(), bytearray(_BLOCK)
        with self.open(path) as file:
            while count := file.readinto(block):  # type: ignore[attr-defined]
                hasher.update(memoryview(block)[:count])
        return hasher.digest()

    def forget(self) -> None:
        """Give up the parent folder that was kept open: it may have been replaced."""
        with self._lock:
            self._drop()

    def close(self) -> None:
        """Give back all descriptors. Safe to call twice."""
        self.forget()
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def _step(self, path: bytes) -> tuple[int, bytes]:
        """The open parent folder of *path*, and the last name; the root is ``.`` in itself."""
        parent, _, name = path.rpartition(b"/")
        if not parent:
            return self.descriptor, name or b"."
        if self._parent is None or self._parent[0] != parent:
            self._drop()
            flags = os.O_PATH | os.O_DIRECTORY
            self._parent = (parent, open_beneath(self.descriptor, parent, flags))
        return self._parent[1], name

    def _drop(self) -> None:
        if self._parent is not None:
            os.close(self._parent[1])
            self._parent = None


__all__ = ["Folder", "open_quietly"]
