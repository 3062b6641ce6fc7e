"""Fewer index objects, without what was deleted. What they say is durable in a new object before
an old one goes; index objects are listed before packs, so that no pack of a writer is overlooked.
"""

from __future__ import annotations

from collections.abc import Iterable

from webapp.vault import catalogues
from webapp.vault.errors import Damaged, ObjectMissing
from webapp.vault.packs import FOLDER, PackInfo
from webapp.vault.pruning.ground import Ground

_MANY = 16
_SMALL_BYTES = 1 << 20
_CATALOGUE_BYTES = 8 << 20


def compact(ground: Ground, *, only_small: bool = False) -> None:
    """Rewrite index objects that list packs that are gone, and small ones if they are many.

    Args:
        only_small: nothing was deleted, so only the number of small ones matters.
    """
    storage = ground.engine.storage
    sizes = {i.name: i.size_bytes for i in list(storage.list(catalogues.FOLDER))}
    present = {item.name.removeprefix(FOLDER) for item in storage.list(FOLDER)}
    small = {name for name, size in sizes.items() if size < _SMALL_BYTES}
    if len(small) < _MANY:
        small = set()
    rewriter = _Rewriter(ground)
    for name in sorted(small if only_small else sizes):
        infos = _read(ground, name)
        if infos is None:
            continue
        kept = [info for info in infos if info.name in present]
        if name in small or len(kept) < len(infos):
            rewriter.take(name, kept)
    rewriter.finish()


def _read(ground: Ground, name: str) -> list[PackInfo] | None:
    try:
        return catalogues.read(ground.engine.storage, ground.engine.ring, name)
    except ObjectMissing:
        return None  # another prune was faster
    except Damaged as error:
        ground.note(f"{name} is damaged: {error.problem}. Run repair.")
        return None


class _Rewriter:
    """Collects what old index objects list into new ones of bounded size."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._known: set[str] = set()
        self._waiting: list[PackInfo] = []
        self._bytes = 0
        self._old: list[str] = []

    def take(self, name: str, infos: Iterable[PackInfo]) -> None:
        self._old.append(name)
        for info in infos:
            if info.name in self._known:
                continue
            self._known.add(info.name)
            self._waiting.append(info)
            self._bytes += len(info.catalogue)
        if self._bytes >= _CATALOGUE_BYTES:
            self.finish()

    def finish(self) -> None:
        engine = self._ground.engine
        if self._waiting:
            name, _ = catalogues.write(
                engine.storage,
                engine.ring,
                self._waiting,
                identity=engine.new_id(),
                salt=engine.salt(),
            )
            engine.stock.cover(name, [info.name for info in self._waiting])
            self._ground.report.index_objects += 1
        for old in self._old:
            self._ground.delete(old)
        self._waiting, self._bytes, self._old = [], 0, []
