"""Walks through everything that roots need. Each piece of a manifest is read once, however many
snapshots share it; what was seen is one bit for each chunk of the index."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TypeVar

from webapp.vault import rows
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged, ObjectMissing
from webapp.vault.manifests import Part, split_rows
from webapp.vault.pruning.roots import Moved, halted, parts_of, read_patiently
from webapp.vault.snapshots import PENDING

T = TypeVar("T")


class Lost(Damaged):
    """A piece of a manifest is in no pack at all."""


class Walk:
    """One look at what is needed, valid until chunks get other numbers.

    Args:
        on_absent: called for each needed chunk that is in no pack that counts, with whether it is
            a manifest's own, and its id; once for each.
        excused: ids of snapshots that may be unreadable: nobody will bring them back.
        may_lack: says of which roots something may be in no pack. What reads wrong, and is there,
            may come right again, and so stops the walk all the same.
    """

    def __init__(
        self,
        engine: Engine,
        on_absent: Callable[[bool, bytes], None],
        *,
        excused: Collection[str] = (),
        may_lack: Callable[[str], bool] = lambda root: False,
    ) -> None:
        self._engine = engine
        self._on_absent = on_absent
        self._excused = excused
        self._may_lack = may_lack
        self._index = engine.stock.index
        self._generation = self._index.generation
        self._bits = bytearray(len(self._index) // 8 + 1)
        self._absent: set[bytes] = set()
        self._broken: dict[bytes, Damaged] = {}
        self.unreadable: list[str] = []

    def roots(self, names: Iterable[str]) -> None:
        """See all that these roots need; of those that are excused, all that can be read.

        Raises:
            Moved: something went away meanwhile; look again from the start.
            Halted: a root or manifest cannot be read.
        """
        for name in names:
            try:
                parts = parts_of(self._engine, name, excused=self._excused)
                _each(self._part, parts or ())
            except Damaged as error:
                self._let_pass(name, error)
                parts = None
            if parts is None:
                self.unreadable.append(name)

    def _let_pass(self, root: str, error: Damaged) -> None:
        """Raises ``Halted`` if a root that is not whole must stop us."""
        lenient = self._may_lack(root)
        is_lost = lenient and isinstance(error, Lost)
        if not is_lost and root.partition("/")[2] not in self._excused:
            is_forgotten = lenient and not root.startswith(PENDING)
            raise halted(root, error, is_forgotten=is_forgotten) from error

    def is_live(self, number: int) -> bool:
        return bool(self._bits[number >> 3] & 1 << (number & 7))

    def count_live(self, first: int, end: int) -> int:
        """How many chunks of these numbers are needed."""
        if end <= first:
            return 0
        span = int.from_bytes(self._bits[first >> 3 : (end - 1 >> 3) + 1], "little")
        return (span >> (first & 7) & (1 << end - first) - 1).bit_count()

    def check(self) -> None:
        """Raises ``Moved`` if chunks have got other numbers since."""
        if self._index.generation != self._generation:
            raise Moved("index")

    def _part(self, part: Part) -> None:
        if not self._see(True, part.ref[:32]):
            return
        _each(self._row, split_rows(self._read(part.ref), where="manifest"))

    def _row(self, row: bytes) -> None:
        at = rows.content_at(row)
        if at < len(row):
            self._content(row[at:])

    def _content(self, content: bytes) -> None:
        if not rows.is_listed(content):
            for identity in rows.chunk_ids(content):
                self._see(False, identity)
            return
        _each(self._list, rows.unpack_content(content).refs)

    def _list(self, ref: bytes) -> None:
        if self._see(True, ref[:32]):
            self._read(ref)
            for one in self._engine.chunks.refs((rows.LIST_MARK, ref)):
                self._see(False, one[:32])

    def _see(self, is_manifest: bool, identity: bytes) -> bool:
        """Note that a chunk is needed; False if that was known."""
        number = self._index.number(identity)
        if not number:
            return self._see_absent(is_manifest, identity)
        at, bit = number >> 3, 1 << (number & 7)
        if at >= len(self._bits):  # a pack that came since
            self._bits.extend(bytes(at - len(self._bits) + 4096))
        if self._bits[at] & bit:
            if identity in self._broken:
                raise self._broken[identity]
            return False
        self._bits[at] |= bit
        return True

    def _see_absent(self, is_manifest: bool, identity: bytes) -> bool:
        if identity in self._broken:
            raise self._broken[identity]
        if identity in self._absent:
            return False
        self._absent.add(identity)
        self._on_absent(is_manifest, identity)
        return True

    def _read(self, ref: bytes) -> bytes:
        """A piece of a manifest. One that is broken is so for every root that needs it."""
        try:
            found = read_patiently(lambda: self._engine.chunks.manifest(ref))
            self.check()
        except ObjectMissing:
            raise Moved("packs") from None
        except Damaged as error:
            is_lost = self._index.locate(ref[:32]) is None
            self._broken[ref[:32]] = Lost(error.object_name, error.problem) if is_lost else error
            raise self._broken[ref[:32]] from error
        return found


def _each(act: Callable[[T], None], items: Iterable[T]) -> None:
    """Act on all of them, whatever is damaged of some; that is raised when the last is done. What
    reads wrong weighs more than what is lost."""
    damage: Damaged | None = None
    for one in items:
        try:
            act(one)
        except Damaged as error:
            damage = error if damage is None or isinstance(damage, Lost) else damage
    if damage is not None:
        raise damage
