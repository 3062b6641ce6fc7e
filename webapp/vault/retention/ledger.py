"""What was said about snapshots after they were made: forgotten, tagged, pinned, held.

Snapshots never change, and objects are written once, so this is a log: sealed objects below
``forgotten/`` and ``labels/`` with entries that only ever come. An entry is undone by a later one
that names it. So the order in which hosts write plays no part, and no clock decides.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

from webapp.vault import boxes
from webapp.vault.derivation import KeyRing
from webapp.vault.errors import Damaged, ObjectMissing, StorageUnavailable
from webapp.vault.storage.base import Storage

FORGOTTEN, FORGOTTEN_KIND = "forgotten/", b"F"
LABELS, LABELS_KIND = "labels/", b"L"
KINDS = {FORGOTTEN: FORGOTTEN_KIND, LABELS: LABELS_KIND}
_LOOKS = 10


class What(StrEnum):
    FORGET = "forget"
    DROP = "drop"  # forgotten for so long that a prune removes it for good
    TAG = "tag"
    PIN = "pin"
    HOLD = "hold"
    UNDO = "undo"  # of the entries in ``undoes``


FOLDER_OF = {What.FORGET: FORGOTTEN, What.DROP: FORGOTTEN}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that was said about a snapshot.

    Attributes:
        id: 32 hex digits; given by ``Ledger.add``.
        at_ns: when, by the storage's clock.
        text: a tag, the reason of a hold, the rule that dropped it.
        until_ns: of a hold; 0 for ever.
        even_last: it may be forgotten though it is the last good one of its source.
        undoes: ids of entries that count no more.
        origin: of an entry that was copied from another vault, ``VAULT/ID``: where and as what it
            was made first; else empty.
    """

    what: What
    snapshot: str
    id: str = ""
    at_ns: int = 0
    text: str = ""
    until_ns: int = 0
    even_last: bool = False
    undoes: tuple[str, ...] = ()
    origin: str = ""


class Ledger:
    """Reads and extends the log. What was read stays known, for an object never changes.

    Attributes:
        problems: what could not be read the last time.
    """

    def __init__(self, storage: Storage, ring: KeyRing) -> None:
        self._storage = storage
        self._ring = ring
        self._known: dict[str, tuple[Entry, ...]] = {}
        self.problems: list[Damaged] = []

    def entries(self, *folders: str) -> list[Entry]:
        """All that counts, as the vault says now. An object that cannot be read is left out, and
        named by ``problems``."""
        found = self.history(*folders)
        undone = {one for entry in found for one in entry.undoes}
        return [one for one in found if one.id not in undone and not one.undoes]

    def history(self, *folders: str) -> list[Entry]:
        """All that was ever said, whether it counts or not; ``problems`` as with ``entries``."""
        self.problems = []
        found = {one.id: one for folder in folders for one in self._read_all(folder)}
        return list(found.values())

    def add(
        self,
        entries: Sequence[Entry],
        *,
        new_id: Callable[[], bytes],
        salt: Callable[[], bytes],
        folder: str | None = None,
        not_before_ns: int = 0,
    ) -> list[Entry]:
        """Write entries down, in one object; return them with their ids.

        Args:
            folder: where; by default where the first belongs.
            not_before_ns: it is at least as late as this, whatever the storage's clock says.
        """
        folder = folder or FOLDER_OF.get(entries[0].what, LABELS)
        now = max(self._storage.now_ns(), not_before_ns)
        made = [replace(one, id=new_id().hex(), at_ns=now) for one in entries]
        self.write(folder, made, identity=new_id(), salt=salt())
        return made

    def write(self, folder: str, entries: Iterable[Entry], *, identity: bytes, salt: bytes) -> str:
        """Store an object of entries as they are; return its name."""
        name, packed = folder + identity.hex(), tuple(entries)
        body = json.dumps([_facts(one) for one in packed], separators=(",", ":"), sort_keys=True)
        sealed = boxes.seal(self._ring, KINDS[folder], name, parts=(body.encode(),), salt=salt)
        self._storage.put(name, sealed)
        self._known[name] = packed
        return name

    def objects(self, folder: str) -> list[str]:
        return [item.name for item in self._storage.list(folder)]

    def of_object(self, name: str) -> tuple[Entry, ...]:
        """Raises ``Damaged``, ``ObjectMissing``."""
        if name not in self._known:
            kind = KINDS[name.partition("/")[0] + "/"]
            body = boxes.load(self._storage, self._ring, kind, name)[0]
            self._known[name] = tuple(unpack_entries(body, name))
        return self._known[name]

    def _read_all(self, folder: str) -> list[Entry]:
        """All entries. An object that goes while we read was joined with others into one that was
        put before, but perhaps after our list: only a list made anew is sure to name that one.

        Raises:
            StorageUnavailable: the objects kept going.
        """
        for _ in range(_LOOKS):
            self.problems = [one for one in self.problems if not _lies_in(one, folder)]
            try:
                return [entry for name in self.objects(folder) for entry in self._readable(name)]
            except ObjectMissing:
                continue
        raise StorageUnavailable(f"{folder} kept changing while it was read. Try again.")

    def _readable(self, name: str) -> tuple[Entry, ...]:
        try:
            return self.of_object(name)
        except Damaged as error:
            self.problems.append(error)
            return ()


def _lies_in(error: Damaged, folder: str) -> bool:
    return error.object_name.startswith(folder)


def _facts(entry: Entry) -> dict[str, object]:
    facts = asdict(entry)
    return facts if entry.origin else {key: facts[key] for key in facts if key != "origin"}


def unpack_entries(body: bytes, name: str) -> Iterator[Entry]:
    """The entries of one object, which is called *name*."""
    try:
        for found in json.loads(body):
            yield Entry(
                what=What(found["what"]),
                snapshot=str(found["snapshot"]),
                id=str(found["id"]),
                at_ns=int(found["at_ns"]),
                text=str(found["text"]),
                until_ns=int(found["until_ns"]),
                even_last=bool(found["even_last"]),
                undoes=tuple(map(str, found["undoes"])),
                origin=str(found.get("origin", "")),
            )
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
        raise Damaged(name, "its entries are malformed") from None
