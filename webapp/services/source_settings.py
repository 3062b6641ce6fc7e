"""What tells that a source was set up otherwise since."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256

from webapp.models import Source


def fingerprint(source: Source) -> str:
    """Sum up what a source points at: kind, host and settings, not its name."""
    return fingerprint_of(source.kind, source.host, source.config)


def fingerprint_of(kind: str, host: str | None, config: Mapping[str, object]) -> str:
    facts = json.dumps([kind, host, dict(config)], sort_keys=True)
    return sha256(facts.encode()).hexdigest()
