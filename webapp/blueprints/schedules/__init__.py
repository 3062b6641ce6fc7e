"""When each source is captured: lists, one schedule and its slots, adding and changing one."""

from __future__ import annotations

from webapp.blueprints.schedules import actions, editing, pages, resting
from webapp.blueprints.schedules.base import bp

__all__ = ["actions", "bp", "editing", "pages", "resting"]
