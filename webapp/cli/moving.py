"""``lastgood move-database``: from SQLite to PostgreSQL."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from webapp import clock, create_app, schema
from webapp.cli.databases import opened_on, upgrade
from webapp.cli.framework import EXIT, Console, actor_for, prints_data
from webapp.cli.vault.progress import Tell, may_be_quiet, shown
from webapp.errors import Refused
from webapp.formatting import number
from webapp.services import installation, moving
from webapp.services.settings_texts import has_password, without_password
from webapp.services.table_copies import Copied
from webapp.settings import Settings

_FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)


@click.command("move-database")
@click.argument("url", required=False)
@click.option(
    "--url-file",
    type=_FILE,
    metavar="FILE",
    help="Read URL from the first line of FILE, - is stdin: for a URL with a password.",
)
@may_be_quiet
@prints_data
def move_database(url: str | None, url_file: Path | None, console: Console) -> int:
    """Copy the console's SQLite database into an empty PostgreSQL database at URL.

    Stop web server, worker and scheduler first. All tables are copied in one transaction and
    compared row by row, and the audit chains are verified. The old file stays as it is. Afterwards
    set LASTGOOD_DATABASE_URL, and start again.

    Example: lastgood move-database postgresql://lastgood@db.example.com/lastgood
    """
    settings = Settings.from_environ()
    target = _target(settings, _url(url, url_file))
    with create_app(settings).app_context(), shown("move-database") as tell:
        moving.require_still(settings.database_url, at=clock.now())
        done, problems = _move(target, tell)
    file = moving.sqlite_file(settings.database_url)
    document = {
        "tables": len(done),
        "rows": sum(one.rows for one in done),
        "url": without_password(target.database_url),
        "old_file": str(file),
        "audit_problems": problems,
    }
    console.data(document, lambda: _lines(document, problems))
    return EXIT.PARTIAL if problems else EXIT.DONE


def _url(given: str | None, file: Path | None) -> str:
    if (given is None) is (file is None):
        raise click.UsageError("Give URL, or --url-file FILE.")
    if file is not None:
        try:
            text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise click.UsageError(f"{file} cannot be read.") from None
        return text.partition("\n")[0].strip()
    url = given or ""
    if has_password(url):
        raise click.UsageError(
            "Everybody on this machine can see a password on the command line. Write the URL into "
            "a file, and give --url-file FILE."
        )
    return url


def _target(settings: Settings, url: str) -> Settings:
    """This installation's settings with the new database.

    Raises:
        Refused: it is no move from SQLite to PostgreSQL.
        ConfigError: the address is wrong.
    """
    if moving.sqlite_file(settings.database_url) is None:
        raise Refused("not_sqlite", "The database is PostgreSQL already: use its own tools.")
    if not url.startswith(("postgresql://", "postgres://", "postgresql+psycopg://")):
        raise Refused("not_postgresql", "The new database must be postgresql://user@host/NAME.")
    environ = {n: v for n, v in os.environ.items() if n != "LASTGOOD_DATABASE_URL_FILE"}
    return Settings.from_environ(
        {**environ, "LASTGOOD_HOME": str(settings.home), "LASTGOOD_DATABASE_URL": url}
    )


def _move(target: Settings, tell: Tell) -> tuple[list[Copied], list[str]]:
    """Into the new database, from that of the open context."""
    source, ring = moving.engine(), installation.ring()
    with opened_on(target, ring):
        schema.require_usable()
        moving.require_room()
        upgrade()
        done = moving.move(source, tell=tell)
        problems = moving.audit_problems()
        moving.record(actor_for(None), done)
    source.dispose()
    return done, problems


def _lines(done: dict[str, object], problems: list[str]) -> list[str]:
    rows = done["rows"]
    return [
        f"Moved {done['tables']} tables with {number(int(str(rows)))} rows, and compared them all.",
        *(f"! {problem} It was so before the move." for problem in problems),
        *(["The audit chains are whole."] if not problems else []),
        "Now set this for web server, worker and scheduler, on every machine, and start them:",
        f"  LASTGOOD_DATABASE_URL={done['url']}",
        f"The old database stays as it was: {done['old_file']}",
        "Work on several machines needs a queue that they all reach, too: LASTGOOD_QUEUE_URL.",
    ]


COMMANDS = (move_database,)
