"""Backing up files and folders of this machine."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from webapp.formatting import number, size
from webapp.items import Tally, path_to_text
from webapp.standalone.leaving_out import LeaveOut
from webapp.standalone.listing import ending, shown_path
from webapp.standalone.paths import EVERYTHING, PathsSource, outermost, section_of
from webapp.standalone.streams import Stream, StreamSource
from webapp.standalone.vaults import Where, opened
from webapp.vault import levels
from webapp.vault.engine import BackupResult
from webapp.vault.matching import Match
from webapp.vault.reports import CountedReport
from webapp.vault.storage.local import LocalStorage
from webapp.vault.vault import Vault

Document = dict[str, object]
Say = Callable[[str], None]
Tell = Callable[[int, int, str], None]
Source = PathsSource | StreamSource


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a person wants backed up.

    Attributes:
        source: the source's stable name; if empty, made of this host and the paths.
        paranoid: read every file, whatever its times say.
        match: which facts tell that a file did not change; one of ``Match``.
        parallel: threads that compress and seal.
        compression: how hard; a level of zstd.
        stream: back up what a program writes, instead of *paths*.
        estimate: for the progress, take it that there is as much as last time.
    """

    paths: tuple[str, ...]
    source: str = ""
    leave_out: LeaveOut = EVERYTHING
    reason: str = ""
    tags: tuple[str, ...] = ()
    paranoid: bool = False
    match: str = Match.FULL
    parallel: int = 2
    compression: int = levels.DEFAULT
    stream: Stream | None = None
    estimate: bool = False

    @property
    def name(self) -> str:
        if self.stream is not None and not self.source:
            return f"{socket.gethostname()}:{path_to_text(self.stream.path[4:])}"
        return self.source or default_name(self.paths)


@dataclass
class Complaints:
    """A ``Report`` that tells each unread item at once."""

    say: Say
    mention: Say
    _skipped: set[str] = field(default_factory=set)

    def failed(self, key: str, code: str, message: str) -> None:
        self.say(f"not read: {_shown(key)}: {message}")

    def skipped(self, key: str, code: str, message: str) -> None:
        if code not in self._skipped:  # the first of each sort is enough to know why
            self._skipped.add(code)
            self.mention(f"left out: {_shown(key)}: {message}")

    def note(self, message: str) -> None:
        self.mention(message.replace("tree:", "/"))  # a key, where a person thinks of a path


def back_up(where: Where, wish: Wish, *, say: Say, mention: Say, tell: Tell) -> Document:
    """Make one snapshot.

    Args:
        say: told, in words, of what could not be read.
        mention: told of what is worth a word and no fault.
        tell: the progress, ``(done, total, words)`` in bytes.

    Returns:
        what ``--json`` prints; ``failed`` counts what could not be read.

    Raises:
        ConnectorError: none of the paths is there, or all lie in the vault itself.
    """
    started = time.monotonic()
    with opened(where) as vault:
        report = CountedReport(Complaints(say, mention))
        source = _source(where, wish, report)
        try:
            result = _run(vault, source, wish, report=report, tell=tell)
        finally:
            source.close()
    return _document(result, time.monotonic() - started)


def level_called(text: str) -> int:
    """A level of compression by name or number. Raises ``ValueError``, which says what there is."""
    return levels.level_called(text)


def _source(where: Where, wish: Wish, report: CountedReport) -> Source:
    if wish.stream is not None:
        return StreamSource(wish.stream)
    return PathsSource(
        wish.paths, report=report, leave_out=wish.leave_out, own_data=_own_data(where)
    )


def default_name(paths: Iterable[str]) -> str:
    """``host:/etc,/home``: the same paths on the same host continue one source."""
    shown = (path_to_text(section_of(path)[4:]) or "/" for path in outermost(paths))
    return f"{socket.gethostname()}:{','.join(shown)}"


def _run(
    vault: Vault,
    source: Source,
    wish: Wish,
    *,
    report: CountedReport,
    tell: Tell,
) -> BackupResult:
    total = _last_bytes(vault, wish.name) if wish.estimate else 0

    def on_progress(tally: Tally) -> None:
        done = f"{number(tally.files)} files, {size(tally.logical_bytes)}"
        tell(tally.logical_bytes, total, f"{done}, {ending(shown_path(tally.current))}")

    more = {"tags": list(wish.tags)} if wish.tags else {}
    return vault.backup(
        source,
        name=wish.name,
        report=report,
        on_progress=on_progress,
        reason=wish.reason,
        metadata={"paths": [path_to_text(p[4:]) or "/" for p in _tops(wish)], **more},
        parent=None if wish.paranoid else "auto",
        match=Match(wish.match),
        threads=wish.parallel,
        level=wish.compression,
    )


def _last_bytes(vault: Vault, name: str) -> int:
    last = next(iter(vault.snapshots(name)), None)
    return last.counts.get("logical_bytes", 0) if last is not None else 0


def _tops(wish: Wish) -> list[bytes]:
    if wish.stream is not None:
        return [wish.stream.path]
    return [section_of(path) for path in outermost(wish.paths)]


def _own_data(where: Where) -> list[Path]:
    with closing(where.storage()) as storage:
        own = [storage.root] if isinstance(storage, LocalStorage) else []
    return own + ([where.cache_dir] if where.cache_dir else [])


def _document(result: BackupResult, seconds: float) -> Document:
    tally = result.tally
    return {
        "snapshot_id": result.snapshot.id,
        "source": result.snapshot.name,
        "files": tally.files,
        "dirs": tally.folders,
        "others": tally.others,
        "new": tally.new,
        "changed": tally.changed,
        "unchanged": tally.unchanged,
        "failed": tally.failed,
        "skipped": tally.skipped,
        "bytes": tally.logical_bytes,
        "bytes_read": tally.read_bytes,
        "bytes_stored": tally.stored_bytes,
        "seconds": round(seconds, 3),
    }


def _shown(key: str) -> str:
    return "/" + key.partition(":")[2]
