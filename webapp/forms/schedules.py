"""The form of a schedule, and of a pause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from webapp.domain import schedules
from webapp.domain.restore_points import BackupType
from webapp.domain.schedule_words import KEEPS
from webapp.domain.schedules import Draft, Frequency, MissedRule
from webapp.domain.tenants import is_zone
from webapp.errors import Invalid
from webapp.forms.fields import Fields

RETAINED = (*KEEPS, "within_days")
_MOST = 10_000

# What the form shows of a schedule: each field's name with the text in it.
Values = Mapping[str, str]

BLANK = Draft(
    name="",
    frequency=Frequency.DAILY,
    timezone="UTC",
    time_of_day="02:30",
    days_of_week=(),
    cron=None,
    backup_type=BackupType.FULL,
    policy_types=(),
    include_foundations=True,
    retention_keep_last=30,
    retention={},
    missed=MissedRule.SKIP,
)


def values_of(draft: Draft) -> dict[str, str]:
    """The texts of a form that says what *draft* says."""
    return {
        "name": draft.name,
        "frequency": str(draft.frequency),
        "timezone": draft.timezone,
        "time_of_day": draft.time_of_day or "",
        "days_of_week": ",".join(str(day) for day in sorted(draft.days_of_week)),
        "cron": draft.cron or "",
        "backup_type": str(draft.backup_type),
        "retention_keep_last": str(draft.retention_keep_last),
        **{name: str(draft.retention.get(name) or "") for name in RETAINED},
        "missed": str(draft.missed),
    }


def typed(form: MultiDict[str, str]) -> dict[str, str]:
    """The same texts, as somebody typed them; the days ticked are one text, too."""
    texts = {name: form.get(name, "").strip() for name in values_of(BLANK)}
    texts["days_of_week"] = ",".join(sorted({day for day in form.getlist("days_of_week") if day}))
    return texts


@dataclass(frozen=True, kw_only=True)
class ScheduleForm:
    """What was typed, as far as it can be read, and a sentence for each field that cannot be used.

    *fallback_zone* stands for an empty zone in the looking, where a template leaves it to each
    customer; the draft keeps it empty.
    """

    draft: Draft
    problems: Mapping[str, str]

    @classmethod
    def parse(
        cls, form: MultiDict[str, str], *, base: Draft = BLANK, fallback_zone: str = ""
    ) -> ScheduleForm:
        """Read a form; what it has no fields for is as in *base*."""
        draft, problems = _read(form, base)
        looked_at = draft if draft.timezone else replace(draft, timezone=fallback_zone)
        return cls(draft=draft, problems={**schedules.problems(looked_at), **problems})

    def require_usable(self) -> Draft:
        """Raises:
        Invalid: with a sentence for each field that cannot be used.
        """
        if self.problems:
            raise Invalid(dict(self.problems))
        return self.draft


def _read(form: MultiDict[str, str], base: Draft) -> tuple[Draft, dict[str, str]]:
    fields = Fields(form)
    frequency = fields.word("frequency", Frequency, default=Frequency.DAILY)
    draft = replace(
        base,
        name=fields.text("name", longest=255),
        frequency=frequency,
        timezone=fields.text("timezone"),
        time_of_day=None if frequency is Frequency.CRON else form.get("time_of_day", "").strip(),
        days_of_week=_days(form) if frequency is Frequency.WEEKLY else (),
        cron=fields.text("cron") if frequency is Frequency.CRON else None,
        backup_type=fields.word("backup_type", BackupType, default=BackupType.FULL),
        retention_keep_last=fields.whole("retention_keep_last", least=1, most=_MOST),
        retention=_retention(fields, form),
        missed=fields.word("missed", MissedRule, default=MissedRule.SKIP),
    )
    return draft, _complaints(fields)


def _days(form: MultiDict[str, str]) -> tuple[int, ...]:
    return tuple(
        sorted({int(day) for day in form.getlist("days_of_week") if day in set("1234567")})
    )


def _retention(fields: Fields, form: MultiDict[str, str]) -> dict[str, int]:
    wanted = [name for name in RETAINED if form.get(name, "").strip() not in {"", "0"}]
    return {name: fields.whole(name, least=1, most=_MOST) for name in wanted}


def _complaints(fields: Fields) -> dict[str, str]:
    try:
        fields.finish()
    except Invalid as problem:
        return problem.fields
    return {}


@dataclass(frozen=True, kw_only=True)
class PauseForm:
    """Until when, and why."""

    until: datetime
    reason: str

    @classmethod
    def parse(cls, form: Mapping[str, str], *, zone: str, at: datetime) -> PauseForm:
        """Read a moment of *zone*; what is there twice when clocks go back means the later one.

        Raises:
            Invalid: it is no moment, or in the past, or nobody says why.
        """
        fields = Fields(form)
        until = _moment(form.get("until", "").strip(), zone)
        reason = fields.text("reason", missing="Say why; it is kept in the audit log.")
        if until is None:
            fields.complain("until", "Give the day and the time at which it goes on.")
        elif until <= at:
            fields.complain("until", "This is past. Give a moment to come.")
        fields.finish()
        return cls(until=until or at, reason=reason)


def _moment(text: str, zone: str) -> datetime | None:
    try:
        local = datetime.fromisoformat(text)
        there = ZoneInfo(zone if is_zone(zone) else "UTC")
        return local.replace(tzinfo=there, fold=1).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
