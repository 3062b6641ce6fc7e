"""What alerts that were opened tell, and whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from webapp.extensions import db
from webapp.models import Alert, Tenant
from webapp.services.notify import bell, channels, messages
from webapp.services.notify.channels import Outlet

_MOST_NAMED = 40


def opened(alerts: Sequence[Alert], *, at: datetime) -> None:
    """Tell of alerts that were opened together: a line each behind the bell, one message a
    channel. The caller commits."""
    by_tenant: defaultdict[UUID, list[Alert]] = defaultdict(list)
    for alert in alerts:
        by_tenant[alert.tenant_id].append(alert)
    outlets: dict[UUID, Outlet] = {}
    said: defaultdict[UUID, list[tuple[Tenant, Alert]]] = defaultdict(list)
    for tenant_id, of_tenant in by_tenant.items():
        _ring(tenant_id, of_tenant)
        tenant = db.session.get_one(Tenant, tenant_id)
        for outlet in channels.wanting(tenant_id, "alerts"):
            outlets[outlet.id] = outlet
            said[outlet.id] += [(tenant, alert) for alert in of_tenant]
    for channel_id, about in said.items():
        _write(outlets[channel_id], about, at=at)


def _ring(tenant_id: UUID, alerts: Sequence[Alert]) -> None:
    readers = bell.wanting(tenant_id, "alerts")
    for alert in alerts:
        payload = {
            "tenant_id": str(tenant_id),
            "alert_id": str(alert.id),
            "condition": alert.condition,
            "subject": alert.subject,
            "message": alert.message,
        }
        bell.tell(readers, tenant_id, type=bell.ALERT, payload=payload)


def _write(outlet: Outlet, about: Sequence[tuple[Tenant, Alert]], *, at: datetime) -> None:
    tenant, first = about[0]
    is_of_one = all(other.id == tenant.id for other, _ in about)
    whose = tenant.name if is_of_one else f"{len({other.id for other, _ in about})} customers"
    what = first.message if len(about) == 1 else f"{len(about)} new alerts"
    lines = [f"{other.name}: {alert.message}" for other, alert in about[:_MOST_NAMED]]
    if len(about) > _MOST_NAMED:
        lines.append(f"… and {len(about) - _MOST_NAMED} more.")
    place = _place(tenant, first if len(about) == 1 else None) if is_of_one else ""
    messages.add(
        outlet.id,
        f"alert:{first.id}",
        tenant_id=tenant.id if is_of_one else None,
        subject=f"{whose}: {what}",
        body="\n".join([*lines, *messages.link(place)]),
        at=at,
    )


def _place(tenant: Tenant, alert: Alert | None) -> str:
    """The page of what a single alert is about; that of the tenant for several."""
    kind, _, subject = alert.subject.partition(":") if alert else ("", "", "")
    family = {"schedule": "schedules", "source": "sources"}.get(kind)
    return f"t/{tenant.slug}/{family}/{subject}" if family else f"t/{tenant.slug}/"
