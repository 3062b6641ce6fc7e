"""``lastgood target`` and ``lastgood unprotected``."""

from __future__ import annotations

import pytest


@pytest.fixture
def website(shell, acme):
    (acme / "www").mkdir()
    path = f"path={acme / 'www'}"
    return shell("source", "add", "acme", "website", "--kind", "files", "--set", path, "--json")


def test_targets_are_set_shown_and_cleared(shell, website):
    shell("target", "set", "acme", "6h")
    own = shell("target", "set", "acme", "90m", "--source", "website", "--json").data

    assert own["target_minutes"] == 360
    assert [(row["source"], row["own_minutes"]) for row in own["sources"]] == [("website", 90)]
    assert "90 min" in shell("target", "show", "acme").out

    cleared = shell("target", "clear", "acme", "website", "--json").data
    assert [row["target_minutes"] for row in cleared["sources"]] == [360]


@pytest.mark.parametrize("length", ["", "0", "h", "1.5h", "4x", "367d", "-1h", "٣h"])
def test_a_length_that_is_none_is_wrong_usage(shell, website, length):
    assert shell("target", "set", "acme", "--", length).code == 2


def test_only_a_manager_sets_one(shell, website):
    shell("user", "add", "olga@example.com", "--tenant", "acme", "--role", "operator")

    assert shell("target", "set", "acme", "4h", "--as", "olga@example.com").code == 4
    assert shell("target", "show", "acme", "--as", "olga@example.com").code == 0


def test_what_is_unprotected_is_listed_with_the_reason(shell, website):
    shell("tenant", "add", "globex", "--name", "Globex")

    (row,) = shell("unprotected", "--json").data

    assert (row["tenant"], row["source"], row["exposure"]) == ("acme", "website", "never")
    assert row["why"] == "It has never been captured. No schedule captures it."
    assert "acme/website: It has never" in shell("unprotected", "acme").out
    assert shell("unprotected", "globex", "--json").data == []
    assert shell("unprotected", "nowhere").code == 4
