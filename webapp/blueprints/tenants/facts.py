"""What the forms about a tenant show beside what was typed."""

from __future__ import annotations

from webapp.domain.tenants import TwoPeople, zones
from webapp.services import tenants
from webapp.services.access import Access


def of(access: Access) -> dict[str, object]:
    """For the page that changes a tenant."""
    tenant = access.tenant
    return {"tenant": tenant, "next_states": tenants.next_states(tenant), **choices()}


def choices() -> dict[str, object]:
    """Zones, and the acts that two people can be demanded for."""
    return {"zones": zones(), "two_people": [(act, act.label) for act in TwoPeople]}
