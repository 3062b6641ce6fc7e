from __future__ import annotations

import pytest

from tests.vault.conftest import KEY
from tests.vault.harm import flipped
from tests.vault.sources import LONG_AGO, MemorySource, Notes, file, folder
from webapp.vault import Vault
from webapp.vault.storage.memory import MemoryStorage


def back_up(vault: Vault, *items, name: str = "site"):
    return vault.backup(MemorySource(*items), name=name, report=Notes()).snapshot


def many(count: int, **changed: bytes):
    """So many files that the manifest has several chunks; *changed* are other in content."""
    names = [f"{number:05d}" for number in range(count)]
    return [
        (file(b"tree/" + name.encode(), mtime_ns=LONG_AGO + (f"n{name}" in changed)),
         changed.get(f"n{name}", b"same"))
        for name in names
    ]  # fmt: skip


def told(found):
    """Findings in short."""
    return [
        (name, history.path, [(e.what, e.snapshot.id) for e in history.events()])
        for name, history in found.histories
    ]


def test_a_path_is_told_from_its_coming_to_its_going(vault):
    a = (file(b"tree/a"), b"always")
    first = back_up(vault, a)
    second = back_up(vault, a, (file(b"tree/b"), b"one"))
    third = back_up(vault, a, (file(b"tree/b", mtime_ns=LONG_AGO + 1), b"two!"))
    fourth = back_up(vault, a)
    fifth = back_up(vault, a, (file(b"tree/b"), b"one"))

    found = vault.find_all(b"tree/b")

    assert told(found) == [
        (
            "site",
            b"tree/b",
            [
                ("appeared", second.id),
                ("changed", third.id),
                ("vanished", fourth.id),
                ("appeared", fifth.id),
            ],
        )
    ]
    history = found.histories[0][1]
    assert [one.entry.size for one in history.versions] == [3, 4]
    assert [one.id for one in history.snapshots_of(history.versions[0])] == [second.id, fifth.id]
    assert history.snapshots[0].id == first.id
    assert found.searched == 5


def test_what_never_changed_is_one_version_in_all_snapshots(vault):
    ids = [back_up(vault, (file(b"tree/a", ctime_ns=number), b"x")).id for number in range(3)]

    (found,) = vault.find_all(b"**/a").histories

    (version,) = found[1].versions
    assert [one.id for one in found[1].snapshots_of(version)] == ids
    assert [event.what for event in found[1].events()] == ["appeared"]


def test_a_state_that_comes_back_is_the_version_it_was(vault):
    for number in (1, 2, 1, 2):
        back_up(vault, (file(b"tree/a", mtime_ns=LONG_AGO + number), b"%d" % number))

    (history,) = [history for _, history in vault.find_all(b"**/a").histories]

    assert [one.spans for one in history.versions] == [[[0, 0], [2, 2]], [[1, 1], [3, 3]]]
    assert [event.version for event in history.events()] == history.versions * 2


def test_the_last_state_before_it_vanished_for_good_is_told(vault):
    back_up(vault, folder(b"tree"), (file(b"tree/a"), b"x"))
    last = back_up(vault, folder(b"tree"))

    events = list(vault.find_all(b"**/a").histories[0][1].events())

    assert [(event.what, event.snapshot.id) for event in events[1:]] == [("vanished", last.id)]


def test_sources_are_told_apart_and_one_can_be_chosen(vault):
    back_up(vault, (file(b"tree/a"), b"x"), name="one")
    back_up(vault, (file(b"tree/a"), b"x"), name="two")

    assert [name for name, _ in vault.find_all(b"tree/a").histories] == ["one", "two"]
    assert [name for name, _ in vault.find_all(b"tree/a", name="two").histories] == ["two"]


def test_paths_come_in_order_and_case_can_be_ignored(vault):
    back_up(vault, *[(file(path), b"") for path in (b"tree/A.TXT", b"tree/a/b.txt", b"tree/a.md")])

    exact = vault.find_all(b"**/*.txt")
    loose = vault.find_all(b"**/*.txt", ignore_case=True)

    assert [history.path for _, history in exact.histories] == [b"tree/a/b.txt"]
    assert [history.path for _, history in loose.histories] == [b"tree/A.TXT", b"tree/a/b.txt"]


def test_manifest_chunks_that_snapshots_share_are_read_once(vault):
    for number in range(5):
        back_up(vault, *many(8000, **{f"n{number:05d}": b"other"}))

    everything = vault.find_all(b"tree/*9")
    one = vault.find_all(b"tree/07999")
    nothing = vault.find_all(b"**/nothing")

    parts = len(vault._engine.roots.parts(f"snapshots/{vault.snapshots()[0].id}"))
    assert parts > 1
    assert everything.chunks == parts + 4  # the first chunk differs each time
    assert len(everything.histories) == 800
    assert one.chunks == 1
    assert nothing.chunks == everything.chunks
    assert [len(history.versions) for _, history in one.histories] == [1]


def test_no_data_pack_is_read(vault, storage, monkeypatch):
    back_up(vault, (file(b"tree/a"), b"x" * 1000))
    again = Vault.open(storage, wrap=KEY)
    monkeypatch.setattr(
        type(again._engine.chunks), "data", lambda *_: pytest.fail("a file's data was read")
    )

    assert len(again.find_all(b"**").histories) == 1


def test_a_snapshot_that_cannot_be_read_is_named_and_not_taken_for_empty():
    storage = MemoryStorage()
    vault = Vault.create(storage, wrap=KEY)
    for number in range(3):
        back_up(vault, (file(b"tree/a", mtime_ns=LONG_AGO + number), b"%d" % number))
    middle = vault.snapshots()[1]
    name = f"snapshots/{middle.id}"
    storage.objects[name] = flipped(storage.objects[name])

    found = Vault.open(storage, wrap=KEY).find_all(b"tree/a")

    assert [problem.object_name for problem in found.problems] == [name]
    assert [event.what for event in found.histories[0][1].events()] == ["appeared", "changed"]
    assert found.searched == 2


def test_progress_counts_snapshots(vault):
    for _ in range(3):
        back_up(vault, (file(b"tree/a"), b"x"))
    steps = []

    vault.find_all(b"tree/a", on_progress=lambda done, total: steps.append((done, total)))

    assert steps == [(1, 3), (2, 3), (3, 3)]
