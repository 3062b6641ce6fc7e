"""What backups have stored that go on: see ``vault.unfinished``."""

from __future__ import annotations

from webapp.vault import unfinished
from webapp.vault.pruning.findings import DAY_NS
from webapp.vault.pruning.ground import Ground
from webapp.vault.unfinished import Announcement


def unfinished_packs(ground: Ground) -> set[str]:
    """Packs of all backups that were heard of during the last grace."""
    return {pack for one in _split(ground)[0] for pack in one.packs}


def remove_silent(ground: Ground) -> None:
    """Remove what the others said."""
    for one in _split(ground)[1]:
        ground.delete(one.name)


def _split(ground: Ground) -> tuple[list[Announcement], list[Announcement]]:
    """Of those that were heard of, and of the others. What lies far ahead was said by a clock that
    was wrong."""
    found = unfinished.announced(ground.engine)
    if not found:
        return [], []
    now_ns, grace_ns = ground.engine.storage.now_ns(), round(ground.order.grace_days * DAY_NS)
    alive = {one.run for one in found if -DAY_NS < now_ns - one.at_ns < grace_ns}
    heard = [one for one in found if one.run in alive]
    return heard, [one for one in found if one.run not in alive]
