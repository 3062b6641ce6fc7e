"""One-time links: they work once, for a while, and for the right person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests.factories import user_called
from webapp.errors import Invalid, NotFound
from webapp.extensions import db
from webapp.models import LinkPurpose, OneTimeLink
from webapp.services import links, passwords

PASSWORD = "a rather long sentence"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def bob(people, context):
    return user_called("bob")


@pytest.fixture
def invitation(bob):
    _, secret = links.make(bob, at=NOW)
    db.session.commit()
    return secret


def test_an_invitation_sets_the_first_password_and_the_name(bob, invitation):
    links.use(invitation, password=PASSWORD, name="Bob Baker", at=NOW)

    assert passwords.matches(bob.password_hash, PASSWORD)
    assert bob.name == "Bob Baker"


def test_a_link_works_once(bob, invitation):
    links.use(invitation, password=PASSWORD, at=NOW)

    with pytest.raises(NotFound):
        links.use(invitation, password=PASSWORD, at=NOW)


def test_a_link_survives_a_password_that_is_not_good_enough(bob, invitation):
    with pytest.raises(Invalid):
        links.use(invitation, password="short", at=NOW)

    assert links.find(invitation, at=NOW)


def test_a_newer_link_replaces_the_older(bob, invitation):
    links.make(bob, at=NOW)

    with pytest.raises(NotFound):
        links.find(invitation, at=NOW)


@pytest.mark.parametrize(
    ("has_password", "purpose", "life"),
    [
        (False, LinkPurpose.INVITATION, timedelta(days=7)),
        (True, LinkPurpose.RESET, timedelta(hours=1)),
    ],
    ids=["invitation", "reset"],
)
def test_a_link_has_an_end(bob, has_password, purpose, life):
    bob.password_hash = passwords.hash_of(PASSWORD) if has_password else None

    made, secret = links.make(bob, at=NOW)

    assert made is purpose
    assert links.find(secret, at=NOW + life - timedelta(seconds=1))
    with pytest.raises(NotFound):
        links.find(secret, at=NOW + life)


def test_a_reset_ends_all_sessions(bob, invitation):
    before = bob.get_id()

    links.use(invitation, password=PASSWORD, at=NOW)

    assert bob.get_id() != before


def test_a_disabled_person_s_link_does_not_work(bob, invitation):
    bob.is_disabled = True

    with pytest.raises(NotFound):
        links.find(invitation, at=NOW)


def test_the_secret_is_not_stored(bob, invitation):
    stored = db.session.scalars(select(OneTimeLink.secret_hash)).one()

    assert invitation not in stored
