"""The invariants of the vault's design, by number. 2 by real kills is in test_kills.py, 4 in
test_bit_flips.py."""

from __future__ import annotations

import io
import itertools
import multiprocessing
import os
import random
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from tests.vault.conftest import KEY
from tests.vault.harm import flipped
from tests.vault.sources import MemorySource, Notes, file, folder
from tests.vault.trees import contents
from webapp.vault import (
    Halted,
    LocalStorage,
    Outrun,
    SnapshotRevoked,
    StorageFull,
    StorageUnavailable,
    Vault,
    boxes,
    processes,
)
from webapp.vault.errors import StorageError
from webapp.vault.hooks import Hooks
from webapp.vault.retention.rules import Policy
from webapp.vault.snapshots import FINISHED, PENDING
from webapp.vault.storage.memory import MemoryStorage

DATA = random.Random(9).randbytes(3_000_000)


def source(*extra: bytes) -> MemorySource:
    items = [(file(b"tree/%02d" % number), DATA[number * 1000 :]) for number in range(4)]
    return MemorySource(folder(b"tree"), *items, *((file(path), path) for path in extra))


class Recorder(MemoryStorage):
    """Remembers the order of changes; fails or acts when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[tuple[str, str]] = []
        self.fail_at: int | None = None
        self.error: StorageError = StorageFull("no space")
        self.before_put = lambda name: None

    def put(self, name, data):
        self.before_put(name)
        if self.fail_at is not None and len(self.log) >= self.fail_at:
            raise self.error
        super().put(name, data)
        self.log.append(("put", name.partition("/")[0]))

    def delete(self, name):
        super().delete(name)
        self.log.append(("delete", name.partition("/")[0]))


def make(storage: MemoryStorage, **hooks) -> Vault:
    return Vault.create(storage, wrap=KEY, hooks=Hooks(**hooks))


# Invariant 1


def test_invariant_1_a_snapshot_is_visible_only_after_all_it_needs(notes):
    storage = Recorder()
    vault = make(storage)
    storage.log.clear()

    vault.backup(source(), name="site", report=notes)

    order = [name for act, name in storage.log]
    assert order == ["packs", "packs", "index", "pending", "snapshots", "pending"]


def test_invariant_1_a_full_vault_shows_nothing_as_done_at_whatever_put(notes):
    whole = Recorder()
    make(whole).backup(source(), name="site", report=notes)
    for count in range(4, len(whole.log) - 1):
        storage = Recorder()
        vault = make(storage)
        storage.fail_at = count

        with pytest.raises(StorageFull):
            vault.backup(source(), name="site", report=notes)

        storage.fail_at = None
        assert list(storage.list(PENDING)) == []
        assert Vault.open(storage, wrap=KEY).snapshots() == []
        result = vault.backup(source(), name="site", report=notes)
        assert contents(vault, result.snapshot) == contents(vault, vault.snapshots()[0])
        assert vault.verify(read_data=1.0).ok


def test_invariant_1_a_stopped_backup_leaves_nothing_visible(vault, storage, notes):
    class Stop(Exception):
        pass

    def stop(tally):
        raise Stop

    before = set(threading.enumerate())
    with pytest.raises(Stop):
        vault.backup(source(), name="site", report=notes, on_progress=stop)

    assert vault.snapshots() == []
    assert list(storage.list(PENDING)) == []
    assert set(threading.enumerate()) <= before


def test_invariant_1_a_put_of_unknown_outcome_is_repeated_with_the_same_bytes(notes):
    class Lossy(MemoryStorage):
        lost = 0

        def put(self, name, data):
            super().put(name, data)
            if name.startswith(FINISHED) and not self.lost:
                self.lost += 1
                raise StorageUnavailable("the answer was lost")

    storage = Lossy()
    vault = make(storage, sleep=lambda seconds: None)

    result = vault.backup(source(), name="site", report=notes)

    assert vault.snapshots() == [result.snapshot]


# Invariant 2


def test_invariant_2_what_a_killed_run_stored_is_not_stored_again(notes):
    storage = Recorder()
    vault = make(storage)
    vault.backup(source(), name="site", report=notes)
    for name in list(storage.objects):
        if name.startswith(("snapshots/", "index/")):
            storage.delete(name)

    result = Vault.open(storage, wrap=KEY).backup(source(), name="site", report=notes)

    assert result.tally.read_bytes > 2_000_000
    assert result.tally.stored_bytes < 20_000


def abandoned(vault: Vault, storage: MemoryStorage, **writer) -> str:
    """What a writer leaves that died between pending and finished."""
    result = vault.backup(source(), name="site", report=Notes())
    root = vault._engine.roots.read(FINISHED + result.snapshot.id)
    parts = boxes.unseal(
        vault._engine.ring, b"S", FINISHED + root.id, storage.get(FINISHED + root.id)
    )
    identity = processes.identity() | writer
    parts[0] = parts[0].replace(
        b'"pid":%d' % processes.identity()["pid"], b'"pid":%d' % identity["pid"]
    )
    name = PENDING + root.id
    storage.put(name, boxes.seal(vault._engine.ring, b"S", name, parts=parts, salt=b"s" * 32))
    storage.delete(FINISHED + root.id)
    return name


def test_invariant_2_a_dead_writers_pending_is_removed_by_the_next_of_its_name(vault, storage):
    name = abandoned(vault, storage, pid=2**22 + 1)

    vault.backup(source(), name="other", report=Notes())
    assert name in storage.objects
    result = vault.backup(source(), name="site", report=Notes())

    assert name not in storage.objects
    assert vault.snapshots("site") == [result.snapshot]
    assert result.snapshot.sequence > 2


def test_invariant_2_a_living_writers_pending_stays(vault, storage):
    name = abandoned(vault, storage)

    vault.backup(source(), name="site", report=Notes())

    assert name in storage.objects
    assert vault.verify(read_data=1.0).ok


def test_invariant_2_a_revoked_writer_takes_its_snapshot_back(notes):
    storage = Recorder()
    vault = make(storage)

    def revoke(name):
        if name.startswith(FINISHED):
            storage.objects["revoked/" + name.partition("/")[2]] = b""

    storage.before_put = revoke
    with pytest.raises(SnapshotRevoked):
        vault.backup(source(), name="site", report=notes)

    assert vault.snapshots() == []


# Invariant 3, the writer's half


def condemn(vault: Vault, storage: MemoryStorage) -> list[str]:
    """What a prune does to every pack there is."""
    packs = [name for name in storage.objects if name.startswith("packs/")]
    body = b"".join(bytes.fromhex(name.partition("/")[2]) for name in packs)
    name = f"condemned/{len(storage.objects):032x}"
    sealed = boxes.seal(vault._engine.ring, b"C", name, parts=(body,), salt=b"c" * 32)
    storage.objects[name] = sealed
    return packs


def delete_condemned(storage: MemoryStorage, packs: list[str]) -> None:
    for name in [*packs, *(name for name in storage.objects if name.startswith("condemned/"))]:
        del storage.objects[name]


def test_invariant_3_condemned_chunks_are_not_relied_on(vault, storage):
    vault.backup(source(), name="site", report=Notes())
    packs = condemn(vault, storage)

    result = vault.backup(source(), name="site", report=Notes())

    delete_condemned(storage, packs)
    again = Vault.open(storage, wrap=KEY)
    assert contents(again, result.snapshot)[b"tree/00"] == DATA


def test_invariant_3_what_is_condemned_meanwhile_is_copied_out(notes):
    storage = Recorder()
    vault = make(storage)
    vault.backup(source(), name="site", report=notes)
    packs: list[str] = []

    def prune_before_pending(name):
        if name.startswith(PENDING) and not packs:
            packs.extend(condemn(vault, storage))

    storage.before_put = prune_before_pending
    result = vault.backup(source(b"tree/new"), name="site", report=notes)

    delete_condemned(storage, packs)
    again = Vault.open(storage, wrap=KEY)
    assert contents(again, result.snapshot)[b"tree/new"] == b"tree/new"
    assert contents(again, result.snapshot)[b"tree/00"] == DATA


def test_invariant_3_what_was_seen_condemned_in_the_middle_is_not_taken_for_old_news(notes):
    """A reader that misses a pack looks at the vault again while the backup is under way."""
    storage = Recorder()
    vault = make(storage)
    vault.backup(source(), name="site", report=notes)
    packs: list[str] = []

    def open_last():
        packs.extend(condemn(vault, storage))
        vault._engine.stock.refresh()
        return io.BytesIO(b"last")

    last = (file(b"tree/last", size=4), open_last)
    items = [(file(b"tree/%02d" % number), DATA[number * 1000 :]) for number in range(4)]
    result = vault.backup(MemorySource(folder(b"tree"), *items, last), name="site", report=notes)

    delete_condemned(storage, packs)
    found = contents(Vault.open(storage, wrap=KEY), result.snapshot)
    assert (found[b"tree/00"], found[b"tree/last"]) == (DATA, b"last")


def test_invariant_3_writers_at_once_do_not_hurt_each_other(storage):
    make(storage)
    failures = []

    def write(number):
        try:
            vault = Vault.open(storage, wrap=KEY)
            for _ in range(3):
                vault.backup(source(b"tree/n%d" % number), name=f"s{number}", report=Notes())
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    vault = Vault.open(storage, wrap=KEY)
    assert failures == []
    assert len(vault.snapshots()) == 12
    assert vault.verify(read_data=1.0).ok


# Invariant 3, writers and prunes at the same time


def write_some(storage, number: int, failures: list, *, rounds: int) -> None:
    """Back up sets of files that overlap with those of all others, and change each time."""
    try:
        vault = Vault.open(storage, wrap=KEY)
        for turn in range(rounds):
            wanted = {(number + turn + step) % 6 for step in range(3)}
            pieces = [(file(b"tree/%d" % one), piece(one)) for one in sorted(wanted)]
            here = MemorySource(folder(b"tree"), *pieces)
            with suppress(Outrun):
                result = vault.backup(here, name=f"s{number}", report=Notes(), parent=None)
                found = contents(vault, result.snapshot)
                assert found == {b"tree/%d" % one: piece(one) for one in wanted}
    except BaseException as error:
        failures.append(error)


def piece(number: int) -> bytes:
    return DATA[number * 150_000 : (number + 1) * 150_000]


def forget_and_prune(storage, failures: list, stop: threading.Event) -> None:
    """With hardly any grace, and a clock that lets what is forgotten go at once."""
    try:
        vault = Vault.open(storage, wrap=KEY)
        while not stop.is_set():
            vault.forget(Policy(last=1), trust_clock=True)
            vault.prune(grace_days=20, gone_days=1e5, may_condemn_most=True, trust_clock=True)
    except BaseException as error:
        failures.append(error)


class Hurried(MemoryStorage):
    """Its clock makes a day of each look at it."""

    def __init__(self) -> None:
        self._days = itertools.count(20_000)
        super().__init__(now_ns=lambda: next(self._days) * 86_400 * 10**9)


@pytest.mark.slow
def test_invariant_3_threads_that_write_and_prune_lose_nothing():
    storage, failures, stop = Hurried(), [], threading.Event()
    make(storage)
    writers = [
        threading.Thread(target=write_some, args=(storage, n, failures), kwargs={"rounds": 8})
        for n in range(3)
    ]
    pruners = [
        threading.Thread(target=forget_and_prune, args=(storage, failures, stop)) for _ in range(2)
    ]
    for thread in (*writers, *pruners):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in pruners:
        thread.join()

    again = Vault.open(storage, wrap=KEY)
    assert failures == []
    assert {one.name for one in again.snapshots()} == {"s0", "s1", "s2"}
    assert again.verify(read_data=1.0).ok


def write_in_process(place: Path, number: int) -> None:
    failures: list = []
    write_some(LocalStorage(place), number, failures, rounds=6)
    os._exit(len(failures))


def prune_in_process(place: Path) -> None:
    vault = Vault.open(LocalStorage(place), wrap=KEY)
    while True:
        vault.prune(grace_days=0.2 / 86_400, may_condemn_most=True)


@pytest.mark.slow
def test_invariant_3_processes_that_write_and_prune_in_one_folder_lose_nothing(tmp_path):
    place = tmp_path / "vault"
    make(LocalStorage(place))
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write_in_process, args=(place, n)) for n in range(3)]
    pruners = [context.Process(target=prune_in_process, args=(place,)) for _ in range(2)]
    for process in (*writers, *pruners):
        process.start()
    for process in writers:
        process.join()
    alive = [process.is_alive() for process in pruners]
    for process in pruners:
        process.kill()
        process.join()

    vault = Vault.open(LocalStorage(place), wrap=KEY)
    assert [process.exitcode for process in writers] == [0, 0, 0]
    assert alive == [True, True]
    assert {one.name for one in vault.snapshots()} == {"s0", "s1", "s2"}
    assert vault.verify(read_data=1.0).ok
    vault.prune(grace_days=0, may_condemn_most=True)
    assert vault.verify(read_data=1.0).ok
    assert not any(LocalStorage(place).list("condemned/"))


# Invariant 5


@pytest.mark.parametrize("harm", ["cache deleted", "cache damaged", "index deleted", "both"])
def test_invariant_5_indexes_are_caches(storage, notes, tmp_path, harm):
    make(storage).backup(source(), name="site", report=notes)
    Vault.open(storage, wrap=KEY, cache_dir=tmp_path).verify()
    (cache,) = tmp_path.iterdir()
    if harm in ("cache deleted", "both"):
        cache.unlink()
    if harm == "cache damaged":
        data = bytearray(cache.read_bytes())
        data[-40] ^= 1
        cache.write_bytes(data)
    if harm in ("index deleted", "both"):
        for name in [name for name in storage.objects if name.startswith("index/")]:
            storage.delete(name)

    vault = Vault.open(storage, wrap=KEY, cache_dir=tmp_path)

    result = vault.backup(source(), name="site", report=notes)
    assert contents(vault, result.snapshot)[b"tree/00"] == DATA
    assert result.tally.stored_bytes < 20_000
    assert vault.verify(read_data=1.0).ok


def test_invariant_5_a_cache_of_another_vault_is_not_used(tmp_path, notes):
    first, second = MemoryStorage(), MemoryStorage()
    for storage in (first, second):
        make(storage)
        vault = Vault.open(storage, wrap=KEY, cache_dir=tmp_path)
        vault.backup(source(), name="site", report=notes)
        assert vault.verify(read_data=1.0).ok

    assert len(list(tmp_path.iterdir())) == 2


def test_a_damaged_parent_costs_time_and_is_said(vault, storage, notes):
    first = vault.backup(source(), name="site", report=notes).snapshot
    name = FINISHED + first.id
    storage.objects[name] = flipped(storage.objects[name])
    again = Vault.open(storage, wrap=KEY)
    second = source()

    result = again.backup(second, name="site", report=notes)

    assert len(second.opened) == 4
    assert "damaged" in notes.lines[0]
    assert contents(again, result.snapshot)[b"tree/00"] == DATA


# Invariants 6 and 8


def test_invariant_6_a_clock_that_jumps_back_is_clamped_and_said(notes):
    clock = [5 * 10**18]
    storage = MemoryStorage(now_ns=lambda: clock[0])
    vault = make(storage)
    first = vault.backup(source(), name="site", report=notes).snapshot
    clock[0] -= 10**13

    second = vault.backup(source(), name="site", report=notes).snapshot

    assert vault.snapshots() == [second, first]
    assert second.created_ns == first.created_ns + 1
    assert any("behind" in line for line in notes.lines)


def test_invariant_8_each_snapshot_names_its_predecessor(vault, storage, notes):
    first = vault.backup(source(), name="site", report=notes).snapshot
    vault.backup(source(), name="other", report=notes)

    second = vault.backup(source(), name="site", report=notes).snapshot

    assert second.predecessor == first.id
    assert second.predecessor_hash == vault._engine.roots.digest(FINISHED + first.id)
    assert first.predecessor == ""


def test_invariant_6_a_clock_that_jumps_ahead_lets_forget_drop_nothing(notes):
    clock = [5 * 10**18]
    vault = make(MemoryStorage(now_ns=lambda: clock[0]))
    kept = [vault.backup(source(), name="site", report=notes).snapshot for _ in range(2)]
    clock[0] += 10**17

    with pytest.raises(Halted, match="ahead"):
        vault.forget(Policy(within_days=30))

    assert vault.snapshots() == kept[::-1]


def test_invariant_6_partial_snapshots_never_displace_good_ones(vault, notes):
    good = vault.backup(source(), name="site", report=notes).snapshot
    for _ in range(3):
        vault.backup(source(), name="site", report=notes, metadata={"status": "partial"})

    vault.forget(Policy(last=1))

    assert good in vault.snapshots()


def test_invariant_8_what_was_left_out_shows_and_what_was_forgotten_does_not(notes):
    clock = [5 * 10**18]
    storage = MemoryStorage(now_ns=lambda: clock[0])
    vault = make(storage)
    first, second, _ = (
        vault.backup(source(), name="site", report=notes).snapshot for _ in range(3)
    )
    vault.forget(snapshots=[first.id])
    clock[0] += 8 * 86_400 * 10**9
    vault.prune(trust_clock=True)
    assert FINISHED + first.id not in storage.objects
    before = vault.verify().ok
    storage.delete(FINISHED + second.id)

    report = Vault.open(storage, wrap=KEY).verify()

    assert before
    assert [one["object"] for one in report.errors] == [FINISHED + second.id]


# Invariant 9


def test_invariant_9_forget_can_be_undone_for_seven_days(notes):
    clock = [5 * 10**18]
    vault = make(MemoryStorage(now_ns=lambda: clock[0]))
    old = vault.backup(source(), name="site", report=notes).snapshot
    vault.backup(source(b"tree/new"), name="site", report=notes)
    vault.forget(Policy(last=1))
    clock[0] += 7 * 86_400 * 10**9 - 1
    vault.prune(grace_days=0, trust_clock=True)

    vault.unforget(old.id)

    assert contents(vault, old)[b"tree/00"] == DATA


def test_invariant_9_prune_stops_when_a_root_is_unreadable(vault, storage, notes):
    snapshot = vault.backup(source(), name="site", report=notes).snapshot
    name = FINISHED + snapshot.id
    storage.objects[name] = flipped(storage.objects[name])
    before = dict(storage.objects)

    with pytest.raises(Halted, match="cannot be read"):
        Vault.open(storage, wrap=KEY).prune(grace_days=0)

    assert storage.objects == before


def test_invariant_9_prune_stops_when_more_than_half_would_go(vault, storage, notes):
    snapshot = vault.backup(source(), name="site", report=notes).snapshot
    storage.delete(FINISHED + snapshot.id)
    before = dict(storage.objects)

    with pytest.raises(Halted, match="of the vault"):
        vault.prune(grace_days=0)

    assert storage.objects == before


def test_invariant_9_a_source_keeps_its_last_good_snapshot(vault, notes):
    only = vault.backup(source(), name="site", report=notes).snapshot

    with pytest.raises(Halted, match="last good snapshot"):
        vault.forget(snapshots=[only.id])

    assert vault.snapshots() == [only]
