"""Reading what a person typed into a source's form."""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote

from webapp.connectors.base import Field

_SQLITE = "sqlite:///"


def require_known(raw: Mapping[str, str], fields: Iterable[Field]) -> dict[str, str]:
    """Complain about settings that the kind does not have; more complaints may be added."""
    known = {field.name for field in fields}
    return {name: f"There is no setting named {name}." for name in raw if name not in known}


def cleaned_path(text: str, name: str, problems: dict[str, str]) -> str:
    """An absolute path without ``.``, ``..`` or doubled slashes."""
    text = text.strip("\r\n\t ")
    if not text:
        problems[name] = "A full path is needed here."
    elif not text.startswith("/"):
        problems[name] = "The path must begin with a slash."
    elif "\x00" in text:
        problems[name] = "A path cannot hold a zero byte."
    elif any("\ud800" <= letter <= "\udfff" for letter in text):
        problems[name] = "The path is not UTF-8. Name a folder above it, or one that leads to it."
    else:
        return re.sub("^//", "/", os.path.normpath(text))
    return ""


def patterns_of(text: str) -> list[str]:
    """Patterns, one a line or with commas between them."""
    return [found for part in re.split(r"[,\r\n]", text) if (found := part.strip())]


def cleaned_patterns(text: str, name: str, problems: dict[str, str]) -> str:
    """The patterns, one a line."""
    found = patterns_of(text)
    if any(pattern.strip("/") in {"", "*", "**"} for pattern in found):
        problems[name] = "A pattern that leaves out everything leaves nothing to back up."
    return "\n".join(found)


def cleaned_database(text: str, name: str, problems: dict[str, str]) -> str:
    """A database's address: ``sqlite:////absolute/path``."""
    text = text.strip()
    if "@" in text.partition("://")[2].partition("/")[0]:
        problems[name] = "An address with a user or password in it is not taken here."
    elif not text.startswith(_SQLITE):
        problems[name] = "The address must look like sqlite:////srv/shop/shop.db."
    else:
        return _SQLITE + quote(cleaned_path(database_path(text), name, problems))
    return ""


def database_path(url: str) -> str:
    """The file that ``sqlite:////absolute/path`` names."""
    return unquote(url.removeprefix(_SQLITE))
