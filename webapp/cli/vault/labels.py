"""How what is said about a snapshot is shown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def lines(found: dict[str, Any]) -> list[str]:
    """The snapshot, then its tags, pin and holds."""
    when = found["time"][:19].replace("T", " ")
    shown = [f"{found['id'][:8]}  {when}  {found['source']}"]
    if found["tags"]:
        shown.append("  tags: " + ", ".join(found["tags"]))
    if found["pinned"]:
        shown.append("  pinned")
    shown += [f"  held: {one['reason']}{_until(one['until_ns'])}" for one in found["holds"]]
    return shown


def marks(found: dict[str, Any]) -> list[str]:
    """The same in short, for the end of a line; also if the snapshot lacks something."""
    shown = [] if found["good"] else ["[incomplete]"]
    shown += ["[pinned]"] if found["pinned"] else []
    shown += [f"[held{_until(one['until_ns'])}]" for one in found["holds"]]
    return shown + [f"#{tag}" for tag in found["tags"]]


def _until(at_ns: int | None) -> str:
    if at_ns is None:
        return ""
    return f" until {datetime.fromtimestamp(at_ns // 10**9, UTC):%Y-%m-%d}"
