"""The log of what was said about snapshots, read while others write and join it."""

from __future__ import annotations

import pytest

from tests.vault.conftest import KEY
from tests.vault.upkeep import back_up
from webapp.vault import StorageUnavailable, Vault
from webapp.vault.retention.ledger import LABELS
from webapp.vault.retention.rules import Policy


class Joined:
    """A storage in which a prune joins the labels right after each of the first *times* lists."""

    def __init__(self, inner, times: int) -> None:
        self._inner, self._times = inner, times

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def list(self, prefix):
        found = list(self._inner.list(prefix))
        if prefix == LABELS and self._times:
            self._times -= 1
            other = Vault.open(self._inner, wrap=KEY)
            for number in range(33):
                other.tag(other.snapshots()[0].id, f"tag-{self._times}-{number}")
            other.prune()
        return iter(found)


@pytest.fixture
def pinned(vault):
    """A pinned snapshot that no rule keeps, its label among many small objects."""
    old = back_up(vault, 1, name="site")
    vault.pin(old.id)
    back_up(vault, 2, name="site")
    return old


def test_a_pin_that_is_joined_with_others_while_forget_reads_keeps_its_snapshot(
    vault, storage, pinned
):
    report = Vault.open(Joined(storage, 2), wrap=KEY).forget(Policy(last=1))

    assert report.forgotten == []
    assert pinned in vault.snapshots()


def test_a_log_that_never_holds_still_stops_forget(vault, storage, pinned):
    with pytest.raises(StorageUnavailable, match="kept changing"):
        Vault.open(Joined(storage, 1000), wrap=KEY).forget(Policy(last=1))

    assert pinned in vault.snapshots()
