"""Copying snapshots into a second vault."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from webapp.errors import Invalid
from webapp.standalone.listing import Document
from webapp.standalone.naming import snapshot_called
from webapp.standalone.vaults import Where, opened

Tell = Callable[[int, int, str], None]
_OWN_VAULT = "a second copy needs a vault of its own. Make one with: lastgood vault init SECOND"


def copy(
    where: Where,
    second: Where,
    *,
    snapshots: Sequence[str] = (),
    source: str | None = None,
    verify: bool = False,
    tell: Tell,
) -> Document:
    """Copy these snapshots, or one source's, or all; what is there already is left out.

    Raises:
        Invalid: it is one vault, named twice.
    """
    with opened(where) as vault, opened(second) as target:
        if target.vault_id == vault.vault_id:
            raise Invalid({"second": f"Both are vault {vault.vault_id[:8]}: {_OWN_VAULT}"})
        chosen: list[str] | None = None
        if snapshots:
            chosen = [snapshot_called(vault, name).id for name in snapshots]
        elif source is not None:
            chosen = [one.id for one in vault.snapshots(source)]
        done = vault.copy_to(target, snapshots=chosen, verify=verify, on_progress=tell)
    return {
        "copied": [{"from": old.id, "to": new.id, "source": new.name} for old, new in done.copied],
        "present": done.present,
        "failed": [{"snapshot": one, "problem": str(error)} for one, error in done.failed],
        "labels": done.labels,
        "notes": done.notes,
        "bytes_read": done.read_bytes,
        "bytes_stored": done.stored_bytes,
    }
