"""The form of a source: what was typed, as one frozen object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from webapp.errors import Invalid

_LONGEST_MINUTES = 366 * 24 * 60
_OWN = ("name", "kind", "recovery_hours", "csrf_token")


@dataclass(frozen=True, kw_only=True)
class SourceForm:
    """Attributes:
    config: the kind's own settings by name; its connector checks them.
    recovery_point_minutes: None takes the tenant's.
    """

    kind: str = ""
    name: str = ""
    config: Mapping[str, str] = field(default_factory=dict)
    recovery_point_minutes: int | None = None

    @property
    def recovery_hours(self) -> str:
        minutes = self.recovery_point_minutes
        return "" if minutes is None else f"{minutes / 60:g}"

    @classmethod
    def parse(cls, form: Mapping[str, str], *, kind: str) -> SourceForm:
        """Read what was typed.

        Raises:
            Invalid: the number of hours is none.
        """
        return cls(
            kind=kind,
            name=form.get("name", "").strip(),
            config={
                name: value.strip()
                for name, value in form.items()
                if name not in _OWN and value.strip()
            },
            recovery_point_minutes=_minutes(form.get("recovery_hours", "").strip()),
        )


def _minutes(hours: str) -> int | None:
    if not hours:
        return None
    try:
        minutes = round(float(hours.replace(",", ".")) * 60)
    except (ValueError, OverflowError):
        raise Invalid({"recovery_hours": "This is not a number of hours."}) from None
    if not 0 < minutes <= _LONGEST_MINUTES:
        raise Invalid({"recovery_hours": "Between a minute and a year, please."})
    return minutes
