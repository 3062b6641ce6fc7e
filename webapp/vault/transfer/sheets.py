"""What a recovery sheet holds: one key slot, exactly as stored, in lines that can be typed.

-----BEGIN LASTGOOD KEY-----
{"box":"…                       the document's first line, cut into pieces
…"what":"lastgood key"}
9f…                             its second line, the checksum
-----END LASTGOOD KEY-----
"""

from __future__ import annotations

import html
from collections.abc import Iterator

from webapp.vault import documents
from webapp.vault.documents import Document
from webapp.vault.errors import Damaged

BEGIN, END = "-----BEGIN LASTGOOD KEY-----", "-----END LASTGOOD KEY-----"
WIDTH = 64


def exact(slot: Document) -> str:
    """The slot as it is stored: two lines."""
    return documents.encode(slot).decode()


def block(slot: Document) -> str:
    """The slot in short lines, none of which begins or ends with a space."""
    body, checksum = exact(slot).splitlines()
    return "\n".join([BEGIN, *_pieces(body), checksum, END]) + "\n"


def read(text: str) -> Document:
    """The slot in a sheet, in its block, or in what its code says; spaces around lines and empty
    lines do not matter.

    Raises:
        Damaged: it is not, or not exactly, a slot.
    """
    if "<html" in text:
        text = html.unescape(text)
    if BEGIN in text:
        text = text.partition(BEGIN)[2].partition(END)[0]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    data = "".join(lines[:-1]) + "\n" + "".join(lines[-1:]) + "\n"
    slot = documents.decode("the sheet", data.encode())
    if slot.get("what") != "lastgood key" or not str(slot.get("id", "")).isalnum():
        raise Damaged("the sheet", "it holds no key slot")
    return slot


def _pieces(text: str) -> Iterator[str]:
    while text:
        end = min(WIDTH, len(text))
        while end < len(text) and " " in text[end - 1 : end + 1]:
            end -= 1
        yield text[:end]
        text = text[end:]
