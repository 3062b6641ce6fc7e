"""``lastgood vault verify``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from webapp.cli.framework import EXIT, Console, prints_data
from webapp.cli.vault.options import opens_vault
from webapp.cli.vault.progress import may_be_quiet, shown
from webapp.cli.vault.words import counted
from webapp.formatting import number, size
from webapp.standalone import checks
from webapp.standalone.checks import Depth
from webapp.standalone.vaults import Where


class Percent(click.ParamType):  # type: ignore[type-arg]
    """``10`` or ``2.5%``, as a share of 1."""

    name = "percent"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            found = float(str(value).removesuffix("%"))
        except ValueError:
            found = -1.0
        if not 0 <= found <= 100:
            self.fail(f"{value} is not a percentage from 0 to 100.", param, ctx)
        return found / 100


@click.command("verify")
@opens_vault
@click.option(
    "--read-data",
    type=Percent(),
    is_flag=False,
    flag_value="100",
    metavar="[=PERCENT]",
    help="Read all data, or this much of it: what was not read for longest.",
)
@click.option("--snapshot", metavar="ID", help="Only what this snapshot needs; or: latest.")
@click.option(
    "--period",
    type=click.FloatRange(min=0, min_open=True),
    metavar="DAYS",
    help="Read as much as it takes to have read all within DAYS, if run again and again.",
)
@click.option("--read-only", is_flag=True, help="Write nothing; then nothing is remembered.")
@may_be_quiet
@prints_data
def verify(  # one parameter for each option
    where: Where,
    *,
    read_data: float | None,
    snapshot: str | None,
    period: float | None,
    read_only: bool,
    console: Console,
) -> int:
    """Check that VAULT holds what its snapshots need, and with --read-data that every byte is as
    it was written. What was read is remembered in the vault; damaged packs are marked, so that the
    next backup stores again what was in them.

    Ends with 1 if anything is damaged or missing: each object is named, with the snapshots and
    paths it hurts.

    Example: lastgood vault verify /mnt/backup --read-data=5
    """
    share = read_data if read_data is not None or period else 0.0
    days = period or checks.PERIOD_DAYS
    depth = Depth(share=share, snapshot=snapshot, period_days=days, is_read_only=read_only)
    with shown("verify") as tell:
        found = checks.verify(where, depth, tell=tell)
    console.data(found, lambda: list(_lines(found)), matters=not found["ok"])
    return EXIT.DONE if found["ok"] else EXIT.FAILED


def _lines(found: dict[str, Any]) -> Iterator[str]:
    for error in found["errors"]:
        yield from error_lines(error)
    yield from found["notes"]
    read = f"{number(found['objects'])} objects, {size(found['bytes_read'])} read"
    if found["coverage"]:
        yield from _coverage(found["coverage"])
    if found["ok"]:
        yield f"No errors: {read}."
    else:
        count = counted(len(found["errors"]), "error")
        yield f"{count}: {read}. See what can be mended: lastgood vault repair VAULT --dry-run"


def error_lines(error: dict[str, Any]) -> Iterator[str]:
    """One error for people: the object, what is wrong, whom it hurts."""
    yield f"{error['object']}: {error['problem']}"
    if error["snapshots"]:
        named = ", ".join(one[:8] for one in error["snapshots"][:8])
        more = len(error["snapshots"]) - 8
        yield f"  hurts snapshots {named}" + (f" and {more} more" if more > 0 else "")
    for path in error["paths"]:
        yield f"  {path}"
    if error["path_count"] > len(error["paths"]):
        yield f"  and {number(error['path_count'] - len(error['paths']))} more"


def _coverage(found: dict[str, Any]) -> Iterator[str]:
    days = f"{found['period_days']:g} days"
    if not found["total_bytes"]:
        return
    if not found["overdue_bytes"]:
        yield f"All data was read within {days}; the oldest reading is of {_day(found)}."
        return
    overdue, total = size(found["overdue_bytes"]), size(found["total_bytes"])
    line = f"{overdue} of {total} were not read within {days}"
    if found["never_bytes"]:
        line += f", {size(found['never_bytes'])} never"
    if found["all_read_by_at"]:
        line += f"; at this pace all will have been by {found['all_read_by_at'][:10]}"
    yield line + "."


def _day(found: dict[str, Any]) -> str:
    return str(found["oldest_read_at"])[:10]


COMMAND = verify
