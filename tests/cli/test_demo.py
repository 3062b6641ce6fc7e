"""``lastgood demo``."""

from __future__ import annotations

import json

import pytest

from webapp.cli import lastgood
from webapp.services import installation
from webapp.settings import Settings


@pytest.fixture
def run(settings, monkeypatch, capsys):
    """Run a command on the test's data folder; gives exit code and JSON."""
    monkeypatch.setattr(Settings, "from_environ", classmethod(lambda _cls, *_: settings))

    def run(*arguments: str) -> tuple[object, object]:
        code = lastgood.main(args=[*arguments, "--json"], standalone_mode=False)
        return code, json.loads(capsys.readouterr().out)

    return run


def test_the_demo_can_be_made_and_damaged(run):
    _code, made = run("demo", "create")
    _code, damaged = run("demo", "damage")

    assert made["tenant"] == "demo"
    assert damaged["status"] == "queued"
    assert installation.settings().demo_site.is_dir()


def test_the_demo_can_be_removed(run):
    run("demo", "create")

    _code, removal = run("demo", "remove")

    assert removal["status"] == "queued"
