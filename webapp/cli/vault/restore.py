"""``lastgood vault restore``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from webapp.cli.framework import EXIT, Console, harmless, prints_data
from webapp.cli.vault.options import opens_vault
from webapp.cli.vault.progress import may_be_quiet, shown
from webapp.cli.vault.words import some
from webapp.formatting import length, number, size
from webapp.standalone.restoring import Wish
from webapp.standalone.restoring import restore as restore_it
from webapp.standalone.vaults import Where

_SIGNS = {"create": "+", "update": "~", "blocked": "!"}


@click.command("restore")
@opens_vault
@click.argument("snapshot")
@click.option(
    "-t",
    "--target",
    "folder",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Write below this folder, each path in full; made if it is not there.",
)
@click.option(
    "-i",
    "--include",
    multiple=True,
    metavar="PATH",
    help="Only this, with all below it; as vault ls shows it; may be given again.",
)
@click.option(
    "--from",
    "start",
    metavar="PATH",
    help="Write what is in PATH straight into DIR, without the folders above it.",
)
@click.option("--source", metavar="NAME", help="Whose newest snapshot latest means.")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@click.option("-v", "--verbose", is_flag=True, help="Name each entry that is created or updated.")
@click.option(
    "--paranoid",
    is_flag=True,
    help="Compare files by content, not by time; read again what was written.",
)
@click.option(
    "--owners",
    type=click.Choice(["id", "name"]),
    default="id",
    show_default=True,
    help="How to find the owners of files on this machine.",
)
@may_be_quiet
@prints_data
def restore(where: Where, console: Console, *, owners: str, **wishes: Any) -> int:
    """Write SNAPSHOT (its id, or latest), or a part of it, into a folder.

    Files that are right already are left alone, and nothing that the snapshot lacks is removed.
    Stopped at any moment and started again, it goes on. Ends with 3 if some entries could not be
    restored, or not with all that belongs to them: they are listed.

    Example: lastgood vault restore /mnt/backup latest --target / --include /home/anna
    """
    wish = Wish(by_name=owners == "name", **wishes)
    with shown("restore") as tell:
        done = restore_it(where, wish, tell=tell, show=_Shower().show)
    partial = bool(done["blocked"] or done["failed"])
    console.data(done, lambda: _lines(done, dry_run=wish.dry_run), matters=partial)
    return EXIT.PARTIAL if partial else EXIT.DONE


class _Shower:
    """A line for each entry that is told of; not for all that lie below a blocked folder."""

    def __init__(self) -> None:
        self._blocked = ""

    def show(self, step: str, path: str, why: str) -> None:
        if step == "blocked":
            if self._blocked and path.startswith(self._blocked + "/"):
                return
            self._blocked = path
        click.echo(harmless(f"{_SIGNS[step]} {path}{'  ' + why if why else ''}"), err=True)


def _lines(done: dict[str, Any], *, dry_run: bool) -> list[str]:
    would = "would be " if dry_run else ""
    found = [
        f"{number(done['created'])} {would}created, {number(done['updated'])} {would}updated, "
        f"{number(done['unchanged'])} right already"
    ]
    if dry_run:
        found.append(f"{size(done['bytes_written'])} would be written; nothing was changed.")
    else:
        found.append(
            f"wrote {size(done['bytes_written'])}, fetched {size(done['bytes_fetched'])} "
            f"in {length(done['seconds'])}"
        )
    failed = [one for one in done["problems"] if one["outcome"] == "failed"]
    found += some((f"! {one['path']}  {one['message']}" for one in failed), done["failed"])
    if done["blocked"] or done["failed"]:
        found.append(f"{number(done['blocked'])} blocked, {number(done['failed'])} failed.")
    return found


COMMAND = restore
