"""Where things go when a restore point is put into another folder than its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

_URL = "sqlite://"


def moved(kind: str, config: Mapping[str, str], folder: str) -> dict[str, str]:
    """The settings of a source of *kind* as if it lived in *folder*.

    A folder's content goes right into it; a database, and what lies outside the site's folder,
    keeps its file name there.
    """
    new = {**config}
    if kind == "sqlite":
        new["path"] = f"{folder}/{PurePosixPath(config['path']).name}"
        return new
    old = config["path"]
    new["path"] = folder
    if config.get("config"):
        new["config"] = _inside(config["config"], old, folder)
    if config.get("db", "").startswith(_URL + "/"):
        new["db"] = _URL + _inside(config["db"].removeprefix(_URL), old, folder)
    return new


def _inside(path: str, old: str, folder: str) -> str:
    place = PurePosixPath(path)
    if place.is_relative_to(old):
        return f"{folder}/{place.relative_to(old)}"
    return f"{folder}/{place.name}"
