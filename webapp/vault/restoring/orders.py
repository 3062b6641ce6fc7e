"""What is asked of a restore."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from webapp.vault.restoring.target import EntryTarget
from webapp.vault.snapshots import Snapshot


def _ignore(*_: object) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, kw_only=True)
class RestoreOrder:
    """What is restored, where to and how.

    Attributes:
        include: paths as the snapshot has them, each with all below it; none means everything.
        dry_run: only say what would be done.
        paranoid: read every file again after it was written.
        on_item: told of each entry in order: path, what is done (a ``Fate`` or ``blocked``), why.
        on_progress: told now and then of bytes done, bytes in all (0 if not known), and the path
            that was reached; whatever it raises stops the restore.
    """

    snapshot: Snapshot
    target: EntryTarget
    include: tuple[bytes, ...] = ()
    dry_run: bool = False
    paranoid: bool = False
    on_item: Callable[[bytes, str, str], None] = _ignore
    on_progress: Callable[[int, int, bytes], None] = _ignore
