"""A Redis server of the tests' own, on a socket in a folder of its own; it keeps nothing."""

from __future__ import annotations

import ctypes
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import redis

_START_SECONDS = 30


def is_installed() -> bool:
    return shutil.which("redis-server") is not None


class RedisServer:
    def __init__(self) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="lastgood-redis-", dir="/tmp"))
        self.url = f"unix://{self.place}/redis.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start with nothing in it."""
        self._process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", f"{self.place}/redis.sock",
             "--save", "", "--appendonly", "no", "--dir", str(self.place)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=_dies_with_us(),
        )  # fmt: skip
        until = time.monotonic() + _START_SECONDS
        while not self._answers():
            assert time.monotonic() < until, "Redis does not start"
            time.sleep(0.02)

    def empty(self) -> None:
        """Forget everything; alive again if a test left it dead."""
        if self._process is None or self._process.poll() is not None:
            self.start()
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        self.kill()
        shutil.rmtree(self.place, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False


def _dies_with_us() -> Any:
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(1, signal.SIGKILL)
