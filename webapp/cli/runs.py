"""``lastgood runs`` and ``lastgood run``: background work."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import click

from webapp.cli import waiting
from webapp.cli.framework import Console, acts, in_app, prints_data
from webapp.domain.actors import Actor
from webapp.domain.permissions import Permission
from webapp.domain.runs import RunState
from webapp.formatting import moment
from webapp.services import access as gate
from webapp.services import retries
from webapp.services import runs as work
from webapp.services.access import Access


@click.command("runs")
@click.argument("tenant")
@click.option("--limit", default=50, show_default=True, help="At most so many.")
@in_app
@acts
@prints_data
def runs(tenant: str, limit: int, actor: Actor, console: Console) -> None:
    """List the runs of TENANT, newest first.

    Example: lastgood runs acme
    """
    access = gate.enter(actor, tenant, Permission.VIEW)
    found = [work.as_document(row) for row in work.latest(access, limit=limit)]
    console.data(
        found,
        lambda: [
            f"{row['id']}  {moment(row['queued_at'])}  {row['action']:<8}  {row['status']}"
            for row in found
        ],
    )


@click.group("run")
def run() -> None:
    """Look at one run, stop it, repeat it.

    Example: lastgood run show acme 0193a1b2-…
    """


@run.command("show")
@click.argument("tenant")
@click.argument("run_id", type=click.UUID)
@in_app
@acts
@prints_data
def show(tenant: str, run_id: UUID, actor: Actor, console: Console) -> None:
    """Show a run and the outcome of each item.

    Example: lastgood run show acme 0193a1b2-… --json
    """
    access = gate.enter(actor, tenant, Permission.VIEW)
    found = work.find(access, run_id)
    document = work.as_document(found, work.items(access, found, limit=None))
    console.data(document, lambda: _lines(document))


@run.command("follow")
@click.argument("tenant")
@click.argument("run_id", type=click.UUID)
@in_app
@acts
def follow(tenant: str, run_id: UUID, actor: Actor) -> None:
    """Print the log of a run until it ends, and exit as it ended.

    Example: lastgood run follow acme 0193a1b2-…
    """
    access = gate.enter(actor, tenant, Permission.VIEW)
    seen = 0
    while True:
        document = work.present(access, run_id)
        seen = _print_log(access, run_id, seen)
        if RunState(document["status"]).is_final:
            waiting.end(document)
        time.sleep(0.5)


@run.command("cancel")
@click.argument("tenant")
@click.argument("run_id", type=click.UUID)
@in_app
@acts
@prints_data
def cancel(tenant: str, run_id: UUID, actor: Actor, console: Console) -> None:
    """Stop a run: at once if it is queued, between two items if it is running.

    Example: lastgood run cancel acme 0193a1b2-…
    """
    access = gate.enter(actor, tenant, Permission.VIEW)
    document = work.as_document(work.cancel(access, run_id))
    console.data(document, lambda: [f"Run {run_id}: {document['status']}, asked to stop."])


@run.command("retry")
@click.argument("tenant")
@click.argument("run_id", type=click.UUID)
@click.option("--failed", "failed_only", is_flag=True, help="Only what failed, where it can be.")
@in_app
@acts
@prints_data
def retry(tenant: str, run_id: UUID, *, failed_only: bool, actor: Actor, console: Console) -> None:
    """Start the same work again, as a run of its own.

    With --failed, a bulk run repeats only the items that did not succeed, and of a restore a
    preview of those items is made. A capture is always whole.

    Example: lastgood run retry acme 0193a1b2-… --failed
    """
    access = gate.enter(actor, tenant, Permission.VIEW)
    made, _ = retries.again(access, run_id, failed_only=failed_only)
    document = work.as_document(made)
    console.data(document, lambda: [f"Run {document['id']}: {document['status']}"])


def _print_log(access: Access, run_id: UUID, seen: int) -> int:
    for line in work.events(access, work.find(access, run_id), after=seen):
        click.echo(f"{moment(line.at)} {line.level:<7} {line.message}")
        seen = line.seq
    work.present(access, run_id)  # leaves no transaction open
    return seen


def _lines(document: dict[str, Any]) -> list[str]:
    lines = [
        f"{document['action']}: {document['status']}",
        document["failure_reason"] or document["deciding_rule"] or _waits(document),
    ]
    for item in document["items"]:
        why = f"  {item['reason_code']}" if item["reason_code"] else ""
        lines.append(
            f"  {item['outcome'] or 'in doubt':<10} {item['action']:<8} {item['key']}{why}"
        )
    return lines


def _waits(document: dict[str, Any]) -> str:
    """What a run does now, or what it waits for."""
    until = f"waits until {moment(document['not_before'])}" if document["not_before"] else "waits"
    if document["waits_for"]:
        return f"{until} because {document['waits_for']}"
    return until if document["not_before"] else str(document["phase"])


COMMANDS = (runs, run)
