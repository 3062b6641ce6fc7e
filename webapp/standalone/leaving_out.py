"""What a person wants left out of a backup: by pattern, by a mark in a folder, by file system."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from webapp.connectors.excluding import excluder
from webapp.errors import Invalid
from webapp.hosts.beneath import open_file

CACHE_TAG = "CACHEDIR.TAG"
_CACHE_SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55"


@dataclass(frozen=True, kw_only=True)
class LeaveOut:
    """Attributes:
    patterns: one that begins with ``/`` counts from ``/``; others are held against names, and
        against paths relative to each of the paths that are backed up.
    caches: of a folder with a valid ``CACHEDIR.TAG``, keep only that file.
    marked_by: of a folder that holds a file of one of these names, keep only that file.
    one_file_system: keep folders where others are mounted, without what is in them.
    """

    patterns: tuple[str, ...] = ()
    caches: bool = False
    marked_by: tuple[str, ...] = ()
    one_file_system: bool = False

    def below(self, root: bytes) -> Callable[[bytes], bool] | None:
        """The question whether a path, relative to *root*, is left out by a pattern."""
        near = excluder(one for one in self.patterns if not one.strip().startswith("/"))
        full = excluder(one for one in self.patterns if one.strip().startswith("/"))
        if full is None:
            return near
        prefix = root.strip(b"/") + b"/" if root.strip(b"/") else b""
        return lambda path: full(prefix + path) or (near is not None and near(path))

    def mark(self) -> Callable[[int, list[bytes]], bytes] | None:
        """The question which file marks an open folder with these names as not worth keeping."""
        if not self.caches and not self.marked_by:
            return None
        names, tag = [os.fsencode(name) for name in self.marked_by], os.fsencode(CACHE_TAG)

        def marked(folder: int, found: list[bytes]) -> bytes:
            known = next((name for name in names if name in found), b"")
            if not known and self.caches and tag in found and _is_cache(folder):
                return tag
            return known

        return marked


def patterns_in(files: Iterable[Path]) -> tuple[str, ...]:
    """The patterns of some files, one in a line; empty lines and those that begin with # are not.

    Raises:
        Invalid: a file cannot be read.
    """
    return tuple(line for file in files for line in _lines(file) if not line.startswith("#"))


def paths_in(files: Iterable[Path]) -> tuple[str, ...]:
    """The paths that some files name, one in a line, exactly as they are written there.

    Raises:
        Invalid: a file cannot be read.
    """
    return tuple(line for file in files for line in _lines(file))


def _lines(file: Path) -> list[str]:
    try:
        text = os.fsdecode(Path("/dev/stdin" if str(file) == "-" else file).read_bytes())
    except OSError as error:
        raise Invalid({"file": f"{file} cannot be read: {error.strerror}."}) from None
    return [line for line in text.split("\n") if line.strip()]


def _is_cache(folder: int) -> bool:
    """Whether the tag in it is a real one: a file of that name alone says nothing."""
    try:
        tag = open_file(folder, os.fsencode(CACHE_TAG))
    except OSError:
        return False
    with os.fdopen(tag, "rb", buffering=0) as file:
        return file.read(len(_CACHE_SIGNATURE)) == _CACHE_SIGNATURE
