"""Takes chunks, stores those that the vault lacks, and gives references back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial

from webapp.vault import levels
from webapp.vault.chunking import MEDIA
from webapp.vault.ids import ID_BYTES, chunk_id, make_ref
from webapp.vault.packs import DATA, MANIFEST, PackInfo, build_segment, read_catalogue
from webapp.vault.pipeline import Pipeline, Segment
from webapp.vault.rooms import LARGEST_BYTES, Room, Rooms
from webapp.vault.sealing import Buffer
from webapp.vault.stock import Stock

_HOLD_BYTES = 4 << 20  # of segments, before threads are started


class ChunkStore:
    """Deduplicates and groups chunks into segments.

    Args:
        start: makes the pipeline; called only if there is something to store.
        waiting: called now and then while the pipeline is behind.
        level: how hard pieces of files are compressed; manifests always are as usual.
    """

    def __init__(
        self,
        stock: Stock,
        *,
        data_key: bytes,
        manifest_key: bytes,
        start: Callable[[], Pipeline],
        waiting: Callable[[], None],
        level: int = levels.DEFAULT,
    ) -> None:
        self._index = stock.index
        self._data_key = data_key
        self._manifest_key = manifest_key
        self._start = start
        self._waiting = waiting
        self._level = level
        self._fresh: set[bytes] = set()  # new, and not yet in a pack that is stored
        self._stored: deque[PackInfo] = deque()
        self._held: list[Segment] = []
        self._held_bytes = 0
        self._rooms = Rooms()
        self._single_rooms = Rooms(MEDIA.largest)
        self._room = self._rooms.take()
        self.pipeline: Pipeline | None = None

    def has(self, identity: bytes) -> bool:
        """Whether a chunk may be relied on: in a pack that is there and not condemned."""
        return identity in self._index

    def data(self, chunk: Buffer) -> bytes:
        """Store a piece of a file; return its reference."""
        length = len(chunk)
        if length < LARGEST_BYTES:
            self._room.space(length)[:] = chunk
            return self.placed(length)
        identity = chunk_id(self._data_key, chunk)
        if self._is_new(identity):
            fits = length <= MEDIA.largest
            room = self._single_rooms.take() if fits else Room(length)
            room.space(length)[:] = chunk
            room.keep(identity, length)
            self._hand_over(room, self._single_rooms)
        return make_ref(identity, length)

    def space(self, length: int) -> memoryview:
        """Where the caller may put a chunk below ``LARGEST_BYTES`` before it calls ``placed``."""
        return self._room.space(length)

    def placed(self, length: int) -> bytes:
        """Store the first *length* bytes of ``space``; return their reference."""
        room = self._room
        identity = chunk_id(self._data_key, room.space(length))
        if self._is_new(identity):
            room.keep(identity, length)
            if room.is_full:
                self._flush()
        return make_ref(identity, length)

    def manifest(self, chunk: bytes) -> bytes:
        """Store a piece of a manifest, or a list of references; return its reference."""
        identity = chunk_id(self._manifest_key, chunk)
        if self._is_new(identity):
            self._add(Segment(MANIFEST, (identity,), build_segment((chunk,))))
        return make_ref(identity, len(chunk))

    def claim(self, identities: bytes) -> bytes:
        """For others that store chunks: of each id, whether they have to; said once only."""
        return bytes(
            [
                self._is_new(identities[at : at + ID_BYTES])
                for at in range(0, len(identities), ID_BYTES)
            ]
        )

    def add_pack(self, info: PackInfo, data: memoryview, done: Callable[[], None]) -> None:
        """Have a pack of theirs stored; *done* is called, in another thread, after that."""
        self._begin().add_pack(info, data, done)

    def check(self) -> None:
        """Raise what went wrong with storing, for those who would wait for it in vain."""
        if self.pipeline is not None:
            self.pipeline.check()

    def finish(self) -> None:
        """Return when all of it is durable."""
        if self._room.ids:
            self._flush()
        if self._held:
            self._begin()
        if self.pipeline is not None:
            self.pipeline.finish(self._waiting)

    def abort(self) -> None:
        if self.pipeline is not None:
            self.pipeline.abort()

    def _is_new(self, identity: bytes) -> bool:
        """Whether a chunk must be stored; said once for each."""
        if identity in self._fresh or self.has(identity):
            return False
        self._fresh.add(identity)
        if self._stored:
            self._forget()
        return True

    def _forget(self) -> None:
        """The index by now knows the chunks of these packs, in half of the memory."""
        while self._stored:
            info = self._stored.popleft()
            ids = bytes(read_catalogue(info.catalogue, where=info.object_name)[1])
            self._fresh.difference_update(
                [ids[at : at + ID_BYTES] for at in range(0, len(ids), ID_BYTES)]
            )

    def _flush(self) -> None:
        room, self._room = self._room, self._rooms.take()
        self._hand_over(room, self._rooms)

    def _hand_over(self, room: Room, rooms: Rooms) -> None:
        done = partial(rooms.give_back, room)
        self._add(Segment(DATA, room.ids, room.segment(), done, self._level))

    def _add(self, segment: Segment) -> None:
        if self.pipeline is not None:
            self.pipeline.add(segment, self._waiting)
            return
        self._held.append(segment)
        self._held_bytes += len(segment.raw)
        if self._held_bytes >= _HOLD_BYTES:
            self._begin()

    def _begin(self) -> Pipeline:
        """Start the threads, after which nobody can fork: not for the first little piece."""
        pipeline = self.pipeline
        if pipeline is None:
            pipeline = self.pipeline = self._start()
            pipeline.stored = self._stored.append
        held, self._held = self._held, []
        for segment in held:
            pipeline.add(segment, self._waiting)
        return pipeline
