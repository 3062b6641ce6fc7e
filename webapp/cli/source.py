"""``lastgood source`` and ``lastgood site add``: what is protected."""

from __future__ import annotations

import os
from typing import Any

import click

from webapp.cli import waiting
from webapp.cli.framework import EXIT, Console, acts, in_app, prints_data
from webapp.domain.actors import Actor
from webapp.domain.permissions import Permission
from webapp.models import Source
from webapp.services import access as gate
from webapp.services import sources


@click.group("source")
def source() -> None:
    """Look after what is protected.

    Example: lastgood source add acme website --kind files --set path=/srv/acme/www
    """


def _pairs(_context: click.Context, _option: click.Parameter, raw: tuple[str, ...]) -> Any:
    if any("=" not in pair for pair in raw):
        raise click.BadParameter("write it as key=value")
    return dict(pair.split("=", 1) for pair in raw)


@source.command("add")
@click.argument("tenant")
@click.argument("name")
@click.option("--kind", required=True, help="files, sqlite or site.")
@click.option("--set", "config", multiple=True, callback=_pairs, metavar="KEY=VALUE",
              help="A setting of the kind, such as path=/srv/www. Repeat for more.")  # fmt: skip
@click.option("--every", "recovery_point_minutes", type=click.IntRange(1), metavar="MINUTES",
              help="How old the newest backup may be; the tenant's target if absent.")  # fmt: skip
@in_app
@acts
@prints_data
def add(tenant: str, name: str, *, actor: Actor, console: Console, **typed: Any) -> None:
    """Add the source NAME to TENANT.

    Run by an MSP admin, this also grants the tenant the folders that the settings name.

    Example: lastgood source add acme shop --kind sqlite --set path=/srv/acme/shop.db
    """
    _add(actor, tenant, console, name=name, **typed)


def _add(actor: Actor, tenant: str, console: Console, **typed: Any) -> None:
    access = gate.enter(actor, tenant, Permission.MANAGE)
    if actor.is_msp_admin:
        for root in sources.grant_named(access, typed["kind"], typed["config"]):
            Console.say(f"Granted {root} to {tenant}.")
    made = sources.add(access, **typed)
    document = _document(made)
    console.data(document, lambda: [f"Added {document['name']} ({document['id']})."])


@source.command("list")
@click.argument("tenant")
@in_app
@acts
@prints_data
def list_(tenant: str, actor: Actor, console: Console) -> None:
    """List the sources of TENANT.

    Example: lastgood source list acme --json
    """
    access = gate.enter(actor, tenant, Permission.VIEW)
    found = [_document(row) for row in sources.rows(access)]
    console.data(
        found, lambda: [f"{row['name']:<24} {row['kind']:<8} {row['id']}" for row in found]
    )


@source.command("check")
@click.argument("tenant")
@click.argument("name")
@in_app
@acts
@prints_data
def check(tenant: str, name: str, actor: Actor, console: Console) -> None:
    """Let a worker look at the live source NAME of TENANT, and wait for what it finds.

    Example: lastgood source check acme website
    """
    access = gate.enter(actor, tenant, Permission.OPERATE)
    source_id = sources.called(access, name).id
    run, _ = sources.check(access, source_id)
    ended = waiting.until_ended(access, run.id)
    checked = sources.find(access, source_id)
    document = {
        "run_id": ended["id"],
        "status": checked.check_status,
        "findings": checked.check_findings,
    }
    console.data(
        document,
        lambda: [f"{found['level']}: {found['message']}" for found in checked.check_findings],
    )
    if ended["status"] != "succeeded":
        raise click.exceptions.Exit(EXIT.FAILED)


@source.command("remove")
@click.argument("tenant")
@click.argument("name")
@click.option("--reason", required=True, help="Why, for the audit log.")
@in_app
@acts
def remove(tenant: str, name: str, reason: str, actor: Actor) -> None:
    """Remove the source NAME of TENANT. Its backup sets stay.

    Example: lastgood source remove acme website --reason "moved to another host"
    """
    access = gate.enter(actor, tenant, Permission.MANAGE)
    sources.remove(access, sources.called(access, name).id, reason)
    Console.say(f"Removed {name}; its backup sets stay.")


@click.group("site")
def site() -> None:
    """Look after sites: a folder, a database and a file of settings as one restore point.

    Example: lastgood site add acme shop --path /srv/acme/www --db sqlite:////srv/acme/shop.db
    """


@site.command("add")
@click.argument("tenant")
@click.argument("name")
@click.option("--path", required=True, help="The site's folder.")
@click.option("--config", default="", help="Its file of settings.")
@click.option("--db", default="", help="Its database, such as sqlite:////srv/acme/shop.db.")
@in_app
@acts
@prints_data
def site_add(tenant: str, name: str, *, actor: Actor, console: Console, **typed: str) -> None:
    """Add the site NAME to TENANT.

    Example: lastgood site add acme shop --path /srv/acme/www --config /srv/acme/shop.ini
    """
    config = {key: value for key, value in typed.items() if value}
    for key in ("path", "config"):
        if key in config:
            config[key] = os.path.abspath(config[key])
    _add(actor, tenant, console, name=name, kind="site", config=config)


def _document(row: Source) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "name": row.name,
        "kind": row.kind,
        "config": row.config,
        "host": row.host,
        "recovery_point_minutes": row.recovery_point_minutes,
        "check_status": row.check_status,
        "checked_at": row.checked_at,
    }


COMMANDS = (source, site)
