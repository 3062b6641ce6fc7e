"""Forget, bring back, label; and what stops all that."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.vault.conftest import KEY
from tests.vault.harm import flipped
from tests.vault.sources import Notes
from tests.vault.upkeep import DAY_NS, back_up, sound, source
from webapp.vault import Halted, SnapshotMissing, Vault
from webapp.vault.hooks import Hooks
from webapp.vault.retention.rules import Policy
from webapp.vault.snapshots import FINISHED

LAST = Policy(last=1)


def several(vault: Vault, count: int = 3) -> list:
    """Snapshots of one source, oldest first."""
    return [back_up(vault, number, name="site") for number in range(count)]


def test_a_forgotten_snapshot_is_out_of_sight_and_can_be_brought_back(vault):
    old, newer = several(vault, 2)

    report = vault.forget(LAST)
    hidden = vault.snapshots(), vault.forgotten()
    back = vault.unforget(old.id)

    assert [one.id for one in report.forgotten] == [old.id]
    assert hidden == ([newer], [old])
    assert back == old
    assert vault.snapshots() == [newer, old]
    assert vault.forgotten() == []


def test_a_dry_run_only_says_what_would_go(vault, storage):
    several(vault)
    before = dict(storage.objects)

    report = vault.forget(LAST, dry_run=True)

    assert storage.objects == before
    assert [one.is_kept for one in report.verdicts] == [True, False, False]


def test_forgotten_data_stays_for_seven_days_and_goes_with_the_first_prune_after(
    vault, storage, clock
):
    old, newer = back_up(vault, 1, 2, name="site"), back_up(vault, 3, 4, 5, name="site")
    vault.forget(LAST)

    clock.pass_days(6.9)
    back_up(vault, 3, name="other")
    early = vault.prune(grace_days=0)
    assert sound(storage, old, newer)
    clock.pass_days(0.2)
    last = vault.prune(grace_days=0)

    assert (early.dropped, early.condemned_packs) == ([], 0)
    assert last.dropped == [old.id]
    assert last.deleted_packs == 2
    assert FINISHED + old.id not in storage.objects
    assert sound(storage, newer)
    with pytest.raises(SnapshotMissing):
        vault.unforget(old.id)


def test_a_missing_predecessor_that_was_forgotten_is_no_finding(vault, storage, clock):
    several(vault, 2)
    vault.forget(LAST)
    clock.pass_days(7.1)
    vault.prune(trust_clock=True)

    assert vault.was_forgotten(vault.snapshots()[0].predecessor)
    assert sound(storage)


@pytest.mark.parametrize("keep", ["pinned", "held", "both, and released again"])
def test_what_is_pinned_or_held_never_goes(vault, clock, keep):
    old, *_ = several(vault)
    if keep == "pinned":
        vault.pin(old.id)
    else:
        vault.hold(old.id, reason="court")
    if keep == "both, and released again":
        vault.pin(old.id)
        vault.release(old.id)

    report = vault.forget(LAST)

    assert old.id not in [one.id for one in report.forgotten]
    with pytest.raises(Halted, match=r"held \(court\)|pinned"):
        vault.forget(snapshots=[old.id])


def test_a_hold_ends_by_the_vaults_clock(vault, clock):
    old, _newer = several(vault, 2)
    until = datetime.fromtimestamp(clock() / 10**9, UTC).replace(microsecond=0)
    vault.hold(old.id, reason="audit", until=until)
    clock.pass_days(0.5)

    assert [one.id for one in vault.forget(LAST).forgotten] == [old.id]


def test_what_is_held_after_it_was_forgotten_stays_for_good(vault, storage, clock):
    old, _newer = several(vault, 2)
    vault.forget(LAST)
    vault.hold(old.id, reason="court")
    clock.pass_days(8)

    report = vault.prune(grace_days=0, trust_clock=True)

    assert report.dropped == []
    assert vault.unforget(old.id) == old


@pytest.mark.parametrize("act", ["hold", "unforget"])
def test_of_a_prune_and_who_wants_it_back_at_once_one_sees_the_other(vault, storage, clock, act):
    old, _newer = several(vault, 2)
    vault.forget(LAST)
    clock.pass_days(8)
    other, lists = Vault.open(storage, wrap=KEY), iter(range(100))

    def between(prefix):
        """When the prune has said that it will drop the snapshot, and before it reads again."""
        if prefix == "forgotten/" and next(lists) == 1:
            storage.on_list = None
            with pytest.raises(SnapshotMissing, match="being removed"):
                other.hold(old.id, reason="court") if act == "hold" else other.unforget(old.id)

    storage.on_list = between
    report = vault.prune(grace_days=0, trust_clock=True)

    assert next(lists) == 2
    assert report.dropped == []
    vault.prune(trust_clock=True)
    assert sound(storage, old)
    assert (old in vault.snapshots()) is (act == "unforget")


def test_tags_are_given_and_taken_away(vault):
    old, _newer = several(vault, 2)
    vault.tag(old.id, "release", "good")
    vault.tag(old.id, "good", remove=True)

    again = vault.labels()[old.id].tags

    assert again == {"release"}
    assert vault.forget(Policy(tags=frozenset(["release"]))).forgotten == []


def test_only_the_named_sources_are_judged(vault):
    several(vault)
    other = [back_up(vault, 1, name="other"), back_up(vault, 2, name="other")]

    report = vault.forget(LAST, names=["other"])

    assert [one.id for one in report.forgotten] == [other[0].id]
    with pytest.raises(SnapshotMissing, match="nowhere"):
        vault.forget(LAST, names=["nowhere"])


def test_each_source_is_judged_on_its_own(vault):
    first, second = back_up(vault, 1, name="a"), back_up(vault, 2, name="b")

    assert vault.forget(LAST).forgotten == []
    assert vault.snapshots() == [second, first]


def test_no_rule_at_all_forgets_nothing(vault):
    several(vault)

    with pytest.raises(Halted, match="at least one"):
        vault.forget(Policy())


def test_the_last_good_snapshot_of_a_source_goes_only_if_that_is_said(vault, storage, clock):
    only = back_up(vault, 1, name="gone-site")
    back_up(vault, 2, 3, name="site")

    with pytest.raises(Halted, match="gone-site would lose its last good snapshot"):
        vault.forget(snapshots=[only.id])
    vault.forget(snapshots=[only.id], even_last=True)
    clock.pass_days(8)
    report = vault.prune(grace_days=0, trust_clock=True)

    assert report.dropped == [only.id]
    assert sound(storage)


def test_prune_stops_before_a_source_loses_its_last_good_snapshot(vault, storage, clock):
    """Two hosts forgot one each, and neither saw the other."""
    first, second = several(vault, 2)
    vault.forget(snapshots=[first.id])
    (name,) = (name for name in storage.objects if name.startswith("forgotten/"))
    said = storage.objects.pop(name)
    vault.forget(snapshots=[second.id])
    storage.objects[name] = said
    clock.pass_days(8)
    before = dict(storage.objects)

    with pytest.raises(Halted, match="site would lose its last good snapshot"):
        vault.prune(grace_days=0, trust_clock=True)

    assert storage.objects == before


def test_a_log_that_cannot_be_read_stops_forget_and_prune(vault, storage):
    old, *_ = several(vault)
    vault.hold(old.id, reason="court")
    (name,) = (name for name in storage.objects if name.startswith("labels/"))
    storage.objects[name] = flipped(storage.objects[name])
    again = Vault.open(storage, wrap=KEY)

    with pytest.raises(Halted, match="held"):
        again.forget(LAST)
    with pytest.raises(Halted, match="held"):
        again.prune()


def test_a_long_log_is_put_into_one_object(vault, storage):
    snapshot = several(vault, 1)[0]
    for number in range(40):
        vault.tag(snapshot.id, f"t{number}")

    vault.prune()

    assert len(list(storage.list("labels/"))) == 1
    assert len(Vault.open(storage, wrap=KEY).labels()[snapshot.id].tags) == 40


def test_sequences_go_on_behind_what_is_forgotten(vault):
    old, newer = several(vault, 2)
    vault.forget(snapshots=[newer.id])

    third = back_up(vault, 3, name="site")

    assert third.sequence > newer.sequence
    assert third.predecessor == old.id


# Invariant 6 for forget


def test_a_clock_that_is_behind_is_clamped_and_said(vault, clock):
    _old, _newer = several(vault, 2)
    clock.pass_days(-0.9)

    report = vault.forget(Policy(within_days=3))

    assert report.forgotten == []
    assert "behind" in report.notes[0]


def test_a_clock_that_is_days_behind_stops_forget(vault, clock):
    several(vault)
    clock.pass_days(-365)

    with pytest.raises(Halted, match=r"365\.0 days ahead of the vault's clock"):
        vault.forget(Policy(within_days=1))

    assert vault.forget(Policy(within_days=1), trust_clock=True).forgotten == []


def test_a_clock_that_is_more_than_a_day_ahead_stops_forget(vault, clock):
    several(vault)
    clock.pass_days(1.1)

    with pytest.raises(Halted, match="days ahead"):
        vault.forget(Policy(within_days=1))

    assert len(vault.forget(Policy(within_days=1), trust_clock=True).forgotten) == 2


def test_a_clock_that_is_ahead_lets_forgotten_snapshots_stay(vault, storage, clock):
    old, _newer = several(vault, 2)
    vault.forget(LAST)
    clock.pass_days(365)

    report = vault.prune(grace_days=0)

    assert report.dropped == []
    assert "ahead" in report.notes[0]
    assert FINISHED + old.id in storage.objects


NIGHTLY = Policy(daily=7, weekly=4, monthly=6)


def nights(vault: Vault, clock, count: int) -> None:
    """As the nightly job does: back up, then forget."""
    for number in range(count):
        back_up(vault, number % 3, name="site")
        vault.forget(NIGHTLY)
        clock.pass_days(1)


@pytest.mark.parametrize("years", [3, -3])
def test_one_night_with_a_wrong_clock_costs_no_later_snapshot(vault, clock, years):
    nights(vault, clock, 20)
    clock.pass_days(365 * years)
    nights(vault, clock, 1)
    clock.pass_days(-365 * years)

    nights(vault, clock, 10)

    days = [round((clock() - one.created_ns) / DAY_NS) for one in vault.snapshots()]
    assert days[:7] == [1, 2, 3, 4, 5, 6, 7]
    assert len(days) >= 10


def test_a_snapshot_is_dropped_no_earlier_than_the_vaults_clock_says(vault, storage, clock):
    several(vault)
    clock.pass_days(20)
    back_up(vault, 3, name="site")
    clock.pass_days(-20)
    old = vault.snapshots()[-1]
    vault.forget(snapshots=[old.id])
    clock.pass_days(0.001)

    for trust in (False, True):
        assert vault.prune(trust_clock=trust).dropped == []
    back_up(vault, 4, name="site")
    assert vault.prune().dropped == []
    assert vault.unforget(old.id) == old


def test_a_snapshot_says_if_the_vaults_clock_and_the_machines_differ(storage, vault, clock):
    several(vault)
    right, notes = clock.now, Notes()
    vault = Vault.open(storage, wrap=KEY, hooks=Hooks(time_ns=lambda: right))
    clock.pass_days(20)

    made = vault.backup(source(3), name="site", report=notes).snapshot

    assert made.metadata["clock_doubt"] is True
    assert "20 days apart" in notes.lines[0]
    with pytest.raises(Halted, match=r"20\.0 days ahead"):  # a backup under it is no witness
        vault.forget(Policy(within_days=10))


def test_a_clock_that_was_years_behind_when_a_snapshot_was_forgotten_leaves_the_way_back(
    vault, storage, clock
):
    old, newer = several(vault, 2)
    clock.pass_days(-1000)
    report = vault.forget(snapshots=[old.id])
    clock.pass_days(1001)
    back_up(vault, 3, name="site")

    assert report.undo_until_ns >= newer.created_ns + 7 * DAY_NS
    assert vault.prune(grace_days=0).dropped == []
    assert vault.unforget(old.id) == old


def test_who_gives_up_every_undo_waits_for_no_clock(vault, storage, clock):
    """A forget may be dated ahead, by a clock that was wrong then."""
    old, _newer = several(vault, 2)
    clock.pass_days(0.9)
    vault.forget(snapshots=[old.id])
    clock.pass_days(-0.5)

    assert vault.prune().dropped == []
    assert vault.prune(undo_days=0).dropped == [old.id]


def test_what_need_not_wait_goes_at_once_and_nothing_else_does(vault, clock):
    old, other, _newest = several(vault, 3)
    vault.forget(snapshots=[old.id, other.id])

    assert vault.prune(drop_now=[old.id]).dropped == [old.id]
    assert vault.unforget(other.id) == other


def test_it_waits_for_no_clock_either(vault, clock):
    old, _newest = several(vault, 2)
    vault.forget(snapshots=[old.id])
    clock.pass_days(300)

    assert vault.prune(drop_now=[old.id]).dropped == [old.id]


def test_what_is_held_pinned_or_in_sight_is_not_dropped_however_it_is_asked_for(vault, clock):
    held, once_held, pinned, seen, _newest = several(vault, 5)
    vault.forget(snapshots=[held.id, once_held.id, pinned.id])
    vault.hold(held.id, reason="a case")
    vault.hold(once_held.id, reason="a case", until=once_held.created_at)
    vault.pin(pinned.id)

    wanted = [one.id for one in (held, once_held, pinned, seen)]

    assert vault.prune(drop_now=wanted).dropped == []
