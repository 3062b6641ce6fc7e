"""Running a whole process and measuring it: wall, CPU, peak memory, bytes read, fsyncs."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SYNCS = "fsync,fdatasync,syncfs"


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
    """What one or more processes took; the peak is that of the largest."""

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
        # The zombie still tells what it read; then it is reaped with what it and its children used.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        seconds = time.perf_counter() - started
        read_bytes = _read_bytes(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            said = log.read()[-2000:]
            raise RuntimeError(f"{' '.join(command.words)} ended with {process.returncode}: {said}")
    return Ran(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, read_bytes)


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


def _read_bytes(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/io").read_text()
    except OSError:
        return 0
    found = re.search(r"^rchar: (\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 0
