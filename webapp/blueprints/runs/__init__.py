"""Background work: of one tenant, of all of one's tenants, and one run live."""

from __future__ import annotations

from webapp.blueprints.runs import actions, live, pages
from webapp.blueprints.runs.base import bp

__all__ = ["actions", "bp", "live", "pages"]
