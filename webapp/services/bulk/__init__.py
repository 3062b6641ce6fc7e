"""Runs over many items of one sort: one function an item, one outcome an item.

``start`` queues one, ``carry_out`` is its work, ``register`` adds a sort of them.
"""

from __future__ import annotations

from webapp.services.bulk import sorts
from webapp.services.bulk.carrying import carry_out
from webapp.services.bulk.closing import close
from webapp.services.bulk.looking import BulkRow, ItemRow, find, items, latest, title
from webapp.services.bulk.operations import register
from webapp.services.bulk.starting import retry, start

__all__ = [
    "BulkRow", "ItemRow", "carry_out", "close", "find", "items", "latest", "register", "retry",
    "sorts", "start", "title",
]  # fmt: skip
