"""The files of the local index: what they hold, and what is done about a file that is not sound."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.vault.index import made
from tests.vault.index.made import Cached, has_all
from webapp.vault import index_cache, index_file
from webapp.vault.derivation import KeyRing
from webapp.vault.index_cache import IndexCache
from webapp.vault.index_file import Doubt

NAME = made.RING.vault_id.hex()


@pytest.fixture
def always_base(monkeypatch):
    """Even a small index goes into a base."""
    monkeypatch.setattr(index_cache, "RECENT_CHUNKS", 0)


def files(folder: Path) -> list[str]:
    return sorted(path.name.removeprefix(NAME) for path in folder.iterdir())


def test_what_was_saved_is_there_when_it_is_opened_again(tmp_path):
    infos = made.packs(30)
    Cached(tmp_path).add(*infos).save()

    again = Cached(tmp_path)

    assert files(tmp_path) == [".recent"]
    assert has_all(again.index, *infos)
    assert [again.index.info(info.name) for info in infos] == infos
    assert again.covered == {f"index/{number:032x}" for number in range(1, 31)}


def test_an_empty_index_is_saved_and_opened(tmp_path, always_base):
    mine = Cached(tmp_path)
    mine.covered.add("index/" + "0" * 32)
    mine.save()

    again = Cached(tmp_path)

    assert again.covered == {"index/" + "0" * 32}
    assert made.ids(1)[0] not in again.index


def test_nothing_is_written_if_nothing_is_new(tmp_path):
    Cached(tmp_path).add(*made.packs(3)).save()
    before = [path.stat().st_ino for path in tmp_path.iterdir()]

    Cached(tmp_path).save()

    assert [path.stat().st_ino for path in tmp_path.iterdir()] == before


def test_much_goes_into_a_base_and_what_comes_later_beside_it(tmp_path, monkeypatch):
    monkeypatch.setattr(index_cache, "RECENT_CHUNKS", 100)
    infos = made.packs(30)
    Cached(tmp_path).add(*infos[:20]).save()
    assert files(tmp_path) == [".index"]

    mine = Cached(tmp_path).add(*infos[20:25]).save()
    assert files(tmp_path) == [".index", ".recent"]
    assert (mine.index.base.count, mine.index.recent.count) == (400, 100)

    mine = Cached(tmp_path).add(*infos[25:]).save()
    assert files(tmp_path) == [".index"]
    assert (mine.index.base.count, mine.index.recent.count) == (600, 0)

    for one in (mine, Cached(tmp_path)):
        assert has_all(one.index, *infos)
        assert [one.index.info(info.name) for info in infos] == infos
        assert len(one.covered) == 30
        assert not any(chunk in one.index for chunk in made.ids(2_000, 10**6))


@pytest.mark.parametrize("mapped", [0, 1 << 30], ids=["read one by one", "mapped"])
def test_a_base_answers_like_a_table(tmp_path, always_base, monkeypatch, mapped):
    monkeypatch.setattr(index_file, "MAPPED_BYTES", mapped)
    infos = made.packs(200, 50)  # more than one block of ids
    Cached(tmp_path).add(*infos).save()

    index = Cached(tmp_path).index

    assert index.base.count == 10_000
    assert has_all(index, *infos)
    place = index.locate(made.chunks_of(infos[150])[31])
    assert (place.pack.name, place.counter, place.ordinal) == (infos[150].name, 10, 1)
    assert place.offset == 72 + 30 * 100
    index.pass_over([infos[3].name], gone=[infos[4].name])
    assert not any(chunk in index for chunk in made.chunks_of(*infos[3:5]))
    assert index.locate(made.chunks_of(infos[3])[0]).pack.name == infos[3].name
    assert index.locate(made.chunks_of(infos[4])[0]) is None


def test_a_base_that_is_mostly_of_packs_that_went_away_is_written_anew(tmp_path, always_base):
    infos = made.packs(20)
    Cached(tmp_path).add(*infos).save()
    mine = Cached(tmp_path)
    mine.index.pass_over([], gone=[info.name for info in infos[:4]])
    mine.save()
    assert mine.index.base.count == 400

    mine.index.pass_over([], gone=[info.name for info in infos[:6]])
    mine.save()

    assert mine.index.base.count == 280
    assert has_all(Cached(tmp_path).index, *infos[6:])
    assert Cached(tmp_path).index.info(infos[0].name) is None


@pytest.mark.parametrize("small", [True, False])
def test_packs_that_no_index_object_lists_are_not_kept(tmp_path, monkeypatch, small):
    monkeypatch.setattr(index_cache, "RECENT_CHUNKS", 1_000 if small else 0)
    infos = made.packs(5)
    mine = Cached(tmp_path).add(*infos).save(loose=(infos[2].name,))

    again = Cached(tmp_path)

    assert has_all(mine.index, *infos)
    assert has_all(again.index, *infos[:2], *infos[3:])
    assert again.index.info(infos[2].name) is None


@pytest.mark.parametrize("part", ["head", "count", "mark", "front", "covered", "slots", "end"])
@pytest.mark.parametrize("kind", ["index", "recent"])
def test_a_file_with_a_changed_bit_is_not_used(tmp_path, monkeypatch, kind, part):
    monkeypatch.setattr(index_cache, "RECENT_CHUNKS", 0 if kind == "index" else 1_000)
    Cached(tmp_path).add(*made.packs(20)).save()
    path = tmp_path / f"{NAME}.{kind}"
    head = index_file.peek(path)
    start = path.stat().st_size - sum(head.sections)
    at = {"head": 3, "count": 50, "mark": index_file._HEAD.size, "front": start - 100,
          "covered": start - 20 * 80 - 8, "slots": -4 * 1200, "end": -1}[part]  # fmt: skip
    data = bytearray(path.read_bytes())
    data[at] ^= 16
    path.write_bytes(data)

    again = Cached(tmp_path)

    assert again.covered == set()
    assert again.index.base is None
    assert not any(chunk in again.index for chunk in made.chunks_of(*made.packs(20)))
    again.add(*made.packs(20)).save()
    assert has_all(Cached(tmp_path).index, *made.packs(20))


@pytest.mark.parametrize("change", [lambda d: b"", lambda d: d[:40], lambda d: d[:-1],
                                    lambda d: d[: len(d) // 2], lambda d: d + b"\0"])  # fmt: skip
def test_a_file_of_another_length_is_not_used(tmp_path, always_base, change):
    Cached(tmp_path).add(*made.packs(20)).save()
    path = tmp_path / f"{NAME}.index"
    path.write_bytes(change(path.read_bytes()))

    again = Cached(tmp_path)

    assert (again.index.base, again.covered) == (None, set())


def test_a_file_of_another_key_is_not_used(tmp_path):
    Cached(tmp_path).add(*made.packs(3)).save()

    other = IndexCache(tmp_path, KeyRing(b"o" * 32, made.RING.vault_id))

    assert other.load() == (None, None, set())


@pytest.mark.parametrize("mapped", [0, 1 << 30], ids=["read one by one", "mapped"])
def test_a_forged_id_is_found_out_before_it_is_relied_on(
    tmp_path, always_base, monkeypatch, mapped
):
    """The damage that would lose data: the cache says that a chunk is there which is not."""
    monkeypatch.setattr(index_file, "MAPPED_BYTES", mapped)
    infos = made.packs(200, 50)
    Cached(tmp_path).add(*infos).save()
    path = tmp_path / f"{NAME}.index"
    data = path.read_bytes()
    true = made.chunks_of(infos[150])[7]
    forged = true[:31] + bytes([true[31] ^ 1])  # falls into the same slot
    assert data.count(true) == 1
    path.write_bytes(data.replace(true, forged))
    mine = Cached(tmp_path)
    doubts = []

    def start_anew():
        doubts.append(1)
        mine.index.use(None)

    mine.index._on_doubt = start_anew

    assert has_all(mine.index, infos[0])
    assert doubts == []
    assert forged not in mine.index
    assert doubts == [1]


@pytest.mark.parametrize("act", ["locate", "info", "save"])
def test_damaged_places_of_segments_are_found_out(tmp_path, always_base, act):
    infos = made.packs(20)
    Cached(tmp_path).add(*infos).save()
    path = tmp_path / f"{NAME}.index"
    data = bytearray(path.read_bytes())
    head = index_file.peek(path)
    data[-head.sections[2] - 5] ^= 1  # in the last segment
    path.write_bytes(data)
    mine = Cached(tmp_path)
    chunk = made.chunks_of(infos[-1])[-1]

    if act == "save":
        mine.add(*made.packs(5, first=50)).save()
        assert files(tmp_path) == []
    assert (mine.index.info(infos[-1].name) if act == "info" else mine.index.locate(chunk)) is None
    assert mine.index.base is None


def test_recent_chunks_of_an_older_base_are_left_out(tmp_path, monkeypatch):
    infos = made.packs(9)
    monkeypatch.setattr(index_cache, "RECENT_CHUNKS", 0)
    Cached(tmp_path).add(*infos[:3]).save()
    monkeypatch.setattr(index_cache, "RECENT_CHUNKS", 1_000)
    Cached(tmp_path).add(*infos[3:6]).save()
    old = (tmp_path / f"{NAME}.recent").read_bytes()
    monkeypatch.setattr(index_cache, "RECENT_CHUNKS", 0)
    Cached(tmp_path).add(*infos[6:]).save()
    (tmp_path / f"{NAME}.recent").write_bytes(old)

    again = Cached(tmp_path)

    assert again.index.recent.count == 0
    assert has_all(again.index, *infos)


@pytest.mark.parametrize("small", [True, False])
def test_who_saves_later_does_not_take_away_what_another_process_saved(
    tmp_path, monkeypatch, small
):
    monkeypatch.setattr(index_cache, "RECENT_CHUNKS", 1_000 if small else 0)
    infos = made.packs(9)
    first, second = Cached(tmp_path), Cached(tmp_path)
    first.add(*infos).save()

    second.add(infos[0]).save()

    assert has_all(Cached(tmp_path).index, *infos)
    assert has_all(first.index, *infos)


def test_who_loaded_an_older_base_does_not_replace_what_completes_the_new_one(
    tmp_path, monkeypatch
):
    infos = made.packs(60)
    monkeypatch.setattr(index_cache, "RECENT_CHUNKS", 0)
    Cached(tmp_path).add(*infos[:20]).save()
    slow = Cached(tmp_path)
    Cached(tmp_path).add(*infos[20:40]).save()
    monkeypatch.setattr(index_cache, "RECENT_CHUNKS", 1_000)
    Cached(tmp_path).add(*infos[40:42]).save()

    slow.add(*infos[50:]).save()

    assert has_all(Cached(tmp_path).index, *infos[:42])


def test_a_disk_that_is_full_leaves_nothing_half_written(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(index_file, "_mark_front", full)
    Cached(tmp_path).add(*made.packs(3)).save()

    assert files(tmp_path) == []


def test_an_open_index_goes_on_when_another_process_replaces_its_files(tmp_path, always_base):
    infos = made.packs(40, 100)
    Cached(tmp_path).add(*infos[:20]).save()
    reader = Cached(tmp_path)

    Cached(tmp_path).add(*infos[20:]).save()

    assert has_all(reader.index, *infos[:20])
    assert [reader.index.info(info.name) for info in infos[:20]] == infos[:20]


_SAVE = """
import sys
from pathlib import Path
from tests.vault.index import made
from tests.vault.index.made import Cached, has_all
from webapp.vault import index_cache
index_cache.RECENT_CHUNKS = 200
first = int(sys.argv[2])
for number in range(first, first + 40):
    mine = Cached(Path(sys.argv[1])).add(made.packs(1, first=number)[0])
    assert has_all(mine.index, *made.packs(1, first=number))
    mine.save()
