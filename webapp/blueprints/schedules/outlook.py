"""What a rule would do: its sentence, its next slots, and the days on which clocks change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from webapp.domain import schedule_words, schedules
from webapp.domain.schedules import ClockChange, Draft, Slot

SLOTS = 10
MOST_A_DAY = 6
_OF_THE_RULE = ("frequency", "timezone", "time_of_day", "days_of_week", "cron")


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """Attributes:
    sentence: the rule in plain words; without what is kept while that cannot be used.
    problems: what keeps the rule from being one; there are no slots then.
    other_zone: the tenant's zone where it differs, else empty.
    changes: the next two days on which clocks change.
    """

    sentence: str
    problems: list[str]
    zone: str
    other_zone: str
    slots: list[Slot]
    changes: list[ClockChange]

    @classmethod
    def of(
        cls,
        draft: Draft,
        *,
        tenant_zone: str,
        at: datetime,
        problems: Mapping[str, str] | None = None,
    ) -> Outlook:
        """For a draft as it is typed. *problems* are those of all its fields; a draft without a
        zone, as that of a template may be, is shown in the tenant's."""
        shown = replace(draft, timezone=draft.timezone or tenant_zone)
        given = schedules.problems(shown) if problems is None else problems
        bad = [given[name] for name in _OF_THE_RULE if name in given]
        return cls(
            sentence=_sentence(draft, given, bad),
            problems=bad,
            zone=shown.timezone,
            other_zone="" if shown.timezone == tenant_zone else tenant_zone,
            slots=[] if bad else schedules.upcoming(shown, at, SLOTS),
            changes=[] if bad else schedules.clock_changes(shown, at),
        )


def _sentence(draft: Draft, problems: Mapping[str, str], bad: list[str]) -> str:
    if bad:
        return ""
    return f"{schedule_words.when(draft)}." if problems else schedule_words.summary(draft)
