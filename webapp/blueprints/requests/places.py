"""Where the thing that a request is about can be looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import url_for

from webapp.domain.acts import Act, RequestState
from webapp.models import ActRequest
from webapp.services.access import Access

_PAGES = {
    "schedule": ("schedules.show", "schedule_id"),
    "set": ("sets.show", "set_id"),
    "source": ("sources.show", "source_id"),
    "vault": ("vaults.show", ""),
    "tenant": ("retention.index", ""),
}
_GONE = {Act.DELETE_SET, Act.REMOVE_SOURCE}


@dataclass(frozen=True)
class Place:
    url: str
    label: str

    @classmethod
    def of(cls, access: Access, request: ActRequest) -> Place | None:
        """None where there is nothing to see any more, or this person may not look there."""
        is_gone = request.act in _GONE and request.state is RequestState.DONE
        if is_gone or not access.may(request.act.permission):
            return None
        noun, _, thing_id = request.subject.partition(":")
        endpoint, parameter = _PAGES[noun]
        if request.act is Act.DROP_RULE:
            endpoint = "tenants.edit"
        values: dict[str, Any] = {parameter: thing_id} if parameter else {}
        url = url_for(endpoint, tenant_slug=access.tenant.slug, **values)
        return cls(url, "Look at it as it is now")
