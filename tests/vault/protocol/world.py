"""A vault reduced to what its protocol is about: which objects exist, and which process has seen
what. Every step of a process is one operation of the storage; contents never change, so a pack is
named by who made it and what it holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, NamedTuple

Pack = tuple[str, int, str]  # who made it, its number, its chunks: one letter each
NONE: frozenset[Any] = frozenset()


class World(NamedTuple):
    """All objects, and two things that only we know: who succeeded, and who is dead."""

    packs: frozenset[Pack] = NONE
    marks: frozenset[tuple[str, frozenset[Pack]]] = NONE  # condemned/RUN
    pending: frozenset[str] = NONE
    finals: frozenset[str] = NONE  # snapshots/ID
    revoked: frozenset[str] = NONE
    index: frozenset[tuple[str, frozenset[Pack]]] = NONE
    succeeded: frozenset[str] = NONE
    dead: frozenset[str] = NONE


class Me(NamedTuple):
    """One process: where it is, and what it remembers."""

    name: str
    program: str
    at: str
    phase: int = 0
    roots: frozenset[str] = NONE
    marked: frozenset[Pack] = NONE
    seen: frozenset[Pack] = NONE
    old: frozenset[Any] = NONE  # condemned or index objects that were there at first
    todo: Any = NONE
    made: int = 0


@dataclass(frozen=True)
class Rules:
    """Everything that the protocol relies on. Each can be taken away to see what is lost."""

    writer_looks_again: bool = True
    writer_shuns_condemned: bool = True
    writer_lists_condemned_first: bool = True
    pending_before_looking: bool = True
    pending_until_final: bool = True
    writer_heeds_revocation: bool = True
    lost_is_read_again: bool = True
    unfinished_are_spared: bool = True
    pending_is_a_root: bool = True
    pending_listed_before_finals: bool = True
    copies_before_condemning: bool = True
    rescue_after_condemning: bool = True
    rescue_before_deleting: bool = True
    rescue_by_copying: bool = True
    condemned_listed_before_packs: bool = True
    old_condemned_listed_first: bool = True
    only_old_condemned_deleted: bool = True
    marks_removed_last: bool = True
    revoked_before_dropping: bool = True
    second_look: bool = True
    whole_before_unrevoking: bool = True
    the_dead_are_revoked_too: bool = True
    new_index_before_old_goes: bool = True
    index_listed_before_packs: bool = True
    copies_are_listed: bool = True

    def without(self, *names: str) -> Rules:
        assert set(names) <= {field.name for field in fields(self)}
        return Rules(**dict.fromkeys(names, False))


Next = list[tuple[World, Me]]
Step = Callable[[World, Me, "Case"], Next]


@dataclass(frozen=True)
class Case:
    """Who takes part, and what there is at first.

    Attributes:
        chunks: what each root needs; a writer's root has the writer's name.
        steps: for each program and place in it, what happens.
        indexed: whether index objects are part of it.
    """

    world: World
    processes: tuple[Me, ...]
    chunks: dict[str, str]
    steps: dict[tuple[str, str], Step]
    rules: Rules = Rules()
    indexed: bool = False

    def needed(self, roots: frozenset[str]) -> frozenset[str]:
        return frozenset("".join(self.chunks[root] for root in roots))


@cache
def held(packs: frozenset[Pack]) -> frozenset[str]:
    """Every chunk of these packs."""
    return frozenset("".join(pack[2] for pack in packs))


def names(chunks: frozenset[str]) -> str:
    return "".join(sorted(chunks))


def put_pack(world: World, me: Me, chunks: frozenset[str]) -> tuple[World, Me]:
    pack = (me.name, me.made, names(chunks))
    return world._replace(packs=world.packs | {pack}), me._replace(made=me.made + 1)


def look(world: World, me: Me, condemned_first: bool) -> Me:
    """Phase 0 and 1 of looking around: the two listings, in either order."""
    if (me.phase == 0) is condemned_first:
        marked = frozenset(pack for _, packs in world.marks for pack in packs)
        return me._replace(marked=marked, phase=me.phase + 1)
    return me._replace(seen=world.packs, phase=me.phase + 1)


_FORGOTTEN = {
    "phase": 0, "roots": NONE, "marked": NONE, "seen": NONE, "old": NONE, "todo": NONE,
}  # fmt: skip


def go(me: Me, at: str, **more: Any) -> Me:
    """The same process elsewhere, having forgotten what it needs no more."""
    return me._replace(**(_FORGOTTEN | {"at": at} | more))
