"""Granted roots, as text: which folders a tenant may be given. Looks at no file system."""

from __future__ import annotations

import posixpath


def normalise(path: str) -> str:
    """The one spelling of an absolute folder; the sentence of a ``ValueError`` is for a person."""
    text = path.strip()
    if not text.startswith("/"):
        raise ValueError("Give the whole path, beginning with /.")
    if any(ord(letter) < 32 for letter in text):
        raise ValueError("A path has no line breaks or control characters.")
    if ".." in text.split("/"):
        raise ValueError("Write the path without ‘..’.")
    if len(text.encode("utf-8", "surrogatepass")) > 4000:
        raise ValueError("That path is too long.")
    normal = "/" + posixpath.normpath(text).lstrip("/")
    if normal == "/":
        raise ValueError("The whole machine cannot be granted. Name a folder.")
    return normal


def overlaps(one: str, other: str) -> bool:
    """Say whether two folders are the same, or one lies inside the other."""
    return is_within(one, other) or is_within(other, one)


def is_within(path: str, folder: str) -> bool:
    """Say whether *path* is *folder* or lies below it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
