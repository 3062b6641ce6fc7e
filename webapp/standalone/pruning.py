"""Freeing the space that no snapshot needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from webapp.standalone.vaults import Where, opened
from webapp.vault.snapshots import moment

Document = dict[str, object]
Tell = Callable[[int, int, str], None]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """How a person wants it done.

    Attributes:
        grace: days that condemned packs stay for readers.
        undo_for: days that forgotten snapshots can be brought back.
        max_repack: bytes of live data that may be rewritten; None for any amount.
        more_than_half: it may condemn more than half of the vault.
    """

    dry_run: bool = False
    grace: float = 7.0
    undo_for: float = 7.0
    max_repack: int | None = None
    more_than_half: bool = False
    trust_clock: bool = False


def prune(where: Where, wish: Wish, *, tell: Tell) -> Document:
    """Free space; what ``--json`` prints.

    Raises:
        Halted: a brake.
        StorageDenied: these credentials may not delete.
    """
    started = time.monotonic()
    with opened(where) as vault:
        report = vault.prune(
            dry_run=wish.dry_run,
            grace_days=wish.grace,
            undo_days=wish.undo_for,
            budget_bytes=wish.max_repack,
            may_condemn_most=wish.more_than_half,
            trust_clock=wish.trust_clock,
            on_progress=tell,
        )
    document = {**asdict(report), "recoverable": _recoverable(report.recoverable)}
    return {**document, "seconds": round(time.monotonic() - started, 3)}


def _recoverable(until_ns: Mapping[str, int]) -> list[Document]:
    """Soonest first; those without an end last."""
    ordered = sorted(until_ns.items(), key=lambda item: (not item[1], item[1]))
    return [{"id": one, "until": moment(at).isoformat() if at else None} for one, at in ordered]
