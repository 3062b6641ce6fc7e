"""Read amplification: what a restore reads after a hundred daily snapshots with 1 % churn.

1.0 is what a restore reads from a fresh vault that holds the last state only.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.peering.data import phrases
from bench.peering.programs import PROGRAMS, Program, run_all
from bench.peering.rounds import clear, say
from bench.peering.timing import settle

FILES, FOLDERS = 5000, 50


def measure(work: Path, programs: Sequence[str], days: int, *, deadline: float) -> dict[str, Any]:
    """Bytes read by restores, and how many times that of a fresh vault.

    No further day begins after *deadline*; the answer says how many there were.
    """
    tree = work / "data" / "churn"
    _make(tree)
    used: dict[str, Program] = {name: _fresh(work / f"churn-{name}", name) for name in programs}
    done = 0
    for day in range(days):
        if time.monotonic() > deadline:
            break
        _change(tree, day)
        done += 1
        for program in used.values():
            run_all(program.backup(tree))
        if day % 20 == 19:
            say(f"churn      day {day + 1}")
    found = {}
    for name, program in used.items():
        found[name] = _amplification(work, name, program=program, tree=tree)
        say(f"churn      {name:9} {found[name]}")
    clear([tree, *(work / f"churn-{name}" for name in programs)])
    return {"days": done, "files": FILES, "programs": found}


def _amplification(work: Path, name: str, *, program: Program, tree: Path) -> dict[str, Any]:
    fresh = _fresh(work / f"churn-{name}-fresh", name)
    run_all(fresh.backup(tree))
    settle()
    base, before = _read(fresh, work / f"churn-{name}-fresh"), program.stored_bytes()
    after_days = _read(program, work / f"churn-{name}" / "before")
    run_all(program.prune())
    after_prune = _read(program, work / f"churn-{name}" / "after")
    stored = program.stored_bytes()
    clear([work / f"churn-{name}-fresh"])
    return {
        "fresh_bytes": base,
        "read_bytes": after_days,
        "read_bytes_pruned": after_prune,
        "amplification": round(after_days / base, 2),
        "amplification_pruned": round(after_prune / base, 2),
        "stored_bytes": before,
        "stored_bytes_pruned": stored,
    }


def _read(program: Program, place: Path) -> int:
    """What a restore reads, less what a listing of the snapshots reads: program and config."""
    restore = run_all(program.restore(place / "restored"))
    idle = run_all(program.list())
    return max(restore.read_bytes - idle.read_bytes, 1)


def _fresh(place: Path, name: str) -> Program:
    program = PROGRAMS[name](place)
    run_all(program.init())
    return program


def _make(tree: Path) -> None:
    for number in range(FILES):
        path = _path(tree, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_content(number, 0))


def _change(tree: Path, day: int) -> None:
    for number in random.Random(day).sample(range(FILES), FILES // 100):
        _path(tree, number).write_bytes(_content(number, day + 1))


def _path(tree: Path, number: int) -> Path:
    return tree / f"{number % FOLDERS:02}" / f"{number:05}.txt"


_texts: list[bytes] = []


def _content(number: int, version: int) -> bytes:
    if not _texts:
        _texts.extend(phrases(3)[:4096])
    draw = random.Random(number << 16 | version)
    size = draw.randint(1000, 40_000)
    return b"".join(draw.choices(_texts, k=size // 48 + 1))
