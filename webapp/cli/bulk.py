"""``lastgood bulk``: one run over many sources or backup sets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import click

from webapp.cli import waiting
from webapp.cli.framework import Console, acts, in_app, prints_data
from webapp.domain.actors import Actor
from webapp.domain.permissions import Permission
from webapp.formatting import moment
from webapp.models import Run
from webapp.services import access as gate
from webapp.services import bulk as bulk_runs
from webapp.services import runs, sets, sources
from webapp.services.access import Access
from webapp.services.bulk import BulkRow

_wait = click.option("--wait", is_flag=True, help="Wait for the end and exit by it.")


@click.group("bulk")
def bulk() -> None:
    """Work on many things at once, with an outcome for each.

    Example: lastgood bulk capture acme --all --wait
    """


@bulk.command("capture")
@click.argument("tenant")
@click.argument("source_names", metavar="SOURCE…", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every source of TENANT.")
@click.option("--reason", default="", help="Why, for the log.")
@_wait
@in_app
@acts
@prints_data
def capture(
    tenant: str, source_names: tuple[str, ...], *, actor: Actor, console: Console, **typed: Any
) -> None:
    """Capture many sources of TENANT.

    Each is captured by a run of its own. If more than half of the first ten fail, the others
    are not begun.

    Example: lastgood bulk capture acme website shop --reason "before the move" --wait
    """
    access = gate.enter(actor, tenant, Permission.OPERATE)
    if typed["everything"]:
        ids = [source.id for source in sources.rows(access)]
    else:
        ids = [sources.called(access, name).id for name in source_names]
    run, _ = bulk_runs.start(access, "source", "capture", ids, reason=typed["reason"])
    _started(access, run, console, is_awaited=typed["wait"])


@bulk.command("verify")
@click.argument("tenant")
@click.argument("set_names", metavar="SET…", nargs=-1, required=True)
@_wait
@in_app
@acts
@prints_data
def verify(
    tenant: str, set_names: tuple[str, ...], *, wait: bool, actor: Actor, console: Console
) -> None:
    """Read many backup sets of TENANT back, every byte.

    Example: lastgood bulk verify acme latest 0193a1b2-… --wait
    """
    access = gate.enter(actor, tenant, Permission.OPERATE)
    ids = [sets.called(access, name).id for name in set_names]
    run, _ = bulk_runs.start(access, "backup_set", "verify", ids)
    _started(access, run, console, is_awaited=wait)


@bulk.command("list")
@click.argument("tenant")
@click.option("--limit", default=50, show_default=True, help="At most so many.")
@in_app
@acts
@prints_data
def list_(tenant: str, limit: int, actor: Actor, console: Console) -> None:
    """List the bulk runs of TENANT, newest first.

    Example: lastgood bulk list acme
    """
    access = gate.enter(actor, tenant, Permission.VIEW)
    rows = bulk_runs.latest(access, limit=limit, with_items=True)
    console.data(
        [_document(row) for row in rows],
        lambda: [
            f"{row.run.id}  {moment(row.run.queued_at)}  {row.run.status:<9}  {row.title}"
            for row in rows
        ],
    )


@bulk.command("show")
@click.argument("tenant")
@click.argument("run_id", type=click.UUID)
@in_app
@acts
@prints_data
def show(tenant: str, run_id: UUID, actor: Actor, console: Console) -> None:
    """Show a bulk run of TENANT with the outcome of each item.

    Example: lastgood bulk show acme 0193a1b2-…
    """
    access = gate.enter(actor, tenant, Permission.VIEW)
    row = bulk_runs.find(access, run_id)
    items = bulk_runs.items(access, row)
    document = {
        **_document(row),
        "items": [
            {"id": item.item_id, "name": item.name, "outcome": item.outcome, "code": item.code,
             "message": item.message, "run_id": item.run_id}
            for item in items
        ],
    }  # fmt: skip
    lines = [f"{row.title}: {row.run.status}"] + [
        f"  {item.outcome or 'waits':<10} {item.name or item.item_id}  {item.message}".rstrip()
        for item in items
    ]
    console.data(document, lambda: lines)


def _started(access: Access, run: Run, console: Console, *, is_awaited: bool) -> None:
    document = runs.as_document(run)
    if is_awaited:
        document = waiting.until_ended(access, run.id)
    console.data(document, lambda: [f"Run {document['id']}: {document['status']}"])
    if is_awaited:
        waiting.end(document)


def _document(row: BulkRow) -> dict[str, Any]:
    return {
        **runs.as_document(row.run),
        "resource": row.link.resource,
        "item_ids": row.link.item_ids,
        "failures": row.link.failures or [],
    }


COMMANDS = (bulk,)
