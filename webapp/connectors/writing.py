"""Changing a target, against a permit. Only the restore service may import this module.

A permit is plain data that anybody could make up; so it is never believed. The authority, which
asks the database whether this run may still write, is asked on opening and before every write.
"""

from __future__ import annotations

from webapp.connectors.base import Connector, Writer
from webapp.connectors.files import FilesConnector
from webapp.connectors.pen import Pen
from webapp.connectors.permits import Permit, PermitAuthority, PermitRefused
from webapp.connectors.site import SiteConnector
from webapp.connectors.site_writer import SiteWriter
from webapp.connectors.sqlite import SqliteConnector
from webapp.connectors.sqlite_writer import DatabaseWriter
from webapp.connectors.tree_writer import TreeWriter
from webapp.errors import ConnectorError

__all__ = ["Permit", "PermitAuthority", "PermitRefused", "open_for_writing"]


def open_for_writing(connector: Connector, permit: Permit, authority: PermitAuthority) -> Writer:
    """Open a target so that it can be changed.

    Raises:
        PermitRefused: the authority says no.
        ConnectorError: the target cannot be written.
    """

    def confirm() -> None:
        authority.confirm(permit)

    confirm()
    return _writer(connector, Pen(confirm, permit.run_id))


def _writer(connector: Connector, pen: Pen) -> Writer:
    if isinstance(connector, FilesConnector):
        return SiteWriter({"tree": TreeWriter(connector.tree, pen)})
    if isinstance(connector, SqliteConnector):
        return SiteWriter({"db": DatabaseWriter(connector.database, pen)})
    if isinstance(connector, SiteConnector):
        return SiteWriter(_site_writers(connector, pen))
    raise ConnectorError("not_supported", f"A {connector.label} cannot be restored into.")


def _site_writers(connector: SiteConnector, pen: Pen) -> dict[str, Writer]:
    parts: dict[str, Writer] = {}
    if connector.config is not None:
        parts["config"] = TreeWriter(connector.config, pen)
    if connector.database is not None:
        parts["db"] = DatabaseWriter(connector.database, pen)
    parts["tree"] = TreeWriter(connector.tree, pen)
    return parts
