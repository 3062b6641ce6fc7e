"""Files on their way into a target: small ones whole, others piece by piece."""

from __future__ import annotations

import threading
from typing import NamedTuple

from blake3 import blake3

from webapp.items import Fate, NotPlaced, StoredEntry
from webapp.vault.errors import Damaged
from webapp.vault.restoring import glances
from webapp.vault.restoring.digests import Digest, Layout, Spare
from webapp.vault.restoring.outcomes import Outcomes
from webapp.vault.restoring.target import Draft, EntryTarget

_WRONG = "The stored content is not what the snapshot says of it."


class Whole(NamedTuple):
    """A file of one chunk and no hole, still as its row: most files are, and they are many."""

    row: bytes
    fate: Fate


class Placing:
    """Puts chunks where they belong.

    Args:
        paranoid: read each file again when it is written.
    """

    def __init__(self, target: EntryTarget, outcomes: Outcomes, *, paranoid: bool) -> None:
        self.target = target
        self.outcomes = outcomes
        self.spare = Spare()
        self._paranoid = paranoid

    def whole(self, file: Whole, data: memoryview) -> None:
        entry = glances.whole_file(file.row)
        if entry.size != len(data) or (
            # Its chunk's id says the same of the same bytes.
            self._paranoid and blake3(data).digest() != entry.digest
        ):
            self.lost(entry.path, Damaged("manifest", _WRONG))
            return
        try:
            self.target.write(entry, data)
        except NotPlaced as why:
            self.failed(entry, file.fate, why)
        else:
            self.placed(entry, file.fate)

    def placed(self, entry: StoredEntry, fate: Fate) -> None:
        """Count what is in its place, once it was read again where that is asked for."""
        if self._paranoid and not self.target.reads_as(entry):
            why = NotPlaced("write_error", "What was written reads as something else.")
            self.outcomes.failed_at(entry.path, why)
            return
        self.outcomes.placed(fate, entry.size)

    def failed(self, entry: StoredEntry, fate: Fate, why: NotPlaced) -> None:
        if why.is_there:
            self.outcomes.placed(fate, entry.size)
        self.outcomes.failed_at(entry.path, why)

    def lost(self, path: bytes, error: Damaged) -> None:
        self.outcomes.failed_at(path, NotPlaced("damaged", f"Its content is damaged: {error}."))


class Pieces:
    """A file that comes in more than one piece. Expected by one thread, taken by many.

    Raises:
        Damaged: what the manifest says of its holes cannot be.
    """

    def __init__(self, entry: StoredEntry, fate: Fate, placing: Placing) -> None:
        self.entry = entry
        self._layout = Layout(entry)
        self._fate = fate
        self._placing = placing
        self._lock = threading.Lock()
        self._open = 1  # pieces that are to come, and one for "all are known"
        self._expected = 0
        self._draft: Draft | None = None
        self._digest: Digest | None = None
        self._lost: Damaged | NotPlaced | None = None

    @property
    def expected_bytes(self) -> int:
        """Data that was expected so far, which is where the next piece goes."""
        return self._expected

    def expect(self, length: int) -> None:
        with self._lock:
            self._open += 1
            self._expected += length

    def all_known(self) -> None:
        """No more pieces are going to be expected."""
        if self._expected != self._layout.data_bytes:
            self.lose(Damaged("manifest", "a file's chunks do not add up to its size"))
        else:
            self._close_one()

    def take(self, position: int, data: memoryview) -> None:
        draft = self._begun()
        if draft is not None:
            try:
                for offset, piece in self._layout.spread(position, data):
                    draft.write(piece, offset)
            except NotPlaced as why:
                self._give_up(why)
            with self._lock:
                if self._digest is not None:
                    self._digest.add(position, data)
        self._close_one()

    def lose(self, error: Damaged) -> None:
        """A piece cannot be had."""
        self._give_up(error)
        self._close_one()

    def abandon(self) -> None:
        """The restore ends before this file is whole."""
        if self._draft is not None:
            self._draft.abandon()

    def _begun(self) -> Draft | None:
        with self._lock:
            if self._draft is None and self._lost is None:
                try:
                    self._draft = self._placing.target.draft(self.entry)
                except NotPlaced as why:
                    self._lost = why
                self._digest = Digest(self._layout, self._placing.spare)
            return self._draft if self._lost is None else None

    def _give_up(self, why: Damaged | NotPlaced) -> None:
        with self._lock:
            self._lost = self._lost or why

    def _close_one(self) -> None:
        with self._lock:
            self._open -= 1
            if self._open:
                return
        self._finish()

    def _finish(self) -> None:
        draft = self._begun()  # of a file that is nothing but a hole, only now
        digest = self._digest.result() if self._digest is not None else None
        if digest is not None and digest != self.entry.digest:
            self._give_up(Damaged("manifest", _WRONG))
        if self._digest is not None:
            self._digest.close()
        try:
            if draft is not None and self._lost is None:
                draft.finish()
        except NotPlaced as why:
            self._placing.failed(self.entry, self._fate, why)
            self._draft = None
            return
        if self._lost is None:
            self._placing.placed(self.entry, self._fate)
        else:
            self.abandon()
            self._tell(self._lost)
        self._draft = None

    def _tell(self, why: Damaged | NotPlaced) -> None:
        if isinstance(why, Damaged):
            self._placing.lost(self.entry.path, why)
        else:
            self._placing.outcomes.failed_at(self.entry.path, why)
