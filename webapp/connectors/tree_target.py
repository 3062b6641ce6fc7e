"""The target of a restore as it is now, looked at item by item. Reads only."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from webapp.connectors.base import REASONS
from webapp.connectors.states import state_of
from webapp.errors import ConnectorError
from webapp.hosts.beneath import open_quietly
from webapp.hosts.bounds import Place
from webapp.hosts.folding import folds
from webapp.hosts.local import Folder
from webapp.hosts.walk import OUR_TEMPORARY, Rules, reason
from webapp.items import Entry, EntryKind, StoredEntry, is_safe, key_of


class Blocked(Exception):
    """This item cannot be restored here."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(message or REASONS[code])
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Live:
    """One item as the target has it now."""

    entry: Entry
    digest: bytes
    status: os.stat_result

    @property
    def state(self) -> str:
        """Its fingerprint."""
        return state_of(self.entry, self.digest)

    @property
    def identity(self) -> tuple[int, int]:
        """Which file it is, under whatever name."""
        return self.status.st_dev, self.status.st_ino


@dataclass(kw_only=True)
class Target:
    """What a restore writes to; *folder* is None where it is still to be made."""

    section: bytes
    folder: Folder | None
    place: Place
    rules: Rules
    only: bytes = b""
    _folding: dict[bytes, bool] = field(default_factory=dict)
    _is_own_data: Callable[[bytes], bool] = field(init=False)

    def __post_init__(self) -> None:
        self._is_own_data = self.place.bounds.own_data_test()

    def key(self, path: bytes) -> str:
        """The item key of a relative path."""
        return key_of(self.section + b"/" + path if path else self.section)

    def takes(self, path: bytes) -> bool:
        """Say whether *path* belongs to this target: any, or the one file that it is."""
        return not self.only or path == self.only

    def live(self, path: bytes) -> Live | None:
        """What is at *path* now.

        Raises:
            Blocked: something is there that cannot be read, or that no restore handles.
        """
        if self.folder is None:
            return None
        try:
            entry, status = self.folder.entry(path, called=b"")
            if status is None:
                return None
            if entry is None:
                raise Blocked("type_differs", "There is a socket in its place.")
            digest = self.folder.digest(path) if entry.kind is EntryKind.FILE else b""
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise Blocked("not_supported", "Its name is too long for this target.") from error
            raise Blocked(*reason(error)) from error
        return Live(entry=entry, digest=digest, status=status)

    def status(self, path: bytes) -> os.stat_result | None:
        """``lstat``, or None where nothing can be seen."""
        try:
            return None if self.folder is None else self.folder.status(path)
        except OSError:
            return None

    def is_off_limits(self, path: bytes) -> bool:
        """Say whether *path* lies in our own data."""
        return self._is_own_data(self.place.real + b"/" + path)

    def refuse(self, path: bytes) -> None:
        """Refuse what must not be written whatever is there now.

        Raises:
            Blocked: with the reason.
        """
        if not is_safe(path):
            raise Blocked("escapes_target")
        if path in self.rules.hidden or not self.takes(path):
            raise Blocked("not_supported", "Another part of this source takes care of it.")
        if self.is_off_limits(path):
            raise Blocked("inside_own_data")

    def folds(self, parent: bytes) -> bool:
        """Say whether the folder *parent* takes ``A`` and ``a`` for one name."""
        if self.folder is None:
            return False
        if parent not in self._folding:
            above = self.folds(parent.rpartition(b"/")[0]) if parent else False
            self._folding[parent] = folds(self.folder.descriptor, parent, unless=above)
        return self._folding[parent]

    def holds_hidden_only(self, path: bytes) -> bool:
        """Say whether all that a folder holds is taken care of by other parts of the source."""
        prefix = path + b"/" if path else b""
        below = [hidden for hidden in self.rules.hidden if hidden.startswith(prefix)]
        return bool(below) and all(
            child in below or (child in _parents(below) and self.holds_hidden_only(child))
            for child in (prefix + name for name in self.names_in(path))
        )

    def names_in(self, path: bytes) -> list[bytes]:
        """What a folder holds, but for what a restore has not finished."""
        if self.folder is None:
            return []
        folder = open_quietly(self.folder.descriptor, path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            names = map(os.fsencode, os.listdir(folder))
            return [name for name in names if not OUR_TEMPORARY.fullmatch(name)]
        finally:
            os.close(folder)


def _parents(paths: list[bytes]) -> set[bytes]:
    """All folders that *paths* lie in."""
    parts = (path.split(b"/") for path in paths)
    return {b"/".join(names[:count]) for names in parts for count in range(1, len(names))}


def content_differs(wanted: StoredEntry, live: Live | None) -> bool:
    """Say whether more than facts differs."""
    if live is None or live.entry.kind is not wanted.kind:
        return True
    entry = live.entry
    return (entry.size, live.digest, entry.link_target, entry.device) != (
        wanted.size, wanted.digest, wanted.link_target, wanted.device,
    )  # fmt: skip


def present_state(folder: Folder, path: bytes) -> str:
    """The fingerprint of one item as it is now; empty if absent.

    Raises:
        ConnectorError: it is there and cannot be read.
    """
    try:
        entry, status = folder.entry(path, called=b"")
        if entry is None:
            return "" if status is None else "socket"
        digest = folder.digest(path) if entry.kind is EntryKind.FILE else b""
    except OSError as error:
        raise ConnectorError(*reason(error)) from error
    return state_of(entry, digest)
