"""Mends packs and the index: what is sound in a damaged pack goes into a new one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from webapp.items import Tally
from webapp.vault import catalogues, packs, removing, unfinished
from webapp.vault.checks import coverage
from webapp.vault.checks.distrust import distrust
from webapp.vault.checks.inventory import known_info
from webapp.vault.checks.pack_check import PackCheck, chunks_of
from webapp.vault.checks.repairs import Repairs
from webapp.vault.chunk_store import ChunkStore
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged, ObjectMissing
from webapp.vault.index_writer import IndexWriter
from webapp.vault.packs import FOLDER, PackInfo
from webapp.vault.pipeline import Pipeline

_PACKS_PER_INDEX = 64
_HINTS = {
    coverage.FOLDER: "removed; what it said is read again in time",
    unfinished.FOLDER: "removed; a backup that goes on stores again what a prune takes",
}


def _nothing() -> None:
    """Nobody waits with us."""


class Mender:
    """Stores again what can be had. Made when the damaged packs are condemned already, so that
    nothing in them counts as stored."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._index = IndexWriter(engine, Tally())
        self.store = ChunkStore(
            engine.stock,
            data_key=engine.ring.data_ids,
            manifest_key=engine.ring.manifest_ids,
            start=lambda: Pipeline(engine.ring, self._index.store, salts=engine.salt),
            waiting=_nothing,
        )

    def finish(self) -> None:
        """All of it is durable, and in the index."""
        try:
            self.store.finish()
        except BaseException:
            self.store.abort()
            raise
        self._index.flush()


def condemn(engine: Engine, damaged: dict[str, PackCheck], repairs: Repairs, *, read: int) -> bool:
    """Mark packs that are not as written; False if there are suspiciously many."""
    names = sorted(name for name, found in damaged.items() if not found.is_sound)
    if repairs.is_dry:
        return True
    repairs.report.notes += distrust(engine, names, read=read)
    engine.stock.refresh()
    return set(names) <= engine.stock.condemned


def salvage(engine: Engine, found: PackCheck, mender: Mender | None, repairs: Repairs) -> None:
    """Store the sound chunks of a damaged pack again. The pack itself stays as it is."""
    name = FOLDER + found.name
    words = f"{found.sound_chunks} sound chunks kept in new packs, {len(found.lost)} chunks lost"
    repairs.did(name, words if found.lost else f"{found.sound_chunks} chunks kept in new packs")
    if mender is None or found.info is None:
        return
    keep: Callable[[bytes], bytes] = (
        mender.store.data if found.info.kind == packs.DATA else mender.store.manifest
    )
    with suppress(ObjectMissing):
        data = packs.fetch(engine.storage, found.name)
        for chunk in chunks_of(engine.ring, data, found):
            keep(bytes(chunk))


def mend_index(engine: Engine, wrong: dict[str, PackCheck], repairs: Repairs) -> None:
    """Write index objects again that say what their packs do not, remove those that cannot be
    read, and list what none lists."""
    list_unlisted(engine, repairs)
    truth = {name: found.info for name, found in wrong.items() if found.info and found.differs}
    for item in list(engine.storage.list(catalogues.FOLDER)):
        try:
            infos = catalogues.read(engine.storage, engine.ring, item.name)
        except ObjectMissing:
            continue
        except Damaged:
            repairs.did(item.name, "removed; what it listed is listed again")
            if not repairs.is_dry:
                _remove(engine, item.name)
            continue
        if any(info.name in truth for info in infos):
            repairs.did(item.name, "made again from the packs' trailers")
            if not repairs.is_dry:
                _rewrite(engine, item.name, [truth.get(info.name, info) for info in infos])


def list_unlisted(engine: Engine, repairs: Repairs) -> None:
    """List in index objects the packs that none lists."""
    listed: set[str] = set()
    for item in list(engine.storage.list(catalogues.FOLDER)):
        with suppress(Damaged, ObjectMissing):
            infos = catalogues.read(engine.storage, engine.ring, item.name)
            listed.update(info.name for info in infos)
    names = [row.name for row in engine.stock.packs() if row.name not in listed]
    if not names:
        return
    repairs.did("index", f"{len(names)} packs listed that no index object listed")
    for start in range(0, len(names) if not repairs.is_dry else 0, _PACKS_PER_INDEX):
        batch = [known_info(engine.stock, name) for name in names[start : start + _PACKS_PER_INDEX]]
        infos = [info for info in batch if info is not None]
        identity, salt = engine.new_id(), engine.salt()
        catalogues.write(engine.storage, engine.ring, infos, identity=identity, salt=salt)


def _rewrite(engine: Engine, old: str, infos: list[PackInfo]) -> None:
    identity, salt = engine.new_id(), engine.salt()
    catalogues.write(engine.storage, engine.ring, infos, identity=identity, salt=salt)
    _remove(engine, old)


def drop_hints(engine: Engine, broken: set[str], repairs: Repairs) -> None:
    """Remove hints that cannot be read: what they said costs work at most."""
    for name in sorted(name for name in broken if name.startswith(tuple(_HINTS))):
        repairs.did(name, _HINTS[name.partition("/")[0] + "/"])
        if not repairs.is_dry:
            _remove(engine, name)


def _remove(engine: Engine, name: str) -> None:
    with suppress(ObjectMissing):
        removing.remove(engine.storage, name)
