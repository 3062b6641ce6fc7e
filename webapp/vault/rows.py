"""Rows: entries as bytes. Equal facts give equal bytes, so that what did not change is told by
comparing bytes, and is kept without ever becoming an object.

A row is ``length of facts (4) | facts | content``; the content part is empty for all but files.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from typing import NamedTuple

from webapp.items import Entry, EntryKind, Seen, StoredEntry, key_of
from webapp.vault.errors import BadSource, Damaged
from webapp.vault.ids import REF

_LENGTH = struct.Struct("<I")
_FACTS = struct.Struct("<BxHIIQqIqIQQIHHIII")
_PLAIN_START = struct.Struct("<BxHIIQqIqIQQIHHII")
_NONE = bytes(4)
_XATTR = struct.Struct("<HI")
_CONTENT = struct.Struct("<32sBxxxII")
_HOLE = struct.Struct("<QQ")
_SECOND = 1_000_000_000
FACTS_BYTES = _FACTS.size
SMALLEST_BYTES = _LENGTH.size + FACTS_BYTES  # of a row
UNSURE, LISTED = 1, 2  # flags of the content part
LIST_MARK = b"list"  # first of StoredEntry.chunks if the others lead to lists of references

_KINDS = {
    EntryKind.FILE: 1,
    EntryKind.FOLDER: 2,
    EntryKind.SYMLINK: 3,
    EntryKind.FIFO: 4,
    EntryKind.CHARACTER: 5,
    EntryKind.BLOCK: 6,
}
_KIND_OF = {number: kind for kind, number in _KINDS.items()}


class Content(NamedTuple):
    """A file's content part.

    Attributes:
        refs: references to its chunks; with ``LISTED``, to chunks that hold more references.
    """

    digest: bytes
    flags: int
    holes: Sequence[tuple[int, int]]
    refs: Sequence[bytes]

    def pack(self) -> bytes:
        head = _CONTENT.pack(self.digest, self.flags, len(self.holes), len(self.refs))
        holes = b"".join(_HOLE.pack(*hole) for hole in self.holes)
        return head + holes + b"".join(self.refs)


def pack_facts(entry: Entry) -> bytes:
    """Everything about an entry but its content.

    Raises:
        BadSource: a number is larger than any file system's.
    """
    try:
        return _pack_facts(entry)
    except (struct.error, UnicodeEncodeError) as error:
        raise BadSource(f"{key_of(entry.path)}: its facts cannot be kept: {error}") from error


def _pack_facts(entry: Entry) -> bytes:
    path, hardlink, target = entry.path, entry.hardlink, entry.link_target
    user, group = name_bytes(entry.user), name_bytes(entry.group)
    mtime_s, mtime_ns = divmod(entry.mtime_ns, _SECOND)
    ctime_s, ctime_ns = divmod(entry.ctime_ns, _SECOND)
    head = _FACTS.pack(
        _KINDS[entry.kind], entry.mode, entry.uid, entry.gid, entry.size,
        mtime_s, mtime_ns, ctime_s, ctime_ns, entry.inode, entry.device,
        len(path), len(user), len(group), len(hardlink), len(target), len(entry.xattrs),
    )  # fmt: skip
    facts = head + path + user + group + hardlink + target
    return facts + _pack_xattrs(entry.xattrs) if entry.xattrs else facts


def plain_start(status: os.stat_result | Seen, path: bytes, user: bytes, group: bytes) -> bytes:
    """The facts of a regular file with one name, up to its xattrs' count; texts come after that."""
    mtime_s, mtime_ns = divmod(status.st_mtime_ns, _SECOND)
    ctime_s, ctime_ns = divmod(status.st_ctime_ns, _SECOND)
    return _PLAIN_START.pack(
        1, status.st_mode & 0o7777, status.st_uid, status.st_gid, status.st_size,
        mtime_s, mtime_ns, ctime_s, ctime_ns, status.st_ino, 0,
        len(path), len(user), len(group), 0, 0,
    )  # fmt: skip


