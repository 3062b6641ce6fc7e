"""Verify: does the vault hold what its snapshots need, and is every byte what was written?"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from blake3 import blake3

from webapp.vault import config, documents, frames, keys, packs
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged, ObjectMissing
from webapp.vault.ids import ID_BYTES, chunk_id, split_ref
from webapp.vault.rescue import needed
from webapp.vault.sealing import HEAD_BYTES, read_prelude
from webapp.vault.snapshots import FINISHED, PENDING


@dataclass(kw_only=True)
class VerifyReport:
    """What a check found.

    Attributes:
        errors: ``{"object", "problem", "snapshots"}``: the last names the snapshots that it hurts.
    """

    objects: int = 0
    bytes_read: int = 0
    errors: list[dict[str, object]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.errors


def check(engine: Engine, *, snapshot: str | None, read_data: float) -> VerifyReport:
    """Check everything, or what one snapshot needs."""
    return _Check(engine).run(snapshot, read_data)


class _Check:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._report = VerifyReport()
        self._problems: dict[tuple[str, str], set[str]] = {}
        self._users: dict[str, set[str]] = {}  # pack name to the snapshots that need it

    def run(self, snapshot: str | None, read_data: float) -> VerifyReport:
        self._engine.stock.refresh()
        if snapshot is None:
            self._check_documents()
            self._check_index()
            names = [item.name for item in self._engine.storage.list(FINISHED)]
            names += [item.name for item in self._engine.storage.list(PENDING)]
        else:
            self._engine.roots.one(snapshot)
            names = [FINISHED + snapshot]
        for name in names:
            self._check_root(name)
        self._check_packs(snapshot is None, read_data)
        self._report.errors = [
            {"object": name, "problem": problem, "snapshots": sorted(hurt)}
            for (name, problem), hurt in sorted(self._problems.items())
        ]
        return self._report

    def _note(self, name: str, problem: str, hurt: Iterable[str] = ()) -> None:
        self._problems.setdefault((name, problem), set()).update(hurt)

    def _check_documents(self) -> None:
        storage = self._engine.storage
        slots = [(f"keys/{one}", f"keys-copy/{one}") for one in keys.slot_ids(storage)]
        for names in (config.NAMES, *slots):
            for name in names:
                try:
                    data = storage.get(name)
                    self._report.objects += 1
                    self._report.bytes_read += len(data)
                    document = documents.decode(name, data)
                    if names is config.NAMES:
                        config.authenticate(document, self._engine.ring)
                except ObjectMissing:
                    self._note(name, "it is missing; its copy is there")
                except Damaged as error:
                    self._note(name, error.problem)

    def _check_index(self) -> None:
        for error in self._engine.stock.problems:
            self._note(error.object_name, error.problem)
        listed = list(self._engine.storage.list("index/"))
        self._report.objects += len(listed)

    def _check_root(self, name: str) -> None:
        identity = name.partition("/")[2]
        try:
            self._engine.roots.forget(name)
            if self._engine.roots.read(name) is None:
                return  # removed meanwhile
            parts = self._engine.roots.parts(name)
            self._report.objects += 1
            for _, ref in needed(parts, self._engine.chunks):
                self._check_ref(ref, identity)
        except ObjectMissing as error:
            if str(error) != name:
                self._note(name, f"it needs {error}, which is missing", (identity,))
        except Damaged as error:
            self._note(error.object_name, error.problem, (identity,))

    def _check_ref(self, ref: bytes, snapshot: str) -> None:
        place = self._engine.stock.index.locate(split_ref(ref)[0])
        if place is None:
            self._note(FINISHED + snapshot, "chunks that it needs are in no pack", (snapshot,))
        else:
            self._users.setdefault(place.pack.name, set()).add(snapshot)

    def _check_packs(self, everything: bool, read_data: float) -> None:
        sizes = {i.name: i.size_bytes for i in self._engine.storage.list(packs.FOLDER)}
        names = sorted(sizes)
        if not everything:
            names = [name for name in names if name.removeprefix(packs.FOLDER) in self._users]
        chosen = self._choose(names, read_data)
        for name in names:
            short = name.removeprefix(packs.FOLDER)
            try:
                if name in chosen:
                    self._read_pack(short)
                else:
                    self._read_trailer(short, sizes[name])
                self._report.objects += 1
            except ObjectMissing:
                self._note(name, "it went away while it was checked", self._hurt(short))
            except Damaged as error:
                self._note(name, error.problem, self._hurt(short))

    def _choose(self, names: list[str], share: float) -> set[str]:
        """A random choice of this share of *names*, rounded up."""
        draw = self._engine.hooks.random_bytes
        shuffled = sorted(names, key=lambda name: draw(8))
        return set(shuffled[: math.ceil(len(names) * min(max(share, 0.0), 1.0))])

    def _hurt(self, short: str) -> set[str]:
        return self._users.get(short, set())

    def _read_trailer(self, short: str, size_bytes: int) -> None:
        if size_bytes % packs.GRAIN_BYTES:
            raise Damaged(packs.FOLDER + short, "its length is not that of a pack")
        packs.read_trailer(self._engine.storage, self._engine.ring, short, size_bytes)

    def _read_pack(self, short: str) -> None:
        """Read one pack whole: its name, its prelude, each segment, each chunk, its trailer."""
        engine, name = self._engine, packs.FOLDER + short
        data = engine.storage.get(name)
        self._report.bytes_read += len(data)
        if blake3(data).hexdigest() != short:
            self._note(name, "its bytes are not what its name says", self._hurt(short))
        info = packs.read_trailer(engine.storage, engine.ring, short, len(data))
        key = read_prelude(engine.ring, data, kind=info.kind, name=name, bind=False)
        id_key = engine.ring.data_ids if info.kind == packs.DATA else engine.ring.manifest_ids
        places, ids = packs.read_catalogue(info.catalogue, where=name)
        at = 0
        for counter, place in enumerate(places):
            sealed = data[place.offset : place.offset + place.length]
            head, frame = key.open(counter, sealed, where=name)
            if HEAD_BYTES + head.body_bytes != place.length:
                raise Damaged(name, f"segment {counter} does not have its length")
            for chunk in packs.split_segment(frames.decode(head, frame, where=name), where=name):
                if chunk_id(id_key, chunk) != ids[at : at + ID_BYTES]:
                    raise Damaged(name, f"a chunk of segment {counter} is not what its id says")
                at += ID_BYTES
