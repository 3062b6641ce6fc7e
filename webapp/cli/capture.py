"""``lastgood capture``: back up a source now."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import click

from webapp.cli import waiting
from webapp.cli.framework import Console, acts, in_app, prints_data
from webapp.domain.actors import Actor
from webapp.domain.permissions import Permission
from webapp.services import access as gate
from webapp.services import captures, runs, sets, sources
from webapp.services.access import Access


def _metadata(_context: click.Context, _option: click.Parameter, raw: str | None) -> Any:
    try:
        found = json.loads(raw or "{}")
    except ValueError:
        raise click.BadParameter("it is not JSON") from None
    if not isinstance(found, dict):
        raise click.BadParameter('it is not a JSON object, such as {"ticket": 42}')
    return found


@click.command("capture")
@click.argument("tenant")
@click.argument("source")
@click.option(
    "--type", "backup_type", default="full", show_default=True,
    type=click.Choice(["full", "db", "files"]), help="What of the source.",
)  # fmt: skip
@click.option("--reason", default="", help="Why, for the log.")
@click.option("--metadata", callback=_metadata, help="A JSON object kept with the backup set.")
@click.option("--wait", is_flag=True, help="Wait for the end and exit by it.")
@in_app
@acts
@prints_data
def capture(
    tenant: str, source: str, *, wait: bool, actor: Actor, console: Console, **typed: Any
) -> None:
    """Back up SOURCE of TENANT.

    Exits 0 if all of it was captured, 3 if a part was not, 1 if it failed.

    Example: lastgood capture acme website --reason "before the update" --wait
    """
    access = gate.enter(actor, tenant, Permission.OPERATE)
    found = sources.called(access, source)
    run, is_new = captures.start(access, found.id, **typed)
    run_id = run.id
    if not is_new:
        Console.say("This capture is already under way.")
    ended = waiting.until_ended(access, run_id) if wait else runs.present(access, run_id)
    document = _document(access, ended)
    console.data(document, lambda: _lines(document))
    if wait:
        waiting.end(ended)


def _document(access: Access, run: dict[str, Any]) -> dict[str, Any]:
    made = sets.of_run(access, runs.find(access, UUID(run["id"])))
    return {
        "run_id": run["id"],
        "status": run["status"],
        "backup_set_id": str(made.id) if made else None,
        "counts": run["counts"],
        "bytes": run["bytes"],
        "error_code": run["error_code"],
    }


def _lines(document: dict[str, Any]) -> list[str]:
    counts, size = document["counts"], document["bytes"]
    return [
        f"Run {document['run_id']}: {document['status']}",
        f"{counts['succeeded']:,} files, {counts['failed']:,} failed, "
        f"{counts['skipped']:,} skipped; {size['read']:,} bytes read, {size['stored']:,} stored",
        f"Backup set {document['backup_set_id']}" if document["backup_set_id"] else "No backup set",
    ]


COMMANDS = (capture,)
