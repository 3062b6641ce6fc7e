"""``lastgood vault backup``."""

from __future__ import annotations

from typing import Any

import click

from webapp.cli.framework import EXIT, Console, prints_data
from webapp.cli.vault.options import opens_vault
from webapp.cli.vault.progress import shown
from webapp.formatting import length, number, size
from webapp.standalone.backups import Wish, back_up
from webapp.standalone.vaults import Where


@click.command("backup")
@opens_vault
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@click.option("--source", default="", metavar="NAME", help="The source; default: host and paths.")
@click.option(
    "--exclude",
    multiple=True,
    metavar="PATTERN",
    help="Leave out, such as *.log or /home/*/.cache; may be given again.",
)
@click.option(
    "--parallel",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    metavar="N",
    help="Threads that compress and seal.",
)
@click.option(
    "--match",
    type=click.Choice(["full", "no-inode", "no-ctime"]),
    default="full",
    help="Compare files without inode numbers, or without ctime.",
)
@click.option("--paranoid", is_flag=True, help="Read every file, whatever its times say.")
@click.option("--reason", default="", metavar="TEXT", help="Kept with the snapshot.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="May be given again.")
@prints_data
def backup(where: Where, console: Console, **wishes: Any) -> int:
    """Back up files and folders into a new snapshot in VAULT.

    All paths become one snapshot, each under its full path. Unchanged files are not read again.
    Ends with 3 if something could not be read: it is listed, and the rest is safe.

    Example: lastgood vault backup /mnt/backup /etc /home --exclude /home/*/.cache
    """
    with shown("backup") as tell:
        made = back_up(where, Wish(**wishes), say=_say, tell=tell)
    console.data(made, lambda: _lines(made))
    return EXIT.PARTIAL if made["failed"] else EXIT.DONE  # fmt: skip


def _say(line: str) -> None:
    click.echo(f"lastgood: {line}", err=True)


def _lines(made: dict[str, Any]) -> list[str]:
    found = [
        f"Snapshot {made['snapshot_id'][:8]} of {made['source']}",
        f"{number(made['files'])} files ({number(made['new'])} new, {number(made['changed'])} "
        f"changed), {number(made['dirs'])} folders, {size(made['bytes'])}",
        f"read {size(made['bytes_read'])}, stored {size(made['bytes_stored'])} "
        f"in {length(made['seconds'])}",
    ]
    if made["failed"]:
        found.append(f"{number(made['failed'])} could not be read; see above.")
    return found


COMMAND = backup
