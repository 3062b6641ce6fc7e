"""``lastgood requests``, and that no command lets one person keep less where two are demanded."""

from __future__ import annotations

from datetime import timedelta

import click
import pytest

from tests import factories
from webapp import clock, create_app
from webapp.cli import framework, lastgood
from webapp.cli.framework import EXIT
from webapp.extensions import db, doorbell
from webapp.models import Tenant, User

ANNA, BEN = ("--as", "anna@example.com"), ("--as", "ben@example.com")

# What lets go of backups, with arguments that do: waits for a second person.
LOWERS = {
    "retention delete": ("acme", "{old}", "--reason", "x"),
    "retention hold": ("acme", "{held}", "--release"),
    "retention purge": ("acme", "--may-free-most"),
    "retention rules": ("acme", "--by-hand", "5"),
    "schedule edit": ("acme", "nightly", "--keep-last", "2"),
    "source remove": ("acme", "www", "--reason", "x"),
    "tenant two-people": ("acme", "--drop", "lower_retention"),
}
# What does not; a new command of these nouns belongs to one of both lists.
HARMLESS = {
    "retention": {"preview", "run", "trash", "undelete"},
    "schedule": {
        "add", "archive", "disable", "enable", "history", "list", "next", "pause", "resume",
        "retry", "run-now",
    },
    "source": {"add", "check", "list"},
    "tenant": {"activate", "add", "grant-root", "leave", "list", "suspend"},
}  # fmt: skip


@pytest.fixture
def logins(monkeypatch):
    """Who sits at the shell: set ``logins[0]``."""
    at = ["anna"]
    monkeypatch.setattr(framework, "_login", lambda: at[0])
    return at


@pytest.fixture
def things(settings, logins) -> dict[str, str]:
    """Anna and Ben are admins; three sets of one source, one of them on hold; all takes two."""
    ring, now = doorbell.ring, clock.now()
    with create_app(settings).app_context():
        tenant = Tenant(slug="acme", name="Acme", granted_roots=["/srv/acme"], created_at=now)
        tenant.needs_two_people = ["lower_retention", "delete_source", "export_keys"]
        for name in ("anna", "ben"):
            user = User(email=f"{name}@example.com", is_msp_admin=True, created_at=now)
            db.session.add(user)
        db.session.add(tenant)
        db.session.flush()
        source = factories.source(tenant, name="www")
        factories.schedule(source, name="nightly")
        nights = [now - timedelta(days=ago) for ago in range(3)]
        made = [factories.backup_set(factories.run(source, queued_at=at)) for at in nights]
        made[2].on_hold = "case"
        ids = {"old": str(made[1].id), "held": str(made[2].id)}
        db.session.commit()
    doorbell.ring = ring
    return ids


def waiting(shell) -> list[dict[str, object]]:
    return shell("requests", "list", "acme", "--json").data


def test_no_command_lets_one_person_do_it(shell, things):
    for command, arguments in LOWERS.items():
        typed = [word.format(**things) for word in arguments]
        ended = shell(*command.split(), *typed, *ANNA)
        assert (command, ended.code) == (command, EXIT.REFUSED)
        assert "somebody else has to approve it" in ended.err

    assert len(waiting(shell)) == len(LOWERS)
    assert len(shell("sets", "acme", "--json").data) == 3
    assert [one["name"] for one in shell("source", "list", "acme", "--json").data] == ["www"]


def test_every_command_of_these_nouns_is_in_one_of_the_lists():
    for noun, harmless in HARMLESS.items():
        group = lastgood.get_command(click.Context(lastgood), noun)
        lowers = {name.split()[1] for name in LOWERS if name.split()[0] == noun}
        assert set(group.commands) == harmless | lowers


def test_a_second_person_approves_and_it_is_done(shell, things, logins):
    shell("source", "remove", "acme", "www", "--reason", "moved", *ANNA)
    found = waiting(shell)[0]
    logins[0] = "ben"

    done = shell("requests", "approve", "acme", found["id"], *BEN, "--json").data

    assert (done["state"], done["decided_by"]) == ("done", "ben@example.com")
    assert shell("source", "list", "acme", "--json").data == []


def test_the_same_login_under_another_name_is_refused(shell, things):
    shell("source", "remove", "acme", "www", "--reason", "moved", *ANNA)
    found = waiting(shell)[0]["id"]

    for person in (ANNA, BEN, ()):
        assert shell("requests", "approve", "acme", found, *person).code == EXIT.REFUSED

    assert waiting(shell)[0]["state"] == "waiting"


def test_without_a_name_nothing_is_asked_for(shell, things):
    ended = shell("source", "remove", "acme", "www", "--reason", "moved")

    assert ended.code == EXIT.REFUSED
    assert "--as EMAIL" in ended.err
    assert waiting(shell) == []


def test_a_request_is_shown_rejected_and_taken_back(shell, things, logins):
    shell("source", "remove", "acme", "www", "--reason", "moved", *ANNA)
    shell("schedule", "edit", "acme", "nightly", "--keep-last", "2", "--reason", "space", *ANNA)
    first, second = (one["id"] for one in waiting(shell))
    shown = shell("requests", "show", "acme", second)
    shell("requests", "reject", "acme", first, "--reason", "not before the audit", *BEN)
    shell("requests", "withdraw", "acme", second, *ANNA)

    ended = shell("requests", "list", "acme", "--ended", "--json").data

    assert "keeps the last 2 instead of the last 30" in shown.out
    assert {one["state"] for one in ended} == {"rejected", "withdrawn"}
    assert waiting(shell) == []


@pytest.mark.parametrize(
    ("audit", "environ", "expected"),
    [
        ("0", {"SUDO_UID": "4242"}, "root"),
        ("4294967295", {"SUDO_UID": "424242"}, "424242"),
        ("", {"SUDO_UID": "424242"}, "424242"),
    ],
    ids=["the kernel knows", "sudo says", "no such file"],
)
def test_the_login_is_who_signed_in_at_the_machine(tmp_path, monkeypatch, audit, environ, expected):
    file = tmp_path / "loginuid"
    if audit:
        file.write_text(audit)
    monkeypatch.setattr("os.environ", environ)

    assert framework._login(file) == expected
