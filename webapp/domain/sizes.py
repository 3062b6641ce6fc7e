"""Sizes as people type them, and written so that they can be typed again."""

from __future__ import annotations

import re
from decimal import Decimal

_UNITS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}
_TYPED = re.compile(
    r"(\d{1,15}(?:[.,]\d{1,6})?)\s*(?:([KMGTP]?)(I?)B?)(?:\s*(?:/\s*S|PS))?", re.IGNORECASE
)


def parse(text: str) -> int:
    """``10 MB``, ``1.5GB/s``, ``64 KiB`` or plain bytes; powers of 1000, with an i of 1024.

    Raises:
        ValueError: it is none of these.
    """
    found = _TYPED.fullmatch(text.strip())
    if found is None or (found[3] and not found[2]):
        raise ValueError(f"{text.strip()[:40] or 'nothing'} is not a size")
    base = 1024 if found[3] else 1000
    return int(Decimal(found[1].replace(",", ".")) * base ** _UNITS[found[2].upper()])


def exact(count: int) -> str:
    """``1.5 MB``: the largest unit that needs three digits behind the point at most."""
    for letter, power in reversed(_UNITS.items()):
        unit = 1000**power
        if count >= unit and count % max(unit // 1000, 1) == 0:
            return f"{_plain(Decimal(count) / unit)} {letter}B"
    return f"{count} B"


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
