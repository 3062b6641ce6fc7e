"""``lastgood vault hold``."""

from __future__ import annotations

from datetime import datetime

import click

from webapp.cli.framework import Console, prints_data
from webapp.cli.vault.labels import lines
from webapp.cli.vault.options import opens_vault
from webapp.cli.vault.quantities import Day
from webapp.standalone import retention
from webapp.standalone.vaults import Where


@click.command("hold")
@opens_vault
@click.argument("snapshot")
@click.option("--reason", default="", metavar="TEXT", help="Why; shown wherever it keeps.")
@click.option("--until", type=Day(), metavar="DAY", help="To the end of 2027-01-31; else for ever.")
@click.option("--release", is_flag=True, help="End all holds of SNAPSHOT.")
@prints_data
def hold(
    where: Where,
    *,
    snapshot: str,
    reason: str,
    until: datetime | None,
    release: bool,
    console: Console,
) -> None:
    """Hold a SNAPSHOT of VAULT: it cannot be forgotten before the hold ends or is released.

    Example: lastgood vault hold /mnt/backup 3f2a9c10 --reason "case 12/26" --until 2027-01-31
    """
    if release is bool(reason):
        raise click.UsageError("Give --reason with why it must stay, or --release.")
    if release:
        found = retention.release(where, snapshot)
    else:
        found = retention.hold(where, snapshot, reason=reason, until=until)
    console.data(found, lambda: lines(found))


COMMAND = hold
