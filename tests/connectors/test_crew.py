"""Hands: forks that read and pack small files. What they bring is what one process would bring."""

from __future__ import annotations

import gc
import os
import select
import signal
import threading
from contextlib import closing, suppress

import pytest
from blake3 import blake3

from tests.connectors.fakes import Recorder, around
from webapp.connectors import registry
from webapp.hosts.sight import Sight
from webapp.items import Seen
from webapp.vault import Passphrase, Vault
from webapp.vault import frames as frames_module
from webapp.vault.capturing import Capture
from webapp.vault.chunking import MEDIA
from webapp.vault.crew import crew as crew_module
from webapp.vault.crew import forks, line
from webapp.vault.crew.large import Window
from webapp.vault.errors import Damaged, HelperLost, StorageFull
from webapp.vault.hooks import Hooks
from webapp.vault.packs import build_segment
from webapp.vault.pipeline import Pipeline
from webapp.vault.storage.local import LocalStorage
from webapp.vault.storage.memory import MemoryStorage

LATER_NS = 3_600_000_000_000
WRAP = Passphrase("x" * 20)
HOOKS = Hooks(time_ns=lambda: os.stat("/proc/self").st_mtime_ns + LATER_NS)


@pytest.fixture
def vault():
    """A vault whose clock is ahead, so that no file is too young."""
    with closing(Vault.create(MemoryStorage(), wrap=WRAP, hooks=HOOKS)) as made:
        yield made


@pytest.fixture
def hands(monkeypatch):
    """Forks are made for the first file already; their ids."""
    made, real = [], forks.fork

    def fork(*given, **more):
        found = real(*given, **more)
        made.append(found[0])
        return found

    monkeypatch.setattr(forks, "fork", fork)
    monkeypatch.setattr(forks, "cores", lambda: 2)
    monkeypatch.setattr(line, "BEGIN_FILES", 1)
    monkeypatch.setattr(line, "EVERY", 1)
    return made


