"""Looking through history: where a path was, and what differs between two snapshots."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from webapp.errors import Invalid
from webapp.items import StoredEntry, path_to_text, text_to_path
from webapp.standalone.listing import TREE, Document, shown_path, stored_path
from webapp.standalone.naming import snapshot_called
from webapp.standalone.vaults import Where, opened
from webapp.vault.search.comparing import Change, Summary
from webapp.vault.search.histories import Findings, History, Version

Tell = Callable[[int, int, str], None]


def find(
    where: Where, pattern: str, *, source: str | None = None, ignore_case: bool = False, tell: Tell
) -> Document:
    """What happened to the paths that match, in all snapshots.

    Args:
        pattern: a name or pattern of names, found in every folder; with ``/``, of whole paths.

    Raises:
        Invalid: it is not a pattern.
    """
    with opened(where) as vault:
        try:
            found = vault.find_all(
                stored_pattern(pattern),
                name=source,
                ignore_case=ignore_case,
                on_progress=lambda done, total: tell(done, total, f"{done} snapshots"),
            )
        except ValueError as error:
            raise Invalid({"pattern": str(error)}) from None
    return _findings(found)


def stored_pattern(text: str) -> bytes:
    """``*.php`` → ``**/*.php``; ``/srv/**`` → ``tree/srv/**``; ``srv/*`` → ``**/srv/*``."""
    raw = text_to_path(text)
    if raw.startswith(b"/"):
        return (TREE + b"/" + raw.strip(b"/")).rstrip(b"/")
    return b"**/" + raw.rstrip(b"/")


def _findings(found: Findings) -> Document:
    return {
        "searched": found.searched,
        "paths": [_history(source, history) for source, history in found.histories],
        "problems": [str(problem) for problem in found.problems],
    }


def _history(source: str, history: History) -> Document:
    return {
        "path": shown_path(history.path),
        "source": source,
        "versions": [_version(history, one) for one in history.versions],
        "events": [
            {
                "what": event.what,
                "snapshot": event.snapshot.id,
                "time": event.snapshot.created_at.isoformat(),
                "version": history.versions.index(event.version) if event.version else None,
            }
            for event in history.events()
        ],
    }


def _version(history: History, version: Version) -> Document:
    snapshots = [one.id for one in history.snapshots_of(version)]
    return {**_state(version.entry), "snapshots": snapshots}


def _state(entry: StoredEntry) -> Document:
    return {
        "kind": str(entry.kind),
        "size": entry.size,
        "mode": f"{entry.mode:04o}",
        "mtime_ns": entry.mtime_ns,
        "digest": entry.digest.hex(),
        "link_target": path_to_text(entry.link_target),
    }


@dataclass
class Diff:
    """Changes as they are found; ``summary`` is whole when all were taken."""

    changes: Iterator[Document]
    summary: Summary = field(default_factory=Summary)

    def totals(self) -> Document:
        return {
            **self.summary.counts,
            "added_bytes": self.summary.added_bytes,
            "removed_bytes": self.summary.removed_bytes,
            "changed_bytes": self.summary.changed_bytes,
            "moves": [
                {"from": shown_path(old), "to": shown_path(new)} for old, new in self.summary.moves
            ],
        }


def diff(where: Where, old: str, new: str, *, path: str = "") -> Diff:
    """What differs between two snapshots, there and below *path*, sorted by path."""
    found = Diff(iter(()))
    found.changes = _changes(where, (old, new), path, found.summary)
    return found


def _changes(
    where: Where, names: tuple[str, str], path: str, summary: Summary
) -> Iterator[Document]:
    with opened(where) as vault:
        old, new = (snapshot_called(vault, name) for name in names)
        for change in vault.diff(old, new, under=stored_path(path) if path else b""):
            summary.add(change)
            yield _change(change)


def _change(change: Change) -> Document:
    return {
        "what": str(change.what),
        "path": shown_path(change.path),
        "details": list(change.details),
        "old": _state(change.old) if change.old else None,
        "new": _state(change.new) if change.new else None,
    }
