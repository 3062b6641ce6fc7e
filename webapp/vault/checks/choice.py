"""Which packs a check reads whole: those that were not read for longest."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from webapp.vault.checks.coverage import DAY_NS, Coverage

_USUAL_PACE_NS = DAY_NS


def choose(
    sizes: Mapping[str, int],
    coverage: Coverage,
    *,
    wanted_bytes: float,
    draw: Callable[[int], bytes],
) -> list[str]:
    """Packs of at least *wanted_bytes* together, those first whose last reading is longest ago.

    Among packs that were read together (or never), chance decides; so does the last pack's size
    over how much more than wanted is read.
    """
    if wanted_bytes <= 0:
        return []
    order = sorted(sizes, key=lambda name: (coverage.last_read(name), draw(8)))
    if wanted_bytes >= sum(sizes.values()):
        return order  # those without a single byte, too
    chosen, total = [], 0
    for name in order:
        if total >= wanted_bytes:
            break
        chosen.append(name)
        total += sizes[name]
    return chosen


def due_bytes(
    sizes: Mapping[str, int], coverage: Coverage, *, now_ns: int, period_days: float
) -> float:
    """How much a check must read so that, at the pace of the last ones, every byte is read within
    the period: what would be overdue at the next check, and at least an even share."""
    moments = [*coverage.moments()[-8:], now_ns]
    pace = max(moments[-1] - moments[0], 0) // max(len(moments) - 1, 1) or _USUAL_PACE_NS
    period = max(int(period_days * DAY_NS), 1)
    known = {name: coverage.last_read(name) for name in sizes}
    due = sum(sizes[name] for name, when in known.items() if when and when + period < now_ns + pace)
    even = sum(sizes.values()) * min(pace / period, 1.0)
    return max(due, even)
