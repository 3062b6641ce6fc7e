"""Scripts rely on exit codes: 0 done, 1 failed, 2 wrong usage, 3 partial, 4 refused."""

from __future__ import annotations

import click
import pytest

from webapp import cli
from webapp.errors import AppError, ConfigError, Conflict, Forbidden, Refused


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        (None, 0),
        (click.exceptions.Exit(3), 3),
        (click.UsageError("what?"), 2),
        (AppError("no"), 1),
        (ConfigError("no"), 1),
        (Forbidden(), 4),
        (Refused("plan_stale", "no"), 4),
        (Conflict("no"), 4),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_ending_has_its_exit_code(monkeypatch, ending, code):
    @click.command("end")
    def end() -> None:
        if ending:
            raise ending

    monkeypatch.setitem(cli.lastgood.commands, "end", end)

    with pytest.raises(SystemExit) as exited:
        cli.main(["end"])

    assert exited.value.code == code
