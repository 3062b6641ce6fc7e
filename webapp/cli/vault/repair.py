"""``lastgood vault repair``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from webapp.cli.framework import EXIT, Console, prints_data
from webapp.cli.vault.options import opens_vault
from webapp.cli.vault.progress import may_be_quiet, shown
from webapp.cli.vault.verify import error_lines
from webapp.formatting import number
from webapp.standalone import checks
from webapp.standalone.checks import Mending
from webapp.standalone.vaults import Where

_MOST_LINES = 200


@click.command("repair")
@opens_vault
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be done.")
@click.option(
    "--from",
    "sources",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    metavar="PATH",
    help="Files or folders that may still hold what is lost; may be given again.",
)
@click.option(
    "--give-up",
    multiple=True,
    metavar="OBJECT",
    help="Remove this object, which verify calls damaged and nothing mends; may be given again.",
)
@may_be_quiet
@prints_data
def repair(
    where: Where,
    *,
    dry_run: bool,
    sources: tuple[Path, ...],
    give_up: tuple[str, ...],
    console: Console,
) -> int:
    """Read all of VAULT, mend what can be mended, and say exactly what is lost.

    What is sound is kept, nothing is removed but copies and hints that cannot be read, and no
    snapshot is changed. With --from, lost data is looked for in files as they are now.

    A snapshot's root, or a log of what is forgotten or held, that cannot be read stops prune and
    forget. If you have no sound copy of that object, --give-up removes it, for good.

    Ends with 1 if something is lost or could not be mended.

    Example: lastgood vault repair /mnt/backup --from /srv/web
    """
    paths = tuple(path.absolute() for path in sources)
    mending = Mending(is_dry=dry_run, sources=paths, give_up=give_up)
    with shown("repair") as tell:
        found = checks.repair(where, mending, tell=tell)
    console.data(found, lambda: list(_lines(found)), matters=not found["ok"])
    return EXIT.DONE if found["ok"] else EXIT.FAILED


def _lines(found: dict[str, Any]) -> Iterator[str]:
    if not found["found"] and not found["actions"]:
        yield "Nothing is wrong, nothing was done."
        return
    if found["dry_run"]:
        for error in found["found"]:
            yield from error_lines(error)
    would = "would be " if found["dry_run"] else ""
    for action in found["actions"]:
        yield f"{would}mended: {action['object']}: {action['action']}"
    yield from found["notes"]
    yield from _losses(found)
    for error in found["left"]:
        yield f"left: {error['object']}: {error['problem']}"
        if error["can_be_given_up"]:
            words = "if you have no sound copy: lastgood vault repair VAULT --give-up"
            yield f"  {words} {error['object']}"
    if found["ok"]:
        gave_up = any("given up" in action["action"] for action in found["actions"])
        yield "Everything was mended; nothing " + ("else is lost." if gave_up else "is lost.")


def _losses(found: dict[str, Any]) -> Iterator[str]:
    for one in found["lost"][:_MOST_LINES]:
        spans = ", ".join(f"{start}-{end}" for start, end in one["ranges"])
        where = f"{one['snapshot'][:8]} ({one['source']})"
        yield f"lost: {where}: {one['path']}" + (f": bytes {spans}" if spans else "")
    more = found["lost_count"] - min(len(found["lost"]), _MOST_LINES)
    if more:
        yield f"and {number(more)} more; --json lists them"
    if found["lost"]:
        yield "The next backup stores again what its source still has."


COMMAND = repair
