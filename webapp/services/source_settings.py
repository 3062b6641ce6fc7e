"""What tells that a source was set up otherwise since."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import PurePosixPath

from webapp.domain import overlaps
from webapp.items import key_of
from webapp.models import Source

_SIDES = ("", "-wal", "-journal", "-shm")


def fingerprint(source: Source) -> str:
    """Sum up what a source points at: kind, host and settings, not its name."""
    return fingerprint_of(source.kind, source.host, source.config)


def fingerprint_of(kind: str, host: str | None, config: Mapping[str, object]) -> str:
    facts = json.dumps([kind, host, dict(config)], sort_keys=True)
    return sha256(facts.encode()).hexdigest()


def apart(config: Mapping[str, object]) -> list[str]:
    """Keys of the files in a source's folder that are captured apart, as database or settings."""
    folder = PurePosixPath(str(config.get("path") or "/"))
    inside = [PurePosixPath(place) for place in overlaps.places_of(config)]
    return sorted(
        key_of(b"tree/" + os.fsencode(f"{place.relative_to(folder)}{side}"))
        for place in inside
        if place != folder and place.is_relative_to(folder)
        for side in _SIDES
    )
