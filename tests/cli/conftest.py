"""A shell in which ``lastgood`` runs on a data folder of the test's own."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from webapp import cli
from webapp.settings import Settings


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def shell(settings, monkeypatch, capsys) -> Callable[..., Ended]:
    """Runs one command; *stdin* is what is typed into it."""
    monkeypatch.setattr(Settings, "from_environ", classmethod(lambda _cls, *_: settings))

    def run(*arguments: str, stdin: str = "") -> Ended:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as end:
            cli.main(list(arguments))
        written = capsys.readouterr()
        return Ended(int(end.value.code or 0), written.out, written.err)

    return run


@pytest.fixture
def acme(shell, tmp_path):
    """A tenant with one granted folder."""
    root = tmp_path / "acme"
    root.mkdir()
    shell("tenant", "add", "acme", "--name", "Acme", "--grant-root", str(root))
    return root
