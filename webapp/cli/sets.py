"""``lastgood sets``: the restore points of a customer."""

from __future__ import annotations

import click

from webapp.cli.framework import Console, acts, in_app, prints_data
from webapp.domain.actors import Actor
from webapp.domain.permissions import Permission
from webapp.formatting import moment, size
from webapp.services import access as gate
from webapp.services import sets as restore_points
from webapp.services import sources


@click.command("sets")
@click.argument("tenant")
@click.option("--source", "source_name", help="Only this source's.")
@in_app
@acts
@prints_data
def sets(tenant: str, source_name: str | None, actor: Actor, console: Console) -> None:
    """List the backup sets of TENANT, newest first.

    Example: lastgood sets acme --source website
    """
    access = gate.enter(actor, tenant, Permission.VIEW)
    source_id = sources.called(access, source_name).id if source_name else None
    found = restore_points.rows(access, source_id=source_id)
    console.data(
        [restore_points.as_document(row) for row in found],
        lambda: [
            f"{row.id}  {moment(row.finished_at)}  {row.backup_type:<11}  {row.status:<9}  "
            f"{size(row.total_size):>8}  {row.source.name}"
            for row in found
        ],
    )


COMMANDS = (sets,)
