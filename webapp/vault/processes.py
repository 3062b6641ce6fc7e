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
        # Another machine, or this one before it was started anew?
        return bool(here["machine"]) and _same(writer, here, "host", "machine")
    if not here["namespace"] or not _same(writer, here, "namespace"):
        return False  # in another container, whose processes cannot be seen from here
    pid = writer.get("pid")
    return isinstance(pid, int) and _started(pid) != writer.get("started")


def _same(writer: Json, here: Json, *keys: str) -> bool:
    return all(writer.get(key) == here[key] for key in keys)


def _started(pid: int) -> str:
    """When a process began, in ticks since boot; empty if there is none."""
    stat = _text(f"/proc/{pid}/stat")
    fields = stat.rpartition(")")[2].split()
    return "" if len(fields) < 20 or fields[0] in "ZX" else fields[19]


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
