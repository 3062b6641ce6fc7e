"""P1 to P3: chooses packs of which little is needed, copies that, and condemns them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from webapp.vault import catalogues
from webapp.vault.errors import Damaged, Halted, ObjectMissing
from webapp.vault.index_lookup import PackRow
from webapp.vault.pruning.copying import Copier
from webapp.vault.pruning.ground import Ground
from webapp.vault.pruning.sparing import unfinished_packs
from webapp.vault.pruning.walking import Walk

_MANY = 64
_SMALL_BYTES = 1 << 20


class Victim(NamedTuple):
    """A pack that is not worth its place.

    Attributes:
        first: the number of its first chunk.
        live_bytes: how much of its size is that of what is needed; an estimate by the number of
            chunks in each segment.
    """

    live_bytes: int
    row: PackRow
    first: int


def condemn(ground: Ground) -> bool:
    """Condemn what is not worth its place; say whether there was anything."""
    roots, walk, _ = ground.see_and_rescue()
    victims = choose(ground, walk)
    _count(ground, victims)
    if not victims:
        return False
    _check_share(ground)
    if ground.order.dry_run:
        return True
    sound = copy_live(ground, victims, walk)
    if sound:
        # The grace begins now, however long the copying took.
        now_ns = ground.engine.storage.now_ns()
        catalogues.condemn(ground.engine, [one.row.name for one in sound], at_ns=now_ns)
        ground.settle()
        ground.see_and_rescue(known=roots.names)
    return bool(sound)


def choose(ground: Ground, walk: Walk) -> list[Victim]:
    """Packs of which too little is needed, the emptiest first, within the budget; and small ones,
    if they are many. What a backup has stored that goes on is spared: it would only have to store
    that again."""
    packs = list(_weigh(ground, walk))
    report, least = ground.report, ground.order.least_live
    report.total_bytes = sum(one.row.size_bytes for one in packs)
    report.live_bytes = sum(one.live_bytes for one in packs)
    victims = [one for one in packs if one.live_bytes < least * one.row.size_bytes]
    chosen = {one.row.name for one in victims}
    small = [one for one in packs if one.row.size_bytes < _SMALL_BYTES]
    if len(small) >= _MANY:
        victims += [one for one in small if one.row.name not in chosen]
    spared = unfinished_packs(ground)
    report.unfinished_packs = sum(one.row.name in spared for one in victims)
    report.unfinished_bytes = sum(one.row.size_bytes for one in victims if one.row.name in spared)
    victims = [one for one in victims if one.row.name not in spared]
    return _within(sorted(victims, key=lambda one: one.live_bytes), ground.order.budget_bytes)


def _weigh(ground: Ground, walk: Walk) -> Iterator[Victim]:
    stock = ground.engine.stock
    reliable, rows = stock.reliable(), {row.name: row for row in stock.packs()}
    for name, first, end in stock.index.numbered():
        row = rows.get(name)
        if row is not None and name in reliable:
            live = walk.count_live(first, end)
            size = row.size_bytes if live == end - first else 0
            if 0 < live < end - first:
                size = _live_bytes(ground, row, first, walk=walk)
            yield Victim(size, row, first)


def _live_bytes(ground: Ground, row: PackRow, first: int, *, walk: Walk) -> int:
    """How much of a pack's size is that of what is needed."""
    used = live = 0
    for place in ground.engine.stock.catalogue(row.name)[0]:
        count = walk.count_live(first, first + place.chunk_count)
        used += place.length
        live += place.length * count // max(place.chunk_count, 1)
        first += place.chunk_count
    return max(row.size_bytes * live // max(used, 1), 1)


def _within(victims: list[Victim], budget: int | None) -> list[Victim]:
    if budget is None:
        return victims
    found, used = [], 0
    for one in victims:
        used += one.live_bytes
        if used > budget and one.live_bytes:
            break
        found.append(one)
    return found


def _count(ground: Ground, victims: list[Victim]) -> None:
    report = ground.report
    report.condemned_packs = len(victims)
    report.condemned_bytes = sum(one.row.size_bytes for one in victims)
    report.copied_bytes = sum(one.live_bytes for one in victims)


def _check_share(ground: Ground) -> None:
    """What is copied first does not count: the brake is for what would be gone."""
    report = ground.report
    gone = report.condemned_bytes - report.copied_bytes
    if ground.order.may_condemn_most or 2 * gone <= report.total_bytes:
        return
    share = f"{100 * gone // report.total_bytes} %"
    if ground.order.dry_run:
        ground.note(
            f"It would condemn {share} of the vault, and stop there unless that is allowed."
        )
        return
    raise Halted(
        f"Nothing was condemned: it would be {share} of the vault. If that is right, "
        "such as after forgetting much, allow it and run prune again."
    )


def copy_live(ground: Ground, victims: list[Victim], walk: Walk) -> list[Victim]:
    """Copy what is needed of them; return those that can go. Durable and listed on return."""
    copier, sound = Copier(ground.engine), []
    try:
        for done, one in enumerate(victims):
            ground.order.on_progress(done, len(victims), "packs rewritten")
            if not one.live_bytes or _copy(ground, copier, one, walk=walk):
                sound.append(one)
        copier.finish()
    except BaseException:
        copier.abort()
        raise
    return sound


def _copy(ground: Ground, copier: Copier, victim: Victim, *, walk: Walk) -> bool:
    try:
        copier.live_of(victim.row, victim.first, is_live=walk.is_live)
    except ObjectMissing:
        return False  # another prune was faster
    except Damaged as error:
        ground.note(f"{error.object_name} is damaged and stays: {error.problem}.")
        return False
    return True
