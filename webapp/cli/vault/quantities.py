"""Lengths of time, sizes and levels as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import click

_DAYS = {"h": 1 / 24, "d": 1.0, "w": 7.0, "m": 30.0, "y": 365.0}
_BYTES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


class Days(click.ParamType):  # type: ignore[type-arg]
    """``30d``, ``12h``, ``2w``, ``6m``, ``1y`` or ``30``, as days."""

    name = "days"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([hdwmy]?)", str(value).strip().lower())
        if found is None:
            self.fail(f"{value} is no length of time: write 30d, 12h, 2w, 6m or 1y.", param, ctx)
        return float(found[1]) * _DAYS[found[2] or "d"]


class Size(click.ParamType):  # type: ignore[type-arg]
    """``500M``, ``10G`` or a number of bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([kmgt]?)i?b?", str(value).strip().lower())
        if found is None:
            self.fail(f"{value} is no size: write 500M, 10G or 1T.", param, ctx)
        return int(float(found[1]) * _BYTES[found[2]])


class Compression(click.ParamType):  # type: ignore[type-arg]
    """``off``, ``fast``, ``default``, ``high``, ``max`` or a level of zstd, as a level."""

    name = "level"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from webapp.standalone.backups import level_called

        try:
            return level_called(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Day(click.ParamType):  # type: ignore[type-arg]
    """``2027-01-31``: its end, UTC."""

    name = "day"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        try:
            day = datetime.strptime(str(value), "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            self.fail(f"{value} is no day: write it as 2027-01-31.", param, ctx)
        return day.replace(hour=23, minute=59, second=59)
