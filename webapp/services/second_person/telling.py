"""Who hears of a request: those who may decide, and afterwards whoever asked."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import or_, select, update

from webapp import clock
from webapp.domain.acts import Act
from webapp.domain.permissions import ROLES
from webapp.extensions import db
from webapp.models import ActRequest, Membership, Notification, Tenant, User
from webapp.services.access import Access
from webapp.services.notify import bell, channels, messages


def deciders(tenant: Tenant, act: Act) -> list[User]:
    """Everybody who may decide about *act*, by address; the requester among them."""
    roles = [role for role, given in ROLES.items() if act.permission in given]
    query = (
        select(User)
        .outerjoin(
            Membership, (Membership.user_id == User.id) & (Membership.tenant_id == tenant.id)
        )
        .where(User.is_disabled.is_(False))
        .where(or_(User.is_msp_admin, Membership.role.in_(roles)))
        .order_by(User.email)
    )
    return list(db.session.scalars(query))


def asked(access: Access, request: ActRequest) -> None:
    """Tell those who may decide, but not who asked. The caller commits."""
    who = [one.id for one in deciders(access.tenant, request.act) if one.id != access.actor.user_id]
    message = f"{request.requested_by} asks to {request.act.label}: {request.subject_name}."
    bell.tell(who, access.tenant.id, type=bell.REQUEST, payload=_payload(request, message))
    _write(access, request, message)


def ended(request: ActRequest, sentence: str) -> None:
    """Tell who asked what became of it; nobody else has to look any more. The caller commits."""
    forget(request)
    who: list[UUID] = [request.requested_by_id]
    bell.tell(who, request.tenant_id, type=bell.REQUEST, payload=_payload(request, sentence))


def forget(request: ActRequest) -> None:
    """Nobody has to look at it any more. The caller commits."""
    db.session.execute(
        update(Notification)
        .where(
            Notification.tenant_id == request.tenant_id,
            Notification.type == bell.REQUEST,
            Notification.read_at.is_(None),
            Notification.payload["request_id"].as_string() == str(request.id),
        )
        .values(read_at=clock.now())
        .execution_options(synchronize_session=False)
    )


def _payload(request: ActRequest, message: str) -> dict[str, object]:
    return {
        "tenant_id": str(request.tenant_id),
        "request_id": str(request.id),
        "act": str(request.act),
        "state": str(request.state),
        "message": message,
    }


def _write(access: Access, request: ActRequest, message: str) -> None:
    """To the channels that want to hear of alerts at once: it is as urgent, and as rare."""
    tenant = access.tenant
    lines = [message, *request.lines, request.reason and f"Reason: {request.reason}"]
    body = [line for line in lines if line]
    body += ["A second person has to approve it.", *messages.link(f"t/{tenant.slug}/requests")]
    for outlet in channels.wanting(tenant.id, "alerts"):
        messages.add(
            outlet.id,
            f"request:{request.id}",
            tenant_id=tenant.id,
            subject=f"{tenant.name}: {message}",
            body="\n".join(body),
            at=clock.now(),
        )
