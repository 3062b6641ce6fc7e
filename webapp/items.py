"""What a snapshot is made of: the words that connectors and the vault share.

A snapshot is one sorted stream of entries. Its top folders are fixed, one for each sort of thing:

    tree/<path>       files and folders           item key ``tree:<path>``
    db/<name>         one database                item key ``db:<name>``
    config/<name>     one configuration file      item key ``config:<name>``

Paths are bytes, relative, with ``/`` between the parts: what a file system holds need not be text.
Keys are text and can be turned back into the path without loss.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import BinaryIO, NamedTuple, Protocol, runtime_checkable

from blake3 import blake3

Json = Mapping[str, object]


class EntryKind(StrEnum):
    FILE = "file"
    FOLDER = "folder"
    SYMLINK = "symlink"
    FIFO = "fifo"
    CHARACTER = "character"
    BLOCK = "block"


@dataclass(slots=True, kw_only=True)
class Entry:
    """One thing in a tree, as found: everything about it except its content.

    Attributes:
        path: relative to the snapshot, such as ``b"tree/images/a.png"``.
        mode: permission bits only, ``0o7777`` at most.
        user, group: names at the source, empty where the id has none.
        size: bytes of content; 0 for all but files.
        inode, ctime_ns: 0 where the source has none; used to recognise what did not change.
        hardlink: path of the entry (earlier in the stream) whose content this one shares, or empty.
        link_target: what a symlink points to, unresolved.
        device: ``st_rdev`` of a device node.
        xattrs: name and value, sorted by name. POSIX ACLs are among them (``system.posix_acl_*``).
    """

    path: bytes
    kind: EntryKind
    mode: int
    uid: int = 0
    gid: int = 0
    user: str = ""
    group: str = ""
    size: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    inode: int = 0
    hardlink: bytes = b""
    link_target: bytes = b""
    device: int = 0
    xattrs: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(slots=True, kw_only=True)
class StoredEntry(Entry):
    """An entry as a snapshot holds it.

    Attributes:
        digest: BLAKE3 of the whole content, holes read as zeros; 32 bytes for a file (for a
            hardlink, that of the content it shares), else empty.
        holes: ``(offset, length)`` of the ranges that are holes, ascending.
        chunks: ids of the chunks that make up the content; the vault's own business.
        unsure: it may have changed while it was read, or is too young to be told apart by its
            times; read again next time.
    """

    digest: bytes = b""
    holes: tuple[tuple[int, int], ...] = ()
    chunks: tuple[bytes, ...] = ()
    unsure: bool = False


class Report(Protocol):
    """Where a source says what it could not read. Nothing is ever left out without a word."""

    def failed(self, key: str, code: str, message: str) -> None:
        """*key* should have been captured and was not. *code* is one of ``REASONS``."""

    def skipped(self, key: str, code: str, message: str) -> None:
        """*key* was left out for a reason that is no fault, such as a socket."""

    def note(self, message: str) -> None:
        """A line for the log."""


class EntrySource(Protocol):
    """Something that can be captured: the entries, in order, and their content."""

    def entries(self) -> Iterator[Entry]:
        """Yield every entry once, sorted by ``sort_key(path)``, folders before what is in them."""

    def open(self, entry: Entry) -> BinaryIO:
        """Open a file's content for reading; unbuffered, with a ``fileno`` where there is one.

        Raises:
            OSError: it is gone or cannot be read. The caller reports it.
        """

    def facts(self) -> Mapping[str, Json]:
        """After ``entries`` is used up: what is known of each database, by item key.

        ``{"db:shop": {"engine": "sqlite", "tables": {"orders": 12}, "schema": "…"}}``
        """

    def close(self) -> None:
        """Give back descriptors and scratch files. Safe to call twice."""


Sighting = tuple[bytes, os.stat_result, int, bytes]
"""A regular file with one name, just seen: path in the stream, ``lstat``, descriptor of its folder,
name in there. The descriptor is good until the next one is asked for."""


class Seen(NamedTuple):
    """What matters of an ``lstat``, by the same names."""

    st_mode: int
    st_uid: int
    st_gid: int
    st_size: int
    st_mtime_ns: int
    st_ctime_ns: int
    st_ino: int
    st_dev: int


class Eyes(Protocol):
    """Looks at a ``Sighting``, and never follows a link."""

    def entry(self, sighting: Sighting) -> Entry:
        """All that an entry says. Raises ``OSError``."""

    def open(self, folder: int, name: bytes) -> int:
        """A descriptor for reading. Raises ``OSError``."""

    def xattrs(self, descriptor: int) -> tuple[tuple[bytes, bytes], ...]:
        """As in an entry. Raises ``OSError``."""

    def owner(self, uid: int, gid: int) -> tuple[str, str]:
        """Names of user and group, as in an entry."""


@runtime_checkable
class SightSource(EntrySource, Protocol):
    """A source of very many small files. It tells of most of them by sightings, so that nobody
    makes an entry for a file that did not change, or opens one by its whole path."""

    def sightings(self) -> Iterator[Entry | Sighting]:
        """What ``entries`` yields, in the same order; instead of it."""

    def eyes(self) -> Eyes:
        """What looks at the sightings."""


@runtime_checkable
class PlaceSource(SightSource, Protocol):
    """One whose files can be found again, also by a fork of this process."""

    def place(self, path: bytes) -> tuple[int, bytes]:
        """The open folder that a path lies in, and its name there. The descriptor is good until
        the next path is asked for. Raises ``OSError``."""


class Fate(StrEnum):
    """What a restore does about one entry."""

    CREATE = "create"
    UPDATE = "update"  # written anew: its content differs, or cannot be told to be the same
    MEND = "mend"  # its content is right, its facts are not
    LEAVE = "leave"


class NotPlaced(Exception):
    """One entry cannot be put where it belongs; the restore goes on without it.

    Attributes:
        code: one of the words in ``webapp.connectors.base.REASONS``.
        is_there: it is in place, only some of its facts could not be set.
    """

    def __init__(self, code: str, message: str, *, is_there: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.is_there = is_there


class StoredContent(Protocol):
    """Reads content back out of a snapshot."""

    def open(self, entry: StoredEntry) -> BinaryIO:
        """Open a stored file's content, seekable; every byte that is read is authenticated."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a capture counted so far. Files are counted, folders and links apart."""

    files: int = 0
    folders: int = 0
    others: int = 0
    unchanged: int = 0
    new: int = 0
    changed: int = 0
    failed: int = 0
    skipped: int = 0
    logical_bytes: int = 0  # size of all files that the snapshot holds
    read_bytes: int = 0  # bytes read from the source this time
    stored_bytes: int = 0  # bytes added to the vault, after dedup and compression
    current: bytes = field(default=b"")  # path in work


