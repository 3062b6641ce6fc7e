"""What all commands share: the app, who acts, how data is printed, how they exit."""

from __future__ import annotations

import json
import os
import pwd
import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from webapp import create_app
from webapp.domain import redaction

if TYPE_CHECKING:
    from webapp.domain.actors import Actor


class EXIT:
    """Exit codes, as the documents promise them."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    REFUSED = 4


class Console:
    """Data goes to stdout, words to stderr."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    @property
    def as_json(self) -> bool:
        """Whether ``--json`` was given; for commands that print their one document bit by bit."""
        return self._as_json

    def data(self, document: Any, lines: Callable[[], list[str]], *, matters: bool = True) -> None:
        """Print one JSON document with ``--json``, else the lines for a person.

        Args:
            matters: it is said even to those who asked for quiet.
        """
        if self._as_json:
            click.echo(json.dumps(document, default=_as_text, ensure_ascii=False))
        elif matters or not is_quiet():
            for line in lines():
                click.echo(harmless(line))

    def each(self, rows: Iterable[Any], line: Callable[[Any], str]) -> None:
        """Print many rows as they come: with ``--json`` one array, else a line for each."""
        if not self._as_json:
            for row in rows:
                click.echo(harmless(line(row)))
            return
        before = "["
        for row in rows:
            click.echo(before + json.dumps(row, default=_as_text, ensure_ascii=False), nl=False)
            before = ",\n"
        click.echo("[]" if before == "[" else "]")

    @staticmethod
    def say(message: str) -> None:
        click.echo(message, err=True)

    def say_plainly(self, message: str) -> None:
        """The same, as what this program says, and nothing in it can steer a terminal."""
        self.say(f"lastgood: {harmless(message)}")

    def mention(self, message: str) -> None:
        """The same, of what is no fault: not to those who asked for quiet."""
        if not is_quiet():
            self.say_plainly(message)

    @staticmethod
    def complain(error: Exception) -> None:
        click.echo(f"lastgood: {redaction.safe(str(error))}", err=True)


QUIET = "lastgood.quiet"


def is_quiet() -> bool:
    """Whether ``--quiet`` was given to the command that runs."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(QUIET))


def harmless(line: str) -> str:
    """*line* with what could steer a terminal written out: others chose names and reasons."""
    return _STEERING.sub(lambda found: f"\\x{ord(found[0]):02x}", line)


_STEERING = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def _as_text(value: object) -> str:
    """Moments in JSON are ISO 8601, ids are text."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def in_app(function: Callable[..., Any]) -> Callable[..., Any]:
    """Run a command inside the application's context."""

    @wraps(function)
    def inside(*arguments: Any, **options: Any) -> Any:
        app = create_app()
        with app.app_context():
            return function(*arguments, **options)

    return inside


def prints_data(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--json`` and hand the command a ``console``."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
    @wraps(function)
    def printing(*arguments: Any, as_json: bool, **options: Any) -> Any:
        return function(*arguments, console=Console(as_json=as_json), **options)

    return printing


def acts(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--as EMAIL`` and hand the command its ``actor``. Goes below ``in_app``."""

    @click.option(
        "--as", "as_email", metavar="EMAIL", help="Act as this person, with their rights."
    )
    @wraps(function)
    def acting(*arguments: Any, as_email: str | None, **options: Any) -> Any:
        return function(*arguments, actor=actor_for(as_email), **options)

    return acting


def actor_for(email: str | None) -> Actor:
    """The person named by ``--as``, else whoever runs this shell: an MSP admin by definition.

    Raises:
        Forbidden: nobody has that address, or they are disabled.
    """
    from webapp.domain.actors import Actor
    from webapp.services import access

    login = f"{_login()}@{socket.gethostname()}"
    if email is None:
        name = pwd.getpwuid(os.getuid()).pw_name
        label = f"cli:{name}@{socket.gethostname()}"
        return Actor(label=label, is_msp_admin=True, login=login)
    return replace(access.actor_called(email), login=login)


def _login(audit: Path = Path("/proc/self/loginuid")) -> str:
    """Who signed in at this machine, also after sudo or su, as far as the machine knows."""
    try:
        uid = int(audit.read_text())
    except (OSError, ValueError):
        uid = _NO_LOGIN
    if uid == _NO_LOGIN:  # a container, or a service
        given = os.environ.get("SUDO_UID", "")
        uid = int(given) if given.isdecimal() else os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


_NO_LOGIN = 2**32 - 1
