"""The form of a source: what was typed, as one frozen object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from webapp.errors import Invalid
from webapp.forms.recovery import hours_of, minutes_of_hours

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
        return hours_of(self.recovery_point_minutes)

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
    try:
        return minutes_of_hours(hours)
    except ValueError as problem:
        raise Invalid({"recovery_hours": str(problem)}) from None
