"""``lastgood usage``: what customers used in a month."""

from __future__ import annotations

import sys
from typing import Any

import click

from webapp import clock
from webapp.cli.framework import Console, acts, in_app, prints_data
from webapp.domain.actors import Actor
from webapp.domain.permissions import Permission
from webapp.domain.usage import Month
from webapp.services import access as gate
from webapp.services import usage_reports


def _month(_context: click.Context, _option: click.Parameter, raw: str | None) -> Any:
    try:
        return Month.parse(raw) if raw else Month.of(clock.now().date())
    except ValueError as problem:
        raise click.BadParameter(str(problem)) from None


@click.command("usage")
@click.option("--month", callback=_month, metavar="YYYY-MM", help="By days of UTC; else this one.")
@click.option("--tenant", metavar="SLUG", help="Only this customer.")
@in_app
@acts
@prints_data
def usage(month: Month, *, tenant: str | None, actor: Actor, console: Console) -> None:
    """Write a line of CSV for each customer: what it stored, protected and read in a month.

    Example: lastgood usage --month 2026-11 > usage-2026-11.csv
    """
    if tenant is None:
        reader = usage_reports.of_all(actor)
    else:
        reader = usage_reports.of_tenant(gate.enter(actor, tenant, Permission.VIEW))
    if console.as_json:
        documents = map(usage_reports.as_document, usage_reports.lines(reader, month))
        console.each(documents, str)
        return
    for line in usage_reports.csv_lines(reader, month):
        sys.stdout.write(line)


COMMANDS = (usage,)
