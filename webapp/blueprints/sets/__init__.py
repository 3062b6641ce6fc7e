"""Restore points: the list, one of them, and what is inside."""

from __future__ import annotations

from webapp.blueprints.sets import actions, contents, pages
from webapp.blueprints.sets.base import bp

__all__ = ["actions", "bp", "contents", "pages"]
