"""Every interleaving: from each state, each process that can takes its next step."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.vault.protocol.world import Case, Me, World, held

State = tuple[World, tuple[Me, ...]]


class Outcome(NamedTuple):
    states: int
    problem: str = ""
    steps: tuple[str, ...] = ()


def explore(case: Case, crashes: bool = False) -> Outcome:
    """All states that can be reached, or the first that should not be.

    Args:
        crashes: a writer may die before any of its steps.
    """
    with _nothing_to_collect():
        return _explore(case, crashes)


@contextmanager
def _nothing_to_collect() -> Iterator[None]:
    """Hundreds of thousands of states are kept, and none of them knows itself."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _explore(case: Case, crashes: bool) -> Outcome:
    first: State = (case.world, case.processes)
    came_from: dict[State, tuple[State, str] | None] = {first: None}
    waiting = [first]
    while waiting:
        state = waiting.pop()
        found = _next(state, case, crashes)
        problem = _problem(state, case, is_last=not found)
        if problem:
            return Outcome(len(came_from), problem, _trace(state, came_from))
        for after, what in found:
            if after not in came_from:
                came_from[after] = (state, what)
                waiting.append(after)
    return Outcome(len(came_from))


def _next(state: State, case: Case, crashes: bool) -> list[tuple[State, str]]:
    world, processes = state
    found: list[tuple[State, str]] = []
    for number, me in enumerate(processes):
        step = case.steps.get((me.program, me.at))
        if step is None or me.name in world.dead:
            continue
        what = f"{me.name}: {me.at} {me.phase or ''}".rstrip()
        if crashes and me.program == "writer":
            found.append(
                ((world._replace(dead=world.dead | {me.name}), processes), f"{me.name} dies")
            )
        for after, changed in step(world, me, case):
            others = (*processes[:number], changed, *processes[number + 1 :])
            found.append(((after, others), what))
    return found


def _problem(state: State, case: Case, *, is_last: bool) -> str:
    world = state[0]
    there = held(world.packs)
    for root in world.finals - world.revoked:
        if not there.issuperset(case.chunks[root]):
            return f"{root} lacks a chunk"
    if case.indexed:
        listed = held(frozenset(p for _, packs in world.index for p in packs) & world.packs)
        for root in world.finals - world.revoked:
            if not listed.issuperset(case.chunks[root]):
                return f"{root} needs a pack that no index object lists"
    forgotten = {me.name for me in state[1] if me.program == "forgetter"}
    if not world.succeeded - forgotten <= world.finals:
        return "a finished snapshot went away"
    if is_last and world.succeeded & world.revoked:
        return "a finished snapshot stays revoked"
    return ""


def _trace(state: State, came_from: dict[State, tuple[State, str] | None]) -> tuple[str, ...]:
    steps: list[str] = []
    before = came_from[state]
    while before is not None:
        steps.append(before[1])
        before = came_from[before[0]]
    return tuple(reversed(steps))