_TEXT_SAFE = re.compile(r"[\x00-\x1f\x7f\\\udc80-\udcff\u0080-\u009f\u2028\u2029\u202a-\u202e]")


def sort_key(path: bytes) -> bytes:
    """Order paths part by part: ``/`` below every byte that a name can have."""
    return path.replace(b"/", b"\x00")


def path_to_text(path: bytes) -> str:
    r"""Write *path* as text that can be shown and turned back: bytes that are not printable
    UTF-8 become ``\xNN``, and a backslash is doubled."""
    return _TEXT_SAFE.sub(_escape, path.decode("utf-8", "surrogateescape"))


def text_to_path(text: str) -> bytes:
    """The inverse of ``path_to_text``."""
    raw = text.encode("utf-8", "surrogateescape")
    return re.sub(rb"\\x([0-9a-f]{2})|\\\\", _unescape, raw)


def key_of(path: bytes) -> str:
    """``b"tree/a/b"`` → ``"tree:a/b"``; ``b"tree"`` → ``"tree:"``."""
    section, _, rest = path.partition(b"/")
    return f"{section.decode('ascii')}:{path_to_text(rest)}"


def path_of(key: str) -> bytes:
    """The inverse of ``key_of``.

    Raises:
        ValueError: *key* has no section, or its path could leave the snapshot.
    """
    section, colon, rest = key.partition(":")
    path = text_to_path(rest)
    if not colon or section not in {"tree", "db", "config"} or not is_safe(path):
        raise ValueError(f"not an item key: {key!r}")
    return section.encode() + (b"/" + path if path else b"")


def is_safe(path: bytes) -> bool:
    """Say whether a relative path stays where it is put: no empty, ``.`` or ``..`` part."""
    if not path:
        return True
    return not {b"", b".", b".."} & set(path.split(b"/")) and b"\x00" not in path


def fingerprint(entry: Entry, digest: bytes) -> str:
    """Sum up one entry's whole state, content and facts, as 64 hex digits.

    Two entries with the same fingerprint need no restore. Inode, ctime and the names of users
    are left out: a restored file cannot have the former, and ids decide over names.
    """
    mtime_ns = entry.mtime_ns if entry.kind is not EntryKind.SYMLINK else 0
    facts = (
        entry.kind.value, entry.mode if entry.kind is not EntryKind.SYMLINK else 0,
        entry.uid, entry.gid, entry.size, mtime_ns, entry.hardlink.hex(),
        entry.link_target.hex(), entry.device,
        tuple((name.hex(), value.hex()) for name, value in entry.xattrs), digest.hex(),
    )  # fmt: skip
    return blake3(repr(facts).encode()).hexdigest()


def _escape(match: re.Match[str]) -> str:
    if match[0] == "\\":
        return "\\\\"
    raw = match[0].encode("utf-8", "surrogateescape")
    return "".join(f"\\x{byte:02x}" for byte in raw)


def _unescape(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 16)]) if match[1] else b"\\"
