"""``lastgood vault forget``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import click

from webapp.cli.framework import Console, prints_data
from webapp.cli.vault.options import opens_vault
from webapp.cli.vault.progress import may_be_quiet
from webapp.cli.vault.quantities import Days
from webapp.cli.vault.words import moment
from webapp.standalone import retention
from webapp.standalone.retention import Rules, Wish
from webapp.standalone.vaults import Where

_COUNT = click.IntRange(min=0)
_SPANS = ("hourly", "daily", "weekly", "monthly", "yearly")


def _takes_rules(function: Callable[..., Any]) -> Callable[..., Any]:
    def keep(name: str, **details: Any) -> None:
        nonlocal function
        function = click.option(f"--keep-{name}", name.replace("tag", "tags"), **details)(function)

    keep("tag", multiple=True, metavar="TAG", help="All that have it; may be given again.")
    keep("within", type=Days(), default=0.0, metavar="TIME", help="All younger than 30d, 12h, 1y.")
    for span in reversed(_SPANS):
        words = f"The newest of each of N {span.removesuffix('ly').replace('dai', 'day')}s."
        keep(span, type=_COUNT, default=0, metavar="N", help=words)
    keep("last", type=_COUNT, default=0, metavar="N", help="The N newest.")
    return function


@click.command("forget")
@opens_vault
@click.argument("snapshots", nargs=-1, metavar="[SNAPSHOT]…")
@click.option("--source", "sources", multiple=True, metavar="NAME", help="Only these sources.")
@_takes_rules
@click.option("-n", "--dry-run", is_flag=True, help="Only say what each rule keeps or drops.")
@click.option("--undo", multiple=True, metavar="SNAPSHOT", help="Bring a forgotten one back.")
@click.option("--list", "listed", is_flag=True, help="List what can yet be brought back.")
@click.option("--even-last", is_flag=True, help="SNAPSHOT may be the last good one of its source.")
@click.option("--trust-clock", is_flag=True, help="The vault's clock is right, if it seems ahead.")
@may_be_quiet
@prints_data
def forget(  # one parameter for each option
    where: Where, *, undo: tuple[str, ...], listed: bool, console: Console, **options: Any
) -> None:
    """Put snapshots of VAULT out of sight: those that no rule keeps, source by source, or each
    SNAPSHOT. For 7 days --undo brings them back; after that prune frees their space.

    The newest good snapshot of a source, what is pinned and what is held always stay. Incomplete
    snapshots count for no rule.

    Example: lastgood vault forget /mnt/backup --keep-daily 7 --keep-weekly 5 --keep-monthly 12
    """
    if listed:
        found = retention.forgotten(where)
        console.data(found, lambda: [_brief(one, _words(one)) for one in found])
    elif undo:
        back = retention.bring_back(where, undo)
        console.data(back, lambda: [_brief(one, "is back") for one in back])
    else:
        done = retention.forget(where, _wish(options))
        console.data(done, lambda: list(_lines(done)), matters=bool(done["notes"]))


def _wish(options: dict[str, Any]) -> Wish:
    rules = {name: options.pop(name) for name in ("last", *_SPANS, "within", "tags")}
    return Wish(rules=Rules(**rules), **options)


def _lines(done: dict[str, Any]) -> Iterator[str]:
    yield from done["notes"]
    source = None
    for one in done["snapshots"]:
        if one["source"] != source:
            source = one["source"]
            yield f"{source}:"
        verdict = "keep" if one["kept"] else "drop"
        yield f"  {verdict}  {one['id'][:8]}  {moment(one['time'])}  {one['rule']}"
    words = "would be forgotten" if done["dry_run"] else "forgotten"
    yield f"{done['kept']} kept, {done['forgotten']} {words}."
    if done["undo_until"]:
        until = _minute(done["undo_until"])
        yield f"--undo brings them back until {until} UTC, unless a prune is told otherwise."


def _words(one: dict[str, Any]) -> str:
    return f"{one['rule']}, until {_minute(one['until'])} UTC"


def _minute(time: str) -> str:
    return time[:16].replace("T", " ")


def _brief(one: dict[str, Any], words: str) -> str:
    return f"{one['id'][:8]}  {moment(one['time'])}  {one['source']}  {words}"


COMMAND = forget
