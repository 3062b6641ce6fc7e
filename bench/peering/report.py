"""The Markdown: a table for each data set, and the goals."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from bench.peering.goals import GOALS, OURS, PEER, goals, ratio, summary

LIBRARIES = ("blake3", "cryptography", "fastcdc", "zstandard")
UNWRITTEN = ("restore", "verify")  # operations that store nothing
_HEAD = (
    "Whole processes, start-up and key derivation included, interleaved, each on a fresh vault and "
    "with a warm page cache; medians, in square brackets least and most, in round ones CPU and "
    "most memory. Memory of a process that forks is what it and its children held together (PSS, "
    "looked at ten times a second), if that is more than the largest of them."
)


def machine() -> dict[str, str]:
    """What this ran on."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = Path("/proc/meminfo").read_text().split()[1]
    return {
        "cpu": f"{os.cpu_count()} × {cpu}",
        "memory": f"{int(memory) / (1 << 20):.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in LIBRARIES},
    }


def markdown(result: dict[str, Any]) -> str:
    return "\n".join(_lines(result)) + "\n"


def all_met(result: dict[str, Any]) -> bool:
    return not result["failed"] and all(one["met"] for one in goals(result))


def _lines(result: dict[str, Any]) -> Iterator[str]:
    yield from ("## Beside restic and borg, by `make bench-peers`", "")
    yield (
        "Machine: " + ", ".join(f"{key} {value}" for key, value in result["machine"].items()) + "."
    )
    versions = ", ".join(f"{name} {value}" for name, value in result["versions"].items())
    yield f"Programs: {versions}. {result['when']}."
    yield _HEAD
    for name, one in result["data"].items():
        if one.get("runs"):
            yield from _table(name, one)
    if result.get("syncs"):
        yield from _syncs(result["syncs"])
    if result.get("churn"):
        yield from _churn(result["churn"])
    for part, problem in result.get("failed", {}).items():
        yield from ("", f"**The part {part} failed**: {problem}")
    if result["quick"]:
        yield ""
        yield "A small form of the data: starting up is most of what is measured. The goals"
        yield "are for the whole of it."
    yield from _goals(goals(result))


def _table(name: str, one: dict[str, Any]) -> Iterator[str]:
    programs = sorted({program for runs in one["runs"].values() for program in runs}, key=_rank)
    others = [program for program in programs if program != OURS]
    place = " on S3" if name.endswith(" on S3") else ""
    title = f"{one['label']}{place}, {one['files']:,} files, {one['bytes'] / 1e6:,.0f} MB"
    yield ""
    yield f"| {title} | " + " | ".join([*programs, *(f"to {one}" for one in others), "goal"]) + " |"
    yield "|---|" + "---|" * (len(programs) + len(others) + 1)
    for operation, runs in one["runs"].items():
        cells = [_time_cell(runs, program) for program in programs]
        yield _row(name, operation, "seconds", runs=runs, cells=cells, others=others)
    for operation, runs in one["runs"].items():
        if operation not in UNWRITTEN:
            cells = [_size_cell(runs, program) for program in programs]
            yield _row(name, operation, "stored_bytes", runs=runs, cells=cells, others=others)
    rounds = {len(taken) for runs in one["runs"].values() for taken in runs.values()}
    between = "–".join(map(str, sorted({min(rounds), max(rounds)})))
    yield from ("", f"Rounds: {between}. Lastgood at {one.get('commit', '?')}, {one['when']} UTC.")


def _row(
    name: str,
    operation: str,
    measure: str,
    *,
    runs: dict[str, Any],
    cells: list[str],
    others: list[str],
) -> str:
    ratios = [ratio(runs, other, measure) for other in others]
    shown = ["–" if one is None else f"{one:.2f}" for one in ratios]
    words = operation if measure == "seconds" else f"stored after {operation}"
    limit = GOALS.get((name, operation, measure))
    reached = ratio(runs, PEER, measure)
    goal = ""
    if limit is not None and reached is not None:
        goal = f"{limit:.2f}: " + ("met" if round(reached, 3) <= limit else "**missed**")
    return "| " + " | ".join([words, *cells, *shown, goal]) + " |"


def _time_cell(runs: dict[str, Any], program: str) -> str:
    if program not in runs:
        return "–"
    middle, least, most = summary(runs[program], "seconds")
    cpu, peak = summary(runs[program], "cpu_seconds")[0], summary(runs[program], "peak_mib")[2]
    spread = f" [{least:.2f}–{most:.2f}]" if len(runs[program]) > 1 else ""
    return f"{middle:.2f} s{spread} ({cpu:.1f} s, {peak:.0f} MiB)"


def _size_cell(runs: dict[str, Any], program: str) -> str:
    return f"{summary(runs[program], 'stored_bytes')[0] / 1e6:,.1f} MB" if program in runs else "–"


def _rank(program: str) -> tuple[int, str]:
    return {OURS: 0, PEER: 1}.get(program, 2), program


def _syncs(found: dict[str, Any]) -> Iterator[str]:
    for data, operations in found.items():
        programs = list(next(iter(operations.values())))
        yield ""
        yield f"| fsync, fdatasync, syncfs: {data} | " + " | ".join(programs) + " |"
        yield "|---|" + "---|" * len(programs)
        for operation, counts in operations.items():
            yield f"| {operation} | " + " | ".join(f"{counts[one]:,}" for one in programs) + " |"


def _churn(found: dict[str, Any]) -> Iterator[str]:
    yield ""
    yield f"Bytes that a restore of the newest of {found['days']} daily snapshots with 1 % churn"
    yield f"({found['files']:,} files) reads, and how many times what it reads from a fresh vault:"
    yield ""
    yield "| | fresh | after all days | after a prune | stored | stored after the prune |"
    yield "|---|---|---|---|---|---|"
    for name, one in found["programs"].items():
        cells = [
            f"{one['fresh_bytes'] / 1e6:.1f} MB",
            f"{one['read_bytes'] / 1e6:.1f} MB ({one['amplification']} ×)",
            f"{one['read_bytes_pruned'] / 1e6:.1f} MB ({one['amplification_pruned']} ×)",
            f"{one['stored_bytes'] / 1e6:.1f} MB",
            f"{one['stored_bytes_pruned'] / 1e6:.1f} MB",
        ]
        yield f"| {name} | " + " | ".join(cells) + " |"


def _goals(found: list[dict[str, Any]]) -> Iterator[str]:
    if not found:
        return
    yield from ("", "| goal | at most | measured | |", "|---|---|---|---|")
    for one in found:
        met = "met" if one["met"] else "**missed**"
        yield f"| {one['goal']} | {one['limit']} | {one['found']} | {met} |"
