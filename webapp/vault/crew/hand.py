"""What a fork does: reads the files of a shard, and packs the chunks that its parent calls new."""

from __future__ import annotations

import mmap
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from blake3 import blake3

from webapp.items import Eyes, Seen
from webapp.vault import frames
from webapp.vault.chunking import MEDIA, profile_of
from webapp.vault.crew.large import Window
from webapp.vault.crew.wires import Message, Wire
from webapp.vault.derivation import KeyRing
from webapp.vault.glancing import Found, Owners, fill
from webapp.vault.ids import make_ref
from webapp.vault.packs import DATA, HALF_BYTES, PackDraft
from webapp.vault.pipeline import Check
from webapp.vault.progress import unpaced
from webapp.vault.rooms import FULL_BYTES, LARGEST_BYTES, MOST_CHUNKS, Room
from webapp.vault.sealing import Head

SHARD_BYTES = 1 << 20  # a shard is full when it has this much
SHARD_FILES = 1024
_MOST_IDS = 24_000  # in a pack: its trailer must fit behind it
SHARD, SPACE, ANSWER, END = "shard", "space", "answer", "end"  # to a fork
ROWS, CLAIM, PACK, ERROR = "rows", "claim", "pack", "error"  # from it
Pieces = list[tuple[bytes, int]]
_ROOMS = 2  # while the parent thinks about what is in one, the other is filled


@dataclass(frozen=True, kw_only=True)
class Craft:
    """What a fork works with.

    Attributes:
        place: gives the open folder around a path of the source, and its name in there.
        verify: open each sealed segment again.
        level: how hard they are compressed.
        boundaries, pace: as in ``Capture``.
    """

    ring: KeyRing
    eyes: Eyes
    place: Callable[[bytes], tuple[int, bytes]]
    time_ns: Callable[[], int]
    verify: bool
    level: int
    boundaries: bytes = b""
    pace: Callable[[int], None] = unpaced


