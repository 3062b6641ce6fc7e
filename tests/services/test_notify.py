"""Who is told of what a run comes to, in the transaction of the change itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from tests import factories
from webapp import clock
from webapp.domain.outcomes import Counted
from webapp.domain.permissions import Permission
from webapp.domain.runs import RunState, RunType
from webapp.extensions import db
from webapp.models import Channel, ChannelMessage, Notification, Run, User
from webapp.services import claims, installation, notify, runs
from webapp.services.notify import channels
from webapp.services.runs import Ending


def told(name: str) -> list[Notification]:
    query = select(Notification).join(User, User.id == Notification.user_id)
    query = query.where(User.email == f"{name}@example.com").order_by(Notification.id)
    return list(db.session.scalars(query))


def statuses(name: str) -> list[tuple[str, bool]]:
    """What was told, in order, and whether it waits to be read."""
    return [(one.payload["status"], one.read_at is None) for one in told(name)]


@pytest.fixture
def asked(enter):
    """A capture that Olga asked for."""
    olga = enter("olga", to=Permission.OPERATE)
    source = factories.source(olga.tenant, name="Shop")
    run, _ = runs.request(olga, RunType.CAPTURE, "capture", key="k", source_id=source.id)
    return run


def end(run: Run, *, done: int = 0, failed: int = 0, why: str | None = None) -> None:
    claim = claims.claim(run.id, owner="test", at=clock.now())
    runs.finish(claim, Ending(counted=Counted(done=done, failed=failed), failure_reason=why))


@pytest.fixture
def unasked(enter):
    """A capture that a schedule started, not yet picked up."""
    tenant = enter().tenant
    source = factories.source(tenant, name="Shop")
    run = factories.run(source, status=RunState.QUEUED, finished_at=None, requested_by="schedule")
    db.session.commit()
    return run


def test_whoever_asked_is_told_of_each_state_and_the_newest_waits_to_be_read(asked):
    end(asked, done=1)

    assert statuses("olga") == [("queued", False), ("running", False), ("succeeded", True)]


def test_the_payload_is_that_of_the_orchestration_document(asked):
    claim = claims.claim(asked.id, owner="test", at=clock.now())
    counted = Counted(failed=1, error_code="disk_full")
    runs.finish(
        claim, Ending(counted=counted, error_code="disk_full", failure_reason="No space is left.")
    )

    payload = told("olga")[-1].payload
    assert payload["safe_error_context"].pop("message") == "No space is left."
    assert payload == {
        "tenant_id": str(asked.tenant_id),
        "run_type": "capture_run",
        "run_id": str(asked.id),
        "status": "failed",
        "counts": runs.counts_of(asked),
        "safe_error_code": "disk_full",
        "safe_error_context": {},
    }


def test_nothing_is_told_of_a_change_that_is_rolled_back(asked):
    asked.status = RunState.CANCELED
    notify.run_changed(asked)
    db.session.rollback()

    assert statuses("olga") == [("queued", True)]


def test_a_run_that_is_taken_over_is_no_news(asked):
    claims.claim(asked.id, owner="one", at=clock.now())
    claims.claim(asked.id, owner="two", at=clock.now() + timedelta(hours=1))

    assert statuses("olga") == [("queued", False), ("running", True)]


def test_the_second_of_two_identical_starts_tells_nothing(asked, enter):
    runs.request(enter("olga"), RunType.CAPTURE, "capture", key="k", source_id=asked.source_id)

    assert statuses("olga") == [("queued", True)]


def test_a_failure_that_nobody_asked_for_is_told_to_those_who_operate(unasked):
    end(unasked, failed=1)

    people = ("root", "alice", "olga", "pete", "bob", "audrey", "charlie")
    assert [name for name in people if told(name)] == ["root", "alice", "olga"]


def test_a_success_that_nobody_asked_for_is_no_news(unasked):
    end(unasked, done=1)

    assert not db.session.scalars(select(Notification)).all()


def test_who_said_no_is_not_told_and_who_said_yes_is(unasked, enter):
    channels.set_bell_rules(enter("olga").actor, {"failures": "never"})
    channels.set_bell_rules(enter("bob").actor, {"failures": "at_once"})

    end(unasked, failed=1)

    assert not told("olga")
    assert told("bob")


def test_whoever_was_locked_out_is_told_nothing(unasked):
    factories.user_called("olga").is_disabled = True
    db.session.commit()

    end(unasked, failed=1)

    assert not told("olga")


def channel(name: str = "", *, tenant: str = "", **rules: str) -> Channel:
    made = Channel(
        name=name or tenant,
        kind="mail",
        user_id=factories.user_called(name).id if name else None,
        tenant_id=factories.tenant_called(tenant).id if tenant else None,
        rules={"failures": "at_once", "alerts": "at_once", "digest": "never", **rules},
        url_sealed="",
        created_at=clock.now(),
    )
    db.session.add(made)
    db.session.flush()
    made.url_sealed = installation.seal("a@example.com", purpose=f"channel:{made.id}")
    db.session.commit()
    return made


def written() -> list[str]:
    query = select(Channel.name, ChannelMessage.subject).join(
        ChannelMessage, ChannelMessage.channel_id == Channel.id
    )
    return sorted(f"{name}: {subject}" for name, subject in db.session.execute(query))


def test_a_failure_is_written_to_the_channels_that_want_it(unasked):
    channel(tenant="acme")
    channel(tenant="globex")
    channel("bob")
    channel("charlie")
    channel("root")
    channel("alice", failures="digest")

    end(unasked, failed=1, why="The disk is gone.")

    what = "Acme: capture of Shop failed"
    assert written() == [f"acme: {what}", f"bob: {what}", f"root: {what}"]


def test_a_check_that_fails_is_written_to_nobody(enter):
    channel(tenant="acme")
    source = factories.source(enter().tenant)
    facts = {"run_type": RunType.MAINTENANCE, "action": "check"}
    run = factories.run(source, status=RunState.QUEUED, finished_at=None, **facts)
    db.session.commit()

    end(run, failed=1)

    assert written() == []


def test_no_secret_leaves_by_a_message_or_the_bell(unasked):
    channel(tenant="acme")

    end(unasked, failed=1, why="Could not open postgresql://shop:hunter2hunter2@db/shop")

    message = db.session.scalars(select(ChannelMessage)).one()
    assert "hunter2" not in message.body + message.subject
    assert "hunter2" not in str(told("olga")[0].payload)
