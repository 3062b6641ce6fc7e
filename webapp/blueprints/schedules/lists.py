"""Which schedules a list shows, and the links to its other parts and pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import request, url_for

from webapp.services.schedule_pages import PAGE, Part, ScheduleRow

_LABELS = {
    Part.LIVE: "All",
    Part.TROUBLED: "Need a look",
    Part.RESTING: "Off or paused",
    Part.ARCHIVED: "Archived",
}


def wanted() -> tuple[Part, int]:
    """The part that the address asks for, and where in it; the whole list for any other word."""
    word = request.args.get("show", "")
    part = Part(word) if word in list(Part) else Part.LIVE
    return part, max(request.args.get("offset", 0, type=int), 0)


def links(
    endpoint: str, rows: Sequence[ScheduleRow], counts: Mapping[Part, int], **values: Any
) -> dict[str, object]:
    """What a list needs around its rows."""
    part, offset = wanted()
    return {
        "parts": _parts(endpoint, part, counts, values),
        "part": part,
        "newer": _at(endpoint, part, max(offset - PAGE, 0), values) if offset else "",
        "older": _at(endpoint, part, offset + PAGE, values) if len(rows) == PAGE else "",
    }


def _parts(
    endpoint: str, current: Part, counts: Mapping[Part, int], values: dict[str, Any]
) -> list[dict[str, object]]:
    return [
        {
            "label": label,
            "url": _at(endpoint, part, 0, values),
            "count": counts[part],
            "is_current": part is current,
        }
        for part, label in _LABELS.items()
    ]


def _at(endpoint: str, part: Part, offset: int, values: dict[str, Any]) -> str:
    return url_for(endpoint, show=str(part) or None, offset=offset or None, **values)
