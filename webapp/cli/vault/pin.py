"""``lastgood vault pin``."""

from __future__ import annotations

import click

from webapp.cli.framework import Console, prints_data
from webapp.cli.vault.labels import lines
from webapp.cli.vault.options import opens_vault
from webapp.standalone import retention
from webapp.standalone.vaults import Where


@click.command("pin")
@opens_vault
@click.argument("snapshot")
@click.option("--remove", is_flag=True, help="Rules decide about it again.")
@prints_data
def pin(where: Where, *, snapshot: str, remove: bool, console: Console) -> None:
    """Keep a SNAPSHOT of VAULT whatever the rules say.

    Example: lastgood vault pin /mnt/backup latest:www
    """
    found = retention.pin(where, snapshot, remove=remove)
    console.data(found, lambda: lines(found))


COMMAND = pin
