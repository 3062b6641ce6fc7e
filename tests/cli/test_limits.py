"""``lastgood limits`` and ``lastgood usage`` from a shell."""

from __future__ import annotations

import csv
from datetime import date

import pytest

from tests import factories
from webapp import create_app
from webapp.cli.framework import EXIT
from webapp.extensions import db
from webapp.models import UsageSample


@pytest.fixture
def used(settings, acme):
    """Two days of Acme's November."""
    with create_app(settings).app_context():
        tenant = factories.tenant_called("acme")
        for number, stored in ((1, 100), (2, 300)):
            day = date(2026, 11, number)
            db.session.add(UsageSample(tenant_id=tenant.id, day=day, stored_bytes=stored))
        db.session.commit()


def test_limits_are_set_shown_and_lifted(shell, acme):
    shell("limits", "set", "acme", "--bandwidth", "10MB", "--window", "mon-fri@22:00-06:00",
          "--most-running", "2", "--quota", "500GB")  # fmt: skip
    shown = shell("limits", "show", "acme", "--json").data
    words = shell("limits", "show", "acme").out
    shell("limits", "clear", "acme")

    assert shown["tenant"]["bytes_per_second"] == 10_000_000
    assert shown["tenant"]["most_running"] == 2
    assert shown["quota"] == {"quota_bytes": 500 * 10**9, "used_bytes": 0}
    assert "captures begin Mon–Fri 22:00–06:00" in words
    assert "Quota: 500 GB" in words
    assert shell("limits", "show", "acme", "--json").data["tenant"]["bytes_per_second"] is None


def test_what_is_not_named_stays_as_it_is(shell, acme):
    shell("limits", "set", "acme", "--bandwidth", "10MB", "--most-running", "2")
    shell("limits", "set", "acme", "--bandwidth", "none")

    shown = shell("limits", "show", "acme", "--json").data["tenant"]

    assert (shown["bytes_per_second"], shown["most_running"]) == (None, 2)


def test_the_installation_is_meant_without_a_tenant(shell, acme):
    shell("limits", "set", "--most-running", "8")
    paused = shell("limits", "pause", "--reason", "works", "--json").data
    shell("limits", "resume")

    assert shell("limits", "show", "--json").data["installation"]["most_running"] == 8
    assert (paused["paused"], paused["paused_until"]) == (True, None)
    assert shell("limits", "show", "--json").data["installation"]["paused"] is False


def test_this_machine_is_a_host_of_a_customer(shell, acme):
    shell("limits", "pause", "acme", "--this-machine", "--reason", "works",
          "--until", "2999-01-01T06:00")  # fmt: skip

    shown = shell("limits", "show", "acme", "--json").data

    assert shown["hosts"][""]["pause_reason"] == "works"
    assert shown["tenant"]["paused"] is False
    assert "This machine: paused until 2999-01-01 06:00:00 (works)" in shell(
        "limits", "show", "acme"
    ).out  # fmt: skip


@pytest.mark.parametrize(
    "typed",
    [
        ("set", "acme"),
        ("set", "acme", "--bandwidth", "fast"),
        ("set", "acme", "--most-running", "many"),
        ("set", "acme", "--window", "someday@1-2"),
        ("set", "--quota", "5GB"),
        ("set", "acme", "--this-machine", "--quota", "5GB"),
        ("set", "--host", "db1", "--most-running", "1"),
        ("clear", "acme", "--host", "db1", "--this-machine"),
        ("pause", "acme"),
        ("pause", "acme", "--reason", "x", "--until", "soon"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(shell, acme, typed):
    assert shell("limits", *typed).code == EXIT.USAGE


@pytest.mark.parametrize(
    "typed",
    [
        ("set", "acme", "--bandwidth", "1"),
        ("set", "acme", "--most-running", "0"),
        ("set", "acme", "--quota", "1"),
        ("set", "acme", "--host", "db1", "--most-running", "1"),
        ("pause", "acme", "--reason", "x", "--until", "2020-01-01"),
    ],
)
def test_what_cannot_be_used_fails_with_a_sentence(shell, acme, typed):
    ended = shell("limits", *typed)

    assert ended.code == EXIT.FAILED
    assert ended.err.startswith("lastgood: ")


def test_a_person_has_their_own_rights(shell, acme):
    shell("user", "add", "mia@example.com", "--tenant", "acme", "--role", "manager")
    person = ("--as", "mia@example.com")

    allowed = shell("limits", "set", "acme", "--bandwidth", "5MB", *person)
    refused = [
        shell("limits", "set", "acme", "--quota", "5GB", *person),
        shell("limits", "set", "acme", "--most-running", "9", *person),
        shell("limits", "set", "--most-running", "9", *person),
        shell("limits", "show", *person),
        shell("usage", *person),
    ]

    assert allowed.code == EXIT.DONE
    assert [ended.code for ended in refused] == [EXIT.REFUSED] * 5


def test_the_use_of_a_month_is_csv(shell, used):
    (row,) = csv.DictReader(shell("usage", "--month", "2026-11").out.splitlines())

    assert (row["tenant"], row["days"]) == ("acme", "2")
    assert (row["stored_bytes_average"], row["stored_bytes_most"]) == ("200", "300")


def test_the_use_of_one_customer_is_json_if_wanted(shell, used):
    found = shell("usage", "--month", "2026-11", "--tenant", "acme", "--json").data

    assert [(line["tenant"], line["stored_bytes_last"]) for line in found] == [("acme", 300)]
    assert shell("usage", "--month", "2026-10", "--json").data == []


def test_a_month_that_is_none_is_wrong_usage(shell, acme):
    assert shell("usage", "--month", "2026-13").code == EXIT.USAGE
