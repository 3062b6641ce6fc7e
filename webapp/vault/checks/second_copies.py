"""Which chunks of damaged packs can be had all the same: from another pack that has them whole."""

from __future__ import annotations

from collections.abc import Container, Mapping

from webapp.vault.checks.pack_check import PackCheck
from webapp.vault.engine import Engine
from webapp.vault.index import Location


class SecondCopies:
    """Believes no list: a copy counts if its pack was read and found sound, or if it reads now.

    Args:
        bad: packs that were read, or looked for, and are not as written.
        sound: names of packs that were read whole and are.
    """

    def __init__(
        self, engine: Engine, *, bad: Mapping[str, PackCheck], sound: Container[str]
    ) -> None:
        self._engine = engine
        self._sound = sound
        self._saved = {name: found.saved() for name, found in bad.items()}

    def has(self, identity: bytes) -> bool:
        """Whether any pack holds this chunk, whole; another segment's damage does not matter."""
        return any(self._holds(one, identity) for one in self._engine.stock.places(identity))

    def _holds(self, place: Location, identity: bytes) -> bool:
        name = place.pack.name
        if name in self._saved:
            return identity in self._saved[name]
        return name in self._sound or self._engine.chunks.has_at(place, identity)
