"""Which places two pieces of work would share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath


def places_of(config: Mapping[str, object]) -> frozenset[str]:
    """The local paths that a source's settings name."""
    found = {str(config.get(name) or "") for name in ("path", "config")}
    database = str(config.get("db") or "")
    if database.startswith("sqlite:///"):
        found.add(database.removeprefix("sqlite:///"))  # four slashes: an absolute path
    return frozenset(path for path in found if path.startswith("/"))


def overlap(some: Iterable[str], others: Iterable[str]) -> bool:
    """Say whether any path of *some* is, holds, or lies in one of *others*."""
    others = list(others)
    return any(_touch(PurePosixPath(one), PurePosixPath(other)) for one in some for other in others)


def _touch(one: PurePosixPath, other: PurePosixPath) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)
