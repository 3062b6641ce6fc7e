"""What time it is for retention: the storage's, and only if it can be believed."""

from __future__ import annotations

from webapp.vault.engine import Engine
from webapp.vault.errors import Halted
from webapp.vault.snapshots import Snapshot

DAY_NS = 86_400 * 10**9


def checked(engine: Engine, *, notes: list[str], trust: bool) -> int:
    """Nanoseconds since 1970 by the storage's clock, never before the newest snapshot.

    Raises:
        Halted: it is ahead of the newest snapshot by more than a day. Either nothing was backed up
            since, or the clock is wrong; then rules of time would drop good snapshots.
    """
    now_ns = engine.storage.now_ns()
    newest_ns = max(map(written_ns, engine.roots.finished(forgotten=True)), default=now_ns)
    if now_ns < newest_ns:
        notes.append(
            "The vault's clock is behind its newest snapshot; that snapshot's time is used."
        )
        return newest_ns
    if now_ns - newest_ns > DAY_NS and not trust:
        days = (now_ns - newest_ns) / DAY_NS
        raise Halted(
            f"Nothing was forgotten: the vault's clock is {days:.1f} days ahead of the newest "
            "snapshot. Back up first, or say that the clock is right."
        )
    return now_ns


def written_ns(snapshot: Snapshot) -> int:
    """When a snapshot was written here; a copy has the time of its original."""
    at_ns = snapshot.writer.get("at_ns")
    return max(snapshot.created_ns, at_ns if isinstance(at_ns, int) else 0)
