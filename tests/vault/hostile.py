"""Objects that a holder of the key made on purpose: sealed rightly, and wrong inside."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass

from blake3 import blake3

from tests.vault.conftest import KEY
from tests.vault.sources import LONG_AGO, MemorySource, Notes, file, folder
from webapp.vault import Vault, VaultError, boxes, rows
from webapp.vault.engine import Engine
from webapp.vault.hooks import Hooks
from webapp.vault.ids import chunk_id, make_ref
from webapp.vault.manifests import Part, pack_parts
from webapp.vault.packs import GRAIN_BYTES, Place, build_catalogue, build_segment
from webapp.vault.retention.ledger import Entry, What
from webapp.vault.sealing import (
    HEAD_BYTES,
    LAST,
    OVERHEAD_BYTES,
    PRELUDE_BYTES,
    RAW,
    TRAILER_COUNTER,
    Head,
    ObjectKey,
)
from webapp.vault.storage.memory import MemoryStorage

SNAPSHOT = "ab" * 16
PATIENT = Hooks(sleep=lambda seconds: None)
MOST_READ = 1 << 20
Change = Callable[[bytes], bytes]


def same(data: bytes) -> bytes:
    return data


@dataclass
class Forge:
    """Makes one vault in which some bytes are other than they should be.

    Attributes:
        change: what is done to the content of each named part before it is sealed.
    """

    storage: MemoryStorage
    engine: Engine
    change: dict[str, Change]

    @classmethod
    def of(cls, base: dict[str, bytes], **change: Change) -> Forge:
        storage = MemoryStorage()
        storage.objects = dict(base)
        return cls(storage, Vault.open(storage, wrap=KEY)._engine, change)

    def changed(self, what: str, data: bytes) -> bytes:
        return self.change.get(what, same)(data)

    def make(self) -> MemoryStorage:
        """A snapshot of five entries; one file has a list of references."""
        ring = self.engine.ring
        data = [b"one" * 100, b"two" * 200, b"three" * 50]
        refs = [make_ref(chunk_id(ring.data_ids, one), len(one)) for one in data]
        self.pack(b"D", data, "data")
        listing = self.changed("list", b"".join(refs))
        list_ref = make_ref(chunk_id(ring.manifest_ids, listing), len(listing))
        manifest = self.manifest(refs, list_ref)
        self.pack(b"M", [listing, manifest], "manifest")
        self.root(make_ref(chunk_id(ring.manifest_ids, manifest), len(manifest)))
        self.box("condemned/" + "cd" * 16, b"C", "condemned", b"x" * 64)
        times = struct.pack("<IQI", 1, LONG_AGO, 2) + b"y" * 64
        self.box("checked/" + "cd" * 16, b"V", "checked", times)
        entries = json.dumps([asdict(Entry(what=What.TAG, snapshot=SNAPSHOT, id="cd" * 16))])
        self.box("writing/" + "cd" * 16, b"W", "writing", b"x" * 64, b"r" * 16 + b"t" * 8)
        self.box("pruning/" + "cd" * 16, b"P", "pruning", b'{"at_ns": 1, "host": "h", "pid": 9}')
        self.box("labels/" + "cd" * 16, b"L", "labels", entries.encode())
        self.box("forgotten/" + "cd" * 16, b"F", "forgotten", entries.encode())
        return self.storage

    def manifest(self, refs: list[bytes], list_ref: bytes) -> bytes:
        size = sum(int.from_bytes(ref[32:], "little") for ref in refs)
        plain = rows.Content(b"d" * 32, 0, ((size, 4096),), refs).pack()
        listed = rows.Content(b"e" * 32, rows.LISTED, (), [list_ref]).pack()
        xattrs = ((b"user.a", b"1"), (b"user.b", b"2"))
        made = [
            (folder(b"tree"), b""),
            (file(b"tree/a", size=size + 4096, user="u", xattrs=xattrs), plain),
            (file(b"tree/b", size=size), listed),
            (file(b"tree/c", size=size, hardlink=b"tree/b"), listed),
            (file(b"tree/d"), rows.Content(b"f" * 32, 1, (), ()).pack()),
        ]
        packed = [
            rows.make_row(
                self.changed("facts", rows.pack_facts(entry)),
                self.changed("content", content) if content else b"",
            )
            for entry, content in made
        ]
        packed = [self.changed("row", row) for row in packed]
        ends, at = [], 0
        for row in packed:
            at += len(row)
            ends.append(at)
        table = struct.pack(f"<I{len(ends)}I", len(ends), *ends)
        return self.changed("manifest chunk", table + b"".join(packed))

    def root(self, ref: bytes) -> None:
        newest = self.engine.roots.finished()[0]
        name = "snapshots/" + SNAPSHOT
        sealed = self.storage.objects["snapshots/" + newest.id]
        facts, _ = boxes.unseal(self.engine.ring, b"S", "snapshots/" + newest.id, sealed)
        facts = facts.replace(newest.id.encode(), SNAPSHOT.encode())
        facts = facts.replace(b'"sequence":1', b'"sequence":2')
        parts = pack_parts([Part(ref, 5, b"tree")])
        both = (self.changed("root facts", facts), self.changed("root parts", parts))
        self.storage.objects[name] = boxes.seal(
            self.engine.ring, b"S", name, parts=both, salt=b"1" * 32
        )

    def box(self, name: str, kind: bytes, what: str, *contents: bytes) -> None:
        if what in self.change:
            parts = tuple(self.changed(what, one) for one in contents)
            sealed = boxes.seal(self.engine.ring, kind, name, parts=parts, salt=b"2" * 32)
            self.storage.objects[name] = sealed

    def pack(self, kind: bytes, chunks: list[bytes], what: str) -> None:
        """A pack with one segment for each chunk, and an index object that lists it."""
        ring = self.engine.ring
        key = ObjectKey(ring, kind, blake3(kind).digest())
        id_key = ring.data_ids if kind == b"D" else ring.manifest_ids
        parts, places, ids, at = [key.prelude], [], [], PRELUDE_BYTES
        for counter, chunk in enumerate(chunks):
            raw = self.changed(f"{what} segment", build_segment([chunk]))
            head = Head._make(self.head(what, (RAW, 0, len(raw), len(raw), 0)))
            parts += key.seal(counter, head, raw)
            places.append(Place(at, len(raw) + OVERHEAD_BYTES, len(raw), 1))
            ids.append(chunk_id(id_key, chunk))
            at += len(raw) + OVERHEAD_BYTES
        catalogue = self.changed(f"{what} catalogue", build_catalogue(places, ids))
        padding = -(at + len(catalogue) + OVERHEAD_BYTES) % GRAIN_BYTES
        head = Head(RAW, LAST, len(catalogue), len(catalogue), padding)
        sealed_head, body = key.seal(TRAILER_COUNTER, head, catalogue)
        data = b"".join([*parts, body, sealed_head])
        name = blake3(data).hexdigest()
        self.storage.objects["packs/" + name] = data
        self.list_pack(name, key.salt, kind, size=len(data), catalogue=catalogue)

    def head(self, what: str, values: tuple[int, ...]) -> tuple[int, ...]:
        """The head of a segment; lengths that do not fit what is sealed cannot be written."""
        packed = struct.pack("<BBIII", *values)
        codec, flags, raw, frame, padding = struct.unpack(
            "<BBIII", self.changed(f"{what} head", packed)[:14].ljust(14, b"\0")
        )
        return codec, flags, raw, values[3] if frame != values[3] else frame, min(padding, 0)

    def list_pack(
        self, name: str, salt: bytes, kind: bytes, *, size: int, catalogue: bytes
    ) -> None:
        if "no index" in self.change:
            return
        packed = struct.pack("<I32s32sc3xII", 1, bytes.fromhex(name), salt, kind, size,
                             len(catalogue)) + catalogue  # fmt: skip
        content = self.changed("index", packed)
        where = "index/" + name[:32]
        self.storage.objects[where] = boxes.seal(
            self.engine.ring, b"I", where, parts=(content,), salt=b"3" * 32
        )


def base() -> dict[str, bytes]:
    """A sound vault with one small snapshot."""
    storage = MemoryStorage()
    source = MemorySource(folder(b"tree"), (file(b"tree/a"), b"a" * 100))
    Vault.create(storage, wrap=KEY).backup(source, name="site", report=Notes())
    return dict(storage.objects)


def use(storage: MemoryStorage) -> None:
    """Everything that reads what is stored. Only the vault's own errors may come out of it."""
    for step in (check, read_all, look_up, mend, back_up, prune, prune_late):
        with suppress(VaultError):
            step(Vault.open(storage, wrap=KEY, hooks=PATIENT))


