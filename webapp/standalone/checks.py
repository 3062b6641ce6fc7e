"""Checking a vault, and mending it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from webapp.standalone.naming import snapshot_called
from webapp.standalone.vaults import Where, opened
from webapp.vault.checks.coverage import CoverageReport
from webapp.vault.checks.findings import VerifyReport

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
        "errors": report.errors,
        "notes": report.notes,
        "coverage": _coverage(report.coverage) if report.coverage else None,
    }


def _coverage(found: CoverageReport) -> Document:
    document: Document = asdict(found)
    for name in ("oldest_read", "all_read_by"):
        moment = document.pop(f"{name}_ns")
        document[f"{name}_at"] = _moment(moment) if isinstance(moment, int) else None
    return document


def _moment(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds // 10**9, UTC).isoformat()
