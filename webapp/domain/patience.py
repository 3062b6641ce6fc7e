"""Trying again by itself: after what may pass, how often, and how long to wait before.

What a person has to mend is not tried again: a login that is refused, input that is wrong, a
disk that is full. The wait grows with each try and is drawn from the whole span below it (full
jitter), so that many runs that failed together do not come back together.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import NamedTuple

MOST_TRIES = 5


class Span(NamedTuple):
    """The longest wait before the second try, and before any."""

    first_seconds: float
    longest_seconds: float


_SOON, _LATER, _MUCH_LATER = Span(5, 60), Span(10, 600), Span(30, 900)

MAY_PASS: Mapping[str, Span] = {
    "unreachable": _LATER,
    "server_error": _LATER,
    "storage_unavailable": _LATER,
    "throttled": _MUCH_LATER,
    "storage_busy": _MUCH_LATER,
    "vault_busy": _MUCH_LATER,  # somebody changes its keys, or prunes alone
    "outrun": _SOON,  # these three ask for the same work once more
    "helper_lost": _SOON,
    "snapshot_revoked": _SOON,
}
"""Stable codes of what may be over in a while. Every other code is final."""


def may_pass(code: str) -> bool:
    return code in MAY_PASS


def wait_seconds(
    code: str,
    *,
    tries: int,
    asked_seconds: float = 0.0,
    chance: Callable[[], float] = random.random,
) -> float | None:
    """How long to wait after the try number *tries* ended with *code*; None: it was the last.

    Args:
        asked_seconds: what the other side asked for, such as by Retry-After; it gets at least that.
    """
    span = MAY_PASS.get(code)
    if span is None or tries >= MOST_TRIES:
        return None
    longest = min(span.longest_seconds, span.first_seconds * 2 ** (tries - 1))
    return asked_seconds + chance() * longest