def check(vault: Vault) -> None:
    vault.verify(read_data=1.0, remember=False)


def read_all(vault: Vault) -> None:
    for entry in vault.entries(SNAPSHOT):
        if entry.kind == "file" and entry.size <= MOST_READ:
            with suppress(VaultError):
                read(vault, entry)


def read(vault: Vault, entry: object) -> None:
    with vault.open_content(entry) as content:  # type: ignore[arg-type]
        while content.read(1 << 16):
            pass


def look_up(vault: Vault) -> None:
    for question in questions(vault):
        with suppress(VaultError):
            question()


def questions(vault: Vault) -> Iterator[Callable[[], object]]:
    yield lambda: vault.snapshots()
    yield lambda: vault.find(SNAPSHOT, b"tree/b")
    yield lambda: list(vault.children(SNAPSHOT, b"tree"))
    yield lambda: list(vault.entries(SNAPSHOT, under=b"tree/c"))


def mend(vault: Vault) -> None:
    vault.repair(is_dry=True)


def back_up(vault: Vault) -> None:
    items = [(file(b"tree/a", user="u"), b"a" * 100), (file(b"tree/b"), b"b")]
    vault.backup(MemorySource(folder(b"tree"), *items), name="site", report=Notes())


def prune(vault: Vault) -> None:
    vault.prune(dry_run=True)


def prune_late(vault: Vault) -> None:
    """Where lists show changes late, another prune's word is read, too."""
    storage = LateStorage()
    storage.objects = dict(vault._engine.storage.inner.objects)  # type: ignore[attr-defined]
    Vault.open(storage, wrap=KEY, hooks=PATIENT).prune(grace_days=0, may_condemn_most=True)


class LateStorage(MemoryStorage):
    settle_seconds = 1.0


assert HEAD_BYTES == 72
