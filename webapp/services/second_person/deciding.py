"""What becomes of a request: approved and carried out, rejected, withdrawn, expired."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from webapp import clock
from webapp.domain import redaction
from webapp.domain.actors import SYSTEM
from webapp.domain.acts import COLLECT, RequestState, may_be_same
from webapp.domain.permissions import Permission
from webapp.errors import AppError, Conflict, Forbidden, Invalid, Refused
from webapp.extensions import db
from webapp.models import ActRequest, Tenant
from webapp.services import access as gate
from webapp.services import audit
from webapp.services.access import Access
from webapp.services.second_person import asking, carrying, telling

_MOST_CHARACTERS = 500
_MOST_AT_ONCE = 500


def approve(access: Access, request_id: UUID, *, digest: str = "", reason: str = "") -> ActRequest:
    """Approve what somebody else asked for and carry it out, all in one transaction; or nothing.

    A recovery sheet is only released: whoever asked takes it, once, within 24 hours.

    Args:
        digest: of what the decider looked at, if they did.

    Raises:
        Refused: ``own_request``, ``nobody_named``, ``request_changed``.
        Conflict: it was decided or is over, what it is about has changed since, or whoever asked
            may no longer do it; or as the act's own service says.
    """
    request = _open(access, request_id)
    _require_other(access, request)
    asking.require_whole(request)
    if digest and digest != request.digest:
        raise Conflict("Somebody asked anew since you looked. Look at what is asked for now.")
    now = clock.now()
    _decide(access, request, RequestState.DONE, reason=reason, at=now)
    asking.record(access, request, "approved", reason=request.decision)
    if request.act.is_collected:
        request.state, request.expires_at = RequestState.APPROVED, now + COLLECT
        telling.ended(request, f"{access.actor.label} approved it: you can {request.act.label}.")
        db.session.commit()
        return request
    request.executed_at = now
    done = f"{access.actor.label} approved it, and it is done: {request.subject_name}."
    telling.ended(request, done)
    _carry_out(access, request)
    return request


def reject(access: Access, request_id: UUID, *, reason: str) -> ActRequest:
    """Turn a request down, and commit.

    Raises:
        Invalid: no reason is given.
        Conflict: it was decided or is over.
    """
    request = _open(access, request_id)
    if not reason.strip():
        raise Invalid({"reason": "Say why, for whoever asked."})
    _decide(access, request, RequestState.REJECTED, reason=reason, at=clock.now())
    asking.record(access, request, "rejected", reason=request.decision)
    telling.ended(request, f"{access.actor.label} rejected it: {request.decision}")
    db.session.commit()
    return request


def withdraw(access: Access, request_id: UUID) -> ActRequest:
    """Take back what one asked for, also if it was approved and not yet taken; commits.

    Raises:
        Refused: ``not_yours``; somebody else asked.
        Conflict: it was decided or is over.
    """
    access.require(Permission.MANAGE)
    request = _locked(access, request_id)
    if request.requested_by_id != access.actor.user_id:
        raise Refused("not_yours", "Only who asked can take it back. You can reject it.")
    _require_open(request)
    request.state, request.decided_at = RequestState.WITHDRAWN, clock.now()
    asking.record(access, request, "withdrawn")
    telling.ended(request, f"You took it back: {request.subject_name}.")
    db.session.commit()
    return request


def expire(at: datetime) -> int:
    """Close what nobody decided, or took, in time; commits. A step of the scheduler."""
    db.session.rollback()
    query = select(ActRequest, Tenant).join(Tenant, Tenant.id == ActRequest.tenant_id)
    query = query.where(
        ActRequest.state.in_([state for state in RequestState if state.is_open]),
        ActRequest.expires_at <= at,
    )
    found = db.session.execute(query.order_by(ActRequest.expires_at).limit(_MOST_AT_ONCE)).all()
    for request, tenant in found:
        was = request.state
        request.state = RequestState.EXPIRED
        audit.record(
            SYSTEM,
            "request.expired",
            tenant=tenant,
            resource=f"request:{request.id}",
            details={"act": str(request.act), "subject": request.subject, "was": str(was)},
        )
        telling.ended(request, f"Nobody decided in time: {request.subject_name}. Ask again.")
    db.session.commit()
    return len(found)


def _open(access: Access, request_id: UUID) -> ActRequest:
    """A request that waits, locked, for somebody whose role may decide about it."""
    request = _locked(access, request_id)
    access.require(request.act.permission)
    if request.state is RequestState.APPROVED:
        raise Conflict(f"{request.decided_by} has approved it already.")
    _require_open(request)
    return request


def _locked(access: Access, request_id: UUID) -> ActRequest:
    request: ActRequest = gate.find(access, ActRequest, request_id)
    db.session.refresh(request, with_for_update=True)
    return request


def _require_open(request: ActRequest) -> None:
    if not request.state.is_open:
        by = f" by {request.decided_by}" if request.decided_by else ""
        raise Conflict(f"It is over: {request.state}{by}.")
    if not request.is_open(at=clock.now()):
        raise Conflict("Its time is over. It has to be asked for again.")


def _require_other(access: Access, request: ActRequest) -> None:
    if access.actor.user_id is None:
        raise Refused("nobody_named", "Say who decides: --as EMAIL.")
    if not may_be_same(request.requester, access.actor):
        return
    if request.requested_by_id == access.actor.user_id:
        raise Refused("own_request", "Somebody else must approve what you asked for.")
    raise Refused(
        "own_request",
        f"This was asked for from the same login, {access.actor.login}. Somebody else must "
        "approve it, from a login of their own or on the page.",
    )


def _decide(
    access: Access, request: ActRequest, state: RequestState, *, reason: str, at: datetime
) -> None:
    request.state = state
    request.decided_by, request.decided_by_id = access.actor.label, access.actor.user_id
    request.decided_at = at
    request.decision = redaction.safe(reason.strip())[:_MOST_CHARACTERS]


def _carry_out(access: Access, request: ActRequest) -> None:
    """Do it as whoever asked, with what was approved and nothing else. Commits, or changes
    nothing but that it is out of date."""
    request_id, tenant = request.id, access.tenant
    try:
        requester = _requester(request, tenant)
        wanted = asking.fingerprint(tenant, asking.ask_of(request))
        carrying.carry_out(gate.approved(requester, wanted), request)
        db.session.commit()
    except asking.Changed:
        db.session.rollback()
        _close_stale(access, request_id)
        raise
    except AppError:
        db.session.rollback()
        raise


def _requester(request: ActRequest, tenant: Tenant) -> Access:
    try:
        return gate.again(request.requested_by_id, tenant, request.act.permission)
    except Forbidden:
        raise Conflict(
            f"{request.requested_by} may no longer do this. Do it yourself, and let somebody else "
            "approve."
        ) from None


def _close_stale(access: Access, request_id: UUID) -> None:
    request = _locked(access, request_id)
    request.state, request.decided_at = RequestState.STALE, clock.now()
    asking.record(access, request, "out_of_date")
    sentence = f"{request.subject_name} has changed since you asked, so it was not done. Ask again."
    telling.ended(request, sentence)
    db.session.commit()