@pytest.fixture
def many(site):
    """The small folder, and files in it that differ, are equal, or are of some size."""
    for number in range(60):
        folder = site / f"folder-{number % 7}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number}").write_bytes(b"%d" % (number // 2) * (number * 40))
        (folder / f"{number}.bin").write_bytes(os.urandom(number * 1000))
    (site / "large").write_bytes(os.urandom(1_500_000))
    os.setxattr(site / "index.html", "user.note", b"hello")
    os.link(site / "index.html", site / "same.html")
    with (site / "sparse").open("wb") as file:
        file.truncate(100_000)
    return site


def source(site, report=None):
    connector = registry.connect("files", {"path": str(site)}, around(site.parent, site.parent))
    return connector.source("full", report or Recorder())


def backup(vault, given, report=None, **options):
    with closing(given):
        return vault.backup(given, name="site", report=report or Recorder(), **options)


def entries(vault, result):
    return list(vault.entries(result.snapshot))


def counts(tally):
    names = ("files", "folders", "others", "new", "changed", "unchanged", "failed", "skipped")
    return {name: getattr(tally, name) for name in (*names, "logical_bytes", "read_bytes")}


def is_gone(process):
    """Whether a process of ours has ended and was reaped."""
    with suppress(ChildProcessError):
        os.waitpid(process, os.WNOHANG)
        return False
    return True


class Meddling:
    """A source beside which somebody acts whenever one path has just been seen."""

    def __init__(self, given, path, act):
        self._source, self._path, self._act = given, path, act
        self.entries, self.open, self.facts = given.entries, given.open, given.facts
        self.eyes, self.place, self.close = given.eyes, given.place, given.close

    def sightings(self):
        for found in self._source.sightings():
            if isinstance(found, tuple) and found[0] == self._path:
                self._act()
            yield found


def test_hands_bring_what_one_process_brings(many, vault, hands, monkeypatch):
    with_hands = backup(vault, source(many))
    assert len(hands) == 2
    monkeypatch.setattr(forks, "cores", lambda: 1)
    alone = backup(vault, source(many), parent=None)

    assert len(hands) == 2
    assert entries(vault, with_hands) == entries(vault, alone)
    assert counts(with_hands.tally) == counts(alone.tally)
    assert alone.tally.stored_bytes == 0  # not even a new manifest
    assert vault.verify(read_data=1.0).ok


class Paid:
    """Keeps what it is told in a file, where forks can tell it, too."""

    def __init__(self, path):
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._path = path

    def __call__(self, size_bytes):
        os.write(self._file, b"%d %d\n" % (os.getpid(), size_bytes))

    def by_process(self):
        found = {}
        for told in self._path.read_bytes().splitlines():
            process, size = map(int, told.split())
            found[process] = found.get(process, 0) + size
        os.close(self._file)
        return found


@pytest.mark.parametrize("count", [1, 2], ids=["alone", "with hands"])
def test_the_pace_is_told_of_every_byte(many, vault, hands, monkeypatch, count, tmp_path):
    monkeypatch.setattr(forks, "cores", lambda: count)
    paid = Paid(tmp_path / "paid")

    result = backup(vault, source(many), pace=paid)

    told = paid.by_process()
    assert sum(told.values()) == result.tally.read_bytes
    assert (len(told.keys() - {os.getpid()}) > 0) is (count > 1)


def test_what_did_not_change_is_not_told_to_the_pace(many, vault, hands, tmp_path):
    backup(vault, source(many))
    paid = Paid(tmp_path / "paid")

    backup(vault, source(many), pace=paid)

    assert paid.by_process() == {}


def test_the_content_comes_back(many, vault, hands):
    result = backup(vault, source(many))

    for entry in entries(vault, result):
        if entry.kind.value == "file":
            path = many / os.fsdecode(entry.path.removeprefix(b"tree/"))
            with vault.open_content(entry) as file:
                assert file.read() == path.read_bytes()


def test_what_both_hands_find_is_stored_once(site, vault, hands, monkeypatch):
    monkeypatch.setattr("webapp.vault.crew.line.SHARD_FILES", 2)
    for number in range(40):
        (site / f"same-{number}").write_bytes(b"equal" * 9000)

    backup(vault, source(site))

    ids = [bytes(row) for pack in vault._engine.stock.packs() for row in _ids(vault, pack.name)]
    assert len(hands) == 2
    assert len(ids) == len(set(ids))


def _ids(vault, name):
    _, ids = vault._engine.stock.catalogue(name)
    return [ids[at : at + 32] for at in range(0, len(ids), 32)]


def test_a_second_backup_reads_by_hands_what_changed_and_only_that(many, vault, hands):
    backup(vault, source(many))
    hands.clear()
    (many / "folder-1" / "1").write_bytes(b"other")

    again = backup(vault, source(many))

    assert len(hands) == 2
    assert (again.tally.changed, again.tally.new) == (1, 0)
    assert again.tally.read_bytes == 5


def test_several_packs_of_each_hand_are_stored(site, vault, hands, monkeypatch):
    monkeypatch.setattr("webapp.vault.crew.hand._MOST_IDS", 3)
    for number in range(30):
        (site / f"{number}").write_bytes(os.urandom(150_000))

    result = backup(vault, source(site))

    assert result.tally.files == 33
    assert len(list(vault._engine.stock.packs())) > 4
    assert vault.verify(read_data=1.0).ok


def test_a_small_tree_forks_nothing(many, vault, monkeypatch):
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("it forked"))

    assert backup(vault, source(many)).tally.new == 126


def test_beside_threads_nothing_is_forked(many, vault, hands):
    may_end = threading.Event()
    other = threading.Thread(target=may_end.wait)
    other.start()
    try:
        result = backup(vault, source(many))
    finally:
        may_end.set()
        other.join()

    assert hands == []
    assert result.tally.new == 126


def test_hands_that_are_done_are_gone_and_leave_no_descriptor(many, vault, hands):
    before, frozen = len(os.listdir("/proc/self/fd")), gc.get_freeze_count()

    backup(vault, source(many))

    assert all(map(is_gone, hands))
    assert len(os.listdir("/proc/self/fd")) == before
    assert gc.get_freeze_count() == frozen


def test_a_killed_hand_ends_the_backup_and_the_next_one_is_whole(many, vault, hands):
    def kill():
        for process in hands:
            os.kill(process, signal.SIGKILL)

    with pytest.raises(HelperLost, match="by signal 9, perhaps for lack of memory"):
        backup(vault, Meddling(source(many), b"tree/folder-3/31", kill))

    assert all(map(is_gone, hands))
    assert vault.snapshots() == []
    assert backup(vault, source(many)).tally.new == 126
    assert vault.verify(read_data=1.0).ok


def test_what_goes_wrong_in_a_hand_is_raised_here(many, vault, hands, monkeypatch):
    real, parent = frames_module.gives, os.getpid()
    monkeypatch.setattr(
        frames_module, "gives", lambda *a, **k: real(*a, **k) and os.getpid() == parent
    )

    with pytest.raises(Damaged, match="the memory of this machine may be faulty"):
        backup(vault, source(many))

    assert all(map(is_gone, hands))
    assert vault.snapshots() == []


def test_a_fault_that_cannot_be_told_is_named(many, vault, hands, monkeypatch):
    class Odd(Exception):
        def __init__(self):
            super().__init__("odd")
            self.trap = lambda: None

    def encode(raw, **_):
        raise Odd

    monkeypatch.setattr(frames_module, "encode", encode)

    with pytest.raises(Exception, match="odd"):
        backup(vault, source(many))

    assert all(map(is_gone, hands))


def test_a_full_storage_ends_hands_too(many, tmp_path, hands, monkeypatch):
    storage = LocalStorage(tmp_path / "vault")
    with closing(Vault.create(storage, wrap=WRAP, hooks=HOOKS)) as vault:

        def put(name, data):
            raise StorageFull(name)

        monkeypatch.setattr(storage, "put", put)
        with pytest.raises(StorageFull):
            backup(vault, source(many))

    assert all(map(is_gone, hands))
    assert len(hands) == 2


def test_hands_that_wait_for_a_storage_that_failed_do_not_wait_for_ever(
    site, tmp_path, hands, monkeypatch
):
    monkeypatch.setattr("webapp.vault.crew.hand._MOST_IDS", 3)
    for number in range(30):
        (site / f"{number}").write_bytes(os.urandom(150_000))
    storage, given, all_of_it = LocalStorage(tmp_path / "vault"), [], threading.Event()
    real = Pipeline.add_pack

    def add_pack(*args):
        real(*args)
        given.append(args)
        if len(given) == 3:  # all memory for packs waits for the storage now
            all_of_it.set()

    def put(name, data):
        assert all_of_it.wait(60)
        raise StorageFull(name)

    monkeypatch.setattr(Pipeline, "add_pack", add_pack)
    with closing(Vault.create(storage, wrap=WRAP, hooks=HOOKS)) as vault:
        monkeypatch.setattr(storage, "put", put)
        with pytest.raises(StorageFull):
            backup(vault, source(site))

    assert all(map(is_gone, hands))


@pytest.mark.parametrize("before", [0, 1])
def test_where_no_more_processes_are_to_be_had_fewer_do_it(many, vault, hands, monkeypatch, before):
    real = os.fork

    def fork():
        if len(hands) >= before:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return real()

    monkeypatch.setattr(os, "fork", fork)
    descriptors = len(os.listdir("/proc/self/fd"))

    assert backup(vault, source(many)).tally.new == 126
    assert len(hands) == before
    assert len(os.listdir("/proc/self/fd")) == descriptors


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_who_stops_a_backup_stops_its_hands(many, vault, hands, stop):
    def tell(tally):
        if hands:
            raise stop

    with pytest.raises(stop):
        backup(vault, source(many), on_progress=tell)

    assert len(hands) == 2
    assert all(map(is_gone, hands))
    assert vault.snapshots() == []


def test_a_killed_parent_takes_its_hands_along(many, vault, hands):
    reading, writing = os.pipe()
    parent = os.fork()
    if parent == 0:

        def tell():
            os.write(writing, b"%d %d" % tuple(hands))
            signal.pause()

        with suppress(BaseException):
            backup(vault, Meddling(source(many), b"tree/folder-3/31", tell))
        os._exit(1)
    processes = [int(word) for word in os.read(reading, 100).split()]
    watched = [os.pidfd_open(process) for process in processes]
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)

    for one in watched:
        poll = select.poll()
        poll.register(one, select.POLLIN)
        assert poll.poll(30_000), "a hand outlived its parent"
        os.close(one)
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("data", [b"shrunk", b"grown" * 100, b"<h2>Shop</h2>\n"])
def test_a_file_that_changes_before_a_hand_reads_it_is_kept_as_it_is(site, vault, hands, data):
    (site / "zoo").write_bytes(b"last")
    path = site / "index.html"
    given = Meddling(source(site), b"tree/index.html", lambda: path.write_bytes(data))

    result = backup(vault, given)

    (entry,) = (one for one in entries(vault, result) if one.path == b"tree/index.html")
    with vault.open_content(entry) as file:
        assert file.read() == data
    assert entry.mtime_ns == path.stat().st_mtime_ns
    assert len(hands) == 2


