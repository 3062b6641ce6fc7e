"""``lastgood target``: how old the newest complete restore point may become."""

from __future__ import annotations

from typing import Any

import click

from webapp.cli.framework import Console, acts, in_app, prints_data
from webapp.domain.actors import Actor
from webapp.domain.alerts import length
from webapp.domain.permissions import Permission
from webapp.forms.recovery import minutes_of
from webapp.services import access as gate
from webapp.services import recovery_targets, sources
from webapp.services.access import Access


def _minutes(_context: click.Context, _option: click.Parameter, raw: str) -> int:
    try:
        return minutes_of(raw)
    except ValueError as problem:
        raise click.BadParameter(str(problem)) from None


@click.group("target")
def target() -> None:
    """Say how old the newest complete restore point of a source may become.

    Example: lastgood target set acme 4h --source shop
    """


@target.command("show")
@click.argument("tenant")
@in_app
@acts
@prints_data
def show(tenant: str, actor: Actor, console: Console) -> None:
    """Show the recovery targets of TENANT and of its sources.

    Example: lastgood target show acme --json
    """
    access = gate.enter(actor, tenant, Permission.VIEW)
    _show(access, console)


@target.command("set")
@click.argument("tenant")
@click.argument("minutes", metavar="LENGTH", callback=_minutes)
@click.option("--source", help="Of this source alone; else of all that have none of their own.")
@in_app
@acts
@prints_data
def set_(tenant: str, minutes: int, *, source: str | None, actor: Actor, console: Console) -> None:
    """Set the recovery target of TENANT, or of one source: 90m, 4h or 2d.

    Example: lastgood target set acme 24h
    """
    access = gate.enter(actor, tenant, Permission.MANAGE)
    if source is None:
        recovery_targets.set_tenant(access, minutes)
    else:
        recovery_targets.set_source(access, sources.called(access, source), minutes)
    _show(access, console)


@target.command("clear")
@click.argument("tenant")
@click.argument("source")
@in_app
@acts
@prints_data
def clear(tenant: str, source: str, actor: Actor, console: Console) -> None:
    """Let SOURCE of TENANT take the tenant's target again.

    Example: lastgood target clear acme shop
    """
    access = gate.enter(actor, tenant, Permission.MANAGE)
    recovery_targets.set_source(access, sources.called(access, source), None)
    _show(access, console)


def _show(access: Access, console: Console) -> None:
    rows = recovery_targets.rows(access, limit=None)
    found: dict[str, Any] = {
        "tenant": access.tenant.slug,
        "target_minutes": access.tenant.recovery_point_minutes,
        "sources": [recovery_targets.as_document(row) for row in rows],
    }
    usual = length(access.tenant.recovery_point_minutes)
    console.data(
        found,
        lambda: [
            f"{'':<24} {usual:<8} every source that has none of its own",
            *(
                f"{row.source.name:<24} {length(row.target_minutes):<8} "
                f"{'its own' if row.own_minutes else ''}".rstrip()
                for row in rows
            ),
        ],
    )


COMMANDS = (target,)
