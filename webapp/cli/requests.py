"""``lastgood requests``: what waits for a second person."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import click

from webapp.cli.framework import Console, acts, in_app, prints_data
from webapp.domain.actors import Actor
from webapp.domain.permissions import Permission
from webapp.formatting import moment
from webapp.models import ActRequest
from webapp.services import access as gate
from webapp.services.second_person import deciding, looking

_ID = click.argument("request_id", metavar="REQUEST", type=click.UUID)


@click.group("requests")
def requests() -> None:
    """Decide about what one person asked for and another has to approve.

    Whoever decides says who they are by --as; it must not be who asked, nor the same login.

    Example: lastgood requests list acme
    """


@requests.command("list")
@click.argument("tenant")
@click.option("--ended", is_flag=True, help="Those that are over, newest first.")
@in_app
@acts
@prints_data
def list_(tenant: str, ended: bool, actor: Actor, console: Console) -> None:
    """List what waits in TENANT for a second person, oldest first.

    Example: lastgood requests list acme --json
    """
    access = gate.enter(actor, tenant, Permission.MANAGE)
    rows = looking.ended(access) if ended else looking.waiting(access)
    found = [looking.as_document(row.request) for row in rows]
    console.data(found, lambda: [_line(one) for one in found])


@requests.command("show")
@click.argument("tenant")
@_ID
@in_app
@acts
@prints_data
def show(tenant: str, request_id: UUID, actor: Actor, console: Console) -> None:
    """Show what REQUEST would change, who asked, and what became of it.

    Example: lastgood requests show acme 0193a1b2-…
    """
    access = gate.enter(actor, tenant, Permission.MANAGE)
    _told(looking.find(access, request_id).request, console)


@requests.command("approve")
@click.argument("tenant")
@_ID
@click.option("--reason", default="", help="For the audit log, and for whoever asked.")
@click.option("--digest", default="", help="Refuse if it is not the request that you looked at.")
@in_app
@acts
@prints_data
def approve(
    tenant: str, request_id: UUID, *, reason: str, digest: str, actor: Actor, console: Console
) -> None:
    """Approve REQUEST: what it asks for is done at once, exactly as it was asked for.

    Example: lastgood requests approve acme 0193a1b2-… --as ben@example.com
    """
    access = gate.enter(actor, tenant, Permission.MANAGE)
    _told(deciding.approve(access, request_id, digest=digest, reason=reason), console)


@requests.command("reject")
@click.argument("tenant")
@_ID
@click.option("--reason", required=True, help="Why, for the audit log and for whoever asked.")
@in_app
@acts
@prints_data
def reject(tenant: str, request_id: UUID, reason: str, actor: Actor, console: Console) -> None:
    """Turn REQUEST down.

    Example: lastgood requests reject acme 0193a1b2-… --reason "not before the audit"
    """
    access = gate.enter(actor, tenant, Permission.MANAGE)
    _told(deciding.reject(access, request_id, reason=reason), console)


@requests.command("withdraw")
@click.argument("tenant")
@_ID
@in_app
@acts
@prints_data
def withdraw(tenant: str, request_id: UUID, actor: Actor, console: Console) -> None:
    """Take back REQUEST, which one asked for oneself.

    Example: lastgood requests withdraw acme 0193a1b2-… --as anna@example.com
    """
    access = gate.enter(actor, tenant, Permission.MANAGE)
    _told(deciding.withdraw(access, request_id), console)


def _told(request: ActRequest, console: Console) -> None:
    document = looking.as_document(request)
    console.data(document, lambda: [_line(document), *(f"  {one}" for one in document["lines"])])


def _line(one: dict[str, Any]) -> str:
    asked = f"{one['requested_by']}, until {moment(one['expires_at'])}"
    return f"{one['id']}  {one['state']:<9}  {one['act']:<15}  {one['name']}  ({asked})"


COMMANDS = (requests,)
