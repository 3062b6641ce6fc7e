"""Fetches ranges of packs and decodes them: some threads wait for the storage, others work."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from webapp.vault import frames, packs
from webapp.vault.derivation import KeyRing
from webapp.vault.errors import Damaged, ObjectMissing
from webapp.vault.ids import chunk_id, split_ref
from webapp.vault.reader import ChunkReader
from webapp.vault.restoring.ranges import Need, Range, Taker
from webapp.vault.sealing import ObjectKey
from webapp.vault.storage.base import Storage

_DECODERS = 2
_REMOTE_FETCHERS = 4  # each waits for an answer most of the time
_IN_FLIGHT_BYTES = 48 << 20
_TICK_SECONDS = 0.1


class Stopped(Exception):
    """Another thread failed, so this one ends."""


@dataclass(slots=True)
class _Held:
    """A range that was fetched, until its last segment is decoded."""

    range: Range
    key: ObjectKey
    data: memoryview
    left: int


class Fetching:
    """Carries chunks from the storage to whoever waits for them.

    Args:
        chunks: asked for what has moved to another pack since the ranges were made.
        take: told of each chunk, by several threads; whatever it raises ends the whole.
        lose: told of each chunk that cannot be had.
    """

    def __init__(
        self,
        storage: Storage,
        ring: KeyRing,
        *,
        chunks: ChunkReader,
        take: Callable[[Taker, memoryview], None],
        lose: Callable[[Taker, Damaged], None],
    ) -> None:
        self._storage = storage
        self._ring = ring
        self._chunks = chunks
        self._take = take
        self._lose = lose
        self._lock = threading.Condition()
        self._flying = 0
        self._error: BaseException | None = None
        self.bytes_fetched = 0
        self.bytes_needed = 0

    def run(self, ranges: Iterator[Range], on_wait: Callable[[], None]) -> None:
        """Carry all of *ranges*; *on_wait* is called now and then, and may raise."""
        work: queue.SimpleQueue[tuple[_Held, Need] | None] = queue.SimpleQueue()
        is_remote = self._storage.parallel_puts > 1
        fetchers = _REMOTE_FETCHERS if is_remote else 1
        fetching = [self._thread(self._fetch_all, ranges, work) for _ in range(fetchers)]
        decoding = [self._thread(self._decode_all, work) for _ in range(_DECODERS)]
        try:
            for thread in fetching:
                _wait(thread, on_wait)
        except BaseException as error:
            self._fail(error)
        for _ in decoding:
            work.put(None)
        for thread in [*fetching, *decoding]:
            try:
                _wait(thread, on_wait)
            except BaseException as error:
                self._fail(error)
                thread.join()
        if self._error is not None:
            raise self._error

    def carry(self, one: Range) -> None:
        """Carry one range in this thread."""
        self.bytes_fetched += one.length
        held = self._fetch(one)
        for need in one.needs:
            self._deliver(held, need)

    def _thread(self, function: Callable[..., None], *arguments: object) -> threading.Thread:
        def guarded() -> None:
            try:
                function(*arguments)
            except Stopped:
                return
            except BaseException as error:
                self._fail(error)

        thread = threading.Thread(target=guarded, name="restore", daemon=True)
        thread.start()
        return thread

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            self._error = self._error or error
            self._lock.notify_all()

    def _fetch_all(
        self, ranges: Iterator[Range], work: queue.SimpleQueue[tuple[_Held, Need] | None]
    ) -> None:
        while True:
            with self._lock:
                one = next(ranges, None)
            if one is None:
                return
            self._make_room(one.length)
            held = self._fetch(one)
            for need in one.needs:
                work.put((held, need))

    def _make_room(self, length: int) -> None:
        with self._lock:
            while self._error is None and self._flying and self._flying + length > _IN_FLIGHT_BYTES:
                self._lock.wait()
            if self._error is not None:
                raise Stopped
            self._flying += length
            self.bytes_fetched += length

    def _fetch(self, one: Range) -> _Held:
        try:
            data = self._storage.get(one.pack.object_name, offset=one.offset, length=one.length)
        except ObjectMissing:
            data = b""  # moved by a prune: each chunk is looked for anew
        key = ObjectKey(self._ring, one.pack.kind, one.pack.salt)
        return _Held(one, key, memoryview(data), len(one.needs))

    def _decode_all(self, work: queue.SimpleQueue[tuple[_Held, Need] | None]) -> None:
        while (item := work.get()) is not None:
            if self._error is not None:
                raise Stopped
            self._deliver(*item)
            self._release(item[0])

    def _release(self, held: _Held) -> None:
        with self._lock:
            held.left -= 1
            if not held.left:
                self._flying -= held.range.length
                held.data = memoryview(b"")
                self._lock.notify_all()

    def _deliver(self, held: _Held, need: Need) -> None:
        where = held.range.pack.object_name
        if not held.data:
            for taker in need.takers:
                self._look_again(taker, Damaged(where, "the pack is missing"))
            return
        try:
            segment = _decoded(held, need)
        except Damaged as error:
            for taker in need.takers:
                self._look_elsewhere(taker, held, error)
            return
        self._count(need, segment)
        for taker in need.takers:
            try:
                chunk = _checked(segment, taker, self._ring.data_ids, where=where)
            except Damaged as error:
                self._look_elsewhere(taker, held, error)
            else:
                self._take(taker, chunk)

    def _look_elsewhere(self, taker: Taker, held: _Held, why: Damaged) -> None:
        if self._chunks.is_elsewhere(taker.ref, held.range.pack.name):
            self._look_again(taker, why)
        else:
            self._lose(taker, why)

    def _look_again(self, taker: Taker, why: Damaged) -> None:
        try:
            chunk = self._chunks.data(taker.ref)
        except ObjectMissing:
            self._lose(taker, why)
        except Damaged as error:
            self._lose(taker, error)
        else:
            self._take(taker, chunk)

    def _count(self, need: Need, segment: list[memoryview]) -> None:
        """Of a segment, that share is needed whose chunks are."""
        numbers = {taker.ordinal for taker in need.takers}
        whole = sum(map(len, segment)) or 1
        wanted = sum(len(segment[number]) for number in numbers if number < len(segment))
        with self._lock:
            self.bytes_needed += need.length * wanted // whole


def _wait(thread: threading.Thread, on_wait: Callable[[], None]) -> None:
    while thread.is_alive():
        thread.join(_TICK_SECONDS)
        on_wait()


def _decoded(held: _Held, need: Need) -> list[memoryview]:
    where = held.range.pack.object_name
    at = need.offset - held.range.offset
    sealed = held.data[at : at + need.length]
    if len(sealed) != need.length:
        raise Damaged(where, "it is cut short")
    head, frame = held.key.open(need.counter, sealed, where=where)
    return packs.split_segment(frames.decode(head, frame, where=where), where=where)


def _checked(segment: list[memoryview], taker: Taker, key: bytes, *, where: str) -> memoryview:
    if taker.ordinal >= len(segment):
        raise Damaged(where, "a segment has too few chunks")
    chunk = segment[taker.ordinal]
    identity, length = split_ref(taker.ref)
    if len(chunk) != length or chunk_id(key, chunk) != identity:
        raise Damaged(where, "a chunk is not what its id says")
    return chunk
