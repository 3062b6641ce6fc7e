"""Several files and folders of this machine as one source, by their full paths.

``/srv/web`` becomes ``tree/srv/web``: as with restic and borg, what is restored below a folder
lies there as it lay below ``/``. The folders on the way are kept with owner, mode and times, and
without what else is in them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from webapp.connectors.base import Surroundings
from webapp.connectors.tree import Tree
from webapp.connectors.tree_sources import Found, TreeSource
from webapp.errors import ConnectorError
from webapp.hosts.bounds import Place
from webapp.hosts.facts import describe
from webapp.hosts.sight import Sight
from webapp.hosts.walk import Rules
from webapp.items import Entry, Eyes, Json, Report, Sighting, key_of, sort_key
from webapp.standalone.leaving_out import LeaveOut

SECTION = b"tree"
EVERYTHING = LeaveOut()


class PathsSource:
    """An ``EntrySource`` of *paths*; close it after use.

    Args:
        leave_out: what is not wanted.
        own_data: folders that are left out: vault and cache.

    Raises:
        ConnectorError: none of the paths can be opened.
    """

    def __init__(
        self,
        paths: Iterable[str],
        *,
        report: Report,
        leave_out: LeaveOut = EVERYTHING,
        own_data: Iterable[Path] = (),
    ) -> None:
        around = Surroundings(roots=(Path("/"),), own_data=tuple(own_data), scratch=Path("/"))
        self._parts: list[_Part] = []
        problems: list[ConnectorError] = []
        for path in outermost(paths):
            try:
                self._parts.append(_Part(path, around, leave_out=leave_out, report=report))
            except ConnectorError as error:
                report.failed(key_of(section_of(path)), error.code, str(error))
                problems.append(error)
        if not self._parts:
            raise problems[0]

    def entries(self) -> Iterator[Entry]:
        return self._all(_Part.entries)

    def sightings(self) -> Iterator[Entry | Sighting]:
        return self._all(_Part.sightings)

    def eyes(self) -> Eyes:
        return Sight()

    def place(self, path: bytes) -> tuple[int, bytes]:
        return self._part(path).source.place(path)

    def open(self, entry: Entry) -> BinaryIO:
        return self._part(entry.path).source.open(entry)

    def facts(self) -> Mapping[str, Json]:
        return {}

    def close(self) -> None:
        for part in self._parts:
            part.source.close()

    def _part(self, path: bytes) -> _Part:
        return next((one for one in self._parts if one.holds(path)), self._parts[0])

    def _all(self, see: Callable[[_Part], Iterator[Found]]) -> Iterator[Found | Entry]:
        known: set[bytes] = set()
        for part in self._parts:
            for path, entry in part.above():
                if path not in known:
                    yield entry
                known.add(path)
            yield from see(part)


class _Part:
    """One of the named paths: a folder, or a single file in the folder around it."""

    def __init__(
        self, path: str, around: Surroundings, *, leave_out: LeaveOut, report: Report
    ) -> None:
        self.top = section_of(path)
        self._is_folder = os.path.isdir(path)
        if self._is_folder:
            root, only = path, b""
        else:
            _require_no_link(path)
            root, only = os.path.dirname(path), os.fsencode(os.path.basename(path))
        self._root = root
        tree = _Tree(section_of(root), root, surroundings=around, only=only)
        tree.leave_out = leave_out
        self.source: TreeSource = tree.source(report)
        self._prefix = self.top.rstrip(b"/") + b"/"

    def above(self) -> Iterator[tuple[bytes, Entry]]:
        """The folders on the way from ``/``; of a single file, the one around it, too."""
        parts = [part for part in self._root.split("/") if part]
        depth = len(parts) if self._is_folder else len(parts) + 1
        for count in range(depth):
            path = "/" + "/".join(parts[:count])
            called = section_of(path)
            yield called, _folder_entry(path, called)

    def entries(self) -> Iterator[Entry]:
        return self._below(self.source.entries())

    def sightings(self) -> Iterator[Entry | Sighting]:
        return self._below(self.source.sightings())

    def _below(self, found: Iterator[Found]) -> Iterator[Found]:
        if not self._is_folder:
            next(found, None)  # the folder around it came before
        return found

    def holds(self, path: bytes) -> bool:
        return path == self.top or path.startswith(self._prefix)


class _Tree(Tree):
    """A ``Tree`` whose exclusions know the full path."""

    leave_out = EVERYTHING

    def rules(self, place: Place) -> Rules:
        return replace(
            super().rules(place),
            excluded=self.leave_out.below(os.fsencode(self.path)),
            marked=self.leave_out.mark(),
            one_device=self.leave_out.one_file_system,
        )


def outermost(paths: Iterable[str]) -> list[str]:
    """Full paths, sorted as a snapshot is; without those that lie in another one of them."""
    found: list[str] = []
    whole = {os.path.abspath(path) for path in paths}
    for path in sorted(whole, key=lambda path: sort_key(section_of(path))):
        path = path.replace("//", "/")  # two slashes at the start survive abspath
        if not found or not (path + "/").startswith(found[-1].rstrip("/") + "/"):
            found.append(path)
    return found


def section_of(path: str) -> bytes:
    """``/srv/web`` → ``tree/srv/web``."""
    return (SECTION + os.fsencode(path)).rstrip(b"/")


def _require_no_link(path: str) -> None:
    if os.path.islink(path):
        real = os.path.realpath(path)
        raise ConnectorError("not_a_file", f"{path} is a link. Name {real} instead.")


def _folder_entry(path: str, called: bytes) -> Entry:
    """A folder as it is; may be one that cannot be listed."""
    folder = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        found = describe(called, os.fstat(folder), folder=folder, name=b".")
    finally:
        os.close(folder)
    assert found is not None
    return found
