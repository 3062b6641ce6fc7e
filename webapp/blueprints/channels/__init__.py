"""Where messages go outside the console: a tenant's channels, and each person's own."""

from __future__ import annotations

from webapp.blueprints.channels import own, tenant
from webapp.blueprints.channels.base import bp

__all__ = ["bp", "own", "tenant"]
