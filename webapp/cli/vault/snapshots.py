"""``lastgood vault snapshots``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from webapp.cli.framework import Console, prints_data
from webapp.cli.vault.labels import marks
from webapp.cli.vault.options import opens_vault
from webapp.cli.vault.words import counted
from webapp.formatting import size
from webapp.standalone import listing
from webapp.standalone.vaults import Where

_HEAD = f"{'ID':<8}  {'Time (UTC)':<16}  {'Files':>9}  {'Size':>7}  Source"


@click.command("snapshots")
@opens_vault
@click.option("--source", metavar="NAME", help="Only this source's.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only those with all of these.")
@click.option("-n", "--last", type=click.IntRange(min=1), metavar="N", help="Only the N newest.")
@prints_data
def snapshots(
    where: Where,
    *,
    source: str | None,
    tags: tuple[str, ...],
    last: int | None,
    console: Console,
) -> None:
    """List the snapshots in VAULT, newest first, with tags, pins and holds. The first 8 digits of
    an id are enough elsewhere.

    Example: lastgood vault snapshots /mnt/backup --source www -n 10
    """
    found = listing.snapshots(where, source=source, tags=tags, last=last)
    console.data(found, lambda: list(_lines(found)))


def _lines(found: list[dict[str, Any]]) -> Iterator[str]:
    if found:
        yield _HEAD
        yield from map(_line, found)
    yield counted(len(found), "snapshot")


def _line(one: dict[str, Any]) -> str:
    when = one["time"][:16].replace("T", " ")
    told = "".join(f"  {mark}" for mark in marks(one))
    facts = f"{one['id'][:8]}  {when}  {one['files']:>9,}  {size(one['bytes']):>7}"
    return f"{facts}  {one['source']}{told}"


COMMAND = snapshots
