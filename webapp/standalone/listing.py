"""What a vault holds: its snapshots, and the entries of one."""

from __future__ import annotations

from collections.abc import Iterator

from webapp.items import EntryKind, StoredEntry, is_safe, path_to_text, text_to_path
from webapp.standalone.naming import snapshot_called
from webapp.standalone.vaults import Where, opened
from webapp.vault.errors import SnapshotMissing
from webapp.vault.snapshots import Snapshot
from webapp.vault.vault import Vault

TREE = b"tree"
Document = dict[str, object]


def snapshots(where: Where, *, source: str | None = None) -> list[Document]:
    """All snapshots, or one source's, newest first."""
    with opened(where) as vault:
        return [described(one) for one in vault.snapshots(source)]


def described(snapshot: Snapshot) -> Document:
    """A snapshot as ``--json`` prints it."""
    counts = snapshot.counts
    return {
        "id": snapshot.id,
        "time": snapshot.created_at.isoformat(),
        "source": snapshot.name,
        "files": counts.get("files", 0),
        "dirs": counts.get("folders", 0),
        "bytes": counts.get("logical_bytes", 0),
        "failed": counts.get("failed", 0),
        "reason": snapshot.reason,
        "metadata": dict(snapshot.metadata),
        "parent": snapshot.parent,
    }


def entries(
    where: Where, snapshot: str, *, path: str = "", recursive: bool = False
) -> Iterator[Document]:
    """What lies directly in *path* of a snapshot, or all below it; a file gives itself.

    Raises:
        SnapshotMissing: there is no such snapshot, or no such path in it.
    """
    with opened(where) as vault:
        found = snapshot_called(vault, snapshot)
        for at in [stored_path(path)] if path else _sections(vault, found):
            yield from map(_entry, _rows(vault, found, at=at, recursive=recursive))


def _sections(vault: Vault, snapshot: Snapshot) -> list[bytes]:
    return [entry.path for entry in vault.children(snapshot, b"")]


def _rows(vault: Vault, snapshot: Snapshot, *, at: bytes, recursive: bool) -> Iterator[StoredEntry]:
    entry = vault.find(snapshot, at)
    if entry is None:
        raise SnapshotMissing(f"Snapshot {snapshot.id[:8]} holds no {shown_path(at)}.")
    if entry.kind is not EntryKind.FOLDER:
        return iter([entry])
    if recursive:
        return (one for one in vault.entries(snapshot, under=at) if one.path != at)
    return vault.children(snapshot, at)


def stored_path(text: str) -> bytes:
    """``/srv/web`` → ``tree/srv/web``; nothing → the top of the snapshot.

    Raises:
        SnapshotMissing: it cannot be a path in a snapshot.
    """
    raw = text_to_path(text).strip(b"/")
    if not raw:
        return TREE
    if not is_safe(raw):
        raise SnapshotMissing(f"{text} cannot be in a snapshot: write it without . and .. parts.")
    return TREE + b"/" + raw


def shown_path(path: bytes) -> str:
    """``tree/srv/web`` → ``/srv/web``; databases and configuration keep their section."""
    section, _, rest = path.partition(b"/")
    return "/" + path_to_text(rest) if section == TREE else path_to_text(path)


def _entry(entry: StoredEntry) -> Document:
    return {
        "path": shown_path(entry.path),
        "kind": str(entry.kind),
        "mode": f"{entry.mode:04o}",
        "uid": entry.uid,
        "gid": entry.gid,
        "user": entry.user,
        "group": entry.group,
        "size": entry.size,
        "mtime_ns": entry.mtime_ns,
        "link_target": path_to_text(entry.link_target),
        "hardlink": shown_path(entry.hardlink) if entry.hardlink else "",
    }
