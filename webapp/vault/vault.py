"""A vault: a deduplicating, encrypted store of snapshots. All else in this package serves it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from webapp.items import EntrySource, Report, StoredContent, StoredEntry, Tally
from webapp.vault import manifests, opening, rows
from webapp.vault.engine import BackupResult, Engine, Order
from webapp.vault.hooks import Hooks
from webapp.vault.keys import Wrapping
from webapp.vault.opening import REAL
from webapp.vault.reader import Content
from webapp.vault.snapshots import FINISHED, Snapshot
from webapp.vault.storage.base import Storage, StoredObject
from webapp.vault.upkeep import Upkeep
from webapp.vault.writer import Backup

# What a backup does not need is imported when it is used: most runs store little or nothing, and
# last no longer than Python takes to begin.
if TYPE_CHECKING:
    from webapp.vault.checks.findings import VerifyReport
    from webapp.vault.checks.repairs import RepairReport
    from webapp.vault.restoring.outcomes import RestoreResult
    from webapp.vault.restoring.target import EntryTarget
    from webapp.vault.search.comparing import Change
    from webapp.vault.search.histories import Findings
    from webapp.vault.transfer.copying import CopyResult
    from webapp.vault.transfer.slots import Keys


def _ignore(_: Tally) -> None:
    """Nobody wants to know."""


class Vault(Upkeep):
    """An open vault. Made by ``Vault.create`` or ``Vault.open``; many threads may read from it."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._manifests: dict[str, manifests.Manifest] = {}
        self._content = Content(engine.chunks)

    @staticmethod
    def create(
        storage: Storage,
        *,
        wrap: Wrapping,
        hooks: Hooks = REAL,
        private_boundaries: bool = False,
    ) -> Vault:
        """Make a new vault: the first key slot, then ``config``.

        Args:
            private_boundaries: cut files by a secret order of bytes, so that the lengths of chunks
                say less about a file that somebody else has too.

        Raises:
            VaultExists: there is one already.
            SelfTestFailed: this machine computes wrongly; nothing was written.
        """
        engine = opening.make(storage, wrap, hooks=hooks, private_boundaries=private_boundaries)
        return Vault(engine)

    @staticmethod
    def open(
        storage: Storage, *, wrap: Wrapping, cache_dir: Path | None = None, hooks: Hooks = REAL
    ) -> Vault:
        """Open a vault that exists.

        Args:
            cache_dir: where a copy of the index may be kept between runs; a cache, safe to delete.

        Raises:
            NotAVault: there is none here.
            WrongKey: *wrap* opens none of its key slots; ``KeysDestroyed``: nothing ever will.
            Damaged: its config or key slots are.
            NewerFormat: a later release wrote it.
        """
        return Vault(opening.open_engine(storage, wrap, cache_dir=cache_dir, hooks=hooks))

    @property
    def vault_id(self) -> str:
        """32 hex digits."""
        return self._engine.ring.vault_id.hex()

    def backup(
        self,
        source: EntrySource,
        *,
        name: str,
        report: Report,
        on_progress: Callable[[Tally], None] = _ignore,
        **details: Any,
    ) -> BackupResult:
        """Back up *source*; the snapshot appears whole when this returns, or not at all.

        Args:
            name: the source's stable name.
            report: told of each entry that could not be read; the backup goes on without it.
                A ``CountedReport`` that *source* reports to as well counts its part, too.
            on_progress: called every 200 entries or 0.2 s; whatever it raises stops the backup.
            details: ``reason``, ``metadata``, ``parent``, ``match``, ``verify``, ``threads``,
                ``level``, ``pace``, as in ``Order``.

        Raises:
            StorageFull: no space; nothing became visible.
            StorageError: the vault's place failed.
            BadSource: *source* broke the rules.
        """
        order = Order(source=source, report=report, name=name, on_progress=on_progress, **details)
        return Backup(self._engine, order).run()

    def snapshots(self, name: str | None = None) -> list[Snapshot]:
        """The readable ones, of one source or of all, newest first; ``verify`` names the others."""
        found = self._engine.roots.finished()
        return [one for one in found if name is None or one.name == name]

    def snapshot(self, snapshot_id: str) -> Snapshot:
        """Raises ``SnapshotMissing`` if there is none, ``Damaged`` if it cannot be read."""
        return self._engine.roots.one(snapshot_id)

    def entries(self, snapshot: Snapshot | str, *, under: bytes = b"") -> Iterator[StoredEntry]:
        """The entries, sorted; with *under*, that entry and all below it."""
        return map(rows.unpack_row, self._manifest(snapshot).under(under))

    def children(self, snapshot: Snapshot | str, folder: bytes) -> Iterator[StoredEntry]:
        """One level below *folder* (``b""`` is the top); what lies deeper is skipped, not read."""
        return map(rows.unpack_row, self._manifest(snapshot).children(folder))

    def find(self, snapshot: Snapshot | str, path: bytes) -> StoredEntry | None:
        row = self._manifest(snapshot).find(path)
        return rows.unpack_row(row) if row is not None else None

    def open_content(self, entry: StoredEntry) -> BinaryIO:
        """A file's content, seekable, every byte authenticated; of hard links the shared one."""
        return self._content.open(entry)

    def content(self) -> StoredContent:
        return self._content

    def restore(
        self, snapshot: Snapshot | str, target: EntryTarget, **details: Any
    ) -> RestoreResult:
        """Write a snapshot into *target*, of which what is right already is left alone.

        Args:
            details: ``include``, ``dry_run``, … as in ``RestoreOrder``.

        Raises:
            SnapshotMissing, PathMissing: the vault holds no such snapshot, or that no such path.
            StorageError: its place failed; a second start goes on where this one ended.
        """
        from webapp.vault.restoring.orders import RestoreOrder
        from webapp.vault.restoring.restore import Restore

        found = snapshot if isinstance(snapshot, Snapshot) else self.snapshot(snapshot)
        order = RestoreOrder(snapshot=found, target=target, **details)
        return Restore(self._engine, self._manifest(found), order=order).run()

    def verify(
        self, *, snapshot: str | None = None, read_data: float | None = 0.0, **details: Any
    ) -> VerifyReport:
        """Check the vault, or one snapshot.

        Args:
            read_data: share of the data that is read whole, 0.0 to 1.0, longest unread first; None
                for as much as the period asks for.
            details: ``period_days``, ``remember``, ``on_progress`` as in ``Check``.
        """
        from webapp.vault.checks.verifying import Check, check

        return check(self._engine, Check(snapshot=snapshot, read_data=read_data, **details))

    def find_all(
        self,
        pattern: bytes,
        *,
        name: str | None = None,
        ignore_case: bool = False,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Findings:
        """What happened to the paths that match, in all snapshots of one source or of all.

        Args:
            pattern: of whole paths, such as ``tree/**/*.php``; see ``search.patterns``.
        """
        from webapp.vault.search import finding, patterns

        parsed = patterns.parse(pattern, ignore_case=ignore_case)
        return finding.find(self._engine, parsed, name=name, on_progress=on_progress)

    def diff(
        self, old: Snapshot | str, new: Snapshot | str, *, under: bytes = b""
    ) -> Iterator[Change]:
        """What differs between two snapshots, sorted by path; with *under*, there and below."""
        from webapp.vault.search import comparing

        return comparing.compare(self._engine, _id_of(old), _id_of(new), under=under)

    def copy_to(
        self,
        other: Vault,
        *,
        snapshots: Sequence[str] | None = None,
        verify: bool = False,
        on_progress: Callable[[int, int, str], None] = lambda done, total, words: None,
    ) -> CopyResult:
        """Copy snapshots, or all, into *other*; those that are there already are left out.

        Args:
            verify: read every file back that was carried over, before its snapshot appears.
        """
        from webapp.vault.transfer import copying

        engines = (self._engine, other._engine)
        return copying.copy(*engines, snapshots=snapshots, verify=verify, tell=on_progress)

    @property
    def keys(self) -> Keys:
        """What opens the vault: to list, add, remove, rotate and destroy."""
        from webapp.vault.transfer.slots import Keys

        return Keys(self._engine)

    def objects(self) -> Iterator[StoredObject]:
        """Every object that the storage holds for this vault, by name and size."""
        return self._engine.storage.list("")

    def repair(self, **details: Any) -> RepairReport:
        """Mend what can be mended, and say exactly what is lost.

        Args:
            details: ``is_dry``, ``find``, ``on_progress`` as in ``Repair``.

        Raises:
            Busy: somebody is changing the keys.
        """
        from webapp.vault.checks.repairing import Repair, repair

        return repair(self._engine, Repair(**details))

    def close(self) -> None:
        """Forget what was read. Safe to call twice."""
        self._manifests.clear()
        self._engine.stock.close()

    def _manifest(self, snapshot: Snapshot | str) -> manifests.Manifest:
        identity = _id_of(snapshot)
        known = self._manifests.get(identity)
        if known is None:
            self._engine.roots.one(identity)
            name = FINISHED + identity
            parts = self._engine.roots.parts(name)
            known = manifests.Manifest(parts, self._engine.chunks.manifest, name)
            while len(self._manifests) >= 8:
                self._manifests.pop(next(iter(self._manifests)), None)
            self._manifests[identity] = known
        return known


def _id_of(snapshot: Snapshot | str) -> str:
    return snapshot if isinstance(snapshot, str) else snapshot.id
