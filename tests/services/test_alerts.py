"""One open alert for each condition and subject, which closes by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select

from tests import factories
from webapp import clock
from webapp.domain.runs import RunState
from webapp.extensions import db
from webapp.models import Alert, ChannelMessage, Notification, Tenant, TenantStatus
from webapp.services import alerts, installation
from webapp.services.notify import channels

NOW = clock.now()
DAY = timedelta(days=1)


@pytest.fixture
def stale(enter):
    """A source of Acme's that was added two days ago and never captured."""
    source = factories.source(enter().tenant, name="Shop", created_at=NOW - 2 * DAY)
    db.session.commit()
    return source


def rows(**where) -> list[Alert]:
    return list(db.session.scalars(select(Alert).filter_by(**where)))


def test_a_condition_opens_one_alert_however_often_it_is_found(stale):
    alerts.check(NOW)
    alerts.check(NOW + DAY)

    (alert,) = rows(condition="source_overdue")
    assert alert.subject == f"source:{stale.id}"
    assert alert.opened_at == NOW
    assert alert.seen_at == NOW + DAY
    assert alert.closed_at is None


def test_it_closes_when_the_condition_holds_no_longer(stale):
    alerts.check(NOW)
    factories.backup_set(factories.run(stale), finished_at=NOW)
    db.session.commit()

    alerts.check(NOW + timedelta(hours=1))

    (alert,) = rows(condition="source_overdue")
    assert alert.closed_at == NOW + timedelta(hours=1)


def test_what_comes_back_is_a_new_alert(stale):
    alerts.check(NOW)
    factories.backup_set(factories.run(stale), finished_at=NOW)
    db.session.commit()
    alerts.check(NOW + timedelta(hours=1))

    alerts.check(NOW + 3 * DAY)

    assert len(rows(condition="source_overdue")) == 2
    assert len(rows(condition="source_overdue", closed_at=None)) == 1


def test_a_deleted_restore_point_protects_nothing(stale):
    point = factories.backup_set(factories.run(stale), finished_at=NOW)
    point.deleted_at = NOW
    db.session.commit()

    alerts.check(NOW)

    assert rows(condition="source_overdue")


@pytest.mark.parametrize("status", ["suspended", "leaving"])
def test_a_customer_that_is_not_active_has_no_alerts(stale, status):
    alerts.check(NOW)
    db.session.get_one(Tenant, stale.tenant_id).status = TenantStatus(status)
    db.session.commit()

    alerts.check(NOW)

    assert not rows(closed_at=None)


def test_those_who_operate_are_told_once(stale):
    alerts.check(NOW)
    alerts.check(NOW + DAY)

    told = list(db.session.scalars(select(Notification)))
    assert len(told) == 3  # root, alice, olga
    assert {one.payload["condition"] for one in told} == {"source_overdue"}


def test_alerts_found_together_are_one_message(stale, enter, settings):
    factories.source(enter().tenant, name="Files", created_at=NOW - 2 * DAY)
    db.session.commit()
    _channel(enter("alice"))

    alerts.check(NOW)

    message = db.session.scalars(select(ChannelMessage)).one()
    assert message.subject == "Acme: 2 new alerts"
    assert "Shop" in message.body
    assert "Files" in message.body


def _channel(access) -> None:
    draft = channels.Draft(
        name="Hook", kind="json", address="https://hooks.example.com/x",
        rules={"failures": "never", "alerts": "at_once", "digest": "never", "digest_at": "07:00"},
    )  # fmt: skip
    channels.add(channels.Owner.of_tenant(access), draft)


def test_work_that_waits_for_a_worker_is_an_alert_and_for_a_window_is_not(enter):
    source = factories.source(enter().tenant)
    run = factories.run(
        source, status=RunState.QUEUED, queued_at=NOW - timedelta(hours=1), waits_for="its window"
    )
    db.session.commit()
    alerts.check(NOW)
    assert not rows(condition="work_waits")

    run.waits_for = ""
    db.session.commit()
    alerts.check(NOW)

    assert rows(condition="work_waits")


def test_a_finder_of_its_own_opens_and_closes(enter):
    tenant_id = enter().tenant.id
    alerts.open(tenant_id, "vault_rolled_back", "vault", "It lacks something.")
    alerts.open(tenant_id, "vault_rolled_back", "vault", "It lacks more.")
    alerts.check(NOW)

    (alert,) = rows(condition="vault_rolled_back", closed_at=None)
    assert alert.message == "It lacks more."

    alerts.close(tenant_id, "vault_rolled_back", "vault")
    assert not rows(closed_at=None)


def test_another_scheduler_that_was_first_is_no_error(stale, monkeypatch):
    alerts.check(NOW)
    monkeypatch.setattr(alerts, "_present", lambda conditions: {})

    alerts.check(NOW)

    assert db.session.scalar(select(func.count()).select_from(Alert)) == 1
    assert len(list(db.session.scalars(select(Notification)))) == 3


def test_a_neighbour_sees_none_of_them(stale, enter):
    alerts.check(NOW)

    assert alerts.everywhere(enter("bob").actor)[0] == 1
    assert alerts.everywhere(enter("charlie", tenant="globex").actor) == (0, [])
    assert alerts.of_tenant(enter("charlie", tenant="globex")) == []


def test_the_number_of_queries_does_not_grow_with_what_is_watched(enter):
    def queries() -> int:
        seen = []

        def count(*facts: object) -> None:
            seen.append(facts)

        event.listen(db.engine, "before_cursor_execute", count)
        alerts.check(NOW)
        event.remove(db.engine, "before_cursor_execute", count)
        return len(seen)

    few = queries()
    for _ in range(20):
        factories.backup_set(factories.run(factories.source(enter().tenant)), finished_at=NOW)
    db.session.commit()

    assert queries() == few


@pytest.mark.parametrize("kind", ["schedule", "source"])
def test_a_message_about_one_thing_leads_to_its_page(enter, monkeypatch, kind):
    settings = replace(installation.settings(), public_url="https://backup.example.com")
    monkeypatch.setattr(installation, "settings", lambda: settings)
    access = enter("alice")
    _channel(access)

    alerts.open(access.tenant.id, "schedule_overdue", f"{kind}:0193", "It was not started.")

    body = db.session.scalars(select(ChannelMessage)).one().body
    assert body.endswith(f"https://backup.example.com/t/acme/{kind}s/0193")
