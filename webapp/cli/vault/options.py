"""Options that all verbs share, and where their values come from."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from webapp.cli.framework import Console
from webapp.cli.vault.passphrases import VARIABLE, passphrase_from

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from webapp.cli.vault.passphrases import Given
    from webapp.standalone.vaults import Where

_FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)


def opens_vault(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add VAULT, the options of its passphrase and ``--cache-dir``; hand the verb a ``where``."""
    return _with_vault(function, confirm=False)


def makes_vault(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same for a vault that is made now: a passphrase that is typed is typed twice."""
    return _with_vault(function, confirm=True)


def _with_vault(function: Callable[..., Any], *, confirm: bool) -> Callable[..., Any]:
    @click.argument("address", metavar="VAULT", shell_complete=_folders)
    @click.option(
        "--passphrase-file",
        type=_FILE,
        metavar="FILE",
        help=f"Read the passphrase from the first line of FILE; else {VARIABLE} holds it.",
    )
    @click.option(
        "--passphrase-command",
        metavar="COMMAND",
        help="Run COMMAND, without a shell, and take the first line that it prints.",
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
        passphrase_command: str | None,
        cache_dir: Path | None,
        **options: Any,
    ) -> Any:
        given = passphrase_from(passphrase_file, command=passphrase_command, confirm=confirm)
        where = place(address, given, cache_dir=cache_dir or default_cache_dir())
        return function(*arguments, where=where, **options)

    return opening


def place(address: str, given: Given, *, cache_dir: Path | None) -> Where:
    """The vault that a person named."""
    from webapp.standalone.vaults import Where

    return Where(
        address=address,
        passphrase=given.text,
        origin=given.origin,
        cache_dir=cache_dir,
        mention=Console(as_json=False).mention,
    )


def _folders(
    context: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Let the shell complete the names of folders."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="dir")]


def default_cache_dir() -> Path:
    """The person's cache folder; it has nothing to do with the console's data folder."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    folder = Path(base) if base.startswith("/") else Path("~/.cache").expanduser()
    return folder / "lastgood" / "vaults"
