"""``lastgood tenant``: customers and the folders they may use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from webapp import clock
from webapp.cli.framework import Console, acts, in_app, prints_data
from webapp.domain.actors import Actor
from webapp.domain.permissions import Permission
from webapp.domain.tenants import TwoPeople
from webapp.errors import Invalid
from webapp.models import Tenant, TenantStatus
from webapp.services import access as gate
from webapp.services import tenants
from webapp.services.access import Access

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group("tenant")
def tenant() -> None:
    """Look after customers.

    Example: lastgood tenant add acme --name "Acme Bakery" --grant-root /srv/acme
    """


@tenant.command("add")
@click.argument("slug")
@click.option("--name", required=True, help="As people call it.")
@click.option("--timezone", default="UTC", show_default=True, help="An IANA zone.")
@click.option(
    "--environment", "environment_label", default="production", show_default=True, help="A label."
)
@click.option(
    "--grant-root", "roots", multiple=True, type=_FOLDER, metavar="DIR",
    help="A folder of this machine that the customer's sources may use. Repeat for more.",
)  # fmt: skip
@in_app
@acts
@prints_data
def add(slug: str, *, actor: Actor, console: Console, **typed: Any) -> None:
    """Add the customer SLUG.

    Example: lastgood tenant add acme --name "Acme Bakery" --timezone Europe/Berlin
    """
    roots = [_real(root) for root in typed.pop("roots")]  # all of them, before anything is made
    made = tenants.add(actor, slug, tenants.Facts(**typed), at=clock.now())
    access = gate.enter_tenant(actor, made, Permission.ADMINISTER)
    for root in roots:
        _grant(access, root)
    console.data(_document(made), lambda: [f"Added {made.name} as {made.slug}."])


@tenant.command("list")
@in_app
@acts
@prints_data
def list_(actor: Actor, console: Console) -> None:
    """List the customers that one may see.

    Example: lastgood tenant list --json
    """
    found = gate.tenants_of(actor)
    console.data(
        [_document(row) for row in found],
        lambda: [f"{row.slug:<20} {row.status:<10} {row.name}" for row in found],
    )


@tenant.command("grant-root")
@click.argument("slug")
@click.argument("folder", type=_FOLDER)
@in_app
@acts
@prints_data
def grant_root(slug: str, folder: Path, actor: Actor, console: Console) -> None:
    """Let the sources and restores of SLUG use FOLDER of this machine.

    Example: lastgood tenant grant-root acme /srv/acme
    """
    access = gate.enter(actor, slug, Permission.ADMINISTER)
    root = _grant(access, folder)
    console.data(_document(access.tenant), lambda: [f"{access.tenant.name} may use {root}."])


_ACT = click.Choice([str(act) for act in TwoPeople])


@tenant.command("two-people")
@click.argument("slug")
@click.option("--demand", "demanded", multiple=True, type=_ACT, help="Nobody does it alone.")
@click.option("--drop", "dropped", multiple=True, type=_ACT, help="One person may again.")
@in_app
@acts
@prints_data
def two_people(
    slug: str,
    *,
    demanded: tuple[str, ...],
    dropped: tuple[str, ...],
    actor: Actor,
    console: Console,
) -> None:
    """Show, or set, what nobody may do alone for SLUG. Dropping one takes two people itself.

    Example: lastgood tenant two-people acme --demand lower_retention --demand delete_source
    """
    access = gate.enter(actor, slug, Permission.ADMINISTER)
    wanted = {*access.tenant.needs_two_people, *demanded} - set(dropped)
    if wanted != set(access.tenant.needs_two_people):
        tenants.choose_two_people(access, [TwoPeople(act) for act in wanted])
    chosen = [act for act in TwoPeople if act in access.tenant.needs_two_people]
    console.data(
        _document(access.tenant), lambda: [f"{act}  {act.label}" for act in chosen] or ["nothing"]
    )


@tenant.command("suspend")
@click.argument("slug")
@in_app
@acts
@prints_data
def suspend(slug: str, actor: Actor, console: Console) -> None:
    """Let nothing new start for SLUG; what is there can be looked at.

    Example: lastgood tenant suspend acme
    """
    _move(actor, slug, TenantStatus.SUSPENDED, console)


@tenant.command("activate")
@click.argument("slug")
@in_app
@acts
@prints_data
def activate(slug: str, actor: Actor, console: Console) -> None:
    """Take SLUG back into work.

    Example: lastgood tenant activate acme
    """
    _move(actor, slug, TenantStatus.ACTIVE, console)


@tenant.command("leave")
@click.argument("slug")
@in_app
@acts
@prints_data
def leave(slug: str, actor: Actor, console: Console) -> None:
    """Mark SLUG as leaving: nothing new starts, and its people can still take data away.

    Example: lastgood tenant leave acme
    """
    _move(actor, slug, TenantStatus.LEAVING, console)


def _move(actor: Actor, slug: str, status: TenantStatus, console: Console) -> None:
    access = gate.enter(actor, slug, Permission.ADMINISTER)
    moved = tenants.move_to(access, status)
    console.data(_document(moved), lambda: [f"{moved.name} is {moved.status}."])


def _grant(access: Access, folder: Path) -> str:
    root = tenants.grant_root(access, str(_real(folder)), may_overlap=True)
    for other in tenants.overlapping_tenants(access, root):
        Console.say(f"Careful: {other.name} has been granted {root} or a part of it, too.")
    return root


def _real(folder: Path) -> Path:
    """A link is followed once, now, so that what is granted is what was meant."""
    real = folder.resolve(strict=True)
    if not os.access(real, os.R_OK | os.X_OK):
        raise Invalid({"root": f"{real} cannot be read by this user."})
    tenants.usable_root(str(real))
    return real


def _document(row: Tenant) -> dict[str, object]:
    return {
        "id": str(row.id),
        "slug": row.slug,
        "name": row.name,
        "timezone": row.timezone,
        "environment_label": row.environment_label,
        "status": str(row.status),
        "granted_roots": row.granted_roots,
        "recovery_point_minutes": row.recovery_point_minutes,
        "needs_two_people": row.needs_two_people,
    }


COMMANDS = (tenant,)
