"""How hard a backup compresses: levels of zstd, by number or by name."""

from __future__ import annotations

OFF, LOWEST, DEFAULT, HIGHEST = 0, 1, 3, 19
LEVELS = {"off": OFF, "fast": LOWEST, "default": DEFAULT, "high": 9, "max": HIGHEST}


def level_called(text: str) -> int:
    """The level that a person means.

    Raises:
        ValueError: there is none of this name or number; its text says which there are.
    """
    cleaned = text.strip().lower()
    if cleaned in LEVELS:
        return LEVELS[cleaned]
    known = cleaned.isascii() and cleaned.isdigit() and OFF <= int(cleaned) <= HIGHEST
    if not known:
        names = ", ".join(LEVELS)
        raise ValueError(
            f"There is no level {text} of compression: write {names}, or a number from "
            f"{OFF} to {HIGHEST}."
        )
    return int(cleaned)


def check(level: int) -> None:
    """Raises ``ValueError`` for a level that there is not."""
    level_called(str(level))
