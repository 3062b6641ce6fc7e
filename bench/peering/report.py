"""Medians, ratios, the goals, and the Markdown."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

OURS, PEER = "lastgood", "restic"
LIBRARIES = ("blake3", "cryptography", "fastcdc", "zstandard")

# (data set or "" for each, operation, measure, at most so many times restic's)
GOALS = (
    ("linux", "first", "seconds", 0.40),
    ("random", "first", "seconds", 0.45),
    ("linux", "unchanged", "seconds", 0.30),
    ("linux", "first", "stored_bytes", 0.80),
    ("linux", "restore", "seconds", 0.50),
    ("random", "restore", "seconds", 0.50),
    ("large", "restore", "seconds", 0.50),
)
PEAK_MIB = 250


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


def summary(runs: Sequence[dict[str, Any]], measure: str) -> tuple[float, float, float]:
    """Median, least and most."""
    values = [float(run[measure]) for run in runs]
    return statistics.median(values), min(values), max(values)


def markdown(result: dict[str, Any]) -> str:
    return "\n".join(_lines(result)) + "\n"


def goals(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Each goal that this run measured, with what was reached."""
    found = []
    for data, operation, measure, limit in GOALS:
        runs = result["data"].get(data, {}).get("runs", {}).get(operation, {})
        if OURS in runs and PEER in runs:
            ratio = summary(runs[OURS], measure)[0] / summary(runs[PEER], measure)[0]
            words = f"{data}, {operation}, {measure.replace('_', ' ')} against {PEER}"
            found.append({"goal": words, "limit": limit, "found": round(ratio, 3)})
    peaks = [
        (summary(runs[OURS], "peak_mib")[2], f"{name}, {operation}")
        for name, one in result["data"].items()
        for operation, runs in one["runs"].items()
        if OURS in runs
    ]
    if peaks:
        peak, where = max(peaks)
        found.append(
            {"goal": f"peak memory in MiB, most of all ({where})", "limit": PEAK_MIB,
             "found": round(peak)}
        )  # fmt: skip
    for one in found:
        one["met"] = one["found"] <= one["limit"]
    return found


def _lines(result: dict[str, Any]) -> Iterator[str]:
    yield "# Lastgood beside restic and borg"
    yield ""
    yield (
        "Machine: " + ", ".join(f"{key} {value}" for key, value in result["machine"].items()) + "."
    )
    versions = ", ".join(f"{name} {value}" for name, value in result["versions"].items())
    yield f"Programs: {versions}. {result['when']}."
    yield (
        "Whole processes, start-up included; interleaved, on fresh vaults; median, in brackets "
        "least and most."
    )
    for name, one in result["data"].items():
        yield from _table(name, one)
    if result.get("syncs"):
        yield from _syncs(result["syncs"])
    if result.get("churn"):
        yield from _churn(result["churn"])
    if result["quick"]:
        yield from (
            "",
            "A small form of the data: starting up is most of what is measured. The goals",
        )
        yield "are for the whole of it."
        return
    yield from _goals(goals(result))


def _table(name: str, one: dict[str, Any]) -> Iterator[str]:
    programs = list(next(iter(one["runs"].values())))
    yield ""
    yield f"## {name}: {one['label']}"
    yield ""
    rounds = len(next(iter(one["runs"]["first"].values()))) if "first" in one["runs"] else 0
    yield f"{one['files']:,} files, {one['bytes'] / 1e6:,.0f} MB, rounds: {rounds}."
    yield ""
    heads = [f"{program} s (CPU s, peak MiB)" for program in programs]
    ratios = [f"of {program}" for program in programs if program != OURS]
    yield "| | " + " | ".join([*heads, *ratios]) + " |"
    yield "|---|" + "---|" * (len(heads) + len(ratios))
    for operation, runs in one["runs"].items():
        yield f"| {operation} | " + " | ".join(_cells(runs, programs)) + " |"
    stored = [f"| stored after {at} | " + " | ".join(_stored(one, at, programs)) + " |"
              for at in one["runs"] if at not in {"restore", "verify"}]  # fmt: skip
    yield from stored


def _cells(runs: dict[str, Any], programs: list[str]) -> Iterator[str]:
    for program in programs:
        middle, least, most = summary(runs[program], "seconds")
        cpu, peak = summary(runs[program], "cpu_seconds")[0], summary(runs[program], "peak_mib")[2]
        yield f"{middle:.2f} [{least:.2f}–{most:.2f}] ({cpu:.2f}, {peak:.0f})"
    yield from _ratios(runs, programs, "seconds")


def _stored(one: dict[str, Any], operation: str, programs: list[str]) -> Iterator[str]:
    runs = one["runs"][operation]
    for program in programs:
        yield f"{summary(runs[program], 'stored_bytes')[0] / 1e6:,.1f} MB"
    yield from _ratios(runs, programs, "stored_bytes")


def _ratios(runs: dict[str, Any], programs: list[str], measure: str) -> Iterator[str]:
    for program in programs:
        if program == OURS:
            continue
        if OURS not in runs:
            yield "–"
            continue
        yield f"{summary(runs[OURS], measure)[0] / summary(runs[program], measure)[0]:.2f}"


def _syncs(found: dict[str, Any]) -> Iterator[str]:
    for data, operations in found.items():
        programs = list(next(iter(operations.values())))
        yield from ("", f"## fsync, fdatasync and syncfs calls: {data}", "")
        yield "| | " + " | ".join(programs) + " |"
        yield "|---|" + "---|" * len(programs)
        for operation, counts in operations.items():
            yield f"| {operation} | " + " | ".join(f"{counts[one]:,}" for one in programs) + " |"


def _churn(found: dict[str, Any]) -> Iterator[str]:
    yield from ("", f"## Reading after {found['days']} daily snapshots with 1 % churn", "")
    yield "Bytes that a restore of the newest reads; beside it, how many times what it reads from a"
    yield "fresh vault that holds only that state."
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
    yield from ("", "## The goals", "", "| goal | at most | measured | |", "|---|---|---|---|")
    for one in found:
        yield (
            f"| {one['goal']} | {one['limit']} | {one['found']} | "
            f"{'met' if one['met'] else '**missed**'} |"
        )


def say_goals(result: dict[str, Any]) -> bool:
    """Print each goal; say whether all were met."""
    found = goals(result)
    for one in found:
        mark = "met   " if one["met"] else "MISSED"
        print(f"{mark} {one['found']:8} of at most {one['limit']:5}  {one['goal']}",
              file=sys.stderr)  # fmt: skip
    return all(one["met"] for one in found)
