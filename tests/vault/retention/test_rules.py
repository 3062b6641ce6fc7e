"""Which snapshots of a source stay."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from webapp.vault.retention.labels import Labels
from webapp.vault.retention.ledger import Entry, What
from webapp.vault.retention.rules import Policy, decide
from webapp.vault.snapshots import Snapshot

DAY_NS = 86_400 * 10**9
NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
NOON_NS = round(NOON.timestamp()) * 10**9


def snapshot(number: int, *, days_ago: float = 0, failed: int = 0, **details) -> Snapshot:
    """The *number*-th, with 0 as the newest."""
    created_ns = NOON_NS - round(days_ago * DAY_NS)
    return Snapshot(
        id=str(number),
        name="site",
        sequence=1000 - number,
        created_at=datetime.fromtimestamp(created_ns / 10**9, UTC),
        created_ns=created_ns,
        counts={"failed": failed},
        **details,
    )


def daily(count: int) -> list[Snapshot]:
    return [snapshot(number, days_ago=number) for number in range(count)]


def kept(snapshots, *entries: Entry, now_ns: int = NOON_NS, **policy) -> list[str]:
    """Ids, newest first."""
    found = decide(snapshots, Policy(**policy), labels=Labels.of(entries), now_ns=now_ns)
    return [one.snapshot.id for one in found if one.is_kept]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"last": 3}, ["0", "1", "2"]),
        ({"hourly": 2}, ["0", "1"]),
        ({"daily": 4}, ["0", "1", "2", "3"]),
        ({"weekly": 3}, ["0", "2", "9"]),  # 31 March is a Tuesday
        ({"monthly": 3}, ["0", "31", "59"]),
        ({"yearly": 2}, ["0", "90"]),
        ({"within_days": 2.5}, ["0", "1", "2"]),
        ({"last": 1, "monthly": 2}, ["0", "31"]),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_each_rule_keeps_its_own(policy, expected):
    assert kept(daily(120), **policy) == expected


def test_of_one_day_the_newest_stays():
    snapshots = [snapshot(n, days_ago=n / 8) for n in range(12)]

    assert kept(snapshots, daily=2) == ["0", "5"]


def test_days_without_snapshots_use_up_no_count():
    snapshots = [snapshot(n, days_ago=n * 10) for n in range(5)]

    assert kept(snapshots, daily=3) == ["0", "1", "2"]


def test_order_comes_from_the_sequence_whatever_the_times_say():
    jumped = [snapshot(0, days_ago=400), snapshot(1, days_ago=-300), snapshot(2, days_ago=1)]

    assert kept(jumped, last=2) == ["0", "1"]


def test_the_newest_good_one_always_stays():
    assert kept(daily(3), tags=frozenset(["none"])) == ["0"]


def test_incomplete_ones_displace_no_good_ones():
    snapshots = [snapshot(n, days_ago=n, failed=n % 2) for n in range(6)]

    assert kept(snapshots, daily=3) == ["0", "2", "4"]


def test_what_says_that_it_is_partial_counts_as_incomplete():
    partial = snapshot(1, days_ago=1, metadata={"status": "partial"})

    assert kept([snapshot(0), partial, snapshot(2, days_ago=2)], last=2) == ["0", "2"]


def test_incomplete_ones_stay_while_no_newer_one_is_good():
    snapshots = [snapshot(0, failed=3), snapshot(1, failed=3), snapshot(2), snapshot(3)]

    assert kept(snapshots, last=1) == ["0", "1", "2"]
    assert kept(snapshots[:2], last=1) == ["0", "1"]


def test_tags_of_the_backup_and_tags_given_later_keep():
    snapshots = [snapshot(0), snapshot(1, metadata={"tags": ["release"]}), snapshot(2), snapshot(3)]
    given = Entry(id="e", what=What.TAG, snapshot="2", text="release")

    assert kept(snapshots, given, tags=frozenset(["release"])) == ["0", "1", "2"]


def test_pins_and_holds_keep_until_they_end():
    pin = Entry(id="a", what=What.PIN, snapshot="5")
    hold = Entry(id="b", what=What.HOLD, snapshot="6", text="court")
    over = Entry(id="c", what=What.HOLD, snapshot="7", text="audit", until_ns=NOON_NS)
    later = Entry(id="d", what=What.HOLD, snapshot="8", text="audit", until_ns=NOON_NS + 1)

    assert kept(daily(10), pin, hold, over, later, last=1) == ["0", "5", "6", "8"]


def test_every_verdict_names_its_rule():
    hold = Entry(id="b", what=What.HOLD, snapshot="3", text="court case", until_ns=NOON_NS + DAY_NS)
    snapshots = [*daily(4), snapshot(4, days_ago=4, failed=1), snapshot(5, days_ago=5)]

    found = decide(snapshots, Policy(last=1, daily=2), labels=Labels.of([hold]), now_ns=NOON_NS)

    assert [one.rule for one in found] == [
        "last 1",
        "daily 2026-03-30",
        "no rule keeps it",
        "held: court case until 2026-04-01",
        "incomplete, and good ones come first",
        "no rule keeps it",
    ]


def test_a_time_that_stands_out_takes_only_what_others_leave_over():
    jumped = [snapshot(0), snapshot(1, days_ago=-900), snapshot(2, days_ago=1)]

    assert kept(jumped, daily=2) == ["0", "2"]
    assert kept(jumped, daily=3) == ["0", "1", "2"]


def test_a_time_in_doubt_is_no_later_than_that_of_the_next_snapshot():
    ahead = [*daily(5), snapshot(5, days_ago=-900)]
    marked = [*daily(5), snapshot(5, days_ago=900, metadata={"clock_doubt": True})]

    assert kept(ahead, within_days=3.5) == kept(marked, within_days=3.5) == ["0", "1", "2", "3"]
    assert kept(marked, within_days=4.5) == ["0", "1", "2", "3", "4", "5"]


def test_a_whole_row_from_the_future_fills_what_newer_ones_leave_over():
    before = [snapshot(10 + n, days_ago=n - 900) for n in range(5)]

    assert kept([*daily(3), *before], daily=5) == ["0", "1", "2", "10", "11"]


def test_one_good_snapshot_does_not_wipe_the_incomplete_ones_before_it():
    nights = [snapshot(0), *(snapshot(n, days_ago=n, failed=1) for n in range(1, 35))]

    assert kept(nights, last=10) == [str(n) for n in range(10)]
    assert kept(nights, daily=30) == [str(n) for n in range(30)]


def test_incomplete_ones_take_only_places_without_a_good_one():
    snapshots = [snapshot(n, days_ago=n / 2, failed=n % 2) for n in range(8)]
    found = decide(snapshots, Policy(last=5), labels=Labels(), now_ns=NOON_NS)

    assert kept(snapshots, daily=4) == ["0", "2", "4", "6"]
    assert kept(snapshots, last=5) == ["0", "1", "2", "4", "6"]
    assert found[1].rule == "last 5, incomplete: no good one takes that place"
