"""Channels: where messages go outside the console, a person's or a tenant's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, or_, select

from webapp import clock
from webapp.domain import channels as kinds
from webapp.domain import digests
from webapp.domain.actors import Actor
from webapp.domain.channels import Event
from webapp.domain.permissions import Permission
from webapp.errors import Forbidden, Invalid, Refused
from webapp.extensions import db
from webapp.models import Channel, ChannelMessage, Membership, Tenant, User
from webapp.models.columns import new_id
from webapp.services import audit, installation
from webapp.services.access import Access
from webapp.services.notify import messages
from webapp.services.notify.bell import CONSOLE

MOST = 20  # channels of one owner
_MOST_SHOWN = 8


class Outlet(NamedTuple):
    """An enabled channel that wants to hear of something."""

    id: UUID
    rules: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Whose channels: a person's own, or a tenant's, which a manager looks after."""

    actor: Actor
    tenant: Tenant | None = None

    @classmethod
    def of_tenant(cls, access: Access) -> Owner:
        access.require(Permission.MANAGE)
        return cls(actor=access.actor, tenant=access.tenant)

    @classmethod
    def person(cls, actor: Actor) -> Owner:
        if actor.user_id is None:
            raise Forbidden
        return cls(actor=actor)

    @property
    def columns(self) -> dict[str, UUID | None]:
        return {"tenant_id": self.tenant.id} if self.tenant else {"user_id": self.actor.user_id}


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A channel as typed. ``address`` empty: the one that is stored stays."""

    name: str
    kind: str
    address: str = field(default="", repr=False)
    rules: Mapping[str, str] = field(default_factory=dict)
    is_enabled: bool = True


def list_for(owner: Owner) -> list[Channel]:
    """The owner's channels, by name; not the row that holds a person's rules for the bell."""
    return list(db.session.scalars(_of(owner).order_by(Channel.name, Channel.id)))


def find(owner: Owner, channel_id: UUID) -> Channel:
    """Raises:
    Forbidden: it is not the owner's, or there is none.
    """
    found = db.session.scalar(_of(owner).where(Channel.id == channel_id))
    if found is None:
        raise Forbidden
    return found


def masked(channel: Channel) -> str:
    """As much of the channel's address as may be shown."""
    return kinds.masked(channel.kind, address_of(channel))


def address_of(channel: Channel) -> str:
    """The address itself; for sending only."""
    return installation.unseal(channel.url_sealed, purpose=f"channel:{channel.id}")


def add(owner: Owner, draft: Draft) -> Channel:
    """Commits.

    Raises:
        Invalid: the address cannot be used.
        Refused: there are enough.
    """
    if len(list_for(owner)) >= MOST:
        raise Refused("too_many_channels", f"There are {MOST} channels already.")
    _check(draft, needs_address=True)
    now = clock.now()
    channel = Channel(id=new_id(), created_at=now, **owner.columns)
    _fill(channel, draft)
    zone, time_of_day = zone_of(owner, channel.rules), channel.rules["digest_at"]
    channel.digest_sent_for = digests.first_day(now, zone=zone, time_of_day=time_of_day)
    db.session.add(channel)
    _record(owner, channel, "added")
    db.session.commit()
    return channel


def edit(owner: Owner, channel_id: UUID, draft: Draft) -> Channel:
    """Commits. Another kind needs its address typed anew: the stored one is of the old kind.

    Raises:
        Invalid: the address cannot be used.
    """
    channel = find(owner, channel_id)
    _check(draft, needs_address=draft.kind != channel.kind)
    _fill(channel, draft)
    _record(owner, channel, "changed")
    db.session.commit()
    return channel


def remove(owner: Owner, channel_id: UUID) -> str:
    """The channel and the messages that wait for it. Commits; returns its name."""
    channel = find(owner, channel_id)
    name = channel.name
    _record(owner, channel, "removed")
    db.session.delete(channel)
    db.session.commit()
    return name


def test(owner: Owner, channel_id: UUID) -> None:
    """Put a test message on its way; the page shows what became of it. Commits."""
    channel = find(owner, channel_id)
    whose = owner.tenant.name if owner.tenant else "you"
    messages.add(
        channel.id,
        f"test:{new_id()}",
        tenant_id=channel.tenant_id,
        subject="This is a test",
        body="\n".join(
            [f"Messages for {whose} arrive here.", f"Asked for by {owner.actor.label}."]
        ),
        at=clock.now(),
    )
    db.session.commit()


