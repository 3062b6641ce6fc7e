"""Where a file is cut: content-defined chunks by FastCDC, so that what moved is still found.

This is the only module that knows the library. Golden vectors in the tests pin its cuts: other cuts
would store everything again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

from blake3 import blake3

try:
    from fastcdc.fastcdc_cy import fastcdc_cy as _cut
except ImportError:  # no wheel for this Python; the same cuts, slowly
    from fastcdc.fastcdc_py import fastcdc_py as _cut

KIB = 1024
WINDOW_BYTES = 8 * KIB * KIB


@dataclass(frozen=True)
class Profile:
    """Bounds of a chunk's length, in bytes. A file below *smallest* is one chunk.

    Attributes:
        table: for each byte the one that the cutter sees instead; empty for the bytes themselves.
    """

    name: str
    smallest: int
    average: int
    largest: int
    table: bytes = field(default=b"", repr=False)


MEDIA = Profile("media-1", 256 * KIB, 1024 * KIB, 4096 * KIB)
FINE = Profile("fine-1", 4 * KIB, 16 * KIB, 64 * KIB)


def profile_of(path: bytes, table: bytes = b"") -> Profile:
    """Databases change in small places: below ``db/`` they are cut finely."""
    profile = FINE if path.startswith(b"db/") else MEDIA
    return _private(profile, table) if table else profile


def boundary_table(key: bytes) -> bytes:
    """The secret order of all bytes, by which a vault with private boundaries is cut."""
    stream = blake3(b"boundaries", key=key).digest(length=8 * 256)
    order = [stream[at : at + 8] for at in range(0, len(stream), 8)]
    return bytes(sorted(range(256), key=order.__getitem__))


@lru_cache(maxsize=16)
def _private(profile: Profile, table: bytes) -> Profile:
    return replace(profile, table=table)


def cuts(
    window: bytes | memoryview, profile: Profile, *, at_end: bool
) -> Iterator[tuple[int, int]]:
    """Yield start and end of each chunk in *window*.

    A chunk counts only if its longest possible form lies inside the window, or the data end with
    it (*at_end*); the caller carries what is left over into the next window.
    """
    total = len(window)
    if at_end and total <= profile.smallest:
        if total:
            yield 0, total
        return
    if profile.table:
        window = bytes(window).translate(profile.table)
    for chunk in _cut(window, profile.smallest, profile.average, profile.largest):
        if not at_end and chunk.offset + profile.largest > total:
            return
        yield chunk.offset, chunk.offset + chunk.length
