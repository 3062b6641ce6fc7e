"""``lastgood vault``: a vault alone, with no database and no server.

Each verb is a module of this package with a ``COMMAND``, imported only when it is used.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import NoReturn

import click

VERBS = {
    "init": "Make a new, empty vault.",
    "backup": "Back up files and folders into a new snapshot.",
    "snapshots": "List the snapshots, newest first.",
    "ls": "List what a snapshot holds.",
    "find": "Find a path or a pattern in all snapshots.",
    "diff": "Show what differs between two snapshots.",
    "dump": "Write one file of a snapshot to stdout.",
    "restore": "Write a snapshot, or a part of it, into a folder.",
    "verify": "Check the vault, and the data in it.",
    "repair": "Mend what can be mended; say exactly what is lost.",
    "forget": "Drop snapshots by rules; can be undone for 7 days.",
    "tag": "Give a snapshot tags.",
    "pin": "Keep a snapshot whatever the rules say.",
    "hold": "Keep a snapshot for a reason, until a day.",
    "prune": "Free the space that no snapshot needs.",
    "copy": "Copy snapshots into a second vault.",
    "export": "Write a snapshot as a tar archive.",
    "key": "Add, list, remove and rotate passphrases.",
    "sheet": "Print the recovery sheet.",
    "stats": "Show what the vault holds and how well it is packed.",
}
INTERRUPTED = 130
_NOTHING_VISIBLE = "Nothing unfinished is visible in the vault."
_STOPPED = {
    "restore": "What is in the target is whole. Run it again: it goes on where it was.",
    "copy": f"{_NOTHING_VISIBLE} Run it again: it goes on where it was.",
    "export": "There is no half archive.",
    "dump": "What was written is not the whole file.",
}


class _Verbs(click.Group):
    """Imports a verb when it is asked for, and ends each by the exit codes of the vault."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [verb for verb in VERBS if find_spec(f"{__name__}.{verb}")]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"{__name__}.{cmd_name}").COMMAND
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing them."""
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, VERBS[verb]) for verb in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            words = _STOPPED.get(ctx.invoked_subcommand or "", _NOTHING_VISIBLE)
            click.echo(f"lastgood: stopped. {words}", err=True)
            ctx.exit(INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            return _end(ctx, error)


def _end(context: click.Context, error: Exception) -> NoReturn:
    from webapp.standalone.refusals import explain

    known = explain(error)
    if known is None:
        raise error
    code, sentence = known
    click.echo(f"lastgood: {sentence}", err=True)
    context.exit(code)


@click.group("vault", cls=_Verbs, short_help="Use a vault alone, without database or server.")
def vault() -> None:
    """Use a vault alone: no database and no server is needed.

    VAULT is a path, s3://bucket/prefix or rclone:remote:path. The passphrase comes from
    --passphrase-file, --passphrase-command, LASTGOOD_VAULT_PASSPHRASE, or your keyboard.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done but some data could not be read or
    written, 10 no vault there, 11 busy, 12 wrong passphrase, 130 stopped by Ctrl-C.

    Example: lastgood vault backup /mnt/backup /home /etc
    """


COMMANDS = (vault,)
