"""The folders that a writer works in: opened below the target's root, made where missing."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from webapp.connectors.pen import Pen
from webapp.connectors.tree import Tree
from webapp.connectors.tree_target import Target
from webapp.hosts import changing
from webapp.hosts.beneath import open_beneath
from webapp.hosts.local import Folder
from webapp.hosts.walk import OUR_TEMPORARY
from webapp.items import sort_key

_FOLDER = os.O_RDONLY | os.O_DIRECTORY


@dataclass
class Places:
    """Open folders of one target, and what is to be set on them in the end."""

    tree: Tree
    pen: Pen
    target: Target = field(init=False)
    is_new: bool = field(init=False)
    times: dict[bytes, int] = field(default_factory=dict)
    modes: dict[bytes, int] = field(default_factory=dict)
    _last: tuple[bytes, int] | None = None

    def __post_init__(self) -> None:
        self.target = self.tree.target()
        root = self.target.folder
        self.is_new = root is None or not os.listdir(root.descriptor)
        if root is not None and not self.is_new:
            self._remove_leftovers(root)

    def of(self, path: bytes) -> tuple[int, bytes]:
        """The open folder that *path* is in, and its name there; the root is in its parent."""
        if not path:
            return self._above_root()
        parent, _, name = path.rpartition(b"/")
        return self._open(parent), name

    def root(self) -> Folder:
        """The open root, made if there is none."""
        if not self.is_there():
            folder, name = self._above_root()
            self.pen.confirm()
            os.mkdir(name, 0o755, dir_fd=folder)
            self.reopen()
        assert self.target.folder is not None
        return self.target.folder

    def is_there(self) -> bool:
        """Say whether there is a root by now: the writer of another part may have made it."""
        if self.target.folder is None:
            self.reopen()
        return self.target.folder is not None

    def reopen(self) -> None:
        """Look at the root anew: it was just made."""
        self._forget()
        if self.target.folder is not None:
            self.target.folder.close()
        self.target = self.tree.target()

    def touch(self, path: bytes) -> None:
        """Remember the time of the folder that *path* is in: a change in it is about to set it."""
        if path:
            parent = path.rpartition(b"/")[0]
            if parent not in self.times:
                self.times[parent] = os.fstat(self._open(parent)).st_mtime_ns

    def gone(self, path: bytes) -> None:
        """*path* was removed, or another thing took its place."""
        self.times.pop(path, None)
        self.modes.pop(path, None)
        self._forget()
        if self.target.folder is not None:
            self.target.folder.forget()

    def settle(self) -> None:
        """Set modes and times of the folders that were worked in, the deepest first."""
        self._forget()
        if self.target.folder is not None:
            for path in sorted({*self.times, *self.modes}, key=sort_key, reverse=True):
                self.pen.confirm()
                self._finish_one(self.target.folder.descriptor, path)
        self.times.clear()
        self.modes.clear()

    def finish(self) -> None:
        """Settle, and make everything durable."""
        self.settle()
        if self.target.folder is not None:
            self.pen.confirm()
            changing.sync_file_system(self.target.folder.descriptor)

    def close(self) -> None:
        """Give back all descriptors."""
        self._forget()
        if self.target.folder is not None:
            self.target.folder.close()

    def _finish_one(self, root: int, path: bytes) -> None:
        try:
            folder = open_beneath(root, path, _FOLDER)
        except (FileNotFoundError, NotADirectoryError):
            return
        try:
            if path in self.modes:
                os.fchmod(folder, self.modes[path])
            mtime_ns = self.times.get(path)
            if mtime_ns is not None and os.fstat(folder).st_mtime_ns != mtime_ns:
                changing.set_time(folder, b".", mtime_ns)
        except PermissionError:
            return  # somebody else's folder that we may write to: its time is not ours to set
        finally:
            os.close(folder)

    def _open(self, parent: bytes) -> int:
        root = self.root().descriptor
        if not parent:
            return root
        if self._last is None or self._last[0] != parent:
            self._forget()
            self._last = (parent, self._opened_or_made(root, parent))
        return self._last[1]

    def _opened_or_made(self, root: int, path: bytes) -> int:
        try:
            return open_beneath(root, path, _FOLDER)
        except FileNotFoundError:
            above, _, name = path.rpartition(b"/")
            folder = self._opened_or_made(root, above) if above else os.dup(root)
        try:
            self.pen.confirm()
            os.mkdir(name, 0o755, dir_fd=folder)
        finally:
            os.close(folder)
        return open_beneath(root, path, _FOLDER)

    def _above_root(self) -> tuple[int, bytes]:
        """The folder that the root is in; folders between it and the granted one are made."""
        place = self.target.place
        above, _, name = place.relative.rpartition(b"/")
        self._forget()
        granted = os.open(place.granted, _FOLDER | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if not name:
                self._last = (b"\x00", open_beneath(granted, b"", _FOLDER))
                return self._last[1], b"."
            opened = self._opened_or_made(granted, above) if above else os.dup(granted)
        finally:
            os.close(granted)
        self._last = (b"\x00", opened)  # no path has this name
        for found in map(os.fsencode, os.listdir(opened)):
            if OUR_TEMPORARY.fullmatch(found) and self.pen.owns(found):
                self.pen.confirm()
                changing.remove(opened, found)
        return opened, name

    def _forget(self) -> None:
        if self._last is not None:
            os.close(self._last[1])
            self._last = None

    def _remove_leftovers(self, root: Folder) -> None:
        """Remove what an earlier worker of this same run did not finish."""
        for path in self._temporaries(root):
            if self.pen.owns(path.rpartition(b"/")[2]):
                self.pen.confirm()
                self.touch(path)
                changing.remove(*self.of(path))

    def _temporaries(self, root: Folder) -> list[bytes]:
        if self.tree.only:
            names = map(os.fsencode, os.listdir(root.descriptor))
            return [name for name in names if OUR_TEMPORARY.fullmatch(name)]
        walk = root.walk(self.tree.section, self.target.rules, _Deaf())
        for _ in walk.entries():
            pass
        return [path for path in walk.left_out if OUR_TEMPORARY.fullmatch(path.rpartition(b"/")[2])]


class _Deaf:
    """A report for a walk that only looks for leftovers."""

    def failed(self, key: str, code: str, message: str) -> None: ...

    def skipped(self, key: str, code: str, message: str) -> None: ...

    def note(self, message: str) -> None: ...
