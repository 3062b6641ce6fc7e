"""Verify and prune of a vault with ten million chunks: how long they take, and in how much memory.

    python -m bench.upkeep [--chunks N] [--work FOLDER]

The packs of files are made up: they are listed and indexed, and nobody reads them. All else is
real: index objects, three snapshots, and manifests with a reference to each of the chunks but for
one pack in twenty, which the prune removes. Each phase runs in a process of its own; times are CPU
seconds. Prints lines for people on stderr and one JSON document on stdout.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from bench.index import CHUNKS, PER_PACK, packs, peak_mib, split, timed
from webapp.items import Entry, EntryKind
from webapp.vault import catalogues, opening, rows
from webapp.vault.engine import Engine
from webapp.vault.ids import ID_BYTES, chunk_id, make_ref
from webapp.vault.keys import ConsoleKey
from webapp.vault.manifests import ManifestBuilder
from webapp.vault.packs import FOLDER, MANIFEST, read_catalogue
from webapp.vault.pruning.copying import Copier
from webapp.vault.snapshots import FINISHED, Snapshot, moment, seal_root
from webapp.vault.storage.base import StoredObject
from webapp.vault.storage.local import LocalStorage
from webapp.vault.vault import Vault

PEAK_MIB = 400
CHUNK_BYTES, PACK_BYTES, SNAPSHOTS = 4096, 16 << 20, 3
UNUSED = 20  # of so many packs, nobody needs one
PER_INDEX = 64
KEY = ConsoleKey("bench", b"k" * 32)


class Vast(LocalStorage):
    """A folder that lists packs which were never written."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "vault")
        names = folder / "packs.txt"
        self._made_up = set(names.read_text().split()) if names.exists() else set()

    def list(self, prefix: str) -> Iterator[StoredObject]:
        found = list(super().list(prefix))
        found += [StoredObject(one, PACK_BYTES) for one in self._made_up if one.startswith(prefix)]
        return iter(sorted(found))

    def delete(self, name: str) -> None:
        if name in self._made_up:
            self._made_up.remove(name)
            return
        super().delete(name)


def make(folder: Path, chunks: int) -> dict[str, Any]:
    """The vault: index objects, manifests, and snapshots that share them."""
    storage, count = Vast(folder), chunks // PER_PACK
    Vault.create(storage, wrap=KEY)
    engine = _engine(folder, storage)
    with (folder / "packs.txt").open("w") as names:
        made = packs(0, count)
        while batch := list(islice(made, PER_INDEX)):
            names.writelines(f"{FOLDER}{info.name}\n" for info in batch)
            catalogues.write(
                storage, engine.ring, batch, identity=engine.new_id(), salt=engine.salt()
            )
    _put_snapshots(engine, count)
    return {"packs": count}


def verify(folder: Path, chunks: int) -> dict[str, Any]:
    """Everything but the content of packs, with nothing in the cache."""
    engine = _engine(folder)
    found: list[Any] = []
    seconds = timed(lambda: found.append(Vault(engine).verify(remember=False)))
    # Of what is made up nobody can read a byte, and all of it is found where it is needed.
    assert found[0].ok, found[0].errors[:3]
    return {"cpu_s": round(seconds, 1), "peak_mib": peak_mib()}


def verify_again(folder: Path, chunks: int) -> dict[str, Any]:
    """The same with the index at hand."""
    return verify(folder, chunks)


def prune(folder: Path, chunks: int) -> dict[str, Any]:
    """Condemn and delete what nobody needs, and write the index objects anew."""
    engine = _engine(folder)
    found: list[Any] = []
    prune = Vault(engine).prune
    seconds = timed(lambda: found.append(prune(grace_days=0.0, undo_days=0.0)))
    deleted = found[0].deleted_packs
    assert deleted == len(range(0, chunks // PER_PACK, UNUSED)), deleted
    return {"cpu_s": round(seconds, 1), "peak_mib": peak_mib(), "deleted_packs": deleted}


def _engine(folder: Path, storage: Vast | None = None) -> Engine:
    storage = storage or Vast(folder)
    return opening.open_engine(storage, KEY, cache_dir=folder / "cache", hooks=opening.REAL)


def _put_snapshots(engine: Engine, count: int) -> None:
    copier = Copier(engine)

    def store(chunk: bytes) -> bytes:
        identity = chunk_id(engine.ring.manifest_ids, chunk)
        copier.take(MANIFEST, identity, chunk)
        return make_ref(identity, len(chunk))

    builder = ManifestBuilder(engine.ring.manifest_ids, store)
    for number, info in enumerate(packs(0, count)):
        if number % UNUSED:
            path = b"tree/%08d" % number
            ids = split(bytes(read_catalogue(info.catalogue, where="")[1]))
            builder.add(path, _row(path, ids))
    builder.flush()
    copier.finish()
    for sequence in range(1, SNAPSHOTS + 1):
        now_ns = engine.storage.now_ns()
        snapshot = Snapshot(
            id=engine.new_id().hex(),
            name=f"source {sequence}",
            sequence=sequence,
            created_ns=now_ns,
            created_at=moment(now_ns),
            chunkers=engine.config.chunkers,
        )
        data = seal_root(engine.ring, snapshot, builder.parts, folder=FINISHED, salt=engine.salt())
        engine.storage.put(FINISHED + snapshot.id, data)


def _row(path: bytes, ids: list[bytes]) -> bytes:
    size = CHUNK_BYTES * len(ids)
    facts = rows.pack_facts(Entry(path=path, kind=EntryKind.FILE, mode=0o644, size=size))
    refs = [make_ref(one, CHUNK_BYTES) for one in ids]
    return rows.make_row(facts, rows.Content(bytes(ID_BYTES), 0, (), refs).pack())


def measure(phase: Callable[[Path, int], dict[str, Any]], folder: Path, n: int) -> dict[str, Any]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found: dict[str, Any] = pool.apply(phase, (folder, n))
    figures = "  ".join(f"{name} {value}" for name, value in found.items())
    print(f"{phase.__name__:12} {figures}", file=sys.stderr, flush=True)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chunks", type=int, default=CHUNKS)
    parser.add_argument("--work", type=Path, help="where the files go (a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.work) as name:
        phases = (make, verify, verify_again, prune)
        result = {one.__name__: measure(one, Path(name), options.chunks) for one in phases}
    print(json.dumps(result, indent=2))
    peak = max(found.get("peak_mib", 0) for found in result.values())
    print(f"peak {peak} MiB, at most {PEAK_MIB} wanted", file=sys.stderr)
    return 0 if peak <= PEAK_MIB else 1


if __name__ == "__main__":
    sys.exit(main())
