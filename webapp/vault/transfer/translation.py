"""Turns references of one vault into those of another, carrying over the chunks on the way.

Chunks are fetched pack by pack, each segment once, in the order in which the packs are first
needed: so what lay together lies together again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from webapp.vault import frames, packs
from webapp.vault.chunk_store import ChunkStore
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged, ObjectMissing
from webapp.vault.ids import ID_BYTES, chunk_id, make_ref, split_ref
from webapp.vault.index import Location
from webapp.vault.sealing import ObjectKey

_MOST_KNOWN = 100_000
_GAP_BYTES = 256 << 10
_STRETCH_BYTES = 4 << 20
Wanted = list[tuple[Location, bytes]]  # places in one pack, and references
Stretch = tuple[Wanted, bytes | None]  # what is wanted, and the bytes that hold it


class Translator:
    """Knows the references of the target for references of the source.

    Args:
        known: ids of the source and of the target, from an earlier snapshot; is added to.
    """

    def __init__(
        self,
        source: Engine,
        store: ChunkStore,
        *,
        known: dict[bytes, bytes],
        on_bytes: Callable[[int], None],
    ) -> None:
        self._source = source
        self._store = store
        self._on_bytes = on_bytes
        for identity in [old for old, new in known.items() if not store.has(new)]:
            del known[identity]
        self._known = known

    def carry_over(self, refs: Iterable[bytes]) -> None:
        """Bring all of these into the target, so that ``translate`` knows them.

        Raises:
            Damaged: the source lacks one, or it is not what its id says.
        """
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()  # costs reading again, nothing else
        missing = dict.fromkeys(ref for ref in refs if ref[:ID_BYTES] not in self._known)
        by_pack: dict[str, Wanted] = {}
        for ref in missing:
            place = self._source.stock.locate(ref[:ID_BYTES])
            if place is None:
                raise Damaged("packs", f"chunk {ref[:8].hex()} is in no pack")
            by_pack.setdefault(place.pack.name, []).append((place, ref))
        for wanted, data in self._fetched(by_pack.values()):
            self._store_all(wanted, data)

    def translate(self, ref: bytes) -> bytes:
        identity, length = split_ref(ref)
        return make_ref(self._known[identity], length)

    def _fetched(self, by_pack: Iterable[Wanted]) -> Iterator[Stretch]:
        """Each stretch of a pack; the next one is on its way while one is worked on."""
        stretches = (stretch for wanted in by_pack for stretch in _stretches(wanted))
        with ThreadPoolExecutor(1, thread_name_prefix="vault-fetch") as pool:
            waiting: deque[Future[Stretch]] = deque()
            for stretch in stretches:
                waiting.append(pool.submit(self._fetch, stretch))
                if len(waiting) > 1:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _fetch(self, wanted: Wanted) -> Stretch:
        first, last = wanted[0][0], wanted[-1][0]
        length = last.offset + last.length - first.offset
        try:
            name = first.pack.object_name
            return wanted, self._source.storage.get(name, offset=first.offset, length=length)
        except ObjectMissing:
            return wanted, None  # moved by a prune

    def _store_all(self, wanted: Wanted, data: bytes | None) -> None:
        start, opened, chunks = wanted[0][0].offset, -1, []
        for place, ref in wanted:
            if data is not None and place.offset != opened:
                at = place.offset - start
                chunks = self._open(place, memoryview(data)[at : at + place.length])
                opened = place.offset
                self._on_bytes(place.length)
            chunk = chunks[place.ordinal] if place.ordinal < len(chunks) else None
            if chunk is None or not self._is(ref, chunk):
                chunk = self._source.chunks.data(ref)  # from wherever it lies; else it says why
            self._keep(ref, chunk)

    def _open(self, place: Location, sealed: memoryview) -> list[memoryview]:
        """A segment's chunks; none if it is not sound."""
        pack, name = place.pack, place.pack.object_name
        key = ObjectKey(self._source.ring, pack.kind, pack.salt)
        try:
            head, frame = key.open(place.counter, sealed, where=name)
            return packs.split_segment(frames.decode(head, frame, where=name), where=name)
        except Damaged:
            return []

    def _keep(self, ref: bytes, chunk: memoryview) -> None:
        self._known[ref[:ID_BYTES]] = self._store.data(chunk)[:ID_BYTES]

    def _is(self, ref: bytes, chunk: memoryview) -> bool:
        identity, length = split_ref(ref)
        return len(chunk) == length and chunk_id(self._source.ring.data_ids, chunk) == identity


def _stretches(wanted: Wanted) -> Iterator[Wanted]:
    """What can be fetched at once: places with little between them."""
    wanted.sort(key=lambda pair: (pair[0].offset, pair[0].ordinal))
    stretch: Wanted = []
    for pair in wanted:
        if stretch:
            begin, last = stretch[0][0].offset, stretch[-1][0]
            gap = pair[0].offset - last.offset - last.length
            too_long = pair[0].offset + pair[0].length - begin > _STRETCH_BYTES
            if gap > _GAP_BYTES or (too_long and pair[0].offset != last.offset):
                yield stretch
                stretch = []
        stretch.append(pair)
    if stretch:
        yield stretch
