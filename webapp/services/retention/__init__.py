"""Retention: which sets stay, the trash for those that go, and the vault freed of them.

A retention run puts into the trash what no rule keeps (soft delete, with the rule in words). After
7 days a clean-up run gives it up: the vault forgets the snapshots that no living set needs, and is
pruned. Both are runs of their own, never part of a capture.
"""

from __future__ import annotations

from webapp.services.retention import purging, running
from webapp.services.retention.asking import ask_daily, enqueue, of_all, of_schedule, purge
from webapp.services.retention.choosing import choose
from webapp.services.retention.facts import Judged, own_rules
from webapp.services.retention.looking import (
    Outlook,
    as_document,
    judged,
    outlook,
    preview,
    vault,
    why,
)
from webapp.services.retention.trash import (
    count,
    delete,
    hold,
    kept_until,
    release,
    rows,
    undelete,
    undelete_many,
)

carry_out = running.carry_out
carry_out_purge = purging.carry_out

__all__ = [
    "Judged", "Outlook", "as_document", "ask_daily", "carry_out", "carry_out_purge", "choose",
    "count", "delete", "enqueue", "hold", "judged", "kept_until", "of_all", "of_schedule",
    "outlook", "own_rules", "preview", "purge", "release", "rows", "undelete", "undelete_many",
    "vault", "why",
]  # fmt: skip
