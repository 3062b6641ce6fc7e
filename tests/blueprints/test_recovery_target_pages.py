"""The page of recovery targets."""

from __future__ import annotations

import pytest

from tests import factories
from webapp.extensions import db
from webapp.models import Source
from webapp.services import recovery_targets

PLACE = "/t/acme/targets"


@pytest.fixture
def shop(app, cast):
    with app.app_context():
        made = factories.source(factories.tenant_called("acme"), name="shop")
        db.session.commit()
        return made.id


def targets(app) -> tuple[int, list[int | None]]:
    with app.app_context():
        tenant = factories.tenant_called("acme")
        own = [one.recovery_point_minutes for one in db.session.query(Source)]
        return tenant.recovery_point_minutes, own


def form(shop, **typed: str) -> dict[str, str]:
    """As the page sends it when nobody touched anything."""
    usual = {"recovery_point": "24", "recovery_point_unit": "hours", "recovery_point_was": "1440"}
    return {**usual, f"was-{shop}": "", f"target-{shop}": "", **typed}


def test_a_manager_sets_that_of_all_and_of_one(app, cast, shop):
    typed = form(shop, recovery_point="6", **{f"target-{shop}": "1,5"})

    response = cast.alice.post(PLACE, data=typed)

    assert response.status_code == 303
    assert targets(app) == (360, [90])
    page = cast.alice.get(PLACE).text
    assert 'value="1.5"' in page
    assert 'name="recovery_point_was" value="360"' in page


def test_an_empty_field_takes_the_tenants_again(app, cast, shop):
    cast.alice.post(PLACE, data=form(shop, **{f"target-{shop}": "2"}))

    cast.alice.post(PLACE, data=form(shop, **{f"was-{shop}": "120"}))

    assert targets(app) == (1440, [None])


@pytest.mark.parametrize(
    ("typed", "marked"),
    [
        ({"recovery_point": "soon"}, "recovery_point-error"),
        ({"recovery_point": "0"}, "recovery_point-error"),
        ({"target": "-1"}, "-error"),
        ({"target": "nan"}, "-error"),
        ({"target": "9999999"}, "-error"),
    ],
)
def test_what_cannot_be_used_is_marked_and_nothing_is_saved(app, cast, shop, typed, marked):
    named = {f"target-{shop}" if name == "target" else name: v for name, v in typed.items()}

    response = cast.alice.post(PLACE, data=form(shop, **named))

    assert response.status_code == 422
    assert marked in response.text
    assert "Nothing was saved." in response.text
    assert f'value="{next(iter(typed.values()))}"' in response.text
    assert targets(app) == (1440, [None])


def test_the_second_of_two_people_is_told(app, cast, shop):
    cast.root.post(PLACE, data=form(shop, **{f"target-{shop}": "2"}))

    response = cast.alice.post(
        PLACE, data=form(shop, **{f"target-{shop}": "3"}), follow_redirects=True
    )

    assert "Somebody else changed the target of shop meanwhile" in response.text
    assert targets(app) == (1440, [120])


@pytest.mark.parametrize("person", ["olga", "bob", "audrey", "charlie"])
def test_others_are_refused(app, cast, shop, person):
    client = getattr(cast, person)

    assert client.get(PLACE).status_code == 403
    assert client.post(PLACE, data=form(shop, recovery_point="1")).status_code == 403
    assert targets(app) == (1440, [None])


def test_a_neighbours_source_is_refused(app, cast, shop):
    with app.app_context():
        theirs = factories.source(factories.tenant_called("globex")).id
        db.session.commit()

    response = cast.alice.post(PLACE, data={f"target-{theirs}": "1", f"was-{theirs}": ""})

    assert response.status_code == 403


def test_a_long_list_has_pages(cast, shop, app, monkeypatch):
    monkeypatch.setattr("webapp.blueprints.recovery_targets.PAGE", 1)
    with app.app_context():
        factories.source(factories.tenant_called("acme"), name="archive")
        db.session.commit()

    first, second = cast.alice.get(PLACE).text, cast.alice.get(f"{PLACE}?offset=1").text

    assert ("archive" in first, "shop" in first) == (True, False)
    assert "offset=1" in first
    assert ("archive" in second, "shop" in second) == (False, True)
    assert recovery_targets.PAGE > 1


def test_the_customers_page_leads_there(cast, shop):
    assert PLACE in cast.alice.get("/t/acme/").text
    assert PLACE not in cast.bob.get("/t/acme/").text
