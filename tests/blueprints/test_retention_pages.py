"""Retention and trash, the preview of rules, and how long a set stays."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests import factories
from webapp import clock
from webapp.extensions import db
from webapp.models import BackupSet, Source, Tenant

KEEP = "retention_keep_last=2"


@pytest.fixture
def nights(app, things):
    """Four nights of a schedule of Acme's; its id, and those of the sets, newest first."""
    with app.app_context():
        source = db.session.get_one(Source, things.source)
        schedule = factories.schedule(source, name="nightly", retention_keep_last=3)
        made = []
        for days_ago in range(4):
            run = factories.run(source, queued_at=clock.now() - timedelta(days=days_ago))
            made.append(factories.backup_set(run).id)
            factories.slot(schedule, run, backup_set_id=made[-1])
        db.session.commit()
        return schedule.id, made


@pytest.fixture
def trashed(app, nights):
    with app.app_context():
        row = db.session.get_one(BackupSet, nights[1][3])
        row.deleted_at, row.deleted_by_rule = clock.now(), "No rule keeps it: the last 3."
        db.session.commit()
        return row.id


def test_the_trash_says_what_lies_there_and_why(cast, trashed):
    text = cast.bob.get("/t/acme/retention").text

    assert f'data-set-id="{trashed}"' in text
    assert "No rule keeps it: the last 3." in text
    assert "Bring back" not in text


def test_the_list_of_sets_leads_there(cast, trashed):
    text = cast.bob.get("/t/acme/sets").text

    assert "Retention and trash (1)" in text
    assert f'data-set-id="{trashed}"' not in text


def test_a_manager_brings_a_set_back(app, cast, trashed):
    response = cast.alice.post(f"/t/acme/retention/trash/{trashed}/undelete")

    assert response.location.endswith(f"/sets/{trashed}")
    with app.app_context():
        assert db.session.get_one(BackupSet, trashed).deleted_at is None


@pytest.mark.parametrize("person", ["bob", "olga", "pete", "audrey", "charlie"])
def test_nobody_else_does(cast, trashed, person):
    response = getattr(cast, person).post(f"/t/acme/retention/trash/{trashed}/undelete")

    assert response.status_code == 403


def test_what_is_not_in_the_trash_cannot_come_back(cast, nights):
    response = cast.alice.post(f"/t/acme/retention/trash/{nights[1][0]}/undelete")

    assert response.status_code == 409


def test_an_operator_runs_retention(cast, nights, rings):
    response = cast.olga.post("/t/acme/retention/run")

    assert response.location.endswith(rings[-1])


def test_a_manager_has_the_vault_cleaned_up(cast, rings):
    response = cast.alice.post("/t/acme/retention/clean-up", data={"may_free_most": "1"})

    assert response.location.endswith(rings[-1])
    assert cast.olga.post("/t/acme/retention/clean-up").status_code == 403


def test_a_manager_chooses_the_days_of_sets_that_no_schedule_made(app, cast):
    cast.alice.post("/t/acme/retention/rules", data={"hand_days": "90", "pre_restore_days": "45"})

    with app.app_context():
        tenant = factories.tenant_called("acme")
        assert tenant.settings["retention"] == {"hand_days": 90, "pre_restore_days": 45}
        assert isinstance(tenant, Tenant)


def test_too_few_days_are_said_beside_the_field(cast):
    response = cast.alice.post(
        "/t/acme/retention/rules", data={"hand_days": "x", "pre_restore_days": "7"}
    )

    assert response.status_code == 422
    assert 'id="hand_days-error"' in response.text
    assert 'id="pre_restore_days-error"' in response.text


def test_the_preview_shows_what_a_rule_would_keep_of_what_is_there(cast, nights):
    schedule_id, made = nights

    text = cast.bob.get(f"/t/acme/retention/preview?{KEEP}&schedule={schedule_id}").text

    assert "2 of 4 stay." in text
    assert text.count('data-kept="yes"') == 2
    assert f'data-set-id="{made[3]}" data-kept="no"' in text
    assert "No rule keeps it: the last 2." in text
    assert 'class="is-kept"' in text
    assert 'class="is-gone"' in text


def test_the_preview_changes_nothing(app, cast, nights):
    cast.bob.get(f"/t/acme/retention/preview?{KEEP}&schedule={nights[0]}")

    with app.app_context():
        sets = [db.session.get_one(BackupSet, one).deleted_at for one in nights[1]]
    assert sets == [None] * 4


def test_a_schedule_that_has_made_nothing_yet_is_imagined(cast, people):
    text = cast.bob.get("/t/acme/retention/preview?keep_last=7&monthly=12&timezone=Asia/Tokyo").text

    assert "as if it had run for a year" in text
    assert "one a month for 12 months" in text
    assert "data-set-id" not in text


@pytest.mark.parametrize(
    ("timing", "says"),
    [
        ("frequency=cron&cron=0+3+1+*+*", "of 12 stay."),
        ("frequency=cron&cron=15+*/6+*+*+*", "of 1,46"),
        ("frequency=weekly&days_of_week=1&time_of_day=02:30", "of 5"),
        ("frequency=daily&time_of_day=02:30", "of 36"),
    ],
)
def test_the_imagined_ones_are_at_the_schedules_own_times(cast, people, timing, says):
    text = cast.bob.get(f"/t/acme/retention/preview?keep_last=30&{timing}").text

    assert says in text


def test_of_a_very_frequent_one_it_says_since_when(cast, people, monkeypatch):
    for module in ("webapp.domain.retention_calendar", "webapp.services.retention.looking"):
        monkeypatch.setattr(f"{module}.MOST_IMAGINED", 100)

    query = "keep_last=30&frequency=cron&cron=*/5+*+*+*+*"
    text = cast.bob.get(f"/t/acme/retention/preview?{query}").text

    assert "30 of 100 stay." in text
    assert "as if it had run since" in text


