"""The way from chunks to stored packs: two threads compress and seal, one or more store.

Queues are bounded in bytes, so that memory is. The first error of any thread stops all of them and
comes out of the caller's next call.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from mmap import mmap

from webapp.vault import frames, levels
from webapp.vault.byte_queue import TICK_SECONDS, ByteQueue, Stopped
from webapp.vault.derivation import KeyRing
from webapp.vault.errors import Damaged
from webapp.vault.packs import (
    FULL_BYTES,
    HALF_BYTES,
    MANIFEST,
    MANIFESTS_BYTES,
    PackDraft,
    PackInfo,
    new_buffer,
)
from webapp.vault.sealing import HEAD_BYTES, MARK_BYTES, Buffer, Head, ObjectKey

_SEGMENT_QUEUE_BYTES = 4 << 20


def _nothing() -> None:
    """Nobody waits for this segment's memory."""


def _ignore(_: PackInfo) -> None:
    """Nobody wants to know which packs are stored."""


@dataclass(frozen=True)
class Segment:
    """Chunks that will be compressed and sealed together.

    Attributes:
        raw: the segment as ``packs.build_segment`` makes it.
        done: called when *raw* is needed no more.
        level: how hard it is compressed; see ``levels``.
    """

    kind: bytes
    ids: Sequence[bytes]
    raw: Buffer
    done: Callable[[], None] = _nothing
    level: int = levels.DEFAULT


