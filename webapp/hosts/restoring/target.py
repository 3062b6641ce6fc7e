"""A folder of this machine that a snapshot is restored into."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from webapp.errors import ConnectorError
from webapp.hosts.folding import Folding, folding_of
from webapp.hosts.restoring.comparing import Comparing
from webapp.hosts.restoring.facts import Facts, lacking
from webapp.hosts.restoring.files import FileDraft, Files, Names, OpenDrafts, remove
from webapp.hosts.restoring.folders import OpenFolders
from webapp.hosts.restoring.levels import Levels, State
from webapp.hosts.restoring.making import Making
from webapp.hosts.restoring.marks import Mark
from webapp.hosts.restoring.refusals import refusal
from webapp.hosts.restoring.roots import Root
from webapp.items import EntryKind, Fate, NotPlaced, StoredEntry


class FolderTarget:
    """A target. Opened for a dry run, it is never changed.

    Args:
        path: the folder; made, with what is missing above it, unless this is a dry run.
        section: left out of the entries' paths, such as ``b"tree"`` or ``b"tree/srv/web"``, where
            the folders above it are nothing to this target; empty to keep all.
        by_name: owners are looked up by name, and by id only where the name is unknown.
        by_content: files of the right size are read to see whether they are right.

    Raises:
        ConnectorError: it cannot be used, or another restore uses it.
    """

    def __init__(
        self,
        path: str | bytes | Path,
        *,
        section: bytes = b"",
        dry_run: bool = False,
        by_name: bool = False,
        by_content: bool = False,
        fold: Callable[[int], Folding] = folding_of,
    ) -> None:
        self._root = Root(path, make=not dry_run)
        self._section = section
        self._is_dry = dry_run
        self._facts = Facts(by_name=by_name)
        self._local = threading.local()
        self._everyone: list[OpenFolders] = []
        self._drafts = OpenDrafts()
        self._umask = _umask()
        self._made_mode = 0o755
        self._pending: list[tuple[bytes, StoredEntry]] = []
        self._has_begun = False
        self._mark = Mark(self._root.descriptor) if not dry_run else None
        if self._mark is not None:
            mark, is_fresh = self._mark, self._root.is_fresh
            try:
                self._root.guarded(lambda: mark.set(root_is_made=is_fresh))
            except ConnectorError:
                self._root.unmake()
                raise
        self._names = Names(self._mark.prefix if self._mark is not None else b"")
        folders = self._files.folders if self._root.descriptor >= 0 else None
        self._levels = Levels(
            folders, is_fresh=self._root.is_fresh, leftover=self._sweep, fold=fold
        )
        doubtful = self._mark.doubtful_since_ns if self._mark is not None else None
        self._comparing = Comparing(
            self._levels, folders, facts=self._facts, by_content=by_content, doubtful=doubtful
        )
        self._making = Making(self._facts, self._names)

    def __enter__(self) -> FolderTarget:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def look(self, entry: StoredEntry, *, on_the_way: bool = False) -> Fate:
        """See ``EntryTarget``."""
        self._has_begun = True
        path = self._path(entry.path)
        if not path:
            return self._look_at_root(entry)
        hardlink = self._path(entry.hardlink) if entry.hardlink else b""
        try:
            fate = self._comparing.fate(path, entry, first=hardlink)
        except OSError as error:
            raise refusal(error) from error
        except NotPlaced:
            if entry.kind is EntryKind.FOLDER:
                self._levels.push(path, State.BLOCKED)
            raise
        if entry.kind is EntryKind.FOLDER:
            self._levels.push(path, State.FRESH if fate is Fate.CREATE else State.PRESENT)
            if on_the_way and fate is Fate.MEND:
                return Fate.LEAVE
            if not on_the_way or fate is Fate.CREATE:
                self._pending.append((path, entry))
        return fate

    def may_fold(self, folders: Iterator[bytes]) -> bool:
        """See ``EntryTarget``."""
        if self._levels.at(b"").folding is not Folding.NONE:
            return True
        if self._root.is_fresh:
            return False
        return any(self._levels.folds(self._path(folder)) for folder in folders)

    def start_over(self) -> None:
        """See ``EntryTarget``."""
        self._levels.start_over()
        self._pending.clear()

    def is_fresh(self, folder: bytes) -> bool:
        """See ``EntryTarget``."""
        level = self._levels.at(self._path(folder))
        return level.state is State.FRESH and level.folding is Folding.NONE

    def make(self, entry: StoredEntry, fate: Fate) -> None:
        """See ``EntryTarget``."""
        path = self._path(entry.path)
        if not path:
            return
        parent, _, name = path.rpartition(b"/")
        try:
            lacks = self._making.make(self._files.folders.of(parent), name, entry, fate)
        except (OSError, NotPlaced) as error:
            if entry.kind is EntryKind.FOLDER:
                self._levels.block()
                self._pending.pop()
            raise refusal(error) if isinstance(error, OSError) else error from error
        if lacks:
            raise lacking(lacks)

    def write(self, entry: StoredEntry, data: memoryview) -> None:
        """See ``EntryTarget``."""
        self._files.write(self._path(entry.path), entry, data)

    def draft(self, entry: StoredEntry) -> BoundDraft:
        """See ``EntryTarget``."""
        path = self._path(entry.path)
        return BoundDraft(self, FileDraft(self._files, self._drafts, path=path, entry=entry))

    def link(self, entry: StoredEntry) -> bool:
        """See ``EntryTarget``."""
        path, first = self._path(entry.path), self._path(entry.hardlink)
        above, _, first_name = first.rpartition(b"/")
        parent, _, name = path.rpartition(b"/")
        folders = self._files.folders
        try:
            return self._making.link(
                (folders.there(above), first_name), (folders.of(parent).descriptor, name), entry
            )
        except OSError as error:
            raise refusal(error) from error

    def reads_as(self, entry: StoredEntry) -> bool:
        """See ``EntryTarget``."""
        parent, _, name = self._path(entry.path).rpartition(b"/")
        return self._comparing.has_content(self._files.folders.there(parent), name, entry)

    def in_process(self, number: int) -> None:
        """See ``EntryTarget``."""
        self._names.in_process(number)
        self._made_mode = 0o700 | (0o755 & ~self._umask)
        self._umask = 0  # nobody else works here, so that files are made with the right mode
        os.umask(0)
        self._local = threading.local()

    def clear_away(self, folders: Iterable[bytes]) -> None:
        """See ``EntryTarget``."""
        for folder in folders:
            with suppress(FileNotFoundError, NotADirectoryError):
                opened = self._files.folders.there(self._path(folder))
                for name in filter(self._names.is_of_process, _names_in(opened)):
                    remove(opened, name)

    def leave(self, *, last: bool) -> list[StoredEntry]:
        """See ``EntryTarget``. The deepest come first, since work in a folder sets its time."""
        kept = set() if last else self._levels.on_the_way()
        left = [entry for path, entry in reversed(self._pending) if path not in kept]
        self._pending = [one for one in self._pending if one[0] in kept]
        return left

    def settle(self, folders: list[StoredEntry]) -> list[tuple[bytes, NotPlaced]]:
        """See ``EntryTarget``."""
        failed = []
        for entry in folders:
            try:
                lacks = self._making.settle(self._root.descriptor, self._path(entry.path), entry)
                if lacks:
                    failed.append((entry.path, lacking(lacks)))
            except OSError as error:
                failed.append((entry.path, refusal(error)))
        return failed

    def finish(self, *, whole: bool) -> None:
        """Make all of it durable, and take the mark away.

        Args:
            whole: every folder of the snapshot was visited, and so every leftover was found.
        """
        if self._mark is not None:
            self._root.sync()
            self._mark.remove(with_dead=whole)

    def close(self) -> None:
        """Give back all descriptors. Safe to call twice.

        Unless all of it was made durable, the mark stays: should the machine die now, the next
        restore has to doubt what this one wrote.
        """
        for folders in self._everyone:
            folders.close()
        if self._mark is not None and self._has_begun:
            self._mark.release()
        elif self._mark is not None:
            self._mark.remove(with_dead=False)
        self._root.close()

    @property
    def _files(self) -> Files:
        """This thread's."""
        found: Files | None = getattr(self._local, "files", None)
        if found is None:
            folders = OpenFolders(self._root.descriptor, made_mode=self._made_mode)
            self._everyone.append(folders)
            found = Files(folders, self._facts, names=self._names, umask=self._umask)
            self._local.files = found
        return found

    def _path(self, path: bytes) -> bytes:
        """The path below the root."""
        return path[len(self._section) + 1 :] if self._section else path

    def _look_at_root(self, entry: StoredEntry) -> Fate:
        if len(entry.path) < len(self._section):
            return Fate.LEAVE
        if entry.kind is not EntryKind.FOLDER:
            raise NotPlaced("type_differs", "The target is a folder, and this is not.")
        self._levels.at(b"")
        if self._root.is_fresh or (self._mark is not None and self._mark.root_was_made):
            self._pending.append((b"", entry))
        return Fate.CREATE if self._root.is_fresh else Fate.LEAVE

    def _sweep(self, folder: int, name: bytes) -> bool:
        """Remove what a dead restore has left."""
        if self._mark is None or not self._mark.owns(name):
            return False
        remove(folder, name)
        return True


class BoundDraft:
    """A draft that finds the folders of whichever thread uses it."""

    def __init__(self, target: FolderTarget, draft: FileDraft) -> None:
        self._target = target
        self._draft = draft

    def write(self, data: memoryview, offset: int) -> None:
        self._draft.write(self._target._files, data, offset)

    def finish(self) -> None:
        self._draft.finish(self._target._files)

    def abandon(self) -> None:
        self._draft.abandon(self._target._files)


def _names_in(folder: int) -> list[bytes]:
    return [os.fsencode(name) for name in os.listdir(folder)]


def _umask() -> int:
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as lines:
            found = next(line for line in lines if line.startswith("Umask:"))
            return int(found.split()[1], 8)
    except (OSError, StopIteration, ValueError):
        return 0o777  # unknown: then every file gets its mode afterwards
