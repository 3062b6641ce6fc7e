"""Options that all verbs share, and where their values come from."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from webapp.standalone.vaults import Where

VARIABLE = "LASTGOOD_VAULT_PASSPHRASE"
_FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)


def opens_vault(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add VAULT, ``--passphrase-file`` and ``--cache-dir``; hand the verb a ``where``."""
    return _with_vault(function, confirm=False)


def makes_vault(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same for a vault that is made now: a passphrase that is typed is typed twice."""
    return _with_vault(function, confirm=True)


def _with_vault(function: Callable[..., Any], *, confirm: bool) -> Callable[..., Any]:
    @click.argument("address", metavar="VAULT")
    @click.option(
        "--passphrase-file",
        type=_FILE,
        metavar="FILE",
        help=f"Read the passphrase from the first line of FILE; else {VARIABLE} holds it.",
    )
    @click.option(
        "--cache-dir",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="Keep copies of the index here; safe to delete.",
    )
    @wraps(function)
    def opening(
        *arguments: Any,
        address: str,
        passphrase_file: Path | None,
        cache_dir: Path | None,
        **options: Any,
    ) -> Any:
        where = place(address, passphrase_file, cache_dir=cache_dir, confirm=confirm)
        return function(*arguments, where=where, **options)

    return opening


def place(
    address: str,
    passphrase_file: Path | None,
    *,
    cache_dir: Path | None = None,
    confirm: bool = False,
) -> Where:
    """The vault that a person named; asks for the passphrase as a last resort."""
    from webapp.standalone.vaults import Where

    return Where(
        address=address,
        passphrase=passphrase_from(passphrase_file, confirm=confirm),
        cache_dir=cache_dir or default_cache_dir(),
    )


def passphrase_from(
    file: Path | None,
    *,
    variable: str = VARIABLE,
    option: str = "--passphrase-file",
    confirm: bool = False,
) -> str:
    """The passphrase: from *file*, else the variable, else the file that its ``…_FILE`` names,
    else typed on the terminal.

    Raises:
        UsageError: there is none, or it is empty.
    """
    named = os.environ.get(f"{variable}_FILE")
    if file is None and variable not in os.environ and named:
        file = Path(named)
    if file is not None:
        found, origin = _first_line(file), str(file)
    elif variable in os.environ:
        found, origin = os.environ[variable], variable
    elif sys.stdin.isatty():
        found, origin = _typed(confirm), "What was typed"
    else:
        raise click.UsageError(f"Give the passphrase in {variable} or by {option} FILE.")
    if not found:
        raise click.UsageError(f"{origin} holds no passphrase.")
    return found


def _typed(confirm: bool) -> str:
    return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True))


def _first_line(file: Path) -> str:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise click.UsageError(f"{file} is not UTF-8 text.") from None
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}.") from None
    return text.split("\n", 1)[0].removesuffix("\r")


def default_cache_dir() -> Path:
    """The person's cache folder; it has nothing to do with the console's data folder."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    folder = Path(base) if base.startswith("/") else Path("~/.cache").expanduser()
    return folder / "lastgood" / "vaults"
