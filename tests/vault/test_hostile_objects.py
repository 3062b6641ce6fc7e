"""A faulty writer, or one who means harm, seals what is wrong: each reader says so, and neither
crashes, nor loops, nor takes the memory that a length field asks for."""

from __future__ import annotations

import json
import struct
import tracemalloc

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.vault import hostile
from tests.vault.hostile import Forge
from webapp.vault import Damaged, Passphrase, Vault, WrongKey, documents, frames, rows
from webapp.vault.config import _mac
from webapp.vault.frames import LARGEST_BYTES
from webapp.vault.keys import Cost
from webapp.vault.sealing import ZSTD, Head
from webapp.vault.storage.memory import MemoryStorage

PARTS = [
    "facts", "content", "row", "manifest chunk", "list", "root facts", "root parts", "index",
    "condemned", "checked", "labels", "forgotten", "writing", "pruning", "data segment",
    "manifest segment",
    "data catalogue", "manifest catalogue", "data head", "manifest head",
]  # fmt: skip
NUMBERS = [0, 1, 2, 3, 35, 36, 255, 4095, 1 << 16, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1]
BASE = hostile.base()


@st.composite
def changes(draw: st.DrawFn) -> hostile.Change:
    """One to three harms: a number made absurd, bytes cut, doubled, or overwritten."""
    steps = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["u32", "u64", "cut", "double", "drop", "byte", "swap"]),
                st.integers(0, 1 << 16),
                st.sampled_from(NUMBERS),
                st.integers(1, 40),
            ),
            min_size=1,
            max_size=3,
        )
    )

    def change(data: bytes) -> bytes:
        for how, at, number, length in steps:
            data = harmed(data, how, at % max(len(data), 1), number=number, length=length)
        return data

    return change


def harmed(data: bytes, how: str, at: int, *, number: int, length: int) -> bytes:
    return {
        "u32": lambda: data[:at] + struct.pack("<I", number) + data[at + 4 :],
        "u64": lambda: data[:at] + struct.pack("<Q", number << 32 | number) + data[at + 8 :],
        "cut": lambda: data[:at],
        "double": lambda: data[: at + length] + data[at:],
        "drop": lambda: data[:at] + data[at + length :],
        "byte": lambda: data[:at] + bytes([number % 256]) + data[at + 1 :],
        "swap": lambda: data[at:] + data[:at],
    }[how]()


QUICK = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,  # others' changes should not fail by chance; the campaign below is random
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize(
    "part", ["index", "condemned", "checked", "labels", "forgotten", "writing", "pruning"]
)
def test_a_small_object_that_is_sealed_and_malformed_is_named(part):
    storage = Forge.of(BASE, **{part: lambda content: content[:-3]}).make()

    errors = Vault.open(storage, wrap=hostile.KEY).verify(remember=False).errors

    assert part in {str(error["object"]).partition("/")[0] for error in errors}


def test_without_any_change_the_forged_snapshot_is_sound():
    storage = Forge.of(BASE).make()
    vault = Vault.open(storage, wrap=hostile.KEY)

    assert vault.verify(read_data=1.0).errors == []
    content = vault.open_content(vault.find(hostile.SNAPSHOT, b"tree/c")).read()
    assert content == b"one" * 100 + b"two" * 200 + b"three" * 50


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("index", ["with index", "no index"])
def test_what_is_sealed_and_wrong_gives_a_clear_error_or_none(part, index):
    @QUICK
    @given(changes())
    def attempt(change: hostile.Change) -> None:
        hostile.use(Forge.of(BASE, **{part: change, index: hostile.same}).make())

    attempt()


@pytest.mark.torture
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", PARTS)
def test_a_campaign_of_random_harm(part):
    harm_at_random(part, 40)


@pytest.mark.torture_long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("part", PARTS)
def test_a_long_campaign_of_random_harm(part):
    harm_at_random(part, 2000)


def harm_at_random(part: str, count: int) -> None:
    @settings(QUICK, max_examples=count, derandomize=False)
    @given(changes(), st.sampled_from(["with index", "no index"]))
    def attempt(change: hostile.Change, index: str) -> None:
        hostile.use(Forge.of(BASE, **{part: change, index: hostile.same}).make())

    attempt()


ABSURD = [
    None, True, -1, 1.5, 1e308, float("inf"), 10**30, "", "x", [], {}, [[]], {"a": 1},
    "9" * 5000, "\ud800",
]  # fmt: skip
DEEP = b"[" * 200_000


@pytest.mark.parametrize("value", ABSURD, ids=lambda value: repr(value)[:12])
def test_a_root_with_an_absurd_fact_is_refused_or_read(value):
    for field in ("id", "name", "sequence", "created_ns", "metadata", "counts", "writer",
                  "chunkers", "predecessor", "parent"):  # fmt: skip

        def change(data: bytes, field: str = field) -> bytes:
            return json.dumps(json.loads(data) | {field: value}).encode()

        hostile.use(Forge.of(BASE, **{"root facts": change}).make())


