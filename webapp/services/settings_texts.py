"""The settings of an installation as a file: what was set, without what is secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit, urlunsplit

from webapp.settings import VARIABLES

_NEVER = {"SECRET_KEY"}


def settings_text(environ: Mapping[str, str]) -> str:
    """The ``LASTGOOD_*`` variables that are set, one in a line, as systemd and compose read them.

    Passwords are left out, and that they were there is said.
    """
    return "".join(f"{line}\n" for name in VARIABLES for line in _lines(name, environ))


def without_password(url: str) -> str:
    """*url* as it may be shown and stored."""
    parts = urlsplit(url)
    login, at, place = parts.netloc.rpartition("@")
    if not at:
        return url
    return urlunsplit(parts._replace(netloc=f"{login.partition(':')[0]}@{place}"))


def has_password(url: str) -> bool:
    return without_password(url) != url or "password=" in urlsplit(url).query


def _lines(name: str, environ: Mapping[str, str]) -> Iterator[str]:
    variable = f"LASTGOOD_{name}"
    if file := environ.get(f"{variable}_FILE"):
        yield f"# {file} held {name}; it is not in this backup."
        yield f"{variable}_FILE={file}"
    value = environ.get(variable)
    if value and name in _NEVER:
        yield f"# {variable} was set. No backup holds it: a new one is made."
    elif value and has_password(value):
        yield f"# {variable} held a password, which is not in this backup."
        yield f"# {variable}={without_password(value).partition('?')[0]}"
    elif value:
        yield f"{variable}={value}"
