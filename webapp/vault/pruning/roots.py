"""What must be kept: every root, pending ones listed first, then the finished."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeVar

from webapp.vault import catalogues
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged, Halted, ObjectMissing
from webapp.vault.manifests import Part
from webapp.vault.snapshots import FINISHED, PENDING

T = TypeVar("T")
_READS = 3  # what one of them gives may have been harmed on its way


class Moved(Exception):
    """Something went away while it was looked at: all is to be listed and resolved again."""


@dataclass(frozen=True)
class RootList:
    """Names of all roots there were.

    Attributes:
        revoked: ids of snapshots whose writers were taken for dead.
    """

    pending: tuple[str, ...]
    finished: tuple[str, ...]
    revoked: frozenset[str] = frozenset()

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.pending, *self.finished)


def list_roots(engine: Engine) -> RootList:
    """Pending first, *then* finished: whatever is on its way is seen in one place or the other."""
    storage = engine.storage
    pending = tuple(item.name for item in list(storage.list(PENDING)))
    finished = tuple(item.name for item in list(storage.list(FINISHED)))
    revoked = frozenset(
        item.name.removeprefix(catalogues.REVOKED) for item in storage.list(catalogues.REVOKED)
    )
    return RootList(pending, finished, revoked)


def parts_of(engine: Engine, name: str, *, excused: Collection[str]) -> list[Part] | None:
    """A root's list of manifest chunks; None if it is unreadable and *excused*.

    Raises:
        Moved: it is gone.
        Damaged: it cannot be read, so nobody knows what it needs.
    """
    try:
        return read_patiently(lambda: _read_parts(engine, name))
    except ObjectMissing:
        raise Moved(name) from None
    except Damaged as error:
        if name.partition("/")[2] in excused:
            return None
        raise error


def _read_parts(engine: Engine, name: str) -> list[Part]:
    engine.roots.forget(name)
    if engine.roots.read(name) is None:
        raise Moved(name)
    return engine.roots.parts(name)


def read_patiently(read: Callable[[], T]) -> T:
    """What *read* gives; what seems damaged is read again before it is said to be."""
    for _ in range(_READS - 1):
        try:
            return read()
        except Damaged:
            continue
    return read()


def halted(name: str, error: Damaged, *, is_forgotten: bool) -> Halted:
    words = "Run repair, which says what can be done."
    if is_forgotten:
        words = (
            "It is forgotten and can yet be brought back, so all that it may need stays. Run "
            "verify and repair, or give up all that is forgotten: prune with --undo-for 0d."
        )
    return Halted(
        f"Prune stopped: {name} cannot be read ({error}), so nobody knows what it needs. {words}"
    )
