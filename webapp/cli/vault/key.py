"""``lastgood vault key``: a verb with verbs of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from webapp.cli.framework import Console, prints_data
from webapp.cli.vault.options import opens_vault
from webapp.cli.vault.passphrases import passphrase_from
from webapp.standalone import key_slots
from webapp.standalone.vaults import Where

NEW_VARIABLE = "LASTGOOD_VAULT_NEW_PASSPHRASE"
_FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)


@click.group("key")
def key() -> None:
    """List, add, remove and rotate what opens a vault, or destroy it.

    All keys open the same master key, which never changes. Example: lastgood vault key list VAULT
    """


def _takes_new(function: Callable[..., Any]) -> Callable[..., Any]:
    @click.option(
        "--new-passphrase-file",
        type=_FILE,
        metavar="FILE",
        help=f"Read the new passphrase from the first line of FILE; else {NEW_VARIABLE} holds it.",
    )
    @click.option("--label", default="", metavar="TEXT", help="What to call it in the list.")
    @wraps(function)
    def taking(*arguments: Any, new_passphrase_file: Path | None, **options: Any) -> Any:
        new = passphrase_from(
            new_passphrase_file,
            variable=NEW_VARIABLE,
            option="--new-passphrase-file",
            confirm=True,
        )
        return function(*arguments, new=new.text, **options)

    return taking


@key.command("list")
@opens_vault
@prints_data
def list_(where: Where, console: Console) -> None:
    """List the keys, oldest first; * marks the one that opened the vault now.

    Example: lastgood vault key list /mnt/backup
    """
    found = key_slots.listed(where)
    console.data(found, lambda: [_line(slot) for slot in found])


@key.command("add")
@opens_vault
@_takes_new
@prints_data
def add(where: Where, new: str, *, label: str, console: Console) -> None:
    """Add a passphrase. The others stay.

    Example: lastgood vault key add /mnt/backup --label office
    """
    slot = key_slots.add(where, new, label=label)
    console.data(slot, lambda: [f"Added key {str(slot['id'])[:8]}."])


@key.command("remove")
@opens_vault
@click.argument("slot")
@prints_data
def remove(where: Where, slot: str, console: Console) -> None:
    """Remove the key SLOT (the start of its id). The last one stays.

    Whoever kept a copy of the vault and knows the removed passphrase can still open that copy.

    Example: lastgood vault key remove /mnt/backup 3fa9c01d
    """
    removed = key_slots.remove(where, slot)
    console.data(removed, lambda: [f"Removed key {str(removed['id'])[:8]}."])


@key.command("rotate")
@opens_vault
@_takes_new
@prints_data
def rotate(where: Where, new: str, *, label: str, console: Console) -> None:
    """Exchange the passphrase that opens the vault now for another.

    The master key stays. To lock out somebody who may have kept a copy of the vault's keys, copy
    the snapshots into a new vault (lastgood vault copy) and destroy this one's keys.

    Example: lastgood vault key rotate /mnt/backup --new-passphrase-file new.txt
    """
    slot = key_slots.rotate(where, new, label=label)
    console.data(slot, lambda: [f"Key {str(slot['id'])[:8]} has replaced the old one."])


@key.command("destroy")
@opens_vault
@click.option("--confirm", required=True, metavar="ID", help="The vault's id, or 8 digits of it.")
@prints_data
def destroy(where: Where, confirm: str, console: Console) -> None:
    """Destroy all keys: nobody can ever read the vault again.

    Also destroy its recovery sheets, and old versions of keys/ that the storage may keep.

    Example: lastgood vault key destroy /mnt/backup --confirm 5d41402a
    """
    done = key_slots.destroy(where, confirm=confirm)
    console.data(done, lambda: [f"The keys of vault {str(done['vault_id'])[:8]} are destroyed."])


@key.command("restore")
@opens_vault
@click.argument("file", type=click.File("r", encoding="utf-8"))
@prints_data
def restore(where: Where, file: Any, console: Console) -> None:
    """Put a key back that FILE holds: the two lines of a recovery sheet, or what its code says.

    Example: lastgood vault key restore /mnt/backup sheet-lines.txt
    """
    slot = key_slots.put_back(where, file.read())
    console.data(slot, lambda: [f"Key {str(slot['id'])[:8]} is back, and opens the vault."])


def _line(slot: dict[str, Any]) -> str:
    made = (slot["created"] or "")[:19].replace("T", " ")
    mark = "*" if slot["current"] else " "
    spoilt = "" if slot["copies"] == 2 else f"  {slot['copies']} of 2 copies are sound"
    return f"{mark} {slot['id'][:8]}  {slot['kind']:<10}  {made:<19}  {slot['label']}{spoilt}"


COMMAND = key
