"""The local index of ten million chunks: how long it takes to open, to ask and to add, and how much
memory a process needs for that.

    python -m bench.index [--chunks N] [--work FOLDER]

Each phase runs in a process of its own; times are CPU seconds. Prints lines for people on stderr
and one JSON document on stdout.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from blake3 import blake3

from webapp.vault.derivation import KeyRing
from webapp.vault.index import Index
from webapp.vault.index_cache import IndexCache
from webapp.vault.packs import PackInfo, Place, build_catalogue

CHUNKS, PER_PACK, SEGMENTS, ASKED = 10_000_000, 250, 10, 250_000
RING = KeyRing(b"b" * 32, b"b" * 16)
TARGETS = {"peak_mib": 400, "open_ms": 100, "found_us": 4, "absent_us": 2}


def ids_of(pack: int) -> bytes:
    return blake3(pack.to_bytes(8, "little")).digest(length=32 * PER_PACK)


def packs(first: int, end: int) -> Iterator[PackInfo]:
    """Packs that were never written: 250 chunks in 10 segments each."""
    places = [Place(72 + n * 99_000, 99_000, 1 << 20, PER_PACK // SEGMENTS) for n in range(10)]
    for number in range(first, end):
        ids = ids_of(number)
        yield PackInfo(
            name=blake3(ids).hexdigest(),
            salt=ids[:32],
            kind=b"D",
            size_bytes=16 << 20,
            catalogue=build_catalogue(places, (ids,)),
        )


def split(ids: bytes) -> list[bytes]:
    return [ids[at : at + 32] for at in range(0, len(ids), 32)]


def timed(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def peak_mib() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def fill(folder: Path, chunks: int) -> dict[str, Any]:
    """From nothing, as after the cache was deleted; reading index objects not counted."""
    cache, index = IndexCache(folder, RING), Index(scratch=folder)

    def add() -> None:
        for info in packs(0, chunks // PER_PACK):
            index.add(info)

    filled = timed(add)
    saved = timed(lambda: cache.save(index, {f"index/{1:032x}"}, loose=()))
    assert len(index) == chunks
    return {"fill_s": round(filled, 2), "save_s": round(saved, 2), "peak_mib": peak_mib()}


def use(folder: Path, chunks: int) -> dict[str, Any]:
    """What a backup does: open, ask for what is there and what is not, add a twentieth, save."""
    cache, index = IndexCache(folder, RING), Index(scratch=folder)
    opened = timed(lambda: index.use(*cache.load()[:2]))
    total, draw = chunks // PER_PACK, random.Random(5)
    asked = [one for n in draw.sample(range(total), ASKED // PER_PACK) for one in split(ids_of(n))]
    draw.shuffle(asked)
    absent = split(draw.randbytes(32 * len(asked)))
    found = timed(lambda: _require(all(one in index for one in asked)))
    missed = timed(lambda: _require(not any(one in index for one in absent)))
    placed = timed(lambda: _require(all(index.locate(one) for one in asked[:50_000])))
    more = list(packs(total, total + total // 20))
    added = timed(lambda: [index.add(info) for info in more])
    fresh = chunks // 20
    saved = timed(lambda: cache.save(index, {f"index/{n:032x}" for n in (1, 2)}, loose=()))
    return {
        "open_ms": round(opened * 1e3, 1),
        "found_us": round(found / len(asked) * 1e6, 2),
        "absent_us": round(missed / len(absent) * 1e6, 2),
        "locate_us": round(placed / 50_000 * 1e6, 2),
        "add_us": round(added / fresh * 1e6, 2),
        "save_s": round(saved, 3),
        "peak_mib": peak_mib(),
    }


def small(folder: Path, chunks: int) -> dict[str, Any]:
    """The same questions to an index of a hundredth, which lies in memory."""
    index = Index()
    for info in packs(0, chunks // 100 // PER_PACK):
        index.add(info)
    asked = [one for n in range(chunks // 100 // PER_PACK) for one in split(ids_of(n))]
    absent = split(random.Random(6).randbytes(32 * len(asked)))
    found = timed(lambda: _require(all(one in index for one in asked)))
    missed = timed(lambda: _require(not any(one in index for one in absent)))
    known = dict.fromkeys(asked)
    plain = timed(lambda: _require(all(one in known for one in asked)))
    return {
        "found_us": round(found / len(asked) * 1e6, 2),
        "absent_us": round(missed / len(asked) * 1e6, 2),
        "dictionary_us": round(plain / len(asked) * 1e6, 2),
        "peak_mib": peak_mib(),
    }


def _require(answer: bool) -> None:
    if not answer:
        raise SystemExit("the index gave a wrong answer")


def measure(phase: Callable[[Path, int], dict[str, Any]], folder: Path, n: int) -> dict[str, Any]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found: dict[str, Any] = pool.apply(phase, (folder, n))
    figures = "  ".join(f"{name} {value}" for name, value in found.items())
    print(f"{phase.__name__:6} {figures}", file=sys.stderr, flush=True)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chunks", type=int, default=CHUNKS)
    parser.add_argument("--work", type=Path, help="where the files go (a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.work) as name:
        folder = Path(name)
        result = {one.__name__: measure(one, folder, options.chunks) for one in (fill, use, small)}
        result["use"]["file_mib"] = round(
            sum(path.stat().st_size for path in folder.iterdir()) / (1 << 20), 1
        )
    print(json.dumps(result, indent=2))
    met = all(result["use"][name] <= limit for name, limit in TARGETS.items())
    met = met and result["fill"]["peak_mib"] <= TARGETS["peak_mib"]
    print("targets met" if met else f"TARGETS MISSED: {TARGETS}", file=sys.stderr)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
