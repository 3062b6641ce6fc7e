"""Whatever a tree is, it comes back; and each way of looking at it tells the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vault.conftest import KEY
from tests.vault.sources import LONG_AGO, MemorySource, Notes
from tests.vault.trees import contents
from webapp.items import Entry, EntryKind, sort_key
from webapp.vault import Vault, manifests
from webapp.vault.rows import make_row, pack_facts, row_path
from webapp.vault.storage.memory import MemoryStorage

NAMES = st.binary(min_size=1, max_size=12).filter(
    lambda name: not {0, 47} & set(name) and name not in (b".", b"..")
)
NASTY = st.sampled_from([b"\n", b"-", b"a\\", b"\xff\xfe", b"\x01", b"a" * 255, "é".encode(), b" "])
PATHS = st.lists(st.lists(NAMES | NASTY, min_size=1, max_size=4), max_size=20)
CONTENT = st.binary(max_size=200) | st.integers(1, 600_000).map(lambda size: b"ab\0" * (size // 3))


def build(paths: list[list[bytes]], contents: list[bytes]) -> MemorySource:
    """A tree in which every path that has something below it is a folder."""
    whole = {b"/".join([b"tree", *parts]) for parts in paths} | {b"tree"}
    folders = {b"tree"}
    for path in whole:
        parts = path.split(b"/")
        folders |= {b"/".join(parts[:count]) for count in range(1, len(parts))}
    items = []
    for number, path in enumerate(sorted(whole | folders)):
        kind = EntryKind.FOLDER if path in folders else EntryKind.FILE
        entry = Entry(path=path, kind=kind, mode=0o644, mtime_ns=LONG_AGO, ctime_ns=1, inode=1)
        data = contents[number % len(contents)] if kind is EntryKind.FILE else b""
        items.append((entry, data))
    return MemorySource(*items)


@settings(max_examples=60, deadline=None)
@given(PATHS, st.lists(CONTENT, min_size=1, max_size=5))
def test_any_tree_comes_back(paths, data):
    vault, source = Vault.create(MemoryStorage(), wrap=KEY), build(paths, data)

    snapshot = vault.backup(source, name="site", report=Notes()).snapshot

    expected = [entry.path for entry, _ in source.pairs]
    files = {entry.path: one for entry, one in source.pairs if entry.kind is EntryKind.FILE}
    assert [entry.path for entry in vault.entries(snapshot)] == expected
    assert contents(vault, snapshot) == files
    assert vault.verify(read_data=1.0).ok


def manifest_of(paths: list[bytes], rows_per_chunk: int) -> manifests.Manifest:
    """A manifest in memory, cut into very small chunks."""
    chunks: list[bytes] = []

    def store(data: bytes) -> bytes:
        chunks.append(data)
        return len(chunks).to_bytes(36, "little")

    builder = manifests.ManifestBuilder(b"s", store)
    parents = {path.rpartition(b"/")[0] for path in paths}
    for number, path in enumerate(paths):
        kind = EntryKind.FOLDER if path in parents else EntryKind.FILE
        builder.add(path, make_row(pack_facts(Entry(path=path, kind=kind, mode=0)), b""))
        if number % rows_per_chunk == 0:
            builder.flush()
    builder.flush()
    return manifests.Manifest(
        builder.parts, lambda ref: chunks[int.from_bytes(ref, "little") - 1], "test"
    )


@settings(max_examples=100, deadline=None)
@given(PATHS, st.integers(1, 7))
def test_one_level_one_path_and_one_subtree_agree_with_the_whole(parts, rows_per_chunk):
    source = build(parts, [b""])
    paths = [entry.path for entry, _ in source.pairs]
    manifest = manifest_of(paths, rows_per_chunk)

    for path in [*paths, b"tree/none", b""]:
        below = [one for one in paths if not path or one == path or one.startswith(path + b"/")]
        level = path.count(b"/") + 1 if path else 0
        children = [one for one in below if one != path and one.count(b"/") == level]
        assert [row_path(row) for row in manifest.under(path)] == below
        assert [row_path(row) for row in manifest.children(path)] == children
        assert (manifest.find(path) is not None) is (path in paths)
    assert paths == sorted(paths, key=sort_key)
