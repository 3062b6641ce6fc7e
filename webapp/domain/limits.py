"""What somebody may say about an installation, a customer or a host: how much at once, and when."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from webapp.domain import sizes
from webapp.domain.windows import Window

MOST_RUNS = 1000
LEAST_RATE = 64_000  # bytes a second; a capture that is slower than this never ends
MOST_RATE = 10**12
MOST_WINDOWS = 14
LEAST_QUOTA, MOST_QUOTA = 10**6, 10**18


@dataclass(frozen=True, kw_only=True)
class Values:
    """Nothing said is no limit. ``windows``: captures begin inside one of them only."""

    most_running: int | None = None
    bytes_per_second: int | None = None
    windows: tuple[Window, ...] = ()

    @property
    def is_empty(self) -> bool:
        return self == Values()

    @property
    def mark(self) -> str:
        """Differs if the values do: a form carries it, so that the second of two who change them
        is told."""
        return hashlib.sha256(json.dumps(self.told(), sort_keys=True).encode()).hexdigest()[:16]

    def told(self) -> dict[str, object]:
        """For the audit log and commands."""
        return {
            "most_running": self.most_running,
            "bytes_per_second": self.bytes_per_second,
            "windows": [window.stored() for window in self.windows],
        }

    def problems(self) -> dict[str, str]:
        """What is wrong with them: field to the sentence beside that field."""
        found = {}
        if self.most_running is not None and not 1 <= self.most_running <= MOST_RUNS:
            found["most_running"] = (
                f"From 1 to {MOST_RUNS:,} runs; to stop all of them, pause instead."
            )
        rate = self.bytes_per_second
        if rate is not None and not LEAST_RATE <= rate <= MOST_RATE:
            found["bandwidth"] = f"At least {sizes.exact(LEAST_RATE)} a second."
        if len(self.windows) > MOST_WINDOWS:
            found["windows"] = f"At most {MOST_WINDOWS} windows."
        return found
