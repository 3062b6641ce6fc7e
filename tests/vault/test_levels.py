"""How hard a backup compresses: for each source as it is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

import webapp
from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, Notes, file, folder
from tests.vault.trees import contents
from webapp.vault import Vault, levels
from webapp.vault.storage.memory import MemoryStorage

SOURCES = sorted(Path(webapp.__file__).parent.glob("vault/*.py"))
FILES = {b"tree/" + path.name.encode(): path.read_bytes() for path in SOURCES}
NAMES = ("off", "fast", "default", "high", "max")


def stored(level: int | None) -> tuple[int, Vault]:
    """How much the segments take at this level, and where they are."""
    vault = Vault.create(MemoryStorage(), wrap=KEY)
    source = MemorySource(folder(b"tree"), *[(file(path), data) for path, data in FILES.items()])
    options = {} if level is None else {"level": level}
    made = vault.backup(source, name="site", report=Notes(), **options)
    assert contents(vault, made.snapshot) == FILES
    stock = vault._engine.stock
    data = [row.name for row in stock.packs() if row.kind == b"D"]
    return sum(place.length for one in data for place in stock.catalogue(one)[0]), vault


def test_each_step_stores_less_than_the_one_before():
    sizes = [stored(levels.LEVELS[name])[0] for name in NAMES]

    assert sizes == sorted(set(sizes), reverse=True)
    assert sizes[0] > sum(map(len, FILES.values()))
    assert sizes[1] < sizes[0] / 2


def test_without_a_word_it_is_the_default():
    assert stored(None)[0] == stored(levels.DEFAULT)[0]


def test_manifests_are_compressed_whatever_is_asked():
    sizes = {
        level: sum(
            row.size_bytes for row in stored(level)[1]._engine.stock.packs() if row.kind == b"M"
        )
        for level in (levels.OFF, levels.DEFAULT)
    }

    assert sizes[levels.OFF] == sizes[levels.DEFAULT]


def test_what_is_stored_already_is_not_stored_again_at_another_level():
    _, vault = stored(levels.LOWEST)
    source = MemorySource(folder(b"tree"), *[(file(path), data) for path, data in FILES.items()])

    made = vault.backup(source, name="other", report=Notes(), level=levels.HIGHEST)

    assert made.tally.stored_bytes < 200_000


@pytest.mark.parametrize("level", [-1, 20, 1000])
def test_a_level_that_there_is_not_is_refused_before_anything_is_read(level):
    vault = Vault.create(MemoryStorage(), wrap=KEY)
    source = MemorySource((file(b"tree"), b"x"))

    with pytest.raises(ValueError, match="no level"):
        vault.backup(source, name="site", report=Notes(), level=level)

    assert source.opened == []


@pytest.mark.parametrize(
    ("text", "level"), [("off", 0), ("FAST", 1), (" default ", 3), ("max", 19), ("0", 0), ("7", 7)]
)
def test_levels_have_names_and_numbers(text, level):
    assert levels.level_called(text) == level


@pytest.mark.parametrize("text", ["", "best", "-1", "20", "3.5", "³", "1e1"])
def test_what_is_no_level_is_refused_with_those_there_are(text):
    with pytest.raises(ValueError, match="off, fast, default, high, max, or a number from 0 to 19"):
        levels.level_called(text)
