"""What a writer writes with: it asks for permission each time."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from uuid import UUID


class Pen:
    """One run's right to write to one target.

    Args:
        confirm: returns if the run may write now, and raises ``PermitRefused`` if not.
    """

    def __init__(self, confirm: Callable[[], None], run_id: UUID) -> None:
        self.confirm = confirm
        self._prefix = b".lastgood-%s-" % run_id.hex.encode()
        # Not from 0: an earlier worker of this run may have left such a name behind.
        self._numbers = itertools.count(time.time_ns())

    def temporary_name(self) -> bytes:
        """A name that ``walk.OUR_TEMPORARY`` matches, not used before by this pen."""
        return b"%s%d.part" % (self._prefix, next(self._numbers))

    def owns(self, name: bytes) -> bool:
        """Say whether a temporary name is of this run."""
        return name.startswith(self._prefix) and name.endswith(b".part")
