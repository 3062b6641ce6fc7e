"""Backups of the console itself, in a vault of their own."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from webapp.errors import ConnectorError
from webapp.formatting import size
from webapp.items import Entry, EntryKind, Json, StoredEntry, Tally, path_to_text, sort_key
from webapp.standalone import listing, vaults
from webapp.standalone.backups import Complaints
from webapp.standalone.naming import snapshot_called
from webapp.standalone.vaults import Where, opened
from webapp.vault.engine import BackupResult
from webapp.vault.errors import NotAVault, SnapshotMissing
from webapp.vault.reports import CountedReport
from webapp.vault.snapshots import Snapshot
from webapp.vault.storage import addresses
from webapp.vault.vault import Vault

SOURCE = "lastgood-console"
Document = dict[str, object]
Say = Callable[[str], None]
Tell = Callable[[int, int, str], None]
_STEP_BYTES = 1 << 20
_NOT_WHOLE = "Snapshot {} is not whole: something could not be read, see above."


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to keep, and what to say meanwhile.

    Attributes:
        files: path in the backup → file of this machine.
        facts: kept with the snapshot, and read before anything else of it.
        on_missing: called if there is no vault yet; it is made unless this raises.
    """

    files: Mapping[bytes, Path]
    facts: Json
    on_missing: Callable[[], None]
    say: Say
    tell: Tell


def in_full(where: Where) -> Where:
    """The same vault by an address that leads there from any folder."""
    return replace(where, address=addresses.in_full(where.address))


def keep(where: Where, order: Order) -> Document:
    """Make one snapshot, and the vault if there is none; what ``--json`` prints.

    Raises:
        ConnectorError: a file cannot be read; there is no snapshot.
    """
    started, made = time.monotonic(), False
    try:
        result, vault_id = _keep(where, order)
    except NotAVault:
        order.on_missing()
        vaults.create(where)
        made = True
        result, vault_id = _keep(where, order)
    return {
        "snapshot_id": result.snapshot.id,
        "vault_id": vault_id,
        "made_vault": made,
        "bytes": result.tally.logical_bytes,
        "bytes_stored": result.tally.stored_bytes,
        "seconds": round(time.monotonic() - started, 3),
    }


def kept(where: Where, *, last: int | None) -> list[Document]:
    """The backups of a console that the vault holds, newest first."""
    return listing.snapshots(where, source=SOURCE, last=last)


class Found:
    """One backup of a console, in an open vault."""

    def __init__(self, vault: Vault, snapshot: Snapshot) -> None:
        self._vault, self._snapshot = vault, snapshot

    @property
    def id(self) -> str:
        return self._snapshot.id

    @property
    def facts(self) -> Json:
        return self._snapshot.metadata

    def names(self, section: str) -> list[str]:
        """Names of the files in one section."""
        prefix = section.encode() + b"/"
        return [os.fsdecode(one.path.removeprefix(prefix)) for one in self._files(section)]

    def write(self, path: bytes, target: Path) -> None:
        """Write one file into a new file, for the owner's eyes only. Each byte is checked."""
        entry = self._vault.find(self._snapshot, path)
        if entry is None:
            raise SnapshotMissing(f"Snapshot {self.id[:8]} holds no {path_to_text(path)}.")
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file, self._vault.open_content(entry) as content:
            shutil.copyfileobj(content, file, _STEP_BYTES)
            file.flush()
            os.fsync(file.fileno())

    def _files(self, section: str) -> Iterator[StoredEntry]:
        found = self._vault.entries(self._snapshot, under=section.encode())
        return (one for one in found if one.kind is EntryKind.FILE)


@contextmanager
def found(where: Where, name: str) -> Iterator[Found]:
    """The backup called *name*, or the newest one of ``latest``.

    Raises:
        SnapshotMissing: there is none, or it is a backup of something else.
    """
    with opened(where) as vault:
        snapshot = snapshot_called(vault, f"latest:{SOURCE}" if name == "latest" else name)
        if snapshot.name != SOURCE or snapshot.metadata.get("console") != 1:
            raise SnapshotMissing(f"Snapshot {snapshot.id[:8]} is no backup of a console.")
        yield Found(vault, snapshot)


def _keep(where: Where, order: Order) -> tuple[BackupResult, str]:
    total = sum(file.stat().st_size for file in order.files.values())

    def on_progress(tally: Tally) -> None:
        order.tell(tally.logical_bytes, total, size(tally.logical_bytes))

    with opened(where) as vault:
        result = vault.backup(
            _Files(order.files),
            name=SOURCE,
            report=CountedReport(Complaints(order.say, order.say)),
            on_progress=on_progress,
            metadata=order.facts,
        )
        if result.tally.failed:
            raise ConnectorError("read_error", _NOT_WHOLE.format(result.snapshot.id[:8]))
        return result, vault.vault_id


class _Files:
    """An ``EntrySource`` of a few files under names of their own. One that cannot be read leaves
    no snapshot."""

    def __init__(self, files: Mapping[bytes, Path]) -> None:
        self._files = files

    def entries(self) -> Iterator[Entry]:
        sections = {path.partition(b"/")[0] for path in self._files}
        for path in sorted(sections | set(self._files), key=sort_key):
            yield self._file(path) if path in self._files else _folder(path)

    def open(self, entry: Entry) -> BinaryIO:
        try:
            return self._files[entry.path].open("rb", buffering=0)
        except OSError as error:
            raise _unreadable(self._files[entry.path], error) from None

    def facts(self) -> Mapping[str, Json]:
        return {}

    def close(self) -> None:
        """Nothing is open."""

    def _file(self, path: bytes) -> Entry:
        try:
            status = self._files[path].stat()
        except OSError as error:
            raise _unreadable(self._files[path], error) from None
        return Entry(
            path=path,
            kind=EntryKind.FILE,
            mode=0o600,
            uid=status.st_uid,
            gid=status.st_gid,
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            ctime_ns=status.st_ctime_ns,
            inode=status.st_ino,
        )


def _folder(path: bytes) -> Entry:
    return Entry(path=path, kind=EntryKind.FOLDER, mode=0o700, uid=os.getuid(), gid=os.getgid())


def _unreadable(file: Path, error: OSError) -> ConnectorError:
    return ConnectorError("read_error", f"{file} cannot be read: {error.strerror}.")
