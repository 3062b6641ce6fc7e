"""Small files are carried by other processes where the vault is on this machine."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.connectors.children import needs_root, on_small_disk
from tests.hosts.conftest import holdings
from tests.vault.conftest import KEY
from tests.vault.restoring.conftest import capture, half_files, leftovers, restore
from tests.vault.sources import MemorySource, Notes, file
from tests.vault.storage.servers import CREDENTIALS, rclone_s3
from webapp.errors import ConnectorError
from webapp.hosts.restoring import files
from webapp.hosts.restoring.facts import Facts
from webapp.vault import LocalStorage, Vault
from webapp.vault.restoring import carrying, hands, messages, windows
from webapp.vault.restoring.fetching import Fetching
from webapp.vault.restoring.lots import Lot
from webapp.vault.storage.addresses import open_storage
from webapp.vault.storage.base import innermost
from webapp.vault.storage.memory import MemoryStorage


@pytest.fixture
def vault(tmp_path):
    return Vault.create(LocalStorage(tmp_path / "vault"), wrap=KEY)


@pytest.fixture
def site(site):
    """With so many small files that whole segments hold nothing else."""
    (site / "many").mkdir()
    draw = random.Random(5)
    for number in range(300):
        (site / "many" / f"{number}").write_bytes(draw.randbytes(40_000))
    return site


@pytest.fixture
def helped(monkeypatch):
    """Of each unit that others have told of, whether they did it."""
    done, heard_of = [], Lot.heard_of
    monkeypatch.setattr(hands.threading, "active_count", lambda: 1)  # other tests may leave some

    def counted(lot, number, *, is_done):
        done.append(is_done)
        heard_of(lot, number, is_done=is_done)

    monkeypatch.setattr(Lot, "heard_of", counted)
    monkeypatch.setattr(hands.os, "cpu_count", lambda: 2)
    return done


@pytest.fixture
def forked(monkeypatch):
    """The ids of the processes that were made."""
    made, fork = [], os.fork

    def noted():
        process = fork()
        made.append(process)
        return process

    monkeypatch.setattr(hands.os, "fork", noted)
    return made


def test_everything_comes_back_by_several_processes(vault, site, snapshot, target, helped, forked):
    result, _ = restore(vault, snapshot, target)

    assert len(helped) > 2
    assert all(helped)
    assert holdings(target) == holdings(site)
    assert leftovers(target) == []
    assert result.created == sum(snapshot.counts[n] for n in ("files", "folders", "others"))
    assert result.bytes_written == snapshot.counts["logical_bytes"]
    assert result.bytes_fetched >= result.bytes_needed > 0
    assert forked
    for process in forked:
        with pytest.raises(ChildProcessError):
            os.waitpid(process, os.WNOHANG)  # it was waited for


def test_everything_comes_back_from_s3_by_connections_of_each_process(
    site, target, helped, forked, tmp_path
):
    (tmp_path / "s3" / "bucket").mkdir(parents=True)
    with rclone_s3(tmp_path / "s3") as url:
        address = f"s3://bucket/vault?endpoint={url}&region=us-east-1"
        vault = Vault.create(open_storage(address, environ=CREDENTIALS), wrap=KEY)
        snapshot = capture(vault, site)
        forked.clear()
        result, _ = restore(vault, snapshot, target)
        assert vault.verify(read_data=1.0).ok  # what the connections of this process are good for
        vault.close()

    assert len(forked) == carrying._REMOTE_HANDS
    assert helped
    assert all(helped)
    assert holdings(target) == holdings(site)
    assert result.problems == ()


def test_a_fork_does_not_speak_through_its_parents_connections(tmp_path):
    (tmp_path / "s3" / "bucket").mkdir(parents=True)
    with rclone_s3(tmp_path / "s3") as url:
        address = f"s3://bucket/vault?endpoint={url}&region=us-east-1"
        storage = innermost(open_storage(address, environ=CREDENTIALS))
        storage.put("packs/a", b"a")
        before = sockets_of(os.getpid())
        said, there = os.pipe()
        if (process := os.fork()) == 0:
            storage.forked()
            os.write(there, b"%d" % len(before & sockets_of(os.getpid())))
            os._exit(0)
        os.waitpid(process, 0)
        shared = int(os.read(said, 9))
        storage.close()
        os.close(said)
        os.close(there)

    assert before
    assert shared == 0


def sockets_of(process: int) -> set[str]:
    """Connections that this process has open."""
    folder = f"/proc/{process}/fd"
    found = {os.path.join(folder, name) for name in os.listdir(folder)}
    return {os.readlink(one) for one in found if os.path.lexists(one)} & connections()


def connections() -> set[str]:
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return {f"socket:[{line.split()[9]}]" for line in lines if line.split()[3] == "01"}


def test_what_others_could_not_do_is_done_here(vault, site, snapshot, target, helped, monkeypatch):
    def failing(*_):
        raise RuntimeError("only there")

    monkeypatch.setattr(Fetching, "carry", failing)

    result, _ = restore(vault, snapshot, target)

    assert helped
    assert not any(helped)
    assert holdings(target) == holdings(site)
    assert result.problems == ()


def test_others_that_are_killed_are_done_without(
    vault, site, snapshot, target, helped, forked, monkeypatch
):
    monkeypatch.setattr(Fetching, "carry", lambda *_: os.kill(os.getpid(), 9))

    restore(vault, snapshot, target)

    assert forked
    assert not helped
    assert holdings(target) == holdings(site)


def test_one_that_is_killed_leaves_no_half_file(
    vault, site, snapshot, target, helped, forked, monkeypatch
):
    """Also not where files are written that a window later finds, and folders that are settled."""
    parent, take = os.getpid(), files.take
    monkeypatch.setattr(windows, "_FIRST_ENTRIES", 20)

    def killed(folder, temporary, name):
        if name == b"77" and os.getpid() != parent:
            os.kill(os.getpid(), 9)
        take(folder, temporary, name)

    monkeypatch.setattr(files, "take", killed)

    result, _ = restore(vault, snapshot, target)

    assert forked
    assert leftovers(target) == []
    assert holdings(target) == holdings(site)
    assert result.problems == ()


def test_names_of_processes_are_told_from_all_others():
    names = files.Names(b".lastgood-me-")
    own = names()
    names.in_process(2)

    assert names.is_of_process(names())
    assert not names.is_of_process(own)
    for other in (b".lastgood-me-0.part", b".lastgood-you-2199023255553.part", b"2199023255553"):
        assert not names.is_of_process(other)
    assert not files.Names(b"").is_of_process(b"2199023255553.part")


def test_what_others_could_not_set_is_told_here(vault, site, snapshot, target, helped, monkeypatch):
    monkeypatch.setattr(Facts, "owner", lambda *_: (0, 4321))
    monkeypatch.setattr(Facts, "set", lambda *_: ["Its owner could not be set."])

    result, _ = restore(vault, snapshot, target)

    assert helped
    assert all(helped)
    failed = {one.path: one.message for one in result.problems}
    assert failed[b"tree/many/7"] == "Restored, but: Its owner could not be set."


@needs_root
def test_a_full_disk_that_others_meet_ends_the_restore_here(vault, tmp_path):
    site, place = tmp_path / "site", tmp_path / "small"
    site.mkdir()
    place.mkdir()
    draw = random.Random(9)
    for number in range(60):
        (site / f"{number:02}").write_bytes(draw.randbytes(100_000))
    snapshot = capture(vault, site)

    def restored():
        try:
            restore(Vault.open(LocalStorage(tmp_path / "vault"), wrap=KEY), snapshot, place / "t")
        except ConnectorError as error:
            return error.code, half_files(place)
        return None

    assert on_small_disk(restored, place, size="3m") == ("disk_full", [])


def test_nobody_is_asked_who_cannot_read_the_vault_or_where_threads_are_at_work(monkeypatch):
    monkeypatch.setattr(hands.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(hands.threading, "active_count", lambda: 1)
    local, elsewhere = LocalStorage("/nowhere"), MemoryStorage()

    assert hands.can_help(local)
    assert not hands.can_help(elsewhere)
    monkeypatch.setattr(hands.threading, "active_count", lambda: 2)
    assert not hands.can_help(local)


def test_a_unit_arrives_as_it_was_sent():
    unit = carrying.Range(
        messages.PackRow("name", b"salt", b"D", 9, 0),
        [
            carrying.Need(
                3, 4096, 100, [carrying.Taker(1, b"ref", carrying.Whole(b"row", "create"), 0)]
            )
        ],
    )
    unit.needs[0].takers[0] = (
        unit.needs[0].takers[0]._replace(file=carrying.Whole(b"row", messages.Fate.CREATE))
    )

    assert messages.unpacked(messages.packed(unit)) == unit


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o137])
def test_others_make_files_as_they_were_whatever_the_umask(vault, site, target, helped, umask):
    for number, path in enumerate(sorted((site / "many").iterdir())):
        path.chmod(0o400 | (number & 0o377))
    snapshot = capture(vault, site)
    before = os.umask(umask)
    try:
        restore(vault, snapshot, target)
        assert os.umask(umask) == umask  # ours is as it was
    finally:
        os.umask(before)

    assert helped
    assert holdings(target) == holdings(site)


def test_folders_that_no_snapshot_names_heed_the_umask(vault, target, helped):
    draw = random.Random(8)
    found = [(file(b"tree/%d/in/file" % number), draw.randbytes(40_000)) for number in range(60)]
    snapshot = vault.backup(MemorySource(*found), name="site", report=Notes()).snapshot
    before = os.umask(0o077)
    try:
        restore(vault, snapshot, target)
    finally:
        os.umask(before)

    assert helped
    made = [path for path in target.rglob("*") if path.is_dir()]
    assert len(made) == 120
    assert {path.stat().st_mode & 0o777 for path in made} == {0o700}


def refused(*_):
    raise OSError("no more of it")


@pytest.mark.parametrize("refusing", ["memfd_create", "fork"])
def test_where_others_cannot_be_had_it_is_done_without(
    vault, site, snapshot, target, helped, refusing, monkeypatch
):
    fork, forked = os.fork, []
    monkeypatch.setattr(os, refusing, refused if refusing != "fork" else first_of(fork, forked))
    open_before = len(os.listdir("/proc/self/fd"))

    result, _ = restore(vault, snapshot, target)

    assert not helped
    assert holdings(target) == holdings(site)
    assert result.problems == ()
    assert len(os.listdir("/proc/self/fd")) == open_before
    assert len(forked) == (1 if refusing == "fork" else 0)
    for process in forked:
        with pytest.raises(ChildProcessError):
            os.waitpid(process, os.WNOHANG)


def first_of(fork, forked):
    """Forks once, and is refused the second."""

    def forking():
        if forked:
            refused()
        forked.append(process := fork())
        return process

    return forking
