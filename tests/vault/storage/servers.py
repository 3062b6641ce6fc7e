"""S3 servers on the loopback: moto's, and rclone's, which ignores conditions and checksums."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any
from uuid import uuid4

from webapp.vault.storage import s3_address
from webapp.vault.storage.s3 import S3Storage
from webapp.vault.storage.s3_address import Place

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test-secret"}
RCLONE = Path(sysconfig.get_path("scripts")) / "rclone"


@contextmanager
def moto() -> Iterator[str]:
    """The URL of a server that forgets everything when it ends."""
    with _running([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]) as url:
        yield url


@contextmanager
def rclone_s3(folder: Path) -> Iterator[str]:
    """The URL of a server for *folder*, in which each folder is a bucket."""
    command = [RCLONE, "serve", "s3", folder, "--addr", "127.0.0.1:0", "--config", ""]
    command += ["--vfs-cache-mode", "off", "--auth-key", ",".join(CREDENTIALS.values())]
    with _running(command) as url:
        yield url


@contextmanager
def _running(command: Sequence[str | Path]) -> Iterator[str]:
    with (
        TemporaryFile("w+") as log,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process,
    ):
        try:
            yield _first_url(process, log)
        finally:
            process.kill()


def _first_url(process: subprocess.Popen, log: IO[str]) -> str:
    """Where a server says that it listens. Its log is a file, so that it never waits for us."""
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        log.seek(0)
        found = re.search(r"http://[\d.:]+\d", log.read())
        if found:
            return found[0]
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    raise AssertionError("the server did not start")


@cache
def _connect(url: str, who: str) -> Any:
    return s3_address.connect(Place(bucket="any", endpoint=url), CREDENTIALS, who=who)


def connect(place: Place, environ: object = None, *, who: str = "") -> Any:
    """As ``s3_address.connect`` does, but the same client again: making one takes a while."""
    return _connect(place.endpoint, who)


def new_bucket(url: str, **options: Any) -> str:
    name = f"bucket-{uuid4().hex}"
    _connect(url, "").create_bucket(Bucket=name, **options)
    return name


def storage_at(address: str) -> S3Storage:
    return S3Storage(s3_address.parse(address), CREDENTIALS, connect=connect)
