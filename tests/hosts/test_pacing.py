"""A budget of bytes a second, whoever draws from it and however many."""

from __future__ import annotations

import os
import threading
import time

import pytest

from webapp.hosts import pacing
from webapp.hosts.pacing import Bucket, Pace

MB = 1_000_000


class Clock:
    """Time that passes only when somebody rests."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.rests: list[float] = []

    def __call__(self) -> float:
        return self.now

    def rest(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def bucket(tmp_path, clock):
    return Bucket(path=tmp_path / "bandwidth" / "all", monotonic=clock)


def read(pace, size_bytes, step=64 * 1024):
    """Read so much, in steps."""
    for _ in range(size_bytes // step):
        pace(step)


def test_without_a_rate_nobody_waits_and_nothing_is_written(bucket, clock):
    bucket.set_rate(None)

    read(Pace([bucket], rest=clock.rest), 20 * MB)

    assert clock.rests == []
    assert not bucket.path.exists()


def test_reading_takes_as_long_as_the_rate_says(bucket, clock):
    bucket.set_rate(MB)
    began = clock.now

    read(Pace([bucket], rest=clock.rest), 20 * MB)

    assert 19 <= clock.now - began <= 20


def test_what_was_saved_up_while_nobody_read_is_little(bucket, clock):
    bucket.set_rate(MB)
    bucket.draw(1)
    clock.now += 3600
    began = clock.now

    read(Pace([bucket], rest=clock.rest), 10 * MB)

    assert clock.now - began >= 10 - pacing.BURST_SECONDS - 0.2


def test_of_several_budgets_the_smallest_counts(tmp_path, bucket, clock):
    slow = Bucket(path=tmp_path / "slow", monotonic=clock)
    bucket.set_rate(10 * MB)
    slow.set_rate(MB)
    began = clock.now

    read(Pace([bucket, slow], rest=clock.rest), 10 * MB)

    assert 9 <= clock.now - began <= 10


def test_two_that_read_at_once_share_one_budget(bucket, clock):
    bucket.set_rate(MB)
    first, second = Pace([bucket], rest=clock.rest), Pace([bucket], rest=clock.rest)
    began = clock.now

    for _ in range(160):
        first(64 * 1024)
        second(64 * 1024)

    assert clock.now - began >= 19


def test_a_rate_that_is_lifted_holds_nobody_back_any_more(bucket, clock):
    bucket.set_rate(MB)
    pace = Pace([bucket], rest=clock.rest)
    read(pace, 5 * MB)
    bucket.set_rate(None)
    clock.rests.clear()

    read(pace, 50 * MB)

    assert clock.rests == []


def test_a_rate_set_anew_begins_without_old_debts(bucket, clock):
    bucket.set_rate(MB)
    bucket.draw(100 * MB)
    bucket.set_rate(None)
    bucket.set_rate(MB)

    assert bucket.draw(MB) == pytest.approx(1.0)


def test_a_changed_rate_holds_at_the_next_draw(bucket, clock):
    bucket.set_rate(MB)
    assert bucket.draw(2 * MB) == pytest.approx(2.0)
    clock.now += 2

    bucket.set_rate(2 * MB)

    assert bucket.draw(2 * MB) == pytest.approx(1.0)


def test_a_file_from_before_a_restart_is_begun_anew(bucket, clock, monkeypatch):
    bucket.set_rate(MB)
    bucket.draw(500 * MB)
    monkeypatch.setattr(pacing, "_boot", lambda: b"another-boot-id-")

    assert bucket.draw(MB) is None
    bucket.set_rate(MB)
    assert bucket.draw(MB) == pytest.approx(1.0)


def test_whoever_stops_the_rest_stops_the_reading(bucket):
    class Stop(Exception):
        pass

    def rest(_seconds: float) -> None:
        raise Stop

    bucket.set_rate(64_000)

    with pytest.raises(Stop):
        read(Pace([bucket], rest=rest), MB)


def test_threads_draw_each_byte_once(bucket):
    bucket.set_rate(MB)
    threads = [
        threading.Thread(target=lambda: [bucket.draw(1000) for _ in range(200)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert bucket.draw(200_000) == pytest.approx(1.0)


def test_processes_share_one_budget(tmp_path):
    bucket = Bucket(path=tmp_path / "all")
    bucket.set_rate(4 * MB)
    began = time.monotonic()
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            try:
                read(Pace([bucket], rest=time.sleep), MB)
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)

    assert time.monotonic() - began >= 0.45  # 3 MB at 4 MB/s, but for what nobody paid at the end
