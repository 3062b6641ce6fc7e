"""The ``lastgood`` command. Each noun is a module with a click ``command`` or ``group``."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from webapp.cli.framework import EXIT, Console
from webapp.errors import AppError, ConfigError, Conflict, Forbidden, Refused, Waiting

NOUNS = {
    "audit": "audit",
    "bulk": "bulk",
    "capture": "capture",
    "console": "console",
    "demo": "demo",
    "export": "items",
    "init": "init",
    "items": "items",
    "limits": "limits",
    "move-database": "moving",
    "requests": "requests",
    "restore": "restore",
    "retention": "retention",
    "run": "runs",
    "runs": "runs",
    "schedule": "schedule",
    "scheduler": "serve",
    "schedules": "schedules",
    "serve": "serve",
    "sets": "sets",
    "site": "source",
    "source": "source",
    "status": "status",
    "target": "target",
    "tenant": "tenant",
    "unprotected": "unprotected",
    "usage": "usage",
    "user": "user",
    "vault": "vault",
    "web": "serve",
    "worker": "serve",
}
"""Which module holds a noun. Only the one that is used gets imported: most bring the whole app."""


class _Nouns(click.Group):
    """Imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in NOUNS:
            return super().get_command(ctx, cmd_name)
        module = import_module(f"{__name__}.{NOUNS[cmd_name]}")
        return next(one for one in module.COMMANDS if one.name == cmd_name)


def _tell_version(context: click.Context, param: click.Parameter, asked: bool) -> None:
    if asked:
        click.echo(f"lastgood {_version()}")
        context.exit()


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("lastgood")
    except PackageNotFoundError:
        return "of a source tree, not installed"


@click.group(
    cls=_Nouns,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_tell_version,
    help="Show the version and exit.",
)
def lastgood() -> None:
    """Back up, preview, restore, and prove it: for many customers from one place.

    Example: lastgood capture acme website --wait
    """


def main(arguments: list[str] | None = None) -> None:
    """Run one command and end the process with one of ``EXIT``."""
    os.umask(0o077)  # what we make is for the service's user only; restores set modes themselves
    try:
        # Outside standalone mode click returns the code of an Exit instead of raising it.
        code = lastgood.main(args=arguments, prog_name="lastgood", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else EXIT.DONE)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(EXIT.FAILED)
    except Waiting as error:
        Console.complain(error)
        Console.say(f"Look at it: lastgood requests show {error.slug} {error.request_id}")
        sys.exit(EXIT.REFUSED)
    except (Forbidden, Refused, Conflict) as error:
        Console.complain(error)
        sys.exit(EXIT.REFUSED)
    except (ConfigError, AppError) as error:
        Console.complain(error)
        sys.exit(EXIT.FAILED)
    except Exception as error:
        if not (sentence := _of_database(error)):
            raise
        Console.say(f"lastgood: {sentence}")
        sys.exit(EXIT.FAILED)


def _of_database(error: Exception) -> str:
    """What to say if the database went down meanwhile; commands without one do not load it."""
    database = sys.modules.get("webapp.database")
    return database.told(error) if database and isinstance(error, database.FAILURES) else ""
