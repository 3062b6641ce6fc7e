"""Finds lost chunks in the files that they came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import BinaryIO

from webapp.items import StoredEntry
from webapp.vault import files, rows
from webapp.vault.checks.harm import lost_ranges
from webapp.vault.checks.needs import Blame, entries_of
from webapp.vault.chunking import WINDOW_BYTES, profile_of
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged
from webapp.vault.ids import chunk_id, make_ref
from webapp.vault.manifests import Part

# Opens what may be the file that an entry was made of; there may be none, or several.
Find = Callable[[StoredEntry], Iterable[BinaryIO]]


class Resupply:
    """Reads candidates and keeps each chunk of theirs that is lost.

    Args:
        find: opens candidates for a path of a snapshot.
        keep: stores a chunk; None for a dry run.
    """

    def __init__(
        self,
        engine: Engine,
        lost: Mapping[bytes, Blame],
        *,
        find: Find,
        keep: Callable[[bytes], bytes] | None,
    ) -> None:
        self._engine = engine
        self._find = find
        self._keep = keep
        self._seen: set[bytes] = set()
        self._window = bytearray()
        self.missing = dict(lost)
        self.found: set[bytes] = set()

    def take(self, parts: list[Part]) -> None:
        """Look at the files of one manifest that need what is lost."""
        for part in parts:
            if part.ref in self._seen or not self.missing:
                continue
            self._seen.add(part.ref)
            with suppress(Damaged):
                for entry in self._hurt(part):
                    self._supply(entry)

    def _hurt(self, part: Part) -> Iterator[StoredEntry]:
        for entry in entries_of(self._engine, part):
            with suppress(Damaged):
                if lost_ranges(entry, self.missing, self._engine.chunks.refs):
                    yield entry

    def _supply(self, entry: StoredEntry) -> None:
        for file in self._find(entry):
            with file, suppress(OSError):
                self._by_place(entry, file)
                if lost_ranges(entry, self.missing, self._engine.chunks.refs):
                    file.seek(0)
                    self._by_cutting(entry, file)

    def _by_place(self, entry: StoredEntry, file: BinaryIO) -> None:
        """Read just the bytes that are lost, where they were."""
        if entry.chunks and entry.chunks[0] == rows.LIST_MARK:
            return
        for one in lost_ranges(entry, self.missing, self._engine.chunks.refs):
            file.seek(one.start)
            self._offer(file.read(one.end - one.start))

    def _by_cutting(self, entry: StoredEntry, file: BinaryIO) -> None:
        """Cut the whole file as a backup would: what moved within it is found, too."""
        files.read(
            file,
            profile_of(entry.path),
            store=self._offer,
            on_bytes=lambda count: None,
            window=self._room,
        )

    def _room(self) -> bytearray:
        if not self._window:
            self._window = bytearray(WINDOW_BYTES)
        return self._window

    def _offer(self, chunk: bytes | memoryview) -> bytes:
        identity = chunk_id(self._engine.ring.data_ids, chunk)
        if self.missing.pop(identity, None) is not None:
            self.found.add(identity)
            if self._keep is not None:
                self._keep(bytes(chunk))
        return make_ref(identity, len(chunk))
