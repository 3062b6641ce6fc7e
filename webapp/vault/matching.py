"""Which facts must be equal for a file to count as unchanged."""

from __future__ import annotations

import struct
from enum import StrEnum

_SIZE_AT = struct.calcsize("<BxHII")
_CTIME_AT = struct.calcsize("<BxHIIQqI")
_INODE_AT = struct.calcsize("<BxHIIQqIqI")
_END = struct.calcsize("<BxHIIQqIqIQ")
_NO_TIME = bytes(12)
_FACTS_AT = 4  # in a row
_FILE = 1  # the kind, in a row's facts
_FEWEST, _SHARE = 10, 0.9


class Match(StrEnum):
    """``full`` compares size, mtime, ctime and inode; the others leave one out."""

    FULL = "full"
    NO_INODE = "no-inode"
    NO_CTIME = "no-ctime"

    def same(self, facts: bytes, old: bytes) -> bool:
        """Compare two packed facts. A time that a source does not have proves nothing."""
        if facts[_SIZE_AT:_CTIME_AT] != old[_SIZE_AT:_CTIME_AT]:
            return False
        if facts[_SIZE_AT + 8 : _CTIME_AT] == _NO_TIME:
            return False
        if self is not Match.NO_INODE and facts[_INODE_AT:_END] != old[_INODE_AT:_END]:
            return False
        if self is Match.NO_CTIME:
            return True
        ctime = facts[_CTIME_AT:_INODE_AT]
        return ctime != _NO_TIME and ctime == old[_CTIME_AT:_INODE_AT]


def state_of(facts: bytes) -> bytes:
    """Size, mtime, ctime and inode: while they are equal, a name leads to the same content."""
    return facts[_SIZE_AT:_END]


class InodeWatch:
    """Counts files that are as the parent has them but for their inode numbers.

    Some network and FUSE file systems number their files anew at each mount. Then everything is
    read again each time, and a word of advice saves hours.
    """

    def __init__(self, match: Match) -> None:
        self._is_on = match is Match.FULL
        self._count = 0

    def look(self, row: bytes, old: bytes) -> None:
        """A row that is not the parent's."""
        if not self._is_on or row[_FACTS_AT] != _FILE or old[_FACTS_AT] != _FILE:
            return
        facts, before = row[_FACTS_AT : _FACTS_AT + _END], old[_FACTS_AT : _FACTS_AT + _END]
        if facts[_INODE_AT:] != before[_INODE_AT:] and Match.NO_INODE.same(facts, before):
            self._count += 1

    def advice(self, compared: int) -> str:
        """What to say after *compared* files that the parent had as well; empty if nothing."""
        if compared < _FEWEST or self._count <= _SHARE * compared:
            return ""
        return (
            f"{self._count} of {compared} files were read again only because their inode numbers "
            "changed. If this place numbers its files anew at each mount, let the source compare "
            f"without them: match mode {Match.NO_INODE}."
        )
