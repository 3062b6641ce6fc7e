"""Settings in a backup: all that was set, and nothing secret."""

from __future__ import annotations

import pytest

from webapp.services.settings_texts import settings_text, without_password
from webapp.settings import VARIABLES


def test_what_was_set_is_there_as_systemd_reads_it():
    environ = {"LASTGOOD_PORT": "8443", "LASTGOOD_PUBLIC_URL": "https://x.example", "HOME": "/root"}

    assert settings_text(environ).splitlines() == [
        "LASTGOOD_PORT=8443",
        "LASTGOOD_PUBLIC_URL=https://x.example",
    ]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LASTGOOD_SECRET_KEY", "hush-hush"),
        ("LASTGOOD_DATABASE_URL", "postgresql://me:hush-hush@db/x"),
        ("LASTGOOD_DATABASE_URL", "postgresql://db/x?user=me&password=hush-hush"),
        ("LASTGOOD_QUEUE_URL", "redis://:hush-hush@queue/0"),
        ("LASTGOOD_SMTP_URL", "smtps://me:hush-hush@mail"),
    ],
)
def test_no_password_is_kept_and_that_it_was_there_is_said(variable, value):
    text = settings_text({variable: value})

    assert "hush-hush" not in text
    assert variable in text
    assert all(line.startswith("# ") for line in text.splitlines())


@pytest.mark.parametrize("name", VARIABLES)
def test_no_variable_is_forgotten_where_a_password_may_be(name):
    text = settings_text({f"LASTGOOD_{name}": "postgresql://me:hush-hush@host/x"})

    assert "hush-hush" not in text


def test_a_setting_that_lay_in_a_file_is_named():
    text = settings_text({"LASTGOOD_SMTP_URL_FILE": "/etc/lastgood/smtp"})

    assert "LASTGOOD_SMTP_URL_FILE=/etc/lastgood/smtp" in text
    assert "not in this backup" in text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "postgresql://me:pw@db:5432/x?sslmode=require",
            "postgresql://me@db:5432/x?sslmode=require",
        ),
        ("postgresql://me@db/x", "postgresql://me@db/x"),
        ("sqlite:////var/lib/x.db", "sqlite:////var/lib/x.db"),
    ],
)
def test_an_address_is_shown_without_its_password(url, shown):
    assert without_password(url) == shown
