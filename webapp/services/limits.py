"""Limits: how many runs at once, how fast, in which windows, and pauses.

They hold for the installation (set by MSP admins), for a tenant, or for one of its hosts (by its
managers; how many runs of a tenant go on at once is the MSP's to say). What reads them is
``limits_rules`` for picking and ``bandwidth`` for captures. Audited where they hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from webapp import clock
from webapp.domain.actors import Actor
from webapp.domain.limits import Values
from webapp.domain.permissions import Permission
from webapp.domain.windows import Window
from webapp.errors import Conflict, Forbidden, Invalid
from webapp.extensions import db, insert_if_new
from webapp.models import Limit, LimitScope, Source, Tenant
from webapp.models.columns import new_id
from webapp.services import access as gate
from webapp.services import audit
from webapp.services.access import Access

FOR_EVER = datetime(9000, 1, 2, tzinfo=UTC)  # the end of a pause that has none, in any zone
_LONGEST_REASON = 500
NO_VALUES = Values()
_CHANGED = (
    "Somebody else changed these limits meanwhile. Look at what they are now, and edit again."
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where limits hold. Made by this module only, for who may change them there.

    Attributes:
        host: of a tenant's; empty is this machine. Means nothing in other scopes.
        may_count: the actor may say how many runs go on at once.
    """

    actor: Actor
    scope: LimitScope
    tenant: Tenant | None = None
    host: str = ""
    may_count: bool = True

    @property
    def subject(self) -> str:
        if self.tenant is None:
            return ""
        tenant = str(self.tenant.id)
        return f"{tenant}/{self.host}" if self.scope is LimitScope.HOST else tenant

    @property
    def resource(self) -> str:
        """As the audit log names it."""
        of_host = f"/{self.host or 'this machine'}" if self.scope is LimitScope.HOST else ""
        return f"limits:{self.scope}{of_host}"


@dataclass(frozen=True, kw_only=True)
class Held:
    """What holds somewhere.

    Attributes:
        paused_until: of a pause that is not over; ``FOR_EVER`` if it has no end.
    """

    values: Values = NO_VALUES
    paused_until: datetime | None = None
    pause_reason: str = ""

    @property
    def is_paused(self) -> bool:
        return self.paused_until is not None

    @property
    def has_end(self) -> bool:
        return self.paused_until is not None and self.paused_until < FOR_EVER

    @property
    def is_empty(self) -> bool:
        return self.values.is_empty and not self.is_paused


NOTHING = Held()


@dataclass(frozen=True, kw_only=True)
class Overview:
    """Everything that holds for one tenant; hosts by name, this machine first."""

    installation: Held
    tenant: Held
    hosts: Mapping[str, Held]


def of_installation(actor: Actor) -> Place:
    """Raises:
    Forbidden: no MSP admin.
    """
    gate.require_msp_admin(actor)
    return Place(actor=actor, scope=LimitScope.INSTALLATION)


def of_tenant(access: Access) -> Place:
    """Raises:
    Forbidden: the role is too small.
    """
    access.require(Permission.MANAGE)
    may_count = access.may(Permission.ADMINISTER)
    return Place(
        actor=access.actor, scope=LimitScope.TENANT, tenant=access.tenant, may_count=may_count
    )


def of_host(access: Access, host: str) -> Place:
    """Raises:
    Forbidden: the role is too small.
    Invalid: no source of the tenant is on such a host, and nothing is said of it.
    """
    access.require(Permission.MANAGE)
    if host not in overview(access).hosts:
        raise Invalid({"host": f"No source of this customer is on a host named {host[:100]}."})
    return of_known_host(access, host)


def of_known_host(access: Access, host: str) -> Place:
    """As ``of_host``, for one out of ``overview``."""
    access.require(Permission.MANAGE)
    return Place(actor=access.actor, scope=LimitScope.HOST, tenant=access.tenant, host=host)


def overview(access: Access) -> Overview:
    """What holds for a tenant: of the installation, itself, and each of its hosts."""
    access.require(Permission.VIEW)
    tenant_id = access.tenant.id
    rows = db.session.scalars(
        select(Limit).where((Limit.tenant_id == tenant_id) | Limit.tenant_id.is_(None))
    )
    found = {(row.scope, row.subject): held(row) for row in rows}
    used = select(Source.host).where(Source.tenant_id == tenant_id, Source.removed_at.is_(None))
    names = {host or "" for host in db.session.scalars(used.distinct())} | {""}
    names |= {s.partition("/")[2] for scope, s in found if scope is LimitScope.HOST}
    return Overview(
        installation=found.get((LimitScope.INSTALLATION, ""), NOTHING),
        tenant=found.get((LimitScope.TENANT, str(tenant_id)), NOTHING),
        hosts={
            name: found.get((LimitScope.HOST, f"{tenant_id}/{name}"), NOTHING)
            for name in sorted(names)
        },
    )


