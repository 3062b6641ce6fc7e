"""Comparing a folder with what a snapshot says, and planning what a restore does. Reads only.

Rows come in the order in which they can be carried out: what is made or changed first, folders
before what is in them; then what is removed, the deepest first.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from webapp.connectors import diff
from webapp.connectors.base import Action, Desired, Planned
from webapp.connectors.sections import nowhere
from webapp.connectors.states import differences, joined, reachable, state_of
from webapp.connectors.tree_removals import Removals, surplus
from webapp.connectors.tree_target import Blocked, Live, Target, content_differs
from webapp.items import Entry, EntryKind, StoredContent, StoredEntry, path_of

_DEVICES = {EntryKind.CHARACTER, EntryKind.BLOCK}
_MOST_DIFF_BYTES = 8 * 1024 * 1024  # over a whole plan


class TreePlan:
    """One comparison.

    Args:
        scope: relative paths of what was chosen; the empty path is everything.
        delete: also plan the removal of what is in the scope and not in the backup.
        types: a folder may give way to a file, and a file to a folder.
        going: relative paths of files that are removed by others before.
    """

    def __init__(
        self,
        target: Target,
        *,
        stored: StoredContent,
        scope: tuple[bytes, ...],
        delete: bool,
        types: bool,
        going: set[bytes],
    ) -> None:
        self._target, self._stored = target, stored
        self._scope, self._delete, self._types = scope, delete, types
        self._going = going
        self._late: list[tuple[bytes, StoredEntry]] = []
        self._seen: set[bytes] = set()
        self._made: set[bytes] = set()
        self._names: dict[bytes, bytes] = {}
        self._blocked: bytes | None = None
        self._diff_bytes = 0

    def rows(self, desired: Iterable[Desired]) -> Iterator[Planned]:
        """Yield one row for each desired item, then the removals, then what needs their room."""
        gone: set[bytes] = set()
        for wanted in desired:
            path = self._path(wanted.key)
            if path is None:
                yield _blocked_row(wanted, Blocked("escapes_target"))
            elif not self._target.takes(path):
                yield nowhere(wanted, "The config file of this target has another name.")
            elif wanted.entry is None:
                gone.add(path)
            else:
                row = self._row(path, wanted.entry)
                self._seen.add(path)
                if row is not None:
                    yield row
        if self._delete:
            gone.update(surplus(self._target, self._scope, self._seen))
        removals = Removals(self._target, self._going)
        yield from removals.rows(gone)
        yield from (self._late_row(path, wanted, removals) for path, wanted in self._late)

    def _path(self, key: str) -> bytes | None:
        try:
            return path_of(key)[len(self._target.section) + 1 :]
        except ValueError:
            return None

    def _row(self, path: bytes, wanted: StoredEntry) -> Planned | None:
        try:
            self._refuse(path)
            live = self._target.live(path)
            if live is not None and not self._is_chosen(path) and _are_folders(live.entry, wanted):
                return None  # a folder on the way to the chosen items, and it is there
            self._refuse_kind(wanted, live)
            if live is not None and _is_in_the_way(live.entry, wanted):
                self._late.append((path, wanted))
                return None
            return self._compared(path, wanted, live)
        except Blocked as blocked:
            if wanted.kind is EntryKind.FOLDER:
                self._blocked = path
            return _blocked_row(Desired(key=self._target.key(path), entry=wanted), blocked)

    def _late_row(self, path: bytes, wanted: StoredEntry, removals: Removals) -> Planned:
        """The row of what is to take a folder's place, once it is known what is left in that."""
        try:
            if not removals.empties(path):
                raise Blocked("type_differs", "There is a folder in its place that is not empty.")
            return self._compared(path, wanted, self._target.live(path))
        except Blocked as blocked:
            return _blocked_row(Desired(key=self._target.key(path), entry=wanted), blocked)

    def _is_chosen(self, path: bytes) -> bool:
        return any(
            not start or path == start or path.startswith(start + b"/") for start in self._scope
        )

    def _refuse(self, path: bytes) -> None:
        """Raise ``Blocked`` for what must not be written whatever is there now."""
        self._target.refuse(path)
        if self._blocked is not None and path.startswith(self._blocked + b"/"):
            raise Blocked("type_differs", "The folder it lies in cannot be restored.")
        parent, _, name = path.rpartition(b"/")
        if self._target.folds(parent):
            low = parent + b"/" + os.fsencode(os.fsdecode(name).casefold())
            if self._names.setdefault(low, path) != path:
                raise Blocked("name_collides")

    def _refuse_kind(self, wanted: StoredEntry, live: Live | None) -> None:
        if wanted.kind in _DEVICES and os.geteuid() != 0:
            raise Blocked("not_supported", "Only root can make a device.")
        if live is None or self._types or _are_folders(live.entry, wanted):
            return
        if EntryKind.FOLDER in {live.entry.kind, wanted.kind}:
            words = f"There is a {live.entry.kind} where the backup has a {wanted.kind}"
            raise Blocked("type_differs", f"{words}, and removing was not asked for.")

    def _compared(self, path: bytes, wanted: StoredEntry, live: Live | None) -> Planned:
        rewrites = content_differs(wanted, live)
        reached, lacks = reachable(wanted, live.entry if live else None, rewrites=rewrites)
        action, words, risk = self._judged(path, wanted, reached, live)
        text = None
        if action is Action.REPLACE and live is not None and live.entry.kind is wanted.kind:
            text = self._diff(path, wanted, live)
        return Planned(
            key=self._target.key(path),
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
        self, path: bytes, wanted: StoredEntry, reached: Entry, live: Live | None
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
        if content_differs(wanted, live):
            newer = live.entry.mtime_ns > wanted.mtime_ns
            words = _what(wanted) + _also(facts)
            words += " The live file is newer than the backup." if newer else ""
            return Action.REPLACE, words, "medium" if newer else "low"
        if not self._is_linked(wanted, live):
            facts.append("it is no longer one file under two names")
        if facts:
            return Action.UPDATE, f"Only facts differ: {joined(facts)}.", "low"
        return Action.UNCHANGED, "It is as in the backup.", "none"

    def _is_linked(self, wanted: StoredEntry, live: Live) -> bool:
        first = wanted.hardlink[len(self._target.section) + 1 :]
        if not first or first not in self._seen:
            return True
        status = self._target.status(first)
        return status is not None and (status.st_dev, status.st_ino) == live.identity

    def _missing(self, path: bytes) -> str:
        parent = path.rpartition(b"/")[0]
        if path and parent not in self._made and self._target.status(parent) is None:
            return "It is missing, and so is its folder, which is made."
        return "It is missing."

    def _diff(self, path: bytes, wanted: StoredEntry, live: Live) -> str | None:
        largest, folder = diff.LARGEST_TEXT_BYTES, self._target.folder
        if wanted.kind is not EntryKind.FILE or max(wanted.size, live.entry.size) > largest:
            return None
        if self._diff_bytes > _MOST_DIFF_BYTES or folder is None:
            return None
        try:
            with folder.open(path) as now, self._stored.open(wanted) as then:
                old, new = diff.text_of(now.read(largest + 1)), diff.text_of(then.read(largest + 1))
        except OSError:
            return None
        text = diff.unified(old, new) if old is not None and new is not None else None
        self._diff_bytes += len(text or "")
        return text


def _is_in_the_way(live: Entry, wanted: Entry) -> bool:
    return live.kind is EntryKind.FOLDER is not wanted.kind


def _are_folders(live: Entry, wanted: Entry) -> bool:
    return live.kind is EntryKind.FOLDER is wanted.kind


def _size(entry: Entry) -> int | None:
    return entry.size if entry.kind is EntryKind.FILE else None


def _what(wanted: StoredEntry) -> str:
    if wanted.kind is EntryKind.SYMLINK:
        return "The link leads elsewhere"
    return "It is another device" if wanted.kind in _DEVICES else "Its content differs"


def _blocked_row(wanted: Desired, blocked: Blocked) -> Planned:
    entry = wanted.entry
    return Planned(
        key=wanted.key,
        action=Action.BLOCKED,
        reason=str(blocked),
        reason_code=blocked.code,
        size_after=_size(entry) if entry else None,
        kind=entry.kind.value if entry else "",
    )


def _also(facts: Sequence[str]) -> str:
    """``; so does its time.``, ``; so do its time and its owner.``, or the full stop alone."""
    verb = "does" if len(facts) == 1 else "do"
    return f"; so {verb} {joined(facts)}." if facts else "."
