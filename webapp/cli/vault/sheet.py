"""``lastgood vault sheet``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from webapp.cli.framework import Console, prints_data
from webapp.cli.vault.options import opens_vault
from webapp.standalone import sheets
from webapp.standalone.vaults import Where

_WRITERS = {".html": sheets.as_html, ".htm": sheets.as_html, ".txt": sheets.as_text}


@click.command("sheet")
@opens_vault
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write it to FILE, ending in .html (to print) or .txt; else as text on stdout.",
)
@prints_data
def sheet(where: Where, output: Path | None, console: Console) -> None:
    """Make the recovery sheet: the key, locked with its passphrase, to print and keep elsewhere.

    Example: lastgood vault sheet /mnt/backup --output sheet.html
    """
    if output is not None and output.suffix.lower() not in _WRITERS:
        raise click.UsageError("FILE must end in .html or .txt; print the first to get a PDF.")
    made = sheets.make(where)
    if output is not None:
        write(output, _WRITERS[output.suffix.lower()](made))
    facts = {
        "vault_id": made.vault_id,
        "key": made.slot_id,
        "fingerprint": made.check,
        "file": str(output) if output else None,
        "code": made.code,
    }
    lines = sheets.as_text(made).splitlines() if output is None else [f"Wrote {output}."]
    console.data(facts, lambda: lines)


def write(path: Path, text: str) -> None:
    """For the owner's eyes only; an existing file is not overwritten."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise click.UsageError(f"{path} exists already.") from None
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}.") from None
    with os.fdopen(file, "w", encoding="utf-8") as sheet:
        sheet.write(text)


COMMAND = sheet
