"""Messages are sent beside the ticks, and a failure does not end that."""

from __future__ import annotations

import threading

import pytest

from webapp.jobs import telling
from webapp.services import watching
from webapp.services.notify import messages


@pytest.mark.parametrize(
    ("start", "module", "name"),
    [
        (telling.beside_scheduler, messages, "send_due"),
        (telling.beside_worker, watching, "look_after_scheduler"),
    ],
    ids=["scheduler", "worker"],
)
def test_it_goes_on_after_a_failure_until_told_to_stop(app, monkeypatch, start, module, name):
    calls, is_enough, stop = [], threading.Event(), threading.Event()

    def act() -> None:
        calls.append(threading.current_thread())
        if len(calls) == 1:
            raise RuntimeError
        is_enough.set()

    monkeypatch.setattr(module, name, act)
    monkeypatch.setattr(telling, "SEND_SECONDS", 0.01)
    monkeypatch.setattr(telling, "LOOK_SECONDS", 0.01)

    start(app, stop)

    assert is_enough.wait(10)
    stop.set()
    calls[0].join(10)
    assert not calls[0].is_alive()
