"""A schedule in plain words: when it runs, what it keeps, what becomes of missed slots."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from webapp.domain.restore_points import BackupType
from webapp.domain.schedules import DAYS, Draft, Frequency, MissedRule

KEEPS = ("hourly", "daily", "weekly", "monthly", "yearly")
_UNITS = {"hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month", "yearly": "year"}
_WHAT: dict[str, str] = {
    BackupType.FULL: "everything",
    BackupType.DB: "the database only",
    BackupType.FILES: "the files only",
    BackupType.POLICIES: "the chosen policies",
}
_EVERY_MINUTES = re.compile(r"\*/(\d{1,2}) \* \* \* \*")
_AT = re.compile(r"(\d{1,2}) (\d{1,2}) \* \* (\*|1-5|6,0|0,6)")
_EACH_HOUR = re.compile(r"(\d{1,2}) \* \* \* \*")


def summary(draft: Draft) -> str:
    """The whole rule in sentences; for one without problems."""
    return " ".join((f"{when(draft)}.", f"{what(draft)}.", f"{keeping(draft)}.", missed(draft)))


def when(draft: Draft) -> str:
    """``Every Monday and Thursday at 02:30 (Europe/Berlin time)``."""
    zone = f"{draft.timezone} time" if draft.timezone else "each customer's own time"
    if draft.frequency == Frequency.CRON:
        return f"{_cron(draft.cron or '')} ({zone})"
    days = "day" if draft.frequency == Frequency.DAILY else _days(draft.days_of_week)
    return f"Every {days} at {draft.time_of_day} ({zone})"


def what(draft: Draft) -> str:
    return f"Captures {_WHAT.get(draft.backup_type, draft.backup_type)}"


def keeping(draft: Draft) -> str:
    """``Keeps the newest 30, and of older ones the last of each week for 8 weeks``."""
    newest = f"Keeps the newest {_counted(draft.retention_keep_last, 'restore point')}"
    within = draft.retention.get("within_days", 0)
    if within:
        newest += f", all of the last {_counted(within, 'day')}"
    older = _older(draft.retention)
    return f"{newest}, and of older ones {listed(older)}" if older else newest


def missed(draft: Draft) -> str:
    if draft.missed == MissedRule.ONCE:
        return "If it could not run at its time, it runs once as soon as it can."
    return "What it could not run at its time is left out, and shown as missed."


def listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def _older(retention: Mapping[str, int]) -> list[str]:
    return [
        f"the last of each {_UNITS[name]} for {_counted(retention[name], _UNITS[name])}"
        for name in KEEPS
        if retention.get(name)
    ]


def _days(numbers: Sequence[int]) -> str:
    if sorted(numbers) == [1, 2, 3, 4, 5]:
        return "weekday"
    return listed([DAYS[number - 1] for number in sorted(numbers)])


def _cron(text: str) -> str:
    """The usual forms in words, all others as they are written."""
    text = " ".join(text.split())
    if (found := _EVERY_MINUTES.fullmatch(text)) and 60 % max(int(found[1]), 1) == 0:
        return f"Every {_counted(int(found[1]), 'minute')}"
    if found := _EACH_HOUR.fullmatch(text):
        return f"Every hour at minute {int(found[1])}"
    if found := _AT.fullmatch(text):
        days = {"*": "day", "1-5": "weekday"}.get(found[3], "Saturday and Sunday")
        return f"Every {days} at {int(found[2]):02}:{int(found[1]):02}"
    return f"Whenever {text} says so"


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"
