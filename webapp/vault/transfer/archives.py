"""A restore point as a tar archive, compressed with zstd, made while it is read."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import zstandard

from webapp.items import EntryKind, StoredContent, StoredEntry

_BLOCK = 1 << 20
_TYPES = {
    EntryKind.FILE: tarfile.REGTYPE,
    EntryKind.FOLDER: tarfile.DIRTYPE,
    EntryKind.SYMLINK: tarfile.SYMTYPE,
    EntryKind.FIFO: tarfile.FIFOTYPE,
    EntryKind.CHARACTER: tarfile.CHRTYPE,
    EntryKind.BLOCK: tarfile.BLKTYPE,
}


def packed(entries: Iterable[StoredEntry], contents: StoredContent) -> Iterator[bytes]:
    """The parts of a ``.tar.zst`` with these entries and their content.

    Names need not be UTF-8; times keep their nanoseconds and attributes are kept, in the way that
    GNU tar and libarchive read them. An error half way ends the stream, without the archive's end
    mark: an archive that is cut short is seen as such.
    """
    compressor = zstandard.ZstdCompressor(level=3).compressobj()
    for piece in plain(entries, contents):
        part = compressor.compress(piece)
        if part:
            yield part
    yield compressor.flush()


def plain(entries: Iterable[StoredEntry], contents: StoredContent) -> Iterator[bytes]:
    """The same, not compressed."""
    for entry in entries:
        header = header_of(entry)
        yield header.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
        if header.type == tarfile.REGTYPE:
            yield from _content(contents, entry)
    yield bytes(2 * tarfile.BLOCKSIZE)


def renamed(
    entries: Iterable[StoredEntry], name_of: Callable[[bytes], bytes | None]
) -> Iterator[StoredEntry]:
    """A part of a snapshot, as an archive of its own.

    A hard link to what is not in that part becomes a file, and later ones link to that.

    Args:
        name_of: gives a path's name in the archive: None if it is not in that part, empty for what
            needs no entry.
    """
    first_of: dict[bytes, bytes] = {}
    for entry in entries:
        name, hardlink = name_of(entry.path), entry.hardlink
        if not name:
            continue
        if hardlink:
            inside = name_of(hardlink)
            hardlink = inside or first_of.get(hardlink, b"")
            if not inside:
                first_of.setdefault(entry.hardlink, name)
        yield replace(entry, path=name, hardlink=hardlink)


def _content(contents: StoredContent, entry: StoredEntry) -> Iterator[bytes]:
    with contents.open(entry) as content:
        while block := content.read(_BLOCK):
            yield block
    yield bytes(-entry.size % tarfile.BLOCKSIZE)


def header_of(entry: StoredEntry) -> tarfile.TarInfo:
    """One entry in tar's words. A hardlink names the entry whose content it shares."""
    header = tarfile.TarInfo(_text(entry.path))
    header.type = tarfile.LNKTYPE if entry.hardlink else _TYPES[entry.kind]
    header.mode, header.uid, header.gid = entry.mode, entry.uid, entry.gid
    header.uname, header.gname = entry.user, entry.group
    header.size = entry.size if header.type == tarfile.REGTYPE else 0
    header.linkname = _text(entry.hardlink or entry.link_target)
    if header.type in {tarfile.CHRTYPE, tarfile.BLKTYPE}:
        header.devmajor, header.devminor = _device(entry.device)
    seconds, nanoseconds = divmod(entry.mtime_ns, 1_000_000_000)
    header.mtime = max(seconds, 0)
    more = {f"SCHILY.xattr.{_text(name)}": _text(value) for name, value in entry.xattrs}
    if nanoseconds or seconds < 0:
        more["mtime"] = _moment(entry.mtime_ns)
    header.pax_headers = more
    return header


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _moment(time_ns: int) -> str:
    sign, size = ("-", -time_ns) if time_ns < 0 else ("", time_ns)
    seconds, nanoseconds = divmod(size, 1_000_000_000)
    return f"{sign}{seconds}.{nanoseconds:09d}"


def _device(number: int) -> tuple[int, int]:
    """Major and minor number, as Linux packs them."""
    major = (number >> 8) & 0xFFF | (number >> 32) & ~0xFFF
    minor = number & 0xFF | (number >> 12) & ~0xFF
    return major, minor & 0xFFFFFFFF
