"""``lastgood restore``: preview, ask, approve, apply, undo."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import click

from webapp.cli import waiting
from webapp.cli.framework import Console, acts, in_app, prints_data
from webapp.domain.actors import Actor
from webapp.domain.permissions import Permission
from webapp.models import RestorePlan
from webapp.services import access as gate
from webapp.services import plans, restores, runs, sets, sources
from webapp.services.access import Access

_COUNTS = ("create", "update", "replace", "delete", "unchanged", "blocked")
_REASON = click.option("--reason", required=True, help="Why, for the audit log.")


@click.group("restore")
def restore() -> None:
    """Bring a restore point back: look first, then do exactly that.

    Example: lastgood restore preview acme latest --wait
    """


@restore.command("preview")
@click.argument("tenant")
@click.argument("set_name", metavar="SET")
@click.option("--item", "items", multiple=True, metavar="KEY",
              help="Only this item, such as tree:images or db:shop. Repeat for more.")  # fmt: skip
@click.option("--to", "to_source", metavar="SOURCE", help="Into another source of the same kind.")
@click.option("--to-path", metavar="DIR", help="Into a folder below a granted root.")
@click.option("--delete", is_flag=True, help="Also remove what is there and not in the backup.")
@click.option("--wait", is_flag=True, help="Wait for the plan.")
@in_app
@acts
@prints_data
def preview(
    tenant: str, set_name: str, *, wait: bool, actor: Actor, console: Console, **typed: Any
) -> None:
    """Plan the restore of the backup set SET (an id, or latest). Writes nothing to the target.

    Example: lastgood restore preview acme latest --item db:shop --wait
    """
    access = gate.enter(actor, tenant, Permission.PREVIEW)
    to_source = typed.pop("to_source")
    typed["to_source_id"] = sources.called(access, to_source).id if to_source else None
    run, _ = plans.preview(access, sets.called(access, set_name).id, **typed)
    _end_preview(access, run.id, wait=wait, console=console)


@restore.command("undo")
@click.argument("tenant")
@click.argument("run_id", metavar="RUN", type=click.UUID)
@click.option("--wait", is_flag=True, help="Wait for the plan.")
@in_app
@acts
@prints_data
def undo(tenant: str, run_id: UUID, *, wait: bool, actor: Actor, console: Console) -> None:
    """Plan the undoing of the restore RUN, from what it captured before it wrote.

    Example: lastgood restore undo acme 0193a1b2-… --wait
    """
    access = gate.enter(actor, tenant, Permission.PREVIEW)
    run, _ = restores.undo(access, run_id)
    _end_preview(access, run.id, wait=wait, console=console)


@restore.command("plan")
@click.argument("tenant")
@click.argument("plan_id", metavar="PLAN", type=click.UUID)
@in_app
@acts
@prints_data
def plan(tenant: str, plan_id: UUID, actor: Actor, console: Console) -> None:
    """Show every planned change of PLAN.

    Example: lastgood restore plan acme 0193a1b2-… --json
    """
    access = gate.enter(actor, tenant, Permission.VIEW)
    found = plans.find(access, plan_id)
    document = plans.as_document(found, plans.rows(access, found, limit=None))
    console.data(document, lambda: _plan_lines(document))


@restore.command("request")
@click.argument("tenant")
@click.argument("plan_id", metavar="PLAN", type=click.UUID)
@_REASON
@in_app
@acts
@prints_data
def request(tenant: str, plan_id: UUID, reason: str, actor: Actor, console: Console) -> None:
    """Ask for the live restore of PLAN.

    Example: lastgood restore request acme 0193a1b2-… --reason "ticket 4711"
    """
    access = gate.enter(actor, tenant, Permission.REQUEST)
    _show_state(restores.request(access, plan_id, reason=reason), console)


@restore.command("approve")
@click.argument("tenant")
@click.argument("plan_id", metavar="PLAN", type=click.UUID)
@_REASON
@in_app
@acts
@prints_data
def approve(tenant: str, plan_id: UUID, reason: str, actor: Actor, console: Console) -> None:
    """Approve what somebody asked for.

    Example: lastgood restore approve acme 0193a1b2-… --reason "checked with the customer"
    """
    access = gate.enter(actor, tenant, Permission.APPROVE)
    _show_state(restores.approve(access, plan_id, reason=reason), console)


@restore.command("reject")
@click.argument("tenant")
@click.argument("plan_id", metavar="PLAN", type=click.UUID)
@_REASON
@in_app
@acts
@prints_data
def reject(tenant: str, plan_id: UUID, reason: str, actor: Actor, console: Console) -> None:
    """Turn down what somebody asked for.

    Example: lastgood restore reject acme 0193a1b2-… --reason "not during opening hours"
    """
    access = gate.enter(actor, tenant, Permission.APPROVE)
    _show_state(restores.reject(access, plan_id, reason=reason), console)


@restore.command("apply")
@click.argument("tenant")
@click.argument("plan_id", metavar="PLAN", type=click.UUID)
@click.option("--confirm", required=True, metavar="SLUG", help="The customer's slug, once more.")
@_REASON
@click.option("--wait", is_flag=True, help="Wait for the end and exit by it.")
@in_app
@acts
@prints_data
def apply(
    tenant: str, plan_id: UUID, *, wait: bool, actor: Actor, console: Console, **typed: Any
) -> None:
    """Carry out PLAN: capture what will be overwritten, then write exactly what was planned.

    Exits 4 if it is refused: stale, expired, or not approved where two people are demanded.

    Example: lastgood restore apply acme 0193a1b2-… --confirm acme --reason "ticket 4711" --wait
    """
    access = gate.enter(actor, tenant, Permission.APPROVE)
    run, _ = restores.apply(access, plan_id, reviewed=True, **typed)
    run_id = run.id
    ended = waiting.until_ended(access, run_id) if wait else runs.present(access, run_id)
    safety = restores.safety_set_of(access, run_id)
    document = {
        "run_id": ended["id"],
        "status": ended["status"],
        "counts": ended["counts"],
        "safety_set_id": str(safety) if safety else None,
        "error_code": ended["error_code"],
    }
    console.data(document, lambda: _apply_lines(document))
    if wait:
        waiting.end(ended)


def _end_preview(access: Access, run_id: UUID, *, wait: bool, console: Console) -> None:
    ended = waiting.until_ended(access, run_id) if wait else runs.present(access, run_id)
    made = plans.of_run(access, run_id)
    document = _preview_document(ended, made)
    console.data(document, lambda: _preview_lines(document))
    if wait:
        waiting.end(ended)


def _preview_document(run: dict[str, Any], made: RestorePlan | None) -> dict[str, Any]:
    counts = made.counts if made else {}
    return {
        "run_id": run["id"],
        "status": run["status"],
        "plan_id": str(made.id) if made else None,
        "state": made.state if made else None,
        "counts": {name: counts.get(name, 0) for name in _COUNTS},
        "checks": made.checks if made else [],
        "error_code": run["error_code"],
    }


def _preview_lines(document: dict[str, Any]) -> list[str]:
    counts = ", ".join(f"{number:,} {name}" for name, number in document["counts"].items())
    notes = [
        f"  {check['level']}: {check['message']}"
        for check in document["checks"]
        if check["level"] != "ok"
    ]
    return [f"Plan {document['plan_id']}: {document['state']}", counts, *notes]


def _plan_lines(document: dict[str, Any]) -> list[str]:
    return [
        f"Plan {document['plan_id']}: {document['state']}",
        *(
            f"  {item['action']:<9} {item['risk']:<6} {item['key']}  {item['reason']}"
            for item in document["items"]
            if item["action"] != "unchanged"
        ),
    ]


def _apply_lines(document: dict[str, Any]) -> list[str]:
    counts = document["counts"]
    return [
        f"Run {document['run_id']}: {document['status']}",
        f"{counts['succeeded']:,} items restored, {counts['failed']:,} failed, "
        f"{counts['skipped']:,} skipped",
        f"What was overwritten is kept as set {document['safety_set_id']}",
    ]


def _show_state(changed: RestorePlan, console: Console) -> None:
    document = plans.as_document(changed)
    console.data(document, lambda: [f"Plan {document['plan_id']}: {document['state']}"])


COMMANDS = (restore,)
