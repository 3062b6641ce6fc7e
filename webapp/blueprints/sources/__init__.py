"""What is protected: the list, one source, adding, editing and removing."""

from __future__ import annotations

from webapp.blueprints.sources import actions, editing, pages
from webapp.blueprints.sources.base import bp

__all__ = ["actions", "bp", "editing", "pages"]
