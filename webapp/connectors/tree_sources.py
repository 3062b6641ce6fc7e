"""What a folder gives to a capture: everything, or some chosen items."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, TypeVar

from webapp.connectors.base import REASONS
from webapp.hosts.local import Folder
from webapp.hosts.sight import Sight
from webapp.hosts.walk import Rules, Walk, identity, reason
from webapp.items import Entry, EntryKind, Eyes, Json, Report, Sighting, key_of

Found = TypeVar("Found", Entry, Entry | Sighting)


class TreeSource:
    """The whole folder as it is, in order."""

    def __init__(
        self, section: bytes, folder: Folder, *, rules: Rules, only: bytes, report: Report
    ) -> None:
        self._section, self._folder, self._rules = section, folder, rules
        self._only, self._report = only, report
        self._skip = len(section) + 1

    def entries(self) -> Iterator[Entry]:
        return self._all(Walk.entries)

    def sightings(self) -> Iterator[Entry | Sighting]:
        return self._all(Walk.sightings)

    def eyes(self) -> Eyes:
        return Sight()

    def place(self, path: bytes) -> tuple[int, bytes]:
        return self._folder.place_of(path[self._skip :])

    def open(self, entry: Entry) -> BinaryIO:
        return self._folder.open(entry.path[self._skip :])

    def facts(self) -> Mapping[str, Json]:
        return {}

    def close(self) -> None:
        self._folder.close()

    def _all(self, see: Callable[[Walk], Iterator[Found]]) -> Iterator[Found | Entry]:
        root, _ = self._folder.entry(b"", called=self._section)
        if root is not None:
            yield root
        if self._only:
            yield from self._single()
            return
        walk = self._folder.walk(self._section, self._rules, self._report)
        yield from see(walk)
        excluded = self._rules.excluded
        asked = [path for path in walk.left_out if excluded is not None and excluded(path)]
        if asked:
            shown = key_of(self._section + b"/" + asked[0])
            self._report.note(f"{len(asked)} left out as asked, the first being {shown}.")

    def _single(self) -> Iterator[Entry]:
        name = self._only
        called = self._section + b"/" + name
        try:
            entry, _ = self._folder.entry(name, called=called)
        except OSError as error:
            self._report.failed(key_of(called), *reason(error))
            return
        if entry is None:
            self._report.failed(key_of(called), "vanished", REASONS["vanished"])
        else:
            yield entry


class SelectedSource:
    """Some items of the folder as they are; what is absent is left out."""

    def __init__(
        self, section: bytes, folder: Folder | None, *, paths: list[bytes], report: Report
    ) -> None:
        self._section, self._folder, self._paths, self._report = section, folder, paths, report
        self._skip = len(section) + 1

    def entries(self) -> Iterator[Entry]:
        first: dict[tuple[int, ...], bytes] = {}
        for path in self._paths if self._folder is not None else ():
            called = self._section + b"/" + path if path else self._section
            try:
                entry, status = self._the_folder().entry(path, called=called)
            except OSError as error:
                self._report.failed(key_of(called), *reason(error))
                continue
            if entry is None and status is not None:
                self._report.failed(key_of(called), "is_socket", "A socket has no content to keep.")
            elif entry is not None and status is not None:
                if entry.kind is EntryKind.FILE and status.st_nlink > 1:
                    shared = first.setdefault(identity(status), called)
                    entry.hardlink = b"" if shared is called else shared
                yield entry

    def open(self, entry: Entry) -> BinaryIO:
        return self._the_folder().open(entry.path[self._skip :])

    def facts(self) -> Mapping[str, Json]:
        return {}

    def close(self) -> None:
        if self._folder is not None:
            self._folder.close()

    def _the_folder(self) -> Folder:
        if self._folder is None:
            raise FileNotFoundError(errno.ENOENT, "there is no folder")
        return self._folder
