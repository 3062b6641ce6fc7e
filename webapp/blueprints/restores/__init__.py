"""Restores: what, where, the preview, the decision, and the way back."""

from __future__ import annotations

from webapp.blueprints.restores import deciding, looking, planning
from webapp.blueprints.restores.base import bp

__all__ = ["bp", "deciding", "looking", "planning"]