@pytest.mark.parametrize("kind", ["fifo", "folder", "link", "nothing", "no folder"])
def test_what_is_no_file_any_more_when_a_hand_comes_is_reported(site, vault, hands, kind):
    report, path = Recorder(), site / "images" / "a.png"

    def act():
        path.unlink()
        if kind == "fifo":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        elif kind == "link":
            path.symlink_to(site / "index.html")
        elif kind == "no folder":
            path.parent.rmdir()

    result = backup(vault, Meddling(source(site), b"tree/images/a.png", act), report)

    assert b"tree/images/a.png" not in {entry.path for entry in entries(vault, result)}
    assert report.skips == {"tree:images/a.png": "vanished"}
    assert (result.tally.files, result.tally.skipped) == (2, 1)


def test_what_waits_for_hands_is_bounded_in_bytes(many, vault, hands, monkeypatch):
    monkeypatch.setattr(line, "MOST_HELD_BYTES", 20_000)
    for number in range(60):
        os.setxattr(many / f"folder-{number % 7}" / f"{number}", "user.note", b"x" * 3000)
    most = []
    real = line.Line._look

    def look(self):
        real(self)
        most.append(self.held_bytes)

    monkeypatch.setattr(line.Line, "_look", look)

    assert backup(vault, source(many)).tally.new == 126
    assert 10_000 < max(most) <= 24_000
    assert most[-1] >= 0


