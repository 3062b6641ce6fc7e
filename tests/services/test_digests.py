"""The morning digest: once a day and channel, with the counts in its subject."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests import factories
from webapp.domain.runs import RunState
from webapp.extensions import db
from webapp.models import Channel, ChannelMessage
from webapp.services.notify import channels, digests
from webapp.services.notify.channels import Draft, Owner

MORNING = datetime(2030, 1, 10, 7, tzinfo=UTC)
RULES = {"failures": "digest", "alerts": "never", "digest": "daily", "digest_at": "07:00"}


def channel(owner: Owner, **rules: str) -> Channel:
    address = "https://hooks.example.com/x"
    made = channels.add(owner, Draft(name="d", kind="json", address=address, rules=RULES | rules))
    made.digest_sent_for = None
    db.session.commit()
    return made


@pytest.fixture
def sources(enter) -> None:
    """Of Acme's three sources one is fine, one failed, one is overdue."""
    tenant = enter().tenant
    for name, age, state in (
        ("Fine", 1, RunState.SUCCEEDED),
        ("Broken", 1, RunState.FAILED),
        ("Late", 50, RunState.SUCCEEDED),
    ):
        at = MORNING - timedelta(hours=age)
        source = factories.source(tenant, name=name, created_at=at)
        run = factories.run(
            source, status=state, queued_at=at, finished_at=at, failure_reason="No space is left."
        )
        factories.backup_set(run)
    db.session.commit()


def written() -> list[ChannelMessage]:
    return list(db.session.scalars(select(ChannelMessage).order_by(ChannelMessage.id)))


def test_the_subject_counts_and_the_body_names_what_needs_somebody(sources, enter):
    channel(Owner.of_tenant(enter("alice")))

    digests.write_due(MORNING)

    (message,) = written()
    assert message.subject == "Acme: 1 failed, 1 overdue, 1 fine"
    assert "Acme: Broken is failed. No space is left." in message.body
    assert "Late is overdue" in message.body
    assert "Fine" not in message.body
    assert "1 run failed in 24 h." in message.body


def test_a_day_has_one_digest_however_often_it_is_looked_for(sources, enter):
    channel(Owner.of_tenant(enter("alice")))

    for minutes in (-1, 0, 1, 600):
        digests.write_due(MORNING + timedelta(minutes=minutes))
    digests.write_due(MORNING + timedelta(days=1))

    assert [message.key for message in written()] == ["digest:2030-01-10", "digest:2030-01-11"]


def test_another_scheduler_that_was_first_is_no_error(sources, enter):
    made = channel(Owner.of_tenant(enter("alice")))
    digests.write_due(MORNING)
    made.digest_sent_for = None
    db.session.commit()

    digests.write_due(MORNING)

    assert len(written()) == 1


def test_a_customers_digest_comes_by_the_customers_clock(sources, enter):
    access = enter("alice")
    access.tenant.timezone = "America/New_York"
    channel(Owner.of_tenant(access))

    digests.write_due(MORNING)
    assert not written()

    digests.write_due(MORNING + timedelta(hours=5))
    assert len(written()) == 1


def test_a_persons_digest_is_of_the_customers_they_may_see(sources, enter):
    factories.source(factories.tenant_called("globex"), name="Theirs", created_at=MORNING)
    channel(Owner.person(enter("bob").actor), zone="UTC")
    channel(Owner.person(enter("root").actor), zone="UTC")

    digests.write_due(MORNING)

    bobs, roots = written()
    assert bobs.subject == "Acme: 1 failed, 1 overdue, 1 fine"
    assert "Theirs" not in bobs.body
    assert roots.subject == "2 customers: 1 failed, 1 overdue, 1 never captured, 1 fine"


@pytest.mark.parametrize("how", ["off", "never", "locked out"])
def test_who_wants_none_gets_none(sources, enter, how):
    bob = enter("bob").actor
    made = channel(Owner.person(bob), digest="never" if how == "never" else "daily")
    made.is_enabled = how != "off"
    factories.user_called("bob").is_disabled = how == "locked out"
    db.session.commit()

    digests.write_due(MORNING)

    assert not written()
