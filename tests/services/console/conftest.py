"""``lastgood`` in this process, on whichever installation the environment names."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import has_app_context

from webapp import cli, create_app
from webapp.extensions import db, doorbell
from webapp.services import installation
from webapp.settings import Settings
from webapp.vault import keys as vault_keys

PASSPHRASE = "correct horse"


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


Lastgood = Callable[..., Ended]


@pytest.fixture
def lastgood(settings, monkeypatch, capsys, tmp_path) -> Lastgood:
    """Runs one command; *home* and *database_url* name another installation than the test's."""
    cheap = partial(vault_keys.Passphrase, cost=vault_keys.Cost(rounds=1, memory_kib=64, lanes=1))
    monkeypatch.setattr("webapp.standalone.vaults.Passphrase", cheap)
    monkeypatch.setenv("LASTGOOD_VAULT_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run(
        *arguments: object, home: Path | None = None, database_url: str = "", stdin: str = ""
    ) -> Ended:
        if has_app_context():
            db.session.rollback()
        url = database_url or ("" if home else settings.database_url)
        monkeypatch.setenv("LASTGOOD_HOME", str(home or settings.home))
        monkeypatch.setenv("LASTGOOD_DATABASE_URL", url)
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        before, ring_bell = installation.bound(), doorbell.ring
        with pytest.raises(SystemExit) as end:
            cli.main(list(map(str, arguments)))
        installation.bind(*before)
        doorbell.ring = ring_bell
        written = capsys.readouterr()
        return Ended(int(end.value.code or 0), written.out, written.err)

    return run


@pytest.fixture
def server(request):
    """A PostgreSQL server, where tests may have one."""
    if request.config.getoption("--postgresql") == "no":
        pytest.skip("PostgreSQL: give --postgresql=engine")
    return request.getfixturevalue("cluster")


@pytest.fixture
def vault(tmp_path) -> Path:
    """Where the console is backed up to; nothing is there yet."""
    return tmp_path / "console-vault"


@pytest.fixture
def backed_up(lastgood, vault) -> Callable[..., dict[str, Any]]:
    """Back the console up; what the command printed."""

    def back_up(*options: object) -> dict[str, Any]:
        ended = lastgood("console", "backup", vault, "--json", *options)
        assert ended.code == 0, ended.err
        return ended.data

    return back_up


@pytest.fixture
def restored(lastgood, vault, settings, tmp_path) -> Callable[..., dict[str, Any]]:
    """Restore the console onto a machine that has nothing; what the command printed."""

    def restore(home: Path, *options: object, database_url: str = "") -> dict[str, Any]:
        paper = tmp_path / "typed"
        shutil.copy(settings.master_key_file, paper)
        key = ("--master-key-file", paper)
        ended = lastgood(
            "console", "restore", vault, "--json", *key, *options,
            home=home, database_url=database_url,
        )  # fmt: skip
        assert ended.code == 0, ended.err
        return ended.data

    return restore


@pytest.fixture
def entered(settings) -> Callable[..., Any]:
    """The context of another installation, with its keys."""

    @contextmanager
    def enter(home: Path, database_url: str = "") -> Iterator[Settings]:
        there = replace(
            settings,
            home=home,
            database_url=database_url or f"sqlite:///{home / 'lastgood.db'}",
            master_key_file=home / "master.key",
        )
        before, ring_bell = installation.bound(), doorbell.ring
        app = create_app(there)
        doorbell.ring = lambda run_id: None
        with app.app_context():
            yield there
            db.session.remove()
            db.engine.dispose()
        installation.bind(*before)
        doorbell.ring = ring_bell

    return enter
