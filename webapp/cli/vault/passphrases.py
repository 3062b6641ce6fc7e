"""Where a passphrase comes from: a file, a command, the environment, or a person's keyboard."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import NamedTuple

import click

VARIABLE = "LASTGOOD_VAULT_PASSPHRASE"


class Given(NamedTuple):
    """A passphrase, and where it came from in words."""

    text: str
    origin: str


def passphrase_from(
    file: Path | None,
    *,
    command: str | None = None,
    variable: str = VARIABLE,
    option: str = "--passphrase-file",
    confirm: bool = False,
) -> Given:
    """The passphrase: from *file* or *command*, else the variable, else what its ``…_FILE`` or
    ``…_COMMAND`` names, else typed on the terminal.

    Raises:
        UsageError: there is none, or it is empty.
    """
    if file is not None and command is not None:
        raise click.UsageError(f"Give {option} or --passphrase-command, not both.")
    found = _named(file, command) or _from_environment(variable)
    if found is None and sys.stdin.isatty():
        found = Given(_typed(confirm), "what was typed")
    if found is None:
        raise click.UsageError(f"Give the passphrase in {variable} or by {option} FILE.")
    if not found.text:
        raise click.UsageError(f"There is no passphrase in {found.origin}.")
    return found


def _from_environment(variable: str) -> Given | None:
    if variable in os.environ:
        return Given(os.environ[variable], variable)
    file, command = (os.environ.get(f"{variable}_{end}") for end in ("FILE", "COMMAND"))
    return _named(Path(file) if file else None, command)


def _named(file: Path | None, command: str | None) -> Given | None:
    if file is not None:
        return Given(_first_line(file), "stdin" if str(file) == "-" else f"the file {file}")
    if command:
        return Given(_said_by(command), f"what this command says: {command}")
    return None


def _typed(confirm: bool) -> str:
    return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True))


def _first_line(file: Path) -> str:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise click.UsageError(f"{file} is not UTF-8 text.") from None
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}.") from None
    return _line(text)


def _said_by(command: str) -> str:
    """The first line that *command* prints; it may ask on the terminal."""
    import subprocess

    try:
        done = subprocess.run(shlex.split(command), stdout=subprocess.PIPE, check=True)  # noqa: S603
        return _line(done.stdout.decode())
    except subprocess.CalledProcessError as error:
        problem = f"It ended with code {error.returncode}."
    except (OSError, ValueError) as error:
        problem = f"{error}."
    raise click.UsageError(f"No passphrase came from the command {command!r}. {problem}")


def _line(text: str) -> str:
    return text.split("\n", 1)[0].removesuffix("\r")
