"""Commands are imported only when they are used."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from importlib import import_module

from webapp import cli


def test_every_command_of_every_module_is_listed():
    found = {
        command.name: module.name
        for module in pkgutil.iter_modules(cli.__path__)
        if module.name != "__main__"
        for command in getattr(import_module(f"webapp.cli.{module.name}"), "COMMANDS", ())
    }

    assert found == cli.NOUNS


def test_importing_the_package_brings_neither_web_nor_database():
    program = "import sys, webapp, webapp.cli, webapp.vault; print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()

    assert {"flask", "sqlalchemy", "huey", "boto3"} & set(loaded) == set()
