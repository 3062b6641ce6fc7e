"""Patterns of what a person wants left out."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterable


def excluder(patterns: Iterable[str]) -> Callable[[bytes], bool] | None:
    """Make the question whether a relative path is left out; None if nothing is.

    A pattern (``*``, ``?``, ``[…]``) is held against the whole relative path and against the last
    name; one that begins with ``/`` against the whole path only.
    """
    whole, names = [], []
    for pattern in patterns:
        cleaned = os.fsencode(pattern.strip().rstrip("/"))
        if not cleaned:
            continue
        whole.append(fnmatch.translate(cleaned.lstrip(b"/").decode("latin-1")))
        if not cleaned.startswith(b"/"):
            names.append(whole[-1])
    if not whole:
        return None
    on_path = re.compile("|".join(whole).encode("latin-1"))
    on_name = re.compile("|".join(names).encode("latin-1")) if names else None

    def excluded(path: bytes) -> bool:
        if on_path.match(path):
            return True
        return on_name is not None and bool(on_name.match(path.rpartition(b"/")[2]))

    return excluded