@pytest.mark.parametrize(
    ("timing", "says"),
    [
        ("frequency=cron&cron=soon", "five fields"),
        ("frequency=weekly", "at least one day"),
        ("frequency=daily&time_of_day=25:99", "HH:MM"),
    ],
)
def test_while_it_is_not_said_when_nothing_is_imagined(cast, people, timing, says):
    text = cast.bob.get(f"/t/acme/retention/preview?keep_last=30&{timing}").text

    assert says in text
    assert "stay." not in text


@pytest.mark.parametrize(
    "query", ["keep_last=0", "keep_last=-1", "keep_last=x", "", "keep_last=3&daily=99999"]
)
def test_rules_that_make_no_sense_are_asked_for_again(cast, people, query):
    response = cast.bob.get(f"/t/acme/retention/preview?{query}")

    assert response.status_code == 200
    assert "Give whole numbers" in response.text


def test_an_unknown_zone_does_no_harm(cast, people):
    response = cast.bob.get("/t/acme/retention/preview?keep_last=3&timezone=Mars/Olympus")

    assert response.status_code == 200


def test_a_neighbours_schedule_is_not_previewed(app, cast, nights):
    response = cast.charlie.get(f"/t/globex/retention/preview?{KEEP}&schedule={nights[0]}")

    assert response.status_code == 403


def test_a_set_says_why_it_stays(cast, nights):
    text = cast.bob.get(f"/t/acme/sets/{nights[1][1]}").text

    assert "It stays: last 2 of 3, by schedule nightly." in text
    assert "/delete" not in text


def test_a_manager_deletes_a_set_with_a_reason(app, cast, nights):
    response = cast.alice.post(f"/t/acme/sets/{nights[1][1]}/delete", data={"reason": "a test"})

    assert response.location.endswith("/t/acme/retention")
    assert "a test" in cast.bob.get("/t/acme/retention").text


def test_deleting_without_a_reason_is_refused(cast, nights):
    assert cast.alice.post(f"/t/acme/sets/{nights[1][1]}/delete").status_code == 422


def test_a_manager_holds_a_set_and_releases_it(app, cast, nights):
    place = f"/t/acme/sets/{nights[1][1]}"

    cast.alice.post(f"{place}/hold", data={"hold_reason": "case 4711"})
    held = cast.bob.get(place).text
    refused = cast.alice.post(f"{place}/delete", data={"reason": "because"})
    cast.alice.post(f"{place}/release", data={"hold_reason": "closed"})

    assert "case 4711" in held
    assert refused.status_code == 409
    assert "case 4711" not in cast.bob.get(place).text


def test_the_form_of_a_schedule_shows_the_preview(cast, things, nights):
    new = cast.alice.get(f"/t/acme/schedules/new?source={things.source}").text
    edit = cast.alice.get(f"/t/acme/schedules/{nights[0]}/edit").text

    assert 'hx-get="/t/acme/retention/preview"' in new
    assert f'hx-get="/t/acme/retention/preview?schedule={nights[0]}"' in edit


@pytest.fixture
def many_trashed(app, nights):
    """Three of the four nights, as if a rule had been lowered by mistake."""
    with app.app_context():
        for number in nights[1][1:]:
            row = db.session.get_one(BackupSet, number)
            row.deleted_at, row.deleted_by_rule = clock.now(), "No rule keeps it: the last 1."
        db.session.commit()
    return nights[1][1:]


def test_many_are_brought_back_at_once(app, cast, many_trashed):
    two = [str(one) for one in many_trashed[:2]]

    response = cast.alice.post("/t/acme/retention/trash/undelete", data={"item": two})

    assert response.status_code == 303
    with app.app_context():
        back = [db.session.get_one(BackupSet, one).deleted_at is None for one in many_trashed]
    assert back == [True, True, False]
    assert "2 sets are back" in cast.alice.get("/t/acme/retention").text


def test_nothing_ticked_is_said_and_changes_nothing(cast, many_trashed):
    cast.alice.post("/t/acme/retention/trash/undelete")

    assert "Tick at least one" in cast.alice.get("/t/acme/retention").text


def test_one_of_a_neighbour_among_them_brings_none_back(app, cast, many_trashed):
    with app.app_context():
        theirs = factories.world("globex").ids["trashed_id"]

    response = cast.alice.post(
        "/t/acme/retention/trash/undelete", data={"item": [str(many_trashed[0]), str(theirs)]}
    )

    assert response.status_code == 403
    with app.app_context():
        assert db.session.get_one(BackupSet, many_trashed[0]).deleted_at is not None
        assert db.session.get_one(BackupSet, theirs).deleted_at is not None


def test_a_long_trash_is_read_in_parts(cast, many_trashed, monkeypatch):
    monkeypatch.setattr("webapp.blueprints.retention.pages._PAGE", 2)

    first, second = (cast.bob.get(f"/t/acme/retention{part}").text for part in ("", "?offset=2"))

    assert first.count("data-set-id") == 2
    assert "offset=2" in first
    assert second.count("data-set-id") == 1


def test_what_the_next_retention_takes_is_told_before(cast, nights, things):
    page = cast.bob.get(f"/t/acme/retention/next?source={things.source}").text

    going, staying = page.partition('id="retention-staying"')[::2]
    assert f'data-set-id="{nights[1][3]}"' in going
    assert "No rule keeps it: the last 3." in going
    assert all(f'data-set-id="{one}"' in staying for one in nights[1][:3])


def test_without_a_source_the_page_says_so(cast):
    assert "No restore point yet" in cast.bob.get("/t/acme/retention/next").text
