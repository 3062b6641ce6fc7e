"""Small pictures for the demo shop, drawn in code: a pot on a shelf, in the colour of its glaze."""

from __future__ import annotations

import struct
import zlib

WIDTH, HEIGHT = 240, 180

Colour = tuple[int, int, int]

WALL: Colour = (244, 240, 233)
SHELF: Colour = (168, 138, 108)
SHELF_FROM = 148


def pot(glaze: Colour, *, roundness: float, neck: float) -> bytes:
    """Draw one pot as a PNG.

    Args:
        roundness: how far its belly reaches, 0.2 to 0.4 of the picture's width.
        neck: how wide its opening is, 0.05 to 0.3 of the picture's width.
    """
    rows = [_row(y, glaze, roundness, neck) for y in range(HEIGHT)]
    return png(rows)


def png(rows: list[bytes]) -> bytes:
    """Wrap rows of RGB bytes, all of one length, as a PNG file."""
    width = len(rows[0]) // 3
    header = struct.pack(">IIBBBBB", width, len(rows), 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\x00" + row for row in rows), 9)
    parts = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(name + data))
    return struct.pack(">I", len(data)) + name + data + check


def _row(y: int, glaze: Colour, roundness: float, neck: float) -> bytes:
    ground = SHELF if y >= SHELF_FROM else _shade(WALL, 1 - y / HEIGHT / 12)
    half = _half_width(y, roundness, neck)
    if half <= 0:
        return bytes(ground) * WIDTH
    left, right = int(WIDTH / 2 - half), int(WIDTH / 2 + half)
    body = b"".join(bytes(_shade(glaze, _light(x, left, right))) for x in range(left, right))
    return bytes(ground) * left + body + bytes(ground) * (WIDTH - right)


def _half_width(y: int, roundness: float, neck: float) -> float:
    """Half the pot's width at height *y*; 0 above and below it."""
    top, bottom = 34, SHELF_FROM + 8
    if not top <= y < bottom:
        return 0
    down = (y - top) / (bottom - top)
    belly = 4 * down * (1 - down) * roundness
    return WIDTH * max(belly, neck * (1 - down) + roundness * 0.55 * down)


def _light(x: int, left: int, right: int) -> float:
    across = (x - left) / max(right - left, 1)
    return 1.18 - 0.6 * abs(across - 0.3)


def _shade(colour: Colour, light: float) -> Colour:
    red, green, blue = (max(0, min(255, round(part * light))) for part in colour)
    return red, green, blue
