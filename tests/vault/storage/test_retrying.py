"""Trying again: what is repeated, how long, and what counts as done."""

from __future__ import annotations

import threading
from random import randbytes

import pytest

from tests.faults import Fault, FaultyStorage, Kind
from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, Notes, file
from tests.vault.trees import contents
from webapp.vault import Vault
from webapp.vault.errors import (
    ObjectExists,
    ObjectMissing,
    StorageBusy,
    StorageDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from webapp.vault.hooks import Hooks
from webapp.vault.storage.memory import MemoryStorage
from webapp.vault.storage.retrying import Retrying


@pytest.fixture
def faulty():
    return FaultyStorage(MemoryStorage())


@pytest.fixture
def slept():
    return []


@pytest.fixture
def storage(faulty, slept):
    return Retrying(faulty, sleep=slept.append)


@pytest.mark.parametrize("kind", [Kind.BEFORE, Kind.AFTER, Kind.LATE])
@pytest.mark.parametrize("error", [StorageUnavailable, StorageBusy])
def test_a_put_of_unknown_outcome_is_repeated(storage, faulty, kind, error):
    faulty.on("put", "a", Fault(kind, error), times=3)

    storage.put("a", b"1")

    faulty.arrive()
    assert storage.get("a") == b"1"


def test_a_name_that_somebody_else_took_meanwhile_is_an_error(storage, faulty):
    faulty.on("put", "a", Fault(Kind.BEFORE))
    faulty.inner.put("a", b"theirs")

    with pytest.raises(ObjectExists):
        storage.put("a", b"mine")

    assert storage.get("a") == b"theirs"


def test_a_name_that_was_taken_before_is_an_error_even_with_the_same_bytes(storage):
    storage.put("a", b"1")

    with pytest.raises(ObjectExists):
        storage.put("a", b"1")


def test_a_delete_that_worked_without_saying_so_is_done(storage, faulty):
    storage.put("a", b"1")
    faulty.on("delete", "a", Fault(Kind.AFTER))

    storage.delete("a")

    with pytest.raises(ObjectMissing):
        storage.delete("a")


@pytest.mark.parametrize("error", [StorageDenied, StorageFull, StorageError])
def test_what_will_not_help_is_not_repeated(storage, faulty, slept, error):
    faulty.on("put", "a", Fault(Kind.BEFORE, error))

    with pytest.raises(error):
        storage.put("a", b"1")

    assert slept == []


@pytest.mark.parametrize(
    ("error", "least", "most"), [(StorageUnavailable, 25, 62), (StorageBusy, 74, 148)]
)
def test_gives_up_after_waiting_ever_longer(storage, faulty, slept, error, least, most):
    faulty.on("list", "", Fault(Kind.BEFORE, error), times=99)

    with pytest.raises(error):
        storage.list("")

    assert len(slept) == 7
    assert least <= sum(slept) <= most
    assert slept[0] < slept[3]


def test_a_list_that_breaks_off_is_begun_anew():
    class Breaking(MemoryStorage):
        times = 1

        def list(self, prefix):
            yield from [*super().list(prefix)][: -self.times or None]
            if self.times:
                self.times -= 1
                raise StorageUnavailable("the second page did not come")

    inner = Breaking()
    inner.put("a", b"")
    inner.put("b", b"")

    assert [one.name for one in Retrying(inner, sleep=lambda _: None).list("")] == ["a", "b"]


def test_a_backup_goes_on_when_puts_of_packs_and_index_have_no_known_outcome():
    storage = FaultyStorage(MemoryStorage())
    hooks = Hooks(sleep=lambda seconds: None)
    vault = Vault.create(storage, wrap=KEY, hooks=hooks)
    for prefix in ("packs/", "index/", "pending/", "snapshots/"):
        storage.on("put", prefix, Fault(Kind.AFTER), times=2)
    source = MemorySource((file(b"a"), b"1" * 5000))

    made = vault.backup(source, name="site", report=Notes())

    assert contents(vault, made.snapshot) == {b"a": b"1" * 5000}
    assert sum(call == "put" and "packs/" in name for call, name in storage.calls) >= 3


def test_packs_are_stored_several_at_a_time_where_that_helps():
    met, inside = threading.Event(), set()

    class Slow(MemoryStorage):
        parallel_puts = 2

        def put(self, name, data):
            if name.startswith("packs/"):
                inside.add(threading.get_ident())
                if len(inside) > 1:
                    met.set()
                met.wait(10)
            super().put(name, data)

    vault = Vault.create(Slow(), wrap=KEY)
    files = [(file(b"%d" % number), randbytes(5 << 20)) for number in range(8)]

    vault.backup(MemorySource(*files), name="site", report=Notes())

    assert met.is_set()
