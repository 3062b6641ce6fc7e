"""Every kind of source there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

from webapp.connectors.base import Connector, Kind, Surroundings
from webapp.connectors.files import FilesConnector
from webapp.connectors.site import SiteConnector
from webapp.connectors.sqlite import SqliteConnector
from webapp.errors import ConnectorError, Invalid

KINDS: Mapping[str, Kind] = {
    kind.kind: kind for kind in (FilesConnector, SqliteConnector, SiteConnector)
}


def connect(kind: str, config: Mapping[str, str], surroundings: Surroundings) -> Connector:
    """Open one source or target. Nothing is read yet.

    Raises:
        Invalid: there is no such kind, or a setting is missing.
    """
    found = kind_of(kind)
    return found(found.clean(config), surroundings)


def kind_of(kind: str) -> Kind:
    """The class of a kind.

    Raises:
        Invalid: there is none of that name.
    """
    if kind not in KINDS:
        raise Invalid({"kind": f"There is no kind of source named {kind}."})
    return KINDS[kind]


def at_path(folder: Path, keys: Iterable[str], surroundings: Surroundings) -> Connector:
    """The target that a set goes to when a person names a folder instead of a source.

    A set of files only goes into the folder itself. Else its parts lie side by side:
    ``tree/…``, ``db/<name>.db`` and ``config/<name>``.

    Args:
        keys: item keys of the set; those of its parts, such as ``tree:`` and ``db:shop``, will do.

    Raises:
        ConnectorError: the set has more than one database or config file.
    """
    named = {key for key in keys if not key.endswith(":")}
    databases = sorted(key[3:] for key in named if key.startswith("db:"))
    configs = sorted(key[7:] for key in named if key.startswith("config:"))
    if len(databases) > 1 or len(configs) > 1:
        raise ConnectorError("not_supported", "A set of several sites cannot go into one folder.")
    if not databases and not configs:
        return connect("files", {"path": str(folder)}, surroundings)
    config = {"path": str(folder / "tree")}
    if databases:
        config["db"] = f"sqlite:///{quote(str(folder / 'db' / databases[0]))}.db"
    if configs:
        config["config"] = str(folder / "config" / configs[0])
    return connect("site", config, surroundings)
