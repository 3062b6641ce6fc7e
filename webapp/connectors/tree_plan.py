"""Comparing a folder with what a snapshot says, and planning what a restore does. Reads only.

Rows come in the order in which they can be carried out: what is made or changed first, folders
before what is in them; then what is removed, the deepest first.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from webapp.connectors import diff
from webapp.connectors.base import REASONS, Action, Desired, Planned
from webapp.connectors.states import differences, joined, reachable, state_of
from webapp.hosts.beneath import open_quietly
from webapp.hosts.bounds import Place
from webapp.hosts.folding import folds
from webapp.hosts.local import Folder
from webapp.hosts.walk import OUR_TEMPORARY, Rules, reason
from webapp.items import (
    Entry,
    EntryKind,
    StoredContent,
    StoredEntry,
    is_safe,
    key_of,
    path_of,
    sort_key,
)

_DEVICES = {EntryKind.CHARACTER, EntryKind.BLOCK}
_MOST_DIFF_BYTES = 8 * 1024 * 1024  # over a whole plan


@dataclass(frozen=True, kw_only=True)
class _Live:
    """One item as the target has it now."""

    entry: Entry
    digest: bytes
    identity: tuple[int, int]

    @property
    def state(self) -> str:
        return state_of(self.entry, self.digest)


class _Blocked(Exception):
    """This item cannot be restored here."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(message or REASONS[code])
        self.code = code


@dataclass(kw_only=True)
class _Silent:
    """A report for walks whose gaps are looked at by other means."""

    def failed(self, key: str, code: str, message: str) -> None: ...

    def skipped(self, key: str, code: str, message: str) -> None: ...

    def note(self, message: str) -> None: ...


