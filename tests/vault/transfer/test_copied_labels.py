"""Tags, pins and holds go with the snapshots that are copied, then and later."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.vault.conftest import KEY
from tests.vault.harm import flipped
from tests.vault.upkeep import Clock, Watched, back_up
from webapp.vault import ConsoleKey, Halted, Vault
from webapp.vault.hooks import Hooks
from webapp.vault.retention.ledger import LABELS
from webapp.vault.retention.rules import Policy

OTHER = ConsoleKey("other", b"o" * 32)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def storage(clock: Clock) -> Watched:
    return Watched(now_ns=clock)


@pytest.fixture
def there(clock: Clock) -> Watched:
    return Watched(now_ns=clock)


@pytest.fixture
def vault(storage, clock) -> Vault:
    return Vault.create(storage, wrap=KEY, hooks=Hooks(time_ns=clock))


@pytest.fixture
def second(there, clock) -> Vault:
    return Vault.create(there, wrap=OTHER, hooks=Hooks(time_ns=clock))


@pytest.fixture
def copied(vault, second):
    """A snapshot, and its copy."""
    original = back_up(vault, 1, name="site")
    ((_, copy),) = vault.copy_to(second).copied
    return original, copy


def said(vault: Vault, snapshot, clock: Clock):
    """What counts of a snapshot: tags, whether it is pinned, why it is held."""
    label = vault.labels()[snapshot.id]
    hold = label.hold(clock.now)
    return label.tags, label.is_pinned, hold.text if hold else None


def test_a_copy_is_tagged_pinned_and_held_as_its_original(vault, second, clock):
    original = back_up(vault, 1, name="site")
    vault.tag(original.id, "release", "v2")
    vault.pin(original.id)
    vault.hold(original.id, reason="lawsuit")

    done = vault.copy_to(second)

    ((_, copy),) = done.copied
    assert said(second, copy, clock) == ({"release", "v2"}, True, "lawsuit")
    assert (done.labels, done.notes) == (4, [])


def test_the_copy_of_a_pinned_snapshot_is_kept_by_rules_there(vault, second):
    original = back_up(vault, 1, name="site")
    back_up(vault, 2, name="site")
    vault.pin(original.id)
    vault.copy_to(second)

    assert second.forget(Policy(last=1)).forgotten == []
    with pytest.raises(Halted, match="pinned"):
        second.forget(snapshots=[second.snapshots()[-1].id])


def test_labels_that_are_given_later_come_with_the_next_copy(vault, second, clock, copied):
    original, copy = copied
    vault.tag(original.id, "late")
    vault.hold(original.id, reason="audit")

    done = vault.copy_to(second)

    assert (done.copied, done.present, done.labels) == ([], 1, 2)
    assert said(second, copy, clock) == ({"late"}, False, "audit")


def test_tags_and_pins_that_are_taken_back_go_from_the_copy_too(vault, second, clock, copied):
    original, copy = copied
    vault.tag(original.id, "a", "b")
    vault.pin(original.id)
    vault.copy_to(second)
    vault.tag(original.id, "a", remove=True)
    vault.pin(original.id, remove=True)

    assert vault.copy_to(second).labels == 2

    assert said(second, copy, clock) == ({"b"}, False, None)


def test_a_hold_that_is_released_stays_in_the_copy_and_that_is_said(vault, second, clock, copied):
    original, copy = copied
    vault.hold(original.id, reason="lawsuit")
    vault.copy_to(second)
    vault.release(original.id)

    done = vault.copy_to(second)

    assert said(second, copy, clock)[2] == "lawsuit"
    (note,) = done.notes
    assert copy.id[:8] in note
    assert "stays held in the copy (lawsuit)" in note
    second.release(copy.id)
    assert vault.copy_to(second).notes == []
    assert said(second, copy, clock)[2] is None


def test_a_hold_that_is_over_anyway_needs_no_word(vault, second, clock, copied):
    original, _ = copied
    until = datetime.fromtimestamp(clock.now / 1e9 + 3600, UTC)
    vault.hold(original.id, reason="soon over", until=until)
    vault.copy_to(second)
    vault.release(original.id)
    clock.pass_days(1)

    assert vault.copy_to(second).notes == []


def test_a_hold_keeps_its_end(vault, second, clock, copied):
    original, copy = copied
    until = datetime.fromtimestamp(clock.now / 1e9 + 3600, UTC)
    vault.hold(original.id, reason="an hour", until=until)
    vault.copy_to(second)

    assert said(second, copy, clock)[2] == "an hour"
    clock.pass_days(1)
    assert said(second, copy, clock)[2] is None


def test_what_was_brought_is_not_brought_again(vault, second, there, copied):
    original, _ = copied
    vault.tag(original.id, "a")
    vault.copy_to(second)
    before = dict(there.objects)

    assert vault.copy_to(second).labels == 0

    assert there.objects == before


def test_what_the_second_vaults_people_took_back_does_not_come_again(vault, second, clock, copied):
    original, copy = copied
    vault.pin(original.id)
    vault.copy_to(second)
    second.pin(copy.id, remove=True)

    assert vault.copy_to(second).labels == 0
    assert said(second, copy, clock)[1] is False
    vault.pin(original.id, remove=True)
    vault.pin(original.id)
    vault.copy_to(second)
    assert said(second, copy, clock)[1] is True


def test_what_was_said_in_the_second_vault_itself_stays(vault, second, clock, copied):
    original, copy = copied
    second.pin(copy.id)
    second.tag(copy.id, "offsite")
    vault.pin(original.id)
    vault.copy_to(second)
    vault.pin(original.id, remove=True)

    vault.copy_to(second)

    assert said(second, copy, clock) == ({"offsite"}, True, None)


def test_copying_back_brings_what_was_said_there_and_takes_nothing_back(
    vault, second, clock, copied
):
    original, copy = copied
    vault.pin(original.id)
    vault.copy_to(second)
    second.tag(copy.id, "offsite")
    second.pin(copy.id, remove=True)

    second.copy_to(vault)

    assert said(vault, original, clock) == ({"offsite"}, True, None)
    vault.copy_to(second)
    assert said(second, copy, clock) == ({"offsite"}, False, None)


def test_a_copy_of_a_copy_gets_each_label_once(vault, second, clock, copied):
    original, _ = copied
    third_place = Watched(now_ns=clock)
    third = Vault.create(third_place, wrap=KEY, hooks=Hooks(time_ns=clock))
    vault.pin(original.id)
    vault.copy_to(second)

    second.copy_to(third)
    vault.copy_to(third)

    (last,) = third.snapshots()
    assert len(third.labels()[last.id].pins) == 1


def test_a_forgotten_copy_is_held_when_its_original_is(vault, second, clock, copied):
    """Or a prune there would remove it for good though it is to be kept."""
    original, copy = copied
    second.forget(snapshots=[copy.id], even_last=True)
    vault.hold(original.id, reason="lawsuit")
    vault.copy_to(second)
    clock.pass_days(30)

    second.prune(trust_clock=True)

    second.unforget(copy.id)
    assert said(second, copy, clock)[2] == "lawsuit"


def test_a_damaged_log_there_takes_nothing_back_and_is_named(vault, second, storage, clock, copied):
    original, copy = copied
    vault.tag(original.id, "a")
    vault.copy_to(second)
    vault.tag(original.id, "a", remove=True)
    for name in [name for name in storage.objects if name.startswith(LABELS)]:
        storage.objects[name] = flipped(storage.objects[name])

    done = Vault.open(storage, wrap=KEY).copy_to(second)

    assert said(second, copy, clock)[0] == {"a"}
    assert "cannot be read" in done.notes[0]


def test_a_copy_that_died_between_snapshot_and_labels_is_completed(vault, second, there, clock):
    original = back_up(vault, 1, name="site")
    vault.hold(original.id, reason="lawsuit")
    real = there.put

    def put(name, data):
        if name.startswith(LABELS):
            raise KeyboardInterrupt
        real(name, data)

    there.put = put
    with pytest.raises(KeyboardInterrupt):
        vault.copy_to(second)
    there.put = real

    vault.copy_to(second)

    (copy,) = second.snapshots()
    assert said(second, copy, clock)[2] == "lawsuit"
