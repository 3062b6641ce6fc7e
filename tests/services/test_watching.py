"""Workers and the scheduler notice when the other is dead."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from sqlalchemy import select

from webapp import clock
from webapp.extensions import db
from webapp.models import ChannelMessage, ProcessSign
from webapp.services import alerts, watching
from webapp.services.notify import channels, messages
from webapp.services.notify.channels import Draft, Owner

NOW = clock.now()
LONG = timedelta(minutes=10)


@pytest.fixture(autouse=True)
def _runs_for_long(monkeypatch, enter):
    """This process has been looking for an hour, and both were seen just now."""
    monkeypatch.setattr(watching._Process, "looked_first_at", NOW - timedelta(hours=1))
    rules = {"failures": "never", "alerts": "at_once", "digest": "never", "digest_at": "07:00"}
    address = "https://hooks.example.com/x"
    channels.add(
        Owner.person(enter("root").actor),
        Draft(name="Admin", kind="json", address=address, rules=rules),
    )
    monkeypatch.setattr(watching._Process, "presence", None)
    for kind in (watching.WORKER, watching.SCHEDULER):
        facts = {"host": "here", "pid": 1, "started_at": NOW, "seen_at": NOW}
        db.session.add(ProcessSign(kind=kind, queue_problem="", **facts))
    db.session.commit()


def subjects() -> list[str]:
    return list(db.session.scalars(select(ChannelMessage.subject)))


def test_nothing_is_said_while_both_live(enter):
    watching.scheduler_lives(NOW)

    assert watching.silent(at=NOW) == []
    assert subjects() == []


def test_the_scheduler_shows_itself_each_minute_in_one_row():
    for _ in range(3):
        watching.scheduler_lives(NOW)

    mine = select(ProcessSign).where(ProcessSign.pid == os.getpid())
    assert [sign.kind for sign in db.session.scalars(mine)] == ["scheduler"]


def test_the_scheduler_tells_admins_once_that_no_worker_lives():
    watching.scheduler_lives(NOW + LONG)
    watching.scheduler_lives(NOW + 2 * LONG)

    assert subjects() == ["The worker is silent"]
    assert "No worker has shown itself" in " ".join(watching.silent(at=NOW + 2 * LONG))


def test_a_worker_tells_in_the_place_of_a_dead_scheduler(monkeypatch):
    done = []
    monkeypatch.setattr(clock, "now", lambda: NOW + LONG)
    monkeypatch.setattr(alerts, "check", lambda at: done.append("alerts"))
    monkeypatch.setattr(messages, "send_due", lambda: done.append("sent"))

    watching.look_after_scheduler()

    assert done == ["alerts", "sent"]
    assert subjects() == ["The scheduler is silent"]


def test_a_worker_leaves_telling_to_a_scheduler_that_lives(monkeypatch):
    done = []
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(minutes=1))
    monkeypatch.setattr(messages, "send_due", lambda: done.append("sent"))

    watching.look_after_scheduler()

    assert done == []


def test_a_process_that_has_only_just_started_does_not_judge(monkeypatch):
    monkeypatch.setattr(watching._Process, "looked_first_at", NOW + LONG)

    watching.scheduler_lives(NOW + LONG)

    assert subjects() == []
