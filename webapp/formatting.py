"""How numbers, sizes and moments are written on pages. Text only, no markup."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from webapp import clock
from webapp.domain.sizes import exact

if TYPE_CHECKING:
    from flask import Flask

_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


def register(app: Flask) -> None:
    app.jinja_env.filters.update(
        size=size,
        exact_size=exact,
        number=number,
        ago=ago,
        moment=moment,
        duration=length,
        short_id=short_id,
    )
    app.jinja_env.globals.update(now=clock.now)


def size(count: int | None) -> str:
    """``41 MB``: powers of 1000, three figures at most. None is a dash."""
    if count is None:
        return "–"
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    digits = 0 if unit == 0 or value >= 99.95 else 1
    return f"{value:.{digits}f} {_UNITS[unit]}".replace(".0 ", " ")


def number(count: int | None) -> str:
    """``18,412``. None is a dash."""
    return "–" if count is None else f"{count:,}"


def ago(at: datetime | None) -> str:
    """``3 h 12 min``: how long since *at*. None is ``never``."""
    return "never" if at is None else length((clock.now() - at).total_seconds())


def length(seconds: float | None) -> str:
    """``1 d 3 h``, ``3 h 12 min``, ``4 min``, ``12 s``, ``0.4 s``: two units at most."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s".replace(".0 ", " ")
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"), (rest, "s"))
    shown = [f"{value} {unit}" for value, unit in parts if value]
    first = next(index for index, (value, _) in enumerate(parts) if value)
    return " ".join(shown[: 2 if first < 2 else 1])


def moment(at: datetime | None, zone: str = "UTC", form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """*at* in a tenant's zone. None is a dash."""
    if at is None:
        return "–"
    try:
        return at.astimezone(ZoneInfo(zone)).strftime(form)
    except ZoneInfoNotFoundError:
        return at.astimezone(UTC).strftime(form)


def short_id(value: object) -> str:
    """``0193…a91b``: enough of an id to tell two apart."""
    text = str(value)
    return f"{text[:4]}…{text[-4:]}"
