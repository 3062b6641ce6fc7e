"""The ``lastgood`` command. Each noun is a module with a click ``command`` or ``group``."""

from __future__ import annotations

import os
import pkgutil
import sys
from importlib import import_module

import click

from webapp.cli.framework import EXIT, Console
from webapp.errors import AppError, ConfigError, Conflict, Forbidden, Refused


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def lastgood() -> None:
    """Back up, preview, restore, and prove it: for many customers from one place.

    Example: lastgood capture acme website --wait
    """


def _discover() -> None:
    for found in pkgutil.iter_modules(__path__):
        if found.name == "__main__":
            continue
        module = import_module(f"{__name__}.{found.name}")
        for command in getattr(module, "COMMANDS", ()):
            lastgood.add_command(command)


_discover()


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
    except (Forbidden, Refused, Conflict) as error:
        Console.complain(error)
        sys.exit(EXIT.REFUSED)
    except (ConfigError, AppError) as error:
        Console.complain(error)
        sys.exit(EXIT.FAILED)
