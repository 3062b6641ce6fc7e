"""What surrounds every page: navigation, the account menu, work that is running.

Nothing is asked of the database until a layout asks for it: fragments and errors stay cheap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from flask import Flask, current_app, g, request, url_for
from flask_login import current_user

from webapp.blueprints.web.abilities import abilities
from webapp.blueprints.web.gate import actor
from webapp.domain.permissions import Permission
from webapp.services import health, running_work
from webapp.services.access import Access
from webapp.services.notify import bell
from webapp.services.running_work import RunningWork
from webapp.services.second_person import looking

# label, endpoint, icon, the ability it needs
_MAIN = (
    ("Overview", "overview.index", "layout-dashboard", ""),
    ("Tenants", "tenants.index", "building", ""),
    ("Runs", "runs.all", "activity", ""),
    ("Schedules", "schedules.all", "calendar-time", ""),
    ("Limits", "limits.installation", "adjustments", "is_msp_admin"),
    ("Audit", "audit.installation", "clipboard-list", "is_msp_admin"),
)
_TENANT = (
    ("Overview", "tenants.show", "layout-dashboard", ""),
    ("Sources", "sources.index", "server-2", ""),
    ("Schedules", "schedules.index", "calendar-time", ""),
    ("Backup sets", "sets.index", "archive", ""),
    ("Runs", "runs.index", "activity", ""),
    ("Restores", "restores.index", "restore", ""),
    ("Restore log", "restore_log.index", "history", "can_see_audit"),
    ("Audit", "audit.index", "clipboard-list", "can_see_audit"),
    ("Requests", "requests.index", "users-group", "takes_two"),
    ("People", "people.index", "users", "can_manage"),
    ("Messages", "channels.index", "send", "can_manage"),
    ("Vault", "vaults.show", "shield-lock", "can_administer"),
)

# Pages that stand below another link.
_FAMILIES = {
    "schedule_templates": "schedules",
    "recovery_targets": "tenants",
    "unprotected": "overview",
    "usage": "limits",
}


@dataclass(frozen=True, kw_only=True)
class Link:
    label: str
    url: str
    icon: str
    is_current: bool
    count: int = 0  # what waits there for this person


class Shell:
    """Given to every template as ``shell``."""

    @property
    def is_signed_in(self) -> bool:
        return bool(current_user and current_user.is_authenticated)

    @property
    def person(self) -> str:
        return str(current_user.name or current_user.email)

    @property
    def initials(self) -> str:
        """Two letters that stand for the person: of first and last name, or of the address."""
        words = self.person.split("@")[0].replace(".", " ").replace("-", " ").split()
        letters = words[0][:1] + words[-1][:1] if len(words) > 1 else self.person[:2]
        return letters.upper()

    @property
    def access(self) -> Access | None:
        """Of the tenant whose page this is; None on pages over all tenants."""
        return g.get("access")

    @cached_property
    def main_links(self) -> list[Link]:
        in_tenant = self.access is not None
        given = {"is_msp_admin": bool(current_user.is_msp_admin)}
        links = _links(_MAIN, given)
        if in_tenant:
            return [_as_current(link, link.label == "Tenants") for link in links]
        return links

    @cached_property
    def tenant_links(self) -> list[Link]:
        if self.access is None:
            return []
        takes_two = bool(self.access.tenant.needs_two_people)
        given = abilities(self.access)
        given["takes_two"] = takes_two and self.access.may(Permission.MANAGE)
        links = _links(_TENANT, given, tenant_slug=self.access.tenant.slug)
        waiting = looking.count(self.access)
        return [replace(one, count=waiting) if one.label == "Requests" else one for one in links]

    @cached_property
    def running_work(self) -> RunningWork:
        """Of the tenant whose page this is, or of all of one's tenants."""
        return running_work.of(actor(), self.access)

    @property
    def running_url(self) -> str:
        """Where the widget of running work asks for its next version."""
        if self.access is None:
            return url_for("runs.running")
        return url_for("runs.running_here", tenant_slug=self.access.tenant.slug)

    @cached_property
    def unread_count(self) -> int:
        """Up to 100, which the bell shows as 99+: nobody counts further on every page."""
        return bell.unread_count(actor(), most=100)

    @cached_property
    def trouble(self) -> str:
        """What keeps work waiting just now, if anything does."""
        return health.trouble()


def register(app: Flask) -> None:
    app.context_processor(lambda: {"shell": Shell()})


def _links(
    table: tuple[tuple[str, str, str, str], ...], given: dict[str, bool], **values: Any
) -> list[Link]:
    """The links this person may follow, to page families that are there."""
    return [
        Link(
            label=label,
            url=url_for(endpoint, **values),
            icon=icon,
            is_current=_is_current(endpoint),
        )
        for label, endpoint, icon, needs in table
        if (not needs or given[needs]) and endpoint in current_app.view_functions
    ]


def _is_current(endpoint: str) -> bool:
    family = _FAMILIES.get(request.blueprint or "", request.blueprint)
    if family in {"overview", "limits"} and "access" in g:
        family = "tenants"  # of one tenant: below its overview
    return family == endpoint.partition(".")[0]


def _as_current(link: Link, is_current: bool) -> Link:
    return Link(label=link.label, url=link.url, icon=link.icon, is_current=is_current)
