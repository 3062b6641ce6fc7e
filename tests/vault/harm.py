"""Harm that is certain: a byte that is overwritten may have been that before."""

from __future__ import annotations


def flipped(data: bytes) -> bytes:
    """*data* with another last byte."""
    return data[:-1] + bytes([data[-1] ^ 1])
