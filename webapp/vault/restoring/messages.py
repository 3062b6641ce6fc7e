"""Units of work as bytes, and messages through pipes: between a restore and its own forks."""

from __future__ import annotations

import marshal
import os
import struct
from typing import Any

from webapp.items import Fate
from webapp.vault.index import PackRow
from webapp.vault.restoring.pieces import Whole
from webapp.vault.restoring.ranges import Need, Range, Taker

_LENGTH = struct.Struct("<I")
_FATES = {fate.value: fate for fate in Fate}
Answer = tuple[Any, ...]


def packed(unit: Range) -> bytes:
    """A stretch of a pack, and the rows of the files that need it."""
    needs = [
        (
            need.counter,
            need.offset,
            need.length,
            [(one.ordinal, one.ref, one.file.row, one.file.fate.value) for one in need.takers],
        )
        for need in unit.needs
    ]
    return marshal.dumps((tuple(unit.pack), needs))


def unpacked(message: bytes) -> Range:
    pack, needs = marshal.loads(message)  # noqa: S302 - from our own parent
    return Range(PackRow(*pack), [_need(*one) for one in needs])


def packed_answer(answer: Answer) -> bytes:
    return marshal.dumps(answer)


def unpacked_answer(message: bytes) -> Answer:
    answer: Answer = marshal.loads(message)  # noqa: S302 - from our own fork
    return answer


def send(descriptor: int, message: bytes) -> None:
    view = memoryview(_LENGTH.pack(len(message)) + message)
    while view:
        view = view[os.write(descriptor, view) :]


def receive(descriptor: int) -> bytes | None:
    """The next message; None when there will be none."""
    head = _read(descriptor, _LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    message = _read(descriptor, length)
    return message if len(message) == length else None


def _need(
    counter: int, offset: int, length: int, takers: list[tuple[int, bytes, bytes, str]]
) -> Need:
    waiting = [Taker(number, ref, Whole(row, _FATES[fate]), 0) for number, ref, row, fate in takers]
    return Need(counter, offset, length, waiting)


def _read(descriptor: int, length: int) -> bytes:
    parts = []
    while length:
        part = os.read(descriptor, length)
        if not part:
            break
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
