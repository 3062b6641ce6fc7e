"""Who meets whom. Small enough that every interleaving can be tried."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from tests.vault.protocol import others, pruners, writers
from tests.vault.protocol.world import Case, Me, World

STEPS = {**writers.STEPS, **pruners.STEPS, **others.STEPS}
# What each root needs. "u" needs what is there already, "w" and "v" also something new.
CHUNKS = {"kept": "b", "u": "a", "w": "ac", "v": "ae"}
CHUNKS |= {f"{root}'": chunks for root, chunks in CHUNKS.items()}  # announced a second time

A, AB, SPARE, OTHER = ("first", 0, "a"), ("first", 0, "ab"), ("spare", 0, "a"), ("other", 0, "c")
DONE = frozenset(["kept"])
ONE_PACK = World(packs=frozenset([A]))
CONDEMNED = ONE_PACK._replace(marks=frozenset([("x", frozenset([A]))]))
HALF_LIVE = World(packs=frozenset([AB]), finals=DONE, succeeded=DONE)
INDEXED = HALF_LIVE._replace(
    packs=frozenset([AB, OTHER]),
    index=frozenset([("first", frozenset([AB])), ("other", frozenset([OTHER]))]),
)
TWO_COPIES = CONDEMNED._replace(
    packs=frozenset([A, SPARE]), finals=frozenset("u"), succeeded=frozenset("u")
)
OTHER_CONDEMNED = World(packs=frozenset([A, OTHER]), marks=frozenset([("x", frozenset([OTHER]))]))


class Meeting(NamedTuple):
    case: Case
    crashes: bool = False


def _meet(world: World, *processes: Me, crashes: bool = False, indexed: bool = False) -> Meeting:
    case = Case(world=world, processes=processes, chunks=CHUNKS, steps=STEPS, indexed=indexed)
    return Meeting(case, crashes)


def without(meeting: Meeting, *rules: str) -> Meeting:
    case = meeting.case
    return meeting._replace(case=replace(case, rules=case.rules.without(*rules)))


def _about_to_condemn(name: str, *packs: tuple[str, int, str]) -> Me:
    """A prune that chose its victims long ago, and was held up since."""
    return Me(name, "pruner", "P2", todo=frozenset(packs))


_writer, _prune = writers.start, pruners.start

MEETINGS = {
    "a writer, a prune and a later run": _meet(
        ONE_PACK, _writer("u"), _prune("p"), _prune("q", "P5")
    ),
    "a writer of something new, beside what is kept": _meet(
        HALF_LIVE, _writer("w"), _prune("p"), _prune("q", "P5")
    ),
    "three writers and a run that deletes": _meet(
        CONDEMNED, _writer("u"), _writer("w"), _writer("v"), _prune("p", "P5")
    ),
    "a slow prune and two that delete": _meet(
        TWO_COPIES, _about_to_condemn("t", SPARE), _prune("p", "P5"), _prune("q", "P5")
    ),
    "a slow prune, a writer and one that deletes": _meet(
        OTHER_CONDEMNED, _about_to_condemn("t", A), _writer("u"), _prune("p", "P5")
    ),
    "two that revoke, a writer and a prune": _meet(
        ONE_PACK, _writer("u"), _prune("p"), others.revoker("r"), others.revoker("s")
    ),
    "a writer that may die, a sweep and a prune": _meet(
        ONE_PACK, _writer("w"), _prune("p"), others.sweeper("s"), crashes=True
    ),
    "two that compact the index, and a writer": _meet(
        INDEXED, _writer("w"), _prune("p"), _prune("q", "compact"), indexed=True
    ),
    "a writer and two prunes": _meet(ONE_PACK, _writer("u"), _prune("p"), _prune("q")),
}
LARGE = {
    "a writer of something new and two prunes": _meet(
        HALF_LIVE, _writer("w"), _prune("p"), _prune("q")
    ),
    "a snapshot is forgotten while two prune": _meet(
        HALF_LIVE, others.forgetter("kept"), _writer("u"), _prune("p"), _prune("q", "P5"),
        _prune("r", "P5"),
    ),
    "two writers and a prune": _meet(HALF_LIVE, _writer("u"), _writer("w"), _prune("p")),
}  # fmt: skip
