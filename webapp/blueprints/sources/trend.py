"""Size and duration of a source's restore points, as points of two small charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from webapp.formatting import length, size
from webapp.models import BackupSet

WIDTH, HEIGHT, MARGIN = 320, 64, 4


@dataclass(frozen=True, kw_only=True)
class Line:
    """Attributes:
    path: the line, as an SVG path; *area* is the same, closed along the bottom.
    label: what a person who does not see it is told.
    """

    title: str
    newest: str
    path: str
    area: str
    label: str
    end: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Trend:
    size: Line
    duration: Line
    width: int = WIDTH
    height: int = HEIGHT

    @classmethod
    def of(cls, newest_first: Sequence[BackupSet]) -> Trend | None:
        """None where there are too few points for a line."""
        points = list(reversed(newest_first))
        if len(points) < 2:
            return None
        sizes = [point.total_size for point in points]
        seconds = [(point.finished_at - point.started_at).total_seconds() for point in points]
        return cls(
            size=_line("Size", sizes, [size(value) for value in sizes]),
            duration=_line("Duration", seconds, [length(value) for value in seconds]),
        )


def _line(title: str, values: Sequence[float], words: Sequence[str]) -> Line:
    most = max(values) or 1
    step = (WIDTH - 2 * MARGIN) / (len(values) - 1)
    spots = [
        (round(MARGIN + index * step, 1), round(HEIGHT - MARGIN - _up(value, most), 1))
        for index, value in enumerate(values)
    ]
    path = "M" + " L".join(f"{x} {y}" for x, y in spots)
    label = (
        f"{title} of the last {len(values)} restore points: from {words[0]} to {words[-1]}, "
        f"most {words[values.index(max(values))]}"
    )
    bottom = f" L{spots[-1][0]} {HEIGHT} L{spots[0][0]} {HEIGHT} Z"
    return Line(
        title=title, newest=words[-1], path=path, area=path + bottom, label=label, end=spots[-1]
    )


def _up(value: float, most: float) -> float:
    return value / most * (HEIGHT - 3 * MARGIN)
