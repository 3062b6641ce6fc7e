"""Running a whole process and measuring it: wall, CPU, peak memory, bytes read, fsyncs."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_SYNCS = "fsync,fdatasync,syncfs"
_LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Command:
    """What is run, where, and with which variables besides the usual ones."""

    words: Sequence[str]
    environ: Mapping[str, str]
    folder: Path | None = None

    @property
    def whole_environ(self) -> dict[str, str]:
        # With this set, every start would compile the program anew; no user has it set.
        usual = {key: one for key, one in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        return {**usual, **self.environ}


@dataclass(frozen=True)
class Ran:
    """What one or more commands took.

    Attributes:
        peak_mib: of a process alone, what the kernel says; of one that forks, the most that it and
            its children took together, looked at ten times a second, if that is more.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_mib: float = 0.0
    read_bytes: int = 0

    def __add__(self, other: Ran) -> Ran:
        return Ran(
            self.seconds + other.seconds,
            self.cpu_seconds + other.cpu_seconds,
            max(self.peak_mib, other.peak_mib),
            self.read_bytes + other.read_bytes,
        )


def run(command: Command) -> Ran:
    """Run to the end; an error shows what the process said."""
    with tempfile.TemporaryFile("w+") as log:
        started = time.perf_counter()
        process = subprocess.Popen(
            command.words, env=command.whole_environ, cwd=command.folder, stdout=log, stderr=log
        )
        family = _Family(process.pid)
        try:
            # The zombie still tells what it read; then it is reaped with what it and its children
            # used.
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            seconds = time.perf_counter() - started
        except BaseException:  # we are stopped: nothing goes on behind our back
            process.kill()
            process.wait()
            raise
        finally:
            together = family.peak_mib()
        read_bytes = _read_bytes(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            said = log.read()[-2000:]
            raise RuntimeError(f"{' '.join(command.words)} ended with {process.returncode}: {said}")
    peak = max(usage.ru_maxrss / 1024, together)
    return Ran(seconds, usage.ru_utime + usage.ru_stime, peak, read_bytes)


def count_syncs(command: Command) -> int:
    """How often a run asks for durability; under strace, so its time means nothing."""
    with tempfile.NamedTemporaryFile("r") as counts:
        traced = ["strace", "-f", "-c", "-e", f"trace={_SYNCS}", "--seccomp-bpf", "-o", counts.name]
        run(Command([*traced, *command.words], command.environ, command.folder))
        lines = counts.read().splitlines()
    found = (re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+).*sync", line) for line in lines)
    return sum(int(one[1]) for one in found if one)


def settle(seconds: float = 0.0) -> None:
    """Let the disk finish what others began."""
    os.sync()
    time.sleep(seconds)


class _Family:
    """A process with what it forks: a thread looks at what they take together.

    Shared pages count once (PSS). Who never forks is not asked for it, since asking costs time.
    """

    def __init__(self, pid: int) -> None:
        self._pid, self._peak = pid, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def peak_mib(self) -> float:
        """The most that was seen; ends the watch."""
        self._over.set()
        self._thread.join()
        return self._peak / 1024

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            family = list(_descendants(self._pid))
            if family:
                self._peak = max(self._peak, sum(map(_pss_kib, (self._pid, *family))))


def _descendants(pid: int) -> Iterator[int]:
    with suppress(OSError):  # it ended meanwhile
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, children.read_text().split()):
                yield child
                yield from _descendants(child)


def _pss_kib(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    found = re.search(r"^Pss: +(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 0


def _read_bytes(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/io").read_text()
    except OSError:
        return 0
    found = re.search(r"^rchar: (\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 0
