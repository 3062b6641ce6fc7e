"""Packs that were never written, for tests of the index alone."""

from __future__ import annotations

import random
from pathlib import Path

from webapp.vault.derivation import KeyRing
from webapp.vault.ids import ID_BYTES
from webapp.vault.index import Index
from webapp.vault.index_cache import IndexCache
from webapp.vault.packs import DATA, PackInfo, Place, build_catalogue

RING = KeyRing(b"m" * 32, b"v" * 16)


def ids(count: int, seed: int = 0) -> list[bytes]:
    raw = random.Random(seed).randbytes(count * ID_BYTES)
    return [raw[at : at + ID_BYTES] for at in range(0, len(raw), ID_BYTES)]


def pack(chunks: list[bytes], name: int = 1, *, per_segment: int = 3) -> PackInfo:
    """A pack of these chunks, *per_segment* in each segment but the last."""
    places = []
    for at in range(0, len(chunks), per_segment):
        count = len(chunks[at : at + per_segment])
        places.append(Place(72 + at * 100, 100 * count, 1000 + at, count))
    return PackInfo(
        name=f"{name:064x}",
        salt=bytes([name % 256]) * 32,
        kind=DATA,
        size_bytes=65_536 + name,
        catalogue=build_catalogue(places, chunks),
    )


def packs(count: int, chunks: int = 20, *, first: int = 1) -> list[PackInfo]:
    return [pack(ids(chunks, seed), seed) for seed in range(first, first + count)]


def chunks_of(*infos: PackInfo) -> list[bytes]:
    found = []
    for info in infos:
        at = 4 + 16 * int.from_bytes(info.catalogue[:4], "little")
        found += [info.catalogue[i : i + 32] for i in range(at, len(info.catalogue), 32)]
    return found


class Cached:
    """What one process does: load, look, add, save."""

    def __init__(self, folder: Path) -> None:
        self.cache = IndexCache(folder, RING)
        base, recent, self.covered = self.cache.load()
        self.index = Index(scratch=folder)
        self.index.use(base, recent)

    def add(self, *infos: PackInfo) -> Cached:
        for info in infos:
            self.index.add(info)
            self.covered.add(f"index/{int(info.name, 16):032x}")
        return self

    def save(self, *, loose: tuple[str, ...] = ()) -> Cached:
        self.cache.save(self.index, self.covered, loose=loose)
        return self


def has_all(index: Index, *infos: PackInfo) -> bool:
    return all(one in index for one in chunks_of(*infos))
