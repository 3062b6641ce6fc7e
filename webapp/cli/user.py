"""``lastgood user``: people and their roles."""

from __future__ import annotations

import re
import sys
from typing import Any

import click

from webapp import clock
from webapp.cli.framework import Console, acts, in_app, prints_data
from webapp.domain.actors import Actor
from webapp.domain.permissions import MEMBERSHIP_ROLES, Role
from webapp.errors import Conflict
from webapp.models import User
from webapp.services import access as gate
from webapp.services import accounts, users
from webapp.services.accounts import Provided, Wanted

_ROLES = [str(role) for role in MEMBERSHIP_ROLES]


@click.group("user")
def user() -> None:
    """Look after people.

    Example: lastgood user add olga@example.com --tenant acme --role operator
    """


@user.command("add")
@click.argument("email")
@click.option("--name", default="", help="As others see it.")
@click.option("--admin", "is_msp_admin", is_flag=True, help="May do everything everywhere.")
@click.option("--tenant", "tenant_slug", metavar="SLUG", help="Give a role in this customer.")
@click.option("--role", type=click.Choice(_ROLES), help="With --tenant: which role.")
@click.option("--content", is_flag=True, help="May see inside backups, whatever the role.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@in_app
@acts
@prints_data
def add(actor: Actor, console: Console, **typed: Any) -> None:
    """Add EMAIL, or give somebody who is there a role in one more customer.

    Prints an invitation link for whoever has no password yet.

    Example: lastgood user add olga@example.com --tenant acme --role operator --content
    """
    password = _password() if typed.pop("password_stdin") else None
    added = accounts.provide(actor, _wanted(typed), password=password, at=clock.now())
    document = {**_document(added.user), "link": added.link}
    console.data(document, lambda: _lines(added))


@user.command("list")
@in_app
@acts
@prints_data
def list_(actor: Actor, console: Console) -> None:
    """List everybody, with their roles.

    Example: lastgood user list --json
    """
    found = users.rows(actor)
    console.data([_document(row) for row in found], lambda: [_line(row) for row in found])


@user.command("disable")
@click.argument("email")
@in_app
@acts
@prints_data
def disable(email: str, actor: Actor, console: Console) -> None:
    """Lock EMAIL out, at once and everywhere.

    Example: lastgood user disable olga@example.com
    """
    gate.require_msp_admin(actor)
    found = users.called(email)
    if found is None:
        raise Conflict(f"Nobody has the address {email}.")
    row = users.disable(actor, found.id)
    console.data(_document(row), lambda: [f"{row.email} is disabled."])


def _wanted(typed: dict[str, Any]) -> Wanted:
    email = typed.pop("email").strip().lower()
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
        raise click.UsageError(f"{email!r} is not an e-mail address.")
    role = typed.pop("role")
    if bool(role) != bool(typed["tenant_slug"]):
        raise click.UsageError("--tenant and --role go together.")
    return Wanted(email=email, role=Role(role or Role.VIEWER), **typed)


def _password() -> str:
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise click.UsageError("There is no password on standard input.")
    return password


def _lines(added: Provided) -> list[str]:
    lines = [f"Added {added.user.email}."]
    if added.link:
        lines += ["Hand over this link; it works once and for 7 days:", f"  {added.link}"]
    return lines


def _line(row: User) -> str:
    roles = [f"{m.tenant.slug}:{m.role}" for m in row.memberships]
    notes = ["MSP admin"] * row.is_msp_admin + ["disabled"] * row.is_disabled
    return f"{row.email:<36} {', '.join(notes + roles)}".rstrip()


def _document(row: User) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "email": row.email,
        "name": row.name,
        "is_msp_admin": row.is_msp_admin,
        "is_disabled": row.is_disabled,
        "has_password": row.password_hash is not None,
        "has_second_factor": row.totp_confirmed_at is not None,
        "memberships": [
            {"tenant": m.tenant.slug, "role": str(m.role), "content": m.content}
            for m in row.memberships
        ],
    }


COMMANDS = (user,)
