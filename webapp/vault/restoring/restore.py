"""Writes a snapshot, or a part of it, into a target."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from webapp.items import EntryKind, Fate, NotPlaced, StoredEntry
from webapp.vault import rows
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged
from webapp.vault.ids import REF, split_ref
from webapp.vault.manifests import Manifest
from webapp.vault.restoring import glances
from webapp.vault.restoring.carrying import Carrying
from webapp.vault.restoring.finding import Finder
from webapp.vault.restoring.hands import LOTS
from webapp.vault.restoring.orders import RestoreOrder
from webapp.vault.restoring.outcomes import Outcomes, RestoreResult
from webapp.vault.restoring.pieces import Pieces, Placing, Whole
from webapp.vault.restoring.ranges import Needs
from webapp.vault.restoring.selection import Chosen, Selection
from webapp.vault.restoring.windows import Window, sizes

_WEIGHT_OF_LARGE = 8
_AT_ONCE = 256
_COLLIDES = "name_collides"
Ordering = tuple[Pieces, Iterator[bytes]]


class Restore:
    """One restore."""

    def __init__(
        self,
        engine: Engine,
        manifest: Manifest,
        *,
        order: RestoreOrder,
    ) -> None:
        self._engine = engine
        self._order = order
        self._target = order.target
        self._selection = Selection(manifest, order.include)
        self._finder = Finder(engine.stock)
        self._outcomes = Outcomes()
        self._placing = Placing(order.target, self._outcomes, paranoid=order.paranoid)
        self._firsts: dict[bytes, bytes] = {}
        self._windows: deque[Window] = deque()
        self._window = Window(needs=Needs(self._finder.locate))  # the one that is being filled
        self._current: Ordering | None = None
        self._reached = b""
        self._carrying = Carrying(engine, self._placing)

    def run(self) -> RestoreResult:
        """Do it.

        Raises:
            PathMissing: the snapshot lacks something that was asked for.
            Damaged: the snapshot's own list cannot be read.
            StorageError: the vault's place failed.
        """
        self._survey()
        is_ahead = not self._order.dry_run and self._carrying.get_help()
        try:
            self._work(sizes(is_ahead=is_ahead), most=LOTS if is_ahead else 1)
        finally:
            self._carrying.close()
            for window in self._windows:
                for file in window.files:
                    file.abandon()
        return self._result()

    def _work(self, windows: Iterator[int], *, most: int) -> None:
        """Go through it window by window; *most* are at work at the same time."""
        chosen, more = self._selection.rows(), True
        while more or self._windows:
            while more and len(self._windows) < most:
                more = self._begin_window(chosen, next(windows))
            self._finish_window(self._windows[0])
            self._windows.popleft()

    def _begin_window(self, chosen: Iterator[Chosen], size: int) -> bool:
        """Look at entries, and let those begin that can carry; False if there are no more."""
        window = self._window = Window(needs=Needs(self._finder.locate))
        self._windows.append(window)
        if self._current is not None:
            window.files.add(self._current[0])
        more = self._fill(chosen, window, size)
        if not self._order.dry_run:
            window.folders = self._target.leave(last=not more)
        window.load = self._carrying.start(window.needs)
        return more

    def _survey(self) -> None:
        """Where names may collide, find those that do before anything is written."""
        if not self._target.may_fold(self._selection.folders()):
            return
        for one in self._selection.rows():
            if one.refusal is not None:
                continue
            try:
                self._target.look(rows.unpack_row(one.row), on_the_way=one.on_the_way)
            except NotPlaced as why:
                if why.code == _COLLIDES:
                    self._refuse(one.path, why)
        self._target.start_over()

    def _fill(self, chosen: Iterator[Chosen], window: Window, size: int) -> bool:
        """Look at entries until there is enough to do; False when there are no more."""
        needs = window.needs
        while window.weight < size and needs.count < size:
            if self._current is not None:
                self._current = self._go_on(self._current, needs)
                continue
            one = next(chosen, None)
            if one is None:
                return False
            window.weight += 1
            self._consider(one, needs)
            if not window.weight & 1023:
                self._carrying.listen()
                self._tell_progress()
        return True

    def _consider(self, one: Chosen, needs: Needs) -> None:
        self._reached = one.path
        if one.refusal is not None:
            self._refuse(one.path, one.refusal)
            return
        if glances.is_plain_file(one.row) and self._target.is_fresh(one.folder):
            self._act_on_row(one, needs)
            return
        entry = self._relinked(rows.unpack_row(one.row))
        try:
            fate = self._target.look(entry, on_the_way=one.on_the_way)
        except NotPlaced as why:
            if why.code != _COLLIDES:  # those were told of before
                self._refuse(one.path, why)
            return
        self._order.on_item(one.path, fate, "")
        self._act(entry, fate, row=one.row, needs=needs)

    def _act_on_row(self, one: Chosen, needs: Needs) -> None:
        """The short way, for most files of most restores."""
        self._order.on_item(one.path, Fate.CREATE, "")
        if self._order.dry_run:
            self._outcomes.placed(Fate.CREATE, glances.size_of(one.row))
            return
        self._current = self._want(one.row, None, fate=Fate.CREATE, needs=needs)

    def _relinked(self, entry: StoredEntry) -> StoredEntry:
        """The entry with the name that shares its content here: the first may be left out."""
        if not entry.hardlink or self._selection.holds(entry.hardlink):
            return entry
        first = self._firsts.setdefault(entry.hardlink, entry.path)
        return replace(entry, hardlink=b"" if first == entry.path else first)

    def _refuse(self, path: bytes, why: NotPlaced) -> None:
        self._outcomes.refused(path, why)
        self._order.on_item(path, "blocked", str(why))

    def _act(self, entry: StoredEntry, fate: Fate, *, row: bytes, needs: Needs) -> None:
        is_file = entry.kind is EntryKind.FILE
        writes = is_file and fate in {Fate.CREATE, Fate.UPDATE}
        size = 0 if entry.hardlink else entry.size
        if self._order.dry_run or fate is Fate.LEAVE:
            self._outcomes.placed(fate, size)
        elif writes and entry.hardlink:
            self._window.weight += 1
            self._window.links.append((entry, fate, row))
        elif writes:
            self._current = self._want(row, entry, fate=fate, needs=needs)
        else:
            try:
                self._target.make(entry, fate)
            except NotPlaced as why:
                self._placing.failed(entry, fate, why)
            else:
                self._outcomes.placed(fate, size)

    def _want(
        self, row: bytes, entry: StoredEntry | None, *, fate: Fate, needs: Needs
    ) -> Ordering | None:
        """Order a file's content; the result is what is left to be ordered of a larger one."""
        ref = glances.only_ref(row)
        if ref is not None:
            if not needs.add(ref, Whole(row, fate), 0):
                self._placing.lost(rows.row_path(row), self._finder.nowhere(ref))
            return None
        entry = entry or rows.unpack_row(row)
        if not entry.chunks and not entry.holes:
            self._placing.whole(Whole(row, fate), memoryview(b""))
            return None
        try:
            file = Pieces(entry, fate, self._placing)
        except Damaged as error:
            self._placing.lost(entry.path, error)
            return None
        self._window.weight += _WEIGHT_OF_LARGE
        self._window.files.add(file)
        return file, self._refs(entry)

    def _refs(self, entry: StoredEntry) -> Iterator[bytes]:
        """The references of a file, list by list: there may be millions."""
        if not entry.chunks or entry.chunks[0] != rows.LIST_MARK:
            yield from entry.chunks
            return
        for listed in entry.chunks[1:]:
            found = self._engine.chunks.manifest(listed)
            if len(found) % REF.size:
                raise Damaged("manifest", "a list of references is cut short")
            yield from (found[at : at + REF.size] for at in range(0, len(found), REF.size))

    def _go_on(self, ordering: Ordering, needs: Needs) -> Ordering | None:
        """Order some more of a file; None when all of it is."""
        file, refs = ordering
        try:
            some = list(islice(refs, _AT_ONCE))
        except Damaged as error:
            some = []
            file.expect(0)
            file.lose(error)
        for ref in some:
            position = file.expected_bytes
            file.expect(split_ref(ref)[1])
            if not needs.add(ref, file, position):
                file.lose(self._finder.nowhere(ref))
        if len(some) == _AT_ONCE:
            return ordering
        file.all_known()
        return None

    def _finish_window(self, window: Window) -> None:
        self._carrying.finish(window.load, self._tell_progress)
        again = Needs(self._finder.locate)
        for entry, fate, row in window.links:
            self._link(entry, fate, row=row, needs=again)
        self._carrying.carry(again.ranges(), self._tell_progress)
        for path, why in self._target.settle(window.folders):
            self._outcomes.failed_at(path, why)

    def _link(self, entry: StoredEntry, fate: Fate, *, row: bytes, needs: Needs) -> None:
        """Link a file, or write it once more where that cannot be."""
        try:
            if self._target.link(entry):
                self._outcomes.placed(fate, 0)
                return
        except NotPlaced as why:
            self._placing.failed(entry, fate, why)
            return
        ordering = self._want(row, entry, fate=fate, needs=needs)
        while ordering is not None:
            ordering = self._go_on(ordering, needs)

    def _tell_progress(self) -> None:
        total = 0
        if not self._order.include:
            total = self._order.snapshot.counts.get("logical_bytes", 0)
        self._order.on_progress(self._outcomes.bytes_done, total, self._reached)

    def _result(self) -> RestoreResult:
        done = self._outcomes
        return RestoreResult(
            snapshot=self._order.snapshot,
            created=done.created,
            updated=done.updated,
            unchanged=done.unchanged,
            blocked=done.blocked,
            failed=done.failed,
            bytes_written=done.bytes_written,
            bytes_fetched=self._carrying.bytes_fetched,
            bytes_needed=self._carrying.bytes_needed,
            problems=tuple(done.problems),
        )
