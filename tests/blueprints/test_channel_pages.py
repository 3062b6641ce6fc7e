"""Forms for channels: a customer's and one's own."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from webapp.extensions import db
from webapp.models import Channel, ChannelMessage

TYPED = {
    "name": "Hook", "kind": "json", "address": "https://hooks.example.com/very-secret",
    "failures": "at_once", "alerts": "never", "digest": "daily", "digest_at": "06:30",
    "zone": "Europe/Berlin",
}  # fmt: skip


@pytest.fixture(params=["/t/acme/channels", "/account/channels"], ids=["customer", "own"])
def place(request) -> str:
    return request.param


def only(app, kind: type):
    with app.app_context():
        found = db.session.scalars(select(kind)).one()
        db.session.expunge_all()
        return found


def test_a_channel_is_added_tested_changed_and_removed(app, cast, place):
    assert cast.alice.post(place, data=TYPED).status_code == 303
    channel = only(app, Channel)
    assert channel.rules["digest_at"] == "06:30"
    one = f"{place}/{channel.id}"

    assert cast.alice.post(f"{one}/test").status_code == 303
    assert only(app, ChannelMessage).subject == "This is a test"
    assert "On its way" in cast.alice.get(one).text

    changed = {**TYPED, "address": "", "name": "Renamed", "is_enabled": ""}
    assert cast.alice.post(one, data=changed).status_code == 303
    assert only(app, Channel).is_enabled is False
    assert "Renamed" in cast.alice.get(place).text

    assert cast.alice.post(f"{one}/remove").status_code == 303
    assert "Renamed" not in cast.alice.get(place).text.split('id="channels-list"')[1]


def test_the_address_is_never_shown_again(app, cast, place):
    cast.alice.post(place, data=TYPED)
    one = f"{place}/{only(app, Channel).id}"

    for path in (place, one):
        page = cast.alice.get(path).text
        assert "hooks.example.com/…" in page
        assert "very-secret" not in page


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "", "Give it a name."),
        ("address", "", "Where shall messages go?"),
        ("address", "http://127.0.0.1/", "inside this network"),
        ("address", "nonsense", "begins with"),
        ("kind", "carrier-pigeon", "Choose one of the list."),
        ("failures", "perhaps", "Choose one of the list."),
        ("digest_at", "25:00", "A time of day"),
    ],
)
def test_what_cannot_be_used_is_said_beside_its_field(app, cast, place, field, value, sentence):
    response = cast.alice.post(place, data={**TYPED, field: value})

    assert response.status_code == 422
    assert sentence in response.text
    with app.app_context():
        assert not db.session.scalars(select(Channel)).all()


def test_a_zone_that_is_none_is_refused(cast):
    response = cast.alice.post("/account/channels", data={**TYPED, "zone": "Mars/Olympus"})

    assert response.status_code == 422
    assert "no time zone" in response.text


def test_ones_own_channel_is_nobody_elses(app, cast):
    cast.alice.post("/account/channels", data=TYPED)
    one = f"/account/channels/{only(app, Channel).id}"

    for client in (cast.olga, cast.root):
        assert client.get(one).status_code == 403
        assert client.post(one, data=TYPED).status_code == 403
        assert client.post(f"{one}/test").status_code == 403
        assert client.post(f"{one}/remove").status_code == 403


def test_what_the_bell_tells_is_ones_own_choice(app, cast):
    assert cast.bob.post("/account/bell", data={"bell_failures": "1"}).status_code == 303

    assert only(app, Channel).rules == {"failures": "at_once", "alerts": "never"}
    assert "Nothing goes out yet" in cast.bob.get("/account/channels").text
