"""Forms about limits: what holds somewhere, a pause, and a quota."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from werkzeug.datastructures import MultiDict

from webapp.domain import sizes
from webapp.domain.limits import LEAST_QUOTA, LEAST_RATE, MOST_QUOTA, MOST_RATE, MOST_RUNS, Values
from webapp.domain.windows import Window
from webapp.forms.fields import Fields
from webapp.forms.schedules import PauseForm

ROWS = range(14)  # of windows that a form may have
_SPARE = 2


@dataclass(frozen=True, kw_only=True)
class WindowRow:
    """One line of the editor, as somebody typed it."""

    days: tuple[str, ...] = ()
    start: str = ""
    end: str = ""

    @property
    def is_empty(self) -> bool:
        return not (self.days or self.start or self.end)


@dataclass(frozen=True, kw_only=True)
class LimitsForm:
    """*values* without ``most_running`` if the form has no field for it."""

    values: Values
    seen: str

    @classmethod
    def parse(cls, form: MultiDict[str, str], *, now: Values, may_count: bool) -> LimitsForm:
        """Read a form. What this person may not say stays as it is *now*.

        Raises:
            Invalid: with a sentence for each field that cannot be used.
        """
        fields = Fields(form)
        count = _count(fields, form) if may_count else now.most_running
        rate = _size(fields, form, "bandwidth", least=LEAST_RATE, most=MOST_RATE)
        windows = tuple(_windows(fields, form))
        values = Values(most_running=count, bytes_per_second=rate, windows=windows)
        for name, sentence in values.problems().items():
            fields.complain(name, sentence)
        fields.finish()
        return cls(values=values, seen=form.get("seen", "")[:16])


@dataclass(frozen=True, kw_only=True)
class QuotaForm:
    """None is no quota."""

    quota_bytes: int | None

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> QuotaForm:
        fields = Fields(form)
        quota = _size(fields, form, "quota", least=LEAST_QUOTA, most=MOST_QUOTA)
        fields.finish()
        return cls(quota_bytes=quota)


@dataclass(frozen=True, kw_only=True)
class RestForm:
    """A pause: until a moment, or (ticked) until somebody ends it."""

    until: datetime | None
    reason: str

    @classmethod
    def parse(cls, form: Mapping[str, str], *, zone: str, at: datetime) -> RestForm:
        if not form.get("open_end"):
            read = PauseForm.parse(form, zone=zone, at=at)
            return cls(until=read.until, reason=read.reason)
        fields = Fields(form)
        reason = fields.text("reason", missing="Say why; it is kept in the audit log.")
        fields.finish()
        return cls(until=None, reason=reason)


def typed_rows(form: MultiDict[str, str]) -> list[WindowRow]:
    """The editor's lines with something in them, and some to fill."""
    rows = [_row(form, number) for number in ROWS]
    return _with_spare([row for row in rows if not row.is_empty])


def rows_of(values: Values) -> list[WindowRow]:
    """The editor's lines for what holds now, and some to fill."""
    return _with_spare(
        [
            WindowRow(
                days=tuple(str(day) for day in sorted(window.days)),
                start=f"{window.start:%H:%M}",
                end=f"{window.end:%H:%M}",
            )
            for window in values.windows
        ]
    )


def _with_spare(rows: list[WindowRow]) -> list[WindowRow]:
    return [*rows, *(WindowRow() for _ in range(_SPARE))][: len(ROWS)]


def _row(form: MultiDict[str, str], number: int) -> WindowRow:
    chosen = {day for day in form.getlist(f"window-{number}-days") if day in set("1234567")}
    return WindowRow(
        days=tuple(sorted(chosen)),
        start=form.get(f"window-{number}-from", "").strip(),
        end=form.get(f"window-{number}-to", "").strip(),
    )


def _windows(fields: Fields, form: MultiDict[str, str]) -> list[Window]:
    """Complaints are numbered as the lines are shown again, without the empty ones."""
    found: list[Window] = []
    rows = [row for row in (_row(form, number) for number in ROWS) if not row.is_empty]
    for number, row in enumerate(rows):
        try:
            window = Window.typed((int(day) for day in row.days), row.start, row.end)
        except ValueError as problem:
            fields.complain(f"window-{number}", str(problem))
        else:
            found += [window] if window not in found else []
    return found


def _count(fields: Fields, form: Mapping[str, str]) -> int | None:
    if not form.get("most_running", "").strip():
        return None
    return fields.whole("most_running", least=1, most=MOST_RUNS)


def _size(
    fields: Fields, form: Mapping[str, str], name: str, *, least: int, most: int
) -> int | None:
    text = form.get(name, "").strip()
    if not text:
        return None
    try:
        size = sizes.parse(text)
    except ValueError:
        fields.complain(name, "Write a number with its unit, such as 10 MB.")
        return None
    if not least <= size <= most:
        fields.complain(name, f"From {sizes.exact(least)} to {sizes.exact(most)}.")
        return None
    return size
