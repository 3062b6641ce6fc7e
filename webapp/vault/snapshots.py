"""Snapshots and their roots: ``snapshots/ID`` when finished, ``pending/ID`` before.

A root is a sealed object of two parts: facts as JSON, and the list of manifest chunks. The first
part can be read alone, so that listing snapshots reads little.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from blake3 import blake3

from webapp.items import Json
from webapp.vault import boxes, manifests
from webapp.vault.derivation import KeyRing
from webapp.vault.errors import Damaged, ObjectMissing, SnapshotMissing
from webapp.vault.retention.ledger import FORGOTTEN, Ledger
from webapp.vault.storage import together
from webapp.vault.storage.base import Storage

FINISHED, PENDING = "snapshots/", "pending/"
CLOCK_DOUBT = "clock_doubt"  # in the metadata: its time is not to be believed
KIND = b"S"
_FIRST_READ_BYTES = 16 << 10


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One finished backup of one source.

    Attributes:
        name: the source's stable name.
        sequence: orders the vault's snapshots; time does not.
        created_at: by the storage's clock; aware, UTC.
        counts: ``files``, ``folders``, ``logical_bytes``, ``failed``, … as in ``Tally``.
        predecessor: id of the snapshot of this name that was newest then, or empty.
        predecessor_hash: BLAKE3 of that snapshot's object, 64 hex digits, or empty.
        writer: which process wrote it.
        chunkers: profiles that cut its chunks.
        parent: id of the snapshot that unchanged files were taken from, or empty.
        origin: of a copy, ``vault`` and ``snapshot``: ids of what was backed up first; else empty.
            A copy's time is that of its origin, so that rules for keeping see when it was made.
    """

    id: str
    name: str
    sequence: int
    created_at: datetime
    reason: str = ""
    metadata: Json = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    predecessor: str = ""
    predecessor_hash: str = ""
    created_ns: int = 0
    writer: Json = field(default_factory=dict)
    chunkers: tuple[str, ...] = ()
    parent: str = ""
    origin: Json = field(default_factory=dict)

    @property
    def order(self) -> tuple[int, int, str]:
        """Later snapshots compare greater; two writers at once may share a sequence."""
        return (self.sequence, self.created_ns, self.id)


_TEXTS = ("id", "name", "reason", "predecessor", "predecessor_hash", "parent")


def seal_root(
    ring: KeyRing,
    snapshot: Snapshot,
    parts: list[manifests.Part],
    *,
    folder: str,
    salt: bytes,
) -> bytes:
    facts: dict[str, Any] = {name: getattr(snapshot, name) for name in _TEXTS}
    facts |= {
        "sequence": snapshot.sequence,
        "created_ns": snapshot.created_ns,
        "metadata": dict(snapshot.metadata),
        "counts": dict(snapshot.counts),
        "writer": dict(snapshot.writer),
        "chunkers": list(snapshot.chunkers),
    }
    if snapshot.origin:
        facts["origin"] = dict(snapshot.origin)
    body = json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
    sealed = (body, manifests.pack_parts(parts))
    return boxes.seal(ring, KIND, folder + snapshot.id, parts=sealed, salt=salt)


class Roots:
    """Reads roots. What was read stays known, for a root never changes."""

    def __init__(self, storage: Storage, ring: KeyRing) -> None:
        self._storage = storage
        self._ring = ring
        self._known: dict[str, Snapshot] = {}
        self.problems: list[Damaged] = []
        self.ledger = Ledger(storage, ring)

    def finished(self, *, forgotten: bool = False) -> list[Snapshot]:
        """All snapshots, newest first; the unreadable are left out, and named by ``problems``.

        Args:
            forgotten: with those that are out of sight and can yet be brought back.
        """
        self.problems = []
        hidden = set() if forgotten else self.forgotten()
        found = [one for one in self._readable(FINISHED) if one.id not in hidden]
        return sorted(found, key=lambda snapshot: snapshot.order, reverse=True)

    def forgotten(self) -> set[str]:
        """Ids of snapshots that were forgotten, whether they are still there or not."""
        return {one.snapshot for one in self.ledger.entries(FORGOTTEN)}

    def pending(self) -> list[Snapshot]:
        """What writers have announced and not finished; the unreadable left out."""
        return list(self._readable(PENDING))

    def _readable(self, folder: str) -> Iterator[Snapshot]:
        names = [item.name for item in self._storage.list(folder)]
        unknown = [name for name in names if name not in self._known]
        read = dict(zip(unknown, together.ask(self._storage, self._try, unknown), strict=True))
        for name in names:
            found = read[name] if name in read else self._known.get(name)
            if isinstance(found, Damaged):
                self.problems.append(found)
            elif found is not None:
                yield found

    def _try(self, object_name: str) -> Snapshot | Damaged | None:
        try:
            return self.read(object_name)
        except Damaged as error:
            return error

    def one(self, snapshot_id: str) -> Snapshot:
        if not snapshot_id.isalnum():
            raise SnapshotMissing("The vault holds no such snapshot.")
        self.forget(FINISHED + snapshot_id)  # it may have been removed since it was read
        found = self.read(FINISHED + snapshot_id)
        if found is None:
            raise SnapshotMissing(f"The vault holds no snapshot {snapshot_id}.")
        return found

    def read(self, object_name: str) -> Snapshot | None:
        """One root's facts; None if it is gone."""
        if object_name not in self._known:
            try:
                data = self._storage.get(object_name, length=_FIRST_READ_BYTES)
                body = self._first_part(object_name, data)
            except ObjectMissing:
                return None
            self._known[object_name] = _parse(body, object_name)
        return self._known[object_name]

    def parts(self, object_name: str) -> list[manifests.Part]:
        """One root's list of manifest chunks; the whole object is authenticated."""
        found = boxes.load(self._storage, self._ring, KIND, object_name)
        if len(found) != 2:
            raise Damaged(object_name, "it does not have two parts")
        return manifests.unpack_parts(found[1], where=object_name)

    def digest(self, object_name: str) -> str:
        """BLAKE3 of one root's object; empty if what lies there cannot be read to its end."""
        try:
            return blake3(boxes.fetch(self._storage, self._ring, KIND, object_name)).hexdigest()
        except Damaged:
            return ""

    def forget(self, object_name: str) -> None:
        self._known.pop(object_name, None)

    def _first_part(self, object_name: str, data: bytes) -> bytes:
        try:
            return boxes.unseal_first(self._ring, KIND, object_name, data)
        except Damaged:
            if len(data) < _FIRST_READ_BYTES:
                raise
            whole = boxes.fetch(self._storage, self._ring, KIND, object_name)
            return boxes.unseal_first(self._ring, KIND, object_name, whole)


def _parse(body: bytes, object_name: str) -> Snapshot:
    try:
        facts = json.loads(body)
        created_ns = int(facts["created_ns"])
        snapshot = Snapshot(
            **{name: str(facts[name]) for name in _TEXTS},
            sequence=int(facts["sequence"]),
            created_ns=created_ns,
            created_at=moment(created_ns),
            metadata=dict(facts["metadata"]),
            counts={str(key): int(value) for key, value in facts["counts"].items()},
            writer=dict(facts["writer"]),
            chunkers=tuple(map(str, facts["chunkers"])),
            origin=dict(facts.get("origin", {})),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError):
        raise Damaged(object_name, "its facts are malformed") from None
    if snapshot.id != object_name.partition("/")[2]:
        raise Damaged(object_name, "it lies under another snapshot's name")
    return snapshot


def moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds // 1000 / 1e6, UTC)
