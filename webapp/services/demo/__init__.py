"""The demo tenant: a small shop that may be damaged on purpose, so that the story can be tried."""

from __future__ import annotations

from webapp.services.demo.labour import carry_out_damage, carry_out_removal
from webapp.services.demo.tenant import DemoState, create, damage, remove, state

__all__ = [
    "DemoState", "carry_out_damage", "carry_out_removal", "create", "damage", "remove", "state",
]  # fmt: skip
