"""Looking into a restore point: folders, single entries, their content, the whole as an archive."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import groupby, islice
from typing import BinaryIO
from uuid import UUID

from webapp.domain.permissions import Permission
from webapp.domain.restore_points import BackupType
from webapp.errors import Conflict, NotFound
from webapp.extensions import db, write_transaction
from webapp.items import EntryKind, StoredEntry, key_of, sort_key
from webapp.services import audit, sets, vaults
from webapp.services.access import Access
from webapp.vault import Snapshot, Vault
from webapp.vault.errors import VaultError
from webapp.vault.transfer import archives

log = logging.getLogger(__name__)

PAGE = 1000


@dataclass(frozen=True, kw_only=True)
class Listing:
    """One folder of a restore point; ``path`` is empty for the top.

    ``has_more``: there are entries behind these; ask again with a larger *offset*.
    """

    path: bytes
    entries: list[StoredEntry]
    has_more: bool


class Content(io.RawIOBase):
    """A stored file's content, seekable, every byte authenticated. Closing it closes the vault."""

    def __init__(self, entry: StoredEntry, inner: BinaryIO, stack: ExitStack) -> None:
        self.entry = entry
        self._inner, self._stack = inner, stack

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._inner.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._inner.seek(offset, whence)

    def tell(self) -> int:
        return self._inner.tell()

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
            self._stack.close()
        super().close()


def folder(
    access: Access, set_id: UUID, path: bytes, *, offset: int = 0, limit: int = PAGE
) -> Listing:
    """One level of a restore point, in the snapshot's order.

    Raises:
        Forbidden: without the content right, or the set is not this tenant's.
        NotFound: there is no such folder.
    """
    access.require(Permission.VIEW_CONTENT)
    with _opened(access, set_id) as (vault, snapshot, has_gaps):
        level = _with_gaps(vault, snapshot, path) if has_gaps else vault.children(snapshot, path)
        found = list(islice(level, offset, offset + limit + 1))
        if not found and path:
            _require_folder(vault, snapshot, path)
    return Listing(path=path, entries=found[:limit], has_more=len(found) > limit)


def entry(access: Access, set_id: UUID, path: bytes) -> StoredEntry:
    """One entry of a restore point.

    Raises:
        Forbidden, NotFound: as with ``folder``.
    """
    access.require(Permission.VIEW_CONTENT)
    with _opened(access, set_id) as (vault, snapshot, _):
        return _find(vault, snapshot, path)


def content(access: Access, set_id: UUID, path: bytes, *, act: str = "downloaded") -> Content:
    """Open a file of a restore point; the caller closes it. Audited, and committed.

    Args:
        act: what it is for, as the audit log says it: ``downloaded`` or ``viewed``.

    Raises:
        Forbidden, NotFound: as with ``folder``; also for what is no file.
    """
    access.require(Permission.VIEW_CONTENT)
    with ExitStack() as stack:
        vault, snapshot, _ = stack.enter_context(_opened(access, set_id))
        found = _find(vault, snapshot, path)
        if found.kind is not EntryKind.FILE:
            raise NotFound("Only a file has content.")
        inner = vault.open_content(found)
        _audit(access, set_id, f"content.{act}", item=key_of(path))
        return Content(found, inner, stack.pop_all())


def archive(access: Access, set_id: UUID) -> Iterator[bytes]:
    """The whole set as the parts of one ``.tar.zst``. Audited, and committed, before the first.

    Raises:
        Forbidden: without the content right, or the set is not this tenant's.
    """
    access.require(Permission.VIEW_CONTENT)
    stack = ExitStack()
    vault, snapshot, _ = stack.enter_context(_opened(access, set_id))
    _audit(access, set_id, "content.exported")

    def parts() -> Iterator[bytes]:
        with stack:
            yield from archives.packed(vault.entries(snapshot), vault.content())

    return parts()


@contextmanager
def _opened(access: Access, set_id: UUID) -> Iterator[tuple[Vault, Snapshot, bool]]:
    """The vault, the set's snapshot, and whether folders may be missing between its entries."""
    backup_set = sets.find(access, set_id)
    snapshot_id = backup_set.snapshot_ids[0]
    has_gaps = backup_set.backup_type is BackupType.PRE_RESTORE
    tenant_id = backup_set.tenant_id
    try:
        with vaults.opened(tenant_id) as vault:
            yield vault, vault.snapshot(snapshot_id), has_gaps
    except VaultError as error:
        log.warning("set %s: %s", set_id, error)
        raise Conflict(
            f"The vault cannot be read now ({error.code}). Verify it, or try again."
        ) from error


def _find(vault: Vault, snapshot: Snapshot, path: bytes) -> StoredEntry:
    found = vault.find(snapshot, path)
    if found is None:
        raise NotFound("There is no such item in this restore point.")
    return found


def _require_folder(vault: Vault, snapshot: Snapshot, path: bytes) -> None:
    if _find(vault, snapshot, path).kind is not EntryKind.FOLDER:
        raise NotFound("This is no folder.")


def _with_gaps(vault: Vault, snapshot: Snapshot, path: bytes) -> Iterator[StoredEntry]:
    """As ``children``, where a safety set holds a file and not the folders above it."""
    depth = path.count(b"/") + 1 if path else 0
    below = (found for found in vault.entries(snapshot, under=path) if found.path != path)
    for name, group in groupby(below, key=lambda found: found.path.split(b"/")[depth]):
        first = next(group)
        child = path + b"/" + name if path else name
        if sort_key(first.path) == sort_key(child):
            yield first
        else:
            yield StoredEntry(path=child, kind=EntryKind.FOLDER, mode=0o755)


def _audit(access: Access, set_id: UUID, act: str, **details: str) -> None:
    with write_transaction():
        audit.record(
            access.actor,
            act,
            tenant=access.tenant,
            resource=f"set:{set_id}",
            details=details,
        )
    db.session.rollback()
