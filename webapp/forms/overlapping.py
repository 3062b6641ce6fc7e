"""Two people change one thing at once: what the first changed, and what the second typed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from webapp.forms.schedules import Values

_SEVERAL = ("days_of_week",)  # fields of which a form sends one a choice


@dataclass(frozen=True, kw_only=True)
class Change:
    """One field that somebody else changed. *mine* is empty where the second left it alone."""

    field: str
    was: str
    now: str
    mine: str


@dataclass(frozen=True, kw_only=True)
class Merged:
    """Attributes:
    values: theirs where the second changed nothing, else the second's own.
    """

    values: dict[str, str]
    changes: list[Change]


def opened(text: str) -> dict[str, str]:
    """The texts that a form was opened with, as it carried them; nothing if they are not sound."""
    try:
        read = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(read, dict):
        return {}
    return {str(name): value for name, value in read.items() if isinstance(value, str)}


def merge(before: Values, now: Values, mine: Values) -> Merged:
    """Put together what two people made of *before*. Without it, all that differs is shown."""
    changed = [name for name in now if now[name] != before.get(name, mine.get(name, ""))]
    untouched = {name for name in now if name in before and mine.get(name, "") == before[name]}
    return Merged(
        values={name: now[name] if name in untouched else mine.get(name, "") for name in now},
        changes=[
            Change(
                field=name,
                was=before.get(name, ""),
                now=now[name],
                mine="" if name in untouched else mine.get(name, ""),
            )
            for name in changed
        ],
    )


def as_form(values: Mapping[str, str]) -> MultiDict[str, str]:
    """Texts as a form would send them."""
    form: MultiDict[str, str] = MultiDict()
    for name, value in values.items():
        parts = value.split(",") if name in _SEVERAL else [value]
        form.setlist(name, [part for part in parts if part])
    return form
