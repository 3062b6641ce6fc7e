"""What can be wrong before and during a command: each ends with its own exit code and one clear
sentence, and leaves the vault sound."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import pytest

from tests.cli.vault.conftest import PASSPHRASE
from webapp.vault import boxes, documents
from webapp.vault.errors import StorageDenied
from webapp.vault.keys import Cost, Passphrase
from webapp.vault.storage.local import LocalStorage
from webapp.vault.vault import Vault

YEAR_NS = 365 * 86_400 * 10**9
CHEAP = Passphrase(PASSPHRASE, cost=Cost(rounds=1, memory_kib=64, lanes=1))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a").write_text("alpha")
    return folder


@pytest.fixture
def stored(vault, place, data) -> str:
    """The id of a snapshot."""
    return vault("backup", place, data, "--source", "data", "--json").data["snapshot_id"]


def is_one_sentence(text: str) -> bool:
    lines = [line for line in text.splitlines() if line]
    return len(lines) == 1 and lines[0].startswith("lastgood: ") and "Traceback" not in text


def rewrite(place: Path, name: str, **fields: object) -> None:
    """Change a document and seal it again, as a holder of the key may."""
    vault = Vault.open(LocalStorage(place), wrap=CHEAP)
    path = place / name
    document = documents.decode(name, path.read_bytes()) | fields
    document.pop("mac", None)
    mac = documents.canonical(document)
    document["mac"] = documents.blake3(mac, key=vault._engine.ring.config).hexdigest()
    path.chmod(0o600)
    path.write_bytes(documents.encode(document))


VERBS = [
    ("snapshots",), ("ls", "latest"), ("verify",), ("repair",), ("stats",), ("prune",),
    ("backup", "{data}"), ("restore", "latest", "--target", "{data}/back"), ("find", "a"),
]  # fmt: skip


def run(vault, place, verb, data):
    first, *rest = verb
    return vault(first, place, *(word.format(data=data) for word in rest))


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_a_wrong_passphrase_is_12(vault, place, stored, data, monkeypatch, *, verb):
    monkeypatch.setenv("LASTGOOD_VAULT_PASSPHRASE", "wrong")

    ended = run(vault, place, verb, data)

    assert ended.code == 12
    assert is_one_sentence(ended.err)
    assert "LASTGOOD_VAULT_PASSPHRASE" in ended.err


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
@pytest.mark.parametrize("there", ["nothing", "an empty folder", "other files"])
def test_no_vault_is_10_and_nothing_is_written(vault, tmp_path, data, *, verb, there):
    place = tmp_path / "elsewhere"
    if there != "nothing":
        place.mkdir()
    if there == "other files":
        (place / "photo.jpg").write_text("x")
    before = sorted(tmp_path.rglob("*"))

    ended = run(vault, place, verb, data)

    assert ended.code == 10
    assert is_one_sentence(ended.err)
    assert "lastgood vault init" in ended.err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_named_config_makes_no_vault(vault, tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "config").write_bytes(documents.encode({"what": "something else"}))

    ended = vault("snapshots", tmp_path / "etc")

    assert ended.code == 10
    assert is_one_sentence(ended.err)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_a_vault_that_is_a_file_is_a_wrong_use(vault, tmp_path, data, *, verb):
    (tmp_path / "file").write_text("x")

    ended = run(vault, tmp_path / "file", verb, data)

    assert ended.code == 2
    assert "is a file" in ended.err


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
@pytest.mark.parametrize(
    "fields", [{"format": 2}, {"features": ["holograms"]}], ids=["format", "feature"]
)
def test_what_a_later_release_wrote_is_left_alone(vault, place, stored, data, *, verb, fields):
    for name in ("config", "config-copy"):
        before = (place / name).read_bytes()
        document = documents.decode(name, before) | fields
        (place / name).chmod(0o600)
        (place / name).write_bytes(documents.encode(document))
    before = sorted(place.rglob("*"))

    ended = run(vault, place, verb, data)

    assert ended.code == 1
    assert is_one_sentence(ended.err)
    assert "A later release wrote this vault" in ended.err
    assert sorted(place.rglob("*")) == before


def test_a_vault_that_an_older_release_is_writing_to_is_read_and_written(
    vault, place, stored, data
):
    """An older release knows fewer fields; its unfinished snapshot lies there while we work."""
    storage = LocalStorage(place)
    engine = Vault.open(storage, wrap=CHEAP)._engine
    name, pending = "snapshots/" + stored, "pending/" + "ab" * 16
    facts, parts = boxes.unseal(engine.ring, b"S", name, storage.get(name))
    fields = json.loads(facts.replace(stored.encode(), b"ab" * 16))
    known = {
        "id", "name", "sequence", "created_ns", "reason", "metadata", "counts", "predecessor",
        "predecessor_hash", "parent", "chunkers", "writer",
    }  # fmt: skip
    older = json.dumps({key: value for key, value in fields.items() if key in known}).encode()
    sealed = boxes.seal(engine.ring, b"S", pending, parts=(older, parts), salt=engine.salt())
    storage.put(pending, sealed)

    assert vault("backup", place, data, "--source", "other").code == 0
    assert vault("verify", place, "--read-data").code == 0
    assert len(vault("snapshots", place, "--json").data) == 2


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_s3_that_does_not_answer_is_said_in_one_sentence(vault, data, monkeypatch, *, verb):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr("webapp.vault.storage.retrying._FIRST_SECONDS", 0.0)
    address = f"s3://bucket/vault?endpoint=http://127.0.0.1:{closed_port()}&region=us-east-1"

    ended = run(vault, address, verb, data)

    assert ended.code == 1
    assert is_one_sentence(ended.err)
    assert "does not answer" in ended.err
    assert "secret" not in ended.err


class Expiring(LocalStorage):
    """Credentials that end after some calls."""

    left = 1_000_000

    def put(self, name, data):
        Expiring.left -= 1
        if Expiring.left < 0:
            raise StorageDenied("The credentials have expired.")
        super().put(name, data)


@pytest.mark.parametrize("after", range(5))
def test_credentials_that_expire_in_the_middle_lose_nothing(
    vault, place, stored, data, monkeypatch, *, after
):
    (data / "b").write_text("beta" * 1000)
    monkeypatch.setattr("webapp.standalone.vaults.open_storage", lambda *_: Expiring(place))
    monkeypatch.setattr(Expiring, "left", after)

    ended = vault("backup", place, data, "--source", "data")

    monkeypatch.setattr(Expiring, "left", 1_000_000)
    assert (ended.code, is_one_sentence(ended.err)) == (1, True)
    assert "The credentials have expired" in ended.err
    assert vault("verify", place, "--read-data").code == 0
    assert [one["id"] for one in vault("snapshots", place, "--json").data] == [stored]
    assert vault("backup", place, data, "--source", "data").code == 0
    assert vault("verify", place, "--read-data").code == 0


@pytest.fixture
def clock(monkeypatch):
    """Moves this machine's clock and the storage's."""
    real, real_now = time.time_ns, LocalStorage.now_ns

    def move(by_ns: int) -> None:
        monkeypatch.setattr("time.time_ns", lambda: real() + by_ns)
        monkeypatch.setattr(LocalStorage, "now_ns", lambda self: real_now(self) + by_ns)

    return move


def test_a_clock_set_back_by_a_year_drops_nothing_and_is_said(vault, place, stored, data, clock):
    clock(-YEAR_NS)

    made = vault("backup", place, data, "--source", "data", "--json")
    forgot = vault("forget", place, "--keep-last", "1", "--keep-within", "30d")
    found = vault("snapshots", place, "--json").data

    assert made.code == 0
    assert "days ahead of its clock" in made.err
    assert forgot.code in (0, 1)
    assert {one["id"] for one in found} == {stored, made.data["snapshot_id"]}
    assert found[0]["id"] == made.data["snapshot_id"]
    assert vault("verify", place, "--read-data").code == 0


def test_a_clock_set_ahead_by_a_year_stops_forget(vault, place, stored, data, clock):
    vault("backup", place, data, "--source", "data")
    clock(YEAR_NS)

    ended = vault("forget", place, "--keep-within", "30d")

    assert ended.code == 1
    assert is_one_sentence(ended.err)
    assert "clock" in ended.err
    assert len(vault("snapshots", place, "--json").data) == 2


def test_a_restore_never_leaves_its_target_through_a_link(vault, place, stored, data, tmp_path):
    target, outside = tmp_path / "target", tmp_path / "outside"
    outside.mkdir()
    inner = target / data.parent.relative_to("/")
    inner.mkdir(parents=True)
    (inner / "data").symlink_to(outside)

    ended = vault("restore", place, stored, "--target", target)

    assert ended.code != 0
    assert ended.err
    assert list(outside.iterdir()) == []


def test_repair_and_verify_survive_credentials_that_may_only_read(
    vault, place, stored, data, monkeypatch
):
    monkeypatch.setattr("webapp.standalone.vaults.open_storage", lambda *_: Expiring(place))
    monkeypatch.setattr(Expiring, "left", 0)

    assert vault("verify", place, "--read-data").code == 0
    assert vault("repair", place, "--dry-run").code == 0
