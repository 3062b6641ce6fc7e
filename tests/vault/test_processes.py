"""Which writers are certainly dead."""

from __future__ import annotations

import pytest

from webapp.vault import processes


@pytest.fixture
def here(monkeypatch):
    """A machine whose identity does not depend on where the tests run."""
    found = {"host": "a", "machine": "m", "boot": "b", "namespace": "pid:[1]"} | {
        key: processes.identity()[key] for key in ("pid", "started")
    }
    monkeypatch.setattr(processes, "identity", lambda: found)
    monkeypatch.setattr(processes, "_booted_ns", lambda: 1000)
    return found


@pytest.mark.parametrize(
    ("change", "dead"),
    [
        ({}, False),
        ({"pid": 2**22 + 1}, True),
        ({"started": "1"}, True),
        ({"boot": "earlier", "at_ns": 999}, True),
        ({"boot": "other", "at_ns": 1001}, False),
        ({"boot": "other"}, False),
        ({"boot": "other", "machine": "other"}, False),
        ({"boot": "other", "host": "other"}, False),
        ({"namespace": "pid:[2]", "pid": 2**22 + 1}, False),
        ({"pid": "nonsense"}, False),
    ],
    ids=["this one", "gone", "pid taken by another", "before the restart",
         "a copy of this machine", "nobody knows when", "another machine",
         "another host", "another container", "malformed"],
)  # fmt: skip
def test_a_writer_is_dead_only_if_that_is_certain(here, change, dead):
    assert processes.is_dead(here | change) is dead


@pytest.mark.parametrize(
    ("answer", "dead"),
    [(PermissionError, False), (None, False), (ProcessLookupError, True)],
    ids=["another user's", "ours", "none"],
)
def test_a_process_that_is_not_shown_to_us_is_not_dead_for_that(here, monkeypatch, answer, dead):
    def kill(pid, signal):
        if answer:
            raise answer

    monkeypatch.setattr(processes, "_text", lambda path: "")
    monkeypatch.setattr(processes.os, "kill", kill)

    assert processes.is_dead(here) is dead
