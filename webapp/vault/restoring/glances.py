"""What a restore asks of most rows, read without taking them apart. See ``rows`` for the layout."""

from __future__ import annotations

import struct

from webapp.items import EntryKind, StoredEntry
from webapp.vault import rows
from webapp.vault.errors import Damaged
from webapp.vault.ids import REF

_FACTS = struct.Struct("<4xBxHIIQqIqIQQIHHIII")
_FILE = 1
_NONE = bytes(4)
_SECOND = 1_000_000_000
_SIZE = struct.Struct("<Q")
_SIZE_AT = 4 + struct.calcsize("<BxHII")
_LINK_LENGTH_AT = 4 + struct.calcsize("<BxHIIQqIqIQQIHH")
_LINK_LENGTH_END = _LINK_LENGTH_AT + 4
_REFS_AT = struct.calcsize("<32sBxxxII")
_NO_HOLE_ONE_REF = struct.pack("<II", 0, 1)


def is_plain_file(row: bytes) -> bool:
    """Whether a row is of a file that shares its content with no earlier one."""
    return row[4] == _FILE and row[_LINK_LENGTH_AT:_LINK_LENGTH_END] == _NONE


def size_of(row: bytes) -> int:
    (size,) = _SIZE.unpack_from(row, _SIZE_AT)
    return int(size)


def only_ref(row: bytes) -> bytes | None:
    """The reference to a file's only chunk, if it has one chunk and no hole."""
    first = rows.content_at(row) + _REFS_AT
    is_one = row[first - 8 : first] == _NO_HOLE_ONE_REF and not row[first - 12] & rows.LISTED
    return row[first : first + REF.size] if is_one else None


def whole_file(row: bytes) -> StoredEntry:
    """The entry of a file that needs no list of chunks and holes any more."""
    try:
        (
            kind, mode, uid, gid, size, mtime_s, mtime_ns, _, _, _, _,
            path_n, user_n, group_n, link_n, _, xattr_n,
        ) = _FACTS.unpack_from(row)  # fmt: skip
        if kind != _FILE or xattr_n or link_n:
            return rows.unpack_row(row)
        at = _FACTS.size + path_n
        end = at + user_n
        return StoredEntry(
            path=row[_FACTS.size : at],
            kind=EntryKind.FILE,
            mode=mode,
            uid=uid,
            gid=gid,
            user=row[at:end].decode("utf-8", "surrogateescape"),
            group=row[end : end + group_n].decode("utf-8", "surrogateescape"),
            size=size,
            mtime_ns=mtime_s * _SECOND + mtime_ns,
            digest=row[end + group_n : end + group_n + 32],
        )
    except (struct.error, UnicodeDecodeError):
        raise Damaged("manifest", "a row is malformed") from None
