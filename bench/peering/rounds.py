"""The rounds: every operation by every program, one after the other, on fresh vaults."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.peering.data import DataSet, bytes_in
from bench.peering.programs import PROGRAMS, S3, Program, run_all, syncs_of
from bench.peering.timing import Ran, settle

OPERATIONS = ("first", "unchanged", "changed", "restore", "verify", "prune")
SYNCED = ("first", "unchanged", "restore")
READING = ("restore", "verify")
YOUNG_SECONDS = 2.5  # younger files are read again by whoever is careful, which is another test
MANY_FILES = 1000  # so many are deleted at the very end: a file system is slow after mass deletes
Runs = dict[str, dict[str, list[dict[str, Any]]]]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is measured on one data set.

    Attributes:
        checks: compare the first round's restores with the source.
        deadline: only the first round begins if it would not end before it.
        wrote: called after each operation of all programs.
    """

    data: DataSet
    programs: Sequence[str]
    operations: Sequence[str]
    rounds: int
    work: Path
    s3: S3 | None = None
    checks: bool = True
    deadline: float = float("inf")
    wrote: Callable[[], object] = bool

    @property
    def key(self) -> str:
        return self.data.name + (" on S3" if self.s3 else "")


def measure(plan: Plan, found: dict[str, Any]) -> None:
    """All rounds; *found* gets ``runs: {operation: {program: [run, …]}}`` as they end."""
    plan.data.reset()
    files, total = bytes_in(plan.data.tree)
    runs: Runs = {}
    found |= {"label": plan.data.label, "files": files, "bytes": total, "runs": runs}
    longest = 0.0
    for number in range(plan.rounds):
        started = time.monotonic()
        if number and started + longest > plan.deadline:
            say(f"{plan.key:10} {number} rounds only: another would take too long")
            break
        used = _one_round(plan, number, runs)
        if files < MANY_FILES:
            clear(used)
        longest = max(longest, time.monotonic() - started)


def syncs(plan: Plan) -> dict[str, dict[str, int]]:
    """fsyncs of a first backup, an unchanged one and a restore; under strace, so not timed."""
    found: dict[str, dict[str, int]] = {}
    plan.data.reset()
    for name in plan.programs:
        place = plan.work / f"syncs-{name}"
        program = _fresh(plan, name, place)
        for operation in [one for one in SYNCED if one in plan.operations]:
            commands = _commands(program, operation, plan.data.tree, place / "restored")
            found.setdefault(operation, {})[name] = syncs_of(commands)
        clear([place])
    say(f"{plan.key:10} fsyncs: {found}")
    return found


def _one_round(plan: Plan, number: int, found: Runs) -> list[Path]:
    """Returns the folders that it made."""
    plan.data.reset()
    order = [plan.programs[(at + number) % len(plan.programs)] for at in range(len(plan.programs))]
    places = {name: plan.work / f"{plan.key.replace(' ', '-')}-{number}-{name}" for name in order}
    programs = {name: _fresh(plan, name, places[name]) for name in order}
    settle(YOUNG_SECONDS)
    for operation in operations_of(plan.data, plan.operations):
        if operation in plan.data.changes:
            plan.data.change(operation, seed=1000 * number + len(operation))
            settle(YOUNG_SECONDS)
        for name in order:
            target = places[name] / "restored"
            _warm(programs[name].vault if operation in READING else plan.data.tree)
            ran = run_all(_commands(programs[name], operation, plan.data.tree, target))
            settle()
            stored = programs[name].stored_bytes()
            _note(plan, number, operation=operation, name=name, ran=ran, stored=stored)
            found.setdefault(operation, {}).setdefault(name, []).append(
                {**asdict(ran), "stored_bytes": stored}
            )
            if operation == "restore" and plan.checks and number == 0:
                _check_restored(programs[name].restored(plan.data.tree, target), plan.data.tree)
        plan.wrote()
    return [*places.values(), *(program.vault for program in programs.values())]


def operations_of(data: DataSet, wanted: Sequence[str]) -> list[str]:
    """The wanted operations in order, with ``changed`` as this data set changes."""
    found: list[str] = []
    for operation in OPERATIONS:
        if operation in wanted:
            found += data.changes if operation == "changed" else (operation,)
    return found


def _commands(program: Program, operation: str, tree: Path, target: Path) -> list[Any]:
    if operation == "restore":
        return program.restore(target)
    if operation in {"verify", "prune"}:
        return program.verify() if operation == "verify" else program.prune()
    return program.backup(tree)


def _fresh(plan: Plan, name: str, place: Path) -> Program:
    program = PROGRAMS[name](place, plan.s3)
    run_all(program.init())
    return program


def _warm(folder: Path) -> None:
    """Nobody waits for the disk: what a program reads lies in memory, whoever came before it.
    borg drops from memory what it has read, and whoever came next would pay for it."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb", buffering=0) as file:
                while file.read(1 << 20):
                    pass


def _note(plan: Plan, number: int, *, operation: str, name: str, ran: Ran, stored: int) -> None:
    say(
        f"{plan.key:10} {number + 1} {operation:18} {name:9} {ran.seconds:7.2f} s "
        f"{ran.cpu_seconds:7.2f} s CPU {ran.peak_mib:6.0f} MiB  stored {stored / 1e6:8.1f} MB"
    )


def _check_restored(restored: Path, tree: Path) -> None:
    """What was restored must be what was backed up, or the times are of something else."""
    done = subprocess.run(
        ["diff", "-r", "--brief", "--no-dereference", tree, restored],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"The restore differs: {done.stdout[:2000]}{done.stderr[:500]}")


def clear(places: Sequence[Path]) -> None:
    """Delete, and let the disk finish with it."""
    there = [place for place in places if place.exists()]
    for place in there:
        shutil.rmtree(place, ignore_errors=True)
    if there:
        settle(2)


def say(line: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {line}", file=sys.stderr, flush=True)
