"""Forms about a tenant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict

from webapp.domain.tenants import TwoPeople, is_zone
from webapp.forms.fields import Fields
from webapp.forms.recovery import minutes_with_unit


@dataclass(frozen=True, kw_only=True)
class TenantForm:
    """``slug`` is read for a new tenant only: addresses and scripts hold on to it."""

    name: str
    timezone: str
    environment_label: str
    recovery_point_minutes: int
    needs_two_people: tuple[TwoPeople, ...]
    slug: str = ""

    @classmethod
    def parse(cls, form: MultiDict[str, str], *, with_slug: bool = False) -> TenantForm:
        fields = Fields(form)
        read = cls(
            slug=fields.text("slug", missing="Choose a short name.") if with_slug else "",
            name=fields.text("name", missing="A customer needs a name.", longest=100),
            timezone=fields.text("timezone", missing="Choose a time zone."),
            environment_label=fields.text("environment_label", longest=40) or "production",
            recovery_point_minutes=minutes_with_unit(fields),
            needs_two_people=_acts(fields, form),
        )
        if read.timezone and not is_zone(read.timezone):
            fields.complain("timezone", "We know no such zone. Try Europe/Berlin, or UTC.")
        fields.finish()
        return read

    def facts(self) -> dict[str, Any]:
        """All but the slug."""
        return {name: value for name, value in vars(self).items() if name != "slug"}


def _acts(fields: Fields, form: MultiDict[str, str]) -> tuple[TwoPeople, ...]:
    known = {str(act) for act in TwoPeople}
    typed = form.getlist("needs_two_people")
    if not known.issuperset(typed):
        fields.complain("needs_two_people", "Choose from the list.")
    return tuple(act for act in TwoPeople if str(act) in typed)
