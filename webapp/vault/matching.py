"""Which facts must be equal for a file to count as unchanged."""

from __future__ import annotations

import struct
from enum import StrEnum

_SIZE_AT = struct.calcsize("<BxHII")
_CTIME_AT = struct.calcsize("<BxHIIQqI")
_INODE_AT = struct.calcsize("<BxHIIQqIqI")
_END = struct.calcsize("<BxHIIQqIqIQ")
_NO_TIME = bytes(12)


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
