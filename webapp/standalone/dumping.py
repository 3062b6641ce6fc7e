"""Writing one file of a snapshot to stdout."""

from __future__ import annotations

import shutil
import sys

from webapp.errors import Invalid
from webapp.items import EntryKind
from webapp.standalone.listing import shown_path, stored_path
from webapp.standalone.naming import snapshot_called
from webapp.standalone.vaults import Where, opened
from webapp.vault.errors import SnapshotMissing

_STEP_BYTES = 1 << 20


def dump(where: Where, snapshot: str, path: str) -> None:
    """Write what the file holds to stdout; each byte is checked before it is written.

    Raises:
        SnapshotMissing: there is no such snapshot, or no such path in it.
        Invalid: it is not a file.
    """
    at = stored_path(path)
    with opened(where) as vault:
        found = snapshot_called(vault, snapshot)
        entry = vault.find(found, at)
        if entry is None:
            raise SnapshotMissing(f"Snapshot {found.id[:8]} holds no {shown_path(at)}.")
        if entry.kind is not EntryKind.FILE:
            raise Invalid({"path": f"{shown_path(at)} is no file: it is a {entry.kind}. {_ELSE}"})
        with vault.open_content(entry) as content:
            shutil.copyfileobj(content, sys.stdout.buffer, _STEP_BYTES)
        sys.stdout.buffer.flush()


_ELSE = "For a folder: lastgood vault export VAULT SNAPSHOT PATH --output -"
