"""The progress display: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import io

import pytest

from webapp.cli.vault import progress


@pytest.fixture
def now():
    """A clock that the test moves."""
    return [100.0]


def test_what_is_quick_says_nothing(now, capsys):
    with progress.shown("backup", monotonic=lambda: now[0]) as tell:
        tell(1, 2, "1 file")
        now[0] += progress.EVERY_SECONDS - 0.1
        tell(2, 2, "2 files")

    assert capsys.readouterr().err == ""


def test_a_line_comes_every_few_seconds_and_on_stderr(now, capsys):
    with progress.shown("backup", monotonic=lambda: now[0]) as tell:
        for number in range(20):
            tell(number, 20, f"{number} files")
            now[0] += 1

    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.splitlines() == [
        "backup: 25% 5 files",
        "backup: 50% 10 files",
        "backup: 75% 15 files",
    ]


def test_without_a_total_there_is_no_share(now, capsys):
    with progress.shown("verify", monotonic=lambda: now[0]) as tell:
        now[0] += 60
        tell(7, 0, "7 packs")

    assert capsys.readouterr().err == "verify: 7 packs\n"


def test_a_terminal_gets_a_bar_that_goes_away(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")

    with progress.shown("backup") as tell:
        tell(1, 2, "1 file [of two]")

    assert "backup" in terminal.getvalue()
    assert "1 file [of two]" in terminal.getvalue()


def test_an_error_takes_the_bar_away(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")

    def interrupted() -> None:
        with progress.shown("backup") as tell:
            tell(1, 2, "1 file")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert terminal.getvalue().endswith("\x1b[2K")
