"""Names the missing pack: index objects go on listing it."""

from __future__ import annotations

from webapp.vault import catalogues
from webapp.vault.checks.inventory import ids_of
from webapp.vault.checks.needs import NOWHERE, Blame, blame
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged, ObjectMissing


def blame_missing_packs(engine: Engine, lost: dict[bytes, Blame]) -> None:
    """Put the blame for chunks in no pack on the packs that held them, where an index object says
    which those were."""
    wanted = {one for one, blamed in lost.items() if blamed == (NOWHERE,)}
    if not wanted:
        return
    for item in list(engine.storage.list(catalogues.FOLDER)):
        try:
            infos = catalogues.read(engine.storage, engine.ring, item.name)
        except (Damaged, ObjectMissing):
            continue
        for info in infos:
            if info.name not in engine.stock.present:
                for one in wanted.intersection(ids_of(info)):
                    blame(lost, one, (info.object_name,))
