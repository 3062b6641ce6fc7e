"""A prune removes what a backup relies on, or has stored, while it goes on: it reads that again."""

from __future__ import annotations

import random

import pytest

from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, Notes, file, folder
from tests.vault.trees import contents
from webapp.vault import ConsoleKey, Outrun, Vault
from webapp.vault.reports import CountedReport
from webapp.vault.snapshots import PENDING
from webapp.vault.storage.memory import MemoryStorage

DATA = {b"tree/%d" % number: random.Random(number).randbytes(700_000) for number in range(6)}
AGAIN = "A prune removed some of what this backup had stored; that is read again."


class Losing(MemoryStorage):
    """Loses packs when a root is announced, as a prune would have before."""

    def __init__(self) -> None:
        super().__init__()
        self.lose = lambda: None
        self.announced = 0

    def put(self, name, data):
        super().put(name, data)
        if name.startswith(PENDING):
            self.announced += 1
            self.lose()

    def drop(self, *packs: str) -> None:
        for name in packs:
            del self.objects[name]


@pytest.fixture
def storage() -> Losing:
    return Losing()


@pytest.fixture
def vault(storage) -> Vault:
    return Vault.create(storage, wrap=KEY)


def source(*items) -> MemorySource:
    given = {entry.path: (entry, data) for entry, data in items}
    usual = {path: (file(path), data) for path, data in DATA.items()}
    return MemorySource(folder(b"tree"), *(usual | given).values())


def of_kind(vault: Vault, storage: MemoryStorage, kind: bytes) -> list[str]:
    """Names of all packs of data, or of manifests."""
    found = (vault._engine.stock.info(name[6:]) for name in storage.objects if "packs/" in name)
    return [info.object_name for info in found if info.kind == kind]


def once(act):
    """Only at the first time."""
    left = [act]
    return lambda: left.pop()() if left else None


@pytest.mark.parametrize("kinds", [b"D", b"M", b"DM"])
def test_what_a_prune_removed_of_a_first_backup_is_read_again(vault, storage, kinds):
    def lose():
        for kind in kinds:
            storage.drop(*of_kind(vault, storage, bytes([kind])))

    storage.lose = once(lose)
    notes, here = Notes(), source()

    result = vault.backup(here, name="site", report=notes)

    assert contents(Vault.open(storage, wrap=KEY), result.snapshot) == DATA
    assert vault.verify(read_data=1.0).ok
    assert vault.snapshots() == [result.snapshot]
    assert list(storage.list(PENDING)) == []
    assert notes.lines == [AGAIN]
    counts = result.snapshot.counts
    assert (counts["files"], counts["new"], counts["unchanged"]) == (6, 6, 0)
    assert counts["logical_bytes"] == 4_200_000


def test_only_what_is_gone_is_read_again(vault, storage):
    vault.backup(source(), name="site", report=Notes())
    lost = of_kind(vault, storage, b"D")
    more = {b"tree/%d" % number: b"new %d" % number for number in range(6, 9)}
    here = source(*((file(path), data) for path, data in more.items()))
    storage.lose = once(lambda: storage.drop(*lost))

    result = vault.backup(here, name="site", report=Notes())

    assert contents(Vault.open(storage, wrap=KEY), result.snapshot) == DATA | more
    assert sorted(here.opened) == sorted([*DATA, *more])  # each of them once
    assert (result.tally.new, result.tally.unchanged) == (3, 6)
    assert result.tally.read_bytes == 4_200_000 + 3 * 5


def test_what_changed_meanwhile_is_captured_as_it_is_then(vault, storage):
    changed, gone = file(b"tree/1"), file(b"tree/2")
    here = source((changed, DATA[b"tree/1"]), (gone, DATA[b"tree/2"]))

    def lose():
        storage.drop(*of_kind(vault, storage, b"D"))
        changed.mtime_ns += 1
        here._contents[b"tree/1"] = b"other"
        here.pairs = [
            (entry, b"other" if entry is changed else data)
            for entry, data in here.pairs
            if entry is not gone
        ]

    storage.lose = once(lose)

    result = vault.backup(here, name="site", report=Notes())

    left = {path: data for path, data in DATA.items() if path != b"tree/2"}
    found = contents(Vault.open(storage, wrap=KEY), result.snapshot)
    assert found == left | {b"tree/1": b"other"}
    assert result.snapshot.counts["files"] == 5


def test_what_fails_is_told_once_and_counted_once(vault, storage):
    def refuse():
        raise PermissionError(13, "no")

    notes = Notes()
    report = CountedReport.of(notes)
    report.failed("tree:before", "not_allowed", "the source could not open it")
    report.skipped("tree:socket", "is_socket", "a socket")
    storage.lose = once(lambda: storage.drop(*of_kind(vault, storage, b"D")))

    result = vault.backup(source((file(b"tree/3"), refuse)), name="site", report=report)

    assert [key for key, _ in notes.failures] == ["tree:before", "tree:3"]
    assert (result.snapshot.counts["failed"], result.snapshot.counts["skipped"]) == (2, 1)


def test_a_prune_that_never_stops_removing_ends_the_backup_with_a_word_of_what_to_do(
    vault, storage
):
    storage.lose = lambda: storage.drop(*of_kind(vault, storage, b"D"))

    with pytest.raises(Outrun, match="give prune a longer --grace"):
        vault.backup(source(), name="site", report=Notes())

    assert storage.announced == 5
    assert list(storage.list(PENDING)) == []
    assert vault.snapshots() == []


def test_what_is_there_stays_protected_while_the_rest_is_read_again(vault, storage):
    """The root that lacks something is removed only when the next one is announced."""
    there: list[int] = []

    def look():
        there.append(len(list(storage.list(PENDING))))
        if len(there) == 1:
            storage.drop(*of_kind(vault, storage, b"M"))

    storage.lose = look

    vault.backup(source(), name="site", report=Notes())

    assert there == [1, 2]
    assert list(storage.list(PENDING)) == []


def test_a_backup_that_is_stopped_while_it_reads_again_leaves_nothing_announced(vault, storage):
    class Stop(Exception):
        pass

    def stop(tally):
        if storage.announced:
            raise Stop

    storage.lose = once(lambda: storage.drop(*of_kind(vault, storage, b"D")))

    with pytest.raises(Stop):
        vault.backup(source(), name="site", report=Notes(), on_progress=stop)

    assert list(storage.list(PENDING)) == []
    assert vault.snapshots() == []


def test_what_a_prune_of_the_target_removed_of_a_copy_is_copied_again(storage):
    here = Vault.create(MemoryStorage(), wrap=KEY)
    original = here.backup(source(), name="site", report=Notes()).snapshot
    other = ConsoleKey("other", b"o" * 32)
    target = Vault.create(storage, wrap=other)
    storage.lose = once(lambda: storage.drop(*of_kind(target, storage, b"D")))

    ((_, copied),) = here.copy_to(target).copied

    again = Vault.open(storage, wrap=other)
    assert contents(again, copied) == contents(here, original) == DATA
    assert again.verify(read_data=1.0).ok
    assert list(storage.list(PENDING)) == []
