"""What snapshots need: every distinct piece of a manifest is read once, however many share it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from webapp.items import EntryKind, StoredEntry, sort_key
from webapp.vault import rows
from webapp.vault.checks.findings import MISSING, Findings
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged
from webapp.vault.ids import REF, split_ref
from webapp.vault.manifests import Part, split_rows

NOWHERE = "packs"  # what is blamed for a chunk while nobody knows which pack held it
IN_NO_PACK = "chunks that are needed are in no pack"
Blame = tuple[str, ...]  # names of the objects that have lost a chunk
_NOBODY: Blame = (NOWHERE,)
_MOST_LOST = 1_000_000


class Needs:
    """Looks up what manifests refer to.

    Attributes:
        packs: names of the packs that something is needed from.
        lost: ids of chunks that cannot be had, and the objects to blame.
    """

    def __init__(self, engine: Engine, findings: Findings) -> None:
        self._engine = engine
        self._findings = findings
        self._seen: set[bytes] = set()
        self.packs: set[str] = set()
        self.lost: dict[bytes, Blame] = {}

    def add(self, parts: list[Part], *, where: str, step: Callable[[], None]) -> None:
        """Take in what the root *where* needs."""
        if [sort_key(part.first_path) for part in parts] != sorted(
            {sort_key(part.first_path) for part in parts}
        ):
            self._findings.note(where, "its list of manifest chunks is out of order")
        for part in parts:
            if part.ref not in self._seen:
                self._seen.add(part.ref)
                self._take(part)
            step()

    def recheck(self) -> None:
        """Look again for what was in no pack: a prune may have moved it meanwhile."""
        missing = [one for one, blame in self.lost.items() if blame == _NOBODY]
        if not missing:
            return
        self._engine.stock.refresh(to_read=True)
        for one in missing:
            place = self._engine.stock.index.locate(one)
            if place is not None:
                del self.lost[one]
                self.packs.add(place.pack.name)

    def _take(self, part: Part) -> None:
        if not self._look_up(part.ref):
            return
        try:
            for entry in entries_of(self._engine, part):
                if entry.kind is EntryKind.FILE:
                    self._take_file(entry)
        except Damaged as error:
            self._lose(part.ref, error)

    def _take_file(self, entry: StoredEntry) -> None:
        refs = entry.chunks
        if refs and refs[0] == rows.LIST_MARK:
            for ref in refs[1:]:
                self._take_list(ref)
            return
        for ref in refs:
            self._look_up(ref)

    def _take_list(self, ref: bytes) -> None:
        if ref in self._seen or not self._look_up(ref):
            return
        self._seen.add(ref)
        try:
            for one in self._engine.chunks.refs((rows.LIST_MARK, ref)):
                self._look_up(one)
        except Damaged as error:
            self._lose(ref, error)

    def _look_up(self, ref: bytes) -> bool:
        place = self._engine.stock.index.locate(ref[:32])
        if place is not None:
            self.packs.add(place.pack.name)
        elif len(self.lost) < _MOST_LOST:
            self.lost[ref[:32]] = _NOBODY
        return place is not None

    def _lose(self, ref: bytes, error: Damaged) -> None:
        self._findings.note(error.object_name, error.problem)
        self.lost[split_ref(ref)[0]] = (error.object_name,)


def blame(lost: dict[bytes, Blame], identity: bytes, more: Blame) -> None:
    """Say that these objects have lost a chunk, too."""
    known = lost.get(identity, _NOBODY)
    lost[identity] = more if known == _NOBODY else tuple(dict.fromkeys(known + more))


def entries_of(engine: Engine, part: Part) -> Iterator[StoredEntry]:
    """The entries of one piece of a manifest.

    Raises:
        Damaged: it cannot be read, or is not what the root says of it.
    """
    place = engine.stock.index.locate(split_ref(part.ref)[0])
    where = place.pack.object_name if place is not None else NOWHERE
    found = split_rows(engine.chunks.manifest(part.ref), where=where)
    if len(found) != part.row_count:
        raise Damaged(where, "a piece of a manifest does not have its number of rows")
    last = b""
    for number, row in enumerate(found):
        entry = rows.unpack_row(row, where=where)
        key = sort_key(entry.path)
        if (not number and entry.path != part.first_path) or (number and key <= last):
            raise Damaged(where, "a manifest's rows are out of order")
        last = key
        if entry.kind is EntryKind.FILE and not _adds_up(entry):
            raise Damaged(where, "a file's chunks do not add up to its size")
        yield entry


def _adds_up(entry: StoredEntry) -> bool:
    if entry.holes and not rows.holes_fit(entry.holes, entry.size):
        return False
    if entry.chunks and entry.chunks[0] == rows.LIST_MARK:
        return True  # seen when the lists are read
    length = sum([int.from_bytes(ref[32:], "little") for ref in entry.chunks])
    return length + sum([hole[1] for hole in entry.holes]) == entry.size


def note_missing(findings: Findings) -> None:
    findings.note(NOWHERE, IN_NO_PACK, kind=MISSING)


assert REF.size == 36  # lengths are read behind the first 32 bytes
