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

# Values for parameters that are no ids.
PLAIN = {
    "form": "csv",
    "status": "suspended",
    "secret": "no-such-secret",
    "filename": "img/mark.svg",
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

        return re.sub(r"<([^>]+)>", fill, self.rule)


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
