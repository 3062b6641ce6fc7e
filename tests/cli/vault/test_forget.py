"""``lastgood vault forget``, ``tag``, ``pin``, ``hold`` and ``prune``."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest


@pytest.fixture
def data(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    return data


@pytest.fixture
def ids(vault, place, data):
    """Three snapshots of one source, of different files; their ids, oldest first."""
    found = []
    for number in range(3):
        for path in data.iterdir():
            path.unlink()
        (data / f"f{number}").write_bytes(random.Random(number).randbytes(600_000))
        ended = vault("backup", place, data, "--source", "www", "--json")
        found.append(ended.data["snapshot_id"])
    return found


def listed(vault, place) -> list[str]:
    return [one["id"] for one in vault("snapshots", place, "--json").data]


def test_rules_forget_and_each_verdict_names_its_rule(vault, place, ids):
    dry = vault("forget", place, "--keep-last", "1", "--dry-run", "--json")
    before = listed(vault, place)
    done = vault("forget", place, "--keep-last", "1")

    assert [(one["kept"], one["rule"]) for one in dry.data["snapshots"]] == [
        (True, "last 1"),
        (False, "no rule keeps it"),
        (False, "no rule keeps it"),
    ]
    assert before == ids[::-1]
    assert done.code == 0
    assert "1 kept, 2 forgotten." in done.out
    assert listed(vault, place) == ids[2:]


def test_a_forgotten_snapshot_comes_back(vault, place, ids):
    vault("forget", place, "--keep-last", "1")

    shown = vault("forget", place, "--list")
    back = vault("forget", place, "--undo", ids[0][:8])

    assert ids[0][:8] in shown.out
    assert (back.code, "is back" in back.out) == (0, True)
    assert listed(vault, place) == [ids[2], ids[0]]


def test_named_snapshots_are_forgotten_but_not_the_last_good_one(vault, place, ids):
    assert vault("forget", place, ids[0], ids[1][:10]).code == 0

    refused = vault("forget", place, "latest")

    assert refused.code == 1
    assert "www would lose its last good snapshot" in refused.err
    assert vault("forget", place, "latest", "--even-last").code == 0
    assert listed(vault, place) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Give rules"),
        (["latest", "--keep-last", "1"], "not both"),
        (["--keep-within", "soon"], "no length of time"),
        (["--keep-last", "-1"], "-1"),
    ],
    ids=["nothing", "both", "no time", "negative"],
)
def test_what_makes_no_sense_is_refused(vault, place, ids, arguments, words):
    ended = vault("forget", place, *arguments)

    assert ended.code == 2
    assert words in ended.err
    assert len(listed(vault, place)) == 3


def test_an_unknown_source_is_named(vault, place, ids):
    ended = vault("forget", place, "--keep-last", "1", "--source", "mail")

    assert ended.code == 1
    assert "mail" in ended.err


def test_tags_keep(vault, place, ids):
    tagged = vault("tag", place, ids[0], "release", "x")
    vault("tag", place, ids[0], "--remove", "x")
    vault("forget", place, "--keep-tag", "release")

    assert "tags: release, x" in tagged.out
    assert listed(vault, place) == [ids[2], ids[0]]


def test_pins_keep_until_they_are_removed(vault, place, ids):
    assert "pinned" in vault("pin", place, ids[0]).out
    vault("forget", place, "--keep-last", "1")
    assert listed(vault, place) == [ids[2], ids[0]]

    assert "pinned" not in vault("pin", place, ids[0], "--remove").out
    vault("forget", place, "--keep-last", "1")

    assert listed(vault, place) == ids[2:]


def test_holds_keep_until_they_are_released(vault, place, ids):
    held = vault("hold", place, ids[0], "--reason", "case 12", "--until", "2999-01-31")
    refused = vault("forget", place, ids[0])
    vault("hold", place, ids[0], "--release")

    assert "held: case 12 until 2999-01-31" in held.out
    assert (refused.code, "case 12" in refused.err) == (1, True)
    assert vault("forget", place, ids[0]).code == 0


@pytest.mark.parametrize("arguments", [[], ["--release", "--reason", "x"], ["--until", "never"]])
def test_a_hold_needs_a_reason_and_a_day(vault, place, ids, arguments):
    assert vault("hold", place, "latest", *arguments).code == 2


def test_prune_frees_nothing_while_forgotten_snapshots_can_come_back(vault, place, ids):
    vault("forget", place, "--keep-last", "1")

    ended = vault("prune", place, "--grace", "0", "--json")

    assert ended.code == 0
    assert (ended.data["deleted_packs"], ended.data["dropped"]) == (0, [])


def test_prune_says_what_it_would_do_and_does_it(vault, place, ids, data):
    for one in (place / "snapshots").iterdir():
        if one.name == ids[0]:
            one.unlink()

    dry = vault("prune", place, "--dry-run")
    done = vault("prune", place, "--grace", "0", "--json")

    assert "2 packs" in dry.out
    assert "would be given up" in dry.out
    assert done.data["deleted_packs"] == 2
    assert vault("restore", place, "latest", "--target", data.parent / "out").code == 0


def test_prune_stops_before_half_the_vault_goes(vault, place, ids):
    for one in (place / "snapshots").iterdir():
        if one.name != ids[2]:
            one.unlink()

    refused = vault("prune", place)

    assert refused.code == 1
    assert "of the vault" in refused.err
    assert vault("prune", place, "--more-than-half").code == 0


def test_a_size_that_is_none_is_refused(vault, place):
    ended = vault("prune", place, "--max-repack", "much")

    assert ended.code == 2
    assert "no size" in ended.err


def test_forgotten_snapshots_go_at_once_and_for_good_if_that_is_asked_for(vault, place, ids):
    before = vault("stats", place, "--json").data["bytes_stored"]
    vault("forget", place, "--keep-last", "1")

    ended = vault("prune", place, "--undo-for", "0d", "--grace", "0d", "--more-than-half", "--json")

    assert sorted(ended.data["dropped"]) == sorted(ids[:2])
    assert vault("stats", place, "--json").data["bytes_stored"] < before / 2
    assert vault("forget", place, "--undo", ids[0]).code == 1
    assert listed(vault, place) == ids[2:]


def test_forget_and_prune_say_until_when_it_can_be_undone(vault, place, ids):
    before = datetime.now(UTC)
    done = vault("forget", place, "--keep-last", "2", "--json").data
    words = vault("forget", place, ids[1]).out
    listed_still = vault("forget", place, "--list", "--json").data
    vault("hold", place, ids[1], "--reason", "court")

    pruned = vault("prune", place, "--undo-for", "3d", "--json").data
    said = vault("prune", place).out

    until = datetime.fromisoformat(done["undo_until"])
    assert before + timedelta(days=6.99) < until < before + timedelta(days=7.01)
    assert "--undo brings them back until 20" in words
    assert listed_still[-1]["until"] == done["undo_until"]
    assert [one["id"] for one in pruned["recoverable"]] == ids[:2]
    sooner = until - datetime.fromisoformat(pruned["recoverable"][0]["until"])
    assert sooner == timedelta(days=4)
    assert pruned["recoverable"][1]["until"] is None
    assert f"2 forgotten snapshots can be brought back until {until:%Y-%m-%d %H:%M} UTC." in said


def test_a_forget_that_forgets_nothing_promises_nothing(vault, place, ids):
    dry = vault("forget", place, "--keep-last", "1", "--dry-run", "--json").data
    none = vault("forget", place, "--keep-last", "9").out

    assert dry["undo_until"] is None
    assert "--undo" not in none
    assert "brought back" not in vault("prune", place).out
