"""Which restore points stay, and by which rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webapp.domain.retention import Origin, OwnRules, Point, Rules, decide, problems
from webapp.domain.retention_of_sources import decide_source

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)  # a Tuesday
NIGHTLY, WEEKLY = UUID(int=1 << 100), UUID(int=2 << 100)


def point(number: int, *, hours_ago: float | None = None, **facts) -> Point:
    """The *number*-th, a day older than the one before; 0 is the newest."""
    hours = 24 * number if hours_ago is None else hours_ago
    return Point(id=UUID(int=number + 1), made_at=NOON - timedelta(hours=hours), **facts)


def daily(count: int, *, incomplete: tuple[int, ...] = (), **facts) -> list[Point]:
    return [point(n, is_complete=n not in incomplete, **facts) for n in range(count)]


def kept(points, **rules) -> list[int]:
    decisions = decide(points, Rules(**rules), at=NOON)
    return [one.point.id.int - 1 for one in decisions if one.is_kept]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({"keep_last": 3}, [0, 1, 2]),
        ({"keep_last": 1}, [0]),
        ({"keep_last": 1, "daily": 4}, [0, 1, 2, 3]),
        ({"keep_last": 1, "hourly": 2}, [0, 1]),
        ({"keep_last": 1, "weekly": 3}, [0, 2, 9]),
        ({"keep_last": 1, "monthly": 3}, [0, 31, 59]),
        ({"keep_last": 1, "yearly": 2}, [0, 90]),
        ({"keep_last": 1, "within_days": 3}, [0, 1, 2]),
        ({"keep_last": 2, "monthly": 2}, [0, 1, 31]),
    ],
    ids=str,
)
def test_each_rule_keeps_its_own(rules, expected):
    assert kept(daily(120), **rules) == expected


@pytest.mark.parametrize(
    ("incomplete", "expected"),
    [
        ((1,), [0, 2, 3]),
        ((0,), [0, 1, 2, 3]),
        ((0, 1), [0, 1, 2, 3, 4]),
        ((0, 1, 2, 3, 4), [0, 1, 2, 5, 6, 7]),
        (tuple(range(10)), [0, 1, 2]),
        (tuple(range(1, 10)), [0, 1, 2]),
    ],
    ids=str,
)
def test_incomplete_ones_take_only_places_that_complete_ones_leave(incomplete, expected):
    assert kept(daily(10, incomplete=incomplete), keep_last=3) == expected


def test_of_a_day_the_newest_complete_one_stays():
    morning = point(1, hours_ago=1, is_complete=True)
    noon = point(2, hours_ago=0, is_complete=False)
    before = point(3, hours_ago=30)

    assert kept([morning, noon, before], keep_last=1, daily=2) == [2, 1, 3]


def test_days_are_those_of_the_zone():
    """23:30 and 00:30 in Auckland are one day of UTC and two there."""
    one = Point(id=UUID(int=1), made_at=datetime(2026, 3, 30, 10, 30, tzinfo=UTC))
    two = Point(id=UUID(int=2), made_at=datetime(2026, 3, 30, 11, 30, tzinfo=UTC))

    assert kept([one, two], keep_last=1, daily=2, timezone="UTC") == [1]
    assert kept([one, two], keep_last=1, daily=2, timezone="Pacific/Auckland") == [1, 0]


def test_an_hour_that_comes_twice_when_clocks_go_back_is_two_hours():
    times = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1)]
    points = [Point(id=UUID(int=n + 1), made_at=at) for n, at in enumerate(times)]

    assert kept(points, keep_last=1, hourly=2, timezone="Europe/Berlin") == [1, 0]


def test_what_is_spared_stays_and_takes_no_place():
    points = daily(5)
    points[4] = point(4, spared="pinned")

    assert kept(points, keep_last=2) == [0, 1, 4]


def test_every_decision_says_why():
    points = [*daily(4, incomplete=(3,)), point(9, spared="on hold: case 4711")]

    rules = {one.point.id.int - 1: one.rule for one in decide(points, Rules(keep_last=2), at=NOON)}

    assert rules == {
        0: "last 1 of 2",
        1: "last 2 of 2",
        2: "No rule keeps it: the last 2.",
        3: "It is incomplete, and complete ones come first: the last 2.",
        9: "on hold: case 4711",
    }


def test_rules_are_said_in_words():
    rules = Rules(keep_last=7, daily=7, weekly=1, within_days=14)

    assert rules.words == (
        "the last 7, one a day for 7 days, one a week for 1 week, all of the last 14 days"
    )


def test_where_backups_have_stopped_nothing_grows_old():
    points = daily(10)
    much_later = NOON + timedelta(days=400)

    stay = [one.is_kept for one in decide(points, Rules(keep_last=1, within_days=5), at=much_later)]

    assert stay == [True] * 4 + [False] * 6


@pytest.mark.parametrize(
    ("keep_last", "more", "field"),
    [
        (0, {}, "retention_keep_last"),
        (-1, {}, "retention_keep_last"),
        (10_001, {}, "retention_keep_last"),
        (1, {"daily": -1}, "retention_daily"),
        (1, {"hourly": 10_001}, "retention_hourly"),
        (1, {"fortnightly": 1}, "retention_fortnightly"),
    ],
)
def test_rules_that_make_no_sense_are_named(keep_last, more, field):
    assert list(problems(keep_last, more)) == [field]


def test_columns_of_a_schedule_become_rules():
    rules = Rules.of(5, {"daily": 7, "weekly": 0, "unheard_of": 3}, timezone="Europe/Berlin")

    assert rules == Rules(keep_last=5, daily=7, timezone="Europe/Berlin")


def source_kept(points, schedules, own=OwnRules(), at=NOON) -> list[int]:  # noqa: B008
    decisions = decide_source(points, schedules, own, at=at)
    return [one.point.id.int - 1 for one in decisions if one.is_kept]


def test_a_schedule_counts_only_what_it_made():
    nightly = [point(n, schedule=NIGHTLY) for n in range(0, 6, 2)]
    weekly = [point(n, schedule=WEEKLY) for n in range(1, 6, 2)]
    schedules = {NIGHTLY: Rules(keep_last=1), WEEKLY: Rules(keep_last=2)}

    assert source_kept([*nightly, *weekly], schedules) == [0, 1, 3]


def test_what_an_archived_schedule_made_stays():
    points = [point(n, schedule=NIGHTLY) for n in range(3)]

    assert source_kept(points, {}) == [0, 1, 2]


@pytest.mark.parametrize(
    ("origin", "days_ago", "stays"),
    [
        (Origin.HAND, 4000, True),
        (Origin.PRE_RESTORE, 29, True),
        (Origin.PRE_RESTORE, 31, False),
        (Origin.PROTECT, 31, False),
        (Origin.DRILL, 31, False),
    ],
)
def test_what_no_schedule_made_has_rules_of_its_own(origin, days_ago, stays):
    old = point(1, hours_ago=24 * days_ago, origin=origin)
    newest = point(0, schedule=NIGHTLY)

    assert (1 in source_kept([newest, old], {NIGHTLY: Rules(keep_last=1)})) is stays


def test_what_a_restore_overwrote_stays_30_days_whatever_somebody_chose():
    old = point(1, hours_ago=24 * 29, origin=Origin.PRE_RESTORE)

    assert 1 in source_kept([point(0), old], {}, OwnRules(pre_restore_days=1))


def test_one_that_is_spared_outlives_its_days():
    old = point(1, hours_ago=24 * 90, origin=Origin.PRE_RESTORE, spared="in use by a run")

    assert 1 in source_kept([point(0), old], {})


def test_the_newest_complete_one_of_each_type_stays_whoever_made_it():
    old_full = point(5, origin=Origin.HAND, sort="full")
    newer_db = point(1, origin=Origin.HAND, sort="db")
    safety = point(0, origin=Origin.PRE_RESTORE, sort="pre-restore")
    own = OwnRules(hand_days=1)

    assert source_kept([old_full, newer_db, safety], {}, own) == [0, 1, 5]


# --- For all that there could be ---------------------------------------------------------------

counts = st.integers(0, 6)
rules_of_all_sorts = st.builds(
    Rules,
    keep_last=st.integers(1, 6),
    hourly=counts,
    daily=counts,
    weekly=counts,
    monthly=counts,
    yearly=counts,
    within_days=st.integers(0, 40),
    timezone=st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia"]),
)
origins = st.sampled_from([*Origin])


@st.composite
def histories(draw, *, mixed: bool = False):
    hours = draw(st.lists(st.integers(0, 24 * 800), max_size=40))
    return [
        Point(
            id=UUID(int=number + 1),
            made_at=NOON - timedelta(hours=ago),
            is_complete=draw(st.booleans()),
            spared=draw(st.sampled_from(["", "", "", "pinned"])),
            sort=draw(st.sampled_from(["full", "db"])) if mixed else "full",
            origin=(origin := draw(origins) if mixed else Origin.SCHEDULE),
            schedule=(
                draw(st.sampled_from([NIGHTLY, WEEKLY])) if origin is Origin.SCHEDULE else None
            ),
        )
        for number, ago in enumerate(hours)
    ]


def ids(decisions) -> set[UUID]:
    return {one.point.id for one in decisions if one.is_kept}


def newest_complete(points) -> Point | None:
    return max((one for one in points if one.is_complete), key=lambda one: one.order, default=None)


@settings(deadline=None)
@given(histories(), rules_of_all_sorts)
def test_no_rule_ever_takes_the_newest_complete_one(points, rules):
    found, newest = ids(decide(points, rules, at=NOON)), newest_complete(points)

    assert newest is None or newest.id in found
    assert bool(found) == bool(points)
    assert {one.id for one in points if one.spared} <= found


@settings(deadline=None)
@given(histories(), rules_of_all_sorts)
def test_as_many_complete_ones_stay_as_were_asked_for(points, rules):
    found = ids(decide(points, rules, at=NOON))
    complete = [one for one in points if one.is_complete]
    newest = sorted(complete, key=lambda one: one.order)[-rules.keep_last :]

    assert {one.id for one in newest} <= found


@settings(deadline=None)
@given(histories(), rules_of_all_sorts)
def test_incomplete_ones_never_cost_a_complete_one_its_place(points, rules):
    complete = [one for one in points if one.is_complete]
    rules = Rules(**{**vars(rules), "within_days": 0})  # those count from the newest of all

    alone, among = ids(decide(complete, rules, at=NOON)), ids(decide(points, rules, at=NOON))

    assert alone <= among


@settings(deadline=None)
@given(histories(), rules_of_all_sorts)
def test_what_stayed_once_stays_the_next_time(points, rules):
    first = decide(points, rules, at=NOON)
    left = [one.point for one in first if one.is_kept]

    assert ids(decide(left, rules, at=NOON)) == {one.id for one in left}


@settings(deadline=None)
@given(histories(), rules_of_all_sorts, st.integers(0, 5000))
def test_a_clock_that_jumps_ahead_takes_no_more_than_a_day_would(points, rules, days):
    newest = max((one.made_at for one in points), default=NOON)

    ahead = ids(decide(points, rules, at=NOON + timedelta(days=days)))

    assert ids(decide(points, rules, at=newest + timedelta(days=1))) <= ahead


@settings(deadline=None)
@given(histories(mixed=True), rules_of_all_sorts, st.none() | st.integers(1, 90))
def test_a_source_never_loses_its_newest_complete_one(points, rules, hand_days):
    own = OwnRules(hand_days=hand_days)

    found = ids(decide_source(points, {NIGHTLY: rules, WEEKLY: rules}, own, at=NOON))

    backups = [one for one in points if one.origin is not Origin.PRE_RESTORE]
    for sort in ("full", "db"):
        newest = newest_complete([one for one in backups if one.sort == sort])
        assert newest is None or newest.id in found


@settings(deadline=None)
@given(histories(mixed=True), rules_of_all_sorts)
def test_what_others_made_changes_nothing_for_a_schedule(points, rules):
    mine = [one for one in points if one.schedule == NIGHTLY]

    among = decide_source(points, {NIGHTLY: rules}, OwnRules(), at=NOON)

    alone = ids(decide(mine, rules, at=NOON))
    assert alone <= ids(one for one in among if one.point.schedule == NIGHTLY)
