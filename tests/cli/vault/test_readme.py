"""The example of the README is pasted and works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


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
