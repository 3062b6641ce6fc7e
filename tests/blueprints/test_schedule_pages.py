"""Schedules: lists, one with its slots, the form with its outlook, and what is switched."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import event, select

from tests.factories import tenant_called
from webapp import clock
from webapp.domain.permissions import Permission
from webapp.domain.schedules import Draft, SlotStatus, Trigger
from webapp.extensions import db
from webapp.models import BackupSchedule, BackupScheduleRun, Run, Source
from webapp.models.columns import new_id
from webapp.services import access as gate
from webapp.services import schedules

NIGHTLY = Draft(name="Nightly", frequency="daily", timezone="Europe/Berlin", time_of_day="02:30")
FORM = {
    "name": "Nightly",
    "frequency": "daily",
    "timezone": "Europe/Berlin",
    "time_of_day": "02:30",
    "backup_type": "full",
    "retention_keep_last": "30",
    "missed": "skip",
}


@pytest.fixture
def schedule(app, things) -> UUID:
    """A nightly schedule of Acme's documents."""
    with app.app_context():
        manager = gate.actor_called("alice@example.com")
        access = gate.enter(manager, "acme", Permission.MANAGE)
        return schedules.create(access, things.source, NIGHTLY).id


def add_slot(app, schedule: UUID, status: SlotStatus, **columns: object) -> UUID:
    with app.app_context():
        of = db.session.get_one(BackupSchedule, schedule)
        slot = BackupScheduleRun(
            **{
                "id": new_id(),
                "tenant_id": of.tenant_id,
                "schedule_id": of.id,
                "scheduled_for": datetime(2026, 7, 1, 0, 30, tzinfo=UTC),
                "trigger": Trigger.SCHEDULE,
                "status": status,
                "started_at": clock.now(),
                "finished_at": clock.now(),
                **columns,
            }
        )
        db.session.add(slot)
        db.session.commit()
        return slot.id


def change(app, schedule: UUID, **columns: object) -> None:
    with app.app_context():
        found = db.session.get_one(BackupSchedule, schedule)
        for name, value in columns.items():
            setattr(found, name, value)
        db.session.commit()


def read(app, schedule: UUID, name: str) -> object:
    with app.app_context():
        return getattr(db.session.get_one(BackupSchedule, schedule), name)


def place(schedule: UUID, tail: str = "") -> str:
    return f"/t/acme/schedules/{schedule}{tail}"