@dataclass
class TreePlan:
    """One comparison. *folder* is None where the target is still to be made."""

    section: bytes
    folder: Folder | None
    place: Place
    rules: Rules = field(kw_only=True)
    stored: StoredContent = field(kw_only=True)
    _seen: set[bytes] = field(default_factory=set)
    _made: set[bytes] = field(default_factory=set)
    _names: dict[bytes, bytes] = field(default_factory=dict)
    _folding: dict[bytes, bool] = field(default_factory=dict)
    _blocked: bytes | None = None
    _diff_bytes: int = 0

    def rows(
        self, desired: Iterable[Desired], *, starts: tuple[tuple[bytes, ...], bool]
    ) -> Iterator[Planned]:
        """Yield one row for each desired item, then the removals."""
        scope, delete = starts
        gone: set[bytes] = set()
        for wanted in desired:
            path = self._path(wanted.key)
            if path is None:
                yield _blocked_row(wanted, _Blocked("escapes_target"))
            elif wanted.entry is None:
                gone.add(path)
            else:
                row = self._row(path, wanted.entry, delete=delete, scope=scope)
                self._seen.add(path)
                if row is not None:
                    yield row
        if delete:
            gone.update(self._surplus(scope))
        yield from self._removals(gone)

    def _path(self, key: str) -> bytes | None:
        try:
            return path_of(key)[len(self.section) + 1 :]
        except ValueError:
            return None

    # one desired item

    def _row(
        self, path: bytes, wanted: StoredEntry, *, delete: bool, scope: tuple[bytes, ...]
    ) -> Planned | None:
        try:
            self._refuse(path)
            live = self._live(path)
            if live is not None and not _within(path, scope) and _is_folder(live.entry, wanted):
                return None  # a folder on the way to the chosen items, and it is there
            self._refuse_kind(wanted, live, delete=delete)
            return self._compared(path, wanted, live)
        except _Blocked as blocked:
            if wanted.kind is EntryKind.FOLDER:
                self._blocked = path
            return _blocked_row(Desired(key=self._key(path), entry=wanted), blocked)

    def _refuse(self, path: bytes) -> None:
        """Raise ``_Blocked`` for what must not be written whatever is there now."""
        if not is_safe(path):
            raise _Blocked("escapes_target")
        if self._blocked is not None and path.startswith(self._blocked + b"/"):
            raise _Blocked("type_differs", "The folder it lies in cannot be restored.")
        if path in self.rules.hidden:
            raise _Blocked("not_supported", "Another part of this source takes care of it.")
        if self.place.bounds.refuses(self.place.real + b"/" + path):
            raise _Blocked("inside_own_data")
        self._refuse_collision(path)

    def _refuse_collision(self, path: bytes) -> None:
        parent, _, name = path.rpartition(b"/")
        if not self._folds(parent):
            return
        low = (
            parent
            + b"/"
            + name.decode("utf-8", "surrogateescape").casefold().encode("utf-8", "surrogateescape")
        )
        if self._names.setdefault(low, path) != path:
            raise _Blocked("name_collides")

    def _refuse_kind(self, wanted: StoredEntry, live: _Live | None, *, delete: bool) -> None:
        if wanted.kind in _DEVICES and os.geteuid() != 0:
            raise _Blocked("not_supported", "Only root can make a device.")
        if live is None or live.entry.kind is wanted.kind:
            return
        kinds = f"There is a {live.entry.kind} where the backup has a {wanted.kind}"
        if live.entry.kind is EntryKind.FOLDER:
            raise _Blocked("type_differs", f"{kinds}. Move the folder away first.")
        if not delete:
            raise _Blocked("type_differs", f"{kinds}, and removing was not asked for.")

    def _compared(self, path: bytes, wanted: StoredEntry, live: _Live | None) -> Planned:
        reached, lacks = reachable(wanted, live.entry if live else None)
        action, words, risk = self._judged(path, wanted, reached, live)
        text = None
        if live is not None and action is Action.REPLACE and not words.startswith("There is a"):
            text = self._diff(path, wanted, live)
        return Planned(
            key=self._key(path),
            action=action,
            before=live.state if live else "",
            after=state_of(reached, wanted.digest),
            reason=" ".join([words, *lacks]),
            risk=risk,
            size_before=_size(live.entry) if live else None,
            size_after=_size(wanted),
            kind=wanted.kind.value,
            diff=text,
        )

    def _judged(
        self, path: bytes, wanted: StoredEntry, reached: Entry, live: _Live | None
    ) -> tuple[Action, str, str]:
        """The action, the reason and the risk."""
        if live is None:
            if wanted.kind is EntryKind.FOLDER:
                self._made.add(path)
            return Action.CREATE, self._missing(path), "low"
        if live.entry.kind is not wanted.kind:
            now = f"There is a {live.entry.kind} in its place, which is removed."
            return Action.REPLACE, now, "high"
        facts = differences(live.entry, reached)
        if self._content_differs(wanted, live):
            newer = live.entry.mtime_ns > wanted.mtime_ns
            words = _what(wanted) + (f"; so do {joined(facts)}." if facts else ".")
            words += " The live file is newer than the backup." if newer else ""
            return Action.REPLACE, words, "medium" if newer else "low"
        if not self._is_linked(wanted, live):
            facts.append("that it shares its content with another name no more")
        if facts:
            return Action.UPDATE, f"Only facts differ: {joined(facts)}.", "low"
        return Action.UNCHANGED, "It is as in the backup.", "none"

    def _content_differs(self, wanted: StoredEntry, live: _Live) -> bool:
        entry = live.entry
        return (entry.size, live.digest, entry.link_target, entry.device) != (
            wanted.size, wanted.digest, wanted.link_target, wanted.device,
        )  # fmt: skip

    def _is_linked(self, wanted: StoredEntry, live: _Live) -> bool:
        first = wanted.hardlink[len(self.section) + 1 :]
        if not first or first not in self._seen or self.folder is None:
            return True
        status = self.folder.status(first)
        return status is not None and (status.st_dev, status.st_ino) == live.identity

    def _missing(self, path: bytes) -> str:
        parent = path.rpartition(b"/")[0]
        if path and parent not in self._made and self._status(parent) is None:
            return "It is missing, and so is its folder, which is made."
        return "It is missing."

    # what is there now

    def _live(self, path: bytes) -> _Live | None:
        if self.folder is None:
            return None
        try:
            entry, status = self.folder.entry(path, called=b"")
            if status is None:
                return None
            if entry is None:
                raise _Blocked("type_differs", "There is a socket in its place.")
            digest = self.folder.digest(path) if entry.kind is EntryKind.FILE else b""
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise _Blocked("not_supported", "Its name is too long for this target.") from error
            raise _Blocked(*reason(error)) from error
        return _Live(entry=entry, digest=digest, identity=(status.st_dev, status.st_ino))

    def _status(self, path: bytes) -> os.stat_result | None:
        try:
            return None if self.folder is None else self.folder.status(path)
        except OSError:
            return None

    def _folds(self, parent: bytes) -> bool:
        if self.folder is None:
            return False
        if parent not in self._folding:
            above = self._folds(parent.rpartition(b"/")[0]) if parent else False
            self._folding[parent] = folds(self.folder.descriptor, parent, unless=above)
        return self._folding[parent]

    def _diff(self, path: bytes, wanted: StoredEntry, live: _Live) -> str | None:
        largest = diff.LARGEST_TEXT_BYTES
        is_file = wanted.kind is EntryKind.FILE and self.folder is not None
        if not is_file or max(wanted.size, live.entry.size) > largest:
            return None
        if self._diff_bytes > _MOST_DIFF_BYTES or self.folder is None:
            return None
        try:
            with self.folder.open(path) as now, self.stored.open(wanted) as then:
                old, new = diff.text_of(now.read(largest + 1)), diff.text_of(then.read(largest + 1))
        except OSError:
            return None
        text = diff.unified(old, new) if old is not None and new is not None else None
        self._diff_bytes += len(text or "")
        return text

    # what is to be removed

    def _surplus(self, scope: tuple[bytes, ...]) -> Iterator[bytes]:
        """Paths that are in the target, within the scope, and not in the backup."""
        if self.folder is None:
            return
        for start in scope:
            status = self._status(start)
            if status is None:
                continue
            if start and start not in self._seen:
                yield start
            if not stat.S_ISDIR(status.st_mode):
                continue
            walk = self.folder.walk(self.section, self.rules, _Silent())
            for entry in walk.entries(start):
                path = entry.path[len(self.section) + 1 :]
                if path not in self._seen:
                    yield path

    def _removals(self, gone: set[bytes]) -> Iterator[Planned]:
        removed: set[bytes] = set()
        for path in sorted(gone, key=sort_key, reverse=True):
            row = self._removal(path, removed)
            if row.action is Action.DELETE:
                removed.add(path)
            yield row

    def _removal(self, path: bytes, removed: set[bytes]) -> Planned:
        key = self._key(path)
        try:
            live = self._live(path)
            if live is None:
                return Planned(key=key, action=Action.UNCHANGED, reason="It is not there.")
            self._refuse_removal(path, live, removed)
        except _Blocked as blocked:
            return replace(_blocked_row(Desired(key=key, entry=None), blocked), risk="none")
        return Planned(
            key=key,
            action=Action.DELETE,
            before=live.state,
            reason="It is not in the backup.",
            risk="high",
            size_before=_size(live.entry),
            kind=live.entry.kind.value,
        )

    def _refuse_removal(self, path: bytes, live: _Live, removed: set[bytes]) -> None:
        if not path and not self.place.relative:
            raise _Blocked("not_supported", "The granted folder itself is never removed.")
        if path in self.rules.hidden or self.place.bounds.refuses(self.place.real + b"/" + path):
            raise _Blocked("not_supported", "Another part of this source takes care of it.")
        if live.entry.kind is EntryKind.FOLDER:
            prefix = path + b"/" if path else b""
            kept = [name for name in self._names_in(path) if prefix + name not in removed]
            if kept:
                raise _Blocked("not_supported", "It holds things that are not to be removed.")

    def _names_in(self, path: bytes) -> list[bytes]:
        assert self.folder is not None
        folder = open_quietly(self.folder.descriptor, path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            names = map(os.fsencode, os.listdir(folder))
            return [name for name in names if not OUR_TEMPORARY.fullmatch(name)]
        finally:
            os.close(folder)

    def _key(self, path: bytes) -> str:
        return key_of(self.section + b"/" + path if path else self.section)


def _within(path: bytes, scope: tuple[bytes, ...]) -> bool:
    return any(not start or path == start or path.startswith(start + b"/") for start in scope)


def _is_folder(live: Entry, wanted: Entry) -> bool:
    return live.kind is EntryKind.FOLDER is wanted.kind


def _size(entry: Entry) -> int | None:
    return entry.size if entry.kind is EntryKind.FILE else None


def _what(wanted: StoredEntry) -> str:
    if wanted.kind is EntryKind.SYMLINK:
        return "The link leads elsewhere"
    return "It is another device" if wanted.kind in _DEVICES else "Its content differs"


def _blocked_row(wanted: Desired, blocked: _Blocked) -> Planned:
    entry = wanted.entry
    return Planned(
        key=wanted.key,
        action=Action.BLOCKED,
        reason=str(blocked),
        reason_code=blocked.code,
        size_after=_size(entry) if entry else None,
        kind=entry.kind.value if entry else "",
    )