def plain_facts(start: bytes, texts: bytes, xattrs: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Complete what ``plain_start`` began. *texts* are path, user and group."""
    if not xattrs:
        return start + _NONE + texts
    return start + _LENGTH.pack(len(xattrs)) + texts + _pack_xattrs(xattrs)


def name_bytes(name: str) -> bytes:
    """A user's or group's name as rows hold it."""
    return name.encode("utf-8", "surrogateescape")


def make_row(facts: bytes, content: bytes) -> bytes:
    return _LENGTH.pack(len(facts)) + facts + content


def split_row(row: bytes) -> tuple[bytes, bytes]:
    """Facts and content of a row."""
    (length,) = _LENGTH.unpack_from(row)
    return row[4 : 4 + length], row[4 + length :]


def path_of(facts: bytes) -> bytes:
    (length,) = _LENGTH.unpack_from(facts, _PATH_LENGTH_AT)
    return facts[FACTS_BYTES : FACTS_BYTES + length]


def size_of(facts: bytes) -> int:
    return int.from_bytes(facts[_SIZE_AT : _SIZE_AT + 8], "little")


def lasting(facts: bytes) -> bytes:
    """Facts without ctime and inode, which no restore can bring back."""
    return facts[:_CTIME_AT] + facts[_INODE_END:]


def row_path(row: bytes) -> bytes:
    """The path of a row, without taking it apart."""
    (length,) = _LENGTH.unpack_from(row, 4 + _PATH_LENGTH_AT)
    return row[4 + FACTS_BYTES : 4 + FACTS_BYTES + length]


def is_folder(row: bytes) -> bool:
    return row[4] == _KINDS[EntryKind.FOLDER]


def unpack_content(content: bytes) -> Content:
    """Take a content part to pieces.

    Raises:
        Damaged: its numbers do not add up to its length.
    """
    try:
        digest, flags, hole_count, ref_count = _CONTENT.unpack_from(content)
    except struct.error:
        raise Damaged("manifest", "a file's content part is cut short") from None
    refs_at = _CONTENT.size + hole_count * _HOLE.size
    if len(content) != refs_at + ref_count * REF.size:  # before anything is made of them
        raise Damaged("manifest", "a file's content part does not add up")
    holes = tuple(_HOLE.iter_unpack(content[_CONTENT.size : refs_at]))
    size = REF.size
    refs = tuple(content[at : at + size] for at in range(refs_at, refs_at + ref_count * size, size))
    return Content(digest, flags, holes, refs)


def holes_fit(holes: Sequence[tuple[int, int]], size: int) -> bool:
    """Whether they ascend, do not overlap, and lie within a file of this size."""
    end = 0
    for offset, length in holes:
        if offset < end:
            return False
        end = offset + length
    return end <= size


def adds_up(holes: Sequence[tuple[int, int]], refs: Sequence[bytes], size: int) -> bool:
    """Whether holes and chunks make up a file of this size."""
    return sum(length for _, length in holes) + sum(map(_ref_length, refs)) == size


def is_unsure(content: bytes) -> bool:
    return len(content) <= 32 or bool(content[32] & UNSURE)


def is_unsure_at(row: bytes, content_at: int) -> bool:
    at = content_at + 32
    return len(row) <= at or bool(row[at] & UNSURE)


def is_listed(content: bytes) -> bool:
    """Whether its references lie in manifest chunks. Raises ``Damaged`` if it is cut short."""
    try:
        return bool(content[32] & LISTED)
    except IndexError:
        raise Damaged("manifest", "a file's content part is cut short") from None


def content_at(row: bytes) -> int:
    """Where a row's content part begins."""
    return 4 + int.from_bytes(row[:4], "little")


def chunk_ids(content: bytes) -> list[bytes]:
    """The ids that a content part refers to, without taking it apart."""
    first = _CONTENT.size
    is_usual = content[_HOLE_COUNT_AT:first] == _NO_HOLE_ONE_REF
    if is_usual and len(content) == first + REF.size:
        return [content[first : first + 32]]
    return [ref[:32] for ref in unpack_content(content).refs]


def sure_chunk(row: bytes) -> bytes:
    """The id of a file's only chunk; empty if there are more or none, or it has another size than
    the file, or the file is unsure."""
    at = 4 + int.from_bytes(row[:4], "little")
    ref_at = at + _CONTENT.size
    if row[at + 32 : ref_at] != _SURE_ONE_REF or row[ref_at + 32 :] != row[_SIZE_IN_ROW]:
        return b""
    return row[ref_at : ref_at + 32]


def _ref_length(ref: bytes) -> int:
    return int.from_bytes(ref[32:], "little")


def pack_plain(digest: bytes, flags: int, refs: bytes) -> bytes:
    """The content part of a file without holes, whose references are joined."""
    return _CONTENT.pack(digest, flags, 0, len(refs) // REF.size) + refs


def unpack_row(row: bytes, *, where: str = "manifest") -> StoredEntry:
    """The entry that a row stands for."""
    try:
        facts, content = split_row(row)
        entry = _unpack_facts(facts)
        if content:
            _set_content(entry, unpack_content(content))
    except (struct.error, KeyError, IndexError, UnicodeDecodeError):
        raise Damaged(where, "a row is malformed") from None
    return entry


def _set_content(entry: StoredEntry, content: Content) -> None:
    entry.digest = content.digest
    entry.holes = tuple(content.holes)
    entry.unsure = bool(content.flags & UNSURE)
    mark = (LIST_MARK,) if content.flags & LISTED else ()
    entry.chunks = mark + tuple(content.refs)


def _unpack_facts(facts: bytes) -> StoredEntry:
    (
        kind, mode, uid, gid, size, mtime_s, mtime_ns, ctime_s, ctime_ns, inode, device,
        path_n, user_n, group_n, hardlink_n, target_n, xattr_n,
    ) = _FACTS.unpack_from(facts)  # fmt: skip
    user_at = FACTS_BYTES + path_n
    group_at = user_at + user_n
    hardlink_at = group_at + group_n
    target_at = hardlink_at + hardlink_n
    xattrs_at = target_at + target_n
    return StoredEntry(
        path=facts[FACTS_BYTES:user_at],
        kind=_KIND_OF[kind],
        mode=mode,
        uid=uid,
        gid=gid,
        user=facts[user_at:group_at].decode("utf-8", "surrogateescape"),
        group=facts[group_at:hardlink_at].decode("utf-8", "surrogateescape"),
        size=size,
        mtime_ns=mtime_s * _SECOND + mtime_ns,
        ctime_ns=ctime_s * _SECOND + ctime_ns,
        inode=inode,
        hardlink=facts[hardlink_at:target_at],
        link_target=facts[target_at:xattrs_at],
        device=device,
        xattrs=_unpack_xattrs(facts, xattrs_at, xattr_n),
    )


def _pack_xattrs(xattrs: Sequence[tuple[bytes, bytes]]) -> bytes:
    return b"".join(_XATTR.pack(len(name), len(value)) + name + value for name, value in xattrs)


def _unpack_xattrs(facts: bytes, at: int, count: int) -> tuple[tuple[bytes, bytes], ...]:
    found = []
    for _ in range(count):
        name_n, value_n = _XATTR.unpack_from(facts, at)
        at += _XATTR.size
        found.append((facts[at : at + name_n], facts[at + name_n : at + name_n + value_n]))
        at += name_n + value_n
    if at != len(facts):
        raise struct.error("its numbers do not add up to its length")
    return tuple(found)


_HOLE_COUNT_AT = struct.calcsize("<32sBxxx")
_NO_HOLE_ONE_REF = struct.pack("<II", 0, 1)
_SURE_ONE_REF = struct.pack("<BxxxII", 0, 0, 1)
_SIZE_AT = struct.calcsize("<BxHII")
_SIZE_IN_ROW = slice(4 + _SIZE_AT, 4 + _SIZE_AT + 4)  # as much of it as a chunk can have
_CTIME_AT = struct.calcsize("<BxHIIQqI")
_INODE_END = struct.calcsize("<BxHIIQqIqIQ")
_PATH_LENGTH_AT = struct.calcsize("<BxHIIQqIqIQQ")
