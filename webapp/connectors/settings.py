"""Reading what a person typed into a source's form."""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterable, Mapping

from webapp.connectors.base import Field


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
