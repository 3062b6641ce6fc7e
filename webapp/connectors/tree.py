"""A folder, or one file of a folder, as a part of a source: looking, capturing, comparing."""

from __future__ import annotations

import errno
import fnmatch
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import BinaryIO

from webapp.connectors.base import REASONS, Desired, Planned, Surroundings
from webapp.connectors.states import state_of
from webapp.connectors.tree_plan import TreePlan
from webapp.errors import ConnectorError
from webapp.hosts.bounds import Bounds, Place, locate
from webapp.hosts.local import Folder
from webapp.hosts.walk import Rules, reason
from webapp.items import Entry, EntryKind, Json, Report, StoredContent, key_of, path_of, sort_key

_ROOT_ERRORS = {
    errno.ENOENT: ("not_found", "does not exist"),
    errno.ENOTDIR: ("not_a_folder", "is not a folder"),
    errno.ELOOP: ("not_a_folder", "is a link and not a folder"),
    errno.ENXIO: ("is_socket", "is a socket"),
    errno.EACCES: ("not_allowed", "may not be read by the backup user"),
    errno.EPERM: ("not_allowed", "may not be read by the backup user"),
}


class Tree:
    """What lies below one folder, as the items of one section of a snapshot.

    Args:
        section: ``b"tree"`` or ``b"config"``.
        path: the folder, as the person named it.
        exclude: patterns; see ``excluder``.
        hidden: real paths that another part of the source takes care of.
        only: the one name that counts, for a single file; else all do.
    """

    def __init__(
        self,
        section: bytes,
        path: str,
        *,
        surroundings: Surroundings,
        exclude: Iterable[str] = (),
        hidden: Iterable[bytes] = (),
        only: bytes = b"",
    ) -> None:
        self.section = section
        self.path = path
        self.only = only
        self.bounds = bounds_of(surroundings)
        self._excluded = excluder(exclude)
        self._hidden = tuple(hidden)

    def place(self) -> Place:
        """Where the folder is; checked against the bounds each time anew."""
        return locate(self.path, self.bounds)

    def open(self) -> Folder:
        """Open the folder for reading.

        Raises:
            ConnectorError: with the reason why not.
        """
        place = self.place()
        try:
            return Folder(place)
        except OSError as error:
            raise refusal(self.path, error) from error

    def open_if_there(self) -> Folder | None:
        """Open the folder, or say that there is none yet.

        Raises:
            ConnectorError: it is there and cannot be used.
        """
        try:
            return self.open()
        except ConnectorError as error:
            if error.code == "not_found" and _can_be_made(self.place()):
                return None
            raise

    def rules(self, place: Place) -> Rules:
        """What a walk of *place* leaves out."""
        prefix = place.real.rstrip(b"/") + b"/"
        hidden = (path[len(prefix) :] for path in self._hidden if path.startswith(prefix))
        return Rules(
            excluded=self._excluded,
            hidden=frozenset(hidden),
            closed=_identities(self.bounds, place),
        )

    def source(self, report: Report) -> TreeSource:
        """Open the folder for a capture."""
        return TreeSource(self, self.open(), report)

    def select(self, keys: Iterable[str], report: Report) -> SelectedSource:
        """Open only these items, for a safety capture."""
        paths = sorted({self.relative(key) for key in keys}, key=sort_key)
        return SelectedSource(self, self.open_if_there(), paths, report)

    def plan(
        self,
        desired: Iterable[Desired],
        *,
        stored: StoredContent,
        delete: bool,
        scope: tuple[str, ...],
    ) -> Iterator[Planned]:
        """See ``base.Connector.plan``; all keys are of this section."""
        folder = self.open_if_there()
        try:
            place = self.place()
            plan = TreePlan(self.section, folder, place, rules=self.rules(place), stored=stored)
            yield from plan.rows(desired, starts=self._starts(scope, delete))
        finally:
            if folder is not None:
                folder.close()

    def state(self, key: str) -> str:
        """See ``base.Connector.state``."""
        folder = self.open_if_there()
        if folder is None:
            return ""
        with folder:
            return present_state(folder, self.relative(key))

    def identity(self) -> str:
        """Path, device and inode of the folder."""
        place = self.place()
        try:
            status = os.stat(place.real, follow_symlinks=False)
        except OSError:
            return f"{os.fsdecode(place.real)}|"
        return f"{os.fsdecode(place.real)}|{status.st_dev}:{status.st_ino}"

    def relative(self, key: str) -> bytes:
        """The path of an item relative to the folder.

        Raises:
            ConnectorError: the key could lead outside.
        """
        try:
            return path_of(key)[len(self.section) + 1 :]
        except ValueError as error:
            raise ConnectorError("escapes_target", "It would lie outside the target.") from error

    def _starts(self, scope: tuple[str, ...], delete: bool) -> tuple[tuple[bytes, ...], bool]:
        own = self.section.decode() + ":"
        starts = tuple(self.relative(key) for key in scope if key.startswith(own))
        return (starts if scope else (b"",)), delete and not self.only


