"""Looking at requests: what waits, what became of the others, and who may decide."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from webapp import clock
from webapp.domain.actors import Actor
from webapp.domain.acts import Act, RequestState
from webapp.domain.permissions import ROLES, Permission, Role
from webapp.extensions import db
from webapp.models import ActRequest, Membership, Tenant, TenantStatus
from webapp.services import access as gate
from webapp.services.access import Access
from webapp.services.second_person import telling

_OPEN = tuple(state for state in RequestState if state.is_open)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A request as one person sees it.

    Attributes:
        can_decide: their role is large enough, and somebody else asked.
        can_take: it was approved for them.
    """

    request: ActRequest
    is_mine: bool
    is_open: bool
    can_decide: bool
    can_take: bool


def waiting(access: Access, *, limit: int = 200) -> list[Row]:
    """What can still be decided or taken, the oldest first."""
    access.require(Permission.MANAGE)
    query = gate.rows(ActRequest, access).where(
        ActRequest.state.in_(_OPEN), ActRequest.expires_at > clock.now()
    )
    query = query.order_by(ActRequest.requested_at, ActRequest.id).limit(limit)
    return [_row(access, one) for one in db.session.scalars(query)]


def ended(access: Access, *, before: datetime | None = None, limit: int = 50) -> list[Row]:
    """What is over, the newest first. *before* continues a list."""
    access.require(Permission.MANAGE)
    query = gate.rows(ActRequest, access).where(
        ActRequest.state.not_in(_OPEN) | (ActRequest.expires_at <= clock.now())
    )
    if before is not None:
        query = query.where(ActRequest.requested_at < before)
    query = query.order_by(ActRequest.requested_at.desc(), ActRequest.id.desc()).limit(limit)
    return [_row(access, one) for one in db.session.scalars(query)]


def find(access: Access, request_id: UUID) -> Row:
    """One request of this tenant.

    Raises:
        Forbidden: it is not this tenant's, or there is none.
    """
    access.require(Permission.MANAGE)
    return _row(access, gate.find(access, ActRequest, request_id))


def count(access: Access) -> int:
    """How many wait for this very person's decision; asks nothing where nobody demands two."""
    if not access.tenant.needs_two_people or not access.may(Permission.MANAGE):
        return 0
    acts = [act for act in Act if access.may(act.permission)]
    query = select(func.count()).where(
        ActRequest.tenant_id == access.tenant.id,
        ActRequest.state == RequestState.WAITING,
        ActRequest.expires_at > clock.now(),
        ActRequest.requested_by_id != access.actor.user_id,
        ActRequest.act.in_(acts),
    )
    return db.session.scalar(query) or 0


def everywhere(actor: Actor, *, limit: int = 200) -> list[tuple[Row, Tenant]]:
    """What waits in all tenants that the actor manages, the oldest first. One query."""
    query = (
        select(ActRequest, Tenant)
        .join(Tenant, Tenant.id == ActRequest.tenant_id)
        .where(ActRequest.state.in_(_OPEN), ActRequest.expires_at > clock.now())
        .where(Tenant.status != TenantStatus.GONE)
        .order_by(ActRequest.requested_at, ActRequest.id)
        .limit(limit)
    )
    granted = ROLES[Role.MSP_ADMIN if actor.is_msp_admin else Role.MANAGER]
    if not actor.is_msp_admin:
        managed = select(Membership.tenant_id).where(
            Membership.user_id == actor.user_id, Membership.role == Role.MANAGER
        )
        query = query.where(ActRequest.tenant_id.in_(managed), Tenant.status == TenantStatus.ACTIVE)
    return [
        (_seen_by(actor, request, granted=granted), tenant)
        for request, tenant in db.session.execute(query)
    ]


def others(access: Access, request: ActRequest) -> list[str]:
    """Addresses of those who may decide about it; who asked is not among them."""
    found = telling.deciders(access.tenant, request.act)
    return [one.email for one in found if one.id != request.requested_by_id]


def as_document(request: ActRequest) -> dict[str, Any]:
    """A request as scripts see it."""
    return {
        "id": str(request.id),
        "act": str(request.act),
        "subject": request.subject,
        "name": request.subject_name,
        "state": str(request.state),
        "lines": list(request.lines),
        "reason": request.reason,
        "requested_by": request.requested_by,
        "requested_at": request.requested_at,
        "expires_at": request.expires_at,
        "decided_by": request.decided_by,
        "decided_at": request.decided_at,
        "decision": request.decision,
        "executed_at": request.executed_at,
        "digest": request.digest,
    }


def _row(access: Access, request: ActRequest) -> Row:
    return _seen_by(access.actor, request, granted=access.permissions)


def _seen_by(actor: Actor, request: ActRequest, *, granted: frozenset[Permission]) -> Row:
    is_open = request.is_open(at=clock.now())
    is_mine = request.requested_by_id == actor.user_id
    waits = is_open and request.state is RequestState.WAITING
    return Row(
        request=request,
        is_mine=is_mine,
        is_open=is_open,
        can_decide=waits and not is_mine and request.act.permission in granted,
        can_take=is_open and is_mine and request.state is RequestState.APPROVED,
    )
