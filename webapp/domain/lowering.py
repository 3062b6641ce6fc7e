"""What keeping less means: the ways in which a change lets go of backups that stayed before it.

Each function answers with a sentence for each way; none: nothing is lowered. What the rules leave
to people (deleting, unpinning, releasing, freeing most of a vault) always lowers, so it has no
function here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from webapp.domain.retention import MORE, OwnRules, Rules
from webapp.domain.schedules import Draft, timing_of, upcoming

_LOOKED_AT = 50  # slots; enough to tell how often a cron line comes
_NOTICED = 0.9  # clock changes and uneven cron lines alone are no news
_DAY = timedelta(days=1)
_UNITS = {
    "hourly": ("one an hour", "hour"),
    "daily": ("one a day", "day"),
    "weekly": ("one a week", "week"),
    "monthly": ("one a month", "month"),
    "yearly": ("one a year", "year"),
}


def of_schedule(before: Draft, after: Draft, *, at: datetime) -> list[str]:
    """How a schedule would keep less than now: fewer by any of its numbers, or as many that reach
    less far back since they are made more often. A zone alone moves borders of days and lowers
    nothing; nor does what is captured."""
    old = Rules.of(before.retention_keep_last, before.retention)
    new = Rules.of(after.retention_keep_last, after.retention)
    return [*of_rules(old, new), *_of_reach(before, after, at=at)]


def of_rules(before: Rules, after: Rules) -> list[str]:
    """In which numbers *after* is lower."""
    return list(_of_rules(before, after))


def _of_rules(before: Rules, after: Rules) -> Iterator[str]:
    if after.keep_last < before.keep_last:
        yield f"It keeps the last {after.keep_last:,} instead of the last {before.keep_last:,}."
    for name in MORE:
        old, new = getattr(before, name), getattr(after, name)
        if new < old:
            yield _fewer(name, old, new)


def _fewer(name: str, old: int, new: int) -> str:
    if name == "within_days":
        instead = f"all of the last {new:,} days instead of {old:,}" if new else ""
        return f"It keeps {instead or f'no longer all of the last {old:,} days'}."
    per, unit = _UNITS[name]
    if not new:
        return f"It no longer keeps {per} (for {old:,} {unit}s)."
    return f"It keeps {per} for {new:,} {unit}s instead of {old:,}."


def _of_reach(before: Draft, after: Draft, *, at: datetime) -> Iterator[str]:
    if timing_of(before) == timing_of(after):
        return
    old, new = reach(before, at=at), reach(after, at=at)
    if old is None or new is None:
        return
    sure = max(new, timedelta(days=after.retention.get("within_days", 0)))
    if sure < old * _NOTICED:
        yield (
            f"It runs more often: the last {after.retention_keep_last:,} reach back about "
            f"{_days(new)} instead of {_days(old)}."
        )


def reach(draft: Draft, *, at: datetime) -> timedelta | None:
    """How far back the last N restore points reach; None if that cannot be told."""
    moments = [slot.utc for slot in upcoming(draft, at, _LOOKED_AT) if slot.utc is not None]
    if len(moments) < 2:
        return None
    return draft.retention_keep_last * (moments[-1] - moments[0]) / (len(moments) - 1)


def _days(length: timedelta) -> str:
    if length < 2 * _DAY:
        return f"{max(round(length / timedelta(hours=1)), 1)} h"
    return f"{round(length / _DAY):,} days"


def of_own_rules(before: OwnRules, after: OwnRules) -> list[str]:
    """How sets that no schedule made would stay for a shorter time."""
    return list(_of_own_rules(before, after))


def _of_own_rules(before: OwnRules, after: OwnRules) -> Iterator[str]:
    if after.hand_days is not None:
        was = f"{before.hand_days:,} days" if before.hand_days is not None else ""
        if before.hand_days is None or after.hand_days < before.hand_days:
            instead = was or "until a person deletes them"
            yield f"Sets made by hand stay for {after.hand_days:,} days instead of {instead}."
    if after.pre_restore_days < before.pre_restore_days:
        yield (
            f"What a restore overwrote stays for {after.pre_restore_days:,} days instead of "
            f"{before.pre_restore_days:,} days."
        )
