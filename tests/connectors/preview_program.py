"""Previews (or restores) a damaged site, to be watched from outside by its system calls.

Arguments: preview or restore, the target, a sound copy of it, a scratch folder.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.connectors.fakes import Memory, Recorder, restore
from webapp.connectors import registry
from webapp.connectors.base import Surroundings


def site_at(root, scratch):
    config = {
        "path": str(root), "config": str(root / "shop.ini"), "db": f"sqlite:///{root}/shop.db",
    }  # fmt: skip
    surroundings = Surroundings(roots=(root.parent,), own_data=(), scratch=scratch)
    return registry.connect("site", config, surroundings)


def preview(target, sound, scratch):
    """Look at the target in every way there is; return the planned actions by key."""
    snapshot = Memory(site_at(sound, scratch).source("full", Recorder()))
    connector = site_at(target, scratch)
    connector.check()
    connector.identity()
    rows = list(connector.plan(snapshot.desired(), stored=snapshot, delete=True, scope=()))
    for row in rows:
        connector.state(row.key)
    return {row.key: str(row.action) for row in rows if row.action != "unchanged"}


def main(what, target, sound, scratch):
    if what == "preview":
        sys.stdout.write(json.dumps(preview(target, sound, scratch)))
    else:
        snapshot = Memory(site_at(sound, scratch).source("full", Recorder()))
        restore(site_at(target, scratch), snapshot, delete=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:]))
