"""Medians, and the goals that they meet or miss."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

OURS, PEER, OTHER = "lastgood", "restic", "borg"
PEAK_MIB = 250

# (data set, operation, measure) → at most so many times restic's
GOALS = {
    ("linux", "first", "seconds"): 0.40,
    ("random", "first", "seconds"): 0.45,
    ("linux", "unchanged", "seconds"): 0.30,
    ("linux", "first", "stored_bytes"): 0.80,
    ("linux", "restore", "seconds"): 0.50,
    ("random", "restore", "seconds"): 0.50,
    ("large", "restore", "seconds"): 0.50,
}


def summary(runs: Sequence[dict[str, Any]], measure: str) -> tuple[float, float, float]:
    """Median, least and most."""
    values = [float(run[measure]) for run in runs]
    return statistics.median(values), min(values), max(values)


def ratio(runs: dict[str, Any], program: str, measure: str) -> float | None:
    """Our median, as a part of *program*'s."""
    if OURS not in runs or program not in runs:
        return None
    other = summary(runs[program], measure)[0]
    return summary(runs[OURS], measure)[0] / other if other else None


def goals(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Each goal that this run measured, with what was reached."""
    found = [*_against_restic(result), *_peak(result), *_against_borg(result)]
    for one in found:
        one["met"] = one["found"] <= one["limit"]
    return found


def _against_restic(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for (data, operation, measure), limit in GOALS.items():
        runs = result["data"].get(data, {}).get("runs", {}).get(operation, {})
        reached = ratio(runs, PEER, measure)
        if reached is not None:
            words = f"{data}, {operation}, {measure.replace('_', ' ')}, of {PEER}'s"
            yield {"goal": words, "limit": limit, "found": round(reached, 3)}


def _peak(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    peaks = [
        (summary(runs[OURS], "peak_mib")[2], f"{name}, {operation}")
        for name, operation, runs in _operations(result)
        if OURS in runs
    ]
    if peaks:
        most, where = max(peaks)
        yield {"goal": f"peak memory in MiB, most of all ({where})", "limit": PEAK_MIB,
               "found": round(most)}  # fmt: skip


def _against_borg(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    ratios = [
        (f"{name}, {operation}: {reached:.2f}", reached)
        for name, operation, runs in _operations(result)
        if (reached := ratio(runs, OTHER, "seconds")) is not None
    ]
    if ratios:
        slower = [words for words, reached in ratios if reached > 1]
        words = f"operations of {len(ratios)} slower than {OTHER}'s" + (
            f" ({'; '.join(slower)})" if slower else ""
        )
        yield {"goal": words, "limit": 0, "found": len(slower)}


def _operations(result: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name, one in result["data"].items():
        for operation, runs in one.get("runs", {}).items():
            yield name, operation, runs
