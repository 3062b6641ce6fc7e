"""The guard: may one person do this alone here, or did a second approve exactly this?"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import select

from webapp import clock
from webapp.domain import redaction
from webapp.domain.acts import VALID, Act, RequestState
from webapp.errors import Conflict, Refused, Waiting
from webapp.extensions import db
from webapp.items import Json
from webapp.models import ActRequest, Tenant
from webapp.models.columns import new_id
from webapp.services import audit, installation
from webapp.services.access import Access
from webapp.services.second_person import telling

_MOST_CHARACTERS = 500


class Changed(Conflict):
    """It is no longer what was asked for."""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One act as a service is about to do it.

    Attributes:
        subject: ``schedule:<id>``; with *name* as people call it.
        state: of the subject, in any form: whether it is still the same when it is approved.
        parameters: all that the act needs, as JSON keeps it.
        lines: what would become of it, in sentences.
    """

    act: Act
    subject: str
    name: str
    state: str
    parameters: Json
    lines: tuple[str, ...]
    reason: str = ""


def is_demanded(tenant: Tenant, act: Act) -> bool:
    """Say whether nobody may do this alone in *tenant*."""
    return act.is_demanded(tenant.needs_two_people)


def require(access: Access, ask: Ask) -> None:
    """Return if the actor may do this now. Otherwise keep the request, commit, and say so.

    Raises:
        Waiting: a second person has to approve it.
        Changed: a second person approved something else, or it has changed since.
        Refused: ``nobody_named``; the command line does not say for whom it acts.
    """
    if access.approved:
        _require_same(access, ask)
        return
    if not is_demanded(access.tenant, ask.act):
        return
    if access.actor.user_id is None:
        raise Refused(
            "nobody_named",
            f"{access.tenant.name} demands two people for this, so say who you are: --as EMAIL.",
        )
    if ask.act.is_collected and _collect(access, ask):
        return
    _keep(access, ask)


def fingerprint(tenant: Tenant, ask: Ask) -> str:
    """Says exactly what is to be done, to what, in which state; keyed."""
    return _keyed([str(tenant.id), ask.act, ask.subject, ask.state, dict(ask.parameters)])


def ask_of(request: ActRequest) -> Ask:
    return Ask(
        act=request.act,
        subject=request.subject,
        name=request.subject_name,
        state=request.subject_state,
        parameters=request.parameters,
        lines=tuple(request.lines),
        reason=request.reason,
    )


def digest_of(request: ActRequest) -> str:
    """The digest of a request as the database has it now: over what is asked, by whom, and the
    words that whoever approves it reads. Who can change a row has not the key."""
    return _keyed(
        [
            str(request.id), str(request.tenant_id), request.act, request.subject,
            request.subject_name, request.subject_state, request.parameters, request.lines,
            request.requested_by, str(request.requested_by_id), request.requested_login,
        ]
    )  # fmt: skip


def require_whole(request: ActRequest) -> None:
    """Raises:
    Refused: ``request_changed``; somebody has changed the row.
    """
    if not hmac.compare_digest(request.digest, digest_of(request)):
        raise Refused("request_changed", "This request is not what was asked for. Look into it.")


def record(
    access: Access, request: ActRequest, what: str, *, reason: str = "", details: Json | None = None
) -> None:
    """An entry about a request; the caller commits."""
    facts = {
        "act": str(request.act),
        "subject": request.subject,
        "name": request.subject_name,
        "digest": request.digest,
    }
    audit.record(
        access.actor,
        f"request.{what}",
        tenant=access.tenant,
        resource=f"request:{request.id}",
        reason=reason,
        details={**facts, **(details or {})},
    )


def _keyed(facts: list[object]) -> str:
    message = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    key = installation.ring().derive("request digest")
    return hmac.new(key, message.encode(), sha256).hexdigest()


def _require_same(access: Access, ask: Ask) -> None:
    if not hmac.compare_digest(access.approved, fingerprint(access.tenant, ask)):
        raise Changed(f"{ask.name} has changed since this was asked for. Ask again.")


def _keep(access: Access, ask: Ask) -> None:
    now = clock.now()
    present = _present(access, ask)
    if present is not None and present.is_open(at=now):
        if present.requested_by_id != access.actor.user_id:
            raise _waiting(access, present, f"{present.requested_by} has asked for this already.")
        if fingerprint(access.tenant, ask_of(present)) == fingerprint(access.tenant, ask):
            raise _waiting(access, present, "You have asked for this already.")
    if present is not None:
        _make_way(access, present, at=now)
    request = _add(access, ask, at=now)
    record(access, request, "made", reason=request.reason, details=_told(access, ask))
    telling.asked(access, request)
    request_id, slug = request.id, access.tenant.slug
    db.session.commit()
    raise Waiting(
        "Nothing is changed yet: somebody else has to approve it.", slug=slug, request_id=request_id
    )


def _make_way(access: Access, present: ActRequest, *, at: datetime) -> None:
    """Close what the actor asked for before, or what is over by now, for the new request."""
    is_open = present.is_open(at=at)
    present.state = RequestState.WITHDRAWN if is_open else RequestState.EXPIRED
    present.decided_at = at
    record(access, present, str(present.state), details={"asked_anew": True})
    telling.forget(present)
    db.session.flush()


def _present(access: Access, ask: Ask) -> ActRequest | None:
    """The request that waits for the same act on the same thing."""
    query = select(ActRequest).where(
        ActRequest.tenant_id == access.tenant.id,
        ActRequest.act == ask.act,
        ActRequest.subject == ask.subject,
        ActRequest.state == RequestState.WAITING,
    )
    return db.session.scalar(query)


def _waiting(access: Access, present: ActRequest, first: str) -> Waiting:
    sentence = f"{first} Nothing is changed yet: a second person has to approve it."
    return Waiting(sentence, slug=access.tenant.slug, request_id=present.id)


def _add(access: Access, ask: Ask, *, at: datetime) -> ActRequest:
    request = ActRequest(
        id=new_id(),
        tenant_id=access.tenant.id,
        act=ask.act,
        subject=ask.subject,
        subject_name=ask.name,
        subject_state=ask.state,
        parameters=dict(ask.parameters),
        lines=list(ask.lines),
        state=RequestState.WAITING,
        requested_by=access.actor.label,
        requested_by_id=access.actor.user_id,
        requested_login=access.actor.login,
        requested_at=at,
        reason=redaction.safe(ask.reason.strip())[:_MOST_CHARACTERS],
        expires_at=at + VALID,
    )
    request.digest = digest_of(request)
    db.session.add(request)
    db.session.flush()
    return request


def _told(access: Access, ask: Ask) -> Json:
    login = {"login": access.actor.login} if access.actor.login else {}
    return {"lines": list(ask.lines), **login}


def _collect(access: Access, ask: Ask) -> bool:
    """Use up what a second person has approved for this actor; say whether there was something.
    The caller commits."""
    now = clock.now()
    query = select(ActRequest).where(
        ActRequest.tenant_id == access.tenant.id,
        ActRequest.act == ask.act,
        ActRequest.subject == ask.subject,
        ActRequest.state == RequestState.APPROVED,
        ActRequest.requested_by_id == access.actor.user_id,
        ActRequest.expires_at > now,
    )
    request = db.session.scalars(query.with_for_update()).first()
    if request is None:
        return False
    require_whole(request)
    if fingerprint(access.tenant, ask_of(request)) != fingerprint(access.tenant, ask):
        return False
    request.state, request.executed_at = RequestState.DONE, now
    record(access, request, "carried_out")
    return True
