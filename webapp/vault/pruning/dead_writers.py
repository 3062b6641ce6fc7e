"""What becomes of ``pending/ID`` when its writer does not come back.

One whose snapshot is there: removed, for it was finished. One of a dead process of this machine, or
of a host that has been silent for long: revoked. That is safe even if the writer is alive:
``revoked/ID`` is put first, and a writer that finds it takes its snapshot back. A revocation of a
snapshot that is there is only dropped when the snapshot was found whole; others are removed, for
their pending root went away before they were finished. See part 12 of ``docs/vault-format.md``.
"""

from __future__ import annotations

from webapp.vault import catalogues, processes
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged, Halted
from webapp.vault.pruning.copying import Copier
from webapp.vault.pruning.findings import DAY_NS
from webapp.vault.pruning.ground import Ground
from webapp.vault.pruning.roots import Moved, list_roots
from webapp.vault.pruning.walking import Walk
from webapp.vault.revoking import revoke
from webapp.vault.snapshots import FINISHED, PENDING, Snapshot

_ROUNDS = 5


def remove_dead(ground: Ground, *, now_ns: int) -> None:
    """Remove what dead writers left, and settle what was revoked."""
    roots = list_roots(ground.engine)
    finished = {name.removeprefix(FINISHED) for name in roots.finished}
    for name in roots.pending:
        found = _read(ground.engine, name)
        if found is None:
            continue
        if found.id in finished or found.id in roots.revoked:
            if found.id not in roots.revoked or found.id not in finished:
                _drop_pending(ground, name)
        elif processes.is_dead(found.writer):
            _revoke(ground, found)
        elif _announced_ns(found) + round(ground.order.gone_days * DAY_NS) <= now_ns:
            _say_gone(ground, found)
            _revoke(ground, found)
    _settle_revoked(ground)


def _read(engine: Engine, name: str) -> Snapshot | None:
    try:
        engine.roots.forget(name)
        return engine.roots.read(name)
    except Damaged:
        return None  # it stays a root that nobody can read, and stops the prune


def _announced_ns(pending: Snapshot) -> int:
    """When its writer was last heard of; a copied snapshot has the time of its original."""
    at_ns = pending.writer.get("at_ns")
    return at_ns if isinstance(at_ns, int) else pending.created_ns


def _drop_pending(ground: Ground, name: str) -> None:
    if not ground.order.dry_run:
        ground.delete(name)


def _say_gone(ground: Ground, pending: Snapshot) -> None:
    ground.report.revoked.append(pending.id)
    ground.note(
        f"The writer of an unfinished snapshot of {pending.name} on {pending.writer.get('host')} "
        "was not heard of for long; what it had stored is given up."
    )


def _revoke(ground: Ground, pending: Snapshot) -> None:
    if not ground.order.dry_run and revoke(ground.engine, pending.id):
        ground.delete(PENDING + pending.id)


def _settle_revoked(ground: Ground) -> None:
    """Of each snapshot that is there and revoked, find out whether it is whole."""
    if ground.order.dry_run:
        return
    roots = list_roots(ground.engine)
    finished = {name.removeprefix(FINISHED) for name in roots.finished}
    for identity in sorted(roots.revoked & finished):
        is_whole = _is_whole(ground, identity)
        if is_whole:
            ground.delete(catalogues.REVOKED + identity)
        elif is_whole is False:
            ground.note(f"snapshots/{identity} was given up while it was written; it is removed.")
            ground.delete(FINISHED + identity)


def _is_whole(ground: Ground, identity: str) -> bool | None:
    """As its writer would: everything in packs that count, copied there where it has to be. None
    if that cannot be told, such as when the writer took it back meanwhile."""
    for _ in range(_ROUNDS):
        copier = Copier(ground.engine)
        ground.engine.stock.refresh()
        try:
            Walk(ground.engine, copier.rescue).roots((FINISHED + identity,))
            copier.finish()
        except Moved:
            copier.abort()
            continue
        except Halted:
            copier.abort()
            return False if copier.lost else None
        except BaseException:
            copier.abort()
            raise
        if copier.lost or copier.stuck:
            return False if copier.lost else None
        if not copier.copied:
            return True
    return None
