"""A report that counts: a snapshot must tell of all that is missing in it, whoever noticed."""

from __future__ import annotations

from webapp.items import Report, Tally


class CountedReport:
    """Hands on to another ``Report`` and counts. Made for one backup, and given to its source as
    well as to ``Vault.backup``, so that what the source could not read counts in the snapshot."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._tally = Tally()
        self._before = 0, 0
        self._told: set[tuple[str, str]] = set()
        self._known: frozenset[tuple[str, str]] = frozenset()

    @staticmethod
    def of(report: Report) -> CountedReport:
        """*report* itself if it counts already."""
        return report if isinstance(report, CountedReport) else CountedReport(report)

    def count_in(self, tally: Tally) -> None:
        """From now on count there; what was told before is added to it."""
        tally.failed += self._tally.failed
        tally.skipped += self._tally.skipped
        self._tally = tally
        self._before = tally.failed, tally.skipped

    def begin_again(self) -> None:
        """All entries are looked at once more: count anew, and tell only what is new."""
        self._tally.failed, self._tally.skipped = self._before
        self._known = frozenset(self._told)

    def failed(self, key: str, code: str, message: str) -> None:
        self._tally.failed += 1
        if self._is_news(key, code):
            self._report.failed(key, code, message)

    def skipped(self, key: str, code: str, message: str) -> None:
        self._tally.skipped += 1
        if self._is_news(key, code):
            self._report.skipped(key, code, message)

    def note(self, message: str) -> None:
        if self._is_news("", message):
            self._report.note(message)

    def _is_news(self, key: str, what: str) -> bool:
        self._told.add((key, what))
        return (key, what) not in self._known
