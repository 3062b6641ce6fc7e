"""``lastgood vault snapshots``."""

from __future__ import annotations

from typing import Any

import click

from webapp.cli.framework import Console, prints_data
from webapp.cli.vault.options import opens_vault
from webapp.formatting import size
from webapp.standalone import listing
from webapp.standalone.vaults import Where


@click.command("snapshots")
@opens_vault
@click.option("--source", metavar="NAME", help="Only this source's.")
@prints_data
def snapshots(where: Where, source: str | None, console: Console) -> None:
    """List the snapshots in VAULT, newest first. The first 8 digits of an id are enough elsewhere.

    Example: lastgood vault snapshots /mnt/backup
    """
    found = listing.snapshots(where, source=source)
    console.data(found, lambda: [_line(one) for one in found])


def _line(one: dict[str, Any]) -> str:
    when = one["time"][:19].replace("T", " ")
    return f"{one['id'][:8]}  {when}  {one['files']:>9,}  {size(one['bytes']):>8}  {one['source']}"


COMMAND = snapshots
