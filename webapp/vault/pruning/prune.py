"""One prune, from first to last. It may be killed anywhere, and others may prune at the same time:
the next run finds what is left to do."""

from __future__ import annotations

from webapp.vault import config
from webapp.vault.engine import Engine
from webapp.vault.packs import FOLDER
from webapp.vault.pruning import compaction
from webapp.vault.pruning.alone import alone
from webapp.vault.pruning.condemning import condemn
from webapp.vault.pruning.dead_writers import remove_dead
from webapp.vault.pruning.deleting import delete_condemned
from webapp.vault.pruning.dropping import drop_forgotten, shorten_log
from webapp.vault.pruning.findings import PruneOrder, PruneReport
from webapp.vault.pruning.ground import Ground
from webapp.vault.pruning.sparing import remove_silent


def prune(engine: Engine, order: PruneOrder) -> PruneReport:
    """Free what no snapshot needs.

    Raises:
        Halted: a brake; the sentence says which, and what to do.
        StorageDenied: these credentials may not delete; what was copied and condemned is no loss.
        NewerFormat: a later release uses the vault.
        Busy: this place shows changes late, and another prune is at work.
    """
    config.read(engine.storage)
    ground = Ground(engine, order)
    with alone(ground):
        _prune(ground)
    return ground.report


def _prune(ground: Ground) -> None:
    engine, order = ground.engine, ground.order
    now_ns = engine.storage.now_ns()
    drop_forgotten(ground)
    remove_dead(ground, now_ns=now_ns)
    deleted = delete_condemned(ground, now_ns=now_ns)
    condemned = condemn(ground)
    if condemned and not order.grace_days and not order.dry_run:
        deleted = delete_condemned(ground, now_ns=engine.storage.now_ns()) or deleted
    if not order.dry_run:
        _keep_up(ground, now_ns, deleted=deleted)


def _keep_up(ground: Ground, now_ns: int, *, deleted: bool) -> None:
    """What a vault needs now and then."""
    storage, stock = ground.engine.storage, ground.engine.stock
    if not deleted:
        compaction.compact(ground, only_small=True)
    shorten_log(ground)
    remove_silent(ground)
    storage.sweep(now_ns)
    names = [item.name for item in storage.list("") if _is_kept(item.name, stock.condemned)]
    storage.extend_retention(names, now_ns)


def _is_kept(name: str, condemned: set[str]) -> bool:
    return not name.startswith(FOLDER) or name.removeprefix(FOLDER) not in condemned
