"""Every kind of source there is."""

from __future__ import annotations

from collections.abc import Mapping

from webapp.connectors.base import Connector, Kind, Surroundings
from webapp.connectors.files import FilesConnector
from webapp.connectors.site import SiteConnector
from webapp.connectors.sqlite import SqliteConnector
from webapp.errors import Invalid

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