def read(place: Place) -> Held:
    """What holds there now."""
    row = db.session.scalar(_query(place))
    return held(row) if row is not None else NOTHING


def change(place: Place, values: Values, *, seen: str = "") -> Held:
    """Set all limits of a place anew; commits. A pause stays as it is.

    Args:
        seen: the mark of the values that the person looked at, if it is known.

    Raises:
        Invalid: one sentence for each field that cannot be used.
        Conflict: somebody else changed them meanwhile.
        Forbidden: how many runs go on at once is not this person's to say.
    """
    problems = values.problems()
    if problems:
        raise Invalid(problems)
    row = _locked(place)
    before = held(row).values
    if seen and seen != before.mark:
        raise Conflict(_CHANGED)
    if values.most_running != before.most_running and not place.may_count:
        raise Forbidden("How many runs of a customer go on at once is for MSP admins to say.")
    if values != before:
        row.most_running, row.bytes_per_second = values.most_running, values.bytes_per_second
        row.windows = [window.stored() for window in values.windows]
        _record(place, "changed", details={"before": before.told(), "after": values.told()})
    return _kept(row)


def clear(place: Place) -> Held:
    """Lift all limits of a place that this person may lift; commits. A pause stays."""
    kept = None if place.may_count else read(place).values.most_running
    return change(place, Values(most_running=kept))


def pause(place: Place, until: datetime | None, reason: str) -> Held:
    """Let no capture, drill or maintenance begin there until a moment; commits.

    What has begun goes on, and restores and previews are never held back.

    Args:
        until: None for a pause that a person ends.

    Raises:
        Invalid: no reason, or *until* has passed.
    """
    wrong, reason = {}, reason.strip()
    if until is not None and until <= clock.now():
        wrong["until"] = "A pause ends in the future."
    if not reason:
        wrong["reason"] = "Say why, for those who wonder where the backups are."
    elif len(reason) > _LONGEST_REASON:
        wrong["reason"] = f"Use at most {_LONGEST_REASON} characters."
    if wrong:
        raise Invalid(wrong)
    row = _locked(place)
    row.paused_until, row.pause_reason = min(until or FOR_EVER, FOR_EVER), reason
    told = {"until": until.isoformat() if until else None}
    _record(place, "paused", reason=reason, details=told)
    return _kept(row)


def resume(place: Place) -> Held:
    """End a pause; commits. What waited for it begins within seconds."""
    row = _locked(place)
    if held(row).is_paused:
        _record(place, "resumed", details={"was": row.pause_reason})
    row.paused_until, row.pause_reason = None, ""
    return _kept(row)


def _query(place: Place) -> Any:
    return select(Limit).where(Limit.scope == place.scope, Limit.subject == place.subject)


def _locked(place: Place) -> Limit:
    """The row of a place, made if there is none: nobody else changes it until the commit."""
    facts = {"id": new_id(), "scope": place.scope, "subject": place.subject, "windows": []}
    facts |= {"tenant_id": place.tenant.id if place.tenant else None, "pause_reason": ""}
    db.session.execute(insert_if_new(Limit).values(facts))
    query = _query(place).with_for_update().execution_options(populate_existing=True)
    found: Limit = db.session.scalars(query).one()
    return found


def _kept(row: Limit) -> Held:
    """What the row says now; one that says nothing goes. Commits."""
    now = held(row)
    if now.is_empty:
        db.session.delete(row)
    db.session.commit()
    return now


def held(row: Limit) -> Held:
    """What a row says at this moment."""
    is_paused = row.paused_until is not None and row.paused_until > clock.now()
    return Held(
        values=Values(
            most_running=row.most_running,
            bytes_per_second=row.bytes_per_second,
            windows=tuple(Window.of(stored) for stored in row.windows),
        ),
        paused_until=row.paused_until if is_paused else None,
        pause_reason=row.pause_reason if is_paused else "",
    )


def _record(place: Place, what: str, *, reason: str = "", details: dict[str, Any]) -> None:
    audit.record(
        place.actor, f"limits.{what}", tenant=place.tenant,
        resource=place.resource, reason=reason, details=details,
    )  # fmt: skip
