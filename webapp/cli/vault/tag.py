"""``lastgood vault tag``."""

from __future__ import annotations

import click

from webapp.cli.framework import Console, prints_data
from webapp.cli.vault.labels import lines
from webapp.cli.vault.options import opens_vault
from webapp.standalone import retention
from webapp.standalone.vaults import Where


@click.command("tag")
@opens_vault
@click.argument("snapshot")
@click.argument("tags", nargs=-1, metavar="[TAG]…")
@click.option("--remove", multiple=True, metavar="TAG", help="Take one away; may be given again.")
@prints_data
def tag(
    where: Where,
    *,
    snapshot: str,
    tags: tuple[str, ...],
    remove: tuple[str, ...],
    console: Console,
) -> None:
    """Give a SNAPSHOT of VAULT tags, and show what it has. A tag that its backup gave it stays.

    Example: lastgood vault tag /mnt/backup latest before-upgrade
    """
    found = retention.tag(where, snapshot, add=tags, remove=remove)
    console.data(found, lambda: lines(found))


COMMAND = tag
