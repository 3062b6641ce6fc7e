"""Which processes of this machine have a file open, as far as this user may see that."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

_PROCESSES = Path("/proc")


def users_of(files: Iterable[Path]) -> list[int]:
    """Ids of the processes that have one of *files* open; this one is not among them."""
    wanted = {os.path.realpath(file) for file in files}
    me = str(os.getpid())
    others = (one.name for one in _PROCESSES.iterdir() if one.name.isdecimal() and one.name != me)
    return sorted(int(pid) for pid in others if not wanted.isdisjoint(_open_files(pid)))


def program_of(pid: int) -> str:
    """How process *pid* was called; empty if it has ended."""
    try:
        words = (_PROCESSES / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    return " ".join(os.fsdecode(word) for word in words if word)[:80]


def is_running(pid: int) -> bool:
    return (_PROCESSES / str(pid)).exists()


def _open_files(pid: str) -> Iterator[str]:
    try:
        numbers = os.listdir(_PROCESSES / pid / "fd")
    except OSError:  # it has ended, or is another user's
        return
    for number in numbers:
        try:
            yield os.readlink(_PROCESSES / pid / "fd" / number)
        except OSError:
            continue
