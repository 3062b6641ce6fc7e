"""One pack, read whole: its name, its prelude, each segment, each chunk, its trailer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from blake3 import blake3

from webapp.vault import frames, packs
from webapp.vault.checks.inventory import ids_of, known_catalogue, known_info
from webapp.vault.derivation import KeyRing
from webapp.vault.errors import Damaged
from webapp.vault.ids import ID_BYTES, chunk_id
from webapp.vault.packs import FOLDER, PackInfo, Place
from webapp.vault.sealing import HEAD_BYTES, TRAILER_COUNTER, ObjectKey, read_prelude
from webapp.vault.stock import Stock
from webapp.vault.storage.base import Storage


@dataclass(kw_only=True)
class PackCheck:
    """What reading one pack whole has shown.

    Attributes:
        problems: in words; empty if every byte is as written.
        lost: ids of chunks that are named by its catalogue and cannot be had from it.
        sound: numbers of the segments that are.
        sound_chunks: how many chunks those hold.
        differs: the index says something else of it than its trailer.
        info: what the pack holds, from its trailer or the index; None if neither tells.
    """

    name: str
    size_bytes: int = 0
    problems: list[str] = field(default_factory=list)
    lost: list[bytes] = field(default_factory=list)
    sound: list[int] = field(default_factory=list)
    sound_chunks: int = 0
    differs: bool = False
    info: PackInfo | None = None

    @property
    def is_sound(self) -> bool:
        """Whether the pack is as written, whatever others say of it."""
        return not self.problems or (self.differs and len(self.problems) == 1)

    def saved(self) -> set[bytes]:
        """Ids of the chunks in its sound segments."""
        if self.info is None:
            return set()
        every, lost = set(ids_of(self.info)), set(self.lost)
        return every - lost

    def note(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def read_whole(storage: Storage, ring: KeyRing, name: str, *, stock: Stock) -> PackCheck:
    """Read a pack; what seems damaged is fetched a second time before it is said to be.

    Raises:
        ObjectMissing: it went away.
    """
    found = inspect(ring, name, packs.fetch(storage, name), known=None)
    if found.problems:
        known = known_info(stock, name)
        found = inspect(ring, name, packs.fetch(storage, name), known=known)
        if known is not None:
            _lose_what_the_index_promised(found, known)
    elif found.info is not None and known_catalogue(stock, name) != found.info.catalogue:
        found.differs = True
        found.note("the index says something else of it than its trailer")
    return found


def without_bytes(name: str, stock: Stock) -> PackCheck:
    """Of a pack that is not there: all that the index says was in it is lost."""
    known = known_info(stock, name)
    lost = list(ids_of(known)) if known is not None else []
    return PackCheck(name=name, info=known, lost=lost)


def _lose_what_the_index_promised(found: PackCheck, known: PackInfo) -> None:
    """Another pack's bytes under this name: what readers look for here is not here."""
    if found.info is None or found.info.catalogue != known.catalogue:
        promised = set(ids_of(known))
        promised.difference_update(ids_of(found.info) if found.info else ())
        found.lost += sorted(promised.difference(found.lost))


def inspect(ring: KeyRing, name: str, data: bytes, *, known: PackInfo | None) -> PackCheck:
    """Check the bytes of a pack.

    Args:
        known: what the index says of it, in place of what is damaged.
    """
    check = PackCheck(name=name, size_bytes=len(data))
    if len(data) > packs.LARGEST_BYTES:
        check.note(packs.TOO_LARGE)
    elif len(data) % packs.GRAIN_BYTES:
        check.note("its length is not that of a pack")
    key = _key(ring, data, known, check)
    if key is not None:
        check.info = _info(key, data, known, check)
    if key is not None and check.info is not None:
        _read_segments(ring, key, memoryview(data), check=check)
    if not check.problems and blake3(data).hexdigest() != name:
        check.note("its bytes are not what its name says")
    return check


