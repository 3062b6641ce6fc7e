"""What every storage promises."""

from __future__ import annotations

import errno
import os
import threading
from contextlib import closing, suppress
from zlib import crc32

import pytest

from tests.faults import Fault, FaultyStorage, Kind
from tests.vault.storage.kinds import KINDS, PartialStorage
from webapp.vault.errors import (
    ObjectExists,
    ObjectMissing,
    StorageBusy,
    StorageDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from webapp.vault.storage import local
from webapp.vault.storage.local import LocalStorage
from webapp.vault.storage.retrying import Retrying

RETRYABLE = (StorageUnavailable, StorageBusy)


UNSURE = [Fault(kind, error) for kind in (Kind.BEFORE, Kind.AFTER) for error in RETRYABLE]


@pytest.fixture(params=[*KINDS, *(f"{kind}, failing" for kind in KINDS)])
def storage(request, tmp_path):
    kind, _, failing = request.param.partition(", ")
    storage = KINDS[kind](request, tmp_path / "vault")
    if failing:
        faulty = FaultyStorage(storage, seed=crc32(request.node.name.encode()), odds=4)
        faulty.faults = UNSURE
        storage = Retrying(faulty, sleep=lambda seconds: None)
    with closing(storage):
        yield storage


def test_keeps_the_first_of_two_objects_with_one_name(storage):
    storage.put("packs/a1", b"first")

    with pytest.raises(ObjectExists):
        storage.put("packs/a1", b"second")

    assert storage.get("packs/a1") == b"first"


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [(0, 3, b"012"), (7, None, b"789"), (8, 5, b"89"), (10, 1, b""), (99, 1, b""), (4, 0, b"")],
    ids=["start", "to the end", "past the end", "at the end", "far past the end", "nothing"],
)
def test_reads_a_range(storage, offset, length, expected):
    storage.put("packs/a1", b"0123456789")

    assert storage.get("packs/a1", offset=offset, length=length) == expected


@pytest.mark.parametrize(
    "data",
    [b"", bytearray(b"abc"), memoryview(b"abcd")[1:]],
    ids=["nothing", "bytearray", "memoryview"],
)
def test_takes_any_bytes(storage, data):
    storage.put("a", data)

    assert storage.get("a") == bytes(data)


def test_lists_by_prefix_in_order_of_text(storage):
    for name in ("a/c", "a-b/c", "b", "a/b-2"):
        storage.put(name, b"x" * len(name))

    assert [tuple(item) for item in storage.list("a")] == [
        ("a-b/c", 5), ("a/b-2", 5), ("a/c", 3),
    ]  # fmt: skip
    assert [item.name for item in storage.list("a/b")] == ["a/b-2"]
    assert list(storage.list("zz/")) == []


@pytest.mark.parametrize("act", ["get", "delete"])
def test_says_what_is_missing(storage, act):
    with pytest.raises(ObjectMissing):
        getattr(storage, act)("packs/none")


def test_a_deleted_name_is_free_again(storage):
    storage.put("a/b", b"1")
    storage.delete("a/b")

    storage.put("a/b", b"2")

    assert storage.get("a/b") == b"2"


@pytest.mark.parametrize("name", ["../x", "a//b", "/a", "A", "a.b", "a/", "", "x" * 201])
def test_refuses_names_that_not_every_storage_can_hold(storage, name):
    with pytest.raises(ValueError, match="not an object name"):
        storage.put(name, b"")


def write_at_once(storage, name, contents):
    """Put each of *contents* in a thread of its own; return those that got no error."""
    winners = []

    def write(content):
        with suppress(StorageError):
            storage.put(name, content)
            winners.append(content)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return winners


def test_one_of_many_writers_of_a_name_wins_whole(storage, request):
    contents = [bytes([number]) * 100_000 for number in range(8)]

    winners = write_at_once(storage, "a/b", contents)

    if "s3 on rclone" in request.node.name:  # a server that takes no notice of conditions
        assert storage.get("a/b") in contents
    else:
        assert [storage.get("a/b")] == winners


