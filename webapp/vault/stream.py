"""One pass over a source: entries in order, in step with the parent's rows, become a manifest."""

from __future__ import annotations

from webapp.items import PlaceSource, SightSource, is_safe, key_of, sort_key
from webapp.vault.capturing import Capture
from webapp.vault.crew.crew import Crew
from webapp.vault.crew.line import Line
from webapp.vault.errors import BadSource
from webapp.vault.glancing import Glance
from webapp.vault.manifests import ManifestBuilder
from webapp.vault.matching import InodeWatch
from webapp.vault.parents import ParentRows


class EntryStream:
    """Takes a source's entries one after another.

    Args:
        crew: may read small files, if the source is of that kind.
    """

    def __init__(
        self,
        capture: Capture,
        parent: ParentRows,
        builder: ManifestBuilder,
        *,
        crew: Crew | None = None,
    ) -> None:
        self._capture = capture
        self._crew = crew
        self._parent = parent
        self._builder = builder
        self._progress = capture.progress
        self._last = b""
        self._inodes = InodeWatch(capture.match)

    def run(self) -> None:
        """Take all of them.

        Raises:
            BadSource: a path is out of order, or could lead out of the snapshot.
        """
        source = self._capture.source
        if isinstance(source, SightSource):
            self._run_sightings(source)
        else:
            for entry in source.entries():
                old = self._old(entry.path)
                self._done(entry.path, self._capture.row(entry, old), old)
        self._builder.flush()
        tally = self._progress.tally
        advice = self._inodes.advice(tally.unchanged + tally.changed)
        if advice:
            self._capture.report.note(advice)

    def _run_sightings(self, source: SightSource) -> None:
        glance = Glance(capture=self._capture, eyes=source.eyes())
        if self._crew is not None and isinstance(source, PlaceSource):
            self._run_in_line(source, Line(self._crew, glance, source, self._done))
            return
        for found in source.sightings():
            if isinstance(found, tuple):
                old = self._old(found[0])
                self._done(found[0], glance.row(found, old), old)
            else:
                old = self._old(found.path)
                self._done(found.path, self._capture.row(found, old), old)

    def _run_in_line(self, source: SightSource, line: Line) -> None:
        row = self._capture.row
        for found in source.sightings():
            if isinstance(found, tuple):
                line.see(found, self._old(found[0]))
            else:
                old = self._old(found.path)
                line.add(found.path, row(found, old), old)
        line.close()

    def _old(self, path: bytes) -> bytes | None:
        """The parent's row of *path*, which must come after all paths before."""
        self._progress.tally.current = path
        old = self._parent.next_is(path)
        if old is None:
            key = sort_key(path)
            if key <= sort_key(self._last):
                raise BadSource(f"{key_of(path)}: out of order")
            old = self._parent.at(path, key)
            if old is None and not is_safe(path):
                raise BadSource(f"{key_of(path)}: not a path")
        self._last = path
        return old

    def _done(self, path: bytes, row: bytes | None, old: bytes | None) -> None:
        if row is not None:
            self._builder.add(path, row)
            if row is not old and old is not None:
                self._inodes.look(row, old)
        self._progress.step()
