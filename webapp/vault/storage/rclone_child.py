"""An rclone of our own: a child process that does what it is asked through a private socket."""

from __future__ import annotations

import atexit
import json
import os
import secrets
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from webapp.vault.errors import StorageError, StorageUnavailable

REMOTE = "lastgoodvault:"
_START_SECONDS = 30.0
_CALL_SECONDS = 900.0
_OLDEST = (1, 63)
_LONGEST_SOCKET = 100
# If we go, killed or not, the pipe that is its standard input ends, and rclone with it.
_WATCHED = 'exec 3<&0; (read -r _ <&3; kill $$) & exec "$@" 3<&- </dev/null'
_ABSENT = (
    "rclone is not installed. Run: pip install 'lastgood[rclone]', or install rclone 1.63 or newer."
)


class Answer:
    """What rclone answered: a status and bytes."""

    def __init__(self, response: HTTPResponse) -> None:
        self.status = response.status
        self.data = response.read()


class RcloneChild:
    """Runs rclone on demand, at most once at a time.

    Args:
        remote: what vault names count from, such as ``drive:backups/site``.
    """

    def __init__(self, remote: str, environ: Mapping[str, str] = os.environ) -> None:
        self._binary = find_binary(environ)
        self._environ = environ
        self._remote = remote
        self._password = secrets.token_hex(16)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None

    def call(self, command: str, **arguments: Any) -> Answer:
        """Have rclone do one thing, as in its remote control.

        Raises:
            StorageUnavailable: it does not answer; the next call starts another.
        """
        body = json.dumps(arguments).encode()
        return self._ask("POST", f"/{command}", body, {"Content-Type": "application/json"})

    def read(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Read a file of the remote."""
        return self._ask("GET", f"/%5B{REMOTE}%5D/{path}", None, headers)

    def scratch(self) -> Path:
        """A new name in a folder that only we can see, and that goes with the process."""
        return self._started() / secrets.token_hex(8)

    def close(self) -> None:
        """End rclone. Safe to call twice."""
        with self._lock:
            process, folder = self._process, self._folder
            self._process = self._folder = None
        atexit.unregister(self.close)
        _end(process, folder)

    def _ask(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        folder = self._started()
        try:
            return self._exchange(folder, method, path, body=body, headers=headers)
        except (OSError, HTTPException) as error:
            self.close()
            raise StorageUnavailable(f"rclone does not answer: {error}") from error

    def _exchange(
        self,
        folder: Path,
        method: str,
        path: str,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> Answer:
        login = b64encode(f"lastgood:{self._password}".encode()).decode()
        connection = _SocketConnection(folder / "socket")
        try:
            connection.request(method, path, body, {**headers, "Authorization": f"Basic {login}"})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def _started(self) -> Path:
        """The folder of an rclone that runs."""
        with self._lock:
            if self._folder is None:
                self._folder = _private_folder()
                atexit.register(self.close)
                self._process = self._start(self._folder)
                try:
                    self._wait(self._folder, self._process)
                except BaseException:
                    _end(self._process, self._folder)
                    self._process = self._folder = None
                    raise
            return self._folder

    def _start(self, folder: Path) -> subprocess.Popen[bytes]:
        command = [self._binary, "rcd", "--rc-addr", f"unix://{folder}/socket", "--rc-serve"]
        command += ["--ask-password=false", "--low-level-retries", "3"]
        command += ["--contimeout", "15s", "--timeout", "60s", "--log-level", "ERROR"]
        name = REMOTE.rstrip(":").upper()
        environ = {
            **self._environ,
            f"RCLONE_CONFIG_{name}_TYPE": "alias",
            f"RCLONE_CONFIG_{name}_REMOTE": self._remote,
            "RCLONE_RC_USER": "lastgood",
            "RCLONE_RC_PASS": self._password,
        }
        with (folder / "log").open("wb") as log:
            return subprocess.Popen(  # noqa: S603
                ["/bin/sh", "-c", _WATCHED, "sh", *command],
                env=environ,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us; we end it
            )

    def _wait(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            with suppress(OSError, HTTPException):
                answer = self._exchange(folder, "POST", "/core/version", body=b"", headers={})
                _check_version(answer)
                return
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
                break
        said = (folder / "log").read_text(errors="replace").strip().rpartition("\n")[2]
        raise StorageError(f"rclone did not start; is it 1.63 or newer? It said: {said or '-'}")


class _SocketConnection(HTTPConnection):
    """HTTP through a socket that is a file."""

    def __init__(self, path: Path) -> None:
        super().__init__("rclone", timeout=_CALL_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def find_binary(environ: Mapping[str, str]) -> str:
    """The rclone that was installed with us, else the one on the path."""
    found = shutil.which("rclone", path=sysconfig.get_path("scripts"))
    found = found or shutil.which("rclone", path=environ.get("PATH", os.defpath))
    if found is None:
        raise StorageError(_ABSENT)
    return found


def _check_version(answer: Answer) -> None:
    found = json.loads(answer.data).get("decomposed", ()) if answer.status == 200 else ()
    if tuple(found[:2]) < _OLDEST:
        raise StorageError("This rclone is too old: install 1.63 or newer.")


def _end(process: subprocess.Popen[bytes] | None, folder: Path | None) -> None:
    if process is not None:
        assert process.stdin is not None
        process.stdin.close()  # the end that it is watched for
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _private_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="lastgood-rclone-"))
    if len(str(folder)) > _LONGEST_SOCKET - len("/socket"):
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="lastgood-rclone-", dir="/tmp"))
    return folder
