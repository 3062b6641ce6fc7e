"""What the stock knows of packs, as checks ask for it."""

from __future__ import annotations

from collections.abc import Iterator

from webapp.vault.errors import Damaged, ObjectMissing
from webapp.vault.ids import ID_BYTES
from webapp.vault.packs import PackInfo, build_catalogue, read_catalogue
from webapp.vault.stock import Stock


def known_info(stock: Stock, pack_name: str) -> PackInfo | None:
    """What index objects, or the pack itself when the stock was filled, say of a pack."""
    return stock.info(pack_name)


def known_catalogue(stock: Stock, pack_name: str) -> bytes | None:
    """A pack's catalogue, as the index has it."""
    try:
        places, ids = stock.catalogue(pack_name)
    except (Damaged, ObjectMissing):
        return None
    return build_catalogue(places, [bytes(ids)])


def split_ids(ids: memoryview) -> Iterator[bytes]:
    raw = bytes(ids)
    return (raw[at : at + ID_BYTES] for at in range(0, len(raw), ID_BYTES))


def ids_of(info: PackInfo) -> Iterator[bytes]:
    """The ids of a pack's chunks, in order."""
    return split_ids(read_catalogue(info.catalogue, where=info.object_name)[1])
