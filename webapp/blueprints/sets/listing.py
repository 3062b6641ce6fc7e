"""A folder of a restore point, as rows of a page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from webapp.items import EntryKind, StoredEntry, key_of, path_to_text
from webapp.services.browse import Listing

_TOP = {b"tree": "Files", b"db": "Databases", b"config": "Settings files"}
_ICONS = {
    EntryKind.FOLDER: "folder",
    EntryKind.FILE: "file",
    EntryKind.SYMLINK: "link",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    key: str
    name: str
    icon: str
    is_folder: bool
    size: int | None
    changed_at: datetime | None
    mode: str
    owner: str
    kind: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Crumb:
    name: str
    key: str


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where in a restore point a page is. *crumbs* lead there; the last is the place itself."""

    crumbs: list[Crumb]
    rows: list[Row]

    @property
    def key(self) -> str:
        return self.crumbs[-1].key if self.crumbs else ""

    @property
    def name(self) -> str:
        return self.crumbs[-1].name if self.crumbs else "Everything"

    @classmethod
    def of(cls, listing: Listing) -> Place:
        rows = sorted((row(entry) for entry in listing.entries), key=_folders_first)
        return cls(crumbs=crumbs(listing.path), rows=rows)

    @classmethod
    def around(cls, entry: StoredEntry) -> Place:
        return cls(crumbs=crumbs(entry.path), rows=[])


def crumbs(path: bytes) -> list[Crumb]:
    parts = path.split(b"/") if path else []
    return [
        Crumb(name=_name(b"/".join(parts[: end + 1])), key=key_of(b"/".join(parts[: end + 1])))
        for end in range(len(parts))
    ]


def row(entry: StoredEntry) -> Row:
    is_file = entry.kind is EntryKind.FILE
    return Row(
        key=key_of(entry.path),
        name=_name(entry.path),
        icon=_ICONS.get(entry.kind, "file"),
        is_folder=entry.kind is EntryKind.FOLDER,
        size=entry.size if is_file else None,
        changed_at=changed_at(entry),
        mode=f"{entry.mode:04o}",
        owner=f"{entry.user or entry.uid}:{entry.group or entry.gid}",
        kind=entry.kind.value,
        note=_note(entry),
    )


def changed_at(entry: StoredEntry) -> datetime | None:
    """None for a time that no calendar has, which a file system may well hold."""
    if not entry.mtime_ns:
        return None
    try:
        return datetime.fromtimestamp(entry.mtime_ns / 1e9, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _note(entry: StoredEntry) -> str:
    if entry.kind is EntryKind.SYMLINK:
        return "→ " + path_to_text(entry.link_target)
    if entry.hardlink:
        return "same file as " + path_to_text(entry.hardlink.partition(b"/")[2])
    return ""


def _name(path: bytes) -> str:
    return _TOP.get(path) or path_to_text(path.rpartition(b"/")[2])


def _folders_first(found: Row) -> tuple[bool, str]:
    return (not found.is_folder, found.name.lower())
