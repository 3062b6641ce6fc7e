"""Folders of a target, opened beneath its root and kept open while they are used. One thread's."""

from __future__ import annotations

import os
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass

from webapp.hosts.beneath import open_beneath

_FOLDER = os.O_RDONLY | os.O_DIRECTORY
_MOST_OPEN = 48
_DEFAULT_ACL = "system.posix_acl_default"


@dataclass(slots=True)
class Opened:
    """An open folder.

    Attributes:
        is_plain: a file made in it belongs to us, with the mode that it is made with.
    """

    descriptor: int
    is_plain: bool


class OpenFolders:
    """The folders that were used last.

    Args:
        root: the open target.
        made_mode: of folders that were missing, and of which the snapshot says nothing.
    """

    def __init__(self, root: int, *, made_mode: int = 0o755) -> None:
        self._root = root
        self._made_mode = made_mode
        self._open: OrderedDict[bytes, Opened] = OrderedDict()
        self._me = os.geteuid(), os.getegid()

    def of(self, path: bytes) -> Opened:
        """The folder *path*; made, with what is missing above it, if it is not there.

        Raises:
            OSError: a link or another thing is in its way, or it may not be used.
        """
        found = self._known(path)
        return found or self._keep(path, self._open_or_make(path))

    def there(self, path: bytes) -> int:
        """The descriptor of a folder that must be there; nothing is made."""
        found = self._known(path) or self._keep(path, open_beneath(self._root, path, _FOLDER))
        return found.descriptor

    def forget(self, path: bytes) -> None:
        """*path* is about to change."""
        found = self._open.pop(path, None)
        if found is not None:
            os.close(found.descriptor)

    def close(self) -> None:
        while self._open:
            os.close(self._open.popitem()[1].descriptor)

    def _known(self, path: bytes) -> Opened | None:
        found = self._open.get(path)
        if found is not None and len(self._open) > _MOST_OPEN // 2:
            self._open.move_to_end(path)
        return found

    def _keep(self, path: bytes, descriptor: int) -> Opened:
        found = self._open[path] = self._opened(descriptor)
        if len(self._open) > _MOST_OPEN:
            os.close(self._open.popitem(last=False)[1].descriptor)
        return found

    def _open_or_make(self, path: bytes) -> int:
        missing: list[bytes] = []
        while True:
            try:
                folder = open_beneath(self._root, path, _FOLDER)
                break
            except FileNotFoundError:
                if not path:
                    raise
                path, _, name = path.rpartition(b"/")
                missing.append(name)
        for name in reversed(missing):
            folder = _made_in(folder, name, self._made_mode)
        return folder

    def _opened(self, descriptor: int) -> Opened:
        status = os.fstat(descriptor)
        inherits = bool(status.st_mode & 0o2000) and status.st_gid != self._me[1]
        return Opened(descriptor, not inherits and not _has_default_acl(descriptor))


def _made_in(folder: int, name: bytes, mode: int) -> int:
    try:
        with suppress(FileExistsError):  # another thread needed it, too
            os.mkdir(name, mode, dir_fd=folder)
        return os.open(name, _FOLDER | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    finally:
        os.close(folder)


def _has_default_acl(descriptor: int) -> bool:
    try:
        return _DEFAULT_ACL in os.listxattr(descriptor)
    except OSError:
        return False
