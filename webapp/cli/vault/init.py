"""``lastgood vault init``."""

from __future__ import annotations

import shlex

import click

from webapp.cli.framework import Console, prints_data
from webapp.cli.vault.options import makes_vault
from webapp.standalone import vaults


@click.command("init")
@makes_vault
@click.option(
    "--private-boundaries",
    is_flag=True,
    help="Cut files in a secret way, so that lengths tell less of what is stored.",
)
@prints_data
def init(where: vaults.Where, console: Console, *, private_boundaries: bool) -> None:
    """Make a new, empty vault at VAULT. Without its passphrase nobody can ever read it: keep it.

    Example: lastgood vault init /mnt/backup --passphrase-file ~/.vault-passphrase
    """
    vault_id = vaults.create(where, private_boundaries=private_boundaries)
    console.data(
        {"vault_id": vault_id, "address": where.address},
        lambda: [
            f"Made vault {vault_id[:8]} at {where.address}.",
            "Without the passphrase nobody can ever read it. Print the key, locked with it:",
            f"  lastgood vault sheet {shlex.quote(where.address)} --output sheet.html",
        ],
    )


COMMAND = init
