"""Checks what is neither pack nor root: config, key slots, and the small sealed objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from webapp.vault import boxes, catalogues, config, documents, keys, unfinished
from webapp.vault.checks import coverage
from webapp.vault.checks.findings import CHAIN, MISSING, Findings
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged, ObjectMissing
from webapp.vault.pruning import alone
from webapp.vault.retention import ledger
from webapp.vault.transfer import key_changes

# Folder and kind byte of each kind of small sealed object.
SEALED = {
    catalogues.FOLDER: catalogues.KIND,
    catalogues.CONDEMNED: catalogues.CONDEMNED_KIND,
    coverage.FOLDER: coverage.KIND,
    **ledger.KINDS,
    catalogues.REVOKED: catalogues.REVOKED_KIND,
    unfinished.FOLDER: unfinished.KIND,
    alone.FOLDER: alone.KIND,
}

# What takes the content of each kind to pieces, and raises ``Damaged`` where it cannot.
_CONTENTS: dict[bytes, Callable[[list[bytes], str], Iterable[object]]] = {
    catalogues.KIND: lambda parts, name: catalogues.unpack_infos(parts[0], where=name),
    catalogues.CONDEMNED_KIND: lambda parts, name: catalogues.unpack_condemned(name, parts).packs,
    catalogues.REVOKED_KIND: lambda parts, name: (),
    unfinished.KIND: lambda parts, name: unfinished.unpack(name, parts).packs,
    alone.KIND: lambda parts, name: alone.unpack(name, parts),
    coverage.KIND: lambda parts, name: coverage.unpack_times(parts[0], where=name),
    ledger.FORGOTTEN_KIND: lambda parts, name: ledger.unpack_entries(parts[0], name),
    ledger.LABELS_KIND: lambda parts, name: ledger.unpack_entries(parts[0], name),
}


class SmallObjects:
    """Reads every small object whole, whatever is cached."""

    def __init__(self, engine: Engine, findings: Findings) -> None:
        self._engine = engine
        self._findings = findings
        self.objects = 0
        self.bytes_read = 0

    def check(self) -> None:
        storage = self._engine.storage
        slots = [(f"keys/{one}", f"keys-copy/{one}") for one in keys.slot_ids(storage)]
        for names in (config.NAMES, *slots):
            self._check_pair(names)
        for item in list(storage.list(key_changes.FOLDER)):
            self._check_pair((item.name,))
        for folder, kind in SEALED.items():
            for item in list(storage.list(folder)):
                self._check_sealed(item.name, kind)

    def _check_pair(self, names: tuple[str, ...]) -> None:
        sound = {}
        for name in names:
            try:
                sound[name] = self._document(name, names)
            except ObjectMissing:
                if len(names) == 2:
                    self._findings.note(name, "it is missing; its copy is there", kind=MISSING)
            except Damaged as error:
                self._findings.note(name, error.problem)
        if len(sound) == 2 and sound[names[0]] != sound[names[1]]:
            older = min(names, key=lambda name: documents.revision(sound[name]))
            self._findings.note(older, "it is not the same as its copy, and older", kind=CHAIN)

    def _document(self, name: str, names: tuple[str, ...]) -> documents.Document:
        data = documents.fetch(self._engine.storage, name)
        self._count(data)
        document = documents.decode(name, data)
        if names is config.NAMES:
            config.authenticate(document, self._engine.ring)
        elif len(names) == 1:
            key_changes.authenticate(self._engine, name, document)
        elif document.get("id") != name.partition("/")[2]:
            raise Damaged(name, "it lies under another key slot's name")
        return document

    def _check_sealed(self, name: str, kind: bytes) -> None:
        engine = self._engine
        try:
            data = boxes.fetch(engine.storage, engine.ring, kind, name)
            self._count(data)
            parts = boxes.unseal(engine.ring, kind, name, data)
            for _ in _CONTENTS[kind](parts, name):
                pass
        except ObjectMissing:
            return
        except Damaged as error:
            self._findings.note(name, error.problem)

    def _count(self, data: bytes) -> None:
        self.objects += 1
        self.bytes_read += len(data)
