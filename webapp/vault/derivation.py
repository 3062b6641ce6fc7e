"""All keys of one vault, derived from its master key. See docs/vault-format.md, "Keys"."""

from __future__ import annotations

from dataclasses import dataclass, field

from blake3 import blake3

KEY_BYTES = 32
_CONTEXT = "lastgood vault format 1: "


def derive(material: bytes, purpose: str) -> bytes:
    """BLAKE3 in its key derivation mode: 32 bytes for one *purpose*."""
    return blake3(material, derive_key_context=_CONTEXT + purpose).digest()


@dataclass(frozen=True)
class KeyRing:
    """The derived keys of one vault.

    Attributes:
        vault_id: 16 bytes.
        objects: base of the key of every sealed object.
        data_ids, manifest_ids: keys of chunk ids. Two, so that nobody can make a file whose
            chunk is taken for a piece of a manifest.
        config: authenticates ``config``.
        cache: authenticates the local index cache.
        cuts: decides where manifests are cut.
    """

    master: bytes = field(repr=False)
    vault_id: bytes
    objects: bytes = field(init=False, repr=False)
    data_ids: bytes = field(init=False, repr=False)
    manifest_ids: bytes = field(init=False, repr=False)
    config: bytes = field(init=False, repr=False)
    cache: bytes = field(init=False, repr=False)
    cuts: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("objects", "data_ids", "manifest_ids", "config", "cache", "cuts"):
            object.__setattr__(self, name, derive(self.master + self.vault_id, name))
