"""Who writes: enough of a process's identity to tell later whether it is dead."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from webapp.items import Json


def identity() -> dict[str, object]:
    """This process, as its pending root names it."""
    pid = os.getpid()
    return {
        "host": socket.gethostname(),
        "machine": _text("/etc/machine-id"),
        "boot": _text("/proc/sys/kernel/random/boot_id"),
        "namespace": _namespace(),
        "pid": pid,
        "started": _started(pid),
    }


def is_dead(writer: Json) -> bool:
    """Whether *writer* certainly runs no more. Only this machine's own processes can be told."""
    here = identity()
    if not here["boot"] or writer.get("boot") != here["boot"]:
        return _is_before_restart(writer, here)
    if not here["namespace"] or not _same(writer, here, "namespace"):
        return False  # in another container, whose processes cannot be seen from here
    pid = writer.get("pid")
    if not isinstance(pid, int) or _is_hidden(pid):
        return False
    return _started(pid) != writer.get("started")


def _is_before_restart(writer: Json, here: Json) -> bool:
    """Whether it wrote on this machine before that was started anew. Copies of a machine may share
    name and id, so what was written since this one started was written by another."""
    at_ns = writer.get("at_ns")
    if not here["machine"] or not _same(writer, here, "host", "machine"):
        return False
    return isinstance(at_ns, int) and 0 < at_ns < _booted_ns()


def _same(writer: Json, here: Json, *keys: str) -> bool:
    return all(writer.get(key) == here[key] for key in keys)


def _started(pid: int) -> str:
    """When a process began, in ticks since boot; empty if there is none."""
    stat = _text(f"/proc/{pid}/stat")
    fields = stat.rpartition(")")[2].split()
    return "" if len(fields) < 20 or fields[0] in "ZX" else fields[19]


def _is_hidden(pid: int) -> bool:
    """Whether a process is there that ``/proc`` does not show us, as with ``hidepid``."""
    if _text(f"/proc/{pid}/stat"):
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def _booted_ns() -> int:
    """When this machine was started, by its clock; 0 if it does not say."""
    for line in _text("/proc/stat").splitlines():
        if line.startswith("btime "):
            return int(line.split()[1]) * 10**9
    return 0


def _namespace() -> str:
    try:
        return Path("/proc/self/ns/pid").readlink().name
    except OSError:
        return ""


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
