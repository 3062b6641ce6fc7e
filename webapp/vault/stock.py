"""What a vault has in stock: the index, filled from the cache, the index objects and, where these
fall short, the packs' own trailers. Any doubt, and it is filled anew.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

from webapp.vault import catalogues, salvage
from webapp.vault.derivation import KeyRing
from webapp.vault.errors import Damaged, ObjectMissing
from webapp.vault.ids import ID_BYTES
from webapp.vault.index import Index, Location, PackRow
from webapp.vault.index_cache import IndexCache
from webapp.vault.packs import FOLDER, PackInfo, Place, read_catalogue, read_trailer
from webapp.vault.storage.base import Storage


class Stock:
    """The packs of a vault and the chunks in them. May be used by many threads."""

    def __init__(self, storage: Storage, ring: KeyRing, cache_dir: Path | None) -> None:
        self._storage = storage
        self._ring = ring
        self._cache = IndexCache(cache_dir, ring)
        self._lock = threading.RLock()
        self._covered: set[str] = set()
        self._infos: dict[str, PackInfo] = {}
        self._loaded = False
        self.index = Index()
        self.present: set[str] = set()
        self.condemned: set[str] = set()
        self.unindexed: list[PackInfo] = []
        self.problems: list[Damaged] = []

    def refresh(self) -> None:
        """See what is there now: condemned packs first, then packs, then what is known of them."""
        with self._lock:
            self.condemned = catalogues.condemned(self._storage, self._ring)
            sizes = {i.name.removeprefix(FOLDER): i.size_bytes for i in self._storage.list(FOLDER)}
            self.present = set(sizes)
            self.problems = []
            self._read_index_objects()
            self._read_trailers(sizes)
            self._fill()
            self._loaded = True
            self._cache.save(self._infos.values(), self._covered)

    def locate(self, identity: bytes) -> Location | None:
        """Where a chunk lies; looks again at the storage before it says that it is nowhere."""
        if not self._loaded:
            self.refresh()
        found = self.index.locate(identity)
        if found is None:
            self.refresh()
            found = self.index.locate(identity)
        return found

    def add(self, info: PackInfo) -> None:
        """Take in a pack that was just stored."""
        with self._lock:
            self._infos[info.name] = info
            self.present.add(info.name)
            self.index.add(info)

    def cover(self, index_name: str) -> None:
        """Note that an index object, just stored, says nothing that is not known here."""
        with self._lock:
            self._covered.add(index_name)

    def is_live(self, pack_name: str) -> bool:
        return pack_name in self.present and pack_name not in self.condemned

    def doomed(self) -> set[bytes]:
        """Ids of the chunks that are in condemned packs and in no other."""
        found: set[bytes] = set()
        for name in self.condemned & self._infos.keys() & self.present:
            info = self._infos[name]
            _, ids = read_catalogue(info.catalogue, where=info.object_name)
            raw = bytes(ids)
            found |= {raw[at : at + ID_BYTES] for at in range(0, len(raw), ID_BYTES)}
        return {one for one in found if not self._is_in_live_pack(one)}

    def packs(self) -> Iterator[PackRow]:
        """The packs that are there and known, condemned or not, as of the last ``refresh``."""
        known = self.index.packs
        return (known[name] for name in sorted(self.present & known.keys()))

    def catalogue(self, pack_name: str) -> tuple[list[Place], memoryview]:
        """Where a pack's segments lie, and its chunk ids in order: from the index, else the pack.

        Raises:
            ObjectMissing: there is no such pack.
            Damaged: it is not known, and neither its trailer nor its segments tell.
        """
        info = self._infos.get(pack_name)
        if info is None:
            sizes = {i.name: i.size_bytes for i in self._storage.list(FOLDER + pack_name)}
            if FOLDER + pack_name not in sizes:
                raise ObjectMissing(FOLDER + pack_name)
            info = self._look_into(pack_name, sizes[FOLDER + pack_name])
        return read_catalogue(info.catalogue, where=info.object_name)

    def _is_in_live_pack(self, identity: bytes) -> bool:
        place = self.index.locate(identity)
        return place is not None and self.is_live(place.pack.name)

    def _read_index_objects(self) -> None:
        names = {item.name for item in self._storage.list(catalogues.FOLDER)}
        if not self._loaded:
            self._infos, self._covered = self._cache.load(names)
        if not self._covered <= names:  # some were replaced: what they said may be void
            self._infos, self._covered = {}, set()
        for name in sorted(names - self._covered):
            try:
                infos = catalogues.read(self._storage, self._ring, name)
            except ObjectMissing:
                continue
            except Damaged as error:
                self.problems.append(error)
                continue
            self._infos.update((info.name, info) for info in infos)
            self._covered.add(name)

    def _read_trailers(self, sizes: dict[str, int]) -> None:
        self.unindexed = []
        for name in sorted(self.present - self._infos.keys()):
            try:
                info = self._look_into(name, sizes[name])
            except ObjectMissing:
                continue
            except Damaged as error:
                self.problems.append(error)
                continue
            self._infos[name] = info
            self.unindexed.append(info)

    def _look_into(self, name: str, size_bytes: int) -> PackInfo:
        """What a pack says of itself: by its trailer or, if that is damaged, by its segments."""
        try:
            return read_trailer(self._storage, self._ring, name, size_bytes)
        except Damaged as error:
            self.problems.append(error)
            return salvage.rebuild(self._ring, name, self._storage.get(FOLDER + name))

    def _fill(self) -> None:
        """Bring the table up to date; from nothing, if a pack went away."""
        gone = self.index.packs.keys() - self.present
        if gone or self.condemned & self.index.packs.keys():
            self.index = Index()
        for name in gone:
            self._infos.pop(name, None)
        # Chunks in two packs are found in the one that was added last: a live one.
        for info in sorted(self._infos.values(), key=lambda info: info.name not in self.condemned):
            if info.name in self.present:
                self.index.add(info)
