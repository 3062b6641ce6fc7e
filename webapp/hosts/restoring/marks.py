"""The mark of a restore at work: who else is writing, and what a dead one has left behind.

It is a locked file in the root of the target, and says when and in which boot of the machine it
was made. If a restore dies, its mark tells which temporary names were its own. If the machine died
with it, what it had written may be less than its size and time say, and is read to be sure.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import time
from contextlib import suppress

from webapp.errors import ConnectorError

_MARK = re.compile(rb"\.lastgood-([0-9a-f]{32})-0\.part")
_LOOKS, _LOOK_SECONDS = 10, 0.1
_OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


class Mark:
    """One restore's mark, and those of dead ones.

    Attributes:
        prefix: how the temporary names of this restore begin.
        dead: the same of dead restores.
        doubtful_since_ns: what was changed since then may not have reached the disk; or None.
        root_was_made: the target was made by a dead restore that did not come to give it its facts.
    """

    def __init__(self, root: int, *, boot: str | None = None) -> None:
        run = secrets.token_hex(16).encode()
        self._root = root
        self._boot = boot if boot is not None else _boot()
        self._name = b".lastgood-%s-0.part" % run
        self._held: dict[bytes, int] = {}
        self._times: tuple[int, os.stat_result] | None = None
        self.prefix = b".lastgood-%s-" % run
        self.dead: tuple[bytes, ...] = ()
        self.doubtful_since_ns: int | None = None
        self.root_was_made = False

    def set(self, *, root_is_made: bool) -> None:
        """Take over from the dead, and make the mark.

        Args:
            root_is_made: by this restore, just now.

        Raises:
            ConnectorError: ``target_busy``, another restore writes here now.
            OSError: it cannot be made; then nothing of it is left, and what was there stays.
        """
        before = os.fstat(self._root)
        try:
            for name in map(os.fsencode, os.listdir(self._root)):
                if found := _MARK.fullmatch(name):
                    self._take_over(name, found[1])
            self._make(root_is_made)
            self._times = (os.fstat(self._root).st_mtime_ns, before)
        except BaseException:
            if self._name in self._held:
                with suppress(OSError):
                    os.unlink(self._name, dir_fd=self._root)
            self.release()
            self._set_time(before)
            raise

    def _make(self, root_is_made: bool) -> None:
        mark = os.open(self._name, _OPEN | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=self._root)
        self._held[self._name] = mark
        _lock(mark)
        made = root_is_made or self.root_was_made
        os.write(mark, f"{self._boot} {time.time_ns()} {made:d}\n".encode())
        os.fsync(mark)

    def owns(self, name: bytes) -> bool:
        """Whether *name* is what a dead restore did not finish."""
        return name.startswith(self.dead) and name not in self._held if self.dead else False

    def remove(self, *, with_dead: bool) -> None:
        """All is done.

        Args:
            with_dead: all that dead restores left was found and removed.
        """
        if not self._held:
            return
        before = os.fstat(self._root)
        if self._times is not None and before.st_mtime_ns == self._times[0]:
            before = self._times[1]  # nothing but our mark has changed it
        for name in self._held:
            if with_dead or name == self._name:
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=self._root)
        self.release()
        self._set_time(before)

    def _set_time(self, status: os.stat_result) -> None:
        """The time of what is in the target, not that of our coming and going."""
        with suppress(OSError):
            os.utime(self._root, ns=(status.st_atime_ns, status.st_mtime_ns))

    def release(self) -> None:
        """Nobody is at work any more, and all marks stay."""
        for descriptor in self._held.values():
            os.close(descriptor)
        self._held.clear()

    def _take_over(self, name: bytes, run: bytes) -> None:
        mark = os.open(name, _OPEN, dir_fd=self._root)
        if not _lock(mark):
            os.close(mark)
            words = "Another restore is writing into this folder. Wait until it has ended."
            raise ConnectorError("target_busy", words)
        self._held[name] = mark
        self.dead = (*self.dead, b".lastgood-%s-" % run)
        told = os.pread(mark, 200, 0).decode("ascii", "replace").split()
        boot, since, made = told if len(told) == 3 else ("", "", "")
        self.root_was_made = self.root_was_made or made == "1"
        if boot != self._boot or not since.isdecimal():
            began = int(since) if since.isdecimal() else 0
            self.doubtful_since_ns = min(began, self.doubtful_since_ns or began)


def _lock(descriptor: int) -> bool:
    for left in reversed(range(_LOOKS)):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if left:
                time.sleep(_LOOK_SECONDS)  # the processes of one that was killed are dying
        except OSError:
            return True  # a file system without locks
        else:
            return True
    return False


def _boot() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return "unknown"
