"""How a person names a snapshot: ``latest``, ``latest:SOURCE``, or the start of its id."""

from __future__ import annotations

import re

from webapp.vault.errors import SnapshotMissing
from webapp.vault.snapshots import Snapshot
from webapp.vault.vault import Vault

_SHORTEST = 4


def snapshot_called(vault: Vault, name: str) -> Snapshot:
    """The snapshot that *name* stands for.

    Raises:
        SnapshotMissing: there is none, or more than one.
    """
    word, _, source = name.partition(":")
    if word == "latest":
        return _latest(vault, source)
    if not re.fullmatch(rf"[0-9a-f]{{{_SHORTEST},32}}", name):
        raise SnapshotMissing(
            f"{name!r} names no snapshot: give latest, or at least {_SHORTEST} digits of its id."
        )
    found = [one for one in vault.snapshots() if one.id.startswith(name)]
    if len(found) > 1:
        raise SnapshotMissing(f"{len(found)} snapshots begin with {name}: give more digits.")
    return found[0] if found else vault.snapshot(name)


def _latest(vault: Vault, source: str) -> Snapshot:
    found = vault.snapshots(source or None)
    if not found:
        of = f" of {source}" if source else ""
        raise SnapshotMissing(f"The vault holds no snapshot{of} yet.")
    return found[0]