def hidden(text: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found
    return found[1].replace("&#34;", '"')


# Lists


@pytest.mark.parametrize("address", ["/t/acme/schedules", "/schedules"])
def test_a_list_says_what_runs_when(cast, schedule, address):
    text = cast.bob.get(address).text

    assert "Nightly" in text
    assert "Every day at 02:30 (Europe/Berlin time)" in text
    assert 'data-status="active"' in text


def test_the_list_of_all_tenants_shows_ones_own_only(cast, schedule):
    assert "Nightly" in cast.root.get("/schedules").text
    assert "Nightly" not in cast.charlie.get("/schedules").text


def test_an_empty_list_says_what_to_do_next(cast, things):
    assert "/t/acme/schedules/new" in cast.alice.get("/t/acme/schedules").text
    assert "A manager of Acme" in cast.bob.get("/t/acme/schedules").text


@pytest.mark.parametrize(
    ("columns", "part", "state"),
    [
        ({"is_enabled": False}, "resting", "disabled"),
        ({"paused_until": datetime(2999, 1, 1, tzinfo=UTC)}, "resting", "paused"),
        ({"last_run_status": SlotStatus.FAILED}, "troubled", "active"),
        ({"next_run_at": datetime(2020, 1, 1, tzinfo=UTC)}, "troubled", "overdue"),
        ({"archived_at": datetime(2020, 1, 1, tzinfo=UTC)}, "archived", "archived"),
    ],
    ids=["disabled", "paused", "failed", "overdue", "archived"],
)
def test_a_part_of_the_list_shows_what_it_is_for(app, cast, schedule, columns, part, state):
    change(app, schedule, **columns)

    for one in ("resting", "troubled", "archived"):
        text = cast.bob.get(f"/t/acme/schedules?show={one}").text
        assert (f'data-schedule-id="{schedule}" data-status="{state}"' in text) is (one == part)


def test_a_paused_schedule_is_not_late(app, cast, schedule):
    then = clock.now() - timedelta(hours=1)
    change(app, schedule, next_run_at=then, paused_until=clock.now() + timedelta(hours=1))

    assert 'data-status="overdue"' not in cast.bob.get("/t/acme/schedules").text
    assert "Nightly" not in cast.bob.get("/t/acme/schedules?show=troubled").text


def test_lists_ask_as_often_for_many_as_for_one(app, cast, schedule, things):
    first = queries_of(app, lambda: cast.bob.get("/t/acme/schedules"))
    with app.app_context():
        access = gate.enter(gate.actor_called("alice@example.com"), "acme", Permission.MANAGE)
        for _ in range(5):
            schedules.create(access, things.source, NIGHTLY)

    assert queries_of(app, lambda: cast.bob.get("/t/acme/schedules")) == first


def queries_of(app, call) -> int:
    seen: list[str] = []
    with app.app_context():
        engine = db.engine

    def note(_conn, _cursor, statement, *_rest) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        call()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return len(seen)


# One schedule


def test_the_page_says_the_rule_in_words_and_the_next_ten_times(cast, schedule):
    text = cast.bob.get(place(schedule)).text

    assert "Every day at 02:30 (Europe/Berlin time). Captures everything." in text
    assert text.count("<time datetime=") >= 10
    assert "clocks go forward" in text
    assert "clocks go back" in text


def test_the_history_says_why_a_slot_was_left_out(app, cast, schedule):
    add_slot(app, schedule, SlotStatus.SKIPPED, error_code="restore_running")

    text = cast.bob.get(place(schedule)).text

    assert "Wed 01 Jul 2026, 02:30" in text
    assert "A live restore into this source was under way." in text
    assert "/retry" not in text


def test_the_history_leads_to_run_and_restore_point(app, cast, schedule, things):
    add_slot(
        app, schedule, SlotStatus.SUCCESS, run_id=things.done_run, backup_set_id=things.backup_set
    )

    text = cast.olga.get(place(schedule)).text

    assert f"/t/acme/runs/{things.done_run}" in text
    assert f"/t/acme/sets/{things.backup_set}" in text
    assert "/retry" not in text


def test_the_history_is_asked_for_again_while_a_slot_is_under_way(app, cast, schedule, things):
    slot = add_slot(app, schedule, SlotStatus.RUNNING, run_id=things.live_run, finished_at=None)
    busy = cast.bob.get(place(schedule, "/history")).text
    with app.app_context():
        db.session.get_one(BackupScheduleRun, slot).status = SlotStatus.FAILED
        db.session.commit()

    done = cast.bob.get(place(schedule, "/history")).text

    assert "hx-get" in busy
    assert "hx-get" not in done


def test_a_long_history_goes_on(app, cast, schedule):
    for day in range(1, 53):
        at = datetime(2026, 1, 1, 1, 30, tzinfo=UTC) + timedelta(days=day)
        add_slot(app, schedule, SlotStatus.SUCCESS, scheduled_for=at)

    newest = cast.bob.get(place(schedule)).text
    older = re.search(r'href="([^"]*before=[^"]*)"', newest)[1].replace("&amp;", "&")
    rest = cast.bob.get(older).text

    assert newest.count("data-slot-id") == 50
    assert rest.count("data-slot-id") == 2


def test_the_page_of_the_source_shows_its_schedules_and_the_next_time(cast, schedule, things):
    text = cast.bob.get(f"/t/acme/sources/{things.source}").text

    assert place(schedule) in text
    assert "Every day at 02:30 (Europe/Berlin time) · next " in text


def test_a_schedule_of_a_removed_source_says_so(app, cast, schedule, things):
    with app.app_context():
        db.session.get_one(Source, things.source).removed_at = clock.now()
        db.session.commit()

    text = cast.olga.get(place(schedule)).text

    assert "Its source was removed" in text
    assert "Run now" not in text


# Adding and changing


def test_a_schedule_is_made_from_its_form(app, cast, things):
    response = cast.alice.post(f"/t/acme/schedules/new?source={things.source}", data=FORM)

    assert response.status_code == 303
    with app.app_context():
        made = db.session.scalars(select(BackupSchedule)).one()
        assert (made.name, made.time_of_day, made.source_id) == ("Nightly", "02:30", things.source)
        assert made.next_run_at is not None


def test_a_new_schedule_begins_with_the_zone_of_its_tenant(app, cast, things):
    with app.app_context():
        tenant_called("acme").timezone = "Asia/Tokyo"
        db.session.commit()

    text = cast.alice.get(f"/t/acme/schedules/new?source={things.source}").text

    assert 'value="Asia/Tokyo"' in text
    assert "Clocks never change in Asia/Tokyo." in text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"frequency": "weekly"}, "days_of_week"),
        ({"frequency": "cron", "cron": "0 0 31 2 *"}, "cron"),
        ({"retention_keep_last": "0"}, "retention_keep_last"),
        ({"name": "  "}, "name"),
    ],
    ids=["zone", "no day", "never", "keep none", "no name"],
)
def test_what_is_wrong_is_said_at_the_field_and_nothing_is_lost(app, cast, things, changes, field):
    data = {**FORM, "time_of_day": "04:44", **changes}

    response = cast.alice.post(f"/t/acme/schedules/new?source={things.source}", data=data)

    assert response.status_code == 422
    assert f'id="{field}-error"' in response.text
    assert 'value="04:44"' in response.text
    with app.app_context():
        assert db.session.scalars(select(BackupSchedule)).all() == []