class Hand:
    """One fork at work.

    Args:
        spaces: memory for packs, shared with the parent, which says when one is free.
    """

    def __init__(self, craft: Craft, wire: Wire, spaces: Sequence[mmap.mmap]) -> None:
        self._craft, self._wire, self._spaces = craft, wire, spaces
        capacity = FULL_BYTES + SHARD_BYTES + MEDIA.smallest
        self._rooms = deque(Room(capacity) for _ in range(_ROOMS))
        self._asked: deque[tuple[Room, Pieces, int]] = deque()
        self._answers: deque[bytes] = deque()
        self._free: deque[tuple[int, bytes]] = deque()
        self._waiting: deque[Message] = deque()
        self._draft: PackDraft | None = None
        self._space = -1
        self._ahead = 0
        self._check = Check() if craft.verify else None
        self._owners = Owners(craft.eyes)
        self._window: Window | None = None
        self._parent: bytes | None = None
        self._folder = -1

    def run(self) -> None:
        """Work until there is no more."""
        while True:
            while not self._waiting:
                self._take(self._wire.receive())
            kind, *rest = self._waiting.popleft()
            if kind == END:
                break
            self._do(*rest)
        while self._asked:
            self._keep(*self._asked.popleft())
        for room in self._rooms:
            self._seal(room)
        self._close_pack()
        self._wire.send(END)

    def _do(self, number: int, shard: list[tuple[bytes, tuple[int, ...]]]) -> None:
        if len(self._asked) == _ROOMS:
            self._keep(*self._asked.popleft())
        self._rooms.rotate()
        pieces: Pieces = []
        self._ahead = 0
        found = [self._read(path, Seen._make(numbers), pieces) for path, numbers in shard]
        self._wire.send(ROWS, number, found, b"".join([identity for identity, _ in pieces]))
        self._asked.append((self._rooms[0], pieces, self._ahead))

    def _read(self, path: bytes, seen: Seen, pieces: Pieces) -> bytes | None:
        """The row of a file, or None if it is not what was seen, or cannot be read."""
        started = self._craft.time_ns()
        try:
            place = self._place(path)
            if seen.st_size < MEDIA.smallest:
                found = self._small(path, seen, place, pieces)
            else:
                found = self._large(path, seen, place)
        except OSError:
            return None
        if found is None:
            return None
        return found.row(self._owners.of(seen.st_uid, seen.st_gid), started)

    def _place(self, path: bytes) -> tuple[int, bytes]:
        """As the craft's, which is asked once for each folder."""
        parent, _, name = path.rpartition(b"/")
        if parent != self._parent:
            self._parent = None
            self._folder, _ = self._craft.place(path)
            self._parent = parent
        return self._folder, name

    def _small(
        self, path: bytes, seen: Seen, place: tuple[int, bytes], pieces: Pieces
    ) -> Found | None:
        """Read it behind what the room holds."""
        craft, size = self._craft, seen.st_size
        space = self._rooms[0].space(size, self._ahead)
        xattrs = fill(craft.eyes, space, seen, *place)
        if xattrs is None:
            return None
        craft.pace(size)
        ref = b""
        if size:
            identity = blake3(space, key=craft.ring.data_ids).digest()
            pieces.append((identity, size))
            self._ahead += size
            ref = make_ref(identity, size)
        return Found(path, seen, xattrs, blake3(space).digest(), ref)

    def _large(self, path: bytes, seen: Seen, place: tuple[int, bytes]) -> Found | None:
        """Read it through a window, and pack what is new of it at once."""
        craft = self._craft
        if self._window is None:
            self._window = Window(craft.ring.data_ids, self._claim, self._pack, pace=craft.pace)
        while self._asked:  # their answers come first
            self._keep(*self._asked.popleft())
        read = self._window.read(craft.eyes, place, seen, profile_of(path, craft.boundaries))
        if read is None:
            return None
        digest, refs, xattrs = read
        return Found(path, seen, xattrs, digest, refs)

    def _claim(self, identities: bytes) -> bytes:
        """Ask which chunks are new, and wait for that."""
        self._wire.send(CLAIM, identities)
        return self._answer()

    def _pack(self, identity: bytes, chunk: memoryview, whole: memoryview) -> None:
        """Take in a piece of a large file; the last room is not being filled."""
        if len(chunk) >= LARGEST_BYTES:
            self._seal_raw(whole, [identity])
            return
        room = self._rooms[-1]
        room.space(len(chunk))[:] = chunk
        room.keep(identity, len(chunk))
        if room.is_full:
            self._seal(room)

    def _answer(self) -> bytes:
        while not self._answers:
            self._take(self._wire.receive())
        return self._answers.popleft()

    def _keep(self, room: Room, pieces: Pieces, length: int) -> None:
        """Keep the new ones of the chunks that were read behind what a room holds."""
        answer = self._answer()
        at, kept, whole = 0, 0, room.space(length)
        for (identity, length), is_new in zip(pieces, answer, strict=True):
            if is_new:
                if kept != at:
                    whole[kept : kept + length] = whole[at : at + length]
                room.keep(identity, length)
                kept += length
            at += length
        if room.is_full or len(room.ids) > MOST_CHUNKS - SHARD_FILES:
            self._seal(room)

    def _seal(self, room: Room) -> None:
        """Put what a room holds into the pack, as one segment."""
        if room.ids:
            self._seal_raw(room.segment(), room.ids)
            room.clear()

    def _seal_raw(self, raw: memoryview, ids: list[bytes]) -> None:
        codec, frame = frames.encode(raw, level=self._craft.level)
        draft = self._pack_for(len(frame), len(ids))
        head = Head(codec, 0, len(raw), len(frame))
        counter, record = draft.reserve(head, ids)
        draft.key.seal_into(record, counter, head, frame=frame)
        if self._check is not None:
            self._check(draft.key, counter, record, raw)

    def _pack_for(self, frame_length: int, count: int) -> PackDraft:
        draft = self._draft
        if draft is not None:
            if draft.has_room(frame_length) and len(draft.ids) + count <= _MOST_IDS:
                return draft
            self._close_pack()
        while not self._free:
            self._take(self._wire.receive())
        self._space, salt = self._free.popleft()
        buffer = self._spaces[self._space]
        self._draft = PackDraft(
            ring=self._craft.ring, kind=DATA, salt=salt, full_bytes=HALF_BYTES, buffer=buffer
        )
        return self._draft

    def _close_pack(self) -> None:
        draft, self._draft = self._draft, None
        if draft is not None:
            info, _ = draft.finish()
            assert draft.buffer is self._spaces[self._space]
            self._wire.send(
                PACK, self._space, info.name, info.salt, info.size_bytes, info.catalogue
            )

    def _take(self, message: Message) -> None:
        if message[0] == SPACE:
            self._free.append((message[1], message[2]))
        elif message[0] == ANSWER:
            self._answers.append(message[1])
        else:
            self._waiting.append(message)
