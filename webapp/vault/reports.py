"""A report that counts: a snapshot must tell of all that is missing in it, whoever noticed."""

from __future__ import annotations

from webapp.items import Report, Tally


class CountedReport:
    """Hands on to another ``Report`` and counts. Made for one backup, and given to its source as
    well as to ``Vault.backup``, so that what the source could not read counts in the snapshot."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._tally = Tally()

    @staticmethod
    def of(report: Report) -> CountedReport:
        """*report* itself if it counts already."""
        return report if isinstance(report, CountedReport) else CountedReport(report)

    def count_in(self, tally: Tally) -> None:
        """From now on count there; what was told before is added to it."""
        tally.failed += self._tally.failed
        tally.skipped += self._tally.skipped
        self._tally = tally

    def failed(self, key: str, code: str, message: str) -> None:
        self._tally.failed += 1
        self._report.failed(key, code, message)

    def skipped(self, key: str, code: str, message: str) -> None:
        self._tally.skipped += 1
        self._report.skipped(key, code, message)

    def note(self, message: str) -> None:
        self._report.note(message)
