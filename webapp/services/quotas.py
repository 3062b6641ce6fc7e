"""Quotas: how much a customer may fill, how much it does, and the refusal of what is too much."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from webapp.domain import quotas, sizes
from webapp.domain.limits import LEAST_QUOTA, MOST_QUOTA
from webapp.domain.permissions import Permission
from webapp.errors import Invalid, Refused
from webapp.extensions import db
from webapp.models import Tenant, VaultRecord
from webapp.services import audit
from webapp.services.access import Access


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Attributes:
    used_bytes: what the customer's vault holds; ``domain.quotas`` says what counts.
    """

    used_bytes: int
    quota_bytes: int | None

    @property
    def is_used_up(self) -> bool:
        return quotas.is_used_up(self.used_bytes, self.quota_bytes)

    @property
    def is_nearly_used_up(self) -> bool:
        return quotas.is_nearly_used_up(self.used_bytes, self.quota_bytes)

    @property
    def percent(self) -> int | None:
        """Never 100 before it is."""
        return self.used_bytes * 100 // self.quota_bytes if self.quota_bytes else None


def of(access: Access) -> Standing:
    """How much of its quota a tenant uses."""
    access.require(Permission.VIEW)
    return _standing(access.tenant)


def choose(access: Access, quota_bytes: int | None) -> None:
    """Set a tenant's quota, or with None lift it; commits. Nothing is deleted by it.

    Raises:
        Forbidden: no MSP admin.
        Invalid: smaller than a vault can be.
    """
    access.require(Permission.ADMINISTER)
    if quota_bytes is not None and not LEAST_QUOTA <= quota_bytes <= MOST_QUOTA:
        raise Invalid({"quota": f"At least {sizes.exact(LEAST_QUOTA)}; empty for no quota."})
    tenant = access.tenant
    db.session.refresh(tenant, with_for_update=True)
    before, tenant.quota_bytes = tenant.quota_bytes, quota_bytes
    if before != quota_bytes:
        audit.record(
            access.actor, "tenant.quota_changed", tenant=tenant,
            resource=f"tenant:{tenant.id}", details={"before": before, "after": quota_bytes},
        )  # fmt: skip
    db.session.commit()


def require_room(tenant: Tenant) -> None:
    """Raises:
    Refused: ``quota_exceeded``: nothing new is captured for this tenant.
    """
    if tenant.quota_bytes and _standing(tenant).is_used_up:
        raise Refused(quotas.CODE, quotas.REFUSAL)


def used_up(tenant_ids: Collection[UUID]) -> set[UUID]:
    """Those of the tenants whose quota is used up. One query."""
    query = (
        select(Tenant.id)
        .join(VaultRecord, VaultRecord.tenant_id == Tenant.id)
        .where(
            Tenant.id.in_(tenant_ids),
            Tenant.quota_bytes > 0,
            VaultRecord.stored_bytes >= Tenant.quota_bytes,
        )
    )
    return set(db.session.scalars(query))


def _standing(tenant: Tenant) -> Standing:
    query = select(VaultRecord.stored_bytes).where(VaultRecord.tenant_id == tenant.id)
    used = db.session.scalar(query) or 0
    return Standing(used_bytes=used, quota_bytes=tenant.quota_bytes)
