"""``lastgood vault diff``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from webapp.cli.framework import Console, harmless, prints_data
from webapp.cli.vault.options import opens_vault
from webapp.formatting import size
from webapp.standalone import history
from webapp.standalone.vaults import Where

_IMPLIED = {"digest", "size", "mtime_ns", "kind"}
_LETTERS = {"added": "+", "removed": "-", "content": "M", "metadata": "U", "kind": "T"}


@click.command("diff")
@opens_vault
@click.argument("old")
@click.argument("new")
@click.argument("path", default="")
@prints_data
def diff(where: Where, old: str, new: str, *, path: str, console: Console) -> None:
    """Show what differs between the snapshots OLD and NEW, everywhere or below PATH.

    + came, - went, M other content, U other rights, owner or time, T another kind of thing.

    Example: lastgood vault diff /mnt/backup 3fa9c01d latest /srv/web
    """
    found = history.diff(where, old, new, path=path)
    if console.as_json:
        _print_json(found)
        return
    for change in found.changes:
        click.echo(_line(change))
    for line in _totals(found.totals()):
        click.echo(line)


def _print_json(found: history.Diff) -> None:
    """One document, without ever holding all changes."""
    before = '{"changes": ['
    for change in found.changes:
        click.echo(before + json.dumps(change, ensure_ascii=False), nl=False)
        before = ",\n"
    end = "]" if before == ",\n" else before + "]"
    click.echo(f'{end}, "totals": {json.dumps(found.totals(), ensure_ascii=False)}}}')


def _line(change: dict[str, Any]) -> str:
    told = ", ".join(filter(None, _details(change)))
    return harmless(f"{_LETTERS[change['what']]} {change['path']}{f'  ({told})' if told else ''}")


def _details(change: dict[str, Any]) -> Iterator[str]:
    """What a person wants to know of a change; what they can take for granted is not said."""
    old, new = change["old"], change["new"]
    if old is None or new is None:
        one = old or new
        yield size(one["size"]) if one["kind"] == "file" else one["kind"]
    elif change["what"] == "kind":
        yield f"{old['kind']}, now {new['kind']}"
    elif change["what"] == "content":
        yield f"{size(old['size'])}, now {size(new['size'])}"
    for detail in change["details"]:
        if detail == "mode" and old and new:
            yield f"mode {old['mode']}, now {new['mode']}"
        elif detail not in _IMPLIED or change["what"] == "metadata":
            yield "time" if detail == "mtime_ns" else detail


def _totals(totals: dict[str, Any]) -> list[str]:
    moved = [f"moved: {one['from']} to {one['to']}" for one in totals["moves"]]
    return [
        *map(harmless, moved),
        f"{totals['added']:,} came ({size(totals['added_bytes'])}), "
        f"{totals['removed']:,} went ({size(totals['removed_bytes'])}), "
        f"{totals['content']:,} have other content ({size(totals['changed_bytes'])}), "
        f"{totals['metadata'] + totals['kind']:,} differ otherwise.",
    ]


COMMAND = diff
