"""``lastgood vault ls``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from webapp.cli.framework import Console, prints_data
from webapp.cli.vault.options import opens_vault
from webapp.standalone import listing
from webapp.standalone.vaults import Where

_LETTERS = {"file": "-", "folder": "d", "symlink": "l", "fifo": "p", "character": "c", "block": "b"}


@click.command("ls")
@opens_vault
@click.argument("snapshot")
@click.argument("path", default="")
@click.option("-R", "--recursive", is_flag=True, help="Also all that lies deeper.")
@prints_data
def ls(where: Where, snapshot: str, *, path: str, recursive: bool, console: Console) -> None:
    """List what SNAPSHOT (its id, or latest) holds, at the top or in PATH: kind and mode, owner,
    bytes, time of change (UTC), path.

    Example: lastgood vault ls /mnt/backup latest /home/anna
    """
    rows = listing.entries(where, snapshot, path=path, recursive=recursive)
    console.each(rows, _line)


def _line(row: dict[str, Any]) -> str:
    owner = f"{row['user'] or row['uid']}:{row['group'] or row['gid']}"
    target = f" -> {row['link_target']}" if row["kind"] == "symlink" else ""
    letter = _LETTERS[row["kind"]]
    facts = f"{letter}{row['mode']}  {owner:<13}  {row['size']:>13,}  {_when(row['mtime_ns'])}"
    return f"{facts}  {row['path']}{target}"


def _when(at_ns: int) -> str:
    try:
        return f"{datetime.fromtimestamp(at_ns // 10**9, UTC):%Y-%m-%d %H:%M}"
    except (OverflowError, ValueError, OSError):
        return "no sensible time"


COMMAND = ls
