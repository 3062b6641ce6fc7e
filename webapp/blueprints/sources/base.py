"""The blueprint that the modules of this family add their views to."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("sources", __name__, url_prefix="/t/<string:tenant_slug>/sources")

# What a person chooses from: word, name, and what it holds.
KINDS: tuple[tuple[str, str, str], ...] = (
    ("site", "Site", "A folder, its SQLite database and its settings file, as one restore point."),
    ("files", "Folder", "A folder on this machine with everything below it."),
    ("sqlite", "SQLite database", "One database file, copied safely while it is in use."),
)
KIND_NAMES = {kind: name for kind, name, _ in KINDS}
