"""Schedules: when sources are captured, who may say so, and what became of each slot."""

from __future__ import annotations

from webapp.services.schedules.capturing import carry_out
from webapp.services.schedules.dispatcher import Dispatched, dispatch
from webapp.services.schedules.keeping import (
    archive,
    archive_all,
    called,
    create,
    disable,
    draft_of,
    edit,
    enable,
    find,
    list_for,
    pause,
    policy_types_of,
)
from webapp.services.schedules.running import find_slot, history, retry, run_now

__all__ = [
    "Dispatched", "archive", "archive_all", "called", "carry_out", "create", "disable", "dispatch",
    "draft_of", "edit", "enable", "find", "find_slot", "history", "list_for", "pause",
    "policy_types_of", "retry", "run_now",
]  # fmt: skip
