"""``lastgood status``: is every customer safe right now?"""

from __future__ import annotations

import click

from webapp import clock
from webapp.cli.framework import Console, acts, in_app, prints_data
from webapp.domain.actors import Actor
from webapp.domain.permissions import Permission
from webapp.services import access as gate
from webapp.services import status as health


@click.command("status")
@click.argument("tenant", required=False)
@in_app
@acts
@prints_data
def status(tenant: str | None, actor: Actor, console: Console) -> None:
    """Say how safe each customer is, worst first; with TENANT, each of its sources.

    Example: lastgood status --json
    """
    if tenant:
        found = health.sources(gate.enter(actor, tenant, Permission.VIEW))
    else:
        found = health.tenants(actor, at=clock.now())
    name = "source" if tenant else "tenant"
    console.data(
        found, lambda: [f"{row['health']:<10} {row[name]:<24} {row['why']}" for row in found]
    )


COMMANDS = (status,)
