"""``lastgood init``: everything that a start needs."""

from __future__ import annotations

import click

from webapp import clock, create_app, schema
from webapp.cli.databases import upgrade_tables
from webapp.cli.framework import Console, actor_for, prints_data
from webapp.domain.actors import Actor
from webapp.errors import AppError
from webapp.services import demo, installation, keys, setup
from webapp.services.setup import FirstAdmin
from webapp.settings import Settings


@click.command("init")
@click.option(
    "--email",
    default="admin@example.com",
    show_default=True,
    help="Address of the first admin; used only if there is nobody yet.",
)
@prints_data
def init(email: str, console: Console) -> None:
    """Create or upgrade database and keys, and the first admin.

    Safe to repeat: what is there stays. The first admin's password is printed once, by the run
    that made the account.

    Example: lastgood init --email anna@example.com
    """
    settings = Settings.from_environ()
    app = create_app(settings.as_owner(), unlock=False)
    with app.app_context():
        schema.require_usable()
        upgrade_tables(settings)
        installation.bind(settings, keys.create(settings))
        actor = actor_for(None)
        first = setup.first_admin(actor, email.strip().lower(), at=clock.now())
        has_demo = bool(first and settings.demo and _make_demo(actor))
    console.data(_document(settings, first, has_demo), lambda: _lines(settings, first))


def _make_demo(actor: Actor) -> bool:
    """The admin's password is known only now and must be printed, whatever becomes of the demo."""
    try:
        demo.create(actor)
    except (AppError, OSError) as error:
        Console.say(f"The demo tenant could not be made: {error}")
        return False
    return True


def _document(settings: Settings, first: FirstAdmin | None, has_demo: bool) -> dict[str, object]:
    return {
        "home": str(settings.home),
        "created": first is not None,
        "email": first.email if first else None,
        "password": first.password if first else None,
        "demo": has_demo,
    }


def _lines(settings: Settings, first: FirstAdmin | None) -> list[str]:
    if first is None:
        return [f"Ready: {settings.home}"]
    return [
        f"Made a new installation in {settings.home}",
        "",
        f"  First sign-in:  {first.email}",
        f"  Password:       {first.password}",
        "",
        "The password is not shown again. Change it under Account, and add a second factor.",
        f"Keep a copy of {settings.master_key_file} elsewhere: without it nothing can be restored.",
        "To print it: lastgood console sheet --output sheet.html",
    ]


COMMANDS = (init,)
