"""Handing the items of a plan to the part of a target that they belong to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain

from webapp.connectors.base import Action, Desired, Planned

Planner = Callable[[Iterable[Desired]], Iterator[Planned]]


def plan_by_section(
    desired: Iterable[Desired], planners: Mapping[str, Planner], *, large: str = "tree"
) -> Iterator[Planned]:
    """Plan each section by its own planner; what has none is blocked, with a reason.

    Args:
        desired: in any order; only items of the *large* section are not held in memory.
        planners: by section. One is called also if nothing of its section is desired, since it
            may have to plan removals.
    """
    small: dict[str, list[Desired]] = {}
    stream = iter(desired)
    first = _until(stream, small, large=large)
    for section in sorted(planners.keys() - {large}):
        yield from planners[section](small.pop(section, []))
    if large in planners:
        yield from planners[large](chain(first, _only(stream, small, large=large)))
    for section, late in small.items():
        yield from planners.get(section, _nowhere)(late)


def _until(
    stream: Iterator[Desired], small: dict[str, list[Desired]], *, large: str
) -> list[Desired]:
    """Keep what comes before the first item of the large section; return that one."""
    for item in stream:
        if section_of(item.key) == large:
            return [item]
        _keep(item, small)
    return []


def _only(
    stream: Iterator[Desired], small: dict[str, list[Desired]], *, large: str
) -> Iterator[Desired]:
    for item in stream:
        if section_of(item.key) == large:
            yield item
        else:
            _keep(item, small)


def _keep(item: Desired, small: dict[str, list[Desired]]) -> None:
    """The folders ``config`` and ``db`` of a snapshot are no items of their own."""
    if item.key not in {"config:", "db:"}:
        small.setdefault(section_of(item.key), []).append(item)


def section_of(key: str) -> str:
    """``tree:a/b`` → ``tree``."""
    return key.partition(":")[0]


def nowhere(wanted: Desired, reason: str = "This target has no place for it.") -> Planned:
    """The row of an item that the target cannot take."""
    return Planned(
        key=wanted.key, action=Action.BLOCKED, reason=reason, reason_code="not_supported"
    )


def _nowhere(desired: Iterable[Desired]) -> Iterator[Planned]:
    return (nowhere(wanted) for wanted in desired)
