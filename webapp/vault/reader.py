"""Reads chunks back: each is authenticated, decoded, and its id computed again."""

from __future__ import annotations

import io
import threading
from bisect import bisect_right
from collections import OrderedDict
from itertools import accumulate
from typing import BinaryIO, cast

from webapp.items import EntryKind, StoredEntry
from webapp.vault import frames, packs
from webapp.vault.derivation import KeyRing
from webapp.vault.errors import Damaged, ObjectMissing
from webapp.vault.ids import REF, chunk_id, split_ref
from webapp.vault.index import Location
from webapp.vault.rows import LIST_MARK, holes_fit
from webapp.vault.sealing import ObjectKey
from webapp.vault.stock import Stock
from webapp.vault.storage.base import Storage

_CACHE_BYTES = 32 << 20
_BUFFER_BYTES = 1 << 18
_LOOKS = 5  # each for another prune during one read
Segment = list[memoryview]


class ChunkReader:
    """Gives chunks by reference, through a cache of decoded segments. Safe for many threads."""

    def __init__(
        self, storage: Storage, ring: KeyRing, stock: Stock, *, cache_bytes: int = _CACHE_BYTES
    ) -> None:
        self._cache_bytes = cache_bytes
        self._storage = storage
        self._ring = ring
        self._stock = stock
        self._lock = threading.Lock()
        self._cache: OrderedDict[tuple[str, int], Segment] = OrderedDict()
        self._cached_bytes = 0

    def data(self, ref: bytes) -> memoryview:
        """A piece of a file."""
        return self._chunk(ref, self._ring.data_ids)

    def manifest(self, ref: bytes) -> bytes:
        """A piece of a manifest, or a list of references."""
        return bytes(self._chunk(ref, self._ring.manifest_ids))

    def whole(self, identity: bytes, *, is_manifest: bool) -> bytes:
        """A chunk by its id alone."""
        key = self._ring.manifest_ids if is_manifest else self._ring.data_ids
        return bytes(self._find(identity, key, None))

    def read_segment(self, place: Location) -> Segment:
        """All chunks of a segment, not yet compared with their ids."""
        return self._fetch(place)

    def has_at(self, place: Location, identity: bytes) -> bool:
        """Whether a chunk can be had from this very place."""
        is_data = place.pack.kind == packs.DATA
        key = self._ring.data_ids if is_data else self._ring.manifest_ids
        try:
            self._chunk_at(place, identity, key, None)
        except (Damaged, ObjectMissing):
            return False
        return True

    def refs(self, chunks: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """References to data, with lists of references resolved."""
        if not chunks or chunks[0] != LIST_MARK:
            return chunks
        found = b"".join(self.manifest(ref) for ref in chunks[1:])
        if len(found) % REF.size:
            raise Damaged("manifest", "a list of references is cut short")
        return tuple(found[at : at + REF.size] for at in range(0, len(found), REF.size))

    def _chunk(self, ref: bytes, key: bytes) -> memoryview:
        identity, length = split_ref(ref)
        return self._find(identity, key, length)

    def is_elsewhere(self, ref: bytes, pack_name: str) -> bool:
        """Whether a piece of a file lies in another pack, too."""
        places = self._stock.places(split_ref(ref)[0])
        return any(one.pack.name != pack_name for one in places)

    def _find(self, identity: bytes, key: bytes, length: int | None) -> memoryview:
        """A chunk from wherever it is sound: of several places any will do."""
        place = self._stock.locate(identity)
        if place is None:
            raise Damaged("packs", f"chunk {identity.hex()[:16]} is in no pack")
        why: Damaged | None = None
        tried: set[Location] = set()
        looks = _LOOKS
        while place is not None:
            tried.add(place)
            try:
                return self._chunk_at(place, identity, key, length)
            except Damaged as error:
                why = error
            except ObjectMissing:  # moved by a prune: look again
                if not looks:
                    raise
                looks -= 1
                self._stock.refresh(to_read=True)
                why = why or Damaged(place.pack.object_name, "the pack is missing")
            places = self._stock.places(identity)
            place = next((one for one in places if one not in tried), None)
        assert why is not None
        raise why

    def _chunk_at(
        self, place: Location, identity: bytes, key: bytes, length: int | None
    ) -> memoryview:
        segment = self._segment(place)
        if place.ordinal >= len(segment):
            raise Damaged(place.pack.object_name, "a segment has too few chunks")
        chunk = segment[place.ordinal]
        if length not in (None, len(chunk)) or chunk_id(key, chunk) != identity:
            raise Damaged(place.pack.object_name, "a chunk is not what its id says")
        return chunk

    def _segment(self, place: Location) -> Segment:
        key = (place.pack.name, place.offset)
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        segment = self._fetch(place)
        with self._lock:
            if key not in self._cache:
                self._cache[key] = segment
                self._cached_bytes += sum(map(len, segment))
            while self._cached_bytes > self._cache_bytes and len(self._cache) > 1:
                self._cached_bytes -= sum(map(len, self._cache.popitem(last=False)[1]))
        return segment

    def _fetch(self, place: Location) -> Segment:
        pack, name = place.pack, place.pack.object_name
        sealed = self._storage.get(name, offset=place.offset, length=place.length)
        if len(sealed) != place.length:
            raise Damaged(name, "it is cut short")
        key = ObjectKey(self._ring, pack.kind, pack.salt)
        head, frame = key.open(place.counter, sealed, where=name)
        return packs.split_segment(frames.decode(head, frame, where=name), where=name)


class ContentReader(io.RawIOBase):
    """One file's content, seekable; holes read as zeros."""

    def __init__(self, entry: StoredEntry, chunks: ChunkReader) -> None:
        self._chunks = chunks
        self._refs = chunks.refs(entry.chunks)
        self._size = entry.size
        self._starts = [0, *accumulate(split_ref(ref)[1] for ref in self._refs)]
        self._holes = entry.holes
        self._hole_starts = [offset for offset, _ in entry.holes]
        self._hidden = [0, *accumulate(length for _, length in entry.holes)]
        self._at = 0
        self._current: tuple[int, memoryview] = (-1, memoryview(b""))
        adds_up = self._starts[-1] + self._hidden[-1] == self._size
        if not adds_up or not holes_fit(entry.holes, entry.size):
            raise Damaged("manifest", "a file's chunks do not add up to its size")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("negative seek position")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view) and self._at < self._size:
            done += self._read_some(view[done:])
        return done

    def _read_some(self, view: memoryview) -> int:
        """Fill the start of *view* from where we are: up to the next end of a hole or chunk."""
        number = bisect_right(self._hole_starts, self._at) - 1
        if number >= 0 and self._at < sum(self._holes[number]):
            count = min(sum(self._holes[number]) - self._at, len(view))
            view[:count] = bytes(count)
        else:
            found = self._data_at(self._at - self._hidden[number + 1])
            ahead = number + 1
            until = self._hole_starts[ahead] if ahead < len(self._hole_starts) else self._size
            count = min(len(found), until - self._at, len(view))
            view[:count] = found[:count]
        self._at += count
        return count

    def _data_at(self, position: int) -> memoryview:
        number = bisect_right(self._starts, position) - 1
        if self._current[0] != number:
            self._current = (number, self._chunks.data(self._refs[number]))
        return self._current[1][position - self._starts[number] :]


class Content:
    """The ``StoredContent`` of a vault."""

    def __init__(self, chunks: ChunkReader) -> None:
        self._chunks = chunks

    def open(self, entry: StoredEntry) -> BinaryIO:
        if entry.kind is not EntryKind.FILE:
            raise ValueError(f"a {entry.kind} has no content")
        raw = ContentReader(entry, self._chunks)
        return cast(BinaryIO, io.BufferedReader(raw, _BUFFER_BYTES))
