"""Every route of the console, with what its view says about who may call it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

from flask import Flask
from werkzeug.routing import Rule

from webapp import blueprints
from webapp.domain.permissions import Permission

# Views that ask for more than their mark says; the stricter one is what the matrix expects.
STRICTER: Mapping[str, Permission] = {
    "runs.cancel": Permission.OPERATE,  # whoever previews may cancel previews; this is a capture
}

# Things of one person alone: an id of anybody else's is refused, whatever the role.
OF_ONESELF = {
    "channels.own_remove",
    "channels.own_save",
    "channels.own_show",
    "channels.own_test",
    "notifications.read",
}

# Values for parameters that are no ids.
PLAIN = {
    "form": "csv",
    "status": "suspended",
    "scope": "tenant",
    "month": "2026-11",
    "secret": "no-such-secret",
    "filename": "img/mark.svg",
}


# What each form is sent, so that what lies behind its checks is reached, too. Every route takes
# from it what it knows.
def typed(root: str) -> dict[str, str]:
    """A form filled in well; *root* is a folder that the tenant was granted."""
    token = uuid4().hex[:8]
    return {
        "name": f"Thing {token}",
        "slug": f"thing-{token}",
        "email": f"{token}@example.com",
        "role": "viewer",
        "timezone": "Europe/Berlin",
        "recovery_point": "4",
        "recovery_point_unit": "hours",
        "recovery_hours": "4",
        "path": f"{root}/site",
        "root": f"/srv/{token}",
        "reason": "because",
        "pre_restore_days": "60",
        "reviewed": "1",
        "confirm": "acme",
        "typed": "acme",
        "scope": "all",
        "where": "same",
        "password": "a rather long sentence",
        "again": "a rather long sentence",
        "new_password": "a rather long sentence",
        "current_password": "not the one",
        "code": "123456",
        "frequency": "daily",
        "time_of_day": "02:30",
        "backup_type": "full",
        "retention_keep_last": "7",
        "missed": "skip",
        "version": "1",
        "until": "2999-01-01T08:00",
        "tenant": "acme",
    }


# What pages are asked for beside their path.
QUERY = {"sources.new": "kind=files", "sources.add": "kind=files"}
IDS_IN_QUERIES = {
    "restores.new": ("set", "set_id"),
    "restores.preview": ("set", "set_id"),
    "schedules.add": ("source", "source_id"),
    "schedules.new": ("source", "source_id"),
    "retention.preview": ("schedule", "schedule_id"),
    "retention.upcoming": ("source", "source_id"),
    "sets.index": ("source", "source_id"),
}

_UUID = re.compile(r"<uuid:(\w+)>")


@dataclass(frozen=True)
class Route:
    endpoint: str
    method: str
    rule: str
    mark: object

    @property
    def id(self) -> str:
        return f"{self.method} {self.rule}"

    @property
    def needs(self) -> object:
        return STRICTER.get(self.endpoint, self.mark)

    @property
    def id_parameters(self) -> list[str]:
        return _UUID.findall(self.rule)

    @property
    def is_of_a_tenant(self) -> bool:
        return "tenant_slug" in self.rule

    def path(self, slug: str, ids: Mapping[str, UUID]) -> str:
        """The address with *ids* filled in; a name that *ids* lacks gets a random id."""

        def fill(found: re.Match[str]) -> str:
            name = found.group(1).rpartition(":")[2]
            if name == "tenant_slug":
                return slug
            return str(PLAIN.get(name) or ids.get(name) or uuid4())

        return f"{re.sub(r'<([^>]+)>', fill, self.rule)}?{self._query(ids)}"

    def _query(self, ids: Mapping[str, UUID]) -> str:
        name, parameter = IDS_IN_QUERIES.get(self.endpoint, ("", ""))
        return f"{name}={ids[parameter]}" if name else QUERY.get(self.endpoint, "")


def all_routes() -> list[Route]:
    app = Flask("webapp")
    blueprints.register(app)
    found = [
        Route(rule.endpoint, method, rule.rule, _mark(app, rule))
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]
    return sorted(found, key=lambda route: route.id)


def _mark(app: Flask, rule: Rule) -> object:
    return getattr(app.view_functions[rule.endpoint], "permission", None)
