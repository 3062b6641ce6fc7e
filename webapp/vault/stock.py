"""What a vault has in stock: the index, filled from the cache, the index objects and, where these
fall short, the packs' own trailers. Any doubt, and it is filled anew.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from weakref import WeakSet

from webapp.vault import catalogues, salvage
from webapp.vault.derivation import KeyRing
from webapp.vault.errors import Damaged, ObjectMissing
from webapp.vault.ids import ID_BYTES
from webapp.vault.index import Index, Location, PackRow
from webapp.vault.index_cache import IndexCache
from webapp.vault.index_table import Table
from webapp.vault.packs import FOLDER, PackInfo, Place, fetch, read_catalogue, read_trailer
from webapp.vault.storage.base import Storage

_WORTH_RESERVING = 8 << 20
_INDEX_BYTES_PER_CHUNK = 36
_MOST_RESERVED = 8_000_000  # more grow as they come: a list alone may claim anything


class Reliance:
    """Names of all packs that somebody may have relied on. Grows whenever the stock is looked at
    again, for that may happen at any moment: a reader that misses a pack does it."""

    def __init__(self, names: set[str]) -> None:
        self.names = names


class Stock:
    """The packs of a vault and the chunks in them. May be used by many threads.

    Attributes:
        index: finds chunks; always the same object.
        present: names of the packs that are there, as of the last ``refresh``.
        condemned: names of those that a prune will delete.
        distrusted: names of those whose size is not what it was. Chunks in them count as absent,
            though what can be read of them is.
        problems: what could not be read.
    """

    def __init__(self, storage: Storage, ring: KeyRing, cache_dir: Path | None) -> None:
        self._storage = storage
        self._ring = ring
        self._cache = IndexCache(cache_dir, ring)
        self._lock = threading.RLock()
        self._covered: set[str] = set()
        self._loose: set[str] = set()
        self._loaded = self._fresh = False
        self.index = Index(self._start_anew, cache_dir)
        self.present: set[str] = set()
        self.condemned: set[str] = set()
        self.distrusted: set[str] = set()
        self.problems: list[Damaged] = []
        self._reliances: WeakSet[Reliance] = WeakSet()

    @property
    def unindexed(self) -> list[PackInfo]:
        """The packs that no index object lists."""
        found = (self.info(name) for name in self.loose())
        return [info for info in found if info is not None]

    def loose(self) -> list[str]:
        """Names of the packs that no index object lists."""
        return sorted(self._loose & self.present)

    def refresh(self, *, to_read: bool = False) -> None:
        """See what is there now: condemned packs first, then packs, then what is known of them.

        Args:
            to_read: go on where nobody can tell which packs are condemned; readers need not know.

        Raises:
            Damaged: a list of condemned packs cannot be read, and a writer must not go on.
        """
        with self._lock:
            self._load()
            self.problems = []
            try:
                self.condemned = catalogues.condemned(self._storage, self._ring)
            except Damaged as error:
                if not to_read:
                    raise
                self.problems.append(error)
            sizes = {i.name.removeprefix(FOLDER): i.size_bytes for i in self._storage.list(FOLDER)}
            self.present = set(sizes)
            self._read_index_objects()
            self._read_trailers(sizes)
            self._weigh(sizes)
            self._fresh = True
            self._tell(self.reliable())
            self._cache.save(self.index, self._covered, loose=self._loose)

    def locate(self, identity: bytes) -> Location | None:
        """Where a chunk lies; looks again at the storage before it says that it is nowhere."""
        if not self._loaded:
            self._load()
        found = self.index.locate(identity)
        if found is None:
            self.refresh(to_read=True)
            found = self.index.locate(identity)
        return found

    def places(self, identity: bytes) -> list[Location]:
        """All places of a chunk in packs that are known to be there, those that count first."""
        return self.index.places(identity)

    def add(self, info: PackInfo) -> None:
        """Take in a pack that was just stored."""
        with self._lock:
            self.present.add(info.name)
            self._loose.add(info.name)
            self.index.add(info)
            self._tell({info.name})

    def cover(self, index_name: str, pack_names: Collection[str]) -> None:
        """Note that an index object, just stored, lists these packs, which are known here."""
        with self._lock:
            self._covered.add(index_name)
            self._loose.difference_update(pack_names)

    def is_live(self, pack_name: str) -> bool:
        return pack_name in self.present and pack_name not in self.condemned

    def reliable(self) -> set[str]:
        """Names of all packs that a new snapshot may rely on."""
        return self.present - self.condemned - self.distrusted

    def rely(self) -> Reliance:
        """What may be relied on from now on, as long as the caller keeps it."""
        with self._lock:
            found = Reliance(self.reliable())
            self._reliances.add(found)
            return found

    def doomed(self) -> set[bytes]:
        """Ids of the chunks that are in condemned or distrusted packs and in no other."""
        found: set[bytes] = set()
        for name in (self.condemned | self.distrusted) & self.present:
            info = self.info(name)
            if info is not None:
                _, ids = read_catalogue(info.catalogue, where=info.object_name)
                raw = bytes(ids)
                found |= {raw[at : at + ID_BYTES] for at in range(0, len(raw), ID_BYTES)}
        return {one for one in found if one not in self.index}

    def packs(self) -> Iterator[PackRow]:
        """The packs that are there and known, condemned or not, as of the last ``refresh``."""
        return (row for row in self.index.rows() if row.name in self.present)

    def info(self, pack_name: str) -> PackInfo | None:
        """What is known of a pack without reading it; None if nothing is."""
        return self.index.info(pack_name)

    def catalogue(self, pack_name: str) -> tuple[list[Place], memoryview]:
        """Where a pack's segments lie, and its chunk ids in order: from the index, else the pack.

        Raises:
            ObjectMissing: there is no such pack.
            Damaged: it is not known, and neither its trailer nor its segments tell.
        """
        info = self.info(pack_name)
        if info is None:
            sizes = {i.name: i.size_bytes for i in self._storage.list(FOLDER + pack_name)}
            if FOLDER + pack_name not in sizes:
                raise ObjectMissing(FOLDER + pack_name)
            info = self._look_into(pack_name, sizes[FOLDER + pack_name])
        return read_catalogue(info.catalogue, where=info.object_name)

    def close(self) -> None:
        """Let go of the cache's files; should somebody ask again, they are opened again."""
        with self._lock:
            self.index.use(None, Table(self._cache.folder))
            self._covered = set()
            self._loaded = self._fresh = False

    def _tell(self, names: set[str]) -> None:
        for one in self._reliances:
            one.names |= names

    def _load(self) -> None:
        """Fill the index from the cache, once."""
        with self._lock:
            if not self._loaded:
                base, recent, self._covered = self._cache.load()
                self.index.use(base, recent)
                self._loaded = True

    def _start_anew(self) -> None:
        """The cache proved unsound: without it, from the storage."""
        with self._lock:
            if self.index.base is None:
                return  # another thread was first
            self._cache.discard()
            self._covered = set()
            self.index.use(None)
            if self._fresh:
                self.refresh(to_read=True)

    def _read_index_objects(self) -> None:
        sizes = {item.name: item.size_bytes for item in self._storage.list(catalogues.FOLDER)}
        self._covered &= sizes.keys()
        unread = sorted(sizes.keys() - self._covered)
        total = sum(sizes[name] for name in unread)
        if total >= _WORTH_RESERVING:
            self.index.recent.reserve(min(total // _INDEX_BYTES_PER_CHUNK, _MOST_RESERVED))
        for name in unread:
            try:
                infos = catalogues.read(self._storage, self._ring, name)
            except ObjectMissing:
                continue
            except Damaged as error:
                self.problems.append(error)
                continue
            for info in infos:
                if info.name in self.present:
                    self.index.add(info)
            self.cover(name, [info.name for info in infos])

    def _read_trailers(self, sizes: dict[str, int]) -> None:
        for name in sorted(self.present - self.index.names()):
            try:
                info = self._look_into(name, sizes[name])
            except ObjectMissing:
                continue
            except Damaged as error:
                self.problems.append(error)
                continue
            self.index.add(info)
            self._loose.add(name)

    def _look_into(self, name: str, size_bytes: int) -> PackInfo:
        """What a pack says of itself: by its trailer or, if that is damaged, by its segments."""
        try:
            return read_trailer(self._storage, self._ring, name, size_bytes)
        except Damaged as error:
            self.problems.append(error)
            return salvage.rebuild(self._ring, name, fetch(self._storage, name))

    def _weigh(self, sizes: dict[str, int]) -> None:
        """Find out which packs' chunks count."""
        known = dict(self.index.sizes())
        gone = known.keys() - self.present
        differs = {name for name, size in known.items() if sizes.get(name, size) != size}
        self.distrusted = differs - gone
        self.index.pass_over(self.condemned | self.distrusted, gone=gone)
