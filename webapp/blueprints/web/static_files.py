"""Static files: named after what is in them, compressed once, kept by browsers for good."""

from __future__ import annotations

import gzip
from functools import cache
from hashlib import sha256
from pathlib import Path

from flask import Flask, Response, current_app, make_response, request, url_for

from webapp.assets import path_of
from webapp.blueprints.web.gate import open_to_all

_FOR_GOOD = "public, max-age=31536000, immutable"
_COMPRESSED = (".css", ".js", ".svg")
_VENDOR = ("htmx", "tabler.css", "tabler.js", "icons")


def register(app: Flask) -> None:
    app.view_functions["static"] = send
    app.jinja_env.globals["asset"] = asset


def asset(name: str) -> str:
    """The address of one of the vendor files by its short name, or of one of ours by its path."""
    if name in _VENDOR:
        return url_for("static", filename=path_of(name))
    path = Path(current_app.static_folder or "", name)
    return url_for("static", filename=name, v=_version(path, path.stat().st_mtime_ns))


@open_to_all
def send(filename: str) -> Response:
    """One file, compressed for whoever takes it so.

    Only an address that holds a version, in its name or as ``v``, is kept for good.
    """
    response = make_response(current_app.send_static_file(filename))
    is_versioned = filename.startswith("vendor/") or "v" in request.args
    response.headers["Cache-Control"] = _FOR_GOOD if is_versioned else "no-cache"
    if response.status_code == 200 and filename.endswith(_COMPRESSED):
        _compress(response, Path(current_app.static_folder or "", filename))
    return response


def _compress(response: Response, path: Path) -> None:
    response.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"] > 0:
        response.close()  # the plain file, which is not sent
        response.direct_passthrough = False
        response.set_data(_compressed(path, path.stat().st_mtime_ns))
        response.headers["Content-Encoding"] = "gzip"
        response.set_etag(f"{response.get_etag()[0]}-gzip")


@cache
def _compressed(path: Path, _changed_ns: int) -> bytes:
    return gzip.compress(path.read_bytes(), 9, mtime=0)


@cache
def _version(path: Path, _changed_ns: int) -> str:
    return sha256(path.read_bytes()).hexdigest()[:10]
