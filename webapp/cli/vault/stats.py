"""``lastgood vault stats``."""

from __future__ import annotations

from typing import Any

import click

from webapp.cli.framework import Console, prints_data
from webapp.cli.vault.options import opens_vault
from webapp.formatting import number, size
from webapp.standalone import stats as figures
from webapp.standalone.vaults import Where


@click.command("stats")
@opens_vault
@prints_data
def stats(where: Where, console: Console) -> None:
    """Show what VAULT holds: snapshots, sizes by kind of object, and how well it is packed.

    Example: lastgood vault stats /mnt/backup
    """
    found = figures.stats(where)
    console.data(found, lambda: _lines(found))


def _lines(found: dict[str, Any]) -> list[str]:
    lines = [
        f"Vault {found['vault_id'][:8]}: {number(found['snapshots'])} snapshots of "
        f"{number(found['sources'])} sources",
        f"stored {size(found['bytes_stored'])} in {number(found['objects'])} objects; "
        f"the snapshots together are {size(found['bytes_logical'])}, {found['ratio']} times that",
    ]
    return lines + [
        f"  {kind:<10} {number(sums['objects']):>9}  {size(sums['bytes']):>8}"
        for kind, sums in found["kinds"].items()
        if sums["objects"]
    ]


COMMAND = stats
