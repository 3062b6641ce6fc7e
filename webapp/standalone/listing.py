"""What a vault holds: its snapshots, and the entries of one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import islice

from webapp.items import EntryKind, StoredEntry, is_safe, path_to_text, text_to_path
from webapp.standalone.naming import snapshot_called
from webapp.standalone.vaults import Where, opened
from webapp.vault.errors import SnapshotMissing
from webapp.vault.retention.labels import Label, is_good, tags_of
from webapp.vault.snapshots import Snapshot
from webapp.vault.vault import Vault

TREE = b"tree"
_IN_TREE = re.compile(r"(^|^everything from | to before )tree/")
Document = dict[str, object]


def snapshots(
    where: Where,
    *,
    source: str | None = None,
    tags: Collection[str] = (),
    last: int | None = None,
) -> list[Document]:
    """All snapshots, or one source's, newest first, with what was said about each.

    Args:
        tags: only those that have all of these.
        last: only so many.
    """
    with opened(where) as vault:
        labels = vault.labels()
        chosen = (
            one for one in vault.snapshots(source) if set(tags) <= tags_of(one, labels[one.id])
        )
        return [described(one) | labelled(one, labels[one.id]) for one in islice(chosen, last)]


def labelled(snapshot: Snapshot, label: Label) -> Document:
    """Tags, pin and holds of a snapshot."""
    return {
        "tags": sorted(tags_of(snapshot, label)),
        "pinned": label.is_pinned,
        "holds": [{"reason": one.text, "until_ns": one.until_ns or None} for one in label.holds],
    }


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
        "good": is_good(snapshot),
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


def ending(path: str, most: int = 32) -> str:
    """The end of a long path: what a person can tell apart while many pass by."""
    return path if len(path) <= most else "…" + path[1 - most :]


def shown_text(words: str) -> str:
    """The same for what a check says: a path as text, or from which to which there are some."""
    return _IN_TREE.sub(r"\1/", words)


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
