"""Recovery targets as somebody types them: a number with its unit, or hours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from webapp.domain.health import MOST_TARGET_MINUTES
from webapp.forms.fields import Fields

_PREFIX = "target-"
_LENGTH = re.compile(r"([0-9]{1,7}) ?(m|min|h|d)?")
_UNITS = {"m": 1, "min": 1, "h": 60, "d": 24 * 60}


def minutes_of_hours(hours: str) -> int | None:
    """Minutes of a number of hours, such as ``1.5``; None of nothing.

    Raises:
        ValueError: with a sentence that says what is wrong.
    """
    if not hours:
        return None
    try:
        minutes = round(float(hours.replace(",", ".")) * 60)
    except (ValueError, OverflowError):
        raise ValueError("This is not a number of hours.") from None
    if not 0 < minutes <= MOST_TARGET_MINUTES:
        raise ValueError("Between a minute and a year, please.")
    return minutes


def minutes_of(text: str) -> int:
    """Minutes of ``90``, ``90m``, ``4h`` or ``2d``.

    Raises:
        ValueError: with a sentence that says what is wrong.
    """
    found = _LENGTH.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError("Write it as minutes, or as 90m, 4h or 2d.")
    minutes = int(found[1]) * _UNITS[found[2] or "m"]
    if not 0 < minutes <= MOST_TARGET_MINUTES:
        raise ValueError("Between a minute and a year, please.")
    return minutes


def hours_of(minutes: int | None) -> str:
    """The number of hours that a form shows; empty for none."""
    return "" if minutes is None else f"{minutes / 60:g}"


def minutes_with_unit(fields: Fields) -> int:
    """A number typed as ``recovery_point``, of hours or minutes."""
    unit = 60 if fields.text("recovery_point_unit") == "hours" else 1
    return unit * fields.whole("recovery_point", least=1, most=MOST_TARGET_MINUTES // unit)


@dataclass(frozen=True, kw_only=True)
class TargetsForm:
    """What was typed, each with what stood there when the form was opened: (was, now).

    Attributes:
        tenant: minutes; None if the form had no field for it.
        sources: by source, minutes or None for the tenant's.
    """

    tenant: tuple[int | None, int] | None
    sources: Mapping[UUID, tuple[int | None, int | None]]

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> TargetsForm:
        """Raises:
        Invalid: with a sentence for each field that cannot be used.
        """
        fields = Fields(form)
        tenant: tuple[int | None, int] | None = None
        if "recovery_point" in form:
            now = minutes_with_unit(fields)
            tenant = (_whole(form.get("recovery_point_was", "")), now)
        sources: dict[UUID, tuple[int | None, int | None]] = {}
        for name in form:
            source_id = _id(name)
            if source_id is not None:
                was = _whole(form.get(f"was-{source_id}", ""))
                sources[source_id] = (was, _typed(fields, name, form[name].strip()))
        fields.finish()
        return cls(tenant=tenant, sources=sources)


def field_of(source_id: UUID) -> str:
    """The name of a source's field."""
    return f"{_PREFIX}{source_id}"


def _typed(fields: Fields, name: str, text: str) -> int | None:
    try:
        return minutes_of_hours(text)
    except ValueError as problem:
        fields.complain(name, str(problem))
        return None


def _id(name: str) -> UUID | None:
    try:
        return UUID(name.removeprefix(_PREFIX)) if name.startswith(_PREFIX) else None
    except ValueError:
        return None


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 7 else None
