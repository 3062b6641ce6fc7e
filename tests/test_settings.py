"""A wrong variable stops the start with a sentence that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from webapp.errors import ConfigError
from webapp.settings import Settings


def test_everything_has_a_default():
    settings = Settings.from_environ({})

    assert (settings.host, settings.port, settings.demo) == ("127.0.0.1", 8000, False)
    assert settings.home == Path("instance").absolute()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LASTGOOD_PORT", "http"),
        ("LASTGOOD_PORT", "70000"),
        ("LASTGOOD_DEMO", "yes"),
        ("LASTGOOD_LOG", "xml"),
        ("LASTGOOD_PUBLIC_URL", "backup.example.com"),
        ("LASTGOOD_DATABASE_URL", "mysql://db/lastgood"),
        ("LASTGOOD_DATABASE_URL", "postgresql://db"),
        ("LASTGOOD_DATABASE_OWNER_URL", "sqlite:///lastgood.db"),
        ("LASTGOOD_DATABASE_OWNER_URL", "postgresql://owner@db"),
        ("LASTGOOD_QUEUE_URL", "amqp://queue"),
        ("LASTGOOD_QUEUE_URL", "postgresql://db/"),
        ("LASTGOOD_TRUSTED_PROXIES", "-1"),
        ("LASTGOOD_SECRET_KEY_FILE", "/nowhere/at/all"),
    ],
)
def test_a_wrong_value_is_refused_by_name(variable, value):
    with pytest.raises(ConfigError, match=variable):
        Settings.from_environ({variable: value})


def test_all_problems_are_told_at_once():
    with pytest.raises(ConfigError, match=r"LASTGOOD_PORT.*LASTGOOD_LOG"):
        Settings.from_environ({"LASTGOOD_PORT": "x", "LASTGOOD_LOG": "y"})


def test_a_secret_can_come_from_a_file(tmp_path):
    (tmp_path / "secret").write_text("s3cret\n")

    settings = Settings.from_environ({"LASTGOOD_SECRET_KEY_FILE": str(tmp_path / "secret")})

    assert settings.secret_key == "s3cret"


def test_no_secret_shows_when_settings_are_printed():
    settings = Settings.from_environ(
        {"LASTGOOD_SECRET_KEY": "s3cret", "LASTGOOD_SMTP_URL": "smtp://u:pa55@mail"}
    )

    assert "s3cret" not in repr(settings)
    assert "pa55" not in repr(settings)


def test_cookies_are_secure_behind_https():
    assert Settings.from_environ({"LASTGOOD_PUBLIC_URL": "https://b.example"}).cookies_are_secure
    assert not Settings.from_environ({}).cookies_are_secure


@pytest.mark.parametrize(
    "url",
    [
        "postgres://u@db/lastgood",
        "postgresql://u@db/lastgood",
        "postgresql+psycopg://u@db/lastgood",
    ],
)
def test_a_postgresql_is_named_as_people_name_it(url):
    settings = Settings.from_environ({"LASTGOOD_DATABASE_URL": url, "LASTGOOD_QUEUE_URL": url})

    assert settings.database_url == "postgresql+psycopg://u@db/lastgood"
    assert settings.queue_url == "postgresql://u@db/lastgood"


def test_no_address_of_a_server_shows_its_password():
    settings = Settings.from_environ(
        {
            "LASTGOOD_DATABASE_URL": "postgresql://u:pa55@db/lastgood",
            "LASTGOOD_DATABASE_OWNER_URL": "postgresql://o:pa55@db/lastgood",
            "LASTGOOD_QUEUE_URL": "redis://:pa55@queue/0",
        }
    )

    assert "pa55" not in repr(settings)


def test_tables_are_changed_by_their_owner_if_that_is_another():
    given = {"LASTGOOD_DATABASE_URL": "postgresql://u@db/lastgood"}
    owned = {**given, "LASTGOOD_DATABASE_OWNER_URL": "postgres://o@db/lastgood"}

    assert Settings.from_environ(given).as_owner() == Settings.from_environ(given)
    assert Settings.from_environ(owned).as_owner().database_url == (
        "postgresql+psycopg://o@db/lastgood"
    )