@pytest.mark.parametrize("value", ABSURD, ids=lambda value: repr(value)[:12])
def test_a_config_with_an_absurd_field_is_refused_or_read(value):
    for field in ("what", "format", "vault_id", "created_ns", "revision", "features", "chunkers"):
        forge = Forge.of(BASE)
        document = documents.decode("config", BASE["config"]) | {field: value}
        document["mac"] = _mac(document, forge.engine.ring)
        for name in ("config", "config-copy"):
            forge.storage.objects[name] = documents.encode(document)

        hostile.use(forge.storage)


@pytest.mark.parametrize("value", ABSURD, ids=lambda value: repr(value)[:12])
def test_a_key_slot_with_an_absurd_field_is_refused_or_read(value):
    slots = [name for name in BASE if name.startswith("keys")]
    for field in ("what", "format", "id", "vault_id", "kind", "salt", "key_id", "check", "box"):
        forge = Forge.of(BASE)
        for name in slots:
            document = documents.decode(name, BASE[name]) | {field: value}
            forge.storage.objects[name] = documents.encode(document)

        hostile.use(forge.storage)


@pytest.mark.parametrize("value", [*ABSURD, 0, 1 << 40], ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize("field", ["salt", "rounds", "memory_kib", "lanes", "vault_id", "id"])
def test_a_passphrase_slot_with_an_absurd_field_is_refused_at_once(field, value):
    storage = MemoryStorage()
    phrase = Passphrase("x", cost=Cost(rounds=1, memory_kib=64, lanes=1))
    Vault.create(storage, wrap=phrase)
    for name in [name for name in storage.objects if name.startswith("keys")]:
        document = documents.decode(name, storage.objects[name]) | {field: value}
        storage.objects[name] = documents.encode(document)

    with pytest.raises((Damaged, WrongKey)):
        Vault.open(storage, wrap=phrase)


@pytest.mark.parametrize("kind", ["config", "keys", "root"])
def test_json_that_is_nested_very_deeply_is_refused(kind):
    forge = Forge.of(BASE, **({"root facts": lambda _: DEEP} if kind == "root" else {}))
    storage = forge.make()
    for name in storage.objects:
        if name.startswith(kind):
            checksum = documents.blake3(DEEP).hexdigest().encode()
            storage.objects[name] = DEEP + b"\n" + checksum + b"\n"

    hostile.use(storage)


@pytest.mark.parametrize(
    "holes",
    [((0, 100), (50, 10)), ((60, 10), (0, 100)), ((1200, 110),), ((0, 110), (0, 0), (5, 0))],
    ids=["overlapping", "descending", "beyond the end", "going back"],
)
def test_holes_that_do_not_fit_are_refused_and_never_read_for_ever(holes):
    def change(content: bytes) -> bytes:
        found = rows.unpack_content(content)
        return found._replace(holes=holes).pack() if found.holes else content

    def resize(facts: bytes) -> bytes:
        return facts.replace(struct.pack("<Q", 1150 + 4096), struct.pack("<Q", 1150 + 110))

    vault = Vault.open(Forge.of(BASE, content=change, facts=resize).make(), wrap=hostile.KEY)
    entry = vault.find(hostile.SNAPSHOT, b"tree/a")

    assert entry.size == 1150 + 110
    with pytest.raises(Damaged, match="add up"):
        hostile.read(vault, entry)
    assert not vault.verify(remember=False).ok


def test_a_frame_that_unpacks_to_gigabytes_is_refused_before_it_does():
    bomb = zstandard.ZstdCompressor(level=1).compress(bytes(LARGEST_BYTES + 1))

    tracemalloc.start()
    with pytest.raises(Damaged, match="more than any record"):
        frames.decode(Head(ZSTD, 0, LARGEST_BYTES + 1, len(bomb)), bomb, where="x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 1 << 20


def absurd_count(data: bytes) -> bytes:
    return struct.pack("<I", (1 << 32) - 1) + data[4:]


@pytest.mark.parametrize("part", [part for part in PARTS if "head" not in part])
@pytest.mark.parametrize("how", ["count", "empty", "zeros"])
def test_absurd_numbers_do_not_cost_memory(part, how):
    change = {
        "count": absurd_count,
        "empty": lambda data: b"",
        "zeros": lambda data: struct.pack("<I", 1 << 18) + bytes(1 << 17),
    }[how]
    storage = Forge.of(BASE, **{part: change}).make()

    tracemalloc.start()
    hostile.use(storage)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 400 << 20
