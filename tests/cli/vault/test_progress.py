"""The progress display: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import io
import re

import pytest

from webapp.cli.vault import progress
from webapp.standalone.listing import ending


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


def test_long_words_do_not_push_the_bar_and_the_time_away(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")

    with progress.shown("backup") as tell:
        tell(1, 2, "1,000,000 files, 1.5 TB, " + "path/" * 40)

    written = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    line = next(line for line in re.split("[\r\n]", written) if "1,000,000" in line)
    assert len(line) <= 80
    assert re.search(r"backup [━╺]{16} +50% 0:00:0\d 1,000,000 files, 1.5 TB, path/.*…", line)


@pytest.mark.parametrize(
    ("path", "shown"),
    [("/short", "/short"), ("/" + "x" * 31, "/" + "x" * 31), ("/a" + "x" * 31, "…" + "x" * 31)],
)
def test_of_a_long_path_the_end_is_shown(path, shown):
    assert ending(path) == shown