def test_many_writers_of_the_same_bytes_do_not_harm_one_another(storage):
    winners = write_at_once(storage, "packs/a", [b"same" * 25_000] * 6)

    assert winners
    assert storage.get("packs/a") == b"same" * 25_000


def test_the_clock_is_the_storages(storage):
    first = storage.now_ns()

    assert first > 1_500_000_000_000_000_000
    assert storage.now_ns() >= first
    assert list(storage.list("")) == []


# What only a folder can get wrong


@pytest.mark.parametrize("kind", [LocalStorage, PartialStorage])
def test_a_full_disk_leaves_nothing_behind(kind, tmp_path, monkeypatch):
    def full(handle, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(local, "_write", full)

    with pytest.raises(StorageFull):
        kind(tmp_path).put("packs/a1", b"data")

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("kind", [LocalStorage, PartialStorage])
def test_an_fsync_error_is_an_error_and_the_name_does_not_stay(kind, tmp_path, monkeypatch):
    def broken(handle):
        raise OSError(errno.EIO, "Input/output error")

    (tmp_path / "packs").mkdir()
    monkeypatch.setattr(os, "fsync", broken)

    with pytest.raises(local.StorageError):
        kind(tmp_path).put("packs/a1", b"data")

    assert list((tmp_path / "packs").iterdir()) == []


def test_an_fsync_error_of_the_folder_takes_the_name_back(tmp_path, monkeypatch):
    real, calls = os.fsync, []

    def second_breaks(handle):
        calls.append(handle)
        if len(calls) > 1:
            raise OSError(errno.EIO, "Input/output error")
        real(handle)

    (tmp_path / "packs").mkdir()
    monkeypatch.setattr(os, "fsync", second_breaks)

    with pytest.raises(local.StorageError):
        LocalStorage(tmp_path).put("packs/a1", b"data")

    assert list((tmp_path / "packs").iterdir()) == []


def test_the_name_comes_after_the_bytes_and_is_made_durable_itself(tmp_path, monkeypatch):
    """Invariant 1, below the engine: write, fsync, name, fsync of the folder."""
    storage, seen = LocalStorage(tmp_path), []
    storage.put("packs/zz", b"")
    real_sync, real_link = os.fsync, os.link

    def sync(handle):
        seen.append("folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "file")
        real_sync(handle)

    def link(*args, **options):
        seen.append("link")
        real_link(*args, **options)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "link", link)
    storage.put("packs/a1", b"data")

    assert seen == ["file", "link", "folder"]


def test_a_file_system_that_cannot_name_nameless_files_is_served_by_partial_ones(
    tmp_path, monkeypatch
):
    real = os.link

    def link(source, *args, **options):
        if str(source).startswith("/proc/"):
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        real(source, *args, **options)

    monkeypatch.setattr(os, "link", link)
    storage = LocalStorage(tmp_path)

    storage.put("packs/a1", b"data")

    assert storage.get("packs/a1") == b"data"
    assert [path.name for path in (tmp_path / "packs").iterdir()] == ["a1"]


def test_stale_partial_files_are_swept_and_never_listed(tmp_path):
    packs = tmp_path / "packs"
    packs.mkdir()
    (packs / ".old.partial").write_bytes(b"x")
    os.utime(packs / ".old.partial", (0, 0))
    (packs / ".new.partial").write_bytes(b"x")
    storage = PartialStorage(tmp_path)

    storage.put("packs/a1", b"data")

    assert sorted(path.name for path in packs.iterdir()) == [".new.partial", "a1"]
    assert [item.name for item in storage.list("")] == ["packs/a1"]


def test_a_vault_is_private(tmp_path):
    LocalStorage(tmp_path / "vault").put("packs/a1", b"data")

    assert (tmp_path / "vault").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "vault/packs/a1").stat().st_mode & 0o777 == 0o600


def test_a_refusal_by_the_file_system_is_ours(tmp_path, monkeypatch):
    def refuse(*args, **options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)

    with pytest.raises(StorageDenied):
        LocalStorage(tmp_path).get("packs/a1")
