"""P5: deletes packs that an earlier run condemned. In this order, of which each part is needed:

what is condemned already · roots, then condemned, then packs · rescue of what is needed and only in
condemned packs, until there is none · deletes, of the packs of the first list only · the index ·
the condemned objects
"""

from __future__ import annotations

from collections.abc import Collection

from webapp.vault import catalogues
from webapp.vault.catalogues import Condemnation
from webapp.vault.ids import ID_BYTES
from webapp.vault.packs import FOLDER
from webapp.vault.pruning import compaction
from webapp.vault.pruning.findings import DAY_NS
from webapp.vault.pruning.ground import Ground


def delete_condemned(ground: Ground, *, now_ns: int) -> bool:
    """Delete what was condemned long enough ago; say whether anything was, or would be."""
    engine, report = ground.engine, ground.report
    grace_ns = round(ground.order.grace_days * DAY_NS)
    found = catalogues.condemnations(engine.storage, engine.ring)
    old = [one for one in found if one.at_ns + grace_ns <= now_ns]
    sizes = {i.name.removeprefix(FOLDER): i.size_bytes for i in engine.storage.list(FOLDER)}
    due = {pack for one in old for pack in one.packs}
    waiting = {pack for one in found for pack in one.packs} - due
    report.waiting_packs = len(waiting & sizes.keys())
    report.waiting_bytes = sum(sizes[name] for name in waiting & sizes.keys())
    if not old:
        return False
    ground.settle()
    _, _, copier = ground.see_and_rescue()
    doomed = _spare(ground, due & sizes.keys(), copier.stuck)
    if not ground.order.dry_run:
        doomed -= _delete(ground, sorted(doomed))
    report.deleted_packs += len(doomed)
    report.deleted_bytes += sum(sizes[name] for name in doomed)
    if not ground.order.dry_run:
        _unmark(ground, old, kept=(due & sizes.keys()) - doomed)
    return bool(doomed)


def _delete(ground: Ground, names: list[str]) -> set[str]:
    """Returns those that are locked and stay, condemned, for a later run."""
    locked = set()
    for done, name in enumerate(names):
        ground.order.on_progress(done, len(names), "packs deleted")
        if not ground.delete_unless_locked(FOLDER + name):
            locked.add(name)
    return locked


def _unmark(ground: Ground, old: list[Condemnation], *, kept: Collection[str]) -> None:
    """The index first, the condemned objects last: whoever misses one must miss its packs too."""
    compaction.compact(ground)
    for one in old:
        if not one.packs & set(kept):
            ground.delete(one.name)
    ground.engine.stock.refresh()


def _spare(ground: Ground, names: Collection[str], stuck: Collection[bytes]) -> set[str]:
    """Leave out packs with a chunk that is needed and could not be copied."""
    if not stuck:
        return set(names)
    return {name for name in names if not _ids_of(ground, name) & set(stuck)}


def _ids_of(ground: Ground, name: str) -> set[bytes]:
    raw = bytes(ground.engine.stock.catalogue(name)[1])
    return {raw[at : at + ID_BYTES] for at in range(0, len(raw), ID_BYTES)}
