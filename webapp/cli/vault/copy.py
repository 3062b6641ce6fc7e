"""``lastgood vault copy``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from webapp.cli.framework import EXIT, Console, prints_data
from webapp.cli.vault.options import opens_vault, place
from webapp.cli.vault.passphrases import passphrase_from
from webapp.cli.vault.progress import may_be_quiet, shown
from webapp.formatting import number, size
from webapp.standalone import copying
from webapp.standalone.vaults import Where

TO_VARIABLE = "LASTGOOD_VAULT_TO_PASSPHRASE"


@click.command("copy")
@opens_vault
@click.argument("second")
@click.option("--snapshot", "snapshots", multiple=True, metavar="ID", help="Only this one.")
@click.option("--source", metavar="NAME", help="Only this source's snapshots.")
@click.option("--verify", is_flag=True, help="Read back what was carried over, before it counts.")
@click.option(
    "--to-passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help=f"Read the passphrase of SECOND from FILE; else {TO_VARIABLE} holds it.",
)
@may_be_quiet
@prints_data
def copy(where: Where, second: str, *, console: Console, **options: Any) -> None:
    """Copy snapshots from VAULT into the vault SECOND, all or those that are named.

    SECOND is a vault of its own, with another key (lastgood vault init makes it), another place
    and its own rules for keeping. What is there already is not copied again; a copy that was
    stopped goes on where it was. Tags, pins and holds come along, also those given or taken back
    since the last copy; but a hold that was released in VAULT goes on in SECOND until it is
    released there.

    Example: lastgood vault copy /mnt/backup s3://offsite/backup
    """
    file = options.pop("to_passphrase_file")
    given = passphrase_from(file, variable=TO_VARIABLE, option="--to-passphrase-file")
    target = place(second, given, cache_dir=where.cache_dir)
    with shown("copy") as tell:
        done = copying.copy(where, target, tell=tell, **options)
    console.data(done, lambda: list(_lines(done)), matters=bool(done["failed"]))
    for one in done["failed"]:  # type: ignore[attr-defined]
        console.say(f"lastgood: not copied: {one['snapshot'][:8]}: {one['problem']}")
    if done["failed"]:
        click.get_current_context().exit(EXIT.PARTIAL)


def _lines(done: dict[str, Any]) -> Iterator[str]:
    for one in done["copied"]:
        yield f"{one['from'][:8]} is {one['to'][:8]} there  {one['source']}"
    if done["labels"]:
        yield f"{number(done['labels'])} changes of tags, pins and holds brought along."
    yield from done["notes"]
    yield (
        f"{len(done['copied'])} copied, {done['present']} there already; "
        f"{size(done['bytes_read'])} read, {size(done['bytes_stored'])} stored."
    )


COMMAND = copy
