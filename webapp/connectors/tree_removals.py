"""Planning what a restore removes. Reads only."""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterator

from webapp.connectors.base import Action, Planned
from webapp.connectors.tree_target import Blocked, Live, Target
from webapp.hosts.walk import reason
from webapp.items import EntryKind, sort_key


class Removals:
    """What goes, and why some of it stays."""

    def __init__(self, target: Target, going: set[bytes]) -> None:
        self._target = target
        self._removed = set(going)

    def rows(self, gone: Collection[bytes]) -> Iterator[Planned]:
        """One row for each of *gone*, the deepest first."""
        for path in sorted(gone, key=sort_key, reverse=True):
            row = self._row(path)
            if row.action is Action.DELETE:
                self._removed.add(path)
            yield row

    def empties(self, path: bytes) -> bool:
        """Say whether nothing is left in a folder after the removals so far.

        Raises:
            Blocked: it cannot be listed.
        """
        prefix = path + b"/" if path else b""
        try:
            names = self._target.names_in(path)
        except OSError as error:
            raise Blocked(*reason(error)) from error
        return all(prefix + name in self._removed for name in names)

    def _row(self, path: bytes) -> Planned:
        key = self._target.key(path)
        try:
            live = self._target.live(path)
            if live is None:
                return Planned(key=key, action=Action.UNCHANGED, reason="It is not there.")
            self._refuse(path, live)
        except Blocked as blocked:
            return Planned(
                key=key, action=Action.BLOCKED, reason=str(blocked), reason_code=blocked.code
            )
        entry = live.entry
        return Planned(
            key=key,
            action=Action.DELETE,
            before=live.state,
            reason="It is not in the backup.",
            risk="high",
            size_before=entry.size if entry.kind is EntryKind.FILE else None,
            kind=entry.kind.value,
        )

    def _refuse(self, path: bytes, live: Live) -> None:
        target = self._target
        if not path and not target.place.relative:
            raise Blocked("not_supported", "The granted folder itself is never removed.")
        if path in target.rules.hidden:
            raise Blocked("not_supported", "Another part of this source takes care of it.")
        if target.is_off_limits(path):
            raise Blocked("inside_own_data")
        if live.entry.kind is EntryKind.FOLDER and not self.empties(path):
            raise Blocked("not_supported", "It holds things that are not to be removed.")


def surplus(target: Target, scope: tuple[bytes, ...], wanted: Collection[bytes]) -> Iterator[bytes]:
    """Paths that are in the target, within *scope*, and not *wanted*."""
    for start in scope:
        status = target.status(start)
        if status is None or target.folder is None or target.rules.leave_out(start):
            continue
        if start and start not in wanted:
            yield start
        if not stat.S_ISDIR(status.st_mode):
            continue
        walk = target.folder.walk(target.section, target.rules, _Silent())
        for entry in walk.entries(start):
            path = entry.path[len(target.section) + 1 :]
            if path not in wanted:
                yield path


class _Silent:
    """A report for a walk whose gaps show otherwise: a folder that holds more is not removed."""

    def failed(self, key: str, code: str, message: str) -> None: ...

    def skipped(self, key: str, code: str, message: str) -> None: ...

    def note(self, message: str) -> None: ...
