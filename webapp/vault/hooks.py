"""What the engine needs from the world, so that tests can drive it step by step."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """The world, replaceable piece by piece.

    Attributes:
        time_ns: the host's clock, nanoseconds since 1970; decides which files are too young.
        monotonic: seconds, for intervals.
        random_bytes: secure random bytes.
        sleep: waits for a number of seconds.
    """

    time_ns: Callable[[], int] = time.time_ns
    monotonic: Callable[[], float] = time.monotonic
    random_bytes: Callable[[int], bytes] = os.urandom
    sleep: Callable[[float], None] = time.sleep
