"""Rules of retention as somebody types them: in a schedule's form, and for a tenant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from werkzeug.datastructures import MultiDict

from webapp.domain import schedules
from webapp.domain.retention import LEAST_PRE_RESTORE_DAYS, MORE, Rules, problems
from webapp.domain.schedules import Draft, Frequency, Timing
from webapp.domain.tenants import is_zone
from webapp.forms.fields import Fields

_ABOUT_TIME = ("frequency", "time_of_day", "days_of_week", "cron")


@dataclass(frozen=True, kw_only=True)
class PreviewForm:
    """What a schedule's form says so far, as far as it can be read.

    Attributes:
        schedule_id: the one that is edited; None for a new one.
        problem: why nothing can be previewed yet; empty if something can.
        timing: None while the form does not say when it runs; *timing_problem* says why.
    """

    rules: Rules
    schedule_id: UUID | None
    problem: str
    timing: Timing | None
    timing_problem: str

    @classmethod
    def parse(cls, form: MultiDict[str, str], *, zone: str) -> PreviewForm:
        """Read it. *zone* stands for one that is empty or unknown."""
        counts = {name: _whole(form, name) for name in ("keep_last", *MORE)}
        unreadable = [name for name, count in counts.items() if count is None]
        read = {name: count or 0 for name, count in counts.items()}
        keep_last = read.pop("keep_last")
        wrong = list(problems(keep_last, read).values())
        typed = form.get("timezone", "").strip()
        usable, zone = not unreadable and not wrong, typed if is_zone(typed) else zone
        timing, timing_problem = _timing(form, zone)
        return cls(
            rules=Rules.of(keep_last if usable else 1, read if usable else {}, timezone=zone),
            schedule_id=_id(form.get("schedule", "")),
            problem="" if usable else "Give whole numbers, and keep at least one.",
            timing=timing,
            timing_problem=timing_problem,
        )


def _timing(form: MultiDict[str, str], zone: str) -> tuple[Timing | None, str]:
    """When it runs: daily at midnight if the form does not say; else what is wrong with it."""
    draft = Draft(
        name="-",
        frequency=form.get("frequency", "") or Frequency.DAILY,
        timezone=zone,
        time_of_day=form.get("time_of_day", "").strip() or "00:00",
        days_of_week=_days(form),
        cron=form.get("cron", "").strip(),
    )
    wrong = schedules.problems(draft)
    sentence = next((wrong[name] for name in _ABOUT_TIME if name in wrong), "")
    return (None, sentence) if sentence else (schedules.timing_of(draft), "")


def _whole(form: Mapping[str, str], name: str) -> int | None:
    """A number typed under *name*, or under the name that the column has. Empty is 0."""
    text = (form.get(f"retention_{name}") or form.get(name) or "").strip() or "0"
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 6 else None


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _days(form: MultiDict[str, str]) -> tuple[int, ...]:
    if form.get("frequency", "") != "weekly":
        return ()
    return tuple(
        sorted({int(day) for day in form.getlist("days_of_week") if day in set("1234567")})
    )


@dataclass(frozen=True, kw_only=True)
class OwnRulesForm:
    """For how many days sets stay that no schedule made."""

    hand_days: int | None
    pre_restore_days: int

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> OwnRulesForm:
        """Raises:
        Invalid: with a sentence for each field that cannot be used.
        """
        fields = Fields(form)
        by_hand = form.get("hand_days", "").strip()
        hand_days = fields.whole("hand_days", least=1, most=10_000) if by_hand else None
        days = fields.whole("pre_restore_days", least=LEAST_PRE_RESTORE_DAYS, most=10_000)
        fields.finish()
        return cls(hand_days=hand_days, pre_restore_days=days)
