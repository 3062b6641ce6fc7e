"""Turns an entry of a source into its row: what did not change is taken over, the rest is read."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from webapp.items import Entry, EntryKind, EntrySource, key_of
from webapp.vault import files, rows
from webapp.vault.chunk_store import ChunkStore
from webapp.vault.chunking import WINDOW_BYTES, Profile, profile_of
from webapp.vault.errors import Damaged, ObjectMissing
from webapp.vault.ids import REF, split_ref
from webapp.vault.matching import Match, state_of
from webapp.vault.progress import Progress, unpaced
from webapp.vault.reader import ChunkReader
from webapp.vault.reports import CountedReport

_TRIES = 3
MOST_REFS = 4096  # more than this, and the references go into chunks of their own
_MOST_LINKS = 100_000
_REASONS = {
    errno.EACCES: ("not_allowed", "The backup user may not read it."),
    errno.EPERM: ("not_allowed", "The backup user may not read it."),
    errno.ENOSPC: ("disk_full", "There was no space left to prepare it."),
    errno.EBUSY: ("locked", "Another program holds a lock on it."),
    errno.ETXTBSY: ("locked", "Another program holds a lock on it."),
}
_TORN = "It changed each time it was read; the copy that was kept may be torn."
_NOT_WHOLE = "What was read of it does not add up to its size, so it was not kept."
_GONE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP}


@dataclass(kw_only=True)
class Capture:
    """Makes rows, one after another.

    Args:
        report: counts in the tally what it is told.
        time_ns: the host's clock, to tell which files are too young to be trusted next time.
        boundaries: the secret table by which this vault cuts, if it does.
        aside: called now and then while a large file is read.
        pace: told of each stretch that was read; may wait.
    """

    source: EntrySource
    report: CountedReport
    store: ChunkStore
    chunks: ChunkReader
    progress: Progress
    match: Match
    time_ns: Callable[[], int]
    boundaries: bytes = b""
    aside: Callable[[], None] | None = None
    pace: Callable[[int], None] = unpaced
    _links: dict[bytes, tuple[bytes, bytes]] = field(default_factory=dict)
    _alone: set[bytes] = field(default_factory=set)
    _window: bytearray = field(default_factory=bytearray)

    def row(self, entry: Entry, old: bytes | None) -> bytes | None:
        """The row of *entry*; None if it had to be left out, which has then been reported.

        Args:
            old: the parent's row of the same path.
        """
        if entry.kind is EntryKind.FILE:
            return self._file(entry, old)
        if entry.kind is EntryKind.FOLDER:
            self.progress.tally.folders += 1
        else:
            self.progress.tally.others += 1
        return rows.make_row(rows.pack_facts(entry), b"")

    def _file(self, entry: Entry, old: bytes | None) -> bytes | None:
        entry, content = self._linked(entry)
        facts = rows.pack_facts(entry)
        if old is not None and not entry.hardlink and self._is_same_row(facts, old):
            self._count(entry, True, old)
            self._remember(entry.path, facts, old[4 + len(facts) :])
            return old
        old_facts, old_content = rows.split_row(old) if old is not None else (b"", b"")
        if content is None and self._is_unchanged(facts, old_facts, old_content):
            content = old_content
        if content is None:
            read = self._read(entry)
            if read is None:
                self._alone.add(entry.path)
                return None
            content, facts = read
            if entry.size != rows.size_of(facts):  # it grew, shrank, or nobody knew before
                entry = replace(entry, size=rows.size_of(facts))
        same = facts == old_facts and content[:32] == old_content[:32]
        self._count(entry, same, old)
        self._remember(entry.path, facts, content)
        return rows.make_row(facts, content)

    def _linked(self, entry: Entry) -> tuple[Entry, bytes | None]:
        """A hard link and the content of its other name, if both are still one file.

        Else, it is a file of its own: the other name is not in this snapshot, or the file changed
        meanwhile, or its inode number by now belongs to another one.
        """
        if not entry.hardlink:
            return entry, None
        state, content = self._links.get(entry.hardlink, (b"", None))
        if entry.hardlink in self._alone or (state and state != _state(entry)):
            return replace(entry, hardlink=b""), None
        return entry, content

    def _is_same_row(self, facts: bytes, old: bytes) -> bool:
        """The short way, for most files of most backups: nothing at all is different."""
        if not old.startswith(facts, 4) or not self.match.same(facts, facts):
            return False
        return rows.content_at(old) == 4 + len(facts) and self.is_settled(old)

    def is_settled(self, old: bytes) -> bool:
        """Whether a parent's row may be relied on: it is not unsure, and its chunks are there."""
        content_at = rows.content_at(old)
        if rows.is_unsure_at(old, content_at):
            return False
        return self._is_stored(old[content_at:], rows.size_of(old[4:]))

    def _is_unchanged(self, facts: bytes, old_facts: bytes, old_content: bytes) -> bool:
        return (
            bool(old_content)
            and not rows.is_unsure(old_content)
            and self.match.same(facts, old_facts)
            and self._is_stored(old_content, rows.size_of(facts))
        )

    def _is_stored(self, content: bytes, size: int) -> bool:
        """Whether every chunk is there still, and they make up a file of this size; what is not
        is read from the source again."""
        has = self.store.has
        for identity in rows.chunk_ids(content):
            if not has(identity):
                return False
        _, _, holes, refs = rows.unpack_content(content)
        if rows.is_listed(content):
            try:
                refs = tuple(self.chunks.refs((rows.LIST_MARK, *refs)))
            except (Damaged, ObjectMissing):
                return False
        return rows.adds_up(holes, refs, size) and all(has(ref[:32]) for ref in refs)

    def _read(self, entry: Entry) -> tuple[bytes, bytes] | None:
        """Content part and facts, both as found while reading; None if it cannot be read."""
        try:
            read, young = self._read_until_stable(entry)
        except OSError as error:
            self.leave_out(entry.path, error)
            return None
        if not rows.adds_up(read.holes, read.refs, read.size):
            self._fail(entry.path, "changed_while_read", _NOT_WHOLE)
            return None
        if not read.is_stable:
            self._fail(entry.path, "changed_while_read", _TORN)
        seen = self._as_seen(entry, read)
        replaced = read.before is not None and _is_other(entry, read)
        if replaced or _state(seen) != _state(entry):
            seen = self._own(seen, replaced)
        unsure = not read.is_stable or ((young or replaced) and not _is_copy(entry))
        flags, refs = self._shorten(read.refs)
        flags |= rows.UNSURE if unsure else 0
        content = rows.Content(read.digest, flags, read.holes, refs).pack()
        return content, rows.pack_facts(seen)

    def _read_until_stable(self, entry: Entry) -> tuple[files.Read, bool]:
        for _ in range(_TRIES):
            started = self.time_ns()
            read = self._read_once(entry, profile_of(entry.path, self.boundaries))
            if read.is_stable and rows.adds_up(read.holes, read.refs, read.size):
                break
        newest = max(entry.mtime_ns, entry.ctime_ns)
        if read.before is not None:
            newest = max(newest, read.before.st_mtime_ns, read.before.st_ctime_ns)
        return read, files.is_young(newest, started)

    def _read_once(self, entry: Entry, profile: Profile) -> files.Read:
        file = self.source.open(entry)
        try:
            return files.read(
                file,
                profile,
                store=self.store.data,
                on_bytes=self._note,
                window=self._room,
            )
        finally:
            file.close()

    def _note(self, size_bytes: int) -> None:
        self.progress.read(size_bytes)
        self.pace(size_bytes)
        if self.aside is not None:
            self.aside()

    def _room(self) -> bytearray:
        """One window for all files, made when the first large one comes."""
        if not self._window:
            self._window = bytearray(WINDOW_BYTES)
        return self._window

    def _as_seen(self, entry: Entry, read: files.Read) -> Entry:
        """The entry with size and times as they were when it was read, if it is the same file."""
        is_it = read.before is not None and read.before.st_ino == entry.inode
        if read.before is None or not is_it or _is_copy(entry):
            return entry if entry.size == read.size else replace(entry, size=read.size)
        mtime_ns, ctime_ns = read.before.st_mtime_ns, read.before.st_ctime_ns
        if (entry.size, entry.mtime_ns, entry.ctime_ns) == (read.size, mtime_ns, ctime_ns):
            return entry
        return replace(entry, size=read.size, mtime_ns=mtime_ns, ctime_ns=ctime_ns)

    def _own(self, seen: Entry, replaced: bool) -> Entry:
        """A file that is not as it was listed is nobody's hard link; if another file is in its
        place, no link leads to it either."""
        if replaced:
            self._alone.add(seen.path)
        return replace(seen, hardlink=b"") if seen.hardlink else seen

    def _shorten(self, refs: tuple[bytes, ...]) -> tuple[int, tuple[bytes, ...]]:
        if len(refs) <= MOST_REFS:
            return 0, refs
        lists = cut_lists(refs)
        return rows.LISTED, tuple(self.store.manifest(part) for part in lists)

    def leave_out(self, path: bytes, error: OSError) -> None:
        """Report an entry that cannot be read and is not in the snapshot."""
        if error.errno in _GONE:
            self.report.skipped(
                key_of(path), "vanished", "It was listed, and gone when it was to be read."
            )
            return
        code, message = _REASONS.get(
            error.errno or 0, ("read_error", f"It could not be read: {error.strerror or error}.")
        )
        self._fail(path, code, message)

    def _fail(self, path: bytes, code: str, message: str) -> None:
        self.report.failed(key_of(path), code, message)

    def _count(self, entry: Entry, same: bool, old: bytes | None) -> None:
        self.progress.file(0 if entry.hardlink else entry.size, same, old is None)

    def _remember(self, path: bytes, facts: bytes, content: bytes) -> None:
        """For hard links that follow. The oldest go; a link to one of those is read again."""
        if len(self._links) >= _MOST_LINKS:
            del self._links[next(iter(self._links))]
        self._links[path] = state_of(facts), content


def _state(entry: Entry) -> bytes:
    return state_of(rows.pack_facts(entry))


def _is_copy(entry: Entry) -> bool:
    """Databases are read from a copy made for the purpose, whose times say nothing of theirs."""
    return entry.path.startswith(b"db/")


def _is_other(entry: Entry, read: files.Read) -> bool:
    """Whether what was opened is not the file that was listed, but put in its place or a copy."""
    return read.before is not None and bool(entry.inode) and read.before.st_ino != entry.inode


def cut_lists(refs: tuple[bytes, ...]) -> list[bytes]:
    """Join references into lists, cut where a reference itself says so, so that lists dedupe."""
    lists, current = [], []
    for ref in refs:
        current.append(ref)
        identity, _ = split_ref(ref)
        if (len(current) >= 512 and identity[0] < 1) or len(current) >= MOST_REFS:
            lists.append(b"".join(current))
            current = []
    if current:
        lists.append(b"".join(current))
    assert sum(map(len, lists)) == REF.size * len(refs)
    return lists
