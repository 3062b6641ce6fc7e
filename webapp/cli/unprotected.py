"""``lastgood unprotected``: which sources are unprotected or overdue, and why."""

from __future__ import annotations

import click

from webapp import clock
from webapp.cli.framework import Console, acts, in_app, prints_data
from webapp.domain.actors import Actor
from webapp.domain.permissions import Permission
from webapp.services import access as gate
from webapp.services import unprotected as exposed


@click.command("unprotected")
@click.argument("tenant", required=False)
@in_app
@acts
@prints_data
def unprotected(tenant: str | None, actor: Actor, console: Console) -> None:
    """List the sources without a complete restore point within their target, or without a
    schedule that makes the next; the most urgent first. Without TENANT, of all customers.

    Example: lastgood unprotected acme --json
    """
    if tenant:
        access = gate.enter(actor, tenant, Permission.VIEW)
        found = exposed.of_tenant(access, at=clock.now(), limit=None)
    else:
        found = exposed.everywhere(actor, at=clock.now(), limit=None)
    rows = [exposed.as_document(row) for row in found.rows]
    console.data(
        rows,
        lambda: [
            f"{row['exposure']:<11} {row['tenant']}/{row['source']}: {row['why']}" for row in rows
        ],
    )


COMMANDS = (unprotected,)