def sent_lately(channel: Channel) -> list[ChannelMessage]:
    """The newest messages of a channel, with what became of them."""
    query = (
        select(ChannelMessage)
        .where(ChannelMessage.channel_id == channel.id)
        .order_by(ChannelMessage.created_at.desc(), ChannelMessage.id.desc())
        .limit(_MOST_SHOWN)
    )
    return list(db.session.scalars(query))


def wanting(tenant_id: UUID, event: Event) -> list[Outlet]:
    """The channels that want to be told at once of such events of a tenant: its own, and those of
    people who may see it."""
    rows = db.session.execute(
        select(Channel.id, Channel.rules)
        .outerjoin(User, User.id == Channel.user_id)
        .outerjoin(
            Membership, (Membership.user_id == User.id) & (Membership.tenant_id == tenant_id)
        )
        .where(Channel.is_enabled, Channel.kind != CONSOLE)
        .where(
            or_(
                Channel.tenant_id == tenant_id,
                User.is_disabled.is_(False) & (User.is_msp_admin | Membership.id.is_not(None)),
            )
        )
    )
    return [Outlet(row.id, row.rules) for row in rows if row.rules.get(event) == kinds.AT_ONCE]


def zone_of(owner: Owner, rules: Mapping[str, str]) -> str:
    """A tenant's channel follows the tenant's clock, a person's the zone that they chose."""
    return owner.tenant.timezone if owner.tenant else rules.get("zone") or "UTC"


def bell_wishes(actor: Actor) -> dict[Event, bool]:
    """What the bell tells a person, as they said or by what they may do."""
    row = db.session.scalar(_console(actor))
    query = select(Membership.role).where(Membership.user_id == actor.user_id)
    roles = [*db.session.scalars(query), None]
    events: tuple[Event, ...] = ("failures", "alerts")
    return {
        event: any(
            kinds.wants_in_console(
                row.rules if row else None, event, role=role, is_msp_admin=actor.is_msp_admin
            )
            for role in roles
        )
        for event in events
    }


def set_bell_rules(actor: Actor, rules: Mapping[str, str]) -> None:
    """Commits."""
    row = db.session.scalar(_console(actor))
    if row is None:
        row = Channel(
            user_id=actor.user_id, name="Bell", kind=CONSOLE, url_sealed="", created_at=clock.now()
        )
        db.session.add(row)
    row.rules = dict(rules)
    db.session.commit()


def _console(actor: Actor) -> Select[Any]:
    return select(Channel).where(Channel.user_id == actor.user_id, Channel.kind == CONSOLE)


def _of(owner: Owner) -> Select[Any]:
    query = select(Channel).where(Channel.kind != CONSOLE)
    if owner.tenant is not None:
        return query.where(Channel.tenant_id == owner.tenant.id)
    return query.where(Channel.user_id == owner.actor.user_id)


def _check(draft: Draft, *, needs_address: bool) -> None:
    if not draft.address and not needs_address:
        return
    problem = kinds.problem(draft.kind, draft.address)
    if not problem and draft.kind == kinds.MAIL and not installation.settings().smtp_url:
        problem = "No mail server is set up: LASTGOOD_SMTP_URL is empty."
    if problem:
        raise Invalid({"address": problem})


def _fill(channel: Channel, draft: Draft) -> None:
    channel.name, channel.kind = draft.name, draft.kind
    channel.rules, channel.is_enabled = dict(draft.rules), draft.is_enabled
    if draft.address:
        channel.url_sealed = installation.seal(draft.address, purpose=f"channel:{channel.id}")


def _record(owner: Owner, channel: Channel, what: str) -> None:
    """A tenant's chain for its own channels; a person's own are in the installation's."""
    audit.record(
        owner.actor,
        f"channel.{what}",
        tenant=owner.tenant,
        resource=f"channel:{channel.id}",
        details={"name": channel.name, "kind": channel.kind, "rules": dict(channel.rules)},
    )
