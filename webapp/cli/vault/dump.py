"""``lastgood vault dump``."""

from __future__ import annotations

import click

from webapp.cli.vault.options import opens_vault
from webapp.standalone import dumping
from webapp.standalone.vaults import Where


@click.command("dump")
@opens_vault
@click.argument("snapshot")
@click.argument("path")
def dump(where: Where, snapshot: str, *, path: str) -> None:
    """Write the file PATH of SNAPSHOT (its id, or latest) to stdout.

    Example: lastgood vault dump /mnt/backup latest /dumps/shop.sql | mysql shop
    """
    dumping.dump(where, snapshot, path)


COMMAND = dump
