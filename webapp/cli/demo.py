"""``lastgood demo``: the shop that may be damaged on purpose."""

from __future__ import annotations

from typing import Any

import click

from webapp.cli import waiting
from webapp.cli.framework import Console, acts, in_app, prints_data
from webapp.domain.actors import Actor
from webapp.domain.permissions import Permission
from webapp.models import Run
from webapp.services import access as gate
from webapp.services import demo as shops
from webapp.services import runs

_TENANT = click.option(
    "--tenant", default="demo", show_default=True, help="The demo tenant's short name."
)
_WAIT = click.option("--wait", is_flag=True, help="Wait for the end and exit by it.")


@click.group("demo")
def demo() -> None:
    """Make, damage or remove the demo shop."""


@demo.command("create")
@in_app
@acts
@prints_data
def create(actor: Actor, console: Console) -> None:
    """Make a demo tenant with a small shop in the data folder.

    Example: lastgood demo create
    """
    tenant = shops.create(actor)
    document = {"tenant": tenant.slug, "source": "shop", "roots": tenant.granted_roots}
    console.data(document, lambda: [f"Made {tenant.name} ({tenant.slug})."])


@demo.command("damage")
@_TENANT
@_WAIT
@in_app
@acts
@prints_data
def damage(tenant: str, *, wait: bool, actor: Actor, console: Console) -> None:
    """Damage the shop: a page, pictures, settings and the database.

    Example: lastgood demo damage --wait
    """
    access = gate.enter(actor, tenant, Permission.OPERATE)
    run, _is_new = shops.damage(access)
    _follow(access, run, wait=wait, console=console)


@demo.command("remove")
@_TENANT
@_WAIT
@in_app
@acts
@prints_data
def remove(tenant: str, *, wait: bool, actor: Actor, console: Console) -> None:
    """Remove the demo: its tenant, its files and its vault.

    Example: lastgood demo remove --wait
    """
    access = gate.enter(actor, tenant, Permission.ADMINISTER)
    run, _is_new = shops.remove(access)
    _follow(access, run, wait=wait, console=console)


def _follow(access: gate.Access, run: Run, *, wait: bool, console: Console) -> None:
    run_id = run.id
    ended = waiting.until_ended(access, run_id) if wait else runs.present(access, run_id)
    document: dict[str, Any] = {"run_id": ended["id"], "status": ended["status"]}
    console.data(document, lambda: [f"Run {ended['id']}: {ended['status']}"])
    if wait:
        waiting.end(ended)


COMMANDS = (demo,)
