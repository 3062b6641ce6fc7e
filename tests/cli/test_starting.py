"""A database that is down when a process starts: it waits, says so, and works when it is there."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from werkzeug.test import Client

from tests.jobs.worker_process import until
from webapp.cli import starting
from webapp.errors import ConfigError, NotAnswering
from webapp.extensions import db


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(starting, "RETRY_SECONDS", 0.01)


@pytest.fixture
def away(settings):
    """An installation whose database is not there; called, it is."""
    kept = settings.home / "elsewhere.db"
    (settings.home / "lastgood.db").rename(kept)
    (settings.home / "lastgood.db").mkdir()  # nothing can be opened, or made, by this name

    def come() -> None:
        (settings.home / "lastgood.db").rmdir()
        kept.rename(settings.home / "lastgood.db")

    return come


def close(app) -> None:
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def test_a_process_waits_for_its_database_and_says_so_once(settings, away, caplog):
    got: list[object] = []
    waiting = threading.Thread(target=lambda: got.append(starting.patiently(settings)))
    waiting.start()
    said = until(lambda: "waits for it" in caplog.text, seconds=10)

    away()
    waiting.join(timeout=30)

    assert said
    assert caplog.text.count("waits for it") == 1
    assert len(got) == 1
    close(got[0])


def test_what_waiting_does_not_help_ends_the_start(settings):
    settings.master_key_file.unlink()

    with pytest.raises(ConfigError) as told:
        starting.patiently(settings)

    assert not isinstance(told.value, NotAnswering)


def test_a_site_whose_keys_are_missing_does_not_start(settings):
    with pytest.raises(ConfigError):
        starting.Site(replace(settings, master_key_file=settings.home / "nowhere"))


def test_until_the_database_is_there_pages_and_readiness_say_so(settings, away):
    site = starting.Site(settings)
    browser = Client(site)

    answers = {path: browser.get(path) for path in ("/healthz", "/readyz", "/t/acme/runs")}
    head = browser.head("/t/acme/runs")

    assert [answer.status_code for answer in answers.values()] == [200, 503, 503]
    assert answers["/readyz"].text == "the database does not answer\n"
    assert "The database does not answer" in answers["/t/acme/runs"].text
    assert answers["/t/acme/runs"].headers["Retry-After"] == "5"
    assert (head.status_code, head.data) == (503, b"")

    away()

    assert until(lambda: browser.get("/readyz").status_code == 200, seconds=30)
    assert browser.get("/sign-in").status_code == 200
    close(site._app)
