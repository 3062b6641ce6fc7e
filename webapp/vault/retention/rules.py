"""Which snapshots of one source stay, and by which rule. No input, no output, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from webapp.vault.retention.doubts import DAY_NS, doubted, latest_times
from webapp.vault.retention.labels import Labels, is_good, tags_of
from webapp.vault.snapshots import Snapshot


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How much to keep of each source. Days and weeks end at midnight, UTC.

    Attributes:
        within_days: all that are younger.
        tags: all that have one of these.
    """

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within_days: float = 0.0
    tags: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        return self == Policy()


class Verdict(NamedTuple):
    """``rule`` says why it stays, or why it goes."""

    snapshot: Snapshot
    is_kept: bool
    rule: str


Period = Callable[[datetime], str]
_PERIODS: tuple[tuple[str, Period], ...] = (
    ("hourly", lambda at: at.strftime("%Y-%m-%d %H h")),
    ("daily", lambda at: at.strftime("%Y-%m-%d")),
    ("weekly", lambda at: at.strftime("%G-W%V")),
    ("monthly", lambda at: at.strftime("%Y-%m")),
    ("yearly", lambda at: at.strftime("%Y")),
)


def decide(
    snapshots: Sequence[Snapshot], policy: Policy, *, labels: Labels, now_ns: int
) -> list[Verdict]:
    """One verdict for each, newest first.

    Order comes from the sequence. A snapshot that is not good keeps no good one out: it
    takes only what good ones leave over of a count. One whose time is in doubt takes only
    days, weeks and so on that the others leave over.

    Args:
        snapshots: all of one source.
    """
    newest_first = sorted(snapshots, key=lambda one: one.order, reverse=True)
    good = [one for one in newest_first if is_good(one)]
    unsure = doubted(snapshots, now_ns, at=lambda one: one.created_ns)
    latest = latest_times(newest_first, unsure, now_ns)
    counted = _by_count(newest_first, policy, unsure)
    reasons = {one.id: counted[one.id] for one in newest_first if one.id in counted}
    for one in newest_first:
        own = list(_own_reasons(one, policy, labels=labels, now_ns=now_ns, at_ns=latest[one.id]))
        if own:
            reasons[one.id] = ", ".join(own)
    _keep_newest(newest_first, good, reasons)
    return [
        Verdict(one, one.id in reasons, reasons.get(one.id) or _why_not(one))
        for one in newest_first
    ]


def _own_reasons(
    one: Snapshot, policy: Policy, *, labels: Labels, now_ns: int, at_ns: int
) -> Iterator[str]:
    label = labels[one.id]
    hold = label.hold(now_ns)
    if hold is not None:
        yield f"held: {hold.text}" + (f" until {_day(hold.until_ns)}" if hold.until_ns else "")
    if label.is_pinned:
        yield "pinned"
    if common := sorted(tags_of(one, label) & policy.tags):
        yield f"tag {common[0]}"
    if policy.within_days and at_ns > now_ns - round(policy.within_days * DAY_NS):
        yield f"within {policy.within_days:g} days"


def _by_count(newest_first: Sequence[Snapshot], policy: Policy, unsure: set[str]) -> dict[str, str]:
    """The newest ones, and the newest of each of the latest periods that have any.

    Good ones choose first; others take what is left over of each count.
    """
    good_first = sorted(newest_first, key=lambda one: not is_good(one))
    found = {one.id: _words(one, f"last {n}") for n, one in enumerate(good_first, start=1)}
    found = dict(list(found.items())[: policy.last])
    surest = sorted(good_first, key=lambda one: (not is_good(one), one.id in unsure))
    for name, period in _PERIODS:
        seen: dict[str, Snapshot] = {}
        for one in surest:
            seen.setdefault(period(one.created_at.astimezone(UTC)), one)
        for span, one in list(seen.items())[: getattr(policy, name)]:
            found.setdefault(one.id, _words(one, f"{name} {span}"))
    return found


def _words(one: Snapshot, rule: str) -> str:
    return rule if is_good(one) else f"{rule}, incomplete: no good one takes that place"


def _keep_newest(
    newest_first: Sequence[Snapshot], good: Sequence[Snapshot], reasons: dict[str, str]
) -> None:
    """A source never loses its newest good snapshot, nor what is newer than that."""
    if good:
        reasons.setdefault(good[0].id, "the newest good one")
    for one in newest_first:
        if good and one.order < good[0].order:
            return
        if not is_good(one):
            reasons.setdefault(one.id, "incomplete, but no newer one is good")


def _why_not(one: Snapshot) -> str:
    return "no rule keeps it" if is_good(one) else "incomplete, and good ones come first"


def _day(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // 10**9, UTC).strftime("%Y-%m-%d")
