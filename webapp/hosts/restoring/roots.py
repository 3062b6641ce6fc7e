"""The folder that a target is: found, made where it is missing, and opened once."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from webapp.errors import ConnectorError
from webapp.hosts.changing import sync_file_system

T = TypeVar("T")
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_WORDS = {
    errno.ENOTDIR: ("not_a_folder", "is not a folder. Name a folder, new or existing"),
    errno.EEXIST: ("not_a_folder", "is not a folder. Name a folder, new or existing"),
    errno.ELOOP: ("not_a_folder", "leads round in a circle of links"),
    errno.EACCES: ("not_allowed", "may not be written by you"),
    errno.EPERM: ("not_allowed", "may not be written by you"),
    errno.EROFS: ("not_allowed", "is on a file system that is mounted read-only"),
    errno.ENOSPC: ("disk_full", "cannot be made: there is no space left"),
    errno.ENAMETOOLONG: ("not_supported", "has too long a name"),
}


class Root:
    """The open root. What a person typed is followed once, links included; nothing below is.

    Attributes:
        descriptor: -1 where there is no such folder, and none was to be made.
        is_fresh: it was not there before.
    """

    def __init__(self, path: str | bytes | Path, *, make: bool) -> None:
        self.path = os.path.realpath(os.fsencode(path))
        self.is_fresh = False
        self.descriptor = -1
        self.descriptor = self.guarded(lambda: self._open(make))

    def sync(self) -> None:
        """Make everything that was written durable."""
        self.guarded(lambda: sync_file_system(self.descriptor))

    def unmake(self) -> None:
        """Remove it again if it was made here: who comes next takes it for somebody's own folder
        otherwise, and leaves its facts alone."""
        if self.is_fresh:
            with suppress(OSError):
                os.rmdir(self.path)

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def guarded(self, act: Callable[[], T]) -> T:
        """Do something to the root itself.

        Raises:
            ConnectorError: with the reason why it cannot be done.
        """
        try:
            return act()
        except OSError as error:
            self.close()
            shown = self.path.decode("utf-8", "backslashreplace")
            code, words = _WORDS.get(error.errno or 0, ("write_error", f"fails: {error.strerror}"))
            raise ConnectorError(code, f"{shown} {words}.") from error

    def _open(self, make: bool) -> int:
        try:
            return os.open(self.path, _FLAGS)
        except FileNotFoundError:
            self.is_fresh = True
        if not make:
            return -1
        os.makedirs(self.path, 0o755)
        return os.open(self.path, _FLAGS)
