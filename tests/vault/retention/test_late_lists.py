"""What is said of snapshots where lists show for a while what was there before."""

from __future__ import annotations

import pytest

from tests.vault.conftest import KEY
from tests.vault.upkeep import Watched, back_up
from webapp.vault import SnapshotMissing, Vault
from webapp.vault.hooks import Hooks
from webapp.vault.retention.ledger import What


class Behind(Watched):
    """Lists show what is put only after somebody has waited, and what is deleted at once."""

    settle_seconds = 30.0

    def __init__(self, now_ns) -> None:
        super().__init__(now_ns)
        self.fresh: set[str] = set()
        self.is_late = False

    def put(self, name, data):
        super().put(name, data)
        if self.is_late:
            self.fresh.add(name)

    def list(self, prefix):
        return (item for item in super().list(prefix) if item.name not in self.fresh)

    def settle(self, seconds: float) -> None:
        self.fresh.clear()


@pytest.fixture
def storage(clock) -> Behind:
    return Behind(clock)


@pytest.fixture
def vault(storage, clock) -> Vault:
    return Vault.create(storage, wrap=KEY, hooks=Hooks(time_ns=clock, sleep=storage.settle))


ACTS = {
    "pin": lambda vault, one: vault.pin(one),
    "hold": lambda vault, one: vault.hold(one, reason="court"),
    "undo": lambda vault, one: vault.unforget(one),
}


@pytest.mark.parametrize("act", ACTS)
def test_who_wants_a_snapshot_back_waits_until_he_sees_that_it_is_being_removed(
    vault, storage, act
):
    old, _newer = back_up(vault, 1, name="site"), back_up(vault, 2, name="site")
    vault.forget(snapshots=[old.id])
    storage.is_late = True
    engine = vault._engine
    (forgotten,) = vault.labels()[old.id].forgotten
    drop = type(forgotten)(what=What.DROP, snapshot=old.id)
    engine.roots.ledger.add([drop], new_id=engine.new_id, salt=engine.salt)  # as a prune does

    with pytest.raises(SnapshotMissing, match="being removed"):
        ACTS[act](vault, old.id)


def test_what_was_put_into_one_object_is_seen_before_the_others_go(vault, storage, monkeypatch):
    snapshot = back_up(vault, 1)
    for number in range(40):
        vault.tag(snapshot.id, f"t{number}")
    storage.is_late = True
    seen = []
    real = storage.delete

    def delete(name):
        seen.append(len(Vault.open(storage, wrap=KEY).labels()[snapshot.id].tags))
        real(name)

    monkeypatch.setattr(storage, "delete", delete)

    vault.prune()

    assert set(seen) == {40}
    assert len(list(storage.list("labels/"))) == 1
