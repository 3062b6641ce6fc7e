"""Channels: whose they are, what of them is kept, and what is shown."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import select

from webapp.errors import Forbidden, Invalid, Refused
from webapp.extensions import db
from webapp.models import AuditEntry, Channel, ChannelMessage
from webapp.services.notify import channels
from webapp.services.notify.channels import Draft, Owner

SECRET = "https://hooks.example.com/services/very-secret"
RULES = {"failures": "at_once", "alerts": "at_once", "digest": "daily", "digest_at": "07:00"}


def draft(**facts) -> Draft:
    return Draft(**({"name": "Hook", "kind": "json", "address": SECRET, "rules": RULES} | facts))


@pytest.fixture
def owner(enter) -> Owner:
    return Owner.of_tenant(enter("alice"))


def test_the_address_is_sealed_and_shown_masked(owner):
    channel = channels.add(owner, draft())

    assert "very-secret" not in channel.url_sealed
    assert channels.masked(channel) == "https://hooks.example.com/…"
    assert channels.address_of(channel) == SECRET


def test_a_sealed_address_does_not_open_as_another_channels(owner):
    one, two = channels.add(owner, draft()), channels.add(owner, draft(name="Two"))
    two.url_sealed = one.url_sealed

    with pytest.raises(Exception, match="does not open"):
        channels.address_of(two)


def test_the_audit_log_knows_of_it_and_holds_no_address(owner):
    channels.add(owner, draft())

    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "channel.added")).one()
    assert entry.tenant_id == owner.tenant.id
    assert "secret" not in str(entry.details)


def test_an_address_inside_this_network_is_refused(owner):
    with pytest.raises(Invalid) as problem:
        channels.add(owner, draft(address="http://192.168.0.1/x"))

    assert "inside this network" in problem.value.fields["address"]


def test_mail_without_a_mail_server_is_refused(owner):
    with pytest.raises(Invalid, match="LASTGOOD_SMTP_URL"):
        channels.add(owner, draft(kind="mail", address="a@example.com"))


def test_an_address_left_empty_stays_and_another_kind_needs_its_own(owner):
    channel = channels.add(owner, draft())

    channels.edit(owner, channel.id, draft(name="New name", address=""))

    assert channels.address_of(channel) == SECRET
    with pytest.raises(Invalid):
        channels.edit(owner, channel.id, draft(kind="slack", address=""))


def test_a_neighbours_a_persons_and_one_that_is_not_there_are_refused_alike(owner, enter):
    theirs = channels.add(Owner.of_tenant(enter("charlie", tenant="globex")), draft())
    persons = channels.add(Owner.person(enter("alice").actor), draft())

    for channel_id in (theirs.id, persons.id, uuid4()):
        with pytest.raises(Forbidden):
            channels.find(owner, channel_id)


def test_only_managers_look_after_a_customers_channels(enter):
    with pytest.raises(Forbidden):
        Owner.of_tenant(enter("olga"))


def test_there_is_a_most(owner, monkeypatch):
    monkeypatch.setattr(channels, "MOST", 1)
    channels.add(owner, draft())

    with pytest.raises(Refused):
        channels.add(owner, draft())


def test_a_removed_channel_takes_its_messages_along(owner):
    channel = channels.add(owner, draft())
    channels.test(owner, channel.id)

    channels.remove(owner, channel.id)

    assert not db.session.scalars(select(Channel)).all()
    assert not db.session.scalars(select(ChannelMessage)).all()


def test_the_rules_of_the_bell_are_no_channel(enter):
    bob = enter("bob").actor
    channels.set_bell_rules(bob, {"failures": "at_once", "alerts": "never"})
    channels.set_bell_rules(bob, {"failures": "never", "alerts": "at_once"})

    assert channels.list_for(Owner.person(bob)) == []
    assert channels.bell_wishes(bob) == {"failures": False, "alerts": True}
