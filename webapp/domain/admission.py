"""What is done next, and what has to wait: a pure function of what waits, what runs, and limits.

Restores go first, then previews, captures, drills, maintenance. Within a class the tenant with
the fewest runs under way is next, then who has waited longest: a big tenant cannot starve a small
one. What has waited long moves up a class, never before a preview: maintenance gets its turn.

Limits, pauses and windows hold back what protects (captures, drills, maintenance). A restore and
its preview are never held back. A bulk run only watches over runs of its own: it counts nowhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from webapp.domain import windows
from webapp.domain.runs import RunType
from webapp.domain.windows import Window

CLASSES: Mapping[RunType, int] = {
    RunType.RESTORE: 0,
    RunType.PREVIEW: 1,
    RunType.CAPTURE: 2,
    RunType.BULK: 2,
    RunType.DRILL: 3,
    RunType.MAINTENANCE: 4,
}
HELD_BACK = frozenset({RunType.CAPTURE, RunType.DRILL, RunType.MAINTENANCE})
UNCOUNTED = frozenset({RunType.BULK})
MOVES_UP_AFTER = timedelta(minutes=15)
_HIGHEST_BY_AGE = CLASSES[RunType.CAPTURE]
_FOR_EVER = 9000  # a pause until this year or a later one has no end

Host = tuple[UUID, str]  # of a tenant; empty: this machine


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """One run that is due."""

    run_id: UUID
    tenant_id: UUID
    host: str
    run_type: RunType
    queued_at: datetime


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What holds for the installation, a tenant, or a host; nothing said is no limit."""

    most_running: int | None = None
    windows: tuple[Window, ...] = ()
    paused_until: datetime | None = None
    pause_reason: str = ""


NO_RULE = Rule()


@dataclass(frozen=True, kw_only=True)
class Rules:
    """``zones``: the tenants' time zones, in which their windows are meant."""

    installation: Rule = NO_RULE
    tenants: Mapping[UUID, Rule] = field(default_factory=dict)
    hosts: Mapping[Host, Rule] = field(default_factory=dict)
    zones: Mapping[UUID, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Load:
    """How many runs are under way, by tenant and by host."""

    tenants: Counter[UUID] = field(default_factory=Counter)
    hosts: Counter[Host] = field(default_factory=Counter)


def arrange(
    waiting: Iterable[Waiting], load: Load, *, rules: Rules, at: datetime
) -> list[tuple[Waiting, str]]:
    """All that waits, in the order in which it should begin, each with what holds it back.

    Empty words: it may begin now, as the first. The words fit behind "because".
    """

    def place(one: Waiting) -> tuple[int, int, datetime, UUID]:
        return (_class(one, at), load.tenants[one.tenant_id], one.queued_at, one.run_id)

    ordered = sorted(waiting, key=place)
    return [(one, held_back_by(one, load, rules=rules, at=at)) for one in ordered]


def held_back_by(one: Waiting, load: Load, *, rules: Rules, at: datetime) -> str:
    """Why this run may not begin now; empty if it may."""
    if one.run_type not in HELD_BACK:
        return ""
    return next(_reasons(one, load, rules, at), "")


def _class(one: Waiting, at: datetime) -> int:
    own = CLASSES[one.run_type]
    if own <= _HIGHEST_BY_AGE:
        return own
    return max(_HIGHEST_BY_AGE, own - (at - one.queued_at) // MOVES_UP_AFTER)


def _reasons(one: Waiting, load: Load, rules: Rules, at: datetime) -> Iterator[str]:
    local = at.astimezone(_zone(rules.zones.get(one.tenant_id, "UTC")))
    host = (one.tenant_id, one.host)
    applying = (
        ("this installation", rules.installation, load.tenants.total()),
        ("this customer", rules.tenants.get(one.tenant_id, NO_RULE), load.tenants[one.tenant_id]),
        (_named(one.host), rules.hosts.get(host, NO_RULE), load.hosts[host]),
    )
    for whose, rule, _ in applying:
        yield from _paused(whose, rule, local)
    if one.run_type is RunType.CAPTURE:
        for whose, rule, _ in applying:
            yield from _outside_window(whose, rule, local)
    for whose, rule, running in applying:
        if rule.most_running is not None and running >= rule.most_running:
            yield f"{running} of at most {rule.most_running} runs of {whose} are under way"


def _zone(name: str) -> ZoneInfo:
    """A zone that this machine does not know must not stop all picking."""
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        return ZoneInfo("UTC")


def _named(host: str) -> str:
    return f"the host {host}" if host else "this machine"


def _paused(whose: str, rule: Rule, local: datetime) -> Iterator[str]:
    if rule.paused_until is None or rule.paused_until <= local:
        return
    end = rule.paused_until.astimezone(local.tzinfo)
    until = "" if end.year >= _FOR_EVER else f" until {end:%d %b %Y, %H:%M}"
    why = f" ({rule.pause_reason})" if rule.pause_reason else ""
    yield f"{whose} is paused{until}{why}"


def _outside_window(whose: str, rule: Rule, local: datetime) -> Iterator[str]:
    if windows.is_open(rule.windows, local):
        return
    opening = windows.next_opening(rule.windows, local)
    until = f" until {opening:%a %d %b, %H:%M}" if opening else ""
    yield f"the backup window of {whose} is closed{until}"
