"""``lastgood vault prune``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from webapp.cli.framework import Console, prints_data
from webapp.cli.vault.options import opens_vault
from webapp.cli.vault.progress import may_be_quiet, shown
from webapp.cli.vault.quantities import Days, Size
from webapp.formatting import number, size
from webapp.standalone import pruning
from webapp.standalone.pruning import Wish
from webapp.standalone.vaults import Where


@click.command("prune")
@opens_vault
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be done.")
@click.option(
    "--grace",
    type=Days(),
    default="7d",
    show_default=True,
    metavar="DAYS",
    help="How long what is given up stays for readers that still use it, and what an unfinished "
    "backup has stored waits for it to go on.",
)
@click.option(
    "--undo-for",
    type=Days(),
    default="7d",
    show_default=True,
    metavar="DAYS",
    help="How long forgotten snapshots can be brought back; 0d removes them now, for good.",
)
@click.option("--max-repack", type=Size(), metavar="SIZE", help="Rewrite at most 10G, 500M, …")
@click.option("--more-than-half", is_flag=True, help="It may give up more than half of the vault.")
@click.option("--trust-clock", is_flag=True, help="The vault's clock is right, if it seems ahead.")
@may_be_quiet
@prints_data
def prune(where: Where, *, console: Console, **wishes: Any) -> None:
    """Free the space in VAULT that no snapshot needs.

    Backups may run meanwhile, and other prunes. What is found worth it now is deleted by a run
    after the grace. It stops by itself if a snapshot cannot be read, or if more than half of the
    vault would go. Where credentials may not delete, it needs some that may. On an rclone
    remote whose lists may be behind only one prune runs at a time: a second is refused (11).

    Example: lastgood vault prune /mnt/backup --max-repack 20G
    """
    with shown("prune") as tell:
        done = pruning.prune(where, Wish(**wishes), tell=tell)
    console.data(done, lambda: list(_lines(done)), matters=bool(done["notes"]))


def _lines(done: dict[str, Any]) -> Iterator[str]:
    would = "would be " if done["dry_run"] else ""
    yield from done["notes"]
    if done["dropped"]:
        yield f"{len(done['dropped'])} forgotten snapshots {would}removed for good."
    if done["recoverable"]:
        yield _recoverable(done["recoverable"])
    yield f"{_packs(done, 'deleted')} {would}deleted."
    copied = (
        f"; {size(done['copied_bytes'])} of it {would}rewritten" if done["copied_bytes"] else ""
    )
    yield f"{_packs(done, 'condemned')} {would}given up, to be deleted after the grace{copied}."
    if done["waiting_packs"]:
        yield f"{_packs(done, 'waiting')} given up earlier wait for their grace to end."
    if done["unfinished_packs"]:
        yield f"{_packs(done, 'unfinished')} that unfinished backups have stored stay for these."
    yield f"{size(done['live_bytes'])} of {size(done['total_bytes'])} are needed."


def _recoverable(found: list[dict[str, Any]]) -> str:
    ends = [one["until"][:16].replace("T", " ") for one in found if one["until"]]
    words = f"until {ends[0]} UTC" if ends else "as long as they are held or pinned"
    if len(found) == 1:
        return f"1 forgotten snapshot can be brought back {words}."
    first = ", the first of them " if ends and ends[0] != ends[-1] else " "
    return f"{len(found)} forgotten snapshots can be brought back{first}{words}."


def _packs(done: dict[str, Any], what: str) -> str:
    return f"{number(done[f'{what}_packs'])} packs ({size(done[f'{what}_bytes'])})"


COMMAND = prune
