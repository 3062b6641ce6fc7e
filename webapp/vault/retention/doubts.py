"""Which snapshots have a time that cannot be right, told by the order in which they were made."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

from webapp.vault.snapshots import CLOCK_DOUBT, Snapshot

DAY_NS = 86_400 * 10**9


def doubted(
    snapshots: Sequence[Snapshot], now_ns: int, *, at: Callable[[Snapshot], int]
) -> set[str]:
    """Ids of those whose time is not to be believed.

    They are so marked, or more than a day in the future, or more than a day out of the longest row
    of snapshots whose times rise as their sequences do. So one night with a wrong clock stands out,
    whichever way it was wrong.
    """
    oldest_first = sorted(snapshots, key=lambda one: one.order)
    likely = [
        one
        for one in oldest_first
        if not one.metadata.get(CLOCK_DOUBT) and at(one) <= now_ns + DAY_NS
    ]
    believed = {one.id for one in _within_a_day([at(one) for one in likely], likely)}
    return {one.id for one in oldest_first} - believed


def _within_a_day(times: Sequence[int], snapshots: Sequence[Snapshot]) -> list[Snapshot]:
    """Those that lie between their neighbours in the longest rising row, give or take a day."""
    row = set(_longest_rising(times))
    floors = list(accumulate((at if n in row else 0 for n, at in enumerate(times)), max))
    rest = [at if n in row else max(times) for n, at in enumerate(times)]
    ceilings = list(accumulate(reversed(rest), min))[::-1]
    return [
        one
        for one, at, floor, ceiling in zip(snapshots, times, floors, ceilings, strict=True)
        if floor - DAY_NS <= at <= ceiling + DAY_NS
    ]


def _longest_rising(values: Sequence[int]) -> list[int]:
    """Places of the longest row of values that never fall; of equally long ones, the lowest."""
    ends: list[int] = []  # of the best row of each length: its last value,
    places: list[int] = []  # and where that is
    before: list[int] = []
    for place, value in enumerate(values):
        length = bisect_right(ends, value)
        before.append(places[length - 1] if length else -1)
        ends[length:] = [value, *ends[length + 1 :]]
        places[length:] = [place, *places[length + 1 :]]
    found: list[int] = []
    place = places[-1] if places else -1
    while place >= 0:
        found.append(place)
        place = before[place]
    return found[::-1]


def latest_times(
    newest_first: Sequence[Snapshot], unsure: set[str], now_ns: int
) -> Mapping[str, int]:
    """When each was made at the latest: one in doubt, before the next whose time is believed."""
    found: dict[str, int] = {}
    bound = now_ns
    for one in newest_first:
        if one.id not in unsure:
            bound = min(bound, one.created_ns)
        found[one.id] = bound if one.id in unsure else one.created_ns
    return found
