"""Showing what a backup holds without trusting any of it.

Text is shown as text. Images of the kinds that hold no script are sent with a policy that lets
them do nothing. Everything else, SVG and HTML first of all, is only ever a download.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from flask import Response

from webapp.items import EntryKind, StoredEntry, path_to_text
from webapp.services.browse import Content

MOST_TEXT = 256 * 1024
MOST_IMAGE = 20 * 1024 * 1024
_IMAGES = {
    b"png": "image/png", b"jpg": "image/jpeg", b"jpeg": "image/jpeg", b"gif": "image/gif",
    b"webp": "image/webp", b"avif": "image/avif", b"bmp": "image/bmp", b"ico": "image/x-icon",
}  # fmt: skip
_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"
_BLOCK = 256 * 1024


def shown_as(entry: StoredEntry) -> str:
    """``image``, ``text`` (which may turn out to be none), or nothing: a download."""
    if entry.kind is not EntryKind.FILE:
        return ""
    if _image_type(entry) and entry.size <= MOST_IMAGE:
        return "image"
    return "text" if not _image_type(entry) else ""


def text_of(content: Content) -> str | None:
    """The beginning of a text; None if the content is not text."""
    head = content.read(MOST_TEXT) or b""
    if b"\x00" in head:
        return None
    try:
        return head.decode("utf-8")
    except UnicodeDecodeError as error:
        cut_in_half = len(head) == MOST_TEXT and error.start > MOST_TEXT - 4
        return head[: error.start].decode("utf-8") if cut_in_half else None


def image(content: Content) -> Response:
    response = Response(_blocks(content), mimetype=_image_type(content.entry))
    response.headers["Content-Disposition"] = "inline"
    return _sandboxed(response, content.entry.size)


def attachment(content: Content) -> Response:
    response = Response(_blocks(content), mimetype="application/octet-stream")
    _name(response, path_to_text(content.entry.path.rpartition(b"/")[2]))
    return _sandboxed(response, content.entry.size)


def archive(name: str, parts: Iterable[bytes]) -> Response:
    response = Response(iter(parts), mimetype="application/zstd")
    _name(response, re.sub(r"[^\w.-]+", "-", name).strip("-") + ".tar.zst")
    return _sandboxed(response, None)


def _sandboxed(response: Response, size: int | None) -> Response:
    if size is not None:
        response.content_length = size
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def _name(response: Response, name: str) -> None:
    plain = re.sub(r'[^ -~]|["\\]', "_", name)
    response.headers["Content-Disposition"] = (
        f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    )


def _blocks(content: Content) -> Iterator[bytes]:
    with content:
        while block := content.read(_BLOCK):
            yield block


def _image_type(entry: StoredEntry) -> str:
    return _IMAGES.get(entry.path.rpartition(b".")[2].lower(), "")
