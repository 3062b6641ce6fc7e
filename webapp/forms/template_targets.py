"""Which sources a template is for, as ticked in a form."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from werkzeug.datastructures import MultiDict


@dataclass(frozen=True, kw_only=True)
class TargetsForm:
    """Attributes:
    tenants: slugs whose sources are all meant, those of one kind if *kind* is given.
    sources: single ones. What is no id counts as none.
    """

    tenants: tuple[str, ...]
    sources: tuple[UUID, ...]
    kind: str

    @classmethod
    def parse(cls, form: MultiDict[str, str]) -> TargetsForm:
        return cls(
            tenants=tuple(form.getlist("tenant")),
            sources=tuple(form.getlist("source", type=UUID)),
            kind=form.get("kind", "").strip(),
        )
