"""A PostgreSQL server of the tests' own: nothing of the machine's is touched.

It runs as an unprivileged user, listens on a socket in a folder of its own and nowhere else, and
ends with the process that started it.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

_QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_ALWAYS = {
    "listen_addresses": "",
    "max_connections": "150",
    "shared_buffers": "64MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "log_min_messages": "panic",
}
_START_SECONDS = 60


def programs() -> Path | None:
    """Where ``initdb`` and ``postgres`` are: Debian keeps them off the path."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name)
    return homes[-1] if homes else None


class Cluster:
    """One server. ``quick``: it forgets what it said at the end when it is killed."""

    def __init__(self, *, quick: bool = True) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="lastgood-pg-", dir="/tmp"))
        self._programs = programs()
        self._settings = {**_ALWAYS, **(_QUICK if quick else {"fsync": "off"})}
        self._process: subprocess.Popen[bytes] | None = None
        self._open: psycopg.Connection[Any] | None = None  # to make and drop databases by
        self._as = _somebody_else()
        if self._as:
            os.chown(self.place, self._as["user"], self._as["group"])
        self._initialise()
        self.start()

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://postgres@/{name}?host={self.place}"

    def dsn(self, name: str = "postgres") -> str:
        return f"postgresql://postgres@/{name}?host={self.place}"

    def execute(self, statement: str, *, name: str = "postgres") -> None:
        if name != "postgres":
            with psycopg.connect(self.dsn(name), autocommit=True) as connection:
                connection.execute(statement.encode())
            return
        if self._open is None or self._open.closed:
            self._open = psycopg.connect(self.dsn(), autocommit=True)
        try:
            self._open.execute(statement.encode())
        except psycopg.OperationalError:
            if not self._open.broken:
                raise
            self._open = None  # the server was killed meanwhile
            self.execute(statement)

    def create(self, name: str, *, template: str = "template0") -> str:
        """Make a database, perhaps as a copy of another; its address."""
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"{self._by_files()}')
        return self.url(name)

    def drop(self, name: str) -> None:
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def start(self) -> None:
        options = [word for name, v in self._settings.items() for word in ("-c", f"{name}={v}")]
        command = [self._program("postgres"), "-D", self._data, "-k", str(self.place), *options]
        self._process = subprocess.Popen(
            command,
            cwd=self.place,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_dies_with_us(),
            **self._as,
        )
        self._wait()

    def kill(self) -> None:
        """As when the machine's power goes: at once, with all that it does for anybody."""
        self._hang_up()
        assert self._process is not None
        pids = (self._process.pid, *_children_of(self._process.pid))
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self._process.wait()
        while any(_is_there(pid) for pid in pids):
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop, if it runs, and leave nothing behind."""
        self._hang_up()
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
        shutil.rmtree(self.place, ignore_errors=True)

    def _by_files(self) -> str:
        """Copying page by page, as newer servers do, takes eight times as long."""
        assert self._programs is not None
        version = self._programs.parent.name
        return " STRATEGY FILE_COPY" if version.isdecimal() and int(version) >= 15 else ""

    def _hang_up(self) -> None:
        if self._open is not None:
            self._open.close()
        self._open = None

    @property
    def _data(self) -> str:
        return str(self.place / "data")

    def _program(self, name: str) -> str:
        assert self._programs is not None
        return str(self._programs / name)

    def _initialise(self) -> None:
        words = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self._run([self._program("initdb"), "-D", self._data, *words])

    def _run(self, command: Sequence[str]) -> None:
        done = subprocess.run(command, cwd=self.place, capture_output=True, text=True, **self._as)
        assert done.returncode == 0, done.stderr

    def _wait(self) -> None:
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                psycopg.connect(self.dsn(), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                assert time.monotonic() < until, "PostgreSQL does not start"
                time.sleep(0.05)


def _somebody_else() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": ()}
    raise AssertionError("there is no unprivileged user to run PostgreSQL as")


def _dies_with_us() -> Any:
    """Called in the child: what the tests started does not outlive them."""
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(1, signal.SIGQUIT)


def _children_of(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _is_there(pid: int) -> bool:
    """Whether it may still hold on to anything; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
