"""Quotas: an alert at 80 %, and no new capture at 100 %; restores go on."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from tests import factories
from tests.services.conftest import again
from tests.services.scheduling import nightly, slots
from webapp import clock
from webapp.domain.permissions import Permission
from webapp.domain.runs import RunState, RunType
from webapp.errors import Forbidden, Invalid, Refused
from webapp.extensions import db
from webapp.models import Alert, AuditEntry, BackupSet, Run, Tenant, VaultRecord
from webapp.services import alerts, bulk, captures, quotas, runs, schedules

GB = 10**9


@pytest.fixture
def fill(enter, people):
    """Let Acme's vault hold so much."""

    def fill(stored_bytes: int, *, quota: int | None = 100 * GB) -> None:
        tenant = factories.tenant_called("acme")
        record = db.session.scalar(select(VaultRecord).where(VaultRecord.tenant_id == tenant.id))
        if record is None:
            record = VaultRecord(
                tenant_id=tenant.id, location="x", vault_id="00", created_at=clock.now()
            )
            db.session.add(record)
        record.stored_bytes, tenant.quota_bytes = stored_bytes, quota
        db.session.commit()

    return fill


def open_alerts() -> list[Alert]:
    query = select(Alert).where(Alert.condition == "quota", Alert.closed_at.is_(None))
    return list(db.session.scalars(query))


def test_an_msp_admin_sets_a_quota_and_it_is_audited(enter):
    quotas.choose(enter("root", to=Permission.ADMINISTER), 500 * GB)

    entry = db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "tenant.quota_changed")
    ).one()
    assert quotas.of(enter("bob")).quota_bytes == 500 * GB
    assert entry.details == {"before": None, "after": 500 * GB}


@pytest.mark.parametrize("person", ["alice", "olga", "bob"])
def test_nobody_else_does(enter, person):
    with pytest.raises(Forbidden):
        quotas.choose(enter(person), 500 * GB)


@pytest.mark.parametrize("quota_bytes", [0, -1, 999_999, 10**19])
def test_a_quota_that_makes_no_sense_is_refused(enter, quota_bytes):
    with pytest.raises(Invalid):
        quotas.choose(enter("root"), quota_bytes)


def test_at_eighty_percent_there_is_an_alert_that_closes_itself(fill):
    fill(80 * GB)
    alerts.check(clock.now())
    soft = [alert.message for alert in open_alerts()]
    fill(100 * GB)
    alerts.check(clock.now())
    hard = [alert.message for alert in open_alerts()]
    fill(79 * GB)
    alerts.check(clock.now())

    assert len(soft) == len(hard) == 1
    assert "80 %" in soft[0]
    assert "used up" in hard[0]
    assert open_alerts() == []


def test_below_the_quota_captures_start(fill, enter, website):
    fill(100 * GB - 1)

    _, is_new = captures.start(enter("olga"), website.id)

    assert is_new


def test_a_new_capture_is_refused_when_the_quota_is_used_up(fill, enter, website):
    fill(100 * GB)

    with pytest.raises(Refused) as refused:
        captures.start(enter("olga"), website.id)

    db.session.rollback()
    assert refused.value.code == "quota_exceeded"
    assert db.session.scalars(select(Run)).all() == []


def test_a_capture_that_was_queued_before_is_refused_by_its_worker(fill, enter, website, work_off):
    run, _ = captures.start(enter("olga"), website.id)
    fill(100 * GB)

    work_off()

    ended = again(run)
    assert (ended.status, ended.error_code) == (RunState.FAILED, "quota_exceeded")
    assert "quota" in ended.failure_reason
    assert db.session.scalars(select(BackupSet)).all() == []


def test_the_quota_of_one_customer_holds_for_no_other(fill, enter):
    fill(100 * GB)
    theirs = factories.source(factories.tenant_called("globex"))
    db.session.commit()

    _, is_new = captures.start(enter("charlie", tenant="globex"), theirs.id)

    assert is_new


def test_a_slot_is_skipped_with_that_code(fill, enter, website):
    schedule = nightly(enter(), website)
    fill(100 * GB)

    done = schedules.dispatch(at=schedule.next_run_at)

    (slot,) = slots(schedule)
    assert (slot.status, slot.error_code, slot.run_id) == ("skipped", "quota_exceeded", None)
    assert "quota" in slot.error_message
    assert done.skipped == {"quota_exceeded": 1}


def test_a_slot_whose_run_waited_is_skipped_too(fill, enter, website, work_off):
    schedule = nightly(enter(), website)
    schedules.dispatch(at=schedule.next_run_at)
    fill(100 * GB)

    work_off()

    (slot,) = slots(schedule)
    assert (slot.status, slot.error_code) == ("skipped", "quota_exceeded")


def test_neither_run_now_nor_a_repetition_is_a_way_around(fill, enter, website):
    schedule = nightly(enter(), website)
    failed = factories.run(website, status=RunState.FAILED)
    fill(100 * GB)
    access = enter("olga")

    with pytest.raises(Refused, match="quota"):
        schedules.run_now(access, schedule.id)
    db.session.rollback()
    with pytest.raises(Refused, match="quota"):
        runs.retry(access, failed.id)


def test_each_source_of_a_bulk_capture_is_refused(fill, enter, website, work_off):
    fill(100 * GB)

    run, _ = bulk.start(enter("olga"), "source", "capture", item_ids=[website.id])
    work_off()

    ended = again(run)
    assert ended.status is RunState.FAILED
    codes = [item.reason_code for item in runs.items(enter("olga"), ended)]
    assert codes == ["quota_exceeded"]


@pytest.mark.parametrize(
    ("run_type", "action"),
    [(RunType.RESTORE, "apply"), (RunType.PREVIEW, "preview"), (RunType.MAINTENANCE, "verify")],
)
def test_whatever_is_no_capture_starts_all_the_same(fill, enter, website, run_type, action):
    fill(200 * GB)

    _, is_new = runs.request(enter("olga"), run_type, action, key="x", source_id=website.id)

    assert is_new


def test_the_dispatcher_asks_once_however_many_customers_there_are(fill, enter, website):
    tenants = [factories.tenant_called(slug).id for slug in ("acme", "globex")]
    fill(100 * GB)

    assert quotas.used_up(tenants) == {tenants[0]}
    db.session.execute(update(Tenant).values(quota_bytes=None))
    assert quotas.used_up(tenants) == set()


def test_raised_it_lets_captures_begin_again(fill, enter, website):
    fill(100 * GB)
    quotas.choose(enter("root"), 101 * GB)

    _, is_new = captures.start(enter("olga"), website.id)

    assert is_new
