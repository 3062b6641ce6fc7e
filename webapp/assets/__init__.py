"""Names of the third-party files that the build puts under ``static/vendor``.

A file's name holds its version, so that a browser may keep it for good: pages ask ``path_of``
and never write a version down.
"""

from __future__ import annotations

import json
from functools import cache
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).parent


@cache
def path_of(name: str) -> str:
    """Give the file of *name*, relative to ``static/``.

    *name* is one of ``htmx``, ``tabler.css``, ``tabler.js`` and ``icons``.
    """
    return "vendor/" + _names()[name]


def icon_names() -> list[str]:
    """List the icons that pages may use, as ``icons.txt`` has them."""
    lines = (HERE / "icons.txt").read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _names() -> dict[str, str]:
    packages = json.loads((HERE / "package-lock.json").read_text())["packages"]
    htmx, tabler, icons = (
        packages[f"node_modules/{name}"]["version"]
        for name in ("htmx.org", "@tabler/core", "@tabler/icons")
    )
    listed = sha256("\n".join(icon_names()).encode()).hexdigest()[:8]
    return {
        "htmx": f"htmx-{htmx}.min.js",
        "tabler.css": f"tabler-{tabler}.min.css",
        "tabler.js": f"tabler-{tabler}.min.js",
        "icons": f"icons-{icons}-{listed}.svg",
    }
