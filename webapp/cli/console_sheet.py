"""``lastgood console sheet``."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from webapp import clock
from webapp.cli.framework import Console, actor_for, in_app, prints_data
from webapp.cli.vault.sheet import write
from webapp.services import console_sheets
from webapp.services.console_sheets import ConsoleSheet
from webapp.standalone import paper
from webapp.standalone.paper import Paper

_WRITERS = {".html": paper.as_html, ".htm": paper.as_html, ".txt": paper.as_text}
_ABOUT = (
    "This sheet holds the master key of the console, in clear. Who has it and a backup of the "
    "console, or a copy of a tenant's vault, can read everything. Keep it locked away, apart from "
    "the vaults and from the passphrase of the console's backup. A backup of the console never "
    "holds this key: without it nothing that is backed up can be read again."
)
_GROUPS_A_LINE = 4


@click.command("sheet")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write it to FILE, ending in .html (to print) or .txt; else as text on stdout.",
)
@in_app
@prints_data
def sheet(output: Path | None, console: Console) -> None:
    """Make the recovery sheet of the console: its master key, to print and keep elsewhere.

    That it was taken is in the audit log.

    Example: lastgood console sheet --output sheet.html
    """
    if output is not None and output.suffix.lower() not in _WRITERS:
        raise click.UsageError("FILE must end in .html or .txt; print the first to get a PDF.")
    made = console_sheets.take(actor_for(None), at=clock.now())
    printed = _paper(made)
    if output is not None:
        write(output, _WRITERS[output.suffix.lower()](printed))
    facts = {
        "fingerprint": made.fingerprint,
        "check": made.check,
        "file": str(output) if output else None,
        "code": None if output else made.code,
    }
    lines = paper.as_text(printed).splitlines() if output is None else [f"Wrote {output}."]
    console.data(facts, lambda: lines)


def _paper(made: ConsoleSheet) -> Paper:
    facts = [("Fingerprint", made.fingerprint), ("Check", made.check)]
    if made.address:
        facts.append(("Backup in", made.address))
    facts.append(("Printed", f"{made.made_at:%Y-%m-%d %H:%M} UTC"))
    return Paper(
        title="Lastgood recovery sheet of the console",
        facts=facts,
        about=_ABOUT,
        steps=_steps(made.address),
        code=made.code,
        block="".join(f"{line}\n" for line in _lines(made.groups)),
    )


def _lines(groups: list[str]) -> list[str]:
    starts = range(0, len(groups), _GROUPS_A_LINE)
    return [" ".join(groups[at : at + _GROUPS_A_LINE]) for at in starts]


def _steps(address: str) -> list[str]:
    vault = shlex.quote(address) if address else "VAULT"
    return [
        "Install Lastgood on an empty machine, and have the passphrase of the console's backup at "
        "hand. Type the digits above when the master key is asked for.",
        f"    lastgood console restore {vault} --into /var/lib/lastgood",
        "Put the tenants' vaults back where the command says, then start.",
        "    LASTGOOD_HOME=/var/lib/lastgood lastgood init",
        "    LASTGOOD_HOME=/var/lib/lastgood lastgood serve",
    ]
