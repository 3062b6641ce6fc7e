"""A database that does not answer: one clear sentence, at the start and later; nothing is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy.exc import OperationalError

from webapp import cli, create_app, database
from webapp.cli.framework import EXIT
from webapp.errors import ConfigError
from webapp.extensions import db

NOWHERE = "postgresql+psycopg://lastgood:hunter2@/lastgood?host=/nowhere/at/all"


@pytest.fixture
def silent(app, cast, settings):
    """The cast, and a database that went away after they had come."""
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    away = settings.home.rename(settings.home.with_name("away"))
    yield cast
    away.rename(settings.home)


def test_a_start_without_its_database_says_so_in_one_sentence(settings):
    with pytest.raises(ConfigError, match="does not answer") as told:
        create_app(replace(settings, database_url=NOWHERE))

    assert "LASTGOOD_DATABASE_URL" in str(told.value)
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_page_says_so(silent, method):
    answer = getattr(silent.alice, method)("/t/acme/sources")

    assert answer.status_code == 503
    assert "The database does not answer" in answer.text


def test_a_fragment_says_so(silent):
    answer = silent.alice.get("/t/acme/runs", headers={"HX-Request": "true"})

    assert (answer.status_code, answer.headers["HX-Retarget"]) == (503, "#notices")


def test_the_readiness_says_so_and_the_process_is_alive(silent):
    assert silent.nobody.get("/healthz").status_code == 200
    answer = silent.nobody.get("/readyz")

    assert (answer.status_code, answer.text) == (503, "the database does not answer\n")


def test_everything_works_again_when_it_is_back(app, cast, settings):
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    away = settings.home.rename(settings.home.with_name("away"))
    before = cast.alice.get("/t/acme/sources").status_code

    away.rename(settings.home)

    assert (before, cast.alice.get("/t/acme/sources").status_code) == (503, 200)


def test_a_command_says_so_too(monkeypatch, capsys):
    def fail(*_arguments, **_options):
        raise OperationalError("SELECT 1", {}, Exception("connection refused\nat length"))

    monkeypatch.setattr(cli.lastgood, "main", fail)

    with pytest.raises(SystemExit) as end:
        cli.main(["tenants"])

    assert end.value.code == EXIT.FAILED
    assert capsys.readouterr().err == (
        "lastgood: The database does not answer: connection refused. Start it, or look at"
        " LASTGOOD_DATABASE_URL.\n"
    )


def test_a_database_without_tables_is_another_matter():
    error = OperationalError("SELECT 1", {}, Exception("no such table: installation"))

    assert database.lacks_tables(error)
