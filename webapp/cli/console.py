"""``lastgood console``: the console itself, backed up into a vault and restored from it."""

from __future__ import annotations

import dataclasses
import os
import shlex
from pathlib import Path
from typing import Any, NoReturn

import click

from webapp import clock
from webapp.cli.console_restore import restore
from webapp.cli.console_sheet import sheet
from webapp.cli.databases import opened_on, upgrade
from webapp.cli.framework import Console, actor_for, in_app, prints_data
from webapp.cli.vault.options import opens_vault
from webapp.cli.vault.progress import may_be_quiet, shown
from webapp.cli.vault.words import counted
from webapp.errors import AppError, Refused
from webapp.formatting import length, size
from webapp.services import console_backups, installation, moving
from webapp.standalone import console_vaults
from webapp.standalone.console_vaults import Order
from webapp.standalone.refusals import explain
from webapp.standalone.vaults import Where

_HEAD = f"{'ID':<8}  {'Time (UTC)':<16}  {'Size':>7}  {'Database':<10}  Host"


class _Verbs(click.Group):
    """Ends by the exit codes of the vault where that is what fails."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, AppError):
            raise
        except Exception as error:
            return _end(ctx, error)


def _end(context: click.Context, error: Exception) -> NoReturn:
    known = explain(error)
    if known is None:
        raise error
    code, sentence = known
    click.echo(f"lastgood: {sentence}", err=True)
    context.exit(code)


@click.group("console", cls=_Verbs)
def group() -> None:
    """Back up the console itself, and restore it on another machine.

    A backup holds the database and the settings. The master key is never in it: print it with
    lastgood console sheet. Tenants' vaults are not in it either: they are backups themselves, and
    want a second copy of their own.

    Example: lastgood console backup s3://bucket/console --passphrase-file /etc/lastgood/passphrase
    """


@group.command("backup")
@opens_vault
@click.option(
    "--also",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Keep this file, too, such as the service's settings; may be given again.",
)
@click.option("--new-vault", is_flag=True, help="Make a new vault where there was one before.")
@may_be_quiet
@in_app
@prints_data
def backup(where: Where, *, also: tuple[Path, ...], new_vault: bool, console: Console) -> None:
    """Back up database and settings into VAULT while the console works; for a daily timer.

    The vault is made at the first run. Use one of its own: who has its passphrase and the master
    key has everything. The queue is left out: what waits in it is found again in the database.

    Example: lastgood console backup /mnt/backup/console --quiet
    """
    where = console_vaults.in_full(where)
    with console_backups.workplace() as folder, shown("console backup") as tell:
        copy = folder / "lastgood.db"
        _copy_database(copy, tell)
        order = Order(
            files=console_backups.files(copy, also=also, environ=os.environ),
            facts=console_backups.facts(at=clock.now()),
            on_missing=lambda: _agree(where, new_vault=new_vault),
            say=console.say_plainly,
            tell=tell,
        )
        made = console_vaults.keep(where, order)
    console_backups.record(actor_for(None), made, address=where.address)
    console.data(made, lambda: _lines(made, where), matters=bool(made["made_vault"]))


@group.command("list")
@opens_vault
@click.option("-n", "--last", type=click.IntRange(min=1), metavar="N", help="Only the N newest.")
@prints_data
def list_(where: Where, *, last: int | None, console: Console) -> None:
    """List the backups of the console that VAULT holds, newest first.

    Example: lastgood console list /mnt/backup/console -n 10
    """
    found = console_vaults.kept(where, last=last)
    lines = [_HEAD, *map(_line, found)] if found else []
    console.data(found, lambda: [*lines, counted(len(found), "backup")])


def _copy_database(copy: Path, tell: Any) -> None:
    """One moment of the database as a SQLite file."""
    settings, ring = installation.settings(), installation.ring()
    file = moving.sqlite_file(settings.database_url)
    if file is not None:
        console_backups.copy_file(file, copy)
        return
    source = moving.engine()
    with opened_on(dataclasses.replace(settings, database_url=f"sqlite:///{copy}"), ring):
        upgrade()
        moving.copy_out(source, tell=tell)
    console_backups.make_whole(copy)


def _agree(where: Where, *, new_vault: bool) -> None:
    """There is no vault: make one at the first run, and never in the place of a disk that is not
    there today."""
    before = console_backups.last_at(where.address)
    if before is not None and not new_vault:
        raise Refused(
            "vault_gone",
            f"The vault at {where.address}, where the backup of {before:%Y-%m-%d %H:%M} UTC went, "
            "is gone. Is the disk mounted? If a new one is meant: --new-vault",
        )
    if where.origin == "what was typed":
        again = click.prompt("The vault is made now. Passphrase again", hide_input=True, err=True)
        if again != where.passphrase:
            raise click.UsageError("The two passphrases differ.")


def _lines(made: dict[str, Any], where: Where) -> list[str]:
    told = []
    if made["made_vault"]:
        told = [
            f"Made vault {made['vault_id'][:8]} at {where.address}.",
            "Its passphrase and the master key are needed to restore. Print the key:",
            "  lastgood console sheet --output sheet.html",
        ]
    return [
        *told,
        f"Snapshot {made['snapshot_id'][:8]} of the console: {size(made['bytes'])}, stored "
        f"{size(made['bytes_stored'])} in {length(made['seconds'])}",
        f"To restore: lastgood console restore {shlex.quote(where.address)} --into FOLDER",
    ]


def _line(one: dict[str, Any]) -> str:
    when, facts = one["time"][:16].replace("T", " "), one["metadata"]
    told = f"{one['id'][:8]}  {when}  {size(one['bytes']):>7}"
    return f"{told}  {facts.get('database', ''):<10}  {facts.get('host', '')}"


group.add_command(restore)
group.add_command(sheet)

COMMANDS = (group,)
