"""Limits, pauses, backup windows and quotas: of the installation, and of a customer."""

from __future__ import annotations

from webapp.blueprints.limits import customer, installation
from webapp.blueprints.limits.base import bp

__all__ = ["bp", "customer", "installation"]