def test_without_scripts_a_button_shows_when_it_would_run(app, cast, things):
    data = {**FORM, "show": "1", "time_of_day": "04:44"}

    response = cast.alice.post(f"/t/acme/schedules/new?source={things.source}", data=data)

    assert response.status_code == 200
    assert "Every day at 04:44" in response.text
    with app.app_context():
        assert db.session.scalars(select(BackupSchedule)).all() == []


def test_the_next_ten_slots_come_while_one_types(cast, things):
    text = cast.alice.get("/t/acme/schedules/slots", query_string=FORM).text

    assert "<html" not in text
    assert 'id="schedules-slots"' in text
    assert len(re.findall(r"<li[^>]*>\s*<span class=\"text-nowrap\"><time", text)) == 10


def stop_at(monkeypatch, at: datetime) -> None:
    monkeypatch.setattr(clock, "now", lambda: at)


def test_a_time_that_a_clock_change_leaves_out_is_marked(cast, things, monkeypatch):
    stop_at(monkeypatch, datetime(2027, 3, 26, 12, tzinfo=UTC))

    text = cast.alice.get("/t/acme/schedules/slots", query_string=FORM).text

    assert 'data-note="gap"' in text
    assert "<s>Sun 28 Mar 2027, 02:30</s>" in text
    assert "no run on this day" in text


def test_both_days_on_which_clocks_change_are_shown_however_far_they_are(cast, things, monkeypatch):
    stop_at(monkeypatch, datetime(2026, 6, 1, 12, tzinfo=UTC))

    text = cast.alice.get("/t/acme/schedules/slots", query_string=FORM).text

    back, forward = text.index("Sun 25 Oct 2026"), text.index("Sun 28 Mar 2027")
    assert "runs once at 02:30" in text[back:forward]
    assert "no run on this day at 02:30" in text[forward:]


def test_times_of_another_zone_are_told_in_that_of_the_tenant_too(cast, things):
    form = {**FORM, "timezone": "Asia/Tokyo"}

    text = cast.alice.get("/t/acme/schedules/slots", query_string=form).text

    assert "17:30 in UTC" in text


def test_a_rule_that_is_none_yet_says_why_instead_of_slots(cast, things):
    form = {**FORM, "frequency": "cron", "cron": "soon"}

    text = cast.alice.get("/t/acme/schedules/slots", query_string=form).text

    assert "five fields" in text
    assert "<ol" not in text


def test_a_change_is_saved(app, cast, schedule):
    page = cast.alice.get(place(schedule, "/edit")).text
    data = {**FORM, "time_of_day": "05:05", "version": hidden(page, "version")}

    response = cast.alice.post(place(schedule, "/edit"), data=data)

    assert response.status_code == 303
    assert read(app, schedule, "time_of_day") == "05:05"


def test_the_second_of_two_people_is_told_what_the_first_changed(app, cast, schedule):
    page = cast.root.get(place(schedule, "/edit")).text
    carried = {name: hidden(page, name) for name in ("version", "opened")}
    cast.alice.post(place(schedule, "/edit"), data={**FORM, **carried, "time_of_day": "05:05"})

    response = cast.root.post(
        place(schedule, "/edit"), data={**FORM, **carried, "retention_keep_last": "7"}
    )

    assert response.status_code == 409
    assert "alice@example.com changed it while you had it open." in response.text
    assert 'data-field="time_of_day"' in response.text
    assert 'data-field="retention_keep_last"' not in response.text
    assert read(app, schedule, "retention_keep_last") == 30

    again = {name: hidden(response.text, name) for name in ("version", "opened")}
    both = {**FORM, **again, "time_of_day": "05:05", "retention_keep_last": "7"}
    assert 'value="05:05"' in response.text
    assert cast.root.post(place(schedule, "/edit"), data=both).status_code == 303
    assert read(app, schedule, "time_of_day") == "05:05"
    assert read(app, schedule, "retention_keep_last") == 7


