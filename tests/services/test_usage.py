"""What customers use: a sample a day, and the month that is made of them."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import event, select

from tests import factories
from webapp.domain.restore_points import BackupType
from webapp.domain.runs import RunState
from webapp.domain.usage import Month
from webapp.errors import Forbidden
from webapp.extensions import db
from webapp.models import Tenant, TenantStatus, UsageSample, VaultRecord
from webapp.services import usage, usage_reports

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOURLY = NOON.replace(minute=usage.HOURLY_MINUTE)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOVEMBER = Month(2026, 11)


@pytest.fixture
def acme(people, context):
    return factories.tenant_called("acme")


def samples(slug: str = "acme") -> list[UsageSample]:
    query = select(UsageSample).join(Tenant, Tenant.id == UsageSample.tenant_id)
    return list(db.session.scalars(query.where(Tenant.slug == slug).order_by(UsageSample.day)))


def add(slug: str, day: date, **facts: int) -> None:
    tenant = factories.tenant_called(slug)
    db.session.add(UsageSample(tenant_id=tenant.id, day=day, **facts))
    db.session.commit()


def capture(source, at, **facts):
    return factories.run(source, queued_at=at, started_at=at, finished_at=at, **facts)


def test_a_day_has_one_row_however_often_somebody_looks(acme):
    written = [usage.sample(at) for at in (NOON, NOON + HOUR / 60, HOURLY, HOURLY)]

    assert written == [2, 0, 2, 2]  # Acme and Globex
    assert [one.day for one in samples()] == [NOON.date()]


def test_a_sample_says_what_there_is(acme):
    source, other = factories.source(acme), factories.source(acme)
    factories.source(acme, removed_at=NOON)
    old = capture(source, NOON - 3 * DAY, read_bytes=1000)
    factories.backup_set(old, total_size=500)
    factories.backup_set(capture(source, NOON - HOUR, read_bytes=30), total_size=700)
    factories.backup_set(capture(other, NOON - HOUR, read_bytes=4), total_size=90, deleted_at=NOON)
    safety = capture(other, NOON - HOUR, run_type="restore_run", read_bytes=50)
    factories.backup_set(safety, total_size=9999, backup_type=BackupType.PRE_RESTORE)
    capture(other, NOON - HOUR, status=RunState.FAILED, read_bytes=5)
    db.session.add(
        VaultRecord(
            tenant_id=acme.id, location="x", vault_id="0", stored_bytes=123, created_at=NOON
        )
    )
    db.session.commit()

    usage.sample(NOON)

    (found,) = samples()
    assert (found.source_count, found.set_count) == (2, 3)
    assert (found.protected_bytes, found.stored_bytes) == (700, 123)
    assert found.read_bytes == 30 + 4 + 5


def test_a_customer_without_anything_has_a_row_of_zeros(acme):
    usage.sample(NOON)

    (found,) = samples()
    assert (found.source_count, found.protected_bytes, found.stored_bytes) == (0, 0, 0)


def test_a_day_that_is_over_tells_of_all_that_was_read(acme):
    source = factories.source(acme)
    db.session.commit()
    usage.sample(NOON)
    capture(source, NOON + 11 * HOUR, read_bytes=77)
    db.session.commit()

    usage.sample((NOON + DAY).replace(hour=0))

    yesterday, today = samples()
    assert (yesterday.read_bytes, today.read_bytes) == (77, 0)


def test_a_day_that_nobody_saw_is_not_made_up(acme):
    usage.sample(NOON)
    usage.sample(NOON + 3 * DAY)

    assert [one.day.day for one in samples()] == [22, 25]


def test_a_customer_that_came_during_the_day_has_a_row_within_a_minute(acme):
    usage.sample(NOON)
    db.session.add(Tenant(slug="late", name="Late", created_at=NOON))
    db.session.commit()

    usage.sample(NOON + HOUR / 60)

    assert len(samples("late")) == 1


def test_who_has_left_is_looked_at_no_more(acme):
    acme.status = TenantStatus.GONE
    db.session.commit()

    usage.sample(NOON)

    assert samples() == []


def test_a_sample_takes_as_many_queries_for_many_customers_as_for_two(acme):
    def queries() -> int:
        seen: list[str] = []
        db.session.rollback()

        def note(_conn, _cursor, statement, *_more) -> None:
            seen.append(statement)

        event.listen(db.engine, "before_cursor_execute", note)
        usage.sample(HOURLY)
        event.remove(db.engine, "before_cursor_execute", note)
        return len(seen)

    few = queries()
    for number in range(20):
        tenant = Tenant(slug=f"t{number}", name="T", created_at=NOON)
        db.session.add(tenant)
        db.session.flush()
        factories.source(tenant)
    db.session.commit()

    assert queries() == few


def test_a_month_is_a_line_a_customer_by_short_name(acme, enter):
    add("globex", date(2026, 11, 3), stored_bytes=5)
    add("acme", date(2026, 11, 1), stored_bytes=100, read_bytes=1)
    add("acme", date(2026, 11, 30), stored_bytes=200, read_bytes=2)
    add("acme", date(2026, 10, 31), stored_bytes=9999)
    add("acme", date(2026, 12, 1), stored_bytes=9999)

    found = list(usage_reports.lines(usage_reports.of_all(enter("root").actor), NOVEMBER))

    assert [line.slug for line in found] == ["acme", "globex"]
    assert (found[0].used.days, found[0].used.stored_bytes_average) == (2, 150)
    assert (found[0].used.read_bytes, found[0].used.stored_bytes_last) == (3, 200)


def test_whoever_left_during_the_month_is_in_it(acme, enter):
    add("acme", date(2026, 11, 1), stored_bytes=100)
    reader = usage_reports.of_all(enter("root").actor)
    acme.status = TenantStatus.GONE
    db.session.commit()

    (line,) = usage_reports.lines(reader, NOVEMBER)

    assert line.has_left


def test_the_use_of_all_is_for_msp_admins(acme, enter):
    with pytest.raises(Forbidden):
        usage_reports.of_all(enter("alice").actor)


def test_a_customers_people_read_their_own_and_no_other(acme, enter):
    add("globex", date(2026, 11, 3), stored_bytes=5)
    add("acme", date(2026, 11, 1), stored_bytes=100)

    found = list(usage_reports.lines(usage_reports.of_tenant(enter("bob")), NOVEMBER))

    assert [line.slug for line in found] == ["acme"]


def test_csv_has_a_head_and_every_figure(acme, enter):
    add("acme", date(2026, 11, 1), stored_bytes=100, source_count=2, read_bytes=7)

    lines = list(usage_reports.csv_lines(usage_reports.of_tenant(enter("bob")), NOVEMBER))

    (row,) = csv.DictReader(lines)
    assert (row["month"], row["tenant"], row["days"]) == ("2026-11", "acme", "1")
    assert (row["stored_bytes_most"], row["read_bytes"], row["quota_bytes"]) == ("100", "7", "")


@pytest.mark.parametrize("name", ["=1+1", "+49", "-2", "@SUM(A1)", "\tx", '=cmd|"/c calc"!A1'])
def test_no_name_is_taken_for_a_formula(acme, enter, name):
    add("acme", date(2026, 11, 1))
    acme.name = name
    db.session.commit()

    lines = list(usage_reports.csv_lines(usage_reports.of_tenant(enter("bob")), NOVEMBER))

    (row,) = csv.DictReader(lines)
    assert row["name"] == f"'{name}"


def test_a_name_of_several_lines_stays_one_cell(acme, enter):
    add("acme", date(2026, 11, 1))
    acme.name = 'Acme, "Bakery"\nLtd'
    db.session.commit()

    text = "".join(usage_reports.csv_lines(usage_reports.of_tenant(enter("bob")), NOVEMBER))

    (row,) = csv.DictReader(text.splitlines(keepends=True))
    assert row["name"] == 'Acme, "Bakery"\nLtd'


def test_csv_is_written_as_it_is_read(acme, enter):
    for number in range(30):
        add("acme", date(2026, 11, number + 1))

    lines = usage_reports.csv_lines(usage_reports.of_tenant(enter("bob")), NOVEMBER)

    assert next(lines).startswith("month,tenant,name")
    assert next(lines).startswith("2026-11,acme")


def test_a_page_of_customers_goes_on_behind_the_last(acme, enter):
    for slug in ("acme", "globex"):
        add(slug, date(2026, 11, 3))
    reader = usage_reports.of_all(enter("root").actor)

    assert [line.slug for line in usage_reports.page(reader, NOVEMBER, limit=1)] == ["acme"]
    assert [line.slug for line in usage_reports.page(reader, NOVEMBER, after="acme")] == ["globex"]


def test_the_months_of_a_customer_are_a_year_newest_first(acme, enter):
    add("acme", date(2025, 11, 30))
    add("acme", date(2025, 12, 1), stored_bytes=1)
    add("acme", date(2026, 11, 2), stored_bytes=2)

    found = usage_reports.months_of(enter("bob"), last=NOVEMBER)

    assert [str(line.month) for line in found] == ["2026-11", "2025-12"]
