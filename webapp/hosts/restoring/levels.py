"""The folders on the way down to the entry that is being looked at, as the target has them."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from webapp.hosts.folding import Folding, folding_of
from webapp.hosts.restoring.folders import OpenFolders
from webapp.items import NotPlaced

_MOST_NAMES = 100_000
_OURS = b".lastgood-"
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


class State(Enum):
    FRESH = 1  # it was not there when we came
    PRESENT = 2
    BLOCKED = 3


@dataclass(slots=True)
class Level:
    """One folder.

    Attributes:
        names: what was in it; None if that is not known, or too much to be kept.
        taken: by folded name, which name has it; empty in a folder that does not fold.
    """

    path: bytes
    state: State
    folding: Folding = Folding.NONE
    names: set[bytes] | None = None
    taken: dict[bytes, bytes] = field(default_factory=dict)

    def claim(self, name: bytes) -> None:
        """Take a name in this folder.

        Raises:
            NotPlaced: the folder takes it for one that is taken.
        """
        if self.folding is Folding.NONE:
            return
        other = self.taken.setdefault(self.folding.key(name), name)
        if other != name:
            shown = other.decode("utf-8", "backslashreplace")
            words = f"The target takes its name and {shown} for one and the same."
            raise NotPlaced("name_collides", words)


class Levels:
    """The way down.

    Args:
        folders: opens what is there; None as long as there is no target at all.
        leftover: tells by name what a dead restore has left, and removes it; called for each
            name of ours.
        fold: what an open folder does with names.
    """

    def __init__(
        self,
        folders: OpenFolders | None,
        *,
        is_fresh: bool,
        leftover: Callable[[int, bytes], bool],
        fold: Callable[[int], Folding] = folding_of,
    ) -> None:
        self._folders = folders
        self._leftover = leftover
        self._fold = fold
        self._stack: list[Level] = []
        self._is_fresh = is_fresh

    def at(self, path: bytes) -> Level:
        """The level of the folder *path*; those that are left are forgotten."""
        stack = self._stack
        if stack and stack[-1].path == path:
            return stack[-1]
        if not stack:
            state = State.FRESH if self._is_fresh else State.PRESENT
            stack.append(self._scanned(b"", state, above=None))
        while not _holds(stack[-1].path, path):
            stack.pop()
        while stack[-1].path != path:  # folders that the snapshot does not name
            start = len(stack[-1].path) + 1 if stack[-1].path else 0
            end = path.find(b"/", start)
            self._implied(path if end < 0 else path[:end])
        return stack[-1]

    def folds(self, path: bytes) -> bool:
        """Whether a folder that is there folds names."""
        if self._folders is None:
            return False
        try:
            return self._fold(self._folders.there(path)) is not Folding.NONE
        except OSError:
            return False

    def start_over(self) -> None:
        """Begin again at the root."""
        self._stack.clear()

    def push(self, path: bytes, state: State) -> None:
        """Go down into a folder that was just looked at."""
        above = self.at(path.rpartition(b"/")[0]) if path else None
        self._stack.append(self._scanned(path, state, above=above))

    def block(self) -> None:
        """The folder that was pushed last could not be made."""
        self._stack[-1].state = State.BLOCKED

    def on_the_way(self) -> set[bytes]:
        """The folders that are not left yet."""
        return {level.path for level in self._stack}

    def status(self, path: bytes) -> os.stat_result | None:
        """``lstat`` of an entry; None where there is nothing.

        Raises:
            NotPlaced: nothing may be put there.
            OSError: it cannot be looked at.
        """
        parent, _, name = path.rpartition(b"/")
        level = self.at(parent)
        if level.state is State.BLOCKED:
            raise NotPlaced("type_differs", "The folder it lies in cannot be restored.")
        level.claim(name)
        if level.state is State.FRESH or (level.names is not None and name not in level.names):
            return None
        return self.lstat(path)

    def lstat(self, path: bytes) -> os.stat_result | None:
        """The same of any path, also of one that is not on the way."""
        parent, _, name = path.rpartition(b"/")
        if self._folders is None:
            return None
        try:
            return os.stat(name, dir_fd=self._folders.there(parent), follow_symlinks=False)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise

    def _implied(self, path: bytes) -> None:
        above = self._stack[-1]
        state = above.state
        if state is State.PRESENT:
            status = self.lstat(path)
            if status is None:
                state = State.FRESH
            elif not stat.S_ISDIR(status.st_mode):
                state = State.BLOCKED
        self._stack.append(self._scanned(path, state, above=above))

    def _scanned(self, path: bytes, state: State, *, above: Level | None) -> Level:
        """A level; of a folder that is there, with what is in it."""
        if state is not State.PRESENT or self._folders is None:
            folding = above.folding if above is not None else self._root_folding()
            return Level(path, state, folding)
        try:
            folder = self._folders.there(path)
        except OSError:
            return Level(path, State.BLOCKED)
        level = Level(path, state, self._fold(folder), names=set())
        for name in self._names(folder):
            if level.names is not None:
                level.names.add(name)
                if len(level.names) > _MOST_NAMES:
                    level.names = None
            if level.folding is not Folding.NONE:
                level.taken[level.folding.key(name)] = name
        return level

    def _names(self, folder: int) -> Iterator[bytes]:
        with os.scandir(folder) as found:
            for one in found:
                name = os.fsencode(one.name)
                if not (name.startswith(_OURS) and self._leftover(folder, name)):
                    yield name

    def _root_folding(self) -> Folding:
        if self._folders is None:
            return Folding.NONE
        return self._fold(self._folders.there(b""))


def _holds(folder: bytes, path: bytes) -> bool:
    return not folder or path == folder or path.startswith(folder + b"/")
