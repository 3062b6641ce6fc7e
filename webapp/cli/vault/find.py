"""``lastgood vault find``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from webapp.cli.framework import EXIT, Console, prints_data
from webapp.cli.vault.options import opens_vault
from webapp.cli.vault.progress import shown
from webapp.cli.vault.words import counted
from webapp.formatting import size
from webapp.standalone import history
from webapp.standalone.vaults import Where


@click.command("find")
@opens_vault
@click.argument("pattern")
@click.option("--source", metavar="NAME", help="Only in this source's snapshots.")
@click.option("-i", "--ignore-case", is_flag=True, help="Capital and small letters are the same.")
@prints_data
def find(
    where: Where, pattern: str, *, source: str | None, ignore_case: bool, console: Console
) -> None:
    """Tell when each path that matches PATTERN appeared, changed and vanished, in all snapshots.

    A PATTERN without / is of names in any folder; one that begins with / is of whole paths. ``*``
    and ``?`` stay within a name, ``**`` goes across folders.

    Example: lastgood vault find /mnt/backup '/srv/**/*.php'
    """
    with shown("find") as tell:
        found = history.find(where, pattern, source=source, ignore_case=ignore_case, tell=tell)
    console.data(found, lambda: list(_lines(found)))
    for problem in found["problems"]:  # type: ignore[attr-defined]
        console.say(f"lastgood: not searched: {problem}")
    if found["problems"]:
        click.get_current_context().exit(EXIT.PARTIAL)


def _lines(found: dict[str, Any]) -> Iterator[str]:
    for path in found["paths"]:
        yield f"{path['path']}  ({path['source']})"
        for event in path["events"]:
            when = event["time"][:19].replace("T", " ")
            state = "" if event["version"] is None else _state(path["versions"][event["version"]])
            yield f"  {when}  {event['snapshot'][:8]}  {event['what']:<8}{state}"
    paths, searched = counted(len(found["paths"]), "path"), counted(found["searched"], "snapshot")
    yield f"{paths} in {searched}."


def _state(version: dict[str, Any]) -> str:
    kept = len(version["snapshots"])
    what = size(version["size"]) if version["kind"] == "file" else version["kind"]
    digest = f"  {version['digest'][:12]}" if version["digest"] else ""
    return f"  {what:>8}{digest}  in {kept} snapshot{'s' if kept > 1 else ''}"


COMMAND = find
