"""What time it is for retention: the storage's, and only if it can be believed."""

from __future__ import annotations

from webapp.vault.engine import Engine
from webapp.vault.errors import Halted
from webapp.vault.retention.doubts import DAY_NS, doubted
from webapp.vault.snapshots import CLOCK_DOUBT, Snapshot

_NEVER = 1 << 63  # later than all that a clock may have said


def checked(engine: Engine, *, notes: list[str], trust: bool) -> int:
    """Nanoseconds since 1970 by the storage's clock, or up to a day more: the newest snapshot's.

    Raises:
        Halted: it is more than a day ahead of the newest snapshot, or behind it. Either nothing was
            backed up since, or the clock is wrong or was; then rules of time would drop good
            snapshots.
    """
    now_ns = engine.storage.now_ns()
    snapshots = engine.roots.finished(forgotten=True)
    if not trust:
        _check_behind(snapshots, now_ns)
    unsure = doubted(snapshots, now_ns, at=written_ns)
    times = [written_ns(one) for one in snapshots if one.id not in unsure]
    newest_ns = max(times or map(written_ns, snapshots), default=now_ns)
    if now_ns < newest_ns <= now_ns + DAY_NS:
        notes.append(
            "The vault's clock is behind its newest snapshot; that snapshot's time is used."
        )
        return newest_ns
    if now_ns - newest_ns > DAY_NS and not trust:
        days = (now_ns - newest_ns) / DAY_NS
        raise Halted(
            f"Nothing was forgotten: the vault's clock is {days:.1f} days ahead of the newest "
            "snapshot with a sure time. Back up first, or say that the clock is right."
        )
    return now_ns


def at_least_ns(engine: Engine) -> int:
    """What time it is at least: that of the newest snapshot whose time its neighbours bear out."""
    snapshots = engine.roots.finished(forgotten=True)
    unsure = doubted(snapshots, _NEVER, at=written_ns)
    return max((written_ns(one) for one in snapshots if one.id not in unsure), default=0)


def _check_behind(newest_first: list[Snapshot], now_ns: int) -> None:
    newest = newest_first[0] if newest_first else None
    if newest is None or newest.metadata.get(CLOCK_DOUBT):
        return
    days = (written_ns(newest) - now_ns) / DAY_NS
    if days > 1:
        raise Halted(
            f"Nothing was forgotten: the newest snapshot is {days:.1f} days ahead of the vault's "
            "clock, so one of them is wrong. Back up first, or say that the clock is right now."
        )


def written_ns(snapshot: Snapshot) -> int:
    """When a snapshot was written here; a copy has the time of its original."""
    at_ns = snapshot.writer.get("at_ns")
    return max(snapshot.created_ns, at_ns if isinstance(at_ns, int) else 0)
