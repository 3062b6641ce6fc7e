"""Writing a snapshot, or a part of it, into a folder of this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from webapp.errors import ConnectorError, Invalid
from webapp.formatting import size
from webapp.hosts.restoring.target import FolderTarget
from webapp.items import EntryKind, Fate
from webapp.standalone.listing import ending, shown_path, stored_path
from webapp.standalone.naming import snapshot_called
from webapp.standalone.vaults import Where, opened
from webapp.vault.errors import PathMissing
from webapp.vault.restoring.outcomes import Problem, RestoreResult
from webapp.vault.snapshots import Snapshot
from webapp.vault.storage.local import LocalStorage
from webapp.vault.vault import Vault

TREE = b"tree"
Document = dict[str, object]
Tell = Callable[[int, int, str], None]
Show = Callable[[str, str, str], None]
_STEPS: dict[str, str] = {"mend": "update"}  # for a person, it is one thing


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What to restore, where to and how.

    Attributes:
        include: paths as ``vault ls`` shows them; none means everything.
        start: what is in this folder lies directly in *folder*; a file, too.
        source: whose newest snapshot ``latest`` means.
        paranoid: compare files by what is in them, and read again what was written.
        by_name: give files to users by name, where the name exists here.
        verbose: tell of each entry that is created or updated.
    """

    snapshot: str
    folder: Path
    include: Sequence[str] = ()
    start: str | None = None
    source: str | None = None
    dry_run: bool = False
    paranoid: bool = False
    by_name: bool = False
    verbose: bool = False


def restore(where: Where, wish: Wish, *, tell: Tell, show: Show) -> Document:
    """Restore, or say what would be done.

    A snapshot of nothing but files is restored without the word ``tree``; of one with databases or
    configuration, each section gets a folder.

    Args:
        tell: progress, in bytes.
        show: told of each entry that is blocked; in a dry run, also of each that would be created
            or updated: what is done, its path, and why not.

    Raises:
        ConnectorError: the folder cannot be used.
        VaultError: the vault cannot be read, or holds no such thing.
    """
    started = time.monotonic()
    with opened(where) as vault:
        found = snapshot_called(vault, _called(wish))
        include = _included(wish)
        _require(vault, found, include)
        _refuse_vault(where, wish.folder)
        with FolderTarget(
            wish.folder,
            section=_section(vault, found, wish.start),
            dry_run=wish.dry_run,
            by_name=wish.by_name,
            by_content=wish.paranoid,
        ) as target:
            result = vault.restore(
                found,
                target,
                include=include,
                dry_run=wish.dry_run,
                paranoid=wish.paranoid,
                on_item=_shower(show, everything=wish.dry_run or wish.verbose),
                on_progress=_teller(tell),
            )
            target.finish(whole=not include)
    return _document(result, time.monotonic() - started)


def _called(wish: Wish) -> str:
    if wish.source and wish.snapshot == "latest":
        return f"latest:{wish.source}"
    return wish.snapshot


def _require(vault: Vault, snapshot: Snapshot, paths: Sequence[bytes]) -> None:
    """Make sure of the paths before anything is made."""
    for path in paths:
        if next(vault.entries(snapshot, under=path), None) is None:
            raise PathMissing(f"Snapshot {snapshot.id[:8]} holds no {shown_path(path)}.")


def _included(wish: Wish) -> tuple[bytes, ...]:
    """What is asked for; all of it in the folder that is the start, if there is one.

    Raises:
        Invalid: a path lies elsewhere.
    """
    include = tuple(map(stored_path, wish.include))
    if wish.start is None:
        return include
    start = stored_path(wish.start)
    for path in include:
        if not (path + b"/").startswith(start + b"/"):
            raise Invalid({"include": f"{shown_path(path)} does not lie in {shown_path(start)}."})
    return include or (start,)


def _section(vault: Vault, snapshot: Snapshot, start: str | None) -> bytes:
    """What is left out of the paths: down to the start, or the section that needs no folder of its
    own, since it is the only one: others sort first."""
    if start is not None:
        path = stored_path(start)
        entry = vault.find(snapshot, path)
        is_folder = entry is None or entry.kind is EntryKind.FOLDER
        return path if is_folder else path.rpartition(b"/")[0]
    first = next(vault.entries(snapshot), None)
    return TREE if first is None or first.path.partition(b"/")[0] == TREE else b""


def _refuse_vault(where: Where, folder: Path) -> None:
    """Nothing is restored into the vault itself."""
    storage = where.storage()
    if isinstance(storage, LocalStorage):
        place, target = os.path.realpath(storage.root), os.path.realpath(folder)
        if target == place or target.startswith(place.rstrip("/") + "/"):
            raise ConnectorError("inside_own_data", f"{folder} lies in the vault. Name another.")


def _shower(show: Show, *, everything: bool) -> Callable[[bytes, str, str], None]:
    def shown(path: bytes, step: str, why: str) -> None:
        if step == "blocked" or (everything and step != Fate.LEAVE):
            show(_STEPS.get(step, step), shown_path(path), why)

    return shown


def _teller(tell: Tell) -> Callable[[int, int, bytes], None]:
    def told(done: int, total: int, path: bytes) -> None:
        amount = f"{size(done)} of {size(total)}" if total else size(done)
        tell(done, total, f"{amount}, {ending(shown_path(path))}")

    return told


def _document(result: RestoreResult, seconds: float) -> Document:
    return {
        "snapshot_id": result.snapshot.id,
        "created": result.created,
        "updated": result.updated,
        "unchanged": result.unchanged,
        "blocked": result.blocked,
        "failed": result.failed,
        "bytes_written": result.bytes_written,
        "bytes_fetched": result.bytes_fetched,
        "bytes_needed": result.bytes_needed,
        "seconds": round(seconds, 3),
        "problems": [_problem(one) for one in result.problems],
    }


def _problem(problem: Problem) -> Document:
    return {
        "path": shown_path(problem.path),
        "outcome": problem.outcome,
        "code": problem.code,
        "message": problem.message,
    }
