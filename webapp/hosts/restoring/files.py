"""Writing files into a target: under a temporary name, whole, and then by their own."""

from __future__ import annotations

import itertools
import os
import threading
from collections import OrderedDict
from contextlib import suppress

from webapp.hosts.restoring.facts import Facts, lacking
from webapp.hosts.restoring.folders import Opened, OpenFolders
from webapp.hosts.restoring.refusals import refusal
from webapp.items import NotPlaced, StoredEntry

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_AGAIN = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_PRIVATE = 0o600
_MOST_OPEN = 64
_PROCESS_BITS = 40  # of a temporary name's number, below that of the process


class Names:
    """Temporary names that were not used before. For many threads."""

    def __init__(self, prefix: bytes) -> None:
        self._prefix = prefix
        self._numbers = itertools.count(1)

    def in_process(self, number: int) -> None:
        """Use other names than the process that this one is a fork of."""
        self._numbers = itertools.count(1 + (number << _PROCESS_BITS))

    def is_of_process(self, name: bytes) -> bool:
        """Whether a fork of this process has made up *name*."""
        number = name.removeprefix(self._prefix).removesuffix(b".part")
        is_ours = bool(self._prefix) and name == b"%s%s.part" % (self._prefix, number)
        return is_ours and number.isdigit() and int(number) >> _PROCESS_BITS > 0

    def __call__(self) -> bytes:
        return b"%s%d.part" % (self._prefix, next(self._numbers))


class Files:
    """Writes files. One thread's.

    Args:
        umask: that of this process.
    """

    def __init__(self, folders: OpenFolders, facts: Facts, *, names: Names, umask: int) -> None:
        self.folders = folders
        self.facts = facts
        self.names = names
        self._not_at_once = umask | 0o7000
        self._me = os.geteuid(), os.getegid()

    def write(self, path: bytes, entry: StoredEntry, data: memoryview) -> None:
        """Place a whole file.

        Raises:
            NotPlaced: it could not be, or not with all its facts.
        """
        parent, _, name = path.rpartition(b"/")
        try:
            folder = self.folders.of(parent)
            lacks = self._write(folder, name, entry, data)
        except OSError as error:
            raise refusal(error) from error
        if lacks:
            raise lacking(lacks)

    def _write(
        self, folder: Opened, name: bytes, entry: StoredEntry, data: memoryview
    ) -> list[str]:
        temporary = self.names()
        # Most files are ours and have no attributes: then nothing needs to be looked at.
        simple = folder.is_plain and not entry.xattrs and self.facts.owner(entry) == self._me
        mode = entry.mode & 0o777 if simple else _PRIVATE
        file = os.open(temporary, _NEW, mode, dir_fd=folder.descriptor)
        try:
            try:
                written = os.write(file, data) if data else 0
                while written < len(data):
                    written += os.write(file, data[written:])
                lacks: list[str] = []
                if simple:
                    if entry.mode & self._not_at_once:
                        os.fchmod(file, entry.mode)
                    os.utime(file, ns=(entry.mtime_ns, entry.mtime_ns))
                else:
                    lacks = self.facts.set(file, entry, os.fstat(file))
            finally:
                os.close(file)
            take(folder.descriptor, temporary, name)
        except BaseException:
            remove(folder.descriptor, temporary)
            raise
        return lacks


class OpenDrafts:
    """How many drafts keep their file open: the oldest gives its own up. For many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: OrderedDict[FileDraft, None] = OrderedDict()

    def used(self, draft: FileDraft) -> FileDraft | None:
        """Note that *draft* has its file open; return one that should close its own."""
        with self._lock:
            self._open[draft] = None
            self._open.move_to_end(draft)
            return next(iter(self._open)) if len(self._open) > _MOST_OPEN else None

    def closed(self, draft: FileDraft) -> None:
        with self._lock:
            self._open.pop(draft, None)


class FileDraft:
    """A file that comes in pieces. See ``EntryTarget.draft``; *files* is the calling thread's."""

    def __init__(
        self, files: Files, drafts: OpenDrafts, *, path: bytes, entry: StoredEntry
    ) -> None:
        self._drafts = drafts
        self._entry = entry
        self._parent, _, self._name = path.rpartition(b"/")
        self._temporary = files.names()
        self._lock = threading.Lock()
        self._file = -1
        try:
            folder = files.folders.of(self._parent)
            self._file = os.open(self._temporary, _NEW, _PRIVATE, dir_fd=folder.descriptor)
            status = os.fstat(self._file)
            if entry.holes:
                os.ftruncate(self._file, entry.size)
        except OSError as error:
            self.abandon(files)
            raise refusal(error) from error
        self._identity = status.st_dev, status.st_ino
        self._make_room()

    def write(self, files: Files, data: memoryview, offset: int) -> None:
        """Put *data* at *offset*.

        Raises:
            NotPlaced: it cannot be written any more.
        """
        try:
            with self._lock:
                file = self._opened(files)
                while data:
                    written = os.pwrite(file, data, offset)
                    data, offset = data[written:], offset + written
        except OSError as error:
            raise refusal(error) from error
        self._make_room()

    def finish(self, files: Files) -> None:
        """Give it its facts and its name."""
        try:
            with self._lock:
                file = self._opened(files)
                lacks = files.facts.set(file, self._entry, os.fstat(file))
                self._close()
            take(files.folders.of(self._parent).descriptor, self._temporary, self._name)
        except (OSError, NotPlaced) as error:
            self.abandon(files)
            raise refusal(error) if isinstance(error, OSError) else error from error
        if lacks:
            raise lacking(lacks)

    def abandon(self, files: Files) -> None:
        """Leave nothing of it."""
        with self._lock:
            self._close()
        with suppress(OSError):
            remove(files.folders.of(self._parent).descriptor, self._temporary)

    def give_up_file(self) -> None:
        """Close the file if nobody is using it now; it is opened again when it is needed."""
        if self._lock.acquire(blocking=False):
            try:
                self._close()
            finally:
                self._lock.release()

    def _make_room(self) -> None:
        oldest = self._drafts.used(self)
        if oldest is not None and oldest is not self:
            oldest.give_up_file()

    def _opened(self, files: Files) -> int:
        if self._file < 0:
            folder = files.folders.of(self._parent).descriptor
            self._file = os.open(self._temporary, _AGAIN, dir_fd=folder)
            status = os.fstat(self._file)
            if (status.st_dev, status.st_ino) != self._identity:
                raise NotPlaced("target_changed", "Something took its place meanwhile.")
        return self._file

    def _close(self) -> None:
        self._drafts.closed(self)
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def take(folder: int, temporary: bytes, name: bytes) -> None:
    """Let what is complete take its place; what was there is gone, unless it is a folder."""
    os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)


def remove(folder: int, name: bytes) -> None:
    """Remove one of our own temporary names; what is absent is no fault."""
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
