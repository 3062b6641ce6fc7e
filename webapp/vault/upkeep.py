"""What an open vault does about which snapshots stay: forget, labels, prune."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from webapp.vault.engine import Engine
from webapp.vault.retention import marking
from webapp.vault.retention.labels import Labels
from webapp.vault.retention.ledger import FORGOTTEN, LABELS
from webapp.vault.snapshots import Snapshot

if TYPE_CHECKING:
    from webapp.vault.pruning.findings import PruneReport
    from webapp.vault.retention.forgetting import ForgetReport
    from webapp.vault.retention.rules import Policy


class Upkeep:
    """The part of ``Vault`` that decides what stays."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def forget(
        self, policy: Policy | None = None, *, names: Collection[str] | None = None, **details: Any
    ) -> ForgetReport:
        """Put snapshots out of sight; for 7 days they can be brought back.

        Args:
            policy: what to keep of each source; not needed with ``snapshots``.
            names: only these sources.
            details: ``snapshots``, ``dry_run``, ``even_last``, ``trust_clock`` as in
                ``ForgetOrder``.

        Raises:
            Halted: a brake; its sentence says what to do.
            SnapshotMissing: there is no such snapshot or source.
        """
        from webapp.vault.retention.forgetting import ForgetOrder, forget
        from webapp.vault.retention.rules import Policy

        order = ForgetOrder(policy=policy or Policy(), names=names, **details)
        return forget(self._engine, order)

    def unforget(self, snapshot_id: str) -> Snapshot:
        """Bring one back. Raises ``SnapshotMissing`` if it is gone for good."""
        from webapp.vault.retention.forgetting import unforget

        return unforget(self._engine, snapshot_id)

    def forgotten(self) -> list[Snapshot]:
        """Those that can yet be brought back, newest first."""
        hidden = self._engine.roots.forgotten()
        return [one for one in self._engine.roots.finished(forgotten=True) if one.id in hidden]

    def was_forgotten(self, snapshot_id: str) -> bool:
        """Whether it was removed on purpose, or is about to be."""
        return snapshot_id in self._engine.roots.forgotten()

    def labels(self) -> Labels:
        """Tags, pins, holds and what is forgotten, by snapshot id."""
        return Labels.of(self._engine.roots.ledger.entries(FORGOTTEN, LABELS))

    def tag(self, snapshot_id: str, *tags: str, remove: bool = False) -> None:
        """Give a snapshot tags, or take away those that were given. Raises ``SnapshotMissing``."""
        marking.tag(self._engine, snapshot_id, _clean(tags), remove=remove)

    def pin(self, snapshot_id: str, *, remove: bool = False) -> None:
        """Keep a snapshot whatever rules say, or no more. Raises ``SnapshotMissing``."""
        marking.pin(self._engine, snapshot_id, remove=remove)

    def hold(self, snapshot_id: str, *, reason: str, until: datetime | None = None) -> None:
        """Keep a snapshot for a reason, for ever or until then. Raises ``SnapshotMissing``."""
        until_ns = round(until.timestamp() * 10**9) if until else 0
        marking.hold(self._engine, snapshot_id, reason=reason, until_ns=until_ns)

    def release(self, snapshot_id: str) -> None:
        """End all holds of a snapshot."""
        marking.release(self._engine, snapshot_id)

    def prune(self, **details: Any) -> PruneReport:
        """Free what no snapshot needs; safe beside any number of writers and other prunes.

        Args:
            details: ``dry_run``, ``grace_days``, ``budget_bytes``, ``storage_for_deletes`` and
                more, as in ``PruneOrder``.

        Raises:
            Halted: a brake; its sentence says what to do.
            StorageDenied: these credentials may not delete.
            Busy: this place shows changes late, and another prune is at work.
        """
        from webapp.vault.pruning.findings import PruneOrder
        from webapp.vault.pruning.prune import prune

        return prune(self._engine, PruneOrder(**details))


def _clean(tags: Sequence[str]) -> list[str]:
    return [one.strip() for one in dict.fromkeys(tags) if one.strip()]
