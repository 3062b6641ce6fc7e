"""Templates: one schedule and its retention for many sources of many tenants."""

from __future__ import annotations

from webapp.blueprints.schedule_templates import applying, editing, pages
from webapp.blueprints.schedule_templates.base import bp

__all__ = ["applying", "bp", "editing", "pages"]