class Pipeline:
    """Seals segments into packs and stores them.

    Args:
        store: takes a finished pack, in a storing thread, and makes it durable.
        salts: gives 32 random bytes for each pack.
        verify: open each sealed segment again, against faults of memory.
        threads: how many seal.
        storers: how many store; the more, the more memory.

    Attributes:
        full_bytes: how large packs of files' pieces become; may be set before the first.
        stored: called, in a storing thread, of each pack that is durable and known.
    """

    def __init__(
        self,
        ring: KeyRing,
        store: Callable[[PackInfo, memoryview], None],
        *,
        salts: Callable[[], bytes],
        verify: bool = True,
        threads: int = 2,
        storers: int = 1,
    ) -> None:
        self.full_bytes = FULL_BYTES
        self.stored: Callable[[PackInfo], None] = _ignore
        self.error: BaseException | None = None
        self._ring = ring
        self._store = store
        self._salts = salts
        self._verify = verify
        self._lock = threading.Lock()
        self._drafts: dict[bytes, PackDraft] = {}
        self._buffers: dict[bytes, list[bytearray | mmap]] = defaultdict(list)
        self._segments: ByteQueue[Segment] = ByteQueue(_SEGMENT_QUEUE_BYTES)
        self._packs: ByteQueue[Callable[[], None]] = ByteQueue(HALF_BYTES)
        self._sealers = [
            threading.Thread(target=self._run, args=(self._seal_all,), name=f"vault-seal-{n}")
            for n in range(threads)
        ]
        self._storers = [
            threading.Thread(target=self._run, args=(self._store_all,), name=f"vault-store-{n}")
            for n in range(storers)
        ]
        for thread in (*self._sealers, *self._storers):
            thread.daemon = True
            thread.start()

    def add(self, segment: Segment, waiting: Callable[[], None]) -> None:
        """Hand over a segment; calls *waiting* while there is no room.

        Raises:
            whatever stopped the pipeline.
        """
        try:
            self._segments.put(segment, len(segment.raw), waiting)
        except Stopped:
            self._raise()

    def add_pack(self, info: PackInfo, data: memoryview, done: Callable[[], None]) -> None:
        """Hand over a pack that somebody else has made; *done* is called, in a storing thread,
        when *data* is needed no more.

        Raises:
            whatever stopped the pipeline.
        """

        def store() -> None:
            self._make_durable(info, data)
            done()

        try:
            self._packs.put(store, 0)
        except Stopped:
            self._raise()

    def finish(self, waiting: Callable[[], None]) -> None:
        """Return when everything that was added is durable. No ``add`` after this."""
        self._segments.end()
        for thread in self._sealers:
            self._join(thread, waiting)
        if self.error is None:
            self._close_drafts(waiting)
        self._packs.end()
        for thread in self._storers:
            self._join(thread, waiting)
        self._raise()

    def abort(self) -> None:
        """Stop all threads and wait for them; what is stored stays."""
        self._segments.stop()
        self._packs.stop()
        for thread in (*self._sealers, *self._storers):
            thread.join()

    def check(self) -> None:
        """Raise whatever stopped the pipeline, if anything did."""
        self._raise()

    def _raise(self) -> None:
        if self.error is not None:
            raise self.error

    def _join(self, thread: threading.Thread, waiting: Callable[[], None]) -> None:
        while thread.is_alive():
            thread.join(TICK_SECONDS)
            waiting()

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Stopped:
            pass
        except BaseException as error:  # it must come out where the caller waits
            with self._lock:
                self.error = self.error or error
            self._segments.stop()
            self._packs.stop()

    def _seal_all(self) -> None:
        check = Check() if self._verify else None
        while (segment := self._segments.get()) is not None:
            self._seal(segment, check)
            segment.done()

    def _store_all(self) -> None:
        while (work := self._packs.get()) is not None:
            work()

    def _store_draft(self, draft: PackDraft) -> None:
        self._make_durable(*draft.finish())
        self._buffers[draft.kind].append(draft.buffer)

    def _make_durable(self, info: PackInfo, data: memoryview) -> None:
        self._store(info, data)
        self.stored(info)

    def _seal(self, segment: Segment, check: Check | None) -> None:
        raw = segment.raw
        codec, frame = frames.encode(raw, level=segment.level)
        head = Head(codec, 0, len(raw), len(frame))
        full: PackDraft | None = None
        with self._lock:
            draft = self._drafts.get(segment.kind)
            if draft is None or not draft.has_room(len(frame)):
                draft, full = self._replace(segment.kind, draft)
            counter, record = draft.reserve(head, segment.ids)
        if full is not None:
            self._hand_on(full)
        draft.key.seal_into(record, counter, head, frame=frame)
        if check is not None:
            check(draft.key, counter, record, raw)
        with self._lock:
            draft.filled += 1
            complete = draft.is_complete
        if complete:
            self._hand_on(draft)

    def _hand_on(self, draft: PackDraft, waiting: Callable[[], None] | None = None) -> None:
        self._packs.put(partial(self._store_draft, draft), draft.used, waiting)

    def _replace(self, kind: bytes, old: PackDraft | None) -> tuple[PackDraft, PackDraft | None]:
        """Open a new draft; return it, and the old one if it is complete."""
        full_bytes = MANIFESTS_BYTES if kind == MANIFEST else self.full_bytes
        free = self._buffers[kind]
        draft = PackDraft(
            ring=self._ring,
            kind=kind,
            salt=self._salts(),
            full_bytes=full_bytes,
            buffer=free.pop() if free else new_buffer(full_bytes),
        )
        self._drafts[kind] = draft
        if old is None:
            return draft, None
        old.closed = True
        return draft, old if old.is_complete else None

    def _close_drafts(self, waiting: Callable[[], None]) -> None:
        for draft in self._drafts.values():
            draft.closed = True
            try:
                self._hand_on(draft, waiting)
            except Stopped:
                return


class Check:
    """Opens sealed segments again, into memory of its own; one for each thread."""

    def __init__(self) -> None:
        self._memory = bytearray()

    def __call__(self, key: ObjectKey, counter: int, record: memoryview, raw: Buffer) -> None:
        """Raises ``Damaged`` if *record* does not give back what went into it."""
        where = "a segment not yet stored"
        head = key.open_head(counter, record[:HEAD_BYTES], where=where)
        if len(self._memory) < head.frame_length:
            self._memory = bytearray(head.frame_length)
        frame = memoryview(self._memory)[: head.frame_length]
        mark, body = record[:MARK_BYTES], record[HEAD_BYTES:]
        key.open_into(frame, counter, head, mark=mark, body=body, where=where)
        if not frames.gives(head, self._memory, raw, where=where):
            raise Damaged(
                where, "it differs from the data; the memory of this machine may be faulty"
            )
