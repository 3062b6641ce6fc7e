"""The local copy of all index objects: one file, authenticated, made anew at any doubt."""

from __future__ import annotations

import hmac
import os
import struct
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from blake3 import blake3

from webapp.vault import catalogues
from webapp.vault.derivation import KeyRing
from webapp.vault.errors import Damaged
from webapp.vault.packs import PackInfo

_MAGIC = b"LGIC\x01\x00\x00\x00"
_HEAD = struct.Struct("<8s32sI")
_WORTH_SAVING = 1 / 8


class IndexCache:
    """Keeps what index objects say between two processes.

    Args:
        folder: where the file goes; None keeps nothing.
    """

    def __init__(self, folder: Path | None, ring: KeyRing) -> None:
        self._path = folder / f"{ring.vault_id.hex()}.index" if folder else None
        self._key = ring.cache
        self._saved = 0

    def load(self, existing: set[str]) -> tuple[dict[str, PackInfo], set[str]]:
        """What is known of packs, and the index objects that this stands for; both empty unless the
        file is sound and each of those objects is among *existing*."""
        try:
            data = self._path.read_bytes() if self._path else b""
            magic, mac, count = _HEAD.unpack_from(data)
        except (OSError, struct.error):
            return {}, set()
        body = memoryview(data)[40:]
        if magic != _MAGIC or not hmac.compare_digest(mac, blake3(body, key=self._key).digest()):
            return {}, set()
        names_end = _HEAD.size + 16 * count
        covered = {
            catalogues.FOLDER + data[at : at + 16].hex() for at in range(_HEAD.size, names_end, 16)
        }
        if not covered <= existing:
            return {}, set()
        try:
            infos = {i.name: i for i in catalogues.unpack_infos(data[names_end:], where="cache")}
        except Damaged:
            return {}, set()
        self._saved = len(infos)
        return infos, covered

    def save(self, infos: Collection[PackInfo], covered: Iterable[str]) -> None:
        """Write the file if enough is new. A failure costs time later, nothing else."""
        if self._path is None or len(infos) - self._saved <= self._saved * _WORTH_SAVING:
            return
        names = [bytes.fromhex(name.removeprefix(catalogues.FOLDER)) for name in sorted(covered)]
        body = struct.pack("<I", len(names)) + b"".join(names) + catalogues.pack_infos(infos)
        data = _MAGIC + blake3(body, key=self._key).digest() + body
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            partial = self._path.with_suffix(f".{os.getpid()}.partial")
            partial.touch(mode=0o600)
            partial.write_bytes(data)
            partial.replace(self._path)
            self._saved = len(infos)
