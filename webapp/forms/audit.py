"""The filter of the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from webapp.forms.fields import Fields


@dataclass(frozen=True, kw_only=True)
class AuditFilter:
    """Days are whole days in the tenant's zone; ``until_on`` is included."""

    actor: str
    action: str
    since_on: date | None
    until_on: date | None
    before: int | None

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> AuditFilter:
        fields = Fields(form)
        read = cls(
            actor=fields.text("actor"),
            action=fields.text("action"),
            since_on=_day(fields, "since"),
            until_on=_day(fields, "until"),
            before=fields.whole("before", least=1, most=10**12) if form.get("before") else None,
        )
        fields.finish()
        return read


def _day(fields: Fields, name: str) -> date | None:
    text = fields.text(name)
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        fields.complain(name, "Write the day as 2026-01-31.")
        return None
