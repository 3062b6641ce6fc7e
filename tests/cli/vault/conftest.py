"""A shell for ``lastgood vault``: no application, no database, a passphrase in the environment."""

from __future__ import annotations

from functools import partial

import pytest

from tests.cli.conftest import Ended
from webapp import cli
from webapp.vault import keys

PASSPHRASE = "correct horse"


@pytest.fixture
def vault(monkeypatch, capsys, tmp_path):
    """Runs one ``lastgood vault`` command in this process."""
    monkeypatch.setenv("LASTGOOD_VAULT_PASSPHRASE", PASSPHRASE)
    cheap = partial(keys.Passphrase, cost=keys.Cost(rounds=1, memory_kib=64, lanes=1))
    monkeypatch.setattr("webapp.standalone.vaults.Passphrase", cheap)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run(*arguments: object) -> Ended:
        with pytest.raises(SystemExit) as end:
            cli.main(["vault", *map(str, arguments)])
        written = capsys.readouterr()
        return Ended(int(end.value.code or 0), written.out, written.err)

    return run


@pytest.fixture
def place(vault, tmp_path):
    """The address of a vault that was made just now."""
    place = tmp_path / "vault"
    assert vault("init", place).code == 0
    return place
