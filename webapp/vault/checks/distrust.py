"""Marks damaged packs, so that no writer relies on what is in them.

The mark is the pruner's own: ``condemned/ID``. A writer counts chunks of condemned packs as absent
and stores them again while the source still has them; a reader prefers every other copy.
"""

from __future__ import annotations

from collections.abc import Sequence

from webapp.vault import catalogues
from webapp.vault.engine import Engine

_SUSPICIOUS = 16


def distrust(engine: Engine, names: Sequence[str], *, read: int) -> list[str]:
    """Condemn these packs, unless they are already; return what is worth a word.

    Args:
        read: how many packs were read. If most of many are damaged, this machine or the way to
            the storage is likelier to be at fault than all of them: then nothing is marked.
    """
    new = [name for name in names if name not in engine.stock.condemned]
    if not new:
        return []
    if len(new) > _SUSPICIOUS and 2 * len(new) > read:
        return [
            "So much seems damaged that no pack was marked as such: "
            "check this machine's memory and the way to the storage, then verify again."
        ]
    catalogues.condemn(engine, new, at_ns=engine.storage.now_ns())
    engine.stock.refresh()
    return [f"{len(new)} damaged packs are marked: writers store again what is in them."]