def test_signals_that_end_a_backup_reach_the_parent_alone(many, vault, hands):
    def send():
        for process in hands:
            os.kill(process, signal.SIGINT)
            os.kill(process, signal.SIGTERM)

    result = backup(vault, Meddling(source(many), b"tree/folder-3/31", send))

    assert len(hands) == 2
    assert result.tally.new == 126


def test_more_cores_than_hands_are_worth_make_no_more_hands(many, vault, hands, monkeypatch):
    monkeypatch.setattr(forks, "cores", lambda: 64)

    backup(vault, source(many))

    assert len(hands) == crew_module.MOST_HANDS


@pytest.fixture
def large(site):
    """Files of several chunks: below one window of a hand, and of several windows."""
    noise = os.urandom(9_000_000)
    (site / "chunks").write_bytes(noise[:700_000])
    (site / "like-chunks").write_bytes(noise[:700_000])
    (site / "windows").write_bytes(noise + b"the same line\n" * 500_000 + noise[::-1] + noise)
    return site


@pytest.mark.parametrize("private", [False, True])
def test_hands_cut_large_files_as_one_process_does(large, hands, monkeypatch, private):
    storage = MemoryStorage()
    Vault.create(storage, wrap=WRAP, hooks=HOOKS, private_boundaries=private).close()
    with closing(Vault.open(storage, wrap=WRAP, hooks=HOOKS)) as vault:
        with monkeypatch.context() as patch:
            patch.setattr(Capture, "_read_once", lambda *_: pytest.fail("the parent read it"))
            with_hands = backup(vault, source(large))
        monkeypatch.setattr(forks, "cores", lambda: 1)
        alone = backup(vault, source(large), parent=None)

        assert len(hands) == 2
        assert entries(vault, with_hands) == entries(vault, alone)
        assert counts(with_hands.tally) == counts(alone.tally)
        assert alone.tally.stored_bytes == 0
        assert vault.verify(read_data=1.0).ok
        for entry in entries(vault, with_hands):
            if entry.kind.value == "file":
                path = large / os.fsdecode(entry.path.removeprefix(b"tree/"))
                with vault.open_content(entry) as file:
                    assert file.read() == path.read_bytes()


