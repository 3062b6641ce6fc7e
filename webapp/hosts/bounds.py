"""Where local files may be read and written at all.

A path that a person typed is followed once, links included, and the place it leads to must lie
inside a granted folder and outside the product's own data. From there on everything is opened
below an open descriptor, without links (``webapp.hosts.beneath``).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from webapp.errors import ConnectorError
from webapp.hosts.beneath import open_beneath


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Folders granted, folders of our own that are refused, and exceptions inside those."""

    roots: tuple[Path, ...]
    own_data: tuple[Path, ...] = ()
    exempt: tuple[Path, ...] = ()

    def refuses(self, real: bytes) -> bool:
        """Say whether *real*, a path without links, lies in our own data."""
        return self.own_data_test()(real)

    def own_data_test(self) -> Callable[[bytes], bool]:
        """The question of ``refuses`` with our own folders looked up once, for many paths."""
        own, exempt = self.own_folders(), tuple(_real(folder) for folder in self.exempt)

        def refuses(real: bytes) -> bool:
            is_own = any(_holds(folder, real) for folder in own)
            return is_own and not any(_holds(folder, real) for folder in exempt)

        return refuses

    def own_folders(self) -> tuple[bytes, ...]:
        """Our own folders, without links: a walk from above must not go into them."""
        return tuple(_real(folder) for folder in self.own_data)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A path that was found to be inside the bounds.

    Attributes:
        real: where it leads to, without links.
        granted: the granted folder that it lies in, without links.
        relative: the way from *granted* to *real*; empty where they are one.
    """

    real: bytes
    granted: bytes
    relative: bytes
    bounds: Bounds

    def open(self, flags: int) -> int:
        """Open the place by way of its granted folder, following nothing."""
        root = os.open(self.granted, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return open_beneath(root, self.relative, flags)
        finally:
            os.close(root)


def locate(path: str | bytes | Path, bounds: Bounds) -> Place:
    """Find the place that *path* leads to. It need not exist.

    Raises:
        ConnectorError: ``outside_roots`` or ``inside_own_data``. Neither says what exists there.
    """
    raw = os.fsencode(path)
    if not raw.startswith(b"/") or b"\x00" in raw:
        raise ConnectorError("outside_roots", "The path must be absolute.")
    real = os.path.realpath(raw)
    granted = next((root for root in map(_real, bounds.roots) if _holds(root, real)), None)
    if granted is None:
        raise ConnectorError(
            "outside_roots", f"{_shown(raw)} lies outside the folders granted to this tenant."
        )
    if bounds.refuses(real):
        raise ConnectorError(
            "inside_own_data", f"{_shown(raw)} lies inside the data folder or a vault."
        )
    relative = real[len(granted) :].lstrip(b"/")
    return Place(real=real, granted=granted, relative=relative, bounds=bounds)


def _real(folder: Path) -> bytes:
    return os.path.realpath(os.fsencode(folder))


def _holds(folder: bytes, path: bytes) -> bool:
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
