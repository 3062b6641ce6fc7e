"""Checking a vault, and mending it."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from webapp.items import StoredEntry, is_safe
from webapp.standalone.listing import shown_text
from webapp.standalone.naming import snapshot_called
from webapp.standalone.vaults import Where, opened
from webapp.vault.checks.coverage import CoverageReport
from webapp.vault.checks.findings import VerifyReport
from webapp.vault.checks.giving_up import can_be_given_up

Document = dict[str, object]
Tell = Callable[[int, int, str], None]
PERIOD_DAYS = 30.0


@dataclass(frozen=True, kw_only=True)
class Depth:
    """How deeply to check.

    Attributes:
        share: of the data, 0.0 to 1.0; None for as much as the period asks for.
        snapshot: only what this one needs; an id, its beginning, or ``latest``.
        is_read_only: write nothing into the vault.
    """

    share: float | None = 0.0
    snapshot: str | None = None
    period_days: float = PERIOD_DAYS
    is_read_only: bool = False


def verify(where: Where, depth: Depth, *, tell: Tell) -> Document:
    """Check a vault; what ``--json`` prints."""
    started = time.monotonic()
    with opened(where) as vault:
        snapshot = snapshot_called(vault, depth.snapshot).id if depth.snapshot else None
        report = vault.verify(
            snapshot=snapshot,
            read_data=depth.share,
            period_days=depth.period_days,
            remember=not depth.is_read_only,
            on_progress=tell,
        )
    return _document(report) | {"seconds": round(time.monotonic() - started, 3)}


def _document(report: VerifyReport) -> Document:
    return {
        "ok": report.ok,
        "objects": report.objects,
        "bytes_read": report.bytes_read,
        "errors": [_shown(one) for one in report.errors],
        "notes": report.notes,
        "coverage": _coverage(report.coverage) if report.coverage else None,
    }


def _shown(error: dict[str, Any]) -> Document:
    """With its paths as all other verbs show them."""
    return {**error, "paths": [shown_text(path) for path in error.get("paths", ())]}


def _lost(one: dict[str, Any]) -> Document:
    return {**one, "path": shown_text(one["path"])}


def _coverage(found: CoverageReport) -> Document:
    document: Document = asdict(found)
    for name in ("oldest_read", "all_read_by"):
        moment = document.pop(f"{name}_ns")
        document[f"{name}_at"] = _moment(moment) if isinstance(moment, int) else None
    return document


def _moment(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds // 10**9, UTC).isoformat()


@dataclass(frozen=True, kw_only=True)
class Mending:
    """How to repair.

    Attributes:
        sources: files and folders that may still hold what is lost.
        give_up: names of unreadable objects that may be removed.
    """

    is_dry: bool = False
    sources: tuple[Path, ...] = ()
    give_up: tuple[str, ...] = ()


def repair(where: Where, mending: Mending, *, tell: Tell) -> Document:
    """Mend a vault; what ``--json`` prints."""
    started = time.monotonic()
    find = partial(candidates, mending.sources) if mending.sources else None
    with opened(where) as vault:
        report = vault.repair(
            is_dry=mending.is_dry, find=find, give_up=mending.give_up, on_progress=tell
        )
    return {
        "ok": report.ok,
        "dry_run": report.is_dry,
        "found": [_shown(one) for one in report.found],
        "actions": report.actions,
        "restored_chunks": report.restored_chunks,
        "lost": [_lost(one) for one in report.lost],
        "lost_count": report.lost_count,
        "left": [_shown(one) | {"can_be_given_up": can_be_given_up(one)} for one in report.left],
        "notes": report.notes,
        "seconds": round(time.monotonic() - started, 3),
    }


def candidates(sources: Iterable[Path], entry: StoredEntry) -> Iterator[BinaryIO]:
    """Open the files below *sources* that a snapshot's file may have come from: at its own place,
    at the same place below a source, and a source that is itself a file."""
    if not is_safe(entry.path):
        return
    below = os.fsdecode(entry.path.partition(b"/")[2])
    own, seen = Path("/") / below, set[Path]()
    for source in sources:
        inside = own == source or source in own.parents
        for path in (own if inside else source, source / below, source):
            if path not in seen and (file := _opened(path)) is not None:
                seen.add(path)
                yield file


def _opened(path: Path) -> BinaryIO | None:
    """A regular file, never by way of a link in its last part; None if it cannot be read."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        return None
    return os.fdopen(number, "rb", buffering=0)
