"""Where lists show changes late only one prune runs at a time; elsewhere any number."""

from __future__ import annotations

import pytest

from tests.faults import Fault, FaultyStorage, Kind
from tests.vault.conftest import KEY
from tests.vault.upkeep import Watched, back_up, drop, sound
from webapp.vault import Busy, Halted, Vault, processes
from webapp.vault.errors import StorageError
from webapp.vault.hooks import Hooks
from webapp.vault.pruning import alone
from webapp.vault.pruning.alone import FOLDER


class Late(Watched):
    settle_seconds = 30.0


@pytest.fixture
def waits() -> list:
    return []


@pytest.fixture
def storage(clock) -> Late:
    return Late(now_ns=clock)


@pytest.fixture
def vault(storage, clock, waits) -> Vault:
    Vault.create(storage, wrap=KEY)
    return opened(storage, clock, waits)


def opened(storage, clock, waits) -> Vault:
    return Vault.open(storage, wrap=KEY, hooks=Hooks(time_ns=clock, sleep=waits.append))


def announced(storage) -> list[str]:
    return [name for name in storage.objects if name.startswith(FOLDER)]


def at_first(storage, prefix: str, act) -> None:
    def on_list(listed):
        if listed == prefix:
            storage.on_list = None
            act()

    storage.on_list = on_list


def test_a_second_prune_is_refused_while_one_is_at_work(vault, storage, clock, waits):
    old, kept = back_up(vault, 1), back_up(vault, 2, 3)
    drop(storage, old)
    refused = []

    def second():
        with pytest.raises(Busy, match="only one may run at a time") as error:
            opened(storage, clock, waits).prune(grace_days=0)
        refused.append(error)

    at_first(storage, "forgotten/", second)

    report = vault.prune(grace_days=0)

    assert len(refused) == 1
    assert report.deleted_packs == 2
    assert announced(storage) == []
    assert sound(storage, kept)


def test_of_two_that_begin_at_once_who_sees_the_other_withdraws(vault, storage, clock):
    """The second begins while the first waits until everybody can see that it began."""
    back_up(vault, 1)
    refused = []

    def second(seconds):
        if not refused:
            refused.append(seconds)
            with pytest.raises(Busy, match="only one may run at a time"):
                vault.prune()

    Vault.open(storage, wrap=KEY, hooks=Hooks(time_ns=clock, sleep=second)).prune()

    assert refused == [30.0]
    assert announced(storage) == []


def kept_of(storage) -> dict[str, bytes]:
    return {name: storage.objects[name] for name in announced(storage)}


def test_one_that_died_counts_no_more_after_a_day_or_once_that_is_known(
    vault, storage, clock, monkeypatch
):
    back_up(vault, 1)
    left: dict[str, bytes] = {}
    at_first(storage, "forgotten/", lambda: left.update(kept_of(storage)))
    vault.prune()
    storage.objects |= left
    monkeypatch.setattr(alone, "_ended", set())  # another process said it

    with pytest.raises(Busy):
        vault.prune()
    with monkeypatch.context() as patch:
        patch.setattr(processes, "is_dead", lambda writer: True)
        vault.prune()
    assert announced(storage) == []
    storage.objects |= left
    clock.pass_days(1.1)
    vault.prune()

    assert announced(storage) == []


def test_what_cannot_be_read_of_another_stops_it_with_a_word_of_what_to_do(vault, storage):
    back_up(vault, 1)
    storage.objects[FOLDER + "a" * 32] = b"nonsense"

    with pytest.raises(Halted, match=f"--give-up {FOLDER}{'a' * 32}"):
        vault.prune()

    assert announced(storage) == [FOLDER + "a" * 32]


def test_a_dry_run_says_nothing_and_asks_nobody(vault, storage):
    back_up(vault, 1)
    storage.objects[FOLDER + "a" * 32] = b"nonsense"

    assert vault.prune(dry_run=True).condemned_packs == 0


def test_where_lists_are_never_late_nobody_says_anything(vault, storage, monkeypatch, waits):
    monkeypatch.setattr(Late, "settle_seconds", 0.0)
    back_up(vault, 1)
    storage.objects[FOLDER + "a" * 32] = b"not looked at"

    assert vault.prune().condemned_packs == 0
    assert waits == []


def test_a_prune_that_could_not_take_back_its_word_is_in_nobodys_way(vault, storage, clock, waits):
    """The process lives on: a console's worker. Its next prune knows that this one has ended."""
    faulty = FaultyStorage(storage)
    faulty.on("delete", FOLDER, Fault(Kind.BEFORE, StorageError))
    opened(faulty, clock, waits).prune()
    assert len(announced(storage)) == 1

    vault.prune()

    assert announced(storage) == []
