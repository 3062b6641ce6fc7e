"""Reads every root, and what it needs."""

from __future__ import annotations

from blake3 import blake3

from webapp.vault import boxes, manifests
from webapp.vault.checks.findings import Findings
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged, ObjectMissing
from webapp.vault.manifests import Part
from webapp.vault.snapshots import FINISHED, KIND, PENDING, Snapshot


class RootsCheck:
    """The roots of a vault, or of one snapshot.

    Attributes:
        names: of the objects that can be read.
        snapshots: the finished ones among them, by id.
        digests: of each finished root that is there, by id.
    """

    def __init__(self, engine: Engine, findings: Findings) -> None:
        self._engine = engine
        self._findings = findings
        self.names: list[str] = []
        self.snapshots: dict[str, Snapshot] = {}
        self.digests: dict[str, str] = {}
        self.bytes_read = 0

    def read_all(self) -> None:
        for folder in (FINISHED, PENDING):
            for item in list(self._engine.storage.list(folder)):
                self.read(item.name)

    def read(self, name: str) -> None:
        """Check one root whole, whatever is known of it."""
        self._engine.roots.forget(name)
        folder, _, identity = name.partition("/")
        try:
            data = boxes.fetch(self._engine.storage, self._engine.ring, KIND, name)
            self.bytes_read += len(data)
            if folder + "/" == FINISHED:
                self.digests[identity] = blake3(data).hexdigest()
            unpack_root(self._engine, name, data)
            found = self._engine.roots.read(name)
        except ObjectMissing:
            return
        except Damaged as error:
            self._findings.note(error.object_name, error.problem, hurt=(identity,))
            if folder + "/" == FINISHED:
                self.digests.setdefault(identity, "")  # it is there
            return
        if found is not None:
            self.names.append(name)
            if folder + "/" == FINISHED:
                self.snapshots[identity] = found

    def parts(self, name: str) -> list[Part]:
        """The pieces of one root's manifest; none if it went away."""
        try:
            return self._engine.roots.parts(name)
        except (Damaged, ObjectMissing):
            return []


def unpack_root(engine: Engine, name: str, data: bytes) -> list[Part]:
    """The pieces of a manifest that the bytes of a root name."""
    found = boxes.unseal(engine.ring, KIND, name, data)
    if len(found) != 2:
        raise Damaged(name, "it does not have two parts")
    return manifests.unpack_parts(found[1], where=name)