def test_a_second_try_with_mistakes_does_not_forget_who_was_first(app, cast, schedule):
    page = cast.root.get(place(schedule, "/edit")).text
    carried = {name: hidden(page, name) for name in ("version", "opened")}
    cast.alice.post(place(schedule, "/edit"), data={**FORM, **carried, "time_of_day": "05:05"})

    wrong = cast.root.post(place(schedule, "/edit"), data={**FORM, **carried, "name": ""})
    kept = {name: hidden(wrong.text, name) for name in ("version", "opened")}
    right = cast.root.post(place(schedule, "/edit"), data={**FORM, **kept})

    assert (wrong.status_code, right.status_code) == (422, 409)


def test_a_pause_by_somebody_else_is_told_to_who_edits(app, cast, schedule):
    page = cast.root.get(place(schedule, "/edit")).text
    carried = {name: hidden(page, name) for name in ("version", "opened")}
    pause = {"until": "2999-01-01T08:00", "reason": "closed"}
    cast.alice.post(place(schedule, "/pause"), data=pause)

    response = cast.root.post(place(schedule, "/edit"), data={**FORM, **carried})

    assert response.status_code == 409
    assert "No field of this form: it was switched on or off, or paused" in response.text
    again = {name: hidden(response.text, name) for name in ("version", "opened")}
    saved = cast.root.post(place(schedule, "/edit"), data={**FORM, **again})
    assert saved.status_code == 303
    assert read(app, schedule, "paused_until") is not None


# What is switched and started


def test_it_is_disabled_and_enabled(app, cast, schedule):
    cast.alice.post(place(schedule, "/disable"))
    assert read(app, schedule, "is_enabled") is False

    cast.alice.post(place(schedule, "/enable"))
    assert read(app, schedule, "is_enabled") is True


def test_a_pause_has_an_end_and_a_reason_and_can_be_ended(app, cast, schedule):
    wrong = cast.alice.post(place(schedule, "/pause"), data={"until": "2999-01-01T08:00"})
    assert wrong.status_code == 422
    assert 'value="2999-01-01T08:00"' in wrong.text
    assert read(app, schedule, "paused_until") is None

    data = {"until": "2999-01-01T08:00", "reason": "works on the network"}
    assert cast.alice.post(place(schedule, "/pause"), data=data).status_code == 303
    assert read(app, schedule, "paused_until") == datetime(2999, 1, 1, 7, tzinfo=UTC)

    cast.alice.post(place(schedule, "/resume"))
    assert read(app, schedule, "paused_until") is None


def test_archiving_asks_first_and_offers_nothing_more_then(app, cast, schedule):
    assert "Its history stays" in cast.alice.get(place(schedule, "/archive")).text

    cast.alice.post(place(schedule, "/archive"))
    text = cast.alice.get(place(schedule)).text

    assert read(app, schedule, "archived_at") is not None
    assert "Run now" not in text
    assert "/edit" not in text


def test_run_now_leads_to_the_run_and_a_second_time_to_the_same(app, cast, schedule):
    first = cast.olga.post(place(schedule, "/run-now"))
    second = cast.olga.post(place(schedule, "/run-now"))

    assert (first.status_code, second.status_code) == (303, 303)
    assert first.location == second.location
    with app.app_context():
        assert len(db.session.scalars(select(Run).where(Run.action == "scheduled")).all()) == 1


def test_a_failed_slot_is_retried_as_a_new_one(app, cast, schedule, things):
    slot = add_slot(app, schedule, SlotStatus.FAILED, run_id=things.failed_run)
    page = cast.olga.get(place(schedule)).text

    response = cast.olga.post(f"/t/acme/schedules/slots/{slot}/retry")

    assert f"/slots/{slot}/retry" in page
    assert response.status_code == 303
    assert "/t/acme/runs/" in response.location


@pytest.mark.parametrize("person", ["bob", "pete", "audrey"])
def test_smaller_roles_are_offered_nothing(cast, schedule, person):
    text = getattr(cast, person).get(place(schedule)).text

    for word in ("Run now", "Edit", "Pause", "Archive"):
        assert word not in text
    assert "/schedules/new" not in getattr(cast, person).get("/t/acme/schedules").text


def test_a_neighbour_is_refused(cast, schedule):
    for tenant in ("acme", "globex"):
        response = cast.charlie.get(f"/t/{tenant}/schedules/{schedule}")

        assert response.status_code == 403
        assert "Nightly" not in response.text
