"""Templates: what they say, what applying one would do, and what it does."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, select, text

from tests import factories
from webapp.domain.actors import SYSTEM, Actor
from webapp.domain.permissions import Permission, Role
from webapp.domain.runs import RunState
from webapp.domain.schedules import Draft
from webapp.errors import Conflict, Forbidden, Invalid, NotFound
from webapp.extensions import db
from webapp.models import (
    AuditEntry,
    BackupSchedule,
    BulkOperationRun,
    Run,
    RunItem,
    ScheduleTemplate,
    Source,
    TenantStatus,
)
from webapp.services import access as gate
from webapp.services import runs, schedules, template_targets, template_work, work
from webapp.services import schedule_templates as templates
from webapp.services import template_previews as previews

pytestmark = pytest.mark.usefixtures("context")

GOLD = Draft(
    name="Gold",
    frequency="daily",
    timezone="",
    time_of_day="02:30",
    retention_keep_last=14,
    retention={"monthly": 12},
)


@pytest.fixture
def gold(people) -> ScheduleTemplate:
    return templates.add(SYSTEM, GOLD)


@pytest.fixture
def sources(people) -> list[Source]:
    """Two of Acme's, in Berlin's zone, and one of Globex's, in Tokyo's."""
    acme, globex = factories.tenant_called("acme"), factories.tenant_called("globex")
    acme.timezone, globex.timezone = "Europe/Berlin", "Asia/Tokyo"
    made = [
        factories.source(acme, name="a"),
        factories.source(acme, name="b"),
        factories.source(globex, name="c"),
    ]
    db.session.commit()
    return made


def outcomes(preview: previews.Preview) -> list[tuple[str, str]]:
    return [(one.source.name, str(one.outcome)) for one in preview.planned]


def ids(sources: list[Source]) -> list[UUID]:
    return [source.id for source in sources]


def seen(gold: ScheduleTemplate, sources: list[Source]) -> previews.Preview:
    return previews.of(SYSTEM, gold, ids(sources))


def applied(gold: ScheduleTemplate, sources: list[Source]) -> list[Run]:
    """Preview, apply and carry out; gives the runs, which have ended."""
    started = template_work.apply(
        SYSTEM, gold.id, ids(sources), digest=seen(gold, sources).digest, reason="new contract"
    )
    found = [run.id for run in started]
    for run_id in found:
        work.carry_out(run_id, owner="test")
    return [db.session.get_one(Run, run_id) for run_id in found]


def schedules_in_use() -> list[BackupSchedule]:
    query = select(BackupSchedule).where(BackupSchedule.archived_at.is_(None))
    return list(db.session.scalars(query.order_by(BackupSchedule.id)))


# What a template says


def test_a_template_keeps_what_it_says(gold):
    assert templates.draft_of(gold) == GOLD


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"frequency": "weekly"}, "days_of_week"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"retention_keep_last": 0}, "retention_keep_last"),
    ],
)
def test_a_template_that_could_not_run_is_not_kept(people, changes, field):
    with pytest.raises(Invalid) as refused:
        templates.add(SYSTEM, replace(GOLD, **changes))

    assert field in refused.value.fields


def test_two_templates_have_two_names(gold):
    with pytest.raises(Invalid, match="Another template"):
        templates.add(SYSTEM, GOLD)


def test_a_change_of_an_outdated_version_is_refused(gold):
    templates.edit(SYSTEM, gold.id, replace(GOLD, time_of_day="03:00"), version=1)

    with pytest.raises(Conflict):
        templates.edit(SYSTEM, gold.id, replace(GOLD, time_of_day="04:00"), version=1)

    assert templates.draft_of(gold).time_of_day == "03:00"


def test_a_change_is_audited_with_what_was_and_what_is(gold):
    templates.edit(SYSTEM, gold.id, replace(GOLD, time_of_day="03:00"), version=1)

    entry = db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "template.changed")
    ).one()
    assert (entry.details["before"], entry.details["after"]) == (
        {"time_of_day": "02:30"},
        {"time_of_day": "03:00"},
    )


def test_nobody_but_an_msp_admin_touches_templates(gold, sources):
    alice = gate.actor_called("alice@example.com")
    for attempt in (
        lambda: templates.rows(alice),
        lambda: templates.find(alice, gold.id),
        lambda: templates.add(alice, replace(GOLD, name="Mine")),
        lambda: templates.edit(alice, gold.id, GOLD, version=1),
        lambda: templates.remove(alice, gold.id),
        lambda: previews.of(alice, gold, []),
        lambda: template_targets.groups(alice),
        lambda: template_work.apply(alice, gold.id, [], digest="", reason="x"),
    ):
        with pytest.raises(Forbidden):
            attempt()


def test_a_removed_template_leaves_its_schedules_as_they_are(gold, sources):
    applied(gold, sources)

    templates.remove(SYSTEM, gold.id)

    assert [one.template_id for one in schedules_in_use()] == [None, None, None]
    with pytest.raises(NotFound):
        templates.find(SYSTEM, gold.id)


# What applying it would do


def test_a_preview_writes_nothing(gold, sources):
    assert outcomes(seen(gold, sources)) == [("a", "create"), ("b", "create"), ("c", "create")]
    assert schedules_in_use() == []


def test_a_preview_tells_what_is_new_changed_or_as_it_should_be(gold, sources):
    applied(gold, sources[:2])
    by_hand = next(one for one in schedules_in_use() if one.source_id == sources[0].id)
    access = gate.enter(SYSTEM, "acme", Permission.MANAGE)
    late = replace(schedules.draft_of(by_hand), time_of_day="05:00")
    schedules.edit(access, by_hand.id, late, version=by_hand.version)

    preview = seen(gold, sources)

    assert outcomes(preview) == [("a", "update"), ("b", "unchanged"), ("c", "create")]
    assert preview.planned[0].changes == {"time_of_day": ("05:00", "02:30")}


def test_a_suspended_customer_is_left_alone(gold, sources):
    factories.tenant_called("globex").status = TenantStatus.SUSPENDED
    db.session.commit()

    blocked = seen(gold, sources).planned[-1]

    assert (blocked.outcome, blocked.reason) == ("blocked", "Globex is suspended.")


def test_a_removed_source_is_left_alone(gold, sources):
    access = gate.enter(SYSTEM, "acme", Permission.MANAGE)
    db.session.get_one(Source, sources[0].id).removed_at = access.tenant.created_at
    db.session.commit()

    assert seen(gold, sources).planned[0].reason == "It was removed."


def test_a_source_without_the_part_that_is_captured_is_left_alone(people, sources):
    silver = templates.add(SYSTEM, replace(GOLD, name="Silver", backup_type="db"))

    assert {one.outcome for one in seen(silver, sources).planned} == {"blocked"}


def test_a_schedule_of_that_name_that_somebody_else_made_is_not_doubled(gold, sources):
    access = gate.enter(SYSTEM, "acme", Permission.MANAGE)
    schedules.create(access, sources[0].id, replace(GOLD, timezone="UTC"))

    assert "not from this template" in seen(gold, sources).planned[0].reason


def test_ids_of_nothing_are_counted_not_shown(gold, sources):
    preview = previews.of(SYSTEM, gold, [*ids(sources), uuid4()])

    assert (len(preview.planned), preview.missing) == (3, 1)


def test_a_preview_asks_as_often_for_many_as_for_few(gold, sources):
    few = queries_of(lambda: previews.of(SYSTEM, gold, ids(sources)))
    acme = factories.tenant_called("acme")
    more = [*sources, *(factories.source(acme) for _ in range(20))]
    db.session.commit()
    wanted = ids(more)

    assert queries_of(lambda: previews.of(SYSTEM, gold, wanted)) <= few


def queries_of(call) -> int:
    seen: list[str] = []

    def note(_conn, _cursor, statement, *_rest) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        db.session.rollback()
        call()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return len(seen)


def test_whole_customers_are_resolved_by_kind(gold, sources):
    sources[1].kind = "sqlite"
    db.session.commit()

    everything = template_targets.resolve(SYSTEM, slugs=["acme"], source_ids=[], kind="")
    databases = template_targets.resolve(
        SYSTEM, slugs=["acme"], source_ids=[sources[2].id], kind="sqlite"
    )

    assert everything == sorted(ids(sources[:2]))
    assert databases == sorted([sources[1].id, sources[2].id])


# What it does


def test_applying_makes_a_schedule_for_each_source_in_its_customers_zone(gold, sources):
    runs = applied(gold, sources)

    assert [run.status for run in runs] == [RunState.SUCCEEDED] * 2
    made = {one.source_id: one for one in schedules_in_use()}
    assert [made[i].timezone for i in ids(sources)] == [
        "Europe/Berlin", "Europe/Berlin", "Asia/Tokyo",
    ]  # fmt: skip
    assert {(one.name, one.retention_keep_last) for one in made.values()} == {("Gold", 14)}
    assert {one.template_id for one in made.values()} == {gold.id}


def test_applying_a_changed_template_changes_its_schedules(gold, sources):
    applied(gold, sources)
    templates.edit(SYSTEM, gold.id, replace(GOLD, time_of_day="04:00"), version=1)

    applied(gold, sources)

    assert {one.time_of_day for one in schedules_in_use()} == {"04:00"}
    assert len(schedules_in_use()) == 3


def test_the_whole_act_is_one_entry_in_the_audit_log(gold, sources):
    runs = applied(gold, sources)

    entry = db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "template.applied")
    ).one()
    assert entry.reason == "new contract"
    assert entry.details["runs"] == [str(run.id) for run in runs]
    assert entry.details["counts"]["create"] == 3
    made = select(AuditEntry).where(AuditEntry.action == "schedule.created")
    assert len(db.session.scalars(made).all()) == 3


def test_each_source_is_one_item_of_a_bulk_run(gold, sources):
    runs = applied(gold, sources)

    items = db.session.scalars(select(RunItem).order_by(RunItem.run_id, RunItem.position)).all()
    assert {(item.item_key, item.outcome) for item in items} == {
        (f"source:{source_id}", "succeeded") for source_id in ids(sources)
    }
    bulk = db.session.scalars(select(BulkOperationRun)).all()
    assert {(one.resource, one.action) for one in bulk} == {("source", "apply_template")}
    assert (runs[0].total_items, runs[0].processed_items, runs[0].succeeded) == (2, 2, 2)


def test_what_changed_since_the_preview_is_not_carried_out(gold, sources):
    digest = seen(gold, sources).digest
    access = gate.enter(SYSTEM, "acme", Permission.MANAGE)
    schedules.create(access, sources[0].id, replace(GOLD, timezone="UTC"))

    with pytest.raises(Conflict, match="Something changed since you looked"):
        template_work.apply(SYSTEM, gold.id, ids(sources), digest=digest, reason="x")

    assert db.session.scalars(select(Run)).all() == []


def test_nothing_to_do_starts_nothing(gold, sources):
    applied(gold, sources)
    digest = seen(gold, sources).digest

    with pytest.raises(Conflict, match="nothing to do"):
        template_work.apply(SYSTEM, gold.id, ids(sources), digest=digest, reason="x")


def test_a_reason_is_asked_for(gold, sources):
    digest = seen(gold, sources).digest

    with pytest.raises(Invalid):
        template_work.apply(SYSTEM, gold.id, ids(sources), digest=digest, reason="  ")


def queued(gold: ScheduleTemplate, sources: list[Source], actor: Actor = SYSTEM) -> list[UUID]:
    digest = previews.of(actor, gold, ids(sources)).digest
    started = template_work.apply(actor, gold.id, ids(sources), digest=digest, reason="x")
    return [run.id for run in started]


def items_of(run_id: UUID) -> dict[str, str]:
    query = select(RunItem).where(RunItem.run_id == run_id)
    return {item.item_key: item.reason_code for item in db.session.scalars(query)}


def test_what_changes_while_the_run_waits_is_left_alone_and_said(gold, sources):
    applied(gold, sources[:2])
    templates.edit(SYSTEM, gold.id, replace(GOLD, time_of_day="04:00"), version=1)
    (run_id,) = queued(gold, sources[:2])
    by_hand = next(one for one in schedules_in_use() if one.source_id == sources[0].id)
    access = gate.enter(SYSTEM, "acme", Permission.MANAGE)
    draft = replace(schedules.draft_of(by_hand), time_of_day="05:00")
    schedules.edit(access, by_hand.id, draft, version=by_hand.version)

    work.carry_out(run_id, owner="test")

    assert items_of(run_id) == {f"source:{sources[0].id}": "changed", f"source:{sources[1].id}": ""}
    assert db.session.get_one(Run, run_id).status is RunState.PARTIAL
    assert db.session.get_one(BackupSchedule, by_hand.id).time_of_day == "05:00"


def test_a_template_that_changes_while_the_run_waits_is_not_applied(gold, sources):
    (run_id,) = queued(gold, sources[:1])
    templates.edit(SYSTEM, gold.id, replace(GOLD, time_of_day="04:00"), version=1)

    work.carry_out(run_id, owner="test")

    assert list(items_of(run_id).values()) == ["changed"]
    assert schedules_in_use() == []


def test_whoever_lost_the_right_meanwhile_changes_nothing(gold, sources):
    root = gate.actor_called("root@example.com")
    (run_id,) = queued(gold, sources[:1], root)
    user = factories.user_called("root")
    user.is_msp_admin = False
    factories.member(factories.tenant_called("acme"), role=Role.VIEWER)
    db.session.commit()

    work.carry_out(run_id, owner="test")

    assert db.session.get_one(Run, run_id).status is RunState.FAILED
    assert schedules_in_use() == []


def test_two_runs_over_one_source_make_one_schedule(gold, sources):
    first = queued(gold, sources[:1])
    second = queued(gold, sources[:2])

    for run_id in (*first, *second):
        work.carry_out(run_id, owner="test")

    assert len(schedules_in_use()) == 2


def test_the_same_act_twice_is_one_run(gold, sources):
    assert queued(gold, sources[:2]) == queued(gold, sources[:2])


def test_a_run_taken_over_does_each_source_once(gold, sources, monkeypatch):
    (run_id,) = queued(gold, sources[:2])
    done = template_work._carry_out_one
    calls = []

    def dies_at_the_second(access, item):
        calls.append(item.source_id)
        if len(calls) == 2:
            raise SystemExit
        done(access, item)

    monkeypatch.setattr(template_work, "_carry_out_one", dies_at_the_second)
    with pytest.raises(SystemExit):
        work.carry_out(run_id, owner="first")
    monkeypatch.setattr(template_work, "_carry_out_one", done)
    db.session.get_one(Run, run_id).lease_until = db.session.get_one(Run, run_id).queued_at
    db.session.commit()

    work.carry_out(run_id, owner="second")

    run = db.session.get_one(Run, run_id)
    assert (run.status, run.processed_items, run.succeeded) == (RunState.SUCCEEDED, 2, 2)
    assert len(schedules_in_use()) == 2


def test_the_latest_applications_are_told_with_their_runs(gold, sources):
    runs = applied(gold, sources)

    (one,) = template_work.applications(SYSTEM, gold)

    assert [run.id for _, run in one.runs] == [run.id for run in runs]
    assert {tenant.slug for tenant, _ in one.runs} == {"acme", "globex"}


def test_a_run_is_closed_as_any_other_bulk_run(gold, sources):
    (run_id,) = queued(gold, sources[:2])
    assert db.session.get_one(Run, run_id).total_items == 2
    access = gate.enter(SYSTEM, "acme", Permission.MANAGE)
    schedules.create(access, sources[1].id, replace(GOLD, timezone="UTC"))

    work.carry_out(run_id, owner="test")

    link = db.session.scalars(select(BulkOperationRun)).one()
    (failure,) = link.failures
    assert (failure["item_key"], failure["code"]) == (f"source:{sources[1].id}", "changed")
    entry = db.session.get_one(AuditEntry, link.audit_log_id)
    assert (entry.action, entry.reason) == ("source.bulk_apply_template", "x")
    assert entry.details["counts"]["succeeded"] == 1
    row = db.session.execute(text("SELECT * FROM bulk_operation_runs_v")).one()
    assert (row.status, row.total_items, row.processed_items) == ("partial", 2, 2)
    assert (row.succeeded, row.failed, row.skipped) == (1, 1, 0)
    assert row.audit_log_id is not None
    assert "changed" in str(row.failures)


def test_a_run_canceled_before_its_turn_has_an_item_for_each_source(gold, sources):
    (run_id,) = queued(gold, sources[:2])

    runs.cancel(gate.enter(SYSTEM, "acme", Permission.MANAGE), run_id)

    assert list(items_of(run_id).values()) == ["not_attempted"] * 2
    assert db.session.scalars(select(BulkOperationRun)).one().audit_log_id is not None