def _key(ring: KeyRing, data: bytes, known: PackInfo | None, check: PackCheck) -> ObjectKey | None:
    """By the pack's own prelude; if that is damaged, by what the index knows of it."""
    kind = data[4:5] if data[4:5] in (packs.DATA, packs.MANIFEST) else packs.DATA
    try:
        return read_prelude(ring, data, kind=kind, name=FOLDER + check.name, bind=False)
    except Damaged as error:
        check.note(error.problem)
    return ObjectKey(ring, known.kind, known.salt) if known is not None else None


def _info(key: ObjectKey, data: bytes, known: PackInfo | None, check: PackCheck) -> PackInfo | None:
    """By the pack's own trailer; if that is damaged, by what the index knows of it."""
    try:
        return trailer_of(key, check.name, data)
    except Damaged as error:
        check.note(error.problem)
        return known


def trailer_of(key: ObjectKey, name: str, data: bytes) -> PackInfo:
    """What a pack says of itself.

    Raises:
        Damaged: its trailer is.
    """
    path, view = FOLDER + name, memoryview(data)
    tail = view[-HEAD_BYTES:]
    head = key.open_head(TRAILER_COUNTER, tail, where=path)
    start = len(data) - HEAD_BYTES - head.body_bytes
    if start < 0:
        raise Damaged(path, "it is cut short")
    body = view[start : start + head.body_bytes]
    frame = key.open_body(TRAILER_COUNTER, head, tail[:32], body=body, where=path)
    catalogue = frames.decode(head, frame, where=path)
    packs.read_catalogue(catalogue, where=path)
    kind = key.prelude[4:5]
    return PackInfo(name=name, salt=key.salt, kind=kind, size_bytes=len(data), catalogue=catalogue)


def _read_segments(ring: KeyRing, key: ObjectKey, data: memoryview, *, check: PackCheck) -> None:
    assert check.info is not None
    places, ids = packs.read_catalogue(check.info.catalogue, where=FOLDER + check.name)
    id_key = ring.data_ids if check.info.kind == packs.DATA else ring.manifest_ids
    at = 0
    for counter, place in enumerate(places):
        until = at + ID_BYTES * place.chunk_count
        try:
            read_segment(key, counter, place, data=data, ids=ids[at:until], id_key=id_key)
            check.sound.append(counter)
            check.sound_chunks += place.chunk_count
        except Damaged as error:
            check.note(error.problem)
            check.lost += [bytes(ids[one : one + ID_BYTES]) for one in range(at, until, ID_BYTES)]
        at = until


def read_segment(
    key: ObjectKey, counter: int, place: Place, *, data: memoryview, ids: memoryview, id_key: bytes
) -> list[memoryview]:
    """The chunks of one segment, each as its id says.

    Raises:
        Damaged: a byte differs, or the catalogue does not fit.
    """
    sealed = data[place.offset : place.offset + place.length]
    head, frame = key.open(counter, sealed)
    if HEAD_BYTES + head.body_bytes != place.length:
        raise Damaged("", f"segment {counter} does not have its length")
    chunks = packs.split_segment(frames.decode(head, frame, where=""), where="")
    found = b"".join([chunk_id(id_key, chunk) for chunk in chunks])
    if found != ids:
        raise Damaged("", f"a chunk of segment {counter} is not what its id says")
    return chunks


def chunks_of(ring: KeyRing, data: bytes, found: PackCheck) -> Iterator[memoryview]:
    """The chunks of the sound segments of a pack that was inspected."""
    assert found.info is not None
    info = found.info
    key = ObjectKey(ring, info.kind, info.salt)
    places, _ = packs.read_catalogue(info.catalogue, where=info.object_name)
    for counter in found.sound:
        place = places[counter]
        sealed = memoryview(data)[place.offset : place.offset + place.length]
        head, frame = key.open(counter, sealed, where=info.object_name)
        decoded = frames.decode(head, frame, where=info.object_name)
        yield from packs.split_segment(decoded, where=info.object_name)
