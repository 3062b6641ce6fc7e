"""A writer whose credential may not delete: all but prune works."""

from __future__ import annotations

import pytest

from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, Notes, file
from tests.vault.trees import contents
from webapp.vault import Vault
from webapp.vault.errors import StorageDenied
from webapp.vault.storage.memory import MemoryStorage


class Undeletable(MemoryStorage):
    """What a bucket is to a credential without the right to delete."""

    def delete(self, name):
        raise StorageDenied("may not delete")


@pytest.fixture
def storage():
    return Undeletable()


def backup(storage, content):
    vault, source = Vault.open(storage, wrap=KEY), MemorySource((file(b"a"), content))
    return vault.backup(source, name="site", report=Notes(), parent=None).snapshot


def test_backups_follow_one_another_and_can_be_read(storage):
    Vault.create(storage, wrap=KEY)

    made = [backup(storage, content) for content in (b"1", b"2", b"3")]

    vault = Vault.open(storage, wrap=KEY)
    assert [one.id for one in vault.snapshots()] == [one.id for one in reversed(made)]
    assert [contents(vault, one)[b"a"] for one in made] == [b"1", b"2", b"3"]
    assert vault.verify(read_data=1.0).errors == []