class TreeSource:
    """The whole folder as it is, in order."""

    def __init__(self, tree: Tree, folder: Folder, report: Report) -> None:
        self._tree, self._folder, self._report = tree, folder, report
        self._skip = len(tree.section) + 1

    def entries(self) -> Iterator[Entry]:
        root, _ = self._folder.entry(b"", called=self._tree.section)
        if root is not None:
            yield root
        if self._tree.only:
            yield from self._single()
            return
        rules = self._tree.rules(self._folder.place)
        walk = self._folder.walk(self._tree.section, rules, self._report)
        yield from walk.entries()
        excluded = rules.excluded
        asked = [path for path in walk.left_out if excluded is not None and excluded(path)]
        if asked:
            shown = asked[0].decode("utf-8", "backslashreplace")
            self._report.note(f"{len(asked)} left out as asked, the first being {shown}.")

    def open(self, entry: Entry) -> BinaryIO:
        return self._folder.open(entry.path[self._skip :])

    def facts(self) -> Mapping[str, Json]:
        return {}

    def close(self) -> None:
        self._folder.close()

    def _single(self) -> Iterator[Entry]:
        name = self._tree.only
        called = self._tree.section + b"/" + name
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
        self, tree: Tree, folder: Folder | None, paths: list[bytes], report: Report
    ) -> None:
        self._tree, self._folder, self._paths, self._report = tree, folder, paths, report
        self._skip = len(tree.section) + 1

    def entries(self) -> Iterator[Entry]:
        first: dict[tuple[int, int], bytes] = {}
        for path in self._paths if self._folder is not None else ():
            called = self._tree.section + b"/" + path if path else self._tree.section
            try:
                entry, status = self._the_folder().entry(path, called=called)
            except OSError as error:
                self._report.failed(key_of(called), *reason(error))
                continue
            if entry is None and status is not None:
                self._report.failed(key_of(called), "is_socket", "A socket has no content to keep.")
            elif entry is not None and status is not None:
                if entry.kind is EntryKind.FILE and status.st_nlink > 1:
                    shared = first.setdefault((status.st_dev, status.st_ino), called)
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


def bounds_of(surroundings: Surroundings) -> Bounds:
    """The part of the surroundings that says where files may be touched."""
    return Bounds(
        roots=surroundings.roots, own_data=surroundings.own_data, exempt=surroundings.exempt
    )


def refusal(path: str, error: OSError) -> ConnectorError:
    """Say why the folder or file *path* cannot be used at all."""
    code, words = _ROOT_ERRORS.get(error.errno or 0, ("read_error", "cannot be read"))
    return ConnectorError(code, f"{path} {words}.")


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


def excluder(patterns: Iterable[str]) -> Callable[[bytes], bool] | None:
    """Make the question whether a relative path is left out; None if nothing is.

    A pattern (``*``, ``?``, ``[…]``) is held against the whole relative path and against the last
    name; one that begins with ``/`` against the whole path only.
    """
    whole, names = [], []
    for pattern in patterns:
        cleaned = os.fsencode(pattern.strip().rstrip("/"))
        if not cleaned:
            continue
        whole.append(fnmatch.translate(cleaned.lstrip(b"/").decode("latin-1")))
        if not cleaned.startswith(b"/"):
            names.append(whole[-1])
    if not whole:
        return None
    on_path = re.compile("|".join(whole).encode("latin-1"))
    on_name = re.compile("|".join(names).encode("latin-1")) if names else None

    def excluded(path: bytes) -> bool:
        if on_path.match(path):
            return True
        return on_name is not None and bool(on_name.match(path.rpartition(b"/")[2]))

    return excluded


def _identities(bounds: Bounds, place: Place) -> frozenset[tuple[int, int]]:
    found = set()
    for own in bounds.own_folders():
        try:
            status = os.stat(own)
        except OSError:
            continue
        if stat.S_ISDIR(status.st_mode) and own != place.real:
            found.add((status.st_dev, status.st_ino))
    return frozenset(found)


def _can_be_made(place: Place) -> bool:
    """Say whether a missing folder may be created: some folder above it is granted and there."""
    return bool(place.relative) and os.path.isdir(place.granted)
