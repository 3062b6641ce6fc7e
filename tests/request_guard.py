"""Notices when the web process reaches for more than the database while it answers a request.

An audit hook sees what Python opens, lists, starts and connects to. It cannot be taken out again,
so it is put in once and armed only while a client's request is under way.
"""

from __future__ import annotations

import sys
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import webapp

_PACKAGE = Path(webapp.__file__).parent
_READABLE = (
    str(_PACKAGE / "templates"),
    str(_PACKAGE / "static"),
    str(Path(webapp.__file__).parent / "assets"),
    "/usr/share/zoneinfo",
    "/dev/urandom",
    "<frozen",
    *(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")),
)
_LOADERS = (".py", ".pyc", ".so", ".pyi")
_WATCHED = {
    "open": "opens",
    "os.listdir": "lists",
    "os.scandir": "lists",
    "os.remove": "removes",
    "os.rename": "renames",
    "os.mkdir": "makes",
    "os.rmdir": "removes",
    "os.link": "links",
    "os.symlink": "links",
    "os.truncate": "cuts",
    "os.chmod": "changes",
    "os.chown": "changes",
    "os.utime": "changes",
    "os.setxattr": "changes",
    "subprocess.Popen": "starts",
    "os.posix_spawn": "starts",
    "os.fork": "starts",
    "os.exec": "starts",
    "os.system": "starts",
    "socket.connect": "connects to",
    "socket.getaddrinfo": "looks up",
    "socket.bind": "listens on",
    "sqlite3.connect": "opens the database",
}


class _Guard:
    armed = False
    database = ""
    seen: list[str] = []  # noqa: RUF012 - one for the process, like the hook itself


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if not _Guard.armed or event not in _WATCHED:
        return
    subject = str(arguments[0]) if event != "socket.connect" else str(arguments[1])
    if _is_allowed(event, subject):
        return
    _Guard.armed = False  # what follows may open source files to show them
    where = [f"{f.name} ({f.lineno})" for f in traceback.extract_stack() if "webapp" in f.filename]
    _Guard.seen.append(f"{_WATCHED[event]} {subject} in {' > '.join(where[-3:])}")
    _Guard.armed = True


def _is_allowed(event: str, subject: str) -> bool:
    if event == "sqlite3.connect":
        return subject == _Guard.database
    if event in {"open", "os.listdir", "os.scandir"}:
        is_code = subject.startswith(str(_PACKAGE)) and subject.endswith(_LOADERS)
        return is_code or subject.isdecimal() or subject.startswith(_READABLE)
    return False


sys.addaudithook(_hook)


@contextmanager
def watching(database: Path) -> Iterator[list[str]]:
    """Yield the list of what is reached for inside the block; *database* is allowed."""
    _Guard.seen, _Guard.database = [], str(database)
    _Guard.armed = True
    try:
        yield _Guard.seen
    finally:
        _Guard.armed = False
