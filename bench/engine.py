"""How fast the vault's engine is: 10,000 small files of 100 MB, and one large file.

    python -m bench.engine [--rounds N] [--work FOLDER] [--profile]

Each measured backup runs in a process of its own, on a fresh vault, after the tree has settled.
Prints lines for people on stderr and one JSON document on stdout.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import resource
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from webapp.connectors.base import Surroundings
from webapp.connectors.registry import connect
from webapp.items import EntryKind, EntrySource
from webapp.vault import ConsoleKey, LocalStorage, Vault

FILES, FOLDERS, TOTAL_BYTES = 10_000, 100, 100_000_000
LARGE_BYTES = 512 << 20
KEY = ConsoleKey("bench", b"k" * 32)
TARGETS = {"first": 2.0, "unchanged": 0.6}


class Silent:
    """A report that only counts."""

    failures = 0

    def failed(self, key: str, code: str, message: str) -> None:
        self.failures += 1

    def skipped(self, key: str, code: str, message: str) -> None:
        self.failures += 1

    def note(self, message: str) -> None:
        """Nobody reads it."""


def open_source(tree: Path, scratch: Path, report: Silent) -> EntrySource:
    """The folder, as the product itself reads it."""
    surroundings = Surroundings(roots=(tree,), own_data=(), scratch=scratch)
    return connect("files", {"path": str(tree)}, surroundings).source("full", report)


def make_small_files(root: Path) -> None:
    """Sizes as on a web site: many below 4 KB, few large; a third does not compress."""
    draw = random.Random(7)
    weights = [draw.paretovariate(1.2) for _ in range(FILES)]
    scale = TOTAL_BYTES / sum(min(weight, 60) for weight in weights)
    words = [draw.randbytes(draw.randint(2, 9)).hex().encode() for _ in range(2000)]
    for number, weight in enumerate(weights):
        folder = root / f"folder-{number % FOLDERS:03}"
        folder.mkdir(parents=True, exist_ok=True)
        size = int(min(weight, 60) * scale)
        if number % 3 == 0:
            data = draw.randbytes(size)
        else:
            data = b" ".join(draw.choices(words, k=size // 6 + 1))[:size]
        (folder / f"file-{number:05}.txt").write_bytes(data)


def make_large_file(root: Path) -> None:
    root.mkdir(parents=True)
    draw = random.Random(8)
    with (root / "large.bin").open("wb") as file:
        for _ in range(LARGE_BYTES >> 20):
            file.write(draw.randbytes(1 << 20))


def measure(work: str, tree: str, kind: str) -> dict[str, Any]:
    """One backup or one restore into memory, in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found: dict[str, Any] = pool.apply(_measured, (work, tree, kind))
    return found


def _measured(work: str, tree: str, kind: str) -> dict[str, Any]:
    storage, cache = LocalStorage(Path(work) / "vault"), Path(work) / "cache"
    if kind == "first":
        Vault.create(storage, wrap=KEY).close()
    report, before = Silent(), resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    vault = Vault.open(storage, wrap=KEY, cache_dir=cache)
    if kind == "restore":
        count = _read_all(vault)
    elif kind == "verify":
        found = vault.verify(read_data=1.0)
        assert found.ok, found.errors
        count = found.bytes_read
    else:
        count = vault.backup(
            open_source(Path(tree), Path(work), report), name="bench", report=report
        ).tally.files
    seconds = time.perf_counter() - started
    assert not report.failures
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": seconds,
        "cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak_mib": after.ru_maxrss / 1024,
        "count": count,
    }


def _read_all(vault: Vault) -> int:
    total = 0
    for entry in vault.entries(vault.snapshots("bench")[0]):
        if entry.kind is EntryKind.FILE:
            with vault.open_content(entry) as file:
                while data := file.read(1 << 20):
                    total += len(data)
    return total


def stored_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def rounds(work: Path, tree: Path, count: int, label: str) -> dict[str, Any]:
    """Median, least and most of each kind of run, over *count* fresh vaults."""
    runs: dict[str, list[dict[str, Any]]] = {}
    for number in range(count):
        place = work / f"{label}-{number}"
        for kind in ("first", "unchanged", "restore", "verify"):
            runs.setdefault(kind, []).append(measure(str(place), str(tree), kind))
        size = stored_bytes(place / "vault")
        shutil.rmtree(place)
    result: dict[str, Any] = {kind: _summary(found) for kind, found in runs.items()}
    for kind, summary in result.items():
        _say(
            f"{label:6} {kind:10} {summary['seconds']:6.2f} s  {summary['peak_mib']:4.0f} MiB peak"
        )
    result["stored_bytes"] = size
    _say(f"{label:6} stored     {size / 1e6:6.1f} MB")
    return result


def _summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    seconds = [one["seconds"] for one in found]
    return {
        "seconds": round(statistics.median(seconds), 3),
        "least": round(min(seconds), 3),
        "most": round(max(seconds), 3),
        "cpu_seconds": round(statistics.median(one["cpu_seconds"] for one in found), 3),
        "peak_mib": round(max(one["peak_mib"] for one in found), 1),
    }


def profile(tree: Path, work: Path) -> None:
    import cProfile
    import pstats

    vault = Vault.create(LocalStorage(work / "profiled"), wrap=KEY)
    for _ in range(2):
        profiler = cProfile.Profile()
        profiler.enable()
        vault.backup(open_source(tree, work, Silent()), name="bench", report=Silent())
        profiler.disable()
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(25)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--work", type=Path, help="where trees and vaults go (a temporary folder)")
    parser.add_argument("--large", action="store_true", help="also one large file of random bytes")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.work) as name:
        work = Path(name)
        make_small_files(work / "small")
        if options.large:
            make_large_file(work / "large")
        os.sync()
        time.sleep(2.5)  # younger files are read again, which is not what is measured
        if options.profile:
            profile(work / "small", work)
            return 0
        result = {"small": rounds(work, work / "small", options.rounds, "small")}
        if options.large:
            result["large"] = rounds(work, work / "large", options.rounds, "large")
    print(json.dumps(result, indent=2))
    met = all(result["small"][kind]["seconds"] <= limit for kind, limit in TARGETS.items())
    _say("targets met" if met else f"TARGETS MISSED: {TARGETS}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
