"""A schedule that is to keep less than it does: frozen for a second person, and thawed again."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from webapp import clock
from webapp.domain import lowering
from webapp.domain.acts import Act
from webapp.domain.schedules import Draft
from webapp.models import BackupSchedule
from webapp.services.access import Access
from webapp.services.second_person import asking
from webapp.services.second_person.asking import Ask


def require_allowed(
    access: Access, schedule: BackupSchedule, *, before: Draft, after: Draft, reason: str
) -> None:
    """Return if the actor may change it so; see ``asking.require``."""
    lines = lowering.of_schedule(before, after, at=clock.now())
    if not lines and not access.approved:
        return
    ask = Ask(
        act=Act.CHANGE_SCHEDULE,
        subject=f"schedule:{schedule.id}",
        name=schedule.name,
        state=f"version {schedule.version}",
        parameters={"draft": frozen(after), "version": schedule.version},
        lines=(*lines, *_others(before, after)),
        reason=reason,
    )
    asking.require(access, ask)


def frozen(draft: Draft) -> dict[str, Any]:
    """A draft as JSON keeps it."""
    return {
        name: list(value) if isinstance(value, tuple) else _plain(value)
        for name, value in asdict(draft).items()
    }


def thawed(kept: dict[str, Any]) -> Draft:
    pairs = kept.items()
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in pairs}
    return Draft(**values)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value


_WORDS = {
    "name": "its name",
    "backup_type": "what is captured",
    "policy_types": "which policies are captured",
    "include_foundations": "whether foundations are captured",
    "missed": "what becomes of missed times",
}


def _others(before: Draft, after: Draft) -> list[str]:
    """That the same change has more in it than what it keeps."""
    was, will = frozen(before), frozen(after)
    changed = [words for name, words in _WORDS.items() if was[name] != will[name]]
    timing = ("frequency", "timezone", "time_of_day", "days_of_week", "cron")
    if any(was[name] != will[name] for name in timing):
        changed.append("its times")
    return [f"It also changes {', '.join(changed)}."] if changed else []
