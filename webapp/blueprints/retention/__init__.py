"""Retention: what stays and why, the trash, and the preview of a schedule's rules."""

from __future__ import annotations

from webapp.blueprints.retention import actions, pages
from webapp.blueprints.retention.base import bp

__all__ = ["actions", "bp", "pages"]
