"""How a schedule is written on the command line, and shown there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from webapp.cli.framework import acts, in_app, prints_data
from webapp.domain.schedules import DAYS, Draft, Frequency, MissedRule, in_words
from webapp.formatting import moment
from webapp.models import BackupSchedule, BackupScheduleRun
from webapp.services import schedule_slots

_SHORT = {day[:3].lower(): number for number, day in enumerate(DAYS, start=1)}
_TYPES = ["full", "db", "files", "policies"]


def _days(_context: click.Context, _option: click.Parameter, raw: str | None) -> Any:
    """``mon,thu@02:00`` or ``1-5@02:00``: the days, and the time."""
    if raw is None:
        return None
    days, at, time = raw.partition("@")
    if not at:
        raise click.BadParameter("write it as DAYS@HH:MM, such as mon,thu@02:00")
    return tuple(number for part in days.split(",") if part for number in _range(part)), time


def _range(part: str) -> range:
    first, dash, last = part.partition("-")
    begin = _day(first)
    return range(begin, (_day(last) if dash else begin) + 1)


def _day(word: str) -> int:
    known = word.strip().lower()
    if known[:3] in _SHORT and DAYS[_SHORT[known[:3]] - 1].lower().startswith(known):
        return _SHORT[known[:3]]
    if known in {"1", "2", "3", "4", "5", "6", "7"}:
        return int(known)
    raise click.BadParameter(f"{word or 'nothing'} is not a day; use mon … sun, or 1 … 7")


def _rules(_context: click.Context, _option: click.Parameter, raw: tuple[str, ...]) -> Any:
    pairs = [pair.partition("=") for pair in raw]
    if any(not count.isdecimal() for _, _, count in pairs):
        raise click.BadParameter("write it as RULE=NUMBER, such as weekly=8")
    return {rule: int(count) for rule, _, count in pairs} if raw else None


def _list(_context: click.Context, _option: click.Parameter, raw: str | None) -> Any:
    return None if raw is None else tuple(part.strip() for part in raw.split(",") if part.strip())


_OPTIONS = (
    click.option("--name", help="How people call it."),
    click.option("--daily", metavar="HH:MM", help="Every day at this time."),
    click.option("--weekly", callback=_days, metavar="DAYS@HH:MM",
                 help="On these days, such as mon,thu@02:00 or mon-fri@22:30."),
    click.option("--cron", metavar="EXPR", help="Five fields, such as '0 */6 * * *'."),
    click.option("--timezone", metavar="TZ", help="Whose clock; UTC unless you say."),
    click.option("--type", "backup_type", type=click.Choice(_TYPES), help="What of the source."),
    click.option("--policy-types", callback=_list, metavar="TYPE,…", help="Which policies."),
    click.option("--include-foundations/--no-include-foundations", default=None,
                 help="Also what policies refer to."),
    click.option("--keep-last", "retention_keep_last", type=int, metavar="N",
                 help="How many backups of this schedule stay at least; 30 unless you say."),
    click.option("--keep", "retention", callback=_rules, multiple=True, metavar="RULE=N",
                 help="More that stay: hourly, daily, weekly, monthly, yearly, within_days."),
    click.option("--missed", type=click.Choice([str(rule) for rule in MissedRule]),
                 help="What becomes of slots that nobody was awake for."),
)  # fmt: skip


def describes_schedule(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that describe a schedule."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def on_schedule(function: Callable[..., Any]) -> Callable[..., Any]:
    """A command that names a tenant and one of its schedules, and prints data."""
    named = click.argument("schedule_name", metavar="SCHEDULE")(in_app(acts(prints_data(function))))
    return click.argument("tenant")(named)


def moment_typed(
    _context: click.Context, _option: click.Parameter, raw: str | None
) -> datetime | None:
    """A moment as typed; UTC if no zone is said."""
    try:
        found = datetime.fromisoformat(raw) if raw else None
    except ValueError:
        raise click.BadParameter("write it as 2026-03-29T02:30Z") from None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found


def fields(
    daily: str | None, weekly: tuple[Any, ...] | None, cron: str | None, **typed: Any
) -> dict[str, Any]:
    """What was typed, as fields of a draft; without those that nobody named.

    Raises:
        UsageError: more than one sort of time.
    """
    if sum(said is not None for said in (daily, weekly, cron)) > 1:
        raise click.UsageError("Use one of --daily, --weekly and --cron.")
    said = {name: value for name, value in typed.items() if value is not None}
    if daily is not None:
        said.update(frequency=Frequency.DAILY, time_of_day=daily)
    elif weekly is not None:
        said.update(frequency=Frequency.WEEKLY, days_of_week=weekly[0], time_of_day=weekly[1])
    elif cron is not None:
        said.update(frequency=Frequency.CRON, cron=cron)
    return said


def new_draft(said: dict[str, Any], source_name: str) -> Draft:
    """Raises:
    UsageError: nothing says when.
    """
    if "frequency" not in said:
        raise click.UsageError("Say when: --daily, --weekly or --cron.")
    return Draft(**{"name": f"{source_name} {said['frequency']}", **said})


def document(schedule: BackupSchedule) -> dict[str, Any]:
    return {
        "id": str(schedule.id),
        "name": schedule.name,
        "source": schedule.source.name,
        "source_id": str(schedule.source_id),
        "is_enabled": schedule.is_enabled,
        "when": in_words(schedule_slots.timing(schedule)),
        "frequency": schedule.frequency,
        "timezone": schedule.timezone,
        "time_of_day": schedule.time_of_day,
        "days_of_week": schedule.days_of_week,
        "cron": schedule.cron,
        "backup_type": schedule.backup_type,
        "policy_types": schedule.policy_types,
        "include_foundations": schedule.include_foundations,
        "retention_keep_last": schedule.retention_keep_last,
        "retention": schedule.retention,
        "missed": schedule.missed,
        "paused_until": schedule.paused_until,
        "version": schedule.version,
        "next_run_at": schedule.next_run_at,
        "last_run_at": schedule.last_run_at,
        "last_run_status": schedule.last_run_status,
        "archived_at": schedule.archived_at,
    }


def line(schedule: dict[str, Any]) -> str:
    state = "" if schedule["is_enabled"] else "disabled, "
    following = moment(schedule["next_run_at"], schedule["timezone"], "%Y-%m-%d %H:%M")
    last = schedule["last_run_status"] or "never ran"
    return f"{schedule['name']:<28} {schedule['when']}; {state}{last}; next {following}"


def slot_document(slot: BackupScheduleRun) -> dict[str, Any]:
    return {
        "id": str(slot.id),
        "schedule_id": str(slot.schedule_id),
        "scheduled_for": slot.scheduled_for,
        "trigger": slot.trigger,
        "status": slot.status,
        "run_id": str(slot.run_id) if slot.run_id else None,
        "backup_set_id": str(slot.backup_set_id) if slot.backup_set_id else None,
        "error_code": slot.error_code,
        "error_message": slot.error_message,
        "summary": slot.summary,
        "started_at": slot.started_at,
        "finished_at": slot.finished_at,
    }


def slot_line(slot: dict[str, Any]) -> str:
    why = f"  {slot['error_code']}: {slot['error_message']}" if slot["error_code"] else ""
    return f"{moment(slot['scheduled_for'])}  {slot['status']:<8}  {slot['id']}{why}"
