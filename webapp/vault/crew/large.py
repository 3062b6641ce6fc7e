"""How a hand reads a file that is more than one chunk: through a window, as its parent would."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable

from blake3 import blake3

from webapp.items import Eyes, Seen
from webapp.vault.chunking import WINDOW_BYTES, Profile, cuts
from webapp.vault.glancing import Xattrs, is_as_seen
from webapp.vault.ids import make_ref
from webapp.vault.progress import unpaced

_STEP_BYTES = 1 << 20
_TABLE = struct.Struct("<II")  # of a segment with one chunk, which follows it


class Window:
    """Reads one file at a time.

    Args:
        key: for the chunks' ids.
        claim: says of ids, joined, which chunks are new. Those must then be packed, whatever
            becomes of the file: others may count on them.
        pack: takes a chunk's id, itself, and the same with the segment's table in front of it;
            good until it returns.
        pace: told of each stretch that was read; may wait.
    """

    def __init__(
        self,
        key: bytes,
        claim: Callable[[bytes], bytes],
        pack: Callable[[bytes, memoryview, memoryview], None],
        *,
        pace: Callable[[int], None] = unpaced,
    ) -> None:
        self._key, self._claim, self._pack, self._pace = key, claim, pack, pace
        self._memory = memoryview(bytearray(_TABLE.size + WINDOW_BYTES))
        self._room = self._memory[_TABLE.size :]

    def read(
        self, eyes: Eyes, place: tuple[int, bytes], seen: Seen, profile: Profile
    ) -> tuple[bytes, bytes, Xattrs] | None:
        """Digest, references and xattrs of a file; None if it is not what was seen.

        Raises:
            OSError: it cannot be read.
        """
        file = eyes.open(*place)
        try:
            if not is_as_seen(os.fstat(file), seen):
                return None
            content = self._content(file, seen.st_size, profile)
            after, xattrs = os.fstat(file), eyes.xattrs(file)
        finally:
            os.close(file)
        if content is None or not is_as_seen(after, seen):
            return None
        return (*content, xattrs)

    def _content(self, file: int, left: int, profile: Profile) -> tuple[bytes, bytes] | None:
        refs: list[bytes] = []
        hasher, filled, room = blake3(), 0, self._room
        while left:
            got = os.readv(file, (room[filled : filled + min(_STEP_BYTES, left)],))
            if not got:
                return None  # it shrank
            self._pace(got)
            hasher.update(room[filled : filled + got])
            filled += got
            left -= got
            if filled == len(room) or not left:
                found = list(cuts(room[:filled], profile, at_end=not left))
                refs += self._store(found)
                done = found[-1][1]
                room[: filled - done] = room[done:filled]
                filled -= done
        return hasher.digest(), b"".join(refs)

    def _store(self, found: list[tuple[int, int]]) -> list[bytes]:
        """Have the new ones of these chunks packed; return all their references."""
        room, key = self._room, self._key
        ids = [blake3(room[start:end], key=key).digest() for start, end in found]
        answer = self._claim(b"".join(ids))
        for identity, (start, end), is_new in zip(ids, found, answer, strict=True):
            if is_new:
                # Its table overwrites the end of the chunk before it, which was packed already.
                _TABLE.pack_into(self._memory, start, 1, end - start)
                whole = self._memory[start : end + _TABLE.size]
                self._pack(identity, room[start:end], whole)
        return [make_ref(one, end - start) for one, (start, end) in zip(ids, found, strict=True)]
