"""Which restore points of one source stay: those of its schedules, and those that none made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from webapp.domain.retention import (
    Decision,
    Origin,
    OwnRules,
    Point,
    Rules,
    believed,
    decide,
)

_MADE = {
    Origin.HAND: "made by hand",
    Origin.PROTECT: "made before a protected command",
    Origin.DRILL: "made for a drill",
    Origin.PRE_RESTORE: "what a restore overwrote",
}


def decide_source(
    points: Sequence[Point], schedules: Mapping[UUID, Rules], own: OwnRules, *, at: datetime
) -> list[Decision]:
    """One decision for each restore point of a source, newest first.

    Each schedule judges what it made and nothing else. The newest complete one of each sort
    stays, whoever made it.

    Args:
        schedules: rules of those that still judge; an archived one deletes nothing.
    """
    now = believed(points, at)
    found = [
        *_of_schedules(points, schedules, at=at),
        *(_own(point, own, at=now) for point in points if point.schedule is None),
    ]
    found.sort(key=lambda decision: decision.point.order, reverse=True)
    newest = newest_complete(points)
    return [
        Decision(one.point, True, "the newest complete one of its source")
        if one.point.id in newest and not one.is_kept
        else one
        for one in found
    ]


def newest_complete(points: Sequence[Point]) -> set[UUID]:
    """Ids of the newest complete one of each sort; what a restore overwrote is no backup of all."""
    found: dict[str, Point] = {}
    for point in sorted(points, key=lambda point: point.order):
        if point.is_complete and point.origin is not Origin.PRE_RESTORE:
            found[point.sort] = point
    return {point.id for point in found.values()}


def _of_schedules(
    points: Sequence[Point], schedules: Mapping[UUID, Rules], *, at: datetime
) -> Iterator[Decision]:
    groups: dict[UUID, list[Point]] = {}
    for point in points:
        if point.schedule is not None:
            groups.setdefault(point.schedule, []).append(point)
    for schedule, group in groups.items():
        rules = schedules.get(schedule)
        if rules is None:
            yield from (Decision(one, True, "its schedule is archived") for one in group)
        else:
            yield from decide(group, rules, at=at)


def _own(point: Point, own: OwnRules, *, at: datetime) -> Decision:
    made, days = _MADE.get(point.origin, _MADE[Origin.HAND]), own.days_of(point.origin)
    if point.spared:
        return Decision(point, True, point.spared)
    if days is None:
        return Decision(point, True, f"{made}: stays until a person deletes it")
    if point.made_at > at - timedelta(days=days):
        return Decision(point, True, f"{made}: stays for {days} days")
    return Decision(point, False, f"{made[0].upper()}{made[1:]}, more than {days} days ago.")