"""


def test_two_processes_at_once_leave_sound_files(tmp_path):
    root = Path(__file__).parents[3]
    running = [
        subprocess.Popen([sys.executable, "-c", _SAVE, tmp_path, str(first)], cwd=root)
        for first in (1, 1001)
    ]
    assert [one.wait(60) for one in running] == [0, 0]

    last = Cached(tmp_path)

    assert set(files(tmp_path)) <= {".index", ".recent"}
    names = {int(row.name, 16) for row in last.index.rows()}
    assert len(names) >= 20
    assert all(has_all(last.index, *made.packs(1, first=number)) for number in names)


_DIE = """
import os, signal, sys
from pathlib import Path
from tests.vault.index import made
from tests.vault.index.made import Cached
from webapp.vault import index_file
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
mine = Cached(Path(sys.argv[1])).add(*made.packs(9))
index_file._mark_front = die
mine.save()
"""


def test_a_process_killed_while_it_saves_leaves_what_was_there(tmp_path):
    infos = made.packs(9)
    Cached(tmp_path).add(*infos[:3]).save()
    root = Path(__file__).parents[3]
    died = subprocess.run([sys.executable, "-c", _DIE, tmp_path], cwd=root, check=False)
    assert died.returncode == -signal.SIGKILL
    assert len(files(tmp_path)) == 2

    again = Cached(tmp_path)
    again.add(*infos).save()

    assert has_all(Cached(tmp_path).index, *infos)


def test_what_a_killed_process_left_half_written_is_swept_away_after_a_day(tmp_path):
    for name, age in (("old", 90_000), ("young", 60)):
        path = tmp_path / f"{NAME}.index.{name}.partial"
        path.write_bytes(b"half")
        os.utime(path, (path.stat().st_mtime - age,) * 2)

    Cached(tmp_path).add(*made.packs(1)).save()

    assert files(tmp_path) == [".index.young.partial", ".recent"]


def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path):
    place = tmp_path / "cache"
    place.write_bytes(b"a file, where the folder should be")

    mine = Cached(place).add(*made.packs(3)).save()

    assert has_all(mine.index, *made.packs(3))


def test_a_file_that_claims_to_be_huge_is_not_believed(tmp_path):
    path = tmp_path / f"{NAME}.recent"
    Cached(tmp_path).add(*made.packs(1)).save()
    head = index_file.peek(path)._replace(packs=2**31, covered=2**31, chunks=2**40)
    path.write_bytes(index_file._HEAD.pack(*head) + path.read_bytes()[index_file._HEAD.size :])

    with pytest.raises(Doubt, match="length"):
        index_file.IndexFile(path, made.RING.cache)


def test_the_cache_is_for_its_owner_alone(tmp_path):
    Cached(tmp_path / "new").add(*made.packs(1)).save()

    (path,) = (tmp_path / "new").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_pack_that_was_replaced_in_name_is_not_taken_twice(tmp_path):
    (info,) = made.packs(1)
    mine = Cached(tmp_path).add(info, replace(info, size_bytes=9))

    assert len(mine.index) == 20