def test_a_file_too_large_for_one_hand_is_read_by_the_parent(large, vault, hands, monkeypatch):
    monkeypatch.setattr(line, "LARGEST_BYTES", 700_000)

    result = backup(vault, source(large))

    assert len(hands) == 2
    assert result.tally.files == 6
    assert vault.verify(read_data=1.0).ok


def test_a_large_file_that_changes_before_a_hand_reads_it_is_kept_as_it_is(large, vault, hands):
    path, data = large / "windows", os.urandom(1_000_000)
    given = Meddling(source(large), b"tree/windows", lambda: path.write_bytes(data))

    result = backup(vault, given)

    (entry,) = (one for one in entries(vault, result) if one.path == b"tree/windows")
    with vault.open_content(entry) as file:
        assert file.read() == data
    assert len(hands) == 2


def test_what_is_packed_of_a_file_that_shrinks_while_a_hand_reads_it_is_what_was_promised(
    tmp_path,
):
    path, data = tmp_path / "shrinks", os.urandom(20_000_000)
    path.write_bytes(data)
    promised, packed = [], []

    def claim(ids):
        promised.extend(ids[at : at + 32] for at in range(0, len(ids), 32))
        os.truncate(path, 9_000_000)
        return b"\x01" * (len(ids) // 32)

    def pack(identity, chunk, whole):
        assert bytes(whole) == build_segment([chunk])
        assert blake3(chunk, key=bytes(32)).digest() == identity
        packed.append((identity, bytes(chunk)))

    status = path.stat()
    seen = Seen._make(getattr(status, name) for name in Seen._fields)
    folder = os.open(tmp_path, os.O_PATH)
    try:
        read = Window(bytes(32), claim, pack).read(Sight(), (folder, b"shrinks"), seen, MEDIA)
    finally:
        os.close(folder)

    assert read is None
    assert [identity for identity, _ in packed] == promised
    assert data.startswith(b"".join(chunk for _, chunk in packed))


def test_the_memory_that_hands_share_with_their_parent_is_small(many, vault, hands, monkeypatch):
    sizes, real = [], crew_module.shared_buffer

    def shared_buffer(*given):
        made = real(*given)
        sizes.append(len(made))
        return made

    monkeypatch.setattr(crew_module, "shared_buffer", shared_buffer)
    monkeypatch.setattr(forks, "cores", lambda: 64)

    backup(vault, source(many))

    assert sum(sizes) <= 36 << 20
    assert all(info.size_bytes <= max(sizes) for info in vault._engine.stock.packs())
