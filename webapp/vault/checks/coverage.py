"""Which packs were read whole and when: kept in the vault, so that every byte is read in turn.

An object ``checked/ID`` lists packs that were read and found sound, with the moment by the
storage's clock. Later ones add to earlier ones; when there are many, one takes the place of all.
What is lost of it costs reading again, and nothing else.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from webapp.vault import boxes, removing
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged, NewerFormat, ObjectMissing, StorageDenied

FOLDER = "checked/"
KIND = b"V"
DAY_NS = 86_400 * 10**9
_MANY = 8
_COUNT = struct.Struct("<I")
_GROUP = struct.Struct("<QI")
_DIGEST_BYTES = 32
_KEY_BYTES = 16  # of a digest: enough to know a pack by, and half the memory


@dataclass(frozen=True, kw_only=True)
class CoverageReport:
    """How much of the data was read when, after this check.

    Attributes:
        total_bytes: of all packs.
        overdue_bytes: of packs that were not read within the period, those never read included.
        never_bytes: of packs that no check has read yet.
        oldest_read_ns: when the pack was read that was not read for longest; None if one never was.
        all_read_by_ns: when all will have been read within the period, if checks go on like this
            one at the pace of the last ones; None if that cannot be told.
    """

    period_days: float
    packs: int
    total_bytes: int
    overdue_bytes: int
    never_bytes: int
    oldest_read_ns: int | None
    all_read_by_ns: int | None


class Coverage:
    """When each pack was last read whole, as far as the vault remembers."""

    def __init__(self) -> None:
        self._times: dict[bytes, int] = {}
        self._objects: dict[str, bool] = {}  # name to whether it adds anything
        self.problems: list[Damaged] = []

    @classmethod
    def load(cls, engine: Engine, *, now_ns: int) -> Coverage:
        """All that ``checked/`` says. Moments more than a day ahead of *now_ns* count for nothing:
        a clock was wrong, and what it says must not keep a pack from being read."""
        found = cls()
        listed = sorted(engine.storage.list(FOLDER), key=lambda item: item.size_bytes, reverse=True)
        for item in listed:
            try:
                found._take(engine, item.name, now_ns + DAY_NS)
            except ObjectMissing:
                continue
            except Damaged as error:
                found.problems.append(error)
        return found

    @property
    def objects(self) -> Collection[str]:
        return self._objects.keys()

    def last_read(self, pack_name: str) -> int:
        """Nanoseconds since 1970; 0 if never."""
        return self._times.get(_key(bytes.fromhex(pack_name)), 0)

    def add(self, pack_name: str, when_ns: int) -> None:
        self._times[_key(bytes.fromhex(pack_name))] = when_ns

    def moments(self) -> list[int]:
        """When checks that read data ran, oldest first."""
        return sorted(set(self._times.values()))

    def save(self, engine: Engine, *, fresh: Iterable[str], present: Collection[str]) -> None:
        """Write down that the *fresh* packs were read; tidy up where objects may be deleted.

        Raises:
            StorageError: it cannot be kept.
        """
        names = sorted(fresh)
        can_delete = self._sweep(engine)
        merge = can_delete and len(self._objects) >= _MANY
        if not names and not merge:
            return
        listed = sorted(present) if merge else names
        packed = pack_times({name: self.last_read(name) for name in listed if self.last_read(name)})
        name = FOLDER + engine.new_id().hex()
        sealed = boxes.seal(engine.ring, KIND, name, parts=(packed,), salt=engine.salt())
        engine.storage.put(name, sealed)
        if merge:
            self._objects = dict.fromkeys(self._objects, False)
            self._sweep(engine)
        self._objects[name] = True

    def report(
        self, sizes: Mapping[str, int], *, now_ns: int, period_days: float, share: float
    ) -> CoverageReport:
        """What is covered of these packs, given by name and size."""
        limit = now_ns - int(period_days * DAY_NS)
        overdue = never = total = 0
        oldest: int | None = None
        for name, size in sizes.items():
            when = self.last_read(name)
            total += size
            overdue += size if when < limit else 0
            never += 0 if when else size
            oldest = when if oldest is None else min(oldest, when)
        return CoverageReport(
            period_days=period_days,
            packs=len(sizes),
            total_bytes=total,
            overdue_bytes=overdue,
            never_bytes=never,
            oldest_read_ns=oldest or None,
            all_read_by_ns=self._all_read_by(now_ns, overdue, share * total),
        )

    def _all_read_by(self, now_ns: int, overdue: int, at_once: float) -> int | None:
        moments = self.moments()[-_MANY:]
        if not overdue:
            return now_ns
        if len(moments) < 2 or at_once < 1:
            return None
        pace = median(later - earlier for earlier, later in pairwise(moments))
        return now_ns + int(pace * -(-overdue // at_once))

    def _take(self, engine: Engine, name: str, limit_ns: int) -> None:
        parts = boxes.load(engine.storage, engine.ring, KIND, name)
        adds = False
        for key, when in unpack_times(b"".join(parts), where=name):
            if self._times.get(key, 0) < when <= limit_ns:
                self._times[key] = when
                adds = True
        self._objects[name] = adds

    def _sweep(self, engine: Engine) -> bool:
        """Delete objects that add nothing to the others; False if that is not allowed here."""
        for name in [name for name, adds in self._objects.items() if not adds]:
            try:
                with suppress(ObjectMissing):
                    removing.remove(engine.storage, name)
            except (StorageDenied, NewerFormat, Damaged):
                return False
            del self._objects[name]
        return True


def pack_times(times: Mapping[str, int]) -> bytes:
    """``count (4)``, then for each moment ``nanoseconds (8) | packs (4) | packs × digest (32)``."""
    groups: dict[int, list[bytes]] = {}
    for name, when in times.items():
        groups.setdefault(when, []).append(bytes.fromhex(name))
    packed = [_COUNT.pack(len(groups))]
    for when, digests in sorted(groups.items()):
        packed += [_GROUP.pack(when, len(digests)), *digests]
    return b"".join(packed)


def unpack_times(data: bytes, *, where: str) -> Iterator[tuple[bytes, int]]:
    """First half of each pack's digest, and when it was read.

    Raises:
        Damaged: the numbers do not add up.
    """
    try:
        (count,) = _COUNT.unpack_from(data)
        at = _COUNT.size
        for _ in range(count):
            when, packs = _GROUP.unpack_from(data, at)
            at += _GROUP.size
            if at + packs * _DIGEST_BYTES > len(data):
                raise struct.error
            for start in range(at, at + packs * _DIGEST_BYTES, _DIGEST_BYTES):
                yield data[start : start + _KEY_BYTES], when
            at += packs * _DIGEST_BYTES
    except struct.error:
        raise Damaged(where, "its list of packs is malformed") from None
    if at != len(data):
        raise Damaged(where, "its list of packs does not add up")


def _key(digest: bytes) -> bytes:
    return digest[:_KEY_BYTES]
