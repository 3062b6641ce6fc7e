"""Backing up what a program writes, and getting one file back as a stream."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.cli.vault.test_backup import paths_in
from webapp.errors import ConnectorError, Invalid
from webapp.standalone.streams import Stream, StreamSource

DUMP = b"create table t (a int);\n" * 5000


@pytest.fixture
def piped(monkeypatch, tmp_path):
    """Puts bytes where stdin is."""

    with (tmp_path / "input").open("w+") as file:

        def put(data: bytes) -> None:
            (tmp_path / "input").write_bytes(data)
            monkeypatch.setattr("sys.stdin", file)

        yield put


@pytest.fixture
def lastgood(tmp_path):
    """Runs a real ``lastgood vault`` with bytes as its input and output."""

    def run(*arguments: object, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "webapp.cli", "vault", *map(str, arguments)],
            input=data,
            capture_output=True,
            env={**os.environ, "LASTGOOD_VAULT_PASSPHRASE": "pw", "HOME": str(tmp_path)},
        )

    return run


def test_what_comes_by_a_pipe_goes_back_into_one(lastgood, tmp_path):
    place = tmp_path / "vault"
    assert lastgood("init", place).returncode == 0

    made = lastgood("backup", place, "--stdin", "--stdin-filename", "dumps/shop.sql", data=DUMP)
    back = lastgood("dump", place, "latest", "/dumps/shop.sql")

    assert made.returncode == 0, made.stderr
    assert b":/dumps/shop.sql" in made.stdout
    assert (back.returncode, back.stdout) == (0, DUMP)


def test_a_stream_lies_in_the_folders_of_its_name(vault, place, piped):
    piped(b"content")

    made = vault("backup", place, "--stdin", "--stdin-filename", "/a/b.sql", "--json").data

    assert (made["files"], made["bytes"], made["bytes_read"]) == (1, 7, 7)
    assert paths_in(vault, place) == {"/a", "/a/b.sql"}


def test_the_output_of_a_command_is_kept_if_it_ends_well(vault, place):
    program = f"import sys; sys.stdout.write({'x' * 100!r})"

    made = vault(
        *("backup", place, "--stdin-from-command", "--stdin-filename", "x.txt", "--json"),
        *("--", sys.executable, "-c", program),
    )

    assert (made.code, made.data["bytes"]) == (0, 100)


def test_a_command_that_fails_at_its_end_leaves_no_snapshot(vault, place):
    program = "import sys; sys.stdout.write('x' * 3_000_000); sys.stdout.flush(); sys.exit(3)"

    ended = vault("backup", place, "--stdin-from-command", "--", sys.executable, "-c", program)

    assert ended.code == 1
    assert "ended with code 3, so nothing was kept." in ended.err
    assert vault("snapshots", place, "--json").data == []


def test_a_command_that_is_not_there_is_said(vault, place):
    ended = vault("backup", place, "--stdin-from-command", "--", "/no/such/program")

    assert ended.code == 1
    assert "/no/such/program cannot be run: No such file or directory." in ended.err


@pytest.mark.parametrize(
    "words",
    [
        ["--stdin", "/etc"],
        ["--stdin", "--stdin-from-command", "--", "ls"],
        ["--stdin-from-command"],
        ["--stdin", "--files-from", "-"],
    ],
)
def test_a_stream_is_a_snapshot_of_its_own(vault, place, words):
    ended = vault("backup", place, *words)

    assert ended.code == 2
    assert "A stream is a snapshot of its own." in ended.err


@pytest.mark.parametrize("name", ["", "/", "../x", "a/../b"])
def test_a_name_that_could_not_be_restored_is_refused(vault, place, name):
    with pytest.raises(Invalid):
        assert Stream(name=name).path
    assert vault("backup", place, "--stdin", "--stdin-filename", name).code == 2


def test_a_stream_is_read_once_and_its_command_is_ended():
    source = StreamSource(Stream(name="x", command=("sleep", "600")))
    entry = list(source.entries())[-1]
    output = source.open(entry)

    with pytest.raises(ConnectorError):
        source.open(entry)
    source.close()

    assert output._child.returncode < 0


def test_only_a_file_is_dumped(vault, place, tmp_path):
    (tmp_path / "sub").mkdir()
    vault("backup", place, tmp_path / "sub")

    folder = vault("dump", place, "latest", tmp_path / "sub")
    none = vault("dump", place, "latest", "/none")

    assert folder.code == 2
    assert "lastgood vault export" in folder.err
    assert none.code == 1
    assert "holds no /none" in none.err
