"""``lastgood console restore``."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click

from webapp import clock, schema
from webapp.cli.databases import opened_on, upgrade, upgrade_tables
from webapp.cli.framework import EXIT, Console, actor_for, prints_data
from webapp.cli.vault.options import opens_vault
from webapp.cli.vault.progress import Tell, may_be_quiet, shown
from webapp.cli.vault.words import counted, some
from webapp.services import console_backups, console_restores, keys, moving
from webapp.services.console_restores import RESTORED, STAGING, Settled
from webapp.services.keys import KeyRing
from webapp.settings import Settings
from webapp.standalone import console_vaults
from webapp.standalone.console_vaults import Found
from webapp.standalone.vaults import Where

_FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a console is restored to."""

    settings: Settings
    ring: KeyRing
    staging: Path

    @property
    def staged(self) -> Path:
        return self.staging / "lastgood.db"


@click.command("restore")
@opens_vault
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="The data folder to make, instead of LASTGOOD_HOME; empty, or only with vaults in it.",
)
@click.option(
    "--snapshot",
    default="latest",
    show_default=True,
    metavar="ID",
    help="Which backup, as console list names it.",
)
@click.option(
    "--master-key-file",
    type=_FILE,
    metavar="FILE",
    help="Read the master key from FILE, - is stdin; else it is typed, as on the recovery sheet.",
)
@may_be_quiet
@prints_data
def restore(
    where: Where,
    *,
    into: Path | None,
    snapshot: str,
    master_key_file: Path | None,
    console: Console,
) -> int:
    """Restore the console out of VAULT onto a machine that has none.

    Nothing is overwritten. The database goes where LASTGOOD_DATABASE_URL says, which must be
    empty; without it, into FOLDER. Runs that were under way at the time of the backup have failed
    afterwards, and restores that waited too; captures that waited begin. Everybody signs in again.

    Example: lastgood console restore /mnt/backup/console --into /var/lib/lastgood
    """
    settings = _settings(into)
    _require_room(settings)
    with console_vaults.found(where, snapshot) as found, shown("console restore") as tell:
        schema.require_known(str(found.facts.get("revision")))
        text = _key_text(settings, master_key_file)
        master = console_restores.require_key(settings, text, facts=found.facts)
        with _prepared(settings, master) as place:
            _fetch(found, place)
            settled, problems = _settle(found, place, tell)
        facts = dict(found.facts)
    told = {"home": str(settings.home), "snapshot_id": found.id, **asdict(settled)}
    document = {**told, "copied_at": facts["copied_at"], "audit_problems": problems}
    console.data(document, lambda: _lines(settings, document))
    return EXIT.PARTIAL if problems else EXIT.DONE


def _settings(into: Path | None) -> Settings:
    if into is None:
        return Settings.from_environ()
    return Settings.from_environ({**os.environ, "LASTGOOD_HOME": str(into)})


def _require_room(settings: Settings) -> None:
    console_restores.require_room(settings)
    if moving.sqlite_file(settings.database_url) is None:
        with opened_on(settings.as_owner(), None):
            schema.require_usable()
            moving.require_room()


def _key_text(settings: Settings, file: Path | None) -> str:
    """The master key as somebody gives it."""
    if file is None and settings.master_key_file.is_file():
        file = settings.master_key_file
    if file is None:
        if not sys.stdin.isatty():
            raise click.UsageError(
                "Give the master key by --master-key-file FILE. It is on the recovery sheet."
            )
        return str(click.prompt("Master key, as on the recovery sheet", hide_input=True, err=True))
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise click.UsageError(f"{file} cannot be read.") from None


@contextmanager
def _prepared(settings: Settings, master: bytes) -> Iterator[_Place]:
    """The data folder with its keys, and a folder in it to work in."""
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    staging = settings.home / STAGING
    for leftover in (staging, settings.home / RESTORED):  # of a restore that was cut short
        shutil.rmtree(leftover, ignore_errors=True)
    staging.mkdir(mode=0o700)
    try:
        yield _Place(settings=settings, ring=keys.put_back(settings, master), staging=staging)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _fetch(found: Found, place: _Place) -> None:
    found.write(console_backups.DATABASE, place.staged)
    beside = place.settings.home / RESTORED
    beside.mkdir(mode=0o700)
    for name in found.names("config"):
        found.write(b"config/" + os.fsencode(name), beside / name)


def _settle(found: Found, place: _Place, tell: Tell) -> tuple[Settled, list[str]]:
    """Bring the copy up to this release, make it true, and put it where it is used."""
    staged = replace(place.settings, database_url=f"sqlite:///{place.staged}")
    file = moving.sqlite_file(place.settings.database_url)
    with opened_on(staged, place.ring):
        upgrade()
        settled = console_restores.settle(
            actor_for(None), facts=found.facts, snapshot_id=found.id, at=clock.now()
        )
        problems = moving.audit_problems()
        if file is None:
            _move_on(place, tell)
    if file is not None:
        console_restores.put_in_place(place.staged, file)
    return settled, problems


def _move_on(place: _Place, tell: Tell) -> None:
    """From the copy into the database server."""
    source = moving.engine()
    with opened_on(place.settings.as_owner(), place.ring):
        upgrade_tables(place.settings)
        moving.move(source, tell=tell)


def _lines(settings: Settings, done: dict[str, Any]) -> list[str]:
    away = [f"  {slug}: {folder}" for slug, folder in done["away"].items()]
    return [
        f"Restored the console as it was at {done['copied_at'][:16].replace('T', ' ')} UTC into "
        f"{settings.home}.",
        *_became(done),
        f"Its settings of then: {settings.home / RESTORED}",
        *(f"! {problem}" for problem in done["audit_problems"]),
        *(["The vaults of these tenants are to be put back:"] if away else []),
        *some(away, len(away)),
        f"Then: LASTGOOD_HOME={settings.home} lastgood init, and lastgood serve",
    ]


def _became(done: dict[str, Any]) -> Iterator[str]:
    """What was done to runs and previews; everybody can see it on their pages, too."""
    if done["ended"]:
        ended = counted(done["ended"], "run")
        yield f"{ended} ended as failed: what became of them since the backup is not known."
    if done["waiting"]:
        yield f"{counted(done['waiting'], 'run')} that waited will begin."
    if done["plans"]:
        yield f"{counted(done['plans'], 'preview')} expired."
    yield "Everybody signs in again."
