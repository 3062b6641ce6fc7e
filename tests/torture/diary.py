"""What happened when: one line each, in a file that stays when a campaign fails."""

from __future__ import annotations

import time
from pathlib import Path


class Diary:
    """Seconds since its beginning before each line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._began = time.monotonic()
        self._file = path.open("w", buffering=1)

    def note(self, what: str) -> None:
        self._file.write(f"{self.seconds:9.2f}  {what}\n")

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def close(self) -> None:
        self._file.close()

    def tail(self, lines: int = 60) -> str:
        return "\n".join(self.path.read_text().splitlines()[-lines:])
