"""Writing a snapshot as a tar archive."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from webapp.errors import Invalid
from webapp.items import StoredEntry, path_to_text
from webapp.standalone.listing import TREE, Document, stored_path
from webapp.standalone.naming import snapshot_called
from webapp.standalone.vaults import Where, opened
from webapp.vault.errors import SnapshotMissing
from webapp.vault.snapshots import Snapshot
from webapp.vault.transfer import archives
from webapp.vault.vault import Vault

Tell = Callable[[int, int, str], None]
STDOUT = Path("-")


def export(where: Where, snapshot: str, *, path: str = "", output: Path, tell: Tell) -> Document:
    """Write a snapshot, or what lies at and below *path*, to *output*: compressed, unless its name
    ends in ``.tar``. The file gets its name when it is whole.

    A snapshot of nothing but files is written without the word ``tree``.

    Raises:
        Invalid: *output* exists, or cannot be written.
        SnapshotMissing: there is no such snapshot, or no such path in it.
    """
    with opened(where) as vault:
        found = snapshot_called(vault, snapshot)
        under = stored_path(path) if path else b""
        counted = _Counted(vault, found, under=under, tell=tell)
        if under and vault.find(found, under) is None:
            raise SnapshotMissing(f"Snapshot {found.id[:8]} holds no {path}.")
        pack = archives.plain if output.suffix == ".tar" else archives.packed
        written = 0
        with _opened(output) as file:
            for part in pack(counted.entries(), vault.content()):
                file.write(part)
                written += len(part)
    return {
        "snapshot": found.id,
        "entries": counted.count,
        "bytes": counted.bytes,
        "written": written,
        "file": str(output),
    }


class _Counted:
    """The entries under their names in the archive, counted as they go by."""

    def __init__(self, vault: Vault, snapshot: Snapshot, *, under: bytes, tell: Tell) -> None:
        self._vault, self._snapshot, self._under, self._tell = vault, snapshot, under, tell
        self._total = 0 if under else snapshot.counts.get("logical_bytes", 0)
        sections = {entry.path for entry in vault.children(snapshot, b"")}
        self._drop = len(TREE) + 1 if sections == {TREE} else 0
        self.count = self.bytes = 0

    def entries(self) -> Iterator[StoredEntry]:
        found = self._vault.entries(self._snapshot, under=self._under)
        for entry in archives.renamed(found, self._name_of):
            yield entry
            self.count += 1
            self.bytes += 0 if entry.hardlink else entry.size
            self._tell(self.bytes, self._total, path_to_text(entry.path))

    def _name_of(self, path: bytes) -> bytes | None:
        if self._under and path != self._under and not path.startswith(self._under + b"/"):
            return None
        return path[self._drop :]


@contextmanager
def _opened(output: Path) -> Iterator[BinaryIO]:
    """A file that appears when the block ends well; ``-`` is stdout."""
    if output == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    partial = output.with_name(output.name + ".partial")
    if output.exists():
        raise Invalid({"output": f"{output} exists already."})
    try:
        file = partial.open("wb")
    except OSError as error:
        raise Invalid({"output": f"{output} cannot be written: {error.strerror}."}) from None
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.rename(output)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
