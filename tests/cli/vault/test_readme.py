"""The examples of the README and of the guide are pasted and work."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def shell(tmp_path):
    """Runs what is pasted into a shell in an empty folder, with ``lastgood`` and ``python``."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, called in (("lastgood", "-m webapp.cli"), ("python", "")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} {called} "$@"\n')
        program.chmod(0o755)
    folder = tmp_path / "folder"
    folder.mkdir()
    environ = {"HOME": str(tmp_path), "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin"}

    def run(pasted: str, *, flags: str = "-ex") -> subprocess.CompletedProcess[str]:
        words = ["sh", flags, "-c", pasted]
        return subprocess.run(words, cwd=folder, env=environ, capture_output=True, text=True)

    return run


@pytest.mark.slow
def test_the_examples_of_the_guide_work_when_pasted_one_after_another(shell, tmp_path):
    text = (ROOT / "docs" / "vault.md").read_text()
    found = re.findall(r"<!-- run by a test: (\w+) -->\n```\n(.*?)```", text, re.DOTALL)
    reader = ROOT / "docs" / "lastgood-reader.py"
    same = ("recovered/tree", "recovered-too")
    checks = [f'diff -r -x x.tmp letters "{one}$PWD/letters"' for one in same]

    done = shell("\n".join([f"cp {reader} .", *(pasted for _, pasted in found), *checks]))

    assert [name for name, _ in found] == ["start", "copy", "recovery"]
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "folder" / "letters" / "two.txt").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(("failing", "code"), [("", 0), ("backup", 3), ("verify", 12)])
def test_the_script_of_the_guide_goes_on_and_ends_with_the_worst_code(
    shell, tmp_path, failing, code
):
    text = (ROOT / "docs" / "vault.md").read_text()
    script = re.search(r"```sh\n(#!/bin/sh\n.*?)```", text, re.DOTALL)[1]
    stub = tmp_path / "bin" / "lastgood"
    stub.write_text(f'#!/bin/sh\necho "$@" >> ../said\n[ "$2" != "{failing}" ] || exit {code}\n')

    done = shell(script, flags="-x")
    said = (tmp_path / "said").read_text().splitlines()

    assert done.returncode == code
    assert [line.split()[:3] for line in said] == [
        ["vault", verb, "--quiet"] for verb in ("backup", "backup", "forget", "verify")
    ]


@pytest.mark.slow
def test_every_verb_and_option_of_the_guide_is_there():
    text = (ROOT / "docs" / "vault.md").read_text()
    lines = [
        line.partition("#")[0].split(" -- ")[0].split("|")[0]
        for block in re.findall(r"^```\w*\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
        for line in block.splitlines()
        if re.match(r"lastgood vault \w", line)
    ]

    assert len(lines) > 30
    for line in lines:
        words = line.split()[2:]
        command = import_module(f"webapp.cli.vault.{words[0]}").COMMAND
        if isinstance(command, click.Group):
            command = command.commands[words[1]]
        known = {name for param in command.params for name in param.opts}
        used = {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"}
        assert used <= known, line


@pytest.mark.slow
def test_the_example_of_the_vault_alone_works_when_pasted(tmp_path):
    text = (ROOT / "README.md").read_text()
    example = re.search(r"<!-- run by a test -->\n```\n(.*?)```", text, re.DOTALL)
    script = tmp_path / ".venv" / "bin" / "lastgood"
    script.parent.mkdir(parents=True)
    script.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m webapp.cli "$@"\n')
    script.chmod(0o755)
    (tmp_path / "README.md").write_text(text)
    environ = {"HOME": str(tmp_path), "PATH": "/usr/local/bin:/usr/bin:/bin"}

    done = subprocess.run(
        ["sh", "-e", "-x", "-c", example[1]],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert "the same" in done.stdout
    assert done.stdout.count("two.txt") >= 2
